"""score_documents: the scores of a plain loop, whatever the batches, chunks, padding and memory."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hf_relation.errors import HfRelationError, InvalidRowError, UsageError
from hf_relation.extraction import PairScores, score_documents, scoring
from hf_relation.processing import DocumentProcessor
from tests.common.tiny_documents import document, sample_documents
from tests.common.tiny_models import KINDS, tiny_kernel_re
from tests.common.tiny_tokenizers import tiny_tokenizer


DOCUMENTS = sample_documents()


@pytest.fixture(scope="module")
def parts() -> Any:
    return tiny_kernel_re()


def plain_loop(
    model: Any, processor: DocumentProcessor, documents: list[Any]
) -> list[dict[tuple[int, int], np.ndarray]]:
    """One text at a time, one window at a time."""
    found = []
    for row in documents:
        scores = {}
        for window in processor.encode([row]):
            with torch.no_grad():
                logits = model(**processor.pad([window])).logits[0]
            scores |= dict(zip(window.pair_entities, logits.numpy(), strict=False))
        found.append(scores)
    return found


def check_equal(found: list[PairScores], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for scores, of_text in zip(found, expected, strict=True):
        assert scores.pairs == sorted(of_text)
        assert scores.logits.shape == (len(of_text), 3) and scores.logits.dtype == np.float32
        for pair, row in zip(scores.pairs, scores.logits, strict=True):
            np.testing.assert_allclose(row, of_text[pair], atol=1e-5)


class Wrapped(nn.Module):
    """A model that does something before every forward pass."""

    def __init__(self, model: Any, before: Any) -> None:
        super().__init__()
        self.model, self.before, self.config = model, before, model.config

    def forward(self, **batch: Any) -> Any:
        self.before(batch)
        return self.model(**batch)


def out_of_memory_above(rows: int, sizes: list[int]) -> Any:
    def check(batch: dict[str, Any]) -> None:
        sizes.append(len(batch["input_ids"]))
        if len(batch["input_ids"]) > rows:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return check


# BERT counts positions from the left edge, so that padding on the left is not for it.
@pytest.mark.parametrize(
    "kind, side", [(kind, side) for kind in KINDS for side in ("left", "right") if (kind, side) != ("bert", "left")]
)
def test_scores_are_those_of_a_plain_loop(kind: str, side: str) -> None:
    model, processor = tiny_kernel_re(kind)
    expected = plain_loop(model, processor, DOCUMENTS)
    processor.tokenizer.padding_side = side
    check_equal(list(score_documents(model, processor, DOCUMENTS)), expected)


@pytest.mark.parametrize("budget", [1, 40, 100, 100_000])
@pytest.mark.parametrize("order", [1, -1])
def test_batches_and_order_change_nothing(parts: Any, budget: int, order: int) -> None:
    found = list(score_documents(*parts, DOCUMENTS[::order], max_tokens_per_batch=budget))
    check_equal(found[::order], plain_loop(*parts, DOCUMENTS))


@pytest.mark.parametrize("name, value", [("_CHUNK_DOCUMENTS", 2), ("_CHUNK_PAIRS", 1), ("MOST_SCORES", 1)])
def test_chunks_change_nothing(parts: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    monkeypatch.setattr(scoring, name, value)
    check_equal(list(score_documents(*parts, (row for row in DOCUMENTS))), plain_loop(*parts, DOCUMENTS))
    bad = [*DOCUMENTS[:5], {**DOCUMENTS[5], "mentions": [{"start": 0, "end": 99}] * 2}]
    with pytest.raises(InvalidRowError, match="row 5: .*only") as caught:
        list(score_documents(*parts, bad))
    assert caught.value.index == 5
    with pytest.raises(InvalidRowError, match="row 105: "):
        list(score_documents(*parts, bad, rows=range(100, 106)))


def test_texts_without_a_pair_are_not_put_through_the_model(parts: Any) -> None:
    windows: list[int] = []
    found = list(score_documents(*parts, [DOCUMENTS[3], DOCUMENTS[4]], on_batch=windows.append))
    assert windows == []
    assert [(scores.pairs, scores.logits.shape, scores.probabilities.shape) for scores in found] == [
        ([], (0, 3), (0, 3))
    ] * 2
    assert list(score_documents(*parts, [])) == []
    list(score_documents(*parts, DOCUMENTS, on_batch=windows.append))
    assert sum(windows) == 5


def test_given_pairs(parts: Any) -> None:
    model, processor = parts
    expected = plain_loop(model, processor, DOCUMENTS)[0]
    (found,) = score_documents(model, processor, DOCUMENTS[:1], pairs=iter([[(2, 0), (0, 1)]]))
    check_equal([found], [{pair: expected[pair] for pair in [(0, 1), (2, 0)]}])
    labelled = list(score_documents(model, processor, DOCUMENTS, pairs="labelled"))
    assert [scores.pairs for scores in labelled] == [[(0, 1), (2, 0)], [(0, 1), (1, 0)], [(0, 1), (3, 1)], [], []] + [
        [(0, 1)],
        [(0, 2), (1, 0)],
    ]
    for wrong in ([[(0, 1)]], [[(0, 1)]] * 3, "some"):
        with pytest.raises(UsageError, match="`pairs`"):
            list(score_documents(model, processor, DOCUMENTS[:2], pairs=wrong))


def test_an_entity_with_itself(parts: Any) -> None:
    text = "Orn is Orn."
    row = document(text, "Orn")
    once = list(score_documents(*parts, [row], pairs=[[(0, 0)]]))[0]
    row["mentions"].append({"start": 7, "end": 10})
    row["entities"][0]["mentions"] = [1, 0]
    twice = list(score_documents(*parts, [row], pairs=[[(0, 0)]]))[0]
    two = {**row, "entities": [{"mentions": [0]}, {"mentions": [1]}]}
    apart = list(score_documents(*parts, [two], pairs=[[(0, 0), (0, 1)]]))[0]
    np.testing.assert_allclose(twice.logits[0], apart.logits[1], atol=1e-5)
    np.testing.assert_allclose(once.logits[0], apart.logits[0], atol=1e-5)


@pytest.mark.parametrize("most", [1, 2])
def test_a_batch_that_does_not_fit_is_halved_and_no_later_one_is_as_large(parts: Any, most: int) -> None:
    model, processor = parts
    sizes: list[int] = []
    wrapped = Wrapped(model, out_of_memory_above(most, sizes))
    documents = [DOCUMENTS[1]] * 8 + [DOCUMENTS[0]]
    found = list(score_documents(wrapped, processor, documents))
    expected = plain_loop(model, processor, [DOCUMENTS[1], DOCUMENTS[0]])
    check_equal(found, [expected[0]] * 8 + [expected[1]])
    failed = [size for size in sizes if size > most]
    assert sorted(failed, reverse=True) == failed and len(set(failed)) == len(failed)


def test_one_window_that_does_not_fit_is_named(parts: Any) -> None:
    model, processor = parts
    wrapped = Wrapped(model, out_of_memory_above(0, []))
    with pytest.raises(
        HfRelationError, match="row 7: out of memory on cpu with one window of .* tokens and 3 mentions"
    ):
        list(score_documents(wrapped, processor, [DOCUMENTS[3], DOCUMENTS[0]], rows=[6, 7]))

    def fail(batch: Any) -> None:
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        list(score_documents(Wrapped(model, fail), processor, DOCUMENTS))


def test_scores_that_are_not_finite_are_named() -> None:
    model, processor = tiny_kernel_re()
    with torch.no_grad():
        model.kernels.head_weight[1] = float("nan")
    with pytest.raises(HfRelationError, match="row 1: the model's scores hold NaN"):
        list(score_documents(model, processor, [DOCUMENTS[3], DOCUMENTS[0]]))


def test_an_interrupt_leaves_the_model_as_it_was() -> None:
    model, processor = tiny_kernel_re()
    model.train()
    model.backbone.eval()

    def interrupt(batch: Any) -> None:
        assert not model.training
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(score_documents(Wrapped(model, interrupt).train(False), processor, DOCUMENTS))
    with pytest.raises(KeyboardInterrupt):
        list(score_documents(Wrapped(model.train(), interrupt), processor, DOCUMENTS))
    assert model.training and model.backbone.training


def test_what_is_yielded_is_not_made_in_inference_mode(parts: Any) -> None:
    for _ in score_documents(*parts, DOCUMENTS):
        assert not torch.is_inference_mode_enabled()


def test_threads_may_share_a_model_in_training_mode() -> None:
    model, processor = tiny_kernel_re()
    expected = plain_loop(model, processor, DOCUMENTS)
    model.train()
    answers: dict[int, list[PairScores]] = {}

    def score(number: int) -> None:
        for _ in range(3):
            answers[number] = list(score_documents(model, processor, DOCUMENTS, max_tokens_per_batch=20 + 30 * number))

    threads = [threading.Thread(target=score, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        check_equal(answers[number], expected)
    assert model.training


def test_long_texts_have_every_pair_once() -> None:
    model, _ = tiny_kernel_re()
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=24)
    row = document(
        " and ".join(f"person {name} from the city" for name in "abcdefgh"), *(f"person {n}" for n in "abcdefgh")
    )
    windows = processor.encode([row])
    assert len(windows) > 8 and all(window.length <= 24 for window in windows)
    found = list(score_documents(model, processor, [row, DOCUMENTS[1]]))
    check_equal(found, plain_loop(model, processor, [row, DOCUMENTS[1]]))
    assert found[0].pairs == [(head, tail) for head in range(8) for tail in range(8) if head != tail]


def test_two_hundred_entities(parts: Any) -> None:
    spans = [(start, start + length) for start in range(0, 100, 2) for length in (1, 3, 5, 7)]
    row = {
        "text": " ".join("abcdefghijklmnopqrstuvwxyz" * 3),
        "mentions": [{"start": start, "end": end} for start, end in spans],
        "entities": [{"mentions": [place]} for place in range(200)],
    }
    windows: list[int] = []
    (found,) = score_documents(*parts, [row], on_batch=windows.append)
    assert windows == [1] and len(found.pairs) == 200 * 199 and found.logits.shape == (200 * 199, 3)


def test_far_pairs_share_windows() -> None:
    model, _ = tiny_kernel_re()
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=22)
    row = {
        "text": " ".join("abcdefghijklmnopqrstuvwxyz" * 3),
        "mentions": [{"start": 2 * place, "end": 2 * place + 1} for place in range(78)],
        "entities": [{"mentions": [place]} for place in range(78)],
    }
    windows: list[int] = []
    (found,) = score_documents(model, processor, [row], on_batch=windows.append)
    assert len(found.pairs) == 78 * 77 and sum(windows) < 300  # a window for each would be 1,800


def test_wrong_arguments(parts: Any) -> None:
    for options in (
        {"dtype": "int8"},
        {"max_tokens_per_batch": 0},
        {"max_tokens_per_batch": True},
        {"device": "nowhere"},
    ):
        with pytest.raises(UsageError, match=str(next(iter(options)))):
            list(score_documents(*parts, DOCUMENTS, **options))
    for wrong in (DOCUMENTS[0], "text", b"text", None, 7):
        with pytest.raises(UsageError, match="list of documents"):
            list(score_documents(*parts, wrong))
    with pytest.raises(InvalidRowError, match="row 1"):
        list(score_documents(*parts, [DOCUMENTS[0], None]))
    with pytest.raises(UsageError, match="no `logits`"):
        list(score_documents(NoLogits(), parts[1], DOCUMENTS))


class NoLogits(nn.Module):
    def forward(self, **batch: Any) -> dict[str, Any]:
        return {}


def test_bfloat16_is_near_float32(parts: Any) -> None:
    found = list(score_documents(*parts, DOCUMENTS, dtype="bfloat16"))
    for scores, exact in zip(found, score_documents(*parts, DOCUMENTS), strict=True):
        assert scores.logits.dtype == np.float32
        np.testing.assert_allclose(scores.logits, exact.logits, atol=0.05)
