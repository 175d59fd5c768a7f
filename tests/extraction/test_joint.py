"""tag_and_score: one pass gives what tagging and then scoring the tagged documents give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hf_relation.data import candidate_pairs
from hf_relation.errors import HfRelationError, InvalidRowError, UsageError
from hf_relation.extraction import joint, score_documents, tag_and_score
from hf_relation.processing import DocumentProcessor
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import KINDS, tiny_kernel_re
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


TEXTS = [row["text"] for row in (*sample_documents(), *sample_instances(2))]


def with_tagger(kind: str = "bert", **settings: Any) -> Any:
    model, processor = tiny_kernel_re(kind, entity_types=["PERSON", "PLACE"], **settings)
    with torch.no_grad():  # random weights find about one entity in three tokens
        model.tagger.emit.weight.mul_(20)
    return model, processor


@pytest.fixture(scope="module")
def parts() -> Any:
    return with_tagger()


def check_equal(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for (document, scores), (other, others) in zip(found, expected, strict=True):
        assert document == other and scores.pairs == others.pairs
        np.testing.assert_allclose(scores.logits, others.logits, atol=1e-5)


@pytest.mark.parametrize(
    "kind, side", [(kind, "right") for kind in KINDS] + [("roberta", "left"), ("xlm-roberta", "left")]
)
@pytest.mark.parametrize("options", [{}, {"reflexive": True}, {"max_distance": 5}])
def test_one_pass_equals_two(kind: str, side: str, options: dict[str, Any]) -> None:
    model, processor = with_tagger(kind)
    processor.tokenizer.padding_side = side
    found = list(tag_and_score(model, processor, TEXTS, **options))
    documents = [document for document, _ in found]
    pairs = [candidate_pairs(document, **options) for document in documents]
    processor.tokenizer.padding_side = "right"
    again = list(score_documents(model, processor, documents, pairs=pairs))
    check_equal(found, list(zip(documents, again, strict=True)))
    assert [document["text"] for document in documents] == TEXTS
    assert sum(len(of_text) for of_text in pairs) > 10
    assert {entity["type"] for document in documents for entity in document["entities"]} == {"PERSON", "PLACE"}


def test_batches_order_and_chunks_change_nothing(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"t{place}" for place in range(len(TEXTS))]
    expected = list(tag_and_score(*parts, TEXTS, ids=ids))
    assert [document["id"] for document, _ in expected] == ids
    for budget in (1, 90):
        check_equal(list(tag_and_score(*parts, TEXTS, ids=ids, max_tokens_per_batch=budget)), expected)
    check_equal(list(tag_and_score(*parts, TEXTS[::-1], ids=ids[::-1]))[::-1], expected)
    monkeypatch.setattr(joint, "_CHUNK_TEXTS", 5)
    monkeypatch.setattr(joint, "MOST_SCORES", 1)
    check_equal(list(tag_and_score(*parts, TEXTS, ids=ids)), expected)


def test_a_text_longer_than_the_encoder_is_tagged_in_windows(parts: Any) -> None:
    model, _ = parts
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=40)
    long = " ".join(TEXTS[:3])
    found = list(tag_and_score(model, processor, [TEXTS[0], long, TEXTS[1]]))
    check_equal([found[0], found[2]], list(tag_and_score(model, processor, [TEXTS[0], TEXTS[1]], ids=["0", "2"])))
    document, scores = found[1]
    spans = sorted((mention["start"], mention["end"]) for mention in document["mentions"])
    assert spans[-1][1] > 100 and all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))
    assert scores.pairs == candidate_pairs(document)
    again = list(score_documents(model, processor, [document]))
    check_equal([found[1]], [(document, again[0])])


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_of_white_space_are_no_entities(kind: str) -> None:
    model, processor = tiny_kernel_re(kind, entity_types=["X"])
    with torch.no_grad():  # every token is an entity of its own
        model.tagger.emit.weight.zero_()
        model.tagger.emit.bias.copy_(torch.tensor([0.0, 9.0, 0.0]))
    texts = ["Ada \n\n\t met  \u200b Bob\u00a0.", "\u200b", "🚀 \n"]
    found = list(tag_and_score(model, processor, texts))
    for text, (document, _) in zip(texts, found, strict=True):
        assert all(text[mention["start"] : mention["end"]].strip() for mention in document["mentions"])
    assert len(found[0][0]["mentions"]) > 3


def test_texts_without_entities_and_no_texts(parts: Any) -> None:
    model, processor = tiny_kernel_re(entity_types=["X"])
    with torch.no_grad():
        model.tagger.emit.bias.copy_(torch.tensor([99.0, 0.0, 0.0]))
    ((document, scores),) = tag_and_score(model, processor, ["Nobody."])
    assert document["entities"] == [] and scores.logits.shape == (0, 3)
    assert list(tag_and_score(model, processor, [])) == []


def test_a_batch_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    model, processor = with_tagger()
    expected = list(tag_and_score(model, processor, TEXTS))
    encode, most = model.encode, [2]

    def fail(input_ids: torch.Tensor, *rest: Any) -> Any:
        if len(input_ids) > most[0]:
            raise RuntimeError("CUDA out of memory")
        return encode(input_ids, *rest)

    monkeypatch.setattr(model, "encode", fail)
    check_equal(list(tag_and_score(model, processor, TEXTS)), expected)
    most[0] = 0
    with pytest.raises(HfRelationError, match="row 9: out of memory on cpu with one window"):
        list(tag_and_score(model, processor, TEXTS[:1], rows=[9]))


def test_an_interrupt_leaves_the_model_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    model, processor = with_tagger()
    model.train()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(tag_and_score(model, processor, TEXTS))
    assert model.training


def test_what_cannot_be_done_is_said(parts: Any) -> None:
    model, processor = tiny_kernel_re()
    with pytest.raises(UsageError, match="no tagger.*entities="):
        list(tag_and_score(model, processor, TEXTS))
    marked, with_markers = with_tagger(marker_policy="entity")
    with pytest.raises(UsageError, match="markers"):
        list(tag_and_score(marked, with_markers, TEXTS))
    with pytest.raises(UsageError, match="dtype"):
        list(tag_and_score(*parts, TEXTS, dtype="float16"))
    for wrong in (None, b"bytes", 7, "a\ud800b"):
        with pytest.raises(InvalidRowError, match="row 31: `text`"):
            list(tag_and_score(*parts, ["Ada.", wrong], rows=[30, 31]))  # type: ignore[list-item]


def test_scores_that_are_not_finite_are_named() -> None:
    for broken in ("tagger", "kernels"):
        model, processor = with_tagger()
        with torch.no_grad():
            (model.tagger.emit.bias if broken == "tagger" else model.kernels.head_weight)[0] = float("nan")
        with pytest.raises(HfRelationError, match=r"row \d+: the model's scores hold NaN"):
            list(tag_and_score(model, processor, TEXTS))
