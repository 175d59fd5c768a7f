"""PruningSearch: the closed form of both rules, controls, what the callables are given, going on, several sources."""

import json

import numpy as np
import pytest
import torch

from hf_relation.errors import CheckpointError, TrainingError, UsageError
from hf_relation.heads import HeadImportance, prune_heads, pruned_heads
from hf_relation.selection import PruningResult, PruningSearch, search_each_source
from tests.common.tiny_heads import tiny_batch, tiny_headed


# dossier 9.8
CURVE = [0.80, 0.81, 0.82, 0.79, 0.83]
RAW = np.array([[5.0, 1, 7, 4], [3, 8, 2, 6]])


@pytest.fixture(scope="module")
def model():
    return tiny_headed("bert", "texts")


def importance(raw=RAW):
    return HeadImportance(raw, "gate", 5, normalize=None)


def scores_of(curve):
    """A callable that gives the numbers in turn, and what it was called with."""
    numbers, seen = iter(curve), []

    def score(model):
        seen.append(model)
        return next(numbers)

    return score, seen


def test_greedy_stops_at_the_first_drop(model):
    score, seen = scores_of(CURVE)
    result = PruningSearch(importance()).run(model, score=score)
    assert result.num_heads == 2 and result.score == 0.82 and len(seen) == 4  # the fourth shows the drop
    assert result.heads == {0: [1], 1: [2]} and result.order[:3] == ((0, 1), (1, 2), (1, 0))
    assert result.curve == list(enumerate(CURVE[:4]))
    assert [row["chosen"] for row in result.rows()] == [False, False, True, False]


def test_best_of_all_is_optimistic(model):
    result = PruningSearch(importance(), stop="best", max_heads=4).run(model, score=scores_of(CURVE)[0])
    assert result.num_heads == 4 and result.score == 0.83


@pytest.mark.parametrize(
    ("curve", "expected"), [([0.8, 0.7], 0), ([0.8, 0.8, 0.8, 0.7], 2), ([0.8, 0.81, 0.82, 0.83], 3)]
)
def test_drops_at_once_ties_and_no_drop(model, curve, expected):
    result = PruningSearch(importance(), max_heads=3).run(model, score=scores_of(curve)[0])
    assert result.num_heads == expected


def test_controls(model):
    lowest = PruningSearch(importance(), max_heads=8).order
    assert PruningSearch(importance(), ranking="highest", max_heads=8).order == lowest[::-1]
    random = PruningSearch(importance(), ranking="random", max_heads=8)
    assert sorted(random.order) == sorted(lowest) and random.order not in (lowest, lowest[::-1])
    assert random.order == PruningSearch(importance(), ranking="random", max_heads=8).order
    assert random.order != PruningSearch(importance(), ranking="random", max_heads=8, seed=1).order
    assert len(PruningSearch(importance()).order) == 8  # there are no twelve


def test_masked_scores_are_those_of_pruned_copies_and_the_model_stays(model):
    batch = tiny_batch(labels="texts")
    before = {name: weight.clone() for name, weight in model.state_dict().items()}

    @torch.no_grad()
    def loss(model):
        return -model(**batch).loss.item()

    def checked(copied):
        assert copied is not model
        value = loss(copied)
        with torch.no_grad():
            copied.classifier.weight.zero_()  # a copy may be changed
        return value

    masked = PruningSearch(importance(), stop="best", max_heads=5).run(model, score=loss)
    pruned = PruningSearch(importance(), stop="best", max_heads=5).run(model, train_and_score=checked)
    np.testing.assert_allclose([score for _, score in masked.curve], [score for _, score in pruned.curve], atol=1e-5)
    assert pruned.retrained and not masked.retrained and pruned_heads(model) == {}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_result_prunes_a_model(model):
    result = PruningSearch(importance()).run(model, score=scores_of(CURVE)[0])
    other = tiny_headed("bert", "texts")
    result.prune(other)
    assert pruned_heads(other) == {0: [1], 1: [2]}


def test_a_model_that_lost_heads_goes_on_losing(model):
    other = tiny_headed("bert", "texts")
    prune_heads(other, {0: [1]})
    ranked = HeadImportance(RAW, "gate", 5, normalize=None, pruned=[(0, 1)])
    seen = []

    def score(copied):
        seen.append(pruned_heads(copied))
        return len(seen)

    PruningSearch(ranked, max_heads=2).run(other, train_and_score=score)
    assert seen == [{0: [1]}, {0: [1], 1: [2]}, {0: [1], 1: [0, 2]}]


def test_a_ranking_of_heads_that_are_gone_is_refused_before_the_first_trial():
    other = tiny_headed("bert", "texts")
    prune_heads(other, {1: [2]})  # the second lowest
    score, seen = scores_of(CURVE)
    with pytest.raises(UsageError, match="Head 2 of layer 1 is to be pruned and is pruned already"):
        PruningSearch(importance()).run(other, score=score)
    assert not seen
    PruningSearch(importance(), max_heads=1).check(other)


def test_a_search_that_was_cut_off_goes_on(model, tmp_path):
    path = tmp_path / "search.json"
    numbers = iter([0.80, 0.81, float("nan")])
    with pytest.raises(TrainingError, match="Trial 2") as caught:
        PruningSearch(importance()).run(model, score=lambda model: next(numbers), save_to=path)
    assert caught.value.step == 2 and len(json.loads(path.read_text())["trials"]) == 2
    score, seen = scores_of([0.82, 0.79])
    result = PruningSearch(importance()).run(model, score=score, save_to=path)
    assert len(seen) == 2 and result.num_heads == 2
    again = PruningSearch(importance()).run(model, score=scores_of([])[0], save_to=path)
    assert again.curve == result.curve
    loaded = PruningResult.load(path)
    assert loaded.curve == result.curve and loaded.order == result.order
    loaded.save(tmp_path / "copy.json")
    assert (tmp_path / "copy.json").read_bytes() == path.read_bytes()
    with pytest.raises(UsageError, match="differs in order, ranking"):
        PruningSearch(importance(), ranking="highest").run(model, score=score, save_to=path)
    with pytest.raises(UsageError, match="retrained"):
        PruningSearch(importance()).run(model, train_and_score=score, save_to=path)


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 2},
        {"format_version": None},
        {"kind": "other"},
        {"plan": []},
        {"trials": [{"score": "high", "seconds": 1}]},
        {"trials": []},
        {"plan": {"order": [[0, -1]], "ranking": "lowest", "stop": "best", "retrained": False}},
        {"plan": {"order": [[0, 1], [0, 1]], "ranking": "lowest", "stop": "best", "retrained": False}},
        {"plan": {"order": [[0, 1]], "ranking": "some", "stop": "best", "retrained": False}},
        {"plan": {"order": [[0, 1]], "ranking": "lowest", "stop": "best", "retrained": "no"}},
        {"plan": {"order": 5, "ranking": "lowest", "stop": "best", "retrained": False}},
    ],
)
def test_damaged_files_are_told(model, tmp_path, change):
    path = tmp_path / "search.json"
    PruningSearch(importance(), max_heads=1).run(model, score=lambda model: 0.5, save_to=path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError):
        PruningResult.load(path)


def test_sources_one_by_one(model, tmp_path):
    sources = {"en": importance(), "de": importance(10 - RAW), "zh": importance()}
    score, _ = scores_of([0.5, 0.6, 0.4, 0.5, 0.7, 0.6, 0.5, 0.7, 0.6])
    found = search_each_source(sources, model, score=score, save_to=tmp_path, max_heads=4)
    assert found.best == "de" and [result.score for result in found.results.values()] == [0.6, 0.7, 0.7]
    assert found.results["de"].order[0] == (1, 1) and len(list(tmp_path.iterdir())) == 3
    with pytest.raises(UsageError, match="at least one source"):
        search_each_source({}, model, score=score)


def test_bad_settings_are_told(model):
    for settings in ({"ranking": "middle"}, {"stop": "late"}, {"max_heads": 0}, {"seed": -1}):
        with pytest.raises(UsageError, match=next(iter(settings))):
            PruningSearch(importance(), **settings)
    search = PruningSearch(importance())
    with pytest.raises(UsageError, match="Give one of"):
        search.run(model)
    with pytest.raises(UsageError, match="Give one of"):
        search.run(model, score=len, train_and_score=len)
    with pytest.raises(UsageError, match="Rank the heads of this model"):
        PruningSearch(importance(np.ones((3, 4)).cumsum(1))).run(model, score=len)
