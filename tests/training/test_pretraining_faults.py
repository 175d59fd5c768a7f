"""Bad input of pre-training, from documents to weights: a finite loss, with all documents in memory or one at a time, or a clear error."""

from __future__ import annotations

import math
from contextlib import nullcontext

import pytest
import torch

from hf_relation.errors import InvalidRowError
from hf_relation.models.pair_classification import PairClassificationModel
from hf_relation.training import (
    ExtractionDataset,
    LearningOrderTrainer,
    PretrainingCollator,
    PretrainingDataset,
    RelationPretrainer,
    RelationTrainingArguments,
)
from hf_relation.training.pretraining_cache import cached_pretraining_loss
from tests.common.tiny_documents import document, sample_documents
from tests.common.tiny_models import tiny_finecl, tiny_pair_classification


DOCUMENTS = sample_documents()
NAMES = ["born_in", "founded_by", "flows_into", "none"]
LABELS = {name: number for number, name in enumerate(NAMES)}
WITHOUT = DOCUMENTS[3:5]  # no entity; one entity
BARE = document("Ada and Bob met.", "Ada", "Bob")
ONE = document("Ada was born in Lindau.", "Ada", "Lindau", relations=((0, 1, "born_in"),))
TWO = document("Bruno left Morel.", "Bruno", "Morel", relations=((0, 1, "born_in"),))
# Longer than the model: the first two entities, and the last two, fit into a window together, a third mention lies between.
LONG = document(
    "Ada was born in Lindau. "
    + "It rained and the river rose. " * 30
    + "Nyborg is old. "
    + "It went on. " * 60
    + "Celia left Orn.",
    *("Ada", "Lindau", "Nyborg", "Celia", "Orn"),
    relations=((0, 1, "born_in"), (3, 4, "born_in")),
)


def dataset(processor, documents, orders=None, na_pairs=1):
    na = "none" if na_pairs else None
    return PretrainingDataset(documents, processor, LABELS, learning_order=orders, na_relation=na, na_pairs=na_pairs)


def pretrainer(folder, documents, orders=None, *, cached=None, na_pairs=1, **config):
    model, processor = tiny_finecl(pretraining=True, **config)
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        save_strategy="no",
        logging_steps=1,
        max_steps=2,
        learning_rate=1e-2,
        gradient_cache_rows=cached,
    )
    rows = PretrainingDataset(
        documents,
        processor,
        LABELS,
        learning_order=orders,
        na_relation="none" if na_pairs else None,
        na_pairs=na_pairs,
    )
    return RelationPretrainer(model, args, processor, rows, rows, batch_size=4)


# One relation alone has nothing to be told apart from: of two pairs the loss is f(A) ln f(B) + f(B) ln f(A), f = e and e^(1/3).
ALONE = math.e / 3 + math.exp(1 / 3)
CASES = {
    # documents, learning orders, settings, and the relation loss of all documents; None: some number above 0
    "no entities among others": ([ONE, TWO, *WITHOUT], None, {}, None),
    "no relation at all": ([BARE, BARE, *WITHOUT], None, {}, 0.0),
    "no pair of one relation": ([ONE, BARE], None, {}, 0.0),
    "no pair but a class without one": ([ONE, BARE], None, {"na_pairs": 0}, 0.0),
    "one relation only": ([ONE, TWO], [[1], [3]], {"na_pairs": 0}, ALONE),
    "one relation, negatives drawn": ([ONE, TWO], [[1], [3]], {"na_pairs": 0, "num_negatives": 2}, ALONE),
    "one epoch": ([ONE, TWO, DOCUMENTS[0]], [[1], [1], [1, 1]], {"last_epoch": 1}, None),
    "all never learned": ([ONE, TWO, DOCUMENTS[0]], [[-1], [-1], [-1, -1]], {}, None),
    "one document": ([DOCUMENTS[0]], None, {"na_pairs": 0}, 0.0),
    "longer than the model": ([LONG, ONE], [[1, 2], [4]], {}, None),
}


def batch_of(documents, orders=None, *, na_pairs=1, **config):
    """A model without dropout, and all documents in one batch."""
    model, processor = tiny_finecl(pretraining=True, **config)
    rows = dataset(processor, documents, orders, na_pairs)
    return model, PretrainingCollator(processor, mask_share=0.5)([rows[row] for row in range(len(rows))])


@pytest.mark.parametrize("case", CASES)
def test_the_loss_is_finite_with_all_documents_in_memory_and_with_one_at_a_time(case):
    documents, orders, settings, expected = CASES[case]
    model, batch = batch_of(documents, orders, **settings)
    found = model(**batch)
    found.loss.backward()
    assert torch.isfinite(found.loss) and found.relation_loss.item() > (0 if expected is None else -1)
    assert expected is None or found.relation_loss.item() == pytest.approx(expected, abs=1e-5)
    gradients = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)
    model.zero_grad()
    loss, terms, finite = cached_pretraining_loss(
        model, model, batch, 1, backward=torch.Tensor.backward, no_sync=nullcontext
    )
    loss.backward()
    assert finite.all() and terms.keys() == {"relation_loss", "entity_loss", "mlm_loss"}
    torch.testing.assert_close(loss, found.loss, rtol=1e-4, atol=1e-4)
    cached = [weight.grad for weight in model.parameters() if weight.grad is not None]
    for one, other in zip(gradients, cached, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("case", "cached"), [("no relation at all", 1), ("one relation only", None), ("longer than the model", 1)]
)
def test_training_goes_on_to_its_end(case, cached, tmp_path):
    documents, orders, settings, _ = CASES[case]
    trainer = pretrainer(tmp_path, documents, orders, cached=cached, **settings)
    trainer.train()
    assert all(torch.isfinite(weight).all() for weight in trainer.model.parameters())
    scores = trainer.evaluate()
    assert all(math.isfinite(scores[f"eval_{part}"]) for part in ("loss", "relation_loss", "entity_loss", "mlm_loss"))
    logged = [entry for entry in trainer.state.log_history if "relation_loss" in entry]
    assert len(logged) == 2 and all(math.isfinite(entry["relation_loss"]) for entry in logged)


@pytest.mark.parametrize("case", ["one epoch", "all never learned"])
def test_an_order_that_tells_nothing_apart_weighs_all_the_same(case):
    documents, orders, settings, _ = CASES[case]
    model, batch = batch_of(documents, orders, **settings)
    plain, unordered = batch_of(documents, None, alpha=1.0)
    found, expected = model(**batch).relation_loss, plain(**unordered).relation_loss
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert expected.item() > 0


def test_every_label_of_a_document_longer_than_the_model_is_in_a_window():
    rows = dataset(tiny_finecl()[1], [LONG, ONE], [[1, 2], [4]], 0)
    assert len(rows) > 3 and max(rows.lengths) <= 128
    assert sorted(order for each in rows.rows for order in each.learning_order) == [1, 2, 4]


@pytest.mark.parametrize("name", ["\ufffd", "word " * 140])
def test_entities_without_tokens_or_longer_than_the_model_are_named(name):
    odd = document(f"Ada was born in {name}.", "Ada", name.strip() or name, relations=((0, 1, "born_in"),))
    with pytest.raises(
        InvalidRowError, match="row 1: (the tokenizer has no token for|entities 0 and 1 have mentions of)"
    ):
        dataset(tiny_finecl()[1], [ONE, odd])


@pytest.mark.parametrize(
    ("kind", "documents"),
    [("single_label", [ONE]), ("single_label", [ONE, *WITHOUT, BARE]), ("multi_label", [ONE, BARE])],
)
def test_a_learning_order_of_little(kind, documents, tmp_path):
    """The first stage, and fine-tuning: one relation alone, documents without entities or relations."""
    na = {"na_relation": "none"} if kind == "single_label" else {}
    model, processor = tiny_pair_classification("bert", kind=kind, id2label={0: "born_in"}, **na)
    rows = ExtractionDataset(documents, processor, model.config.label2id)
    args = RelationTrainingArguments(
        output_dir=str(tmp_path),
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        save_strategy="no",
        num_train_epochs=2,
    )
    trainer = LearningOrderTrainer(model, args, processor, rows, batch_size=2)
    trainer.train()
    assert isinstance(trainer.model, PairClassificationModel)
    assert all(torch.isfinite(weight).all() for weight in trainer.model.parameters())
    assert len(trainer.learning_order.epochs) == 1 and trainer.learning_order.epochs[0] in (-1, 1, 2)
