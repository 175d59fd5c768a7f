"""Bad input of pre-training, from documents to weights: a finite loss, with all documents in memory or one at a time, or a clear error."""

from __future__ import annotations

import math

import pytest
import torch

from hf_relation.errors import InvalidRowError
from hf_relation.models.pair_classification import PairClassificationModel
from hf_relation.training import ExtractionDataset, LearningOrderTrainer, PretrainingDataset, RelationPretrainer
from hf_relation.training.arguments import RelationTrainingArguments
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


def loss_of(trainer):
    """Of all documents in one batch."""
    rows = trainer.train_dataset
    return trainer.model(**trainer.data_collator([rows[row] for row in range(len(rows))]))


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
# All documents of a batch in memory, or one at a time.
MODES = [(case, 1 if number % 2 else None) for number, case in enumerate(CASES)]
MODES += [("no pair of one relation", 1), ("one relation only", 1), ("all never learned", None)]


@pytest.mark.parametrize(("case", "cached"), MODES)
def test_training_goes_on_with_a_finite_loss(case, cached, tmp_path):
    documents, orders, settings, expected = CASES[case]
    trainer = pretrainer(tmp_path, documents, orders, cached=cached, **settings)
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    found = loss_of(trainer)
    assert torch.isfinite(found.loss) and found.relation_loss.item() > (0 if expected is None else -1)
    assert expected is None or found.relation_loss.item() == pytest.approx(expected, abs=1e-5)
    trainer.train()
    assert all(torch.isfinite(weight).all() for weight in trainer.model.parameters())
    # A constant has no gradient, and in so few words none may be masked.
    moved = any(not torch.equal(weight, before[name]) for name, weight in trainer.model.named_parameters())
    assert moved or expected == ALONE
    scores = trainer.evaluate()
    assert all(math.isfinite(scores[f"eval_{part}"]) for part in ("loss", "relation_loss", "entity_loss", "mlm_loss"))
    logged = [entry for entry in trainer.state.log_history if "relation_loss" in entry]
    assert len(logged) == 2 and all(math.isfinite(entry["relation_loss"]) for entry in logged)


@pytest.mark.parametrize("case", ["one epoch", "all never learned"])
def test_an_order_that_tells_nothing_apart_weighs_all_the_same(case, tmp_path):
    documents, orders, settings, _ = CASES[case]
    found = loss_of(pretrainer(tmp_path, documents, orders, **settings))
    plain = loss_of(pretrainer(tmp_path, documents, None, alpha=1.0))
    torch.testing.assert_close(found.relation_loss, plain.relation_loss, rtol=0, atol=0)
    assert plain.relation_loss.item() > 0


def test_every_label_of_a_document_longer_than_the_model_is_in_a_window(tmp_path):
    rows = pretrainer(tmp_path, [LONG, ONE], [[1, 2], [4]], na_pairs=0).train_dataset
    assert len(rows) > 3 and max(rows.lengths) <= 128
    assert sorted(order for each in rows.rows for order in each.learning_order) == [1, 2, 4]


@pytest.mark.parametrize("name", ["\ufffd", "word " * 140])
def test_entities_without_tokens_or_longer_than_the_model_are_named(name, tmp_path):
    odd = document(f"Ada was born in {name}.", "Ada", name.strip() or name, relations=((0, 1, "born_in"),))
    with pytest.raises(
        InvalidRowError, match="row 1: (the tokenizer has no token for|entities 0 and 1 have mentions of)"
    ):
        pretrainer(tmp_path, [ONE, odd])


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
