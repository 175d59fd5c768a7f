"""`examples/prune_heads.py`'s run on tiny files: figures, models, searches, controls, resuming, bad options."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModel, AutoTokenizer

from hf_relation.errors import UsageError
from hf_relation.heads import HeadImportance, pruned_heads
from hf_relation.processing import align_word_labels
from hf_relation.runs.prune_heads import main
from hf_relation.runs.prune_heads_arguments import parse
from hf_relation.runs.prune_heads_figures import summarize
from hf_relation.runs.task_training import TaskLearner
from tests.cards.markdown_reader import run_snippets
from tests.common.tiny_runs import save_tiny_encoder


WORDS = "the river was born in a city and founded by many people of old times".split()


def write_treebank(folder):
    folder.mkdir(parents=True)
    number = 0
    for part, size in (("train", 30), ("dev", 10), ("test", 10)):
        blocks = []
        for _ in range(size):
            number += 1
            words = [WORDS[(number * 5 + step * (number % 4 + 1)) % len(WORDS)] for step in range(3 + number % 5)]
            rows = [
                f"{place}\t{word}\t_\t{'NOUN' if len(word) > 4 else 'VERB' if word in ('was', 'born') else 'DET'}"
                + "\t_" * 6
                for place, word in enumerate([*words, f"w{number}"], 1)
            ]
            blocks.append("\n".join(rows))
        (folder / f"en_ewt-ud-{part}.conllu").write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")


def options(folder, *more):
    return [
        *("--data_dir", str(folder / "data"), "--model_name_or_path", str(folder / "encoder")),
        *("--output_dir", str(folder / "out"), "--task", "pos", "--source", "en"),
        *"--num_seeds 2 --seed 3 --num_train_epochs 2 --learning_rate 5e-3 --batch_size 8 --use_cpu true".split(),
        *"--max_heads 3 --curve 2 4 --rankings lowest random highest --disable_tqdm true --plots false".split(),
        *more,
    ]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prune")
    write_treebank(folder / "data" / "ud")
    save_tiny_encoder(folder / "encoder", num_attention_heads=4)
    return folder, main(options(folder, "--plots", "true", "--stop", "best"))


def test_the_models_that_are_kept_have_cards_with_their_scores(done, capsys):
    folder, results = done
    found = sorted((folder / "out").rglob("README.md"))
    assert {path.parent.name for path in found} == {"unpruned", "pruned"}
    for path in found:
        card = ModelCard.load(path)
        seed, job = int(path.parents[2].name.removeprefix("seed-")), path.parent.parent.name
        (run,) = [run for run in results["runs"] if run["seed"] == seed]
        (own,) = [each for each in run["jobs"] if each["name"].replace("/", "-") == job]
        scores = own["unpruned"]["test"] if path.parent.name == "unpruned" else own["searches"]["lowest"]["test"]
        values = [result.metric_value for result in card.data.eval_results]
        assert values == [round(value, 4) for value in scores.values()] and values
        assert run_snippets(path.parent) == 1
        for heading in ("Use", "Figures", "Data and splits", "Labels", "Training", "Limits", "Licence", "Citation"):
            assert f"\n## {heading}\n" in card.content
        assert "ud/en\\_ewt: each treebank has its own" in card.content
    assert "pos [" in capsys.readouterr().out


def slow_accuracy(model, tokenizer, file):
    """Accuracy over first pieces, one sentence at a time."""
    labels = model.config.tasks["pos"]["labels"]
    right = total = 0
    for block in file.read_text(encoding="utf-8").strip().split("\n\n"):
        columns = [line.split("\t") for line in block.split("\n")]
        (window,) = align_word_labels(tokenizer, [each[1] for each in columns], None)
        with torch.no_grad():
            logits = model(torch.tensor([window.input_ids]), task="pos").logits[0]
        for place, (_, _, _, gold, *_) in enumerate(columns):
            right += labels[int(logits[window.word_ids.index(place)].argmax())] == gold
            total += 1
    return right / total


@pytest.mark.slow
def test_scores_are_those_of_the_models_that_are_kept(done):
    folder, results = done
    tokenizer = AutoTokenizer.from_pretrained(folder / "out/seed-3/cross-lingual/unpruned")
    job = results["runs"][0]["jobs"][0]
    file = folder / "data/ud/en_ewt-ud-test.conllu"
    for kept, score in (
        ("unpruned", job["unpruned"]["test"]["en"]),
        ("pruned", job["searches"]["lowest"]["test"]["en"]),
    ):
        model = AutoModel.from_pretrained(folder / "out/seed-3/cross-lingual" / kept).eval()
        assert slow_accuracy(model, tokenizer, file) == pytest.approx(score)
    gone = sum(map(len, pruned_heads(model).values()))
    assert gone == job["searches"]["lowest"]["num_heads"]


@pytest.mark.slow
def test_searches_follow_the_rankings(done):
    folder, results = done
    job = results["runs"][0]["jobs"][0]
    ranking = HeadImportance.load(folder / "out/seed-3/cross-lingual/importance_en.json").rank()
    searches = job["searches"]
    assert searches["lowest"]["order"] == [list(place) for place in ranking[:3]]
    assert searches["highest"]["order"] == [list(place) for place in ranking[::-1][:3]]
    for search in searches.values():
        assert len(search["trials"]) == 4 and search["validation"] == max(search["trials"])
        assert search["trials"][0] == job["unpruned"]["validation"]
    assert set(job["curves"]["random"]) == {"2", "4"}


@pytest.mark.slow
def test_results_hold_means_and_where_the_rows_are_from(done):
    folder, results = done
    stored = json.loads((folder / "out/results.json").read_text(encoding="utf-8"))
    assert stored["summary"] == results["summary"] and stored["metric"] == "accuracy"
    assert stored["corpora"]["en"]["counts"] == {"train": 30, "validation": 10, "test": 10}
    figures = results["summary"]["cross-lingual"]["targets"]["en"]
    jobs = [run["jobs"][0] for run in results["runs"]]
    before = [job["unpruned"]["test"]["en"] for job in jobs]
    after = [job["searches"]["lowest"]["test"]["en"] for job in jobs]
    assert figures["unpruned"]["mean"] == pytest.approx(np.mean(before))
    assert figures["unpruned"]["sd"] == pytest.approx(np.std(before, ddof=1))
    assert figures["lowest"]["gain"]["mean"] == pytest.approx(np.mean(np.subtract(after, before)))
    kept = [
        np.mean([scores["en"] for scores in job["curves"]["lowest"].values()]) / old
        for job, old in zip(jobs, before, strict=True)
    ]
    assert figures["lowest"]["kept"]["mean"] == pytest.approx(np.mean(kept))
    for name in ("scores.png", "curve_cross-lingual_en.png", "seed-3/cross-lingual/importance_en.png"):
        assert (folder / "out" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_resumed_run_trains_nothing_again(done, monkeypatch):
    folder, results = done
    (folder / "out/seed-4/run.json").unlink()

    def never(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(TaskLearner, "fine_tune", never)
    again = main(options(folder, "--plots", "true", "--stop", "best", "--resume", "true"))
    assert again["summary"] == results["summary"]
    with pytest.raises(UsageError, match="other settings"):
        main(options(folder, "--stop", "best", "--resume", "true", "--learning_rate", "1e-3"))
    with pytest.raises(UsageError, match="holds a run already"):
        main(options(folder))


@pytest.mark.slow
def test_training_anew_at_every_step(done, tmp_path):
    folder, _ = done
    more = ("--retrain", "true", "--num_seeds", "1", "--max_heads", "2", "--stop", "best", "--rankings", "lowest")
    results = main([*options(folder, *more), "--output_dir", str(tmp_path / "anew"), "--curve", "2"])
    job = results["runs"][0]["jobs"][0]
    kept = tmp_path / "anew/seed-3/cross-lingual"
    search = job["searches"]["lowest"]
    tests = json.loads((kept / "tests.json").read_text())
    assert len(tests) == 3 and len(search["trials"]) == 3
    assert search["trials"][0] == job["unpruned"]["validation"]  # the same training once more
    model = AutoModel.from_pretrained(kept / "pruned").eval()
    heads = {str(layer): heads for layer, heads in pruned_heads(model).items()}
    assert search["test"] == tests[json.dumps(heads)]
    tokenizer = AutoTokenizer.from_pretrained(kept / "pruned")
    accuracy = slow_accuracy(model, tokenizer, folder / "data/ud/en_ewt-ud-test.conllu")
    assert accuracy == pytest.approx(search["test"]["en"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--source", "xx"), "one of en, de"),
        (("--targets", "de,de"), "different names"),
        (("--combine", "sum"), "for several sources"),
        (("--rankings", "lowest", "lowest"), "different"),
        (("--curve", "0"), "`curve`"),
        (("--max_heads", "0"), "`max_heads`"),
        (("--validation_share", "1"), "`validation_share`"),
        (("--targets", "de"), "de_gsd-ud-.* is not in"),
        (("--no_such", "1"), "no option '--no_such'"),
    ],
)
def test_bad_options_are_told(tmp_path, given, message):
    write_treebank(tmp_path / "data" / "ud")
    with pytest.raises(UsageError, match=message):
        main([*options(tmp_path), *given])
    assert not (tmp_path / "out").exists()


def test_two_kinds_of_tasks_do_not_mix(tmp_path):
    write_treebank(tmp_path / "data" / "ud")
    folder = tmp_path / "data" / "cola"
    folder.mkdir()
    for part in ("train", "val", "dev"):
        (folder / f"{part}.tsv").write_text("".join(f"s\t{n % 2}\t\t{part} {n}\n" for n in range(4)), encoding="utf-8")
    with pytest.raises(UsageError, match="one kind of task"):
        main(options(tmp_path, "--targets", "cola"))


def test_the_paper_preset_trains_anew():
    script, args = parse(["--preset", "acl2021", "--use_cpu", "true"])
    assert (script.retrain, script.max_heads, script.stop, script.rank_on) == (True, 12, "first_drop", "validation")
    assert (args.num_train_epochs, args.learning_rate) == (3, 5e-5)


def test_summary_by_hand():
    jobs = [
        {
            "name": "x",
            "unpruned": {"test": {"de": before}},
            "searches": {"lowest": {"num_heads": number, "test": {"de": after}}},
            "curves": {"lowest": {"6": {"de": after}, "12": {"de": 0.4}}},
        }
        for before, after, number in ((0.8, 0.82, 2), (0.5, 0.6, 4))
    ]
    found = summarize([{"jobs": [job]} for job in jobs])["x"]
    lowest = found["targets"]["de"]["lowest"]
    assert lowest["gain"]["mean"] == pytest.approx(0.06) and found["num_heads"]["lowest"]["mean"] == 3
    assert lowest["kept"]["mean"] == pytest.approx((0.61 / 0.8 + 0.5 / 0.5) / 2)
    assert found["curves"]["lowest"]["12"]["de"] == pytest.approx({"mean": 0.4, "sd": 0.0})
