"""FineCL: representations and losses against slow loops over the parts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoModelForPreTraining, BertConfig, BertForMaskedLM

from hf_relation.errors import UsageError
from hf_relation.losses import entity_discrimination_loss, relation_discrimination_loss
from hf_relation.models.finecl import FineCLConfig, FineCLForPreTraining, FineCLModel
from tests.common.tiny_models import tiny_backbone, tiny_finecl


NAMES = {0: "born_in", 1: "founded_by", 2: "none"}


def with_mentions(text, entities):
    """Entities by their names, one for every mention, in the order of the text within an entity."""
    mentions, listed = [], []
    for names in entities:
        places, start = [], 0
        for name in names:
            start = text.index(name, start)
            places.append(len(mentions))
            mentions.append({"start": start, "end": start + len(name)})
            start += 1
        listed.append({"mentions": places})
    return {"text": text, "mentions": mentions, "entities": listed}


DOCUMENTS = [
    with_mentions("Ada was born in Lindau . Ada founded Acme .", [["Ada", "Ada"], ["Lindau"], ["Acme"]]),
    with_mentions("Bruno was born in Morel .", [["Bruno"], ["Morel"]]),
    with_mentions("Acme was founded by Celia in Nyborg .", [["Acme"], ["Celia"], ["Nyborg"]]),
]
PAIRS = [[(0, 1), (0, 2), (0, 1)], [(0, 1)], [(0, 1), (0, 2), (1, 2)]]
LABELS = [[0, 1, 1], [0], [1, 2, 2]]  # the first pair has two relations
ORDER = [[1, 3, -1], [2], [4, 1, 1]]


def pretraining(**settings):
    return tiny_finecl(**({"pretraining": True, "id2label": NAMES} | settings))


def batch_of(processor, documents=DOCUMENTS, pairs=PAIRS, labels=LABELS, order=ORDER):
    windows = processor.encode(documents, pairs=pairs)
    batch = processor.pad(windows)
    width = batch["pairs"].shape[1]
    for name, rows in (("labels", labels), ("learning_order", order)):
        padded = [[*row, *[-100 if name == "labels" else -1] * (width - len(row))] for row in rows]
        batch[name] = torch.tensor(padded)
    return batch


def slow_entities(states, batch, text):
    """Entity number -> mean over mentions of means over tokens."""
    of_entity = {}
    spans = zip(batch["mention_spans"][text].tolist(), batch["mention_entities"][text].tolist(), strict=True)
    for (start, end), entity in spans:
        if start >= 0:
            of_entity.setdefault(entity, []).append(states[text, start:end].mean(0))
    return {entity: torch.stack(mentions).mean(0) for entity, mentions in of_entity.items()}


@pytest.fixture(scope="module")
def made():
    model, processor = pretraining()
    batch = batch_of(processor)
    with torch.no_grad():
        return model, batch, model(**batch)


def test_entities_are_means_over_mentions_and_relations_head_then_tail(made):
    _, batch, output = made
    assert output.relations.shape == (3, 3, 64)
    for text, pairs in enumerate(PAIRS):
        entities = slow_entities(output.last_hidden_state, batch, text)
        for place, (head, tail) in enumerate(pairs):
            torch.testing.assert_close(output.relations[text, place], torch.cat([entities[head], entities[tail]]))
    assert not output.relations[1, 1:].any(), "padding"


def test_the_losses_are_those_of_all_pairs_and_of_the_triples(made):
    model, batch, output = made
    rows, labels, weights, names = [], [], [], []
    for text, pairs in enumerate(PAIRS):
        entities = slow_entities(output.last_hidden_state, batch, text)
        for pair, label, order in zip(pairs, LABELS[text], ORDER[text], strict=True):
            rows.append(torch.cat([entities[pair[0]], entities[pair[1]]]))
            labels.append(label)
            weights.append(1.0 if order == -1 else math.e ** ((4 - order) / 3))
            names.append((text, pair))
    apart = torch.tensor([[a == b for a in names] for b in names])
    expected = relation_discrimination_loss(
        torch.stack(rows), torch.tensor(labels), torch.tensor(weights), apart=apart, temperature=0.3, na_label=2
    )
    torch.testing.assert_close(output.relation_loss, expected)
    by_text = []
    for text, pairs in enumerate(PAIRS):
        entities = slow_entities(output.last_hidden_state, batch, text)
        stacked = torch.stack([entities[number] for number in sorted(entities)])
        related = [pair for pair, label in zip(pairs, LABELS[text], strict=True) if label != 2]
        by_text.append(entity_discrimination_loss(stacked[None], torch.tensor([related]), temperature=0.3))
    torch.testing.assert_close(output.entity_loss, torch.stack(by_text).sum())
    torch.testing.assert_close(output.loss, output.relation_loss + output.entity_loss)
    assert output.mlm_loss is None


def test_given_weights_go_before_the_learning_order():
    model, processor = pretraining(first_epoch=1, last_epoch=4)
    batch = batch_of(processor)
    by_order = model(**batch).relation_loss
    order = batch["learning_order"]
    weights = torch.where(order == -1, 1.0, math.e ** ((4 - order) / 3))
    given = model(**{**batch, "learning_order": None, "pair_weights": weights}).relation_loss
    torch.testing.assert_close(given, by_order)
    both = model(**{**batch, "pair_weights": torch.ones_like(weights)}).relation_loss
    torch.testing.assert_close(both, model(**{**batch, "learning_order": None}).relation_loss)
    assert not torch.allclose(both, by_order)
    with pytest.raises(UsageError, match="`pair_weights` must have shape"):
        model(**{**batch, "pair_weights": weights[:, :1]})


def test_weights_of_the_parts_and_plain_contrastive_learning():
    model, processor = pretraining(alpha=1.0, relation_weight=0.5, entity_weight=0.0)
    batch = batch_of(processor)
    output = model(**batch)
    unweighted = model(**{**batch, "learning_order": None})
    torch.testing.assert_close(output.relation_loss, unweighted.relation_loss)
    torch.testing.assert_close(output.loss, 0.5 * output.relation_loss)
    assert output.entity_loss is None


def test_pairs_that_share_an_entity_can_be_kept_apart():
    model, processor = pretraining(skip_shared_entities=True, entity_weight=0.0)
    batch = batch_of(processor)
    names = [(text, pair) for text, pairs in enumerate(PAIRS) for pair in pairs]
    apart = torch.tensor([[a[0] == b[0] and bool(set(a[1]) & set(b[1])) for a in names] for b in names])
    output = model(**batch)
    there = batch["labels"] != -100
    order = batch["learning_order"][there].float()
    weights = torch.where(order < 0, torch.ones(()), math.e ** ((4 - order) / 3))
    expected = relation_discrimination_loss(
        output.relations[there], batch["labels"][there], weights, apart=apart, temperature=0.3, na_label=2
    )
    torch.testing.assert_close(output.loss, expected)


def test_the_masked_words_loss_is_that_of_berts_head():
    model, processor = pretraining()
    batch = batch_of(processor)
    torch.manual_seed(1)
    mlm_labels = torch.where(torch.rand(batch["input_ids"].shape) < 0.4, batch["input_ids"], -100)
    output = model(**batch, mlm_labels=mlm_labels)
    reference = BertForMaskedLM(BertConfig(**tiny_backbone("bert", processor.vocab_size))).eval()
    reference.bert.load_state_dict(model.backbone.state_dict(), strict=False)
    transform = reference.cls.predictions.transform
    transform.dense.load_state_dict(model.lm_head.dense.state_dict())
    transform.LayerNorm.load_state_dict(model.lm_head.norm.state_dict())
    nn.init.zeros_(reference.cls.predictions.bias)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    expected = reference(**inputs, labels=mlm_labels).loss
    torch.testing.assert_close(output.mlm_loss, expected)
    torch.testing.assert_close(output.loss, output.relation_loss + output.entity_loss + expected)


def test_saved_as_pre_training_it_loads_as_both(tmp_path):
    model, processor = pretraining()
    batch = batch_of(processor)
    model.save_pretrained(tmp_path)
    again = AutoModelForPreTraining.from_pretrained(tmp_path).eval()
    assert type(again) is FineCLForPreTraining
    torch.testing.assert_close(again(**batch).loss, model(**batch).loss, rtol=0, atol=0)
    plain = AutoModel.from_pretrained(tmp_path).eval()
    assert type(plain) is FineCLModel
    inputs = {name: value for name, value in batch.items() if name not in ("labels", "learning_order")}
    torch.testing.assert_close(plain(**inputs).relations, model(**inputs).relations, rtol=0, atol=0)


@pytest.mark.parametrize(
    "labels", [[[-100] * 3] * 3, [[0, 1, 2], [-100] * 3, [-100] * 3], [[2] * 3, [2, -100, -100], [2] * 3]]
)
def test_without_a_positive_pair_the_loss_is_finite_with_a_gradient(labels):
    model, processor = pretraining()
    batch = batch_of(processor)
    batch["labels"] = torch.tensor(labels)
    output = model(**batch, mlm_labels=torch.full_like(batch["input_ids"], -100))
    output.loss.backward()
    assert output.relation_loss.item() == 0 and output.mlm_loss.item() == 0 and torch.isfinite(output.loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_wrong_settings_and_batches_are_refused():
    backbone = tiny_backbone("bert", 50)
    for settings, said in (
        ({"temperature": 0}, "`temperature`"),
        ({"first_epoch": 3, "last_epoch": 2}, "`last_epoch` must be at least `first_epoch`"),
        ({"first_epoch": 0}, "`first_epoch` must be from 1"),
        ({"na_relation": "nothing"}, "'nothing', which is not among the relations"),
        ({"reduction": "none"}, "`reduction`"),
        ({"mlm_weight": -1}, "`mlm_weight`"),
        ({"never_weight": 0}, "`never_weight`"),
    ):
        with pytest.raises(UsageError, match=said):
            FineCLConfig(backbone_config=backbone, **settings)
    with pytest.raises(UsageError, match="FineCL reads all entities of a text at once"):
        FineCLModel(FineCLConfig(backbone_config={"model_type": "relation_cnn", "vocab_size": 30}))
    model, processor = pretraining()
    batch = batch_of(processor)
    with pytest.raises(UsageError, match=r"`labels`\[1, 1\] is 0, but that pair is padding"):
        model(**{**batch, "labels": torch.zeros_like(batch["labels"])})
    with pytest.raises(UsageError, match=r"`learning_order` must have shape \(3, 3\)"):
        model(**{**batch, "learning_order": batch["learning_order"][:, :1]})
    with pytest.raises(UsageError, match="`pairs` need `mention_spans`"):
        model(**{**batch, "mention_spans": None})
    with pytest.raises(UsageError, match="holds the epoch 9"):
        model(**{**batch, "learning_order": torch.full_like(batch["learning_order"], 9)})
