"""Gradient caching: the gradient of the whole batch, with the graph of a part of it at a time."""

import math

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.training import RelationTrainer, RelationTrainingArguments
from hf_relation.training.gradient_cache import part_seeds, seeded
from hf_relation.training.length_chunks import split_by_length
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


ROWS = 5  # of 12, so that parts have 4 rows each
LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])
VAT = {"adversarial_weight": 0.7, "adversarial_kwargs": {"epsilon": 0.1}}


def trainer_with(tmp_path, model_settings, **settings):
    model, processor = tiny_more(**({"loss": "sup_con"} | model_settings))
    args = RelationTrainingArguments(
        output_dir=str(tmp_path), use_cpu=True, disable_tqdm=True, **({"max_steps": 1} | settings)
    )
    return RelationTrainer(model, args, processor), {**processor(sample_instances(12)), "labels": LABELS}


def gradients(trainer):
    return {name: weight.grad.clone() for name, weight in trainer.model.named_parameters() if weight.grad is not None}


def assert_same_gradients(found, expected, tolerance=1e-5):
    assert found.keys() == expected.keys() and found
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=tolerance, msg=name)


def reference_loss(model, plain, batch, factor=0.0):
    """Parts one after another, all graphs kept; the adversarial loss weighted by rows."""
    columns = {name: column for name, column in batch.items() if name != "labels"}
    parts, order = split_by_length(columns, math.ceil(12 / ROWS))
    outputs = []
    for part, seed in zip(parts, part_seeds(len(parts)), strict=True):
        with seeded(seed, torch.device("cpu")):
            outputs.append(model(**part))
    loss = plain.relation_loss(torch.cat([output.embeddings for output in outputs]), LABELS[order])
    for output in outputs:
        if factor:
            loss = loss + factor * output.adversarial_loss * len(output.embeddings) / 12
    return loss


@pytest.mark.parametrize("loss", ["sup_con", "ranked_list"])
@pytest.mark.parametrize("trainable", ["full", "lora"])
def test_without_dropout_it_is_the_gradient_of_the_whole_batch(tmp_path, loss, trainable):
    trainer, batch = trainer_with(tmp_path, {"loss": loss}, gradient_cache_rows=ROWS, trainable=trainable)
    trainer.model.double().eval()  # single precision alone is off by about the tolerance
    with torch.enable_grad():
        expected_loss = trainer.model(**batch).loss
    expected_loss.backward()
    expected = gradients(trainer)
    trainer.model.zero_grad()
    cached_loss = trainer.compute_loss(trainer.model, batch)
    cached_loss.backward()
    torch.testing.assert_close(cached_loss, expected_loss, rtol=1e-5, atol=1e-5)
    assert_same_gradients(gradients(trainer), expected)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("loss", ["sup_con", "ranked_list"])
def test_weights_of_rows_stay_with_their_rows(tmp_path, loss, cached):
    """Parts are sorted by length, cached or not; every weight has to follow its row."""
    settings = {"gradient_cache_rows": ROWS} if cached else {"length_chunks": 3}
    trainer, batch = trainer_with(tmp_path, {"loss": loss}, **settings)
    trainer.model.double().eval()
    batch["weights"] = torch.linspace(0.1, 3.0, 12, dtype=torch.float64)
    with torch.enable_grad():
        embeddings = trainer.model(**{name: column for name, column in batch.items() if name != "weights"}).embeddings
        expected_loss = trainer.model.relation_loss(embeddings, LABELS, batch["weights"])
    expected_loss.backward()
    expected = gradients(trainer)
    trainer.model.zero_grad()
    found = trainer.compute_loss(trainer.model, batch)
    found.backward()
    torch.testing.assert_close(found, expected_loss, rtol=1e-5, atol=1e-6)
    assert_same_gradients(gradients(trainer), expected)
    batch["weights"] = batch["weights"].flip(0)
    assert abs(trainer.compute_loss(trainer.model, batch).item() - expected_loss.item()) > 1e-4


@pytest.mark.parametrize("adversarial", [False, True])
def test_with_dropout_it_is_the_gradient_under_the_same_masks(tmp_path, adversarial):
    trainer, batch = trainer_with(tmp_path, VAT if adversarial else {}, gradient_cache_rows=ROWS)
    trainer.model.train()
    torch.manual_seed(3)
    expected_loss = reference_loss(trainer.model, trainer.model, batch, factor=0.7 if adversarial else 0.0)
    after = torch.get_rng_state()
    expected_loss.backward()
    expected = gradients(trainer)
    trainer.model.zero_grad()
    torch.manual_seed(3)
    cached_loss = trainer.compute_loss(trainer.model, batch)
    assert torch.equal(torch.get_rng_state(), after)
    cached_loss.backward()
    torch.testing.assert_close(cached_loss, expected_loss, rtol=1e-5, atol=1e-5)
    assert_same_gradients(gradients(trainer), expected)
    torch.manual_seed(4)  # the masks matter, or this test would show nothing
    assert abs(trainer.compute_loss(trainer.model, batch).item() - expected_loss.item()) > 1e-4


def test_no_pass_through_the_encoder_has_more_rows_than_asked_for(tmp_path, monkeypatch):
    trainer, batch = trainer_with(tmp_path, VAT, gradient_cache_rows=ROWS)
    rows, graphs = [], []
    forward = trainer.model.backbone.forward

    def noted(*args, **kwargs):
        mask = kwargs["attention_mask"]
        rows.append(len(mask))
        graphs.append(torch.is_grad_enabled())
        assert mask.shape[1] == mask.sum(1).max()  # and none is padded beyond its own longest row
        return forward(*args, **kwargs)

    monkeypatch.setattr(trainer.model.backbone, "forward", noted)
    trainer.model.train()
    trainer.compute_loss(trainer.model, batch)
    assert max(rows) <= ROWS and sum(rows) == 12 * 4  # without a graph, and with one: clean, search, perturbed
    assert graphs == [False] * 3 + [True] * 9


def test_bfloat16_gives_the_gradient_of_uncached_bfloat16(tmp_path):
    found = []
    for settings in ({"gradient_cache_rows": ROWS}, {"length_chunks": 3}):
        trainer, batch = trainer_with(tmp_path, {}, bf16=True, **settings)
        for module in trainer.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model = trainer.accelerator.prepare(trainer.model).train()
        trainer.compute_loss(model, batch).backward()
        found.append(gradients(trainer))
    assert_same_gradients(*found, tolerance=1e-3)
    assert any(not torch.equal(found[0][name], found[0][name].bfloat16().float()) for name in found[0])


def test_accumulated_batches_are_averaged(tmp_path):
    # Plain SGD: one step on two batches moves the weights by the mean of the two batches' gradients.
    shape = {"classes_per_batch": 3, "instances_per_class": 4, "gradient_cache_rows": ROWS}
    model, processor = tiny_more(loss="sup_con", **VAT)
    args = RelationTrainingArguments(
        output_dir=str(tmp_path),
        use_cpu=True,
        disable_tqdm=True,
        max_steps=1,
        optim="sgd",
        lr_scheduler_type="constant",
        learning_rate=0.1,
        max_grad_norm=0.0,
        save_strategy="no",
        gradient_accumulation_steps=2,
        **shape,
    )
    trainer = RelationTrainer(model, args, processor, train_dataset=sample_instances(20))
    for module in trainer.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    batches, seen = [], []
    step = trainer.training_step

    def noted(model, inputs, number=None):
        batches.append({name: column.clone() for name, column in inputs.items() if name != "row_index"})
        seen.append(torch.get_rng_state())
        return step(model, inputs, number)

    trainer.training_step = noted
    trainer.train()
    after = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            weight.copy_(before[name])
    trainer.model.zero_grad()
    trainer.model.train()
    for batch, state in zip(batches, seen, strict=True):
        torch.set_rng_state(state)
        labels = batch.pop("labels")
        parts, order = split_by_length(batch, 3)
        outputs = []
        for part, seed in zip(parts, part_seeds(3), strict=True):
            with seeded(seed, torch.device("cpu")):
                outputs.append(trainer.model(**part))
        loss = trainer.model.relation_loss(torch.cat([o.embeddings for o in outputs]), labels[order])
        loss = loss + 0.7 * sum(o.adversarial_loss * 4 / 12 for o in outputs)
        (loss / 2).backward()
    expected = gradients(trainer)
    assert len(batches) == 2 and expected
    for name, gradient in expected.items():
        torch.testing.assert_close(after[name], before[name] - 0.1 * gradient, rtol=1e-4, atol=1e-5, msg=name)


def test_the_seed_of_a_part_leaves_the_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    with seeded(5, torch.device("cpu")):
        inside = torch.rand(2)
    assert torch.equal(torch.rand(2), expected) and not torch.equal(inside, expected)


def test_other_models_are_refused(tmp_path):
    from transformers import BertConfig, BertModel

    _, processor = tiny_more()
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    model = BertModel(BertConfig(vocab_size=600, **sizes))
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, gradient_cache_rows=2)
    with pytest.raises(UsageError, match="`gradient_cache_rows` works with MOREModel.*BertModel"):
        RelationTrainer(model, args, processor)


@pytest.mark.parametrize("value", [0, -1, 2.0, True])
def test_a_part_has_at_least_one_row(tmp_path, value):
    with pytest.raises(UsageError, match="`gradient_cache_rows` must be an integer of at least 1"):
        RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, gradient_cache_rows=value)


@pytest.mark.parametrize("settings", [{"optim": "lomo"}, {"optim": "adalomo"}, {"deepspeed": "zero.json"}])
def test_what_takes_every_backward_pass_for_a_step_is_refused(tmp_path, settings):
    with pytest.raises(UsageError, match="`gradient_cache_rows` walks back several times"):
        RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, gradient_cache_rows=2, **settings)
