"""`hf-relation heads prune`: the folder's model is the one with its heads masked; errors leave nothing behind."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import AutoModel

from hf_relation.heads import HeadImportance, load_pruned, mask_heads, pruned_heads
from hf_relation.runs.checkpoint_heads import prune_checkpoint_heads
from hf_relation.runs.task_checkpoint import load_task_checkpoint
from tests.common.tiny_task_folders import AUTO, rows_of, runner, save_foreign, save_multitask, write_rows
from tests.common.tiny_tokenizers import tiny_tokenizer


LOWEST = {0: [1, 3], 1: [0]}  # of the ranking below


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save_foreign(folder / "words", "words")
    save_foreign(folder / "length", "length")
    save_multitask(folder / "multitask")
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    return runner(monkeypatch, capsys, "heads", "prune")


@pytest.fixture
def ranking(tmp_path):
    raw = np.array([[9.0, 1, 8, 2], [3, 9, 8, 7]])
    HeadImportance(raw, "gate", 5, normalize=None).save(tmp_path / "heads.json")
    return tmp_path / "heads.json"


def load(models, name, folder):
    """The pruned model as its user loads it, and the model that it was."""
    if name == "multitask":
        return AutoModel.from_pretrained(folder).eval(), AutoModel.from_pretrained(models / name).eval()
    return load_pruned(folder, AUTO[name]), AUTO[name].from_pretrained(models / name).eval()


@pytest.mark.parametrize("name", ["words", "multitask"])
def test_the_lowest_heads_go_and_the_model_answers_as_if_masked(run, models, ranking, tmp_path, name):
    output = tmp_path / "new" / "pruned"
    code, out, err = run(models / name, "--ranking", ranking, "--num-heads", 3, "--output", output)
    assert code == 0, err
    pruned, whole = load(models, name, output)
    assert pruned_heads(pruned) == LOWEST
    inputs = tiny_tokenizer("bert")(["The river Selva runs.", "Ada"], padding=True, return_tensors="pt")
    task = {"task": "words"} if name == "multitask" else {}
    with torch.no_grad(), mask_heads(whole, LOWEST):
        expected = whole(**inputs, **task).logits
    with torch.no_grad():
        torch.testing.assert_close(pruned(**inputs, **task).logits, expected, atol=1e-5, rtol=0)
    before, after = (sum(weight.numel() for weight in model.parameters()) for model in (whole, pruned))
    assert before - after == 3 * (4 * 8 * 32 + 3 * 8)  # three heads, 8 wide: four matrices, three biases
    assert "Pruned 3 heads: layer 0: 1, 3; layer 1: 0." in out and f"{before:,} before, {after:,} after" in out
    loaded = load_task_checkpoint(output)  # with its tokenizer
    assert len(loaded.tokenizer) == len(tiny_tokenizer("bert"))
    assert {file.suffix for file in output.iterdir()} <= {".json", ".safetensors", ".txt", ".md"}


def test_heads_by_number_and_more_of_a_pruned_model(run, models, ranking, tmp_path):
    code, out, err = run(models / "words", "--heads", '{"0": [1, 3]}', "--output", tmp_path / "one", "--json")
    assert code == 0 and json.loads(out)["heads"] == {"0": [1, 3]} and json.loads(out)["search"] is None, err
    code, _, err = run(tmp_path / "one", "--ranking", ranking, "--num-heads", 3, "--output", tmp_path / "two")
    assert code == 2 and "Head 1 of layer 0 is to be pruned and is pruned already" in err
    code, _, err = run(tmp_path / "one", "--heads", '{"0": [3]}', "--output", tmp_path / "two")
    assert code == 2 and "are pruned already; left are [0, 2]" in err
    code, out, _ = run(tmp_path / "one", "--heads", '{"1": [2], "0": [0]}', "--output", tmp_path / "two", "--json")
    assert code == 0 and json.loads(out)["heads"] == {"0": [0], "1": [2]}
    assert pruned_heads(load_pruned(tmp_path / "two", AUTO["words"])) == {0: [0, 1, 3], 1: [2]}


def predictions(model, rows, **task):
    tokenizer, found = tiny_tokenizer("bert"), []
    with torch.no_grad():
        for row in rows:
            inputs = tokenizer(row["text"], row["text_pair"], return_tensors="pt")
            found.append(model(**inputs, **task).logits.item())
    return found


def write_dev_set(path, model, gone, **task):
    """Texts with the numbers that the model gives them without some heads."""
    rows = rows_of("length")
    with mask_heads(model, gone):
        labels = predictions(model, rows, **task)
    return write_rows(path, [{**row, "label": label} for row, label in zip(rows, labels, strict=True)])


@pytest.mark.parametrize("name", ["length", "multitask"])
@pytest.mark.parametrize("stop", ["first_drop", "best"])
def test_a_development_set_says_how_many_heads_go(run, models, ranking, tmp_path, name, stop):
    task = {"task": "length"} if name == "multitask" else {}
    model = load_task_checkpoint(models / name).model
    data = write_dev_set(tmp_path / "dev.jsonl", model, LOWEST, **task)
    arguments = ["--ranking", ranking, "--data", data, "--max-heads", 5, "--stop", stop, "--output", tmp_path / "out"]
    code, out, err = run(models / name, *arguments, "--json", *(["--task", "length"] if task else []))
    assert code == 0, err
    found = json.loads(out)
    rows, order, scores = rows_of("length"), HeadImportance.load(ranking).rank(), []
    gold = [json.loads(line)["label"] for line in data.read_text().splitlines()]
    for number in range(6):  # by hand: heads masked one after another
        gone = {layer: [head for other, head in order[:number] if other == layer] for layer in range(2)}
        with mask_heads(model, gone):
            scores.append(np.corrcoef(gold, predictions(model, rows, **task))[0, 1])
    assert scores[3] == pytest.approx(1) and max(scores) - min(scores) > 0.01
    drops = [number for number in range(5) if scores[number + 1] < scores[number]]
    chosen = 3 if stop == "best" else drops[0]
    trials = found["search"]["trials"]
    assert len(trials) == (6 if stop == "best" else chosen + 2) and found["search"]["metric"] == "pearson"
    assert [trial["score"] for trial in trials] == pytest.approx(scores[: len(trials)], abs=1e-4)
    assert [trial["chosen"] for trial in trials].index(True) == chosen
    assert sum(map(len, found["heads"].values())) == chosen
    kept = pruned_heads(load_task_checkpoint(tmp_path / "out").model)
    assert kept == {int(layer): heads for layer, heads in found["heads"].items()}


def test_the_curve_is_printed_and_a_score_that_falls_at_once_prunes_nothing(run, models, ranking, tmp_path):
    data = write_dev_set(tmp_path / "dev.jsonl", load_task_checkpoint(models / "length").model, {})
    arguments = ["--ranking", ranking, "--ranking-order", "highest", "--data", data, "--output", tmp_path / "out"]
    code, out, err = run(models / "length", *arguments)
    assert code == 0, err
    assert "pearson on the development set" in out and "1.0000" in out and "1: layer 1, head 1" in out
    assert "No head can go without a lower score: the model is written as it was." in out and "0.0% fewer" in out
    assert pruned_heads(load_pruned(tmp_path / "out", AUTO["length"])) == {}


def test_the_order_of_heads(models, ranking, tmp_path):
    def go(name, **settings):
        return prune_checkpoint_heads(models / "words", tmp_path / name, ranking=ranking, **settings).heads

    assert go("highest", num_heads=2, order="highest") == {0: [0], 1: [1]}
    one, same, other = (go(f"random{n}", num_heads=3, order="random", seed=n % 2) for n in (0, 2, 1))
    assert one == same != other
    assert go("all", num_heads=8) == {0: [0, 1, 2, 3], 1: [0, 1, 2, 3]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "by a `ranking` or as `heads`"),
        (["--ranking", "RANKING", "--heads", "{}"], "by a `ranking` or as `heads`"),
        (["--ranking", "RANKING"], "Say how many heads"),
        (["--ranking", "RANKING", "--num-heads", 1, "--data", "DATA"], "Say how many heads"),
        (["--heads", '{"0": [1]}', "--num-heads", 1], "go with a `ranking`"),
        (["--ranking", "RANKING", "--num-heads", 9], "`num_heads` must be from 1 to 8"),
        (["--ranking", "RANKING", "--num-heads", 0], "greater than or equal to 1"),
        (["--ranking", "OTHER", "--num-heads", 1], "ranking is of 3 layers of 4 heads, the model has 2 of 4"),
        (["--ranking", "OTHER", "--data", "DATA"], "ranking is of 3 layers of 4 heads, the model has 2 of 4"),
        (["--ranking", "none.json", "--num-heads", 1], "does not exist"),
        (["--heads", "{}"], "names no head"),
        (["--heads", "0: 1"], "not valid JSON"),
        (["--heads", "[1]"], 'must be like {"0": [2, 5]}'),
        (["--heads", '{"2": [1]}'], "Layer 2 does not exist"),
        (["--heads", '{"0": [4]}'], "Head 4 of layer 0 does not exist"),
        (["--heads", '{"0": [1, 1]}'], "named twice"),
        (["--ranking", "RANKING", "--data", "DATA", "--task", "pos"], "There is no task 'pos'"),
        (["--heads", '{"0": [1]}', "--output", "FULL"], "is not empty"),
        (["--heads", '{"0": [1]}', "--output", "MODEL", "--overwrite"], "which would be lost"),
        (["--ranking", "RANKING", "--num-heads", 1, "--output", "HERE", "--overwrite"], "which would be lost"),
    ],
)
def test_wrong_usage_is_told_and_nothing_is_written(run, models, ranking, tmp_path, arguments, message):
    HeadImportance(np.arange(12.0).reshape(3, 4), "gate", 5).save(tmp_path / "other.json")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept.txt").touch()
    names = {
        "RANKING": ranking,
        "OTHER": tmp_path / "other.json",
        "DATA": write_rows(tmp_path / "dev.jsonl", rows_of("words")),
        "FULL": tmp_path / "full",
        "MODEL": models / "words",
        "HERE": tmp_path,
    }
    before = sorted(tmp_path.rglob("*"))
    given = [names.get(argument, argument) for argument in arguments]
    code, out, err = run(models / "words", "--output", tmp_path / "new" / "out", *given)
    assert (code, out) == (2, "") and message in " ".join(err.replace("│", "").split()), err
    assert sorted(tmp_path.rglob("*")) == before


def test_bad_files_are_code_one_and_nothing_is_written(run, models, ranking, tmp_path):
    bad = write_rows(tmp_path / "dev.jsonl", [{"tokens": ["Ada"], "tags": ["X"]}])
    (tmp_path / "damaged.json").write_text("{")
    before = sorted(tmp_path.rglob("*"))
    for arguments, message in (
        (["--ranking", ranking, "--data", bad], "dev.jsonl, line 1: task 'tokens' has no label 'X'"),
        (["--ranking", tmp_path / "damaged.json", "--num-heads", 1], "damaged.json is missing or damaged"),
    ):
        code, out, err = run(models / "words", *arguments, "--output", tmp_path / "out")
        assert (code, out) == (1, "") and message in err
    assert sorted(tmp_path.rglob("*")) == before


def test_help_shows_examples(run):
    code, out, _ = run("--help")
    assert code == 0 and "Examples: hf-relation heads prune" in " ".join(out.split())
