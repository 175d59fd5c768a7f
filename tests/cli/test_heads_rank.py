"""`hf-relation heads rank`: scores are those of `head_importance`; what is wrong is told, and nothing is written."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModel, BertConfig, BertForMaskedLM

from hf_relation.heads import HeadImportance, head_importance, load_pruned, prune_heads, save_pruned
from hf_relation.models.multitask.task_heads import Task
from hf_relation.runs.checkpoint_heads import rank_checkpoint_heads
from hf_relation.training.task_rows import encode_task_rows
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_models import TASKS
from tests.common.tiny_task_folders import (
    AUTO,
    rows_of,
    runner,
    save_foreign,
    save_multitask,
    stir,
    write_rows,
)
from tests.common.tiny_tokenizers import tiny_tokenizer


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for task in TASKS:
        save_foreign(folder / task, task)
    save_multitask(folder / "multitask")
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    return runner(monkeypatch, capsys, "heads", "rank")


@pytest.fixture
def data(tmp_path):
    return {task: write_rows(tmp_path / f"{task}.jsonl", rows_of(task)) for task in TASKS}


def expected(model, task, kind="bert", rows=None, **settings):
    """Scores of batches of one row, made here."""
    given = Task(task, TASKS[task]["kind"], tuple(TASKS[task].get("labels", ())), 0.0)
    encoded = encode_task_rows(rows or rows_of(task), given, tiny_tokenizer(kind)).rows
    number = torch.float32 if task == "length" else torch.long
    batches = [
        {name: torch.tensor([value], dtype=number if name == "labels" else torch.long) for name, value in row.items()}
        for row in encoded
    ]
    if hasattr(model.config, "tasks"):
        batches = [{**batch, "task": task} for batch in batches]
    return head_importance(model, batches, **settings)


@pytest.mark.parametrize("task", TASKS)
def test_a_model_of_transformers_is_ranked_as_by_hand(run, models, data, tmp_path, task):
    code, out, err = run(models / task, data[task], "--output", tmp_path / "heads.json", "--batch-tokens", 300)
    found = HeadImportance.load(tmp_path / "heads.json")
    by_hand = expected(AUTO[task].from_pretrained(models / task), task)
    assert code == 0, err
    assert found.num_examples == 8 and found.method == "gate"
    np.testing.assert_allclose(found.raw, by_hand.raw, rtol=1e-4, atol=1e-7)
    assert "The lowest of 8 heads" in out and "8 examples" in out and f"{found.scores.max():.4f}" in out
    assert "Wrote" in err


@pytest.mark.parametrize("task", TASKS)
def test_a_multitask_model_is_ranked_for_the_task_that_is_named(run, models, data, tmp_path, task):
    arguments = models / "multitask", data[task], "--task", task, "--output", tmp_path / "heads.json", "--json"
    code, out, _ = run(*arguments, "--method", "token", "--normalize", "none", "--plot", tmp_path / "heads.png")
    found, printed = HeadImportance.load(tmp_path / "heads.json"), json.loads(out)
    by_hand = expected(
        AutoModel.from_pretrained(models / "multitask"), task, method="token", normalize=None, rescale=True
    )
    assert code == 0 and found.normalize is None and printed["task"] == task
    np.testing.assert_allclose(found.raw, by_hand.raw, rtol=1e-4, atol=1e-7)
    assert [(each["layer"], each["head"]) for each in printed["ranking"]] == found.rank()
    assert (tmp_path / "heads.png").read_bytes().startswith(b"\x89PNG")


def test_other_families_and_pruned_models_are_ranked(models, data, tmp_path):
    model = save_foreign(tmp_path / "roberta", "words", "roberta")
    prune_heads(model, {0: [1], 1: [0, 1, 2, 3]})
    save_pruned(model, tmp_path / "pruned")
    tiny_tokenizer("roberta").save_pretrained(tmp_path / "pruned")
    found = rank_checkpoint_heads(tmp_path / "pruned", data["words"], max_tokens=1).importance
    by_hand = expected(load_pruned(tmp_path / "pruned", AUTO["words"]), "words", "roberta")
    np.testing.assert_allclose(found.raw, by_hand.raw, rtol=1e-4, atol=1e-7)
    assert len(found.rank()) == 3 and (0, 1) in found.pruned


def test_only_so_many_rows_and_no_more_tokens_than_the_model_takes(models, data, tmp_path):
    rows = [{"text": "unlabelled"}, *rows_of("topic", 5)]
    rows[2]["text"] = "river " * 500
    file = write_rows(tmp_path / "rows.jsonl", rows)
    save_foreign(tmp_path / "short", "topic", max_position_embeddings=40)
    found = rank_checkpoint_heads(tmp_path / "short", file, max_rows=2)
    assert found.importance.num_examples == 2
    assert found.notes[1:] == ("1 rows without a label are left out.",) and "lose their end" in found.notes[0]
    save_foreign(tmp_path / "tagger", "words", "xlm-roberta", max_position_embeddings=14)  # 12 and two unused
    tagged = rank_checkpoint_heads(tmp_path / "tagger", write_rows(file, rows_of("words", 5)))
    assert "long ones are read in several parts" in tagged.notes[0] and tagged.importance.num_examples > 5


def damaged(rows, place, **changes):
    return [row | changes if n == place else row for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("model", "rows", "code", "message"),
    [
        (
            "words",
            damaged(rows_of("words"), 2, tags=["X"] * len(rows_of("words")[2]["tokens"])),
            1,
            "line 3: task 'tokens' has no label 'X'; it has O, B-NAME, I-NAME",
        ),
        ("topic", damaged(rows_of("topic"), 7, label="sea"), 1, "line 8: .* 'sea'; it has river, person, firm"),
        ("topic", rows_of("length"), 1, "line 1: `label` must be a string or null"),
        ("length", rows_of("topic"), 1, "line 1: `label` must be a number or null"),
        ("words", rows_of("topic"), 1, "line 1: .*`tokens`"),
        ("topic", [{"text": "no label"}], 1, "there is no labelled row"),
        ("words", [], 1, "there is no labelled row"),
        ("multitask", rows_of("words"), 2, "say which `task` the data is of: length, topic, words"),
    ],
)
def test_bad_rows_are_told_with_file_and_line(run, models, tmp_path, model, rows, code, message):
    file = write_rows(tmp_path / "dev.jsonl", rows)
    given, out, err = run(models / model, file, "--output", tmp_path / "heads.json")
    assert (given, out) == (code, "") and (code == 2 or f"{file}" in err)
    assert re.search(message, err), err
    assert not (tmp_path / "heads.json").exists()


def remove(name):
    return lambda folder: (folder / name).unlink()


def edit_config(**changes):
    def edit(folder):
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return edit


def other_tokenizer(folder):
    tokenizer = tiny_tokenizer("bert")
    tokenizer.add_tokens(["quokka"])
    tokenizer.save_pretrained(folder)


def without_tokenizer(folder):  # transformers then makes one that knows no word
    for file in folder.glob("tokenizer*"):
        file.unlink()


@pytest.mark.parametrize(
    ("damage", "code", "message"),
    [
        (remove("config.json"), 1, "config.json is missing or damaged"),
        (remove("model.safetensors"), 1, "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), 1, "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x00" * 20), 1, "cannot be loaded"),
        (lambda folder: (folder / "pruned_heads.json").write_text("{"), 1, "pruned_heads.json is missing or damaged"),
        (without_tokenizer, 1, "tokenizer in .* is missing or damaged"),
        (other_tokenizer, 1, "tokens and the model embeds"),
        (edit_config(hidden_size="large"), 1, "config.json is missing or damaged"),
        (edit_config(id2label={"0": "a", "1": "a", "2": "b"}), 2, "list of different strings"),
        (edit_config(problem_type="multi_label_classification"), 2, "gives several labels"),
        (edit_config(problem_type="regression"), 2, "gives several labels or numbers"),
        (edit_config(architectures=None), 2, "without `architectures`"),
        (edit_config(architectures=["BertForMaskedLM"]), 2, "holds a BertForMaskedLM"),
        (edit_config(model_type="mine", auto_map={"AutoConfig": "evil.Config"}), 1, "config.json is missing"),
    ],
)
def test_damaged_folders_and_other_models_are_refused(run, models, data, tmp_path, damage, code, message):
    shutil.copytree(models / "topic", tmp_path / "model")
    (tmp_path / "model" / "evil.py").write_text("raise SystemExit(99)")
    damage(tmp_path / "model")
    given, out, err = run(tmp_path / "model", data["topic"], "--output", tmp_path / "heads.json")
    assert (given, out) == (code, "") and re.search(message, err), err
    assert not (tmp_path / "heads.json").exists()


def test_a_head_without_weights_and_relation_models_are_refused(run, data, tmp_path):
    arguments = data["topic"], "--output", tmp_path / "heads.json"
    encoder = BertForMaskedLM(BertConfig(vocab_size=500, hidden_size=12, num_hidden_layers=1, num_attention_heads=2))
    stir(encoder).save_pretrained(tmp_path / "encoder")
    edit_config(architectures=["BertForSequenceClassification"])(tmp_path / "encoder")
    tiny_tokenizer("bert").save_pretrained(tmp_path / "encoder")
    code, _, err = run(tmp_path / "encoder", *arguments)
    assert code == 1 and "Fine-tune the model first" in err
    save_tiny_checkpoint(tmp_path / "more")
    code, _, err = run(tmp_path / "more", *arguments)
    assert code == 2 and "holds a MOREModel" in err and "examples/prune_relation_heads.py" in err
    code, _, err = run(tmp_path / "nothing", *arguments)
    assert code == 1 and "No checkpoint" in err


def test_files_that_cannot_be_written_are_told_before_the_model_is_loaded(run, data, tmp_path):
    heads = tmp_path / "heads.json"
    heads.write_text("kept")
    for arguments, message in (
        (["--output", heads], "exists"),
        (["--output", tmp_path], "a folder has that name"),
        (["--output", tmp_path / "no" / "heads.json"], "does not exist"),
        (["--output", heads, "--overwrite", "--plot", tmp_path / "heads.gif"], "must end in"),
        (["--output", tmp_path / "a.png", "--plot", tmp_path / "a.png"], "Give two files"),
    ):
        code, out, err = run("no-model", data["topic"], *arguments)
        assert (code, out) == (2, "") and message in err
    assert heads.read_text() == "kept"


def test_other_wrong_usage(run, models, data, tmp_path):
    arguments = models / "topic", data["topic"], "--output", tmp_path / "heads.json"
    assert run(models / "topic", data["topic"])[0] == 2
    assert run(models / "topic", tmp_path / "none.jsonl", *arguments[2:])[0] == 2
    assert run(*arguments, "--method", "guess")[0] == 2
    assert run(*arguments, "--max-rows", 0)[0] == 2
    code, _, err = run(*arguments, "--device", "abacus")
    assert code == 2 and "abacus" in err
    code, _, err = run(*arguments, "--task", "words")
    assert code == 2 and "There is no task 'words'" in err
    assert not (tmp_path / "heads.json").exists()
    assert run(*arguments, "--quiet")[2] == ""
    assert run(*arguments, "--overwrite")[0] == 0


def test_help_shows_an_example(run):
    code, out, _ = run("--help")
    assert code == 0 and "Example: hf-relation heads rank" in " ".join(out.split())
