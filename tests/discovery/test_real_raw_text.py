"""Pairs of real documents with their gold mentions: every labelled pair of a sentence is among them."""

from __future__ import annotations

import os
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import original_spans, read_docred, split_sentences
from hf_relation.data.files import read_json
from hf_relation.discovery import TextReport, instances_from_texts


pytestmark = pytest.mark.real_data
DOCUMENTS = 100


@pytest.fixture(scope="module")
def path() -> Path:
    named = os.environ.get("HF_RELATION_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"
    found = folder / "redocred" / "dev_revised.json.gz"
    if not found.is_file():
        pytest.skip(f"no Re-DocRED: {found} does not exist (set HF_RELATION_DATA to the folder that holds redocred/)")
    return found


def labelled_in_a_sentence(row: dict[str, Any]) -> set[tuple[int, int, int]]:
    """Head, tail and sentence of the labelled pairs, from the file itself: mentions in one sentence that share no token."""
    return {
        (label["h"], label["t"], one["sent_id"])
        for label in row["labels"]
        for one, two in product(row["vertexSet"][label["h"]], row["vertexSet"][label["t"]])
        if label["h"] != label["t"] and one["sent_id"] == two["sent_id"]
        if one["pos"][1] <= two["pos"][0] or two["pos"][1] <= one["pos"][0]
    }


def test_labelled_pairs_of_sentences_are_found(path: Path) -> None:
    raw = read_json(path)[:DOCUMENTS]
    documents = [document for document, _ in zip(read_docred(path), raw, strict=False)]
    report = TextReport()
    options: dict[str, Any] = {"sentences": "lines", "max_characters": 100_000}
    rows = list(instances_from_texts(documents, both_directions=True, report=report, **options))
    texts = {document["id"]: document["text"] for document in documents}
    found = defaultdict(set)
    for row in rows:
        spans = original_spans(row)
        text = texts[spans.id]
        for side, span in (("head", spans.head), ("tail", spans.tail)):
            assert text[span["start"] : span["end"]] == row["text"][row[side]["start"] : row[side]["end"]]
        head, tail = row["id"].rpartition("/")[2].partition("@")[0].split("-")
        found[spans.id].add((int(head), int(tail), text.count("\n", 0, row["origin"]["start"])))
        assert "\n" not in row["text"]
    missing = 0
    labelled = 0
    for document, content in zip(documents, raw, strict=True):
        expected = labelled_in_a_sentence(content)
        labelled += len(expected)
        missing += len(expected - found[document["id"]])
    assert missing == 0 and labelled > 1_000
    assert report.texts == DOCUMENTS and report.cut == report.too_far == 0
    one_way = list(instances_from_texts(documents, **options))
    assert len(one_way) * 2 == len(rows)
    wider = list(instances_from_texts(documents, window=2, **options))
    assert {row["id"] for row in one_way} <= {row["id"] for row in wider} and len(wider) > len(one_way)


def test_a_long_text_of_all_documents_gives_the_same_pairs(path: Path) -> None:
    """Documents put together, an empty line between them, hold the pairs of the documents one by one."""
    documents = [document for document, _ in zip(read_docred(path), range(20), strict=False)]
    expected, mentions, entities, text = [], [], [], ""
    for document in documents:
        for row in instances_from_texts([document], sentences="lines"):
            spans = original_spans(row)
            expected.append((spans.head["start"] + len(text), spans.tail["start"] + len(text), row["text"]))
        entities += [
            entity | {"mentions": [place + len(mentions) for place in entity["mentions"]]}
            for entity in document["entities"]
        ]
        mentions += [
            {"start": mention["start"] + len(text), "end": mention["end"] + len(text)}
            for mention in document["mentions"]
        ]
        text += document["text"] + "\n\n"
    book = {"id": "book", "text": text, "mentions": mentions, "entities": entities}
    found = []
    for row in instances_from_texts([book], sentences="lines"):
        spans = original_spans(row)
        found.append((spans.head["start"], spans.tail["start"], row["text"]))
    assert sorted(found) == sorted(expected) and len(found) > 500


def test_sentence_borders_are_those_of_the_corpus(path: Path) -> None:
    """Without its line feeds, a corpus in sentences is split at (nearly) the same places."""
    right = wrong = missed = 0
    for document in read_docred(path):
        text = document["text"]
        borders = {place + 1 for place, character in enumerate(text) if character == "\n"}
        found = {start for start, _ in split_sentences(text.replace("\n", " ")) if start}
        right, wrong, missed = (
            right + len(found & borders),
            wrong + len(found - borders),
            missed + len(borders - found),
        )
    assert right / (right + wrong) > 0.99 and right / (right + missed) > 0.96
