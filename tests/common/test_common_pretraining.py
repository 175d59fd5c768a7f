"""Checks that every model passes that is there to train an encoder; a model is registered once, in PRETRAINING."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from transformers import AutoModel, AutoModelForPreTraining, PreTrainedModel

import hf_relation  # noqa: F401  (registers the classes with the Auto classes)
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
    pad_right,
)
from tests.common.tiny_documents import document, labelled_pairs, sample_documents
from tests.common.tiny_models import ENCODER_KINDS, tiny_finecl


DOCUMENTS = sample_documents()
TOKEN_COLUMNS = ("input_ids", "attention_mask", "token_type_ids", "text_token_mask", "mlm_labels")
PAIR_FILLERS = {"mention_entities": -1, "labels": -100, "learning_order": -1}


class Pretraining(NamedTuple):
    """`make(kind)` gives a model and its processor, `auto` loads it; one with heads has a loss for what `labelled_pairs` makes."""

    make: Callable[..., tuple[PreTrainedModel, Any]]
    auto: Any = AutoModelForPreTraining
    kinds: tuple[str, ...] = ENCODER_KINDS
    steps: int = 15


# Every new model for pre-training adds its lines here: what is kept of it, and what trains it.
PRETRAINING: dict[str, Pretraining] = {
    "finecl": Pretraining(tiny_finecl, AutoModel),
    "finecl-pretraining": Pretraining(lambda kind="bert", **settings: tiny_finecl(kind, pretraining=True, **settings)),
    "finecl-pretraining-authors": Pretraining(
        lambda kind="bert", **settings: tiny_finecl(
            kind,
            pretraining=True,
            late_from=3,
            weighted_positive=False,
            num_negatives=2,
            skip_shared_entities=True,
            reduction="mean",
            never_weight=0.5,
            **settings,
        ),
        kinds=("bert",),
    ),
}
WITH_LOSS = [name for name, family in PRETRAINING.items() if family.auto is AutoModelForPreTraining]
EVERY_KIND = pytest.mark.parametrize("name, kind", [(n, kind) for n in PRETRAINING for kind in PRETRAINING[n].kinds])


@pytest.fixture(params=sorted(PRETRAINING))
def name(request):
    return request.param


def inputs_of(name: str, processor: Any, documents: list[dict[str, Any]] = DOCUMENTS) -> dict[str, torch.Tensor]:
    """A batch; for a model with a loss also its labels: relations, when they were learned, and masked words."""
    return labelled_pairs(processor, documents) if name in WITH_LOSS else dict(processor(documents))


@torch.inference_mode()
def scores(model: PreTrainedModel, processor: Any) -> torch.Tensor:
    """Relations and entities of the sample documents, and with a head for words what it says of them."""
    batch = processor(DOCUMENTS)
    output = model(**batch)
    found = [output.relations[(batch["pairs"] >= 0).all(-1)], output.entities[(batch["mention_spans"] >= 0).all(-1)]]
    if hasattr(model, "lm_head"):
        words = output.last_hidden_state[batch["attention_mask"] == 1]
        found.append(model.lm_head(words, model.get_input_embeddings())[:, : processor.vocab_size])
    return torch.cat([rows.flatten().float() for rows in found])


def loss_of(name: str, model: PreTrainedModel, processor: Any) -> torch.Tensor:
    """The loss; of a model without one, what moves all of it."""
    torch.manual_seed(0)  # some draw their negatives
    output = model(**inputs_of(name, processor))
    return output.loss if name in WITH_LOSS else output.relations.square().mean()


@EVERY_KIND
def test_relations_are_one_row_a_pair(name, kind):
    model, processor = PRETRAINING[name].make(kind)
    batch = processor(DOCUMENTS)
    found = model(**batch).relations
    assert found.shape == (*batch["pairs"].shape[:2], model.config.relation_dim)
    assert torch.isfinite(found).all() and (found[(batch["pairs"] < 0).any(-1)] == 0).all()


@EVERY_KIND
def test_save_and_load_through_the_auto_classes_changes_nothing(name, kind, tmp_path):
    model, processor = PRETRAINING[name].make(kind)
    check_loading(model, processor, scores, tmp_path, auto=PRETRAINING[name].auto)


def test_checks_of_every_model(name, tmp_path):
    family = PRETRAINING[name]
    model, processor = family.make()
    check_config_bytes(model, tmp_path)
    check_seed(family.make)
    check_inputs_unchanged(model, inputs_of(name, processor))
    check_eager_attention(model, lambda model: scores(model, processor), tmp_path / "eager", auto=family.auto)
    check_missing_weights(model, lambda model: scores(model, processor), tmp_path / "missing", auto=family.auto)
    check_activation_checkpointing(family.make, lambda model, processor: loss_of(name, model, processor))


@pytest.mark.parametrize("name", WITH_LOSS)
def test_a_few_steps_lower_the_loss(name):
    model, processor = PRETRAINING[name].make()
    check_loss_falls(model, inputs_of(name, processor), PRETRAINING[name].steps, lambda output: output.loss)


@pytest.mark.parametrize("kind", ENCODER_KINDS)
def test_fault_10_padding_changes_no_loss(kind):
    model, processor = PRETRAINING["finecl-pretraining"].make(kind)
    batch = inputs_of("finecl-pretraining", processor)
    padded = pad_right(batch, TOKEN_COLUMNS, processor.tokenizer.pad_token_id)
    padded["mlm_labels"] = padded["mlm_labels"].masked_fill(padded["attention_mask"] == 0, -100)
    for column in ("mention_spans", "pairs"):
        padded[column] = torch.nn.functional.pad(padded[column], (0, 0, 0, 2), value=-1)
    for column, filler in PAIR_FILLERS.items():
        padded[column] = torch.nn.functional.pad(padded[column], (0, 2), value=filler)
    found, expected = model(**padded), model(**batch)
    for part in ("loss", "relation_loss", "entity_loss", "mlm_loss"):
        torch.testing.assert_close(found[part], expected[part], rtol=1e-4, atol=1e-4)


def test_faults_06_and_07_order_and_company_change_no_representation():
    model, processor = PRETRAINING["finecl"].make()
    batch = processor(DOCUMENTS)
    with torch.inference_mode():
        together = model(**batch).relations
        for row, alone in enumerate(DOCUMENTS):
            of_one = processor([alone])
            found = model(**of_one).relations[0][(of_one["pairs"][0] >= 0).all(-1)]
            torch.testing.assert_close(found, together[row][(batch["pairs"][row] >= 0).all(-1)], rtol=0, atol=1e-5)
        twice = model(**processor([DOCUMENTS[0], DOCUMENTS[2], DOCUMENTS[0]])).relations
    torch.testing.assert_close(twice[0], twice[2], rtol=0, atol=1e-6)


BARE = document("Ada and Bob met.", "Ada", "Bob")  # a pair without a relation
ONE = document("Ada was born in Lindau.", "Ada", "Lindau", relations=((0, 1, "born_in"),))


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param([BARE, BARE], id="no-relation"),
        pytest.param([DOCUMENTS[3], DOCUMENTS[4]], id="no-pairs"),
        pytest.param([DOCUMENTS[3]], id="no-entity"),
        pytest.param([ONE], id="one-pair"),
        pytest.param([ONE, DOCUMENTS[6]], id="two-of-one-relation"),
        pytest.param([ONE, ONE], id="one-relation-only"),
    ],
)
@pytest.mark.parametrize("name", WITH_LOSS)
def test_fault_05_without_positives_the_loss_is_finite_with_a_gradient_for_all(name, documents):
    model, processor = PRETRAINING[name].make()
    output = model(**inputs_of(name, processor, documents))
    check_finite(model, output.loss)
    assert all(weight.grad is not None for weight in model.lm_head.parameters())  # or processes would wait for ever


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", WITH_LOSS)
def test_fault_48_half_precision_autocast_is_finite(name, dtype):
    model, processor = PRETRAINING[name].make()
    check_half_precision(model, inputs_of(name, processor), dtype, "relations")


@pytest.mark.parametrize("name", WITH_LOSS)
def test_a_table_that_grew_has_scores_for_its_new_words(name, tmp_path):
    model, processor = PRETRAINING[name].make()
    expected = scores(model, processor)
    size = model.config.vocab_size
    model.resize_token_embeddings(size + 3)
    model.save_pretrained(tmp_path)
    for each in (model, AutoModelForPreTraining.from_pretrained(tmp_path).eval()):
        assert torch.equal(scores(each, processor), expected)
        assert each.lm_head.bias.shape == (size + 3,) and not each.lm_head.bias[size:].any()
        batch = inputs_of(name, processor)
        batch["mlm_labels"][0, 1] = size + 2
        check_finite(each, each(**batch).loss)
    model.resize_token_embeddings(size - 2)
    assert model.lm_head.bias.shape == (size - 2,) and model.config.vocab_size == size - 2


def test_labels_absent_means_no_loss_and_tuple_output_works(name):
    model, processor = PRETRAINING[name].make()
    batch = processor(DOCUMENTS)
    output = model(**batch)
    assert output.get("loss") is None
    plain = model(**batch, return_dict=False)
    assert isinstance(plain, tuple)
    torch.testing.assert_close(plain[0], output.relations)
    if name in WITH_LOSS:
        torch.manual_seed(0)
        first = model(**inputs_of(name, processor), return_dict=False)[0]
        torch.testing.assert_close(first, loss_of(name, model, processor))
    without = {column: value for column, value in batch.items() if column not in ("pairs", "mention_spans")}
    assert model(**without).relations is None
