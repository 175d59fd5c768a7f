"""TaskSelector and sets of tasks: the closed form of both rules, the cache, tau-b, baselines, going on."""

import json

import numpy as np
import pytest
from scipy import stats

from hf_relation.errors import CheckpointError, TrainingError, UsageError
from hf_relation.heads import HeadImportance
from hf_relation.selection import TaskSelector, compare_task_sets, task_sets


# dossier 9.8: tau-b .6 with "sst" (no ties) and .690066 with "rte" (a tie)
RAW = {
    "cola": [[0.9, 0.1, 0.4], [0.6, 0.3, 0.8]],
    "sst": [[0.7, 0.2, 0.6], [0.5, 0.1, 0.9]],
    "rte": [[0.7, 0.2, 0.5], [0.5, 0.1, 0.9]],
    "wnli": [[0.1, 0.9, 0.6], [0.4, 0.7, 0.2]],
}


class Measuring:
    def __init__(self, raw=RAW):
        self.raw, self.calls = raw, []

    def __call__(self, task):
        self.calls.append(task)
        return HeadImportance(np.array(self.raw[task]), "gate", 5, normalize=None)


def selector(measure=None, tasks=("wnli", "sst", "rte"), **settings):
    return TaskSelector("cola", list(tasks), measure or Measuring(), **settings)


def by_size(*scores):
    return lambda tasks: scores[len(tasks) - 1]


def test_candidates_are_ranked_by_tau_b():
    ranking = selector().ranking()
    assert [task for task, _ in ranking] == ["rte", "sst", "wnli"]
    assert [tau for _, tau in ranking][:2] == pytest.approx([0.690066, 0.6], abs=1e-6)
    expected = stats.kendalltau(np.ravel(RAW["cola"]), np.ravel(RAW["wnli"])).statistic
    assert ranking[2][1] == pytest.approx(expected)


def test_the_rule_of_the_paper_compares_with_the_single_task():
    tried = []

    def train(tasks):
        tried.append(tasks)
        return {1: 0.70, 2: 0.72, 3: 0.71}[len(tasks)]

    found = selector().select(train)
    assert found.chosen == ("rte",) and found.score == 0.72
    assert tried == [("cola",), ("cola", "rte"), ("cola", "rte", "sst")]
    assert [row["name"] for row in found.rows() if row["chosen"]] == ["cola + rte"]
    assert found.seconds == sum(row["seconds"] for row in found.rows()) >= 0


def test_the_rule_of_the_repository_does_not():
    scores = by_size(0.70, 0.60, 0.59, 0.8)
    assert selector().select(scores).chosen == ()
    found = selector().select(scores, rule="repository")
    assert found.chosen == ("rte",) and found.score == 0.60 and len(found.trials) == 2


@pytest.mark.parametrize(
    ("scores", "expected"), [((0.7, 0.7, 0.7, 0.6), 2), ((0.1, 0.2, 0.3, 0.4), 3), ((0.5, 0.4, 0.9, 0.9), 0)]
)
def test_equal_scores_go_on_and_a_drop_ends_it(scores, expected):
    assert selector().select(by_size(*scores)).num_chosen == expected


def test_measurements_are_kept_by_task_and_settings(tmp_path):
    first = Measuring()
    selector(first, ["sst"], settings={"epochs": 3}, cache_dir=tmp_path / "cache").matrices()
    assert first.calls == ["cola", "sst"]
    second = Measuring()
    grown = selector(second, ["sst", "rte"], settings={"epochs": 3}, cache_dir=tmp_path / "cache")
    matrices = grown.matrices()
    assert second.calls == ["rte"] and list(matrices) == ["cola", "sst", "rte"]
    np.testing.assert_array_equal(matrices["sst"].raw, RAW["sst"])
    assert set(grown.importance_seconds) == set(matrices)
    third = Measuring()
    selector(third, ["sst"], settings={"epochs": 1}, cache_dir=tmp_path / "cache").matrices()
    assert third.calls == ["cola", "sst"]


def test_names_of_tasks_are_no_paths(tmp_path):
    raw = {"../../x": RAW["sst"], "a/b": RAW["rte"], "cola": RAW["cola"], "a b": RAW["wnli"]}
    selector(Measuring(raw), ["../../x", "a/b", "a b"], cache_dir=tmp_path / "cache").matrices()
    assert len(list((tmp_path / "cache").iterdir())) == 4 and [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_damaged_cache_is_told(tmp_path):
    selector(tasks=["sst"], cache_dir=tmp_path).matrices()
    folder = next(path for path in tmp_path.iterdir() if path.name.startswith("sst"))
    entry = json.loads((folder / "entry.json").read_text())
    (folder / "entry.json").write_text(json.dumps(entry | {"task": "other"}))
    with pytest.raises(CheckpointError, match="another task"):
        selector(tasks=["sst"], cache_dir=tmp_path).matrices()
    (folder / "importance.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        selector(tasks=["sst"], cache_dir=tmp_path).matrices()


def test_a_selection_that_was_cut_off_goes_on(tmp_path):
    path = tmp_path / "selection.json"
    with pytest.raises(TrainingError, match="Trial 1"):
        selector().select(by_size(0.7, float("inf")), save_to=path)
    found = selector().select(by_size(None, 0.72, 0.71), save_to=path)  # the first is not asked for again
    assert found.chosen == ("rte",)
    with pytest.raises(UsageError, match="differs in rule"):
        selector().select(by_size(0.7), rule="repository", save_to=path)


def test_sets_to_compare_with(tmp_path):
    sets = task_sets("cola", ["sst", "rte", "qnli"], num_random=4)
    assert list(sets) == ["single", "all", "random-1", "random-2", "random-3", "random-4"]
    assert len(set(sets.values())) >= 5 and all(tasks[0] == "cola" for tasks in sets.values())
    assert sets == task_sets("cola", ["sst", "rte", "qnli"], num_random=4)
    assert list(task_sets("cola", ["sst"], num_random=3)) == ["single", "all", "random-1"]  # there is only one
    assert {len(tasks) for name, tasks in task_sets("a", list("bcde"), size=2).items() if "random" in name} == {3}
    scores = {tasks: 0.5 + 0.1 * ("rte" in tasks) for tasks in sets.values()}
    found = compare_task_sets(sets, scores.__getitem__, save_to=tmp_path / "sets.json")
    assert found.best == "all" and [row["score"] for row in found.rows()][:2] == [0.5, 0.6]
    assert found.rows()[1]["tasks"] == "cola + sst + rte + qnli" and found.rows()[1]["chosen"]
    compare_task_sets(sets, None, save_to=tmp_path / "sets.json")  # nothing is left to run


def test_bad_input_is_told():
    for auxiliary in ([], ["cola"], ["sst", "sst"], "sst", [1]):
        with pytest.raises(UsageError, match="auxiliary"):
            TaskSelector("cola", auxiliary, Measuring())
    with pytest.raises(UsageError, match="settings"):
        selector(settings={"model": object()})
    with pytest.raises(UsageError, match="rule"):
        selector().select(by_size(1), rule="mine")
    with pytest.raises(UsageError, match="HeadImportance"):
        selector(lambda task: np.ones((2, 2))).ranking()
    for settings in ({"num_random": -1}, {"size": 9}, {"seed": "x"}):
        with pytest.raises(UsageError, match=next(iter(settings))):
            task_sets("a", ["b"], **settings)
    with pytest.raises(UsageError, match="at least one set"):
        compare_task_sets({}, len)
