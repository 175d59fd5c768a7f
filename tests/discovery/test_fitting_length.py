"""Rows that a model cannot read are left out and named; rows it sees in part are counted."""

from __future__ import annotations

from typing import Any

import pytest

from hf_relation import RelationProcessor
from hf_relation.data import EntitySpan
from hf_relation.discovery import TextReport, fitting_length, instances_from_texts, keep_what_fits
from hf_relation.errors import InvalidRowError
from tests.common.tiny_tokenizers import tiny_tokenizer


TEXTS = [
    "Ada met Bob.",
    "Ada" + " and on" * 40 + " Bob.",
    "Ada met " + "Bob and Bob " * 30,
    "Ada met Bob again.",
    "\u200b Ada",
]


def entities(texts: list[str]) -> Any:
    """In the third text all words but two are one mention."""
    spans = {1: [(0, 3), (len(TEXTS[1]) - 4, len(TEXTS[1]) - 1)], 2: [(0, 3), (8, len(TEXTS[2]))], 4: []}
    return [[EntitySpan(*span) for span in spans.get(TEXTS.index(text), [(0, 3), (8, 11)])] for text in texts]


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_what_does_not_fit_is_left_out_and_named(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting_length, "_CHUNK", chunk)
    processor = RelationProcessor(tiny_tokenizer("bert"), max_length=32)
    report = TextReport()
    rows = list(instances_from_texts(TEXTS, entities=entities, report=report))
    with pytest.raises(InvalidRowError):
        processor.encode(rows)
    kept = keep_what_fits(rows, processor, report)
    assert [row["origin"]["id"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["origin"]["id"] for row in kept] == ["0", "1", "3"]
    assert report.unreadable == ["2/0-1@0"] and report.windowed == 1
    assert report.lines()[-2:] == [
        "1 pair longer than the model: it sees what is around the mentions.",
        "1 pair left out: the model cannot read the mentions (ids: 2/0-1@0).",
    ]
    # What the model sees of the long row still begins and ends with its mentions.
    encoded = processor.encode(kept)[1]
    for mask, name in ((encoded.head_token_mask, "Ada"), (encoded.tail_token_mask, "Bob")):
        ids = [token for token, inside in zip(encoded.input_ids, mask, strict=True) if inside]
        assert processor.tokenizer.decode(ids).replace(" ", "").lower() == name.lower()
