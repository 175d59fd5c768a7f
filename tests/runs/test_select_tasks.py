"""`examples/select_auxiliary_tasks.py`'s run on tiny corpora: every way of selecting, what it costs, what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.heads import HeadImportance, head_importance
from hf_relation.runs import select_tasks
from hf_relation.runs.select_tasks import main, summarize, tasks_shown
from hf_relation.runs.select_tasks_arguments import parse
from hf_relation.runs.select_tasks_data import load_data
from hf_relation.runs.select_tasks_heads import HeadsOfTasks
from hf_relation.runs.task_training import TaskLearner
from tests.common.tiny_runs import save_tiny_encoder


WORDS = "the river was born in a city and founded by many people of old times".split()


def sentence(number: int) -> list[str]:
    return [WORDS[(number * 5 + step * (number % 4 + 1)) % len(WORDS)] for step in range(3 + number % 5)]


def write_corpora(folder: Path) -> Path:
    """CoLA, STS-B and an English treebank, in their true formats; every sentence has a number of its own."""
    cola, sts, ud = folder / "cola", folder / "stsb", folder / "ud"
    for each in (cola, sts, ud):
        each.mkdir(parents=True)
    number = 0
    for part, size in (("train", 24), ("val", 8), ("dev", 8)):
        lines = []
        for _ in range(size):
            number += 1
            lines.append(f"x\t{number % 2}\t\t{' '.join(sentence(number))} {number}")
        (cola / f"{part}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for part, size in (("train", 20), ("dev", 8), ("test", 8)):
        lines = []
        for _ in range(size):
            number += 1
            one, other = " ".join(sentence(number)), " ".join(sentence(number + 1))
            lines.append(f"main\tfile\t2012\t{number:04}\t{number % 6}.0\t{one} {number}\t{other}")
        (sts / f"sts-{part}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for part, size in (("train", 22), ("dev", 8), ("test", 8)):
        blocks = []
        for _ in range(size):
            number += 1
            words = [*sentence(number), str(number)]
            rows = [
                f"{place}\t{word}\t_\t{'NOUN' if len(word) > 3 else 'DET'}\t_\t_\t_\t_\t_\t_"
                for place, word in enumerate(words, 1)
            ]
            blocks.append("\n".join(rows))
        (ud / f"en_ewt-ud-{part}.conllu").write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")
    return folder


def options(folder: Path, *more: str) -> list[str]:
    return [
        *("--data_dir", str(folder / "data"), "--model_name_or_path", str(folder / "encoder")),
        *("--output_dir", str(folder / "out"), "--tasks", "cola,stsb,pos=ud/en_ewt", "--primary", "cola"),
        *"--num_seeds 1 --seed 3 --num_train_epochs 1 --learning_rate 1e-3 --batch_size 8 --use_cpu true".split(),
        *"--num_random 2 --autosem_rounds 2 --autosem_steps 1 --autosem_trials 2 --usage 0.4 0.8".split(),
        *"--selection_share 0.5 --disable_tqdm true --plots false --text_embedding cls".split(),
        *more,
    ]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("select")
    write_corpora(folder / "data")
    save_tiny_encoder(folder / "encoder")
    return folder, main(options(folder, "--plots", "true"))


@pytest.mark.slow
def test_all_ways_are_there_with_what_they_cost(done):
    folder, results = done
    found = results["runs"][0]["primaries"]["cola"]
    assert list(found) == ["single", "all", "random-1", "random-2", "gradts", "gradts-instances", "autosem"]
    assert found["single"]["tasks"] == [] and found["all"]["tasks"] == ["stsb", "pos"]
    assert results["metrics"] == {"cola": "matthews", "stsb": "pearson", "pos": "accuracy"}
    kept = [json.loads(path.read_text()) for path in (folder / "out/trainings").glob("training-*.json")]
    alone = [each["outcome"] for each in kept if list(each["key"]["rows"]) == ["cola"]]
    assert len(alone) == 1 and found["single"]["search_seconds"] == pytest.approx(alone[0]["seconds"])
    assert found["single"]["test"] == alone[0]["test"]
    assert found["gradts"]["num_trainings"] == len(found["gradts"]["details"]["trials"])
    assert found["autosem"]["num_trainings"] == 2
    assert found["autosem"]["search_seconds"] > found["autosem"]["details"]["walk_seconds"] > 0
    assert found["gradts"]["ranking_seconds"] > 0 == found["all"]["ranking_seconds"]
    assert json.loads((folder / "out/results.json").read_text())["summary"] == results["summary"]
    assert (folder / "out/taus.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_gradts_takes_the_tasks_before_the_first_drop(done):
    details = done[1]["runs"][0]["primaries"]["cola"]["gradts"]["details"]
    trials = details["trials"]
    taken = next((k for k in range(len(trials) - 1) if trials[k + 1] < trials[k]), len(trials) - 1)
    assert done[1]["runs"][0]["primaries"]["cola"]["gradts"]["tasks"] == details["order"][:taken]
    assert details["taus"] == sorted(details["taus"], reverse=True)


@pytest.mark.slow
def test_taus_are_those_of_scipy(done):
    folder, results = done
    matrices = {}
    for entry in (folder / "out/trainings").glob("heads-*/entry.json"):
        task = json.loads(entry.read_text())["task"]
        matrices[task] = HeadImportance.load(entry.parent / "importance.json").scores.ravel().round(12)
    names = results["taus"]["names"]
    assert names == ["cola", "stsb", "pos"]
    expected = [[stats.kendalltau(matrices[one], matrices[other]).statistic for other in names] for one in names]
    np.testing.assert_allclose(results["taus"]["matrix"], expected, atol=1e-9)


@pytest.mark.slow
def test_instances_are_kept_by_their_own_heads(done):
    folder, results = done
    details = results["runs"][0]["primaries"]["cola"]["gradts-instances"]["details"]
    assert len(details["thresholds"]) == 2 and details["threshold"] in details["thresholds"]
    sizes = {}
    for path in (folder / "out/trainings").glob("heads-*/instances.npy"):
        scores = np.load(path, allow_pickle=False)
        sizes[path.parent.name] = len(scores)
        assert scores.ndim == 3 and np.isfinite(scores).all()
    assert sorted(sizes.values()) == [20, 22, 24]  # a row of scores for every training row
    assert 0 < sum(details["kept"].values()) < 42 and set(details["kept"]) == {"stsb", "pos"}


def test_scores_of_instances_are_in_the_order_of_the_rows(tmp_path):
    """The sum over instances is the importance, and a single row gives its own row of scores."""
    write_corpora(tmp_path / "data")
    save_tiny_encoder(tmp_path / "encoder")
    script, args = parse(options(tmp_path, "--max_train_rows", "6"))
    data = load_data(script, args)
    heads = HeadsOfTasks(script, data, 0, tmp_path / "cache", "", select_tasks.Console(quiet=True))
    model = data.learner.new_model(0, ["pos"]).eval()
    scores = heads.instance_scores(model, "pos")
    rows = data.rows["pos"]["train"]
    for place in range(len(rows)):
        alone = head_importance(model, data.learner.batches(model, "pos", [rows[place]]))
        np.testing.assert_allclose(scores[place], alone.raw, rtol=1e-4, atol=1e-7)


def test_no_task_trains_on_what_another_is_tested_on(tmp_path):
    write_corpora(tmp_path / "data")
    save_tiny_encoder(tmp_path / "encoder")
    (tmp_path / "data/sst2").mkdir()
    tested = (tmp_path / "data/cola/dev.tsv").read_text(encoding="utf-8").splitlines()[0].split("\t")[3]
    for part in ("train", "dev", "test"):
        rows = [f"{part} {number}\t{number % 2}" for number in range(4)]
        rows += [f"{tested}\t1"] if part == "train" else []
        (tmp_path / f"data/sst2/{part}.tsv").write_text("sentence\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    data = load_data(*parse(options(tmp_path, "--tasks", "cola,sst2")))
    assert data.tasks["sst2"].num_dropped == 1 and len(data.rows["sst2"]["train"]) == 4
    assert tested in [row["text"] for row in data.tasks["cola"].test]


@pytest.mark.slow
def test_a_resumed_run_trains_nothing_again(done, monkeypatch):
    folder, results = done
    (folder / "out/seed-3/run.json").unlink()
    (folder / "out/results.json").unlink()

    def never(self, model, rows, seed, folder, **settings):
        if settings.get("max_steps") is None:  # the walk of AutoSeM is not kept
            raise AssertionError("trained again")
        return real(self, model, rows, seed, folder, **settings)

    real = TaskLearner.fine_tune
    monkeypatch.setattr(TaskLearner, "fine_tune", never)
    again = main(options(folder, "--plots", "true", "--resume", "true"))
    for way, row in results["summary"]["cola"].items():
        for figure in ("validation", "test"):
            assert again["summary"]["cola"][way][figure] == row[figure]
    with pytest.raises(UsageError, match="other settings"):
        main(options(folder, "--resume", "true", "--num_train_epochs", "2"))
    with pytest.raises(UsageError, match="holds a run already"):
        main(options(folder))


@pytest.mark.slow
def test_another_run_trains_only_what_is_new(done, tmp_path, monkeypatch):
    """One task more, and another primary one: what was measured of the others is used again."""
    folder, results = done
    trained = []

    def watch(self, model, rows, seed, folder, **settings):
        trained.append(sorted(rows))
        return real(self, model, rows, seed, folder, **settings)

    real = TaskLearner.fine_tune
    monkeypatch.setattr(TaskLearner, "fine_tune", watch)
    more = ("--tasks", "cola,stsb,pos=ud/en_ewt,again=cola", "--cache_dir", str(folder / "out/trainings"))
    found = main(
        [*options(folder), *more, "--output_dir", str(tmp_path / "new"), "--selections", "single", "gradts-instances"]
    )
    assert ["again"] in trained and not any(tasks in trained for tasks in (["cola"], ["stsb"], ["pos"]))
    single = found["runs"][0]["primaries"]["cola"]["single"]
    assert single == results["runs"][0]["primaries"]["cola"]["single"]


@pytest.mark.slow
def test_a_damaged_training_is_told(done):
    folder, _ = done
    (folder / "out/seed-3/run.json").unlink(missing_ok=True)
    for each in (folder / "out/trainings").glob("training-*.json"):
        each.write_text(each.read_text().replace('"validation"', '"valuation"'))
    with pytest.raises(CheckpointError, match="made again"):
        main(options(folder, "--plots", "true", "--resume", "true"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--primary", "sst2"), "not among the tasks"),
        (("--tasks", "cola"), "at least two tasks"),
        (("--tasks", "cola,x=cola,y=nothing"), "no task that is known"),
        (("--tasks", "cola,cola"), "different names"),
        (("--tasks", "pos=cola,pos=stsb"), "Two tasks are called 'pos'"),
        (("--usage", "0"), "`usage`"),
        (("--selection_share", "0"), "`selection_share`"),
        (("--autosem_trials", "0"), "`autosem_trials`"),
        (("--rank_epochs", "0"), "`rank_epochs`"),
        (("--selections", "single", "single"), "different"),
        (("--max_train_rows", "0"), "`max_train_rows`"),
        (("--data_dir", "nowhere"), "does not exist"),
    ],
)
def test_bad_options_are_told(tmp_path, given, message):
    write_corpora(tmp_path / "data")
    with pytest.raises(UsageError, match=message):
        main([*options(tmp_path), *given])
    assert not (tmp_path / "out").exists()


def test_several_random_sets_count_as_their_mean():
    row = {
        "tasks": ["b"],
        "validation": 0.5,
        "test": 0.5,
        "ranking_seconds": 0,
        "search_seconds": 2,
        "num_trainings": 1,
    }
    seeds = [
        {"primaries": {"a": {"random-1": row | {"test": 0.1}, "random-2": row | {"test": 0.3}}}},
        {"primaries": {"a": {"random-1": row | {"test": 0.5}}}},
    ]
    found = summarize(seeds)["a"]["random"]
    assert found["test"] == pytest.approx({"mean": 0.35, "sd": 0.3 / 2**0.5})
    assert tasks_shown(found["tasks"], 2) == "drawn"
    assert tasks_shown([["b", "c"], ["c"]], 2) == "c 2, b 1"


def test_the_paper_preset_stands_in_for_defaults():
    script, args = parse(["--preset", "gradts", "--use_cpu", "true"])
    assert (args.num_train_epochs, args.learning_rate, script.batch_size, script.rank_epochs) == (7, 5e-5, 16, 3)
    assert (script.selection_share, script.selection_seed, script.rank_on) == (0.1, 42, "train")
