"""Checks that every model passes that scores pairs of documents; a model is registered once, in EXTRACTORS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from transformers import AutoModel, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

import hf_relation  # noqa: F401  (registers the classes with the Auto classes)
from hf_relation.errors import UsageError
from hf_relation.training.trainable import add_adapters
from tests.common.model_checks import (
    check_activation_checkpointing,
    check_config_bytes,
    check_eager_attention,
    check_finite,
    check_half_precision,
    check_inputs_unchanged,
    check_loading,
    check_loss_falls,
    check_missing_weights,
    check_seed,
    check_table_grows,
    pad_right,
)
from tests.common.test_common_models import MODELS
from tests.common.test_common_multitask import MULTITASK
from tests.common.test_common_pretraining import PRETRAINING
from tests.common.tiny_documents import document, labelled_windows, sample_documents
from tests.common.tiny_models import ENCODER_KINDS, WITH_POOLER, tiny_kernel_re, tiny_pair_classification


RELATIONS = ["born_in", "founded_by", "flows_into"]
TOKEN_COLUMNS = ("input_ids", "attention_mask", "token_type_ids", "text_token_mask", "tags")


def labelled(processor: Any, documents: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """The batch for which an extraction model computes its loss."""
    return labelled_windows(processor, documents, RELATIONS)


def labelled_and_tagged(processor: Any, documents: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Also with tags of one entity type: of overlapping mentions the last."""
    batch = labelled(processor, documents)
    tags = torch.where(batch["text_token_mask"] == 1, 0, -100)
    for row, spans in enumerate(batch["mention_spans"].tolist()):
        for first, last in spans:
            if first >= 0:
                if last < tags.shape[1] and tags[row, last] == 2:  # the rest of a mention that began before
                    tags[row, last] = 1
                tags[row, first], tags[row, first + 1 : last] = 1, 2
    return {**batch, "tags": tags}


class Extractor(NamedTuple):
    """`make(kind)` gives a model and its processor; `loss_inputs(processor, documents)` the batch for its loss.

    `term` is the field of the output with the loss of the pairs; `steps` lower the loss by a fifth.
    """

    make: Callable[..., tuple[PreTrainedModel, Any]]
    kinds: tuple[str, ...] = ENCODER_KINDS
    loss_inputs: Callable[..., dict[str, torch.Tensor]] = labelled
    steps: int = 12
    term: str = "relation_loss"


# Every new extraction model adds its line here.
EXTRACTORS: dict[str, Extractor] = {
    "kernel-re": Extractor(tiny_kernel_re),
    "kernel-re-authors": Extractor(
        lambda kind="bert": tiny_kernel_re(
            kind,
            scale_scores=True,
            projection_bias=True,
            text_embedding="pooler",
            mask="labelled_pairs",
            normalizer="mask",
            relation_reduction="mean",
            initializer_range=0.1,
        ),
        kinds=WITH_POOLER,
    ),
    "kernel-re-low-rank-pairs": Extractor(
        lambda kind="bert": tiny_kernel_re(
            kind, marker_policy="entity", kernel_rank=4, loss="pairs", relation_bias=True, positive_weight=2.0
        )
    ),
    "kernel-re-mean": Extractor(
        lambda kind="bert": tiny_kernel_re(
            kind, text_embedding="mean", head_layer=1, state_dropout=0.1, normalizer="none"
        )
    ),
    "kernel-re-joint": Extractor(
        lambda kind="bert": tiny_kernel_re(kind, entity_types=["X"], tagger_weight=0.5),
        loss_inputs=labelled_and_tagged,
    ),
    "kernel-re-joint-lstm": Extractor(
        lambda kind="bert": tiny_kernel_re(kind, entity_types=["X"], tagger_lstm_dim=8, text_embedding="none"),
        loss_inputs=labelled_and_tagged,
        steps=20,
    ),
    "pair-classification": Extractor(tiny_pair_classification, term="loss"),
    "pair-classification-single": Extractor(
        lambda kind="bert": tiny_pair_classification(
            kind,
            kind="single_label",
            na_relation="none",
            combination="bilinear",
            text="mean",
            hidden_dim=12,
            mention_entities=False,
            initializer_range=0.1,
        ),
        term="loss",
    ),
}
EVERY_KIND = pytest.mark.parametrize("name, kind", [(n, kind) for n in EXTRACTORS for kind in EXTRACTORS[n].kinds])
DOCUMENTS = sample_documents()


@pytest.fixture(params=sorted(EXTRACTORS))
def name(request):
    return request.param


@torch.inference_mode()
def scores(model, batch) -> torch.Tensor:
    """The scores of all pairs of a batch, `(pairs, relations)`, and with a tagger the emissions of all tokens of the text."""
    output = model(**batch)
    pairs = output.logits[(batch["pairs"] >= 0).all(-1)]
    if output.emissions is None:
        return pairs
    return torch.cat([pairs.flatten(), output.emissions[batch["text_token_mask"] == 1].flatten()])


def logits(model, batch) -> list[torch.Tensor]:
    """The scores of the pairs of every document."""
    with torch.inference_mode():
        found = model(**batch).logits
    return [rows[(pairs >= 0).all(-1)] for rows, pairs in zip(found, batch["pairs"], strict=True)]


def heads_of(model) -> list[str]:
    """The parts with weights above the encoder."""
    return [
        name for name, part in model.named_children() if name != "backbone" and any(True for _ in part.parameters())
    ]


def head_weights(model, *leave_out: str) -> list[torch.nn.Parameter]:
    parts = [name for name in heads_of(model) if name not in leave_out]
    return [weight for name in parts for weight in getattr(model, name).parameters()]


def loss_of(name, model, processor, documents=DOCUMENTS):
    return model(**EXTRACTORS[name].loss_inputs(processor, documents)).loss


def test_every_registered_config_is_checked_here_or_among_the_models():
    ours = {
        model_type
        for model_type, config in CONFIG_MAPPING._extra_content.items()
        if config.__module__.startswith("hf_relation.")
    }
    checked = set()
    makers = [family.make for families in (MODELS, EXTRACTORS, PRETRAINING) for family in families.values()]
    for make in [*makers, *MULTITASK.values()]:
        config = make()[0].config
        checked |= {config.model_type, config.backbone_config.model_type}
    assert ours and ours <= checked, (
        f"Register these in MODELS, EXTRACTORS, MULTITASK or PRETRAINING: {sorted(ours - checked)}"
    )


@EVERY_KIND
def test_logits_are_one_number_a_pair_and_relation(name, kind):
    model, processor = EXTRACTORS[name].make(kind)
    batch = processor(DOCUMENTS)
    found = model(**batch).logits
    assert found.shape == (*batch["pairs"].shape[:2], len(RELATIONS)) and found.dtype == torch.float32
    assert torch.isfinite(found).all() and (found[(batch["pairs"] < 0).any(-1)] == 0).all()


@EVERY_KIND
def test_save_and_load_through_the_auto_classes_changes_nothing(name, kind, tmp_path):
    model, processor = EXTRACTORS[name].make(kind)
    check_loading(model, processor, lambda model, processor: scores(model, processor(DOCUMENTS)), tmp_path)


def test_config_saved_twice_gives_the_same_bytes(name, tmp_path):
    check_config_bytes(EXTRACTORS[name].make()[0], tmp_path)


def test_same_seed_gives_the_same_weights(name):
    check_seed(EXTRACTORS[name].make)


@EVERY_KIND
def test_fault_10_batch_size_and_padding_change_nothing(name, kind):
    model, processor = EXTRACTORS[name].make(kind)
    batch = EXTRACTORS[name].loss_inputs(processor, DOCUMENTS)
    together = logits(model, processor(DOCUMENTS))
    for row, alone in enumerate(DOCUMENTS):
        torch.testing.assert_close(logits(model, processor([alone]))[0], together[row], rtol=0, atol=1e-5)
    padded = pad_right(batch, TOKEN_COLUMNS, processor.tokenizer.pad_token_id)
    if "tags" in padded:
        padded["tags"] = padded["tags"].masked_fill(padded["attention_mask"] == 0, -100)
    for column, filler in (("mention_spans", -1), ("pairs", -1), ("labels", -100.0)):
        padded[column] = torch.nn.functional.pad(padded[column], (0, 0, 0, 2), value=filler)
    if "mention_entities" in padded:
        padded["mention_entities"] = torch.nn.functional.pad(padded["mention_entities"], (0, 2), value=-1)
    torch.testing.assert_close(torch.cat(logits(model, padded)), torch.cat(logits(model, batch)), rtol=0, atol=1e-5)
    torch.testing.assert_close(model(**padded).loss, model(**batch).loss, rtol=1e-5, atol=1e-5)


def test_fault_07_row_order_changes_nothing(name):
    model, processor = EXTRACTORS[name].make()
    order = [3, 6, 0, 5, 2, 4, 1]
    shuffled = [DOCUMENTS[row] for row in order]
    expected = logits(model, processor(DOCUMENTS))
    for row, found in zip(order, logits(model, processor(shuffled)), strict=True):
        torch.testing.assert_close(found, expected[row], rtol=0, atol=1e-5)
    torch.testing.assert_close(
        loss_of(name, model, processor, shuffled), loss_of(name, model, processor), rtol=1e-4, atol=1e-4
    )


def test_order_of_pairs_and_mentions_changes_nothing(name):
    model, processor = EXTRACTORS[name].make()
    batch = processor([DOCUMENTS[2]])
    expected = logits(model, batch)[0]
    turned = {**batch, "pairs": batch["pairs"].flip(1)}
    torch.testing.assert_close(logits(model, turned)[0].flip(0), expected, rtol=0, atol=1e-5)
    last = batch["mention_spans"].shape[1] - 1
    turned = {**batch, "mention_spans": batch["mention_spans"].flip(1), "pairs": last - batch["pairs"]}
    torch.testing.assert_close(logits(model, turned)[0], expected, rtol=0, atol=1e-5)


def test_fault_06_duplicate_rows_get_the_same_scores(name):
    model, processor = EXTRACTORS[name].make()
    found = logits(model, processor([DOCUMENTS[0], DOCUMENTS[1], DOCUMENTS[0]]))
    torch.testing.assert_close(found[0], found[2], rtol=0, atol=1e-6)


BARE = document("Ada and Bob met.", "Ada", "Bob")  # a pair without a relation


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param([BARE, BARE], id="no-positives"),
        pytest.param([DOCUMENTS[3], DOCUMENTS[4]], id="no-pairs"),
        pytest.param([DOCUMENTS[4]], id="one-entity"),
        pytest.param([DOCUMENTS[3]], id="no-entity"),
        pytest.param([DOCUMENTS[1], DOCUMENTS[3]], id="some-without"),
    ],
)
def test_fault_05_no_positive_or_no_pair_gives_a_finite_loss_with_a_gradient(name, documents):
    model, processor = EXTRACTORS[name].make()
    check_finite(model, loss_of(name, model, processor, documents))
    assert all(weight.grad is not None for weight in head_weights(model, "tagger"))  # or processes would wait for ever


def test_pairs_that_do_not_count_teach_nothing(name):
    model, processor = EXTRACTORS[name].make()
    batch = EXTRACTORS[name].loss_inputs(processor, DOCUMENTS)
    batch["labels"] = torch.full_like(batch["labels"], -100)
    loss = model(**batch)[EXTRACTORS[name].term]
    loss.backward()
    assert loss.item() == 0 and all(weight.grad.abs().max() == 0 for weight in head_weights(model, "tagger"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_fault_48_half_precision_autocast_is_finite(name, dtype):
    model, processor = EXTRACTORS[name].make()
    check_half_precision(model, EXTRACTORS[name].loss_inputs(processor, DOCUMENTS), dtype, "logits")


def test_bfloat16_weights_load_and_run(name, tmp_path):
    model, processor = EXTRACTORS[name].make()
    model.save_pretrained(tmp_path)
    small = AutoModel.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    assert next(small.parameters()).dtype == torch.bfloat16
    batch = processor(DOCUMENTS)
    found, expected = torch.cat(logits(small, batch)), torch.cat(logits(model, batch))
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() < 0.1 + 0.1 * expected.abs().max()
    loss = small(**EXTRACTORS[name].loss_inputs(processor, DOCUMENTS)).loss
    check_finite(small, loss)


def test_fault_49_activation_checkpointing_gives_the_same_loss_and_gradients(name):
    check_activation_checkpointing(EXTRACTORS[name].make, lambda model, processor: loss_of(name, model, processor))


def test_inputs_are_not_modified(name):
    model, processor = EXTRACTORS[name].make()
    check_inputs_unchanged(model, EXTRACTORS[name].loss_inputs(processor, DOCUMENTS))


def test_eager_and_sdpa_attention_agree(name, tmp_path):
    model, processor = EXTRACTORS[name].make()
    check_eager_attention(model, lambda model: scores(model, processor(DOCUMENTS)), tmp_path)


def test_init_weights_covers_every_parameter_and_buffer(name, tmp_path):
    model, processor = EXTRACTORS[name].make()
    check_missing_weights(model, lambda model: scores(model, processor(DOCUMENTS)), tmp_path)


def test_labels_absent_means_no_loss_and_tuple_output_works(name):
    model, processor = EXTRACTORS[name].make()
    batch = processor(DOCUMENTS)
    assert model(**batch).loss is None
    plain = model(**batch, return_dict=False)
    assert isinstance(plain, tuple)
    torch.testing.assert_close(plain[0], model(**batch).logits)
    labelled = EXTRACTORS[name].loss_inputs(processor, DOCUMENTS)
    torch.testing.assert_close(model(**labelled, return_dict=False)[0], model(**labelled).loss)
    without = {column: value for column, value in batch.items() if column not in ("pairs", "mention_spans")}
    if hasattr(model, "kernels"):  # which may have a tagger, for texts without entities
        assert model(**without).logits is None
    else:
        with pytest.raises(UsageError, match="needs `mention_spans` and `pairs`"):
            model(**without)


def test_embedding_table_can_grow(name):
    check_table_grows(EXTRACTORS[name].make()[0])


def test_a_few_steps_lower_the_loss(name):
    model, processor = EXTRACTORS[name].make()
    batch = EXTRACTORS[name].loss_inputs(processor, DOCUMENTS)
    check_loss_falls(model, batch, EXTRACTORS[name].steps, lambda output: output.loss)


def test_adapters_train_with_the_heads_in_full_and_merge(name, tmp_path):
    model, processor = EXTRACTORS[name].make()
    batch = EXTRACTORS[name].loss_inputs(processor, DOCUMENTS)
    with_adapters = add_adapters(model, r=2)
    trained = {weight for weight, value in with_adapters.named_parameters() if value.requires_grad}
    heads = heads_of(model)
    for head in heads:
        own = {weight for weight, _ in getattr(model, head).modules_to_save["default"].named_parameters()}
        assert own and {weight.split(".default.")[-1] for weight in trained if f".{head}." in weight} == own
    assert all("lora_" in weight or any(f".{head}." in weight for head in heads) for weight in trained)
    assert sum("lora_" in weight for weight in trained) == 2 * 6 * 2  # A and B of six linear layers in two layers
    optimizer = torch.optim.Adam([value for value in with_adapters.parameters() if value.requires_grad], lr=1e-2)
    losses = []
    for _ in range(4):
        loss = with_adapters(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    expected = scores(with_adapters, processor(DOCUMENTS))
    merged = with_adapters.merge_and_unload()
    assert type(merged) is type(EXTRACTORS[name].make()[0])
    torch.testing.assert_close(scores(merged, processor(DOCUMENTS)), expected, rtol=1e-4, atol=1e-4)
    merged.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(scores(again, processor(DOCUMENTS)), scores(merged, processor(DOCUMENTS)))
