"""Checks that every model passes that has a head for each of several tasks; a model is registered once, in MULTITASK."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from hf_relation.errors import UsageError
from hf_relation.heads import head_importance, prune_heads, pruned_heads
from hf_relation.models.multitask import MultiTaskConfig, MultiTaskModel
from hf_relation.training import MultiTaskCollator, MultiTaskDataset
from tests.common.model_checks import (
    check_activation_checkpointing,
    check_config_bytes,
    check_eager_attention,
    check_finite,
    check_half_precision,
    check_inputs_unchanged,
    check_loss_falls,
    check_missing_weights,
    check_seed,
    check_table_grows,
    pad_right,
)
from tests.common.tiny_models import ENCODER_KINDS, TASKS, WITH_POOLER, task_rows, tiny_backbone, tiny_multitask


# Every new multi-task model adds its line here: `make(kind)` gives a model and its tokenizer.
MULTITASK = {
    "multitask": tiny_multitask,
    "multitask-mean": lambda kind="bert": tiny_multitask(kind, text_embedding="mean", head_dropout=0.0),
    "multitask-cls": lambda kind="bert": tiny_multitask(kind, text_embedding="cls"),
}


def kinds_of(name):
    """The encoders of a family: the default summary of a text is the pooler's."""
    return WITH_POOLER if name == "multitask" else ENCODER_KINDS


EVERY_KIND = pytest.mark.parametrize("name, kind", [(name, kind) for name in MULTITASK for kind in kinds_of(name)])


@pytest.fixture(params=sorted(MULTITASK))
def name(request):
    return request.param


def batch_of(model, tokenizer, task, number=6):
    dataset = MultiTaskDataset({task: task_rows(tokenizer, task, number)}, model.config)
    return MultiTaskCollator(tokenizer, model.config)([dataset[row] for row in range(number)])


@torch.inference_mode()
def scores(model, tokenizer):
    """The logits of all tasks."""
    return torch.cat([model(**batch_of(model, tokenizer, task)).logits.flatten() for task in TASKS])


def loss_of(model, tokenizer):
    return torch.stack([model(**batch_of(model, tokenizer, task)).loss for task in TASKS]).sum()


@EVERY_KIND
def test_logits_are_those_of_the_task(name, kind):
    model, tokenizer = MULTITASK[name](kind)
    shapes = {}
    for task in TASKS:
        batch = batch_of(model, tokenizer, task)
        number = model.config.task_names.index(task)
        assert batch["task"].tolist() == [number] * 6
        shapes[task] = tuple(model(**batch).logits.shape)
        named = model(**{**batch, "task": task}).logits
        torch.testing.assert_close(named, model(**{**batch, "task": torch.tensor(number)}).logits, rtol=0, atol=0)
    tokens = batch["input_ids"].shape[1]
    assert shapes == {"topic": (6, 3), "length": (6, 1), "words": (6, tokens, 3)}


@EVERY_KIND
def test_save_and_load_through_the_auto_classes_changes_nothing(name, kind, tmp_path):
    model, tokenizer = MULTITASK[name](kind)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again, tokenizer_again = AutoModel.from_pretrained(tmp_path).eval(), AutoTokenizer.from_pretrained(tmp_path)
    assert type(again) is MultiTaskModel and again.config.tasks == model.config.tasks
    torch.testing.assert_close(scores(again, tokenizer_again), scores(model, tokenizer), rtol=0, atol=0)


def test_checks_of_every_model(name, tmp_path):
    make = MULTITASK[name]
    model, tokenizer = make()
    check_config_bytes(model, tmp_path)
    check_seed(make)
    for task in TASKS:
        batch = batch_of(model, tokenizer, task)
        check_inputs_unchanged(model, batch)
        check_half_precision(make()[0], batch, torch.bfloat16, "logits")
    check_eager_attention(model, lambda model: scores(model, tokenizer), tmp_path / "eager")
    check_missing_weights(model, lambda model: scores(model, tokenizer), tmp_path / "missing")
    check_activation_checkpointing(make, loss_of)
    check_table_grows(make()[0])


@pytest.mark.parametrize("task", TASKS)
def test_a_few_steps_lower_the_loss(name, task):
    model, tokenizer = MULTITASK[name]()
    check_loss_falls(model, batch_of(model, tokenizer, task), 20, lambda output: output.loss)


@EVERY_KIND
def test_fault_10_batch_size_and_padding_change_nothing(name, kind):
    model, tokenizer = MULTITASK[name](kind)
    for task in TASKS:
        batch = batch_of(model, tokenizer, task)
        together = model(**batch)
        for row in range(6):
            length = int(batch["attention_mask"][row].sum())
            alone = {
                key: value[row : row + 1, :length] if value.ndim == 2 else value[row : row + 1]
                for key, value in batch.items()
            }
            found = model(**alone).logits[0]
            expected = together.logits[row, :length] if task == "words" else together.logits[row]
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        padded = pad_right(batch, ("input_ids", "attention_mask"), tokenizer.pad_token_id)
        if task == "words":
            padded["labels"] = torch.nn.functional.pad(batch["labels"], (0, 9), value=-100)
        torch.testing.assert_close(model(**padded).loss, together.loss, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("task", ["topic", "words"])
def test_fault_05_nothing_labelled_gives_a_loss_of_zero_with_a_gradient(name, task):
    model, tokenizer = MULTITASK[name]()
    batch = batch_of(model, tokenizer, task)
    batch["labels"] = torch.full_like(batch["labels"], -100)
    loss = model(**batch).loss
    check_finite(model, loss)
    assert loss.item() == 0


def test_a_task_moves_its_own_head_and_the_encoder(name):
    model, tokenizer = MULTITASK[name]()
    model(**batch_of(model, tokenizer, "topic")).loss.backward()
    moved = {
        weight.split(".")[2]
        for weight, value in model.named_parameters()
        if value.grad is not None and "heads" in weight
    }
    assert moved == {str(model.config.task_names.index("topic"))}
    assert model.backbone.embeddings.word_embeddings.weight.grad is not None


def test_labels_absent_means_no_loss_and_tuple_output_works(name):
    model, tokenizer = MULTITASK[name]()
    batch = batch_of(model, tokenizer, "topic")
    labels = batch.pop("labels")
    assert model(**batch).loss is None
    plain = model(**batch, labels=labels, return_dict=False)
    assert isinstance(plain, tuple) and torch.equal(plain[0], model(**batch, labels=labels).loss)


@pytest.mark.parametrize("method", ["gate", "token", "weights", "relevance"])
def test_heads_are_scored_for_every_task(method):
    model, tokenizer = tiny_multitask()
    found = [head_importance(model, [batch_of(model, tokenizer, task)], method=method).raw for task in TASKS]
    assert all(raw.shape == (2, 4) and raw.max() > 0 for raw in found)
    assert abs(found[0] / found[0].max() - found[1] / found[1].max()).max() > 1e-6


def test_pruned_heads_are_saved_with_the_config(tmp_path):
    model, tokenizer = tiny_multitask()
    prune_heads(model, {0: [1, 3], 1: [0, 1, 2, 3]})
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path).eval()
    assert pruned_heads(again) == {0: [1, 3], 1: [0, 1, 2, 3]}
    torch.testing.assert_close(scores(again, tokenizer), scores(model, tokenizer), rtol=0, atol=0)


def test_starting_from_a_plain_encoder_keeps_its_weights(tmp_path):
    encoder = AutoModel.from_config(AutoConfig.for_model(**tiny_backbone("bert", 50)))
    encoder.save_pretrained(tmp_path)
    model = MultiTaskModel.from_backbone(tmp_path, tasks=TASKS)
    for key, value in encoder.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[key], value)
    one = MultiTaskModel.from_encoder(encoder, tasks={"sts": {"kind": "regression"}}).eval()
    assert one(torch.tensor([[1, 2]])).logits.shape == (1, 1)  # the only task need not be named


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (None, "at least one task"),
        ({}, "at least one task"),
        ({"": {"kind": "regression"}}, "not empty"),
        ({"a": "regression"}, "must be an object"),
        ({"a": {"kind": "ranking"}}, "`kind` of task `a` must be one of"),
        ({"a": {"kind": "regression", "labels": ["x", "y"]}}, "has no `labels`"),
        ({"a": {"kind": "tokens", "labels": ["x"]}}, "at least two"),
        ({"a": {"kind": "tokens", "labels": ["x", "x"]}}, "different strings"),
        ({"a": {"kind": "classification", "labels": [1, 2]}}, "different strings"),
        ({"a": {"kind": "regression", "dropout": 1.0}}, "below 1"),
        ({"a": {"kind": "regression", "dropout": "much"}}, "must be a number"),
        ({"a": {"kind": "regression", "code": "x"}}, "must be an object"),
    ],
)
def test_bad_tasks_are_told(tasks, message):
    with pytest.raises(UsageError, match=message):
        MultiTaskConfig(tasks=tasks)


def test_bad_batches_are_told():
    model, tokenizer = tiny_multitask()
    batch = batch_of(model, tokenizer, "topic")
    for task, message in (
        (None, "Say which `task`"),
        ("weather", "no task 'weather'"),
        (7, "no task 7"),
        (torch.tensor([0, 0, 0, 1, 1, 1]), "one task"),
        (torch.tensor(-1), "no task -1"),
    ):
        with pytest.raises(UsageError, match=message):
            model(**{**batch, "task": task})
    for labels, message in (
        (torch.tensor([0, 1]), "must have shape"),
        (torch.zeros(6), "must be integers"),
        (torch.tensor([0, 1, 2, 3, 0, 1]), "from 0 to 2"),
    ):
        with pytest.raises(UsageError, match=message):
            model(**{**batch, "labels": labels})
    with pytest.raises(UsageError, match="no pooler"):
        encoder = {
            "model_type": "distilbert",
            "vocab_size": 50,
            "dim": 16,
            "n_layers": 1,
            "n_heads": 2,
            "hidden_dim": 16,
        }
        MultiTaskModel(MultiTaskConfig(backbone_config=encoder, tasks=TASKS))(torch.tensor([[1, 2]]), task="topic")
    with pytest.raises(UsageError, match="a pair of mentions"):
        cnn = {"model_type": "relation_cnn", "vocab_size": 9, "word_embedding_dim": 4, "hidden_size": 8}
        MultiTaskModel(MultiTaskConfig(backbone_config=cnn, tasks=TASKS))
