"""The pair classifier: its parts against loops and torch's own losses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from hf_relation.errors import UsageError
from hf_relation.models.pair_classification import PairClassificationConfig, PairClassificationModel
from hf_relation.processing import DocumentProcessor
from tests.common.tiny_documents import labelled_windows, sample_documents
from tests.common.tiny_models import tiny_backbone, tiny_pair_classification
from tests.common.tiny_tokenizers import tiny_tokenizer


NAMES = ["born_in", "founded_by", "flows_into"]
DOCUMENTS = sample_documents()
SINGLE = {"kind": "single_label", "na_relation": "other"}


def made(**settings):
    return tiny_pair_classification(**({"initializer_range": 0.2} | settings))


def rows_of(batch, output):
    """One row a real pair: class scores, log-odds, labels, text, pair."""
    real = (batch["pairs"] >= 0).all(-1)
    text, place = real.nonzero(as_tuple=True)
    return output.class_logits[real], output.logits[real], batch["labels"][real], text, batch["pairs"][text, place]


@pytest.mark.parametrize("settings", [{}, {"text": "mean"}, {"text": "cls", "hidden_dim": 6}])
def test_linear_scores_are_one_layer_over_head_tail_and_text(settings):
    model, processor = made(**settings)
    batch = labelled_windows(processor, DOCUMENTS, NAMES)
    output = model(**batch)
    scores, _, _, texts, pairs = rows_of(batch, output)
    for row, (text, pair) in enumerate(zip(texts.tolist(), pairs.tolist(), strict=True)):
        parts = []
        for mention in pair:
            start, end = batch["mention_spans"][text, mention].tolist()
            parts.append(output.last_hidden_state[text, start:end].mean(0))
        if settings.get("text") == "mean":
            parts.append(output.last_hidden_state[text][batch["attention_mask"][text] == 1].mean(0))
        if settings.get("text") == "cls":
            parts.append(output.last_hidden_state[text, 0])
        joined = torch.cat(parts)
        if "hidden_dim" in settings:
            joined = torch.tanh(model.pair_layer.weight @ joined + model.pair_layer.bias)
        torch.testing.assert_close(scores[row], model.classifier.weight @ joined + model.classifier.bias)


@pytest.mark.parametrize("hidden_dim", [None, 5])
def test_bilinear_scores_are_a_form_for_every_relation(hidden_dim):
    model, processor = made(combination="bilinear", hidden_dim=hidden_dim)
    batch = labelled_windows(processor, DOCUMENTS, NAMES)
    output = model(**batch)
    scores, _, _, texts, pairs = rows_of(batch, output)
    width = hidden_dim or 32
    forms = model.bilinear.weight.view(3, width, width)  # score c: sum over j of (W_c head)_j tail_j
    for row, (text, pair) in enumerate(zip(texts.tolist(), pairs.tolist(), strict=True)):
        ends = []
        for mention in pair:
            start, end = batch["mention_spans"][text, mention].tolist()
            state = output.last_hidden_state[text, start:end].mean(0)
            ends.append(
                state if hidden_dim is None else torch.tanh(model.pair_layer.weight @ state + model.pair_layer.bias)
            )
        expected = torch.einsum("cji,i,j->c", forms, *ends) + model.classifier(torch.cat(ends))
        torch.testing.assert_close(scores[row], expected)


def test_entities_of_several_mentions_are_their_mean():
    text = "Ada met Bob. Ada left."
    mentions = [{"start": 0, "end": 3}, {"start": 8, "end": 11}, {"start": 13, "end": 16}]
    entities = [{"mentions": [0, 2]}, {"mentions": [1]}]
    document = {"text": text, "mentions": mentions, "entities": entities}
    model, processor = made()
    batch = processor([document], pairs=[[(0, 1)]])
    states = model.backbone(
        **{name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    ).last_hidden_state[0]
    means = [states[start:end].mean(0) for start, end in batch["mention_spans"][0].tolist()]
    expected = model.classifier(torch.cat([(means[0] + means[2]) / 2, means[1]]))
    torch.testing.assert_close(model(**batch).logits[0, 0], expected)
    nearest = model(**{name: value for name, value in batch.items() if name != "mention_entities"}).logits[0, 0]
    assert not torch.allclose(nearest, expected)


def test_several_labels_are_binary_cross_entropy_over_the_pairs_that_count():
    model, processor = made(positive_weight=3.0)
    batch = labelled_windows(processor, DOCUMENTS, NAMES)
    batch["labels"][0, 1] = -100
    output = model(**batch)
    scores, log_odds, labels, _, _ = rows_of(batch, output)
    torch.testing.assert_close(log_odds, scores)
    kept = (labels >= 0).all(-1)
    cells = functional.binary_cross_entropy_with_logits(scores[kept], labels[kept], reduction="none")
    torch.testing.assert_close(output.loss, (cells * (1 + 2 * labels[kept])).mean())


def test_one_label_is_cross_entropy_with_no_relation_as_the_last_class():
    model, processor = made(**SINGLE)
    batch = labelled_windows(processor, DOCUMENTS, NAMES)
    output = model(**batch)
    scores, log_odds, labels, _, _ = rows_of(batch, output)
    assert scores.shape[1] == 4 and log_odds.shape[1] == 3
    torch.testing.assert_close(log_odds.sigmoid(), scores.softmax(-1)[:, :3])
    classes = torch.tensor([row.index(1.0) if 1.0 in row else 3 for row in labels.tolist()])
    torch.testing.assert_close(output.loss, functional.cross_entropy(scores, classes))


def test_a_certain_label_has_finite_odds():
    model, processor = made(**SINGLE)
    with torch.no_grad():
        model.classifier.bias[0] = 200.0
    logits = model(**processor(DOCUMENTS[:1])).logits
    assert torch.isfinite(logits).all() and (logits[..., 0] >= 16).all() and (logits[..., 1:] < -100).all()


@pytest.mark.parametrize("settings", [{}, SINGLE])
def test_no_pair_that_counts_is_zero_with_a_gradient(settings):
    model, processor = made(**settings)
    batch = labelled_windows(processor, DOCUMENTS, NAMES)
    loss = model(**{**batch, "labels": torch.full_like(batch["labels"], -100)}).loss
    loss.backward()
    assert loss.item() == 0 and not model.classifier.weight.grad.any()


def test_wrong_settings_and_labels_are_refused():
    for settings, said in (
        ({"id2label": {1: "a"}}, "must number the relations 0, 1"),
        ({"id2label": {0: "a", 1: "a"}}, "every relation once"),
        ({"na_relation": "born_in"}, "is among the relations"),
        ({"kind": "several"}, "`kind` must be one of"),
        ({"combination": "sum"}, "`combination`"),
        ({"text": "pooler"}, "`text`"),
        ({"dropout": 1.0}, "`dropout` must be below 1"),
        ({"hidden_dim": 0}, "`hidden_dim`"),
        ({"positive_weight": 0}, "`positive_weight`"),
    ):
        with pytest.raises(UsageError, match=said):
            PairClassificationConfig(**({"id2label": {0: "born_in"}} | settings))
    cnn = {"model_type": "relation_cnn", "vocab_size": 30}
    with pytest.raises(UsageError, match="The classifier reads all pairs of a text at once"):
        PairClassificationModel(PairClassificationConfig(backbone_config=cnn, id2label={0: "born_in"}))
    model, processor = made(**SINGLE)
    batch = labelled_windows(processor, DOCUMENTS, NAMES)
    with pytest.raises(UsageError, match=r"`labels`\[0, 0\] has several relations"):
        model(**{**batch, "labels": torch.ones_like(batch["labels"])})
    without, _ = made()
    with pytest.raises(UsageError, match=r"`labels` must have shape"):
        without(**{**batch, "labels": batch["labels"][..., :2]})
    with pytest.raises(UsageError, match="needs `mention_spans` and `pairs`"):
        without(input_ids=batch["input_ids"])


def test_one_label_without_a_class_for_none_needs_a_relation_for_every_pair():
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=128)
    config = PairClassificationConfig(
        backbone_config=tiny_backbone("bert", processor.vocab_size),
        kind="single_label",
        id2label=dict(enumerate(NAMES)),
    )
    model = PairClassificationModel(config).eval()
    batch = labelled_windows(processor, DOCUMENTS, NAMES)
    with pytest.raises(UsageError, match="has no relation: give the config a `na_relation`"):
        model(**batch)
    assert torch.isfinite(model(**labelled_windows(processor, DOCUMENTS, NAMES, pairs="labelled")).loss)
