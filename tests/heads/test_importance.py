"""Head importance: against values by hand, finite differences and slow loops; for every family; with whatever may go wrong."""

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from hf_relation.errors import TrainingError, UsageError
from hf_relation.heads import head_gates, head_importance, mask_heads, prune_heads
from hf_relation.heads.batches import BatchLoss
from hf_relation.heads.measuring import GateMeasure, head_rows
from hf_relation.models.head_layouts import HeadLayout
from hf_relation.models.model_heads import ModelHeads, head_layout
from tests.common.tiny_heads import FAMILIES, NUM_HEADS, NUM_LAYERS, tiny_batch, tiny_headed
from tests.common.tiny_models import (
    half_novel_batch,
    labelled_batch,
    neighbor_batch,
    tiny_more,
    tiny_rocore,
    tiny_siamese_ure,
)
from tests.common.tiny_tokenizers import sample_instances


METHODS = ("gate", "token", "weights", "relevance")


def raw(model, batches, method="gate", **settings):
    return head_importance(model, batches, method=method, **settings).raw


def rows_of(batch):
    return [{name: column[row : row + 1] for name, column in batch.items()} for row in range(len(batch["input_ids"]))]


def snapshot(model):
    hooks = sum(
        len(part._forward_hooks) + len(part._forward_pre_hooks) + len(part._backward_hooks) for part in model.modules()
    )
    parameters = [
        (parameter.detach().clone(), parameter.requires_grad, parameter.grad) for parameter in model.parameters()
    ]
    return hooks, [part.training for part in model.modules()], parameters


def assert_untouched(model, before):
    hooks, flags, parameters = snapshot(model)
    assert hooks == before[0] and flags == before[1]
    for (value, flag, gradient), (old, old_flag, old_gradient) in zip(parameters, before[2], strict=True):
        assert torch.equal(value, old) and flag == old_flag and gradient is old_gradient


def test_the_two_definitions_of_michel_by_hand():
    # dossier 9.8: two heads of width two at two tokens; dots of context and gradient [[-.5, -1], [1, -1]]
    context = torch.tensor([[[1.0, 2, -1, 0], [0, 1, 1, 1]]])
    gradient = torch.tensor([[[0.5, -0.5, 1, 2], [1, 1, -1, 0]]])
    layer = nn.Module()
    layer.output = nn.Linear(4, 4, bias=False)
    nn.init.eye_(layer.output.weight)
    heads = ModelHeads(None, HeadLayout("", "q", "k", "v", "output"), nn.ModuleList([layer]), 2, 2, 2, ((0, 1),))
    for per_token, expected in ((True, [1.5, 2.0]), (False, [0.5, 2.0])):
        measure = GateMeasure(heads, per_token=per_token)
        with measure.watching():
            loss = (layer.output(context) * gradient).sum()
            measure.add(BatchLoss(loss, None, {}, 1, torch.ones(1)), 0)
        assert measure.sums.tolist() == [expected]
        assert measure.result(measure.sums, measure.num_tokens)[0, 1] == (1.0 if per_token else 2.0)  # two tokens


def test_heads_are_rows_of_a_weight():
    gradient = torch.arange(16.0).reshape(4, 4)
    heads = ModelHeads(None, HeadLayout("", "q", "k", "v", "o"), nn.ModuleList(), 2, 2, 2, ((0, 1),))
    assert head_rows(gradient, heads, 0, "value").mean((1, 2)).tolist() == [3.5, 11.5]  # columns: 6.5, 8.5
    fused = ModelHeads(None, HeadLayout("", "q", "q", "q", "o"), nn.ModuleList(), 2, 2, 2, ((0, 1),))
    together = torch.cat([gradient * 0, gradient * 0 + 1, gradient])
    assert head_rows(together, fused, 0, "value").mean((1, 2)).tolist() == [3.5, 11.5]
    assert head_rows(together, fused, 0, "key").mean((1, 2)).tolist() == [1.0, 1.0]
    shared = ModelHeads(None, HeadLayout("", "q", "k", "v", "o"), nn.ModuleList(), 4, 2, 2, ((0, 2, 3),))
    assert head_rows(gradient, shared, 0, "key").mean((1, 2)).tolist() == [3.5, 11.5, 11.5]


@pytest.mark.parametrize("task", ["texts", "tokens"])
@pytest.mark.parametrize("family", ["bert", "modernbert", "llama-grouped"])
def test_gates_are_those_of_finite_differences_of_every_example(family, task):
    model, batch = tiny_headed(family, task).double(), tiny_batch(labels=task)
    expected = np.zeros((NUM_LAYERS, NUM_HEADS))
    with head_gates(model) as gates, torch.no_grad():
        for example in rows_of(batch):
            for layer, head in np.ndindex(*expected.shape):
                losses = []
                for change in (2**-9, -(2**-8)):
                    gates[layer][head] += change
                    losses.append(model(**example).loss.item())
                gates[layer][head] = 1.0
                expected[layer, head] += abs(losses[0] - losses[1]) * 2**8
    np.testing.assert_allclose(raw(model, [batch]), expected, rtol=2e-3, atol=1e-5)


def test_tokens_are_contexts_times_gradients_in_a_slow_loop():
    model, batch = tiny_headed("bert", "texts").double(), tiny_batch(labels="texts")
    expected = np.zeros((NUM_LAYERS, NUM_HEADS))
    for layer in range(NUM_LAYERS):
        for example in rows_of(batch):
            kept = []
            dense = model.bert.encoder.layer[layer].attention.output.dense
            handle = dense.register_forward_pre_hook(lambda module, args, kept=kept: kept.append(args[0]))
            (gradient,) = torch.autograd.grad(model(**example).loss, kept)
            handle.remove()
            for token in range(gradient.shape[1]):
                for head in range(NUM_HEADS):
                    width = slice(head * 8, head * 8 + 8)
                    expected[layer, head] += abs((kept[0][0, token, width] @ gradient[0, token, width]).item())
    expected /= batch["attention_mask"].sum().item()
    np.testing.assert_allclose(raw(model, [batch], "token"), expected, rtol=1e-9)
    ranks = [head_importance(model, [batch], method=method).rank() for method in ("gate", "token")]
    assert ranks[0] != ranks[1]


def test_weights_are_gradients_of_rows_in_a_slow_loop():
    model, batch = tiny_headed("bert", "tokens").double(), tiny_batch(labels="tokens")
    expected = {part: np.zeros((NUM_LAYERS, NUM_HEADS)) for part in ("query", "key", "value")}
    for example in rows_of(batch):
        for layer in range(NUM_LAYERS):
            for part, sums in expected.items():
                weight = getattr(model.bert.encoder.layer[layer].attention.self, part).weight
                (gradient,) = torch.autograd.grad(model(**example).loss, weight)
                sums[layer] += [gradient[head * 8 : head * 8 + 8].abs().mean().item() for head in range(NUM_HEADS)]
    rows = rows_of(batch)
    np.testing.assert_allclose(raw(model, rows, "weights"), (expected["key"] + expected["value"]) / 2, rtol=1e-9)
    np.testing.assert_allclose(raw(model, rows, "weights", weight_parts=["query"]), expected["query"], rtol=1e-9)


@pytest.mark.parametrize("task", ["texts", "tokens"])
@pytest.mark.parametrize("method", ["gate", "token", "relevance"])
def test_how_examples_fall_into_batches_makes_no_difference(method, task):
    model, batch = tiny_headed("bert", task).double(), tiny_batch(5, labels=task)
    parts = [{name: column[rows] for name, column in batch.items()} for rows in (slice(0, 2), slice(2, 5))]
    one_by_one = raw(model, rows_of(batch), method)
    for batches in ([batch], parts):
        np.testing.assert_allclose(raw(model, batches, method), one_by_one, rtol=1e-9)


def test_losses_of_single_examples_are_exact():
    model, batch = tiny_headed("bert", "texts").double(), tiny_batch(labels="texts")

    def losses(model, batch):
        logits = model(**{name: column for name, column in batch.items() if name != "labels"}).logits
        return functional.cross_entropy(logits, batch["labels"], reduction="none")

    for method in METHODS[:3]:
        np.testing.assert_allclose(raw(model, [batch], method, loss_fn=losses), raw(model, [batch], method), rtol=1e-9)
    mean = raw(model, [batch], loss_fn=lambda model, batch: losses(model, batch).mean())
    np.testing.assert_allclose(mean, raw(model, [batch]), rtol=1e-9)


def test_an_example_without_a_label_counts_nothing():
    model, batch = tiny_headed("bert", "tokens").double(), tiny_batch(labels="tokens")
    expected = raw(model, [{name: column[:2] for name, column in batch.items()}])
    batch["labels"][2] = -100
    np.testing.assert_allclose(raw(model, [batch]), expected, rtol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_measured_in_every_way(family):
    model, batch = tiny_headed(family, "tokens"), tiny_batch(labels="tokens")
    prune_heads(model, {0: [1], 1: [0, 1, 2, 3]})
    for method in METHODS:
        importance = head_importance(model, [batch], method=method)
        assert importance.num_examples == 3 and importance.raw.shape == (NUM_LAYERS, NUM_HEADS)
        assert (importance.raw[0, [0, 2, 3]] > 0).all()
        assert importance.raw[0, 1] == 0 and not importance.raw[1].any()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # with one key head for all, their scores by weights are equal
            assert sorted(importance.rank()) == [(0, 0), (0, 2), (0, 3)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["bert", "modernbert", "llama-grouped"])
def test_both_implementations_of_attention_agree(family, method):
    batch = tiny_batch(labels="tokens")
    results = [raw(tiny_headed(family, "tokens", attention=kind), [batch], method) for kind in ("sdpa", "eager")]
    np.testing.assert_allclose(*results, rtol=1e-3)


def test_a_pruned_model_scores_the_heads_that_are_left_as_a_masked_one():
    model, batch = tiny_headed("llama-grouped", "texts").double(), tiny_batch(labels="texts")
    with mask_heads(model, {0: [1], 1: [2]}):
        masked = raw(model, [batch])
    prune_heads(model, {0: [1], 1: [2]})
    masked[0, 1] = masked[1, 2] = 0.0
    np.testing.assert_allclose(raw(model, [batch]), masked, rtol=1e-6)


def more_with_unused_layers():
    return tiny_more(layer=1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "make, columns",
    [
        (tiny_more, labelled_batch),
        (more_with_unused_layers, labelled_batch),
        (tiny_rocore, half_novel_batch),
        (tiny_siamese_ure, neighbor_batch),
    ],
)
def test_our_own_models_are_measured(make, columns, method):
    model, processor = make()
    rows = sample_instances(12)[:6]
    batch = columns(processor, rows, torch.arange(6) % 3)
    model(**batch)  # transformers leaves hooks of its own in place where a middle layer is wanted
    before = snapshot(model)
    scores = raw(model, [batch], method)
    assert (scores[0] > 0).all() and (scores[1] > 0).all() == (make is not more_with_unused_layers)
    assert_untouched(model, before)


@pytest.mark.parametrize("method", METHODS)
def test_frozen_weights_training_mode_and_checkpointing_make_no_difference(method):
    model, batch = tiny_headed("bert", "texts"), tiny_batch(labels="texts")
    expected = raw(model, [batch], method)
    changed = copy.deepcopy(model).train()
    changed.bert.requires_grad_(False)
    changed.bert.encoder.layer[1].eval()
    changed.gradient_checkpointing_enable()
    changed.classifier.weight.grad = torch.ones_like(changed.classifier.weight)
    before = snapshot(changed)
    with torch.no_grad():
        np.testing.assert_allclose(raw(changed, [batch], method), expected, rtol=1e-6)
    with torch.inference_mode():
        np.testing.assert_allclose(raw(changed, [batch], method), expected, rtol=1e-6)
    assert_untouched(changed, before)
    changed.requires_grad_(False)
    np.testing.assert_allclose(raw(changed, [batch], method), expected, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_bfloat16_is_close(method):
    model, batch = tiny_headed("bert", "tokens"), tiny_batch(labels="tokens")
    expected = raw(model, [batch], method)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = raw(model, [batch], method)
    assert np.corrcoef(actual.ravel(), expected.ravel())[0, 1] > 0.98


def test_one_head():
    batch = tiny_batch(labels="texts")
    model = tiny_headed("bert", "texts")
    prune_heads(model, {0: [0, 1, 2], 1: [0, 1, 2, 3]})
    with pytest.warns(UserWarning, match="same score"):
        assert head_importance(model, [batch]).rank() == [(0, 3)]


def test_batches_are_limited_and_shown(capsys):
    model = tiny_headed("bert", "texts")
    batches = (tiny_batch(seed=seed, labels="texts") for seed in range(5))
    assert head_importance(model, batches, max_batches=2, progress=True, device="cpu").num_examples == 6
    assert "Head importance" in capsys.readouterr().err
    assert len(list(batches)) == 3


def stop(model, batch):
    raise RuntimeError("stop")


def without_labels():
    return {name: column for name, column in tiny_batch().items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "batches, loss_fn, error, message",
    [
        ([without_labels()], None, UsageError, "Batch 0 gave no loss.*it has input_ids, attention_mask.*`labels`"),
        ([[1, 2]], None, UsageError, "Batch 0 is a list"),
        ([], None, UsageError, "no batch"),
        ([tiny_batch()], stop, RuntimeError, "stop"),
        ([tiny_batch()], lambda model, batch: torch.ones(2), UsageError, r"shape \(2,\).*3 examples"),
        ([tiny_batch()], lambda model, batch: torch.ones(()), UsageError, "does not depend on the model"),
        ([tiny_batch()], lambda model, batch: 1.0, UsageError, "gave no loss"),
        (
            [tiny_batch()],
            lambda model, batch: model(**batch).logits.sum() * float("nan"),
            TrainingError,
            "batch 0 is nan",
        ),
    ],
)
def test_what_goes_wrong_is_told_and_leaves_no_trace(batches, loss_fn, error, message, method):
    model = tiny_headed("bert", "texts").train()
    model.bert.embeddings.requires_grad_(False)
    before = snapshot(model)
    with pytest.raises(error, match=message):
        head_importance(model, batches, method=method, loss_fn=loss_fn)
    assert_untouched(model, before)


def test_the_batch_with_nan_is_named():
    model, good = tiny_headed("bert", "tokens"), tiny_batch(labels="tokens")
    bad = good | {"labels": torch.full_like(good["labels"], -100)}  # a mean over nothing
    with pytest.raises(TrainingError, match="The loss of batch 2 is nan") as caught:
        head_importance(model, [good, good, bad])
    assert caught.value.step == 2


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"method": "magic"}, "`method` must be one of 'gate', 'token'"),
        ({"normalize": "l3"}, "`normalize` must be one of 'l1', 'l2' or None"),
        ({"max_batches": 0}, "`max_batches` must be"),
        ({"method": "weights", "weight_parts": ["output"]}, "`weight_parts` must be"),
        ({"method": "weights", "weight_parts": []}, "`weight_parts` must be"),
        ({"device": "cuda:77"}, "`device` is 'cuda:77'"),
    ],
)
def test_wrong_settings_are_told(settings, message):
    with pytest.raises(UsageError, match=message):
        head_importance(tiny_headed("bert", "texts"), [tiny_batch(labels="texts")], **settings)
    with pytest.raises(UsageError, match="Supported layouts"):
        head_importance(nn.Linear(2, 2), [])


def test_heads_are_counted_in_the_encoder():
    assert head_layout(tiny_headed("distilbert", "texts")).num_heads == NUM_HEADS
