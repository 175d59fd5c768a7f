"""From texts and documents to instances: every source of entities, hostile texts, long ones, and what is reported."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForTokenClassification

from hf_relation import RelationExtractor
from hf_relation.data import EntityDictionary, original_spans, read_jsonl, text_entities
from hf_relation.discovery import (
    DiscoveredRelation,
    DiscoveryResult,
    RelationDiscovery,
    TextReport,
    instances_from_texts,
    raw_text,
    read_discovery_rows,
)
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.extraction import load_entity_source, tag_and_score
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_backbone, tiny_kernel_re
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


NAMES = EntityDictionary([("Ada", "PERSON"), ("Bob", "PERSON"), ("Lindau", "PLACE")])
TEXT = "It rained. Ada met Bob. They live in Lindau."


def check_origins(rows: list[Any], originals: dict[str, str]) -> None:
    """Every instance is a stretch of its original, and so are its mentions."""
    for row in rows:
        spans = original_spans(row)
        original = originals[spans.id]
        assert original[row["origin"]["start"] :].startswith(row["text"])
        for side, span in (("head", spans.head), ("tail", spans.tail)):
            mention = row["text"][row[side]["start"] : row[side]["end"]]
            assert original[span["start"] : span["end"]] == mention != ""


def test_texts_documents_and_instances_may_be_mixed() -> None:
    document, instance = sample_documents()[0], sample_instances()[0]
    rows = [TEXT, {"text": "Bob and Ada.", "id": "second"}, document | {"id": "third"}, instance]
    report = TextReport()
    found = list(instances_from_texts(iter(rows), entities=NAMES, report=report))
    assert [row["id"] for row in found] == [
        *("0/0-1@11", "second/0-1@0", "third/0-1@9", "third/0-2@9", "third/1-2@33"),
        instance["id"],
    ]
    assert found[-1] == {**instance, "relations": []} and instance["relations"]
    assert all(row["relations"] == [] for row in found)
    assert (report.texts, report.instances, report.mentions, report.pairs) == (3, 1, 8, 5)
    assert report.types == ["LOCATION", "ORG", "PERSON", "PLACE"]
    check_origins(found[:-1], {"0": TEXT, "second": "Bob and Ada.", "third": document["text"]})


def test_gold_labels_are_never_read() -> None:
    document = sample_documents()[0] | {"id": "a", "relations": [{"broken": 1}]}
    (instance,) = instances_from_texts([sample_instances()[0] | {"relations": 7}])
    assert instance["relations"] == []
    assert len(list(instances_from_texts([document]))) == 3


HOSTILE = {
    "marks": "Zoe\u0301 Ros\u0065\u0301 met Ada\u0301m. Zoe\u0301 Ros\u0065\u0301 left.",
    "emoji": "\U0001f469\u200d\U0001f680\U0001f469\u200d\U0001f680 Ada \U0001f44b\U0001f3fd met Bob \U0001f600.",
    "rtl": "\u200f\u05d0\u05d3\u05d4 \u05e4\u05d2\u05e9\u05d4 \u05d0\u05ea \u05d1\u05d5\u05d1.\u200f \u05d0\u05d3\u05d4 \u05d4\u05dc\u05db\u05d4.",
    "crlf": "It rained.\r\n\r\nAda\r\nmet\r\nBob.\r\nBob left.",
    "nul": "\x00Ada\x00 met\x00 \x00Bob\x00. \x00",
    "zero width": "Ada\u200b met \ufeffBob\u2060.\u2028Ada left\x85",
    "chinese": "\u738b\u5c0f\u660e\u51fa\u751f\u4e8e\u5317\u4eac\u3002\u5317\u4eac\u5f88\u5927\uff01",
    "markers": "[E1] Ada [/E1] met [E2] Bob [/E2]. <script>Ada</script> [MASK]",
}
HOSTILE_NAMES = [
    "Ada",
    "Bob",
    "Zo\u00e9 Ros\u00e9",
    "Ada\u0301m",
    "\u05d0\u05d3\u05d4",
    "\u05d1\u05d5\u05d1",
    "\u738b\u5c0f\u660e",
    "\u5317\u4eac",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_offsets_slice_the_original_text(name: str) -> None:
    names = EntityDictionary([(entity, None) for entity in HOSTILE_NAMES])
    text = HOSTILE[name]
    found, report = read_discovery_rows([text], entities=names, window=3)
    assert found and report.mentions >= 2
    check_origins(found, {"0": text})
    first = found[0]
    assert names([first["text"][first["head"]["start"] : first["head"]["end"]]])[0][0].start == 0


def test_functions_and_extractors_as_sources() -> None:
    model, processor = tiny_kernel_re(entity_types=["PERSON", "PLACE"])
    with torch.no_grad():
        model.tagger.emit.weight.mul_(20)
    texts = [document["text"] for document in sample_documents()]
    tagged = [document | {"id": str(row)} for row, (document, _) in enumerate(tag_and_score(model, processor, texts))]
    expected = list(instances_from_texts(tagged, max_distance=30))
    assert len(expected) > 10
    extractor = RelationExtractor(model, processor)
    assert list(instances_from_texts(texts, entities=extractor, max_distance=30)) == expected
    with pytest.raises(UsageError, match="has no tagger"):
        list(instances_from_texts(texts, entities=RelationExtractor(*tiny_kernel_re())))


def test_a_joint_checkpoint_by_name(tmp_path: Path) -> None:
    model, processor = tiny_kernel_re(entity_types=["PERSON", "PLACE"])
    with torch.no_grad():
        model.tagger.emit.weight.mul_(20)
    RelationExtractor(model, processor).save_pretrained(tmp_path / "joint")
    texts = [document["text"] for document in sample_documents()] + [" ".join(d["text"] for d in sample_documents())]
    found = load_entity_source(tmp_path / "joint")(texts)
    for of_text, (document, scores) in zip(found, tag_and_score(model, processor, texts, tag_only=True), strict=True):
        assert [(span.start, span.end) for span in of_text] == [(m["start"], m["end"]) for m in document["mentions"]]
        assert scores.pairs == [] and {span.type for span in of_text} <= {"PERSON", "PLACE"}
    assert sum(map(len, found)) > 10
    RelationExtractor(*tiny_kernel_re()).save_pretrained(tmp_path / "no_tagger")
    with pytest.raises(UsageError, match="has no tagger"):
        load_entity_source(tmp_path / "no_tagger")


def save_tagger(folder: Path) -> None:
    tokenizer = tiny_tokenizer("bert")
    sizes = tiny_backbone("bert", len(tokenizer), max_position_embeddings=32, num_labels=3)
    sizes.pop("model_type")
    torch.manual_seed(0)
    model = BertForTokenClassification(BertConfig(**sizes, id2label={0: "O", 1: "B-PER", 2: "B-LOC"}))
    with torch.no_grad():
        model.classifier.weight.mul_(50)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def test_a_token_classification_checkpoint_by_name(tmp_path: Path) -> None:
    save_tagger(tmp_path)
    texts = [*(document["text"] for document in sample_documents()), *HOSTILE.values()]
    tagger = load_entity_source(tmp_path)
    found, report = read_discovery_rows(texts, entities=str(tmp_path), max_distance=20)
    assert len(found) > 10
    check_origins(found, {str(place): text for place, text in enumerate(texts)})
    spans = {(str(place), item["start"], item["end"]) for place, text in enumerate(texts) for item in tagger(text)}
    for row in found:
        origin = original_spans(row)
        assert {(origin.id, s["start"], s["end"]) for s in (origin.head, origin.tail)} <= spans
        assert {row["head"]["type"], row["tail"]["type"]} <= {"PER", "LOC"}


def test_a_spacy_pipeline(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed (extra `spacy`)")
    parser = spacy.blank("en")
    parser.add_pipe("sentencizer")
    patterns = [{"label": "PERSON", "pattern": name} for name in ("Ada", "Bob")] + [
        {"label": "GPE", "pattern": "Lindau"}
    ]
    parser.add_pipe("entity_ruler").add_patterns(patterns)
    texts = [TEXT, "Zo\u00e9 saw \U0001f469\u200d\U0001f680 Ada in Lindau.", "Nobody."]
    expected = list(instances_from_texts(texts, entities=NAMES))
    found = list(instances_from_texts(texts, entities=parser, sentences=parser))
    assert [row["head"]["type"] for row in found] == ["PERSON", "PERSON"] and found[1]["tail"]["type"] == "GPE"
    plain = [{**row, "tail": {**row["tail"], "type": None}} for row in found]
    assert plain == [{**row, "tail": {**row["tail"], "type": None}} for row in expected]
    parser.to_disk(tmp_path / "parser")
    assert list(instances_from_texts(texts, entities=f"spacy:{tmp_path / 'parser'}")) == found
    with pytest.raises(CheckpointError, match="'missing' cannot be loaded"):
        load_entity_source("spacy:missing")


def test_names_of_sources(tmp_path: Path) -> None:
    (tmp_path / "names.tsv").write_text("Ada\tPERSON\nBob\tPERSON\nLindau\tPLACE\n", encoding="utf-8")
    by_name = list(instances_from_texts([TEXT], entities=f"dictionary:{tmp_path / 'names.tsv'}"))
    assert by_name == list(instances_from_texts([TEXT], entities=NAMES)) and len(by_name) == 1
    for name in ("spacy:", "dictionary: "):
        with pytest.raises(UsageError, match="must be followed by a name"):
            load_entity_source(name)
    with pytest.raises(UsageError, match="does not exist"):
        load_entity_source("dictionary:missing.tsv")


def test_bad_rows_are_refused_or_listed() -> None:
    rows = [
        TEXT,
        7,
        "  ",
        {"text": None},
        sample_instances()[0] | {"head": {"start": 5, "end": 2}},
        {"text": "Ada met Bob.", "id": 0},
    ]
    for place in range(1, len(rows)):
        with pytest.raises(InvalidRowError) as error:
            list(instances_from_texts([rows[0], rows[place]], entities=NAMES))
        assert error.value.index == 1
    errors: list[InvalidRowError] = []
    found = list(instances_from_texts(rows, entities=NAMES, on_error="skip", errors=errors))
    assert [error.index for error in errors] == [1, 2, 3, 4, 5] and [row["origin"]["id"] for row in found] == ["0"]
    errors.clear()
    spans = {"Ada.": [(0, 3)], "bad": [(0, 99)]}
    list(
        instances_from_texts(
            ["Ada.", "bad"], entities=lambda texts: [spans[t] for t in texts], on_error="skip", errors=errors
        )
    )
    assert [error.index for error in errors] == [1] and "not within the text" in errors[0].reason


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ("Ada met Bob.", {}, "Put a single one in a list"),
        ([TEXT], {"entities": None}, r"row 0 is a text whose entities are not marked.*--entities"),
        ([TEXT], {"on_error": "ignore"}, "`on_error`"),
        ([TEXT], {"window": 0}, "`window`"),
        ([TEXT], {"sentences": ""}, "`sentences`"),
        ([TEXT], {"max_pairs_per_text": 0}, "`max_pairs`"),
        (["Nobody.", "Nothing."], {}, "No entity was found in 2 texts by EntityDictionary"),
        (
            ["Ada.", "Bob.", "Ada of Ada"],
            {},
            r"No pair of entities was found in 3 texts with 4 mentions.*window=1.*types: PERSON",
        ),
        ([TEXT], {"types": [("PLACE", "PLACE")]}, r"types=\[\('PLACE', 'PLACE'\)\].*types: PERSON, PLACE"),
        (
            [{"text": "Ada", "mentions": [], "entities": []}],
            {"entities": None},
            "The 1 text have no entities|have no entities",
        ),
    ],
)
def test_what_gives_nothing_says_why(rows: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_discovery_rows(rows, **({"entities": NAMES} | options))


def test_no_rows_are_no_error_here() -> None:
    assert read_discovery_rows([], entities=NAMES).instances == []


def test_the_report_counts_what_became_of_the_texts() -> None:
    texts = [TEXT, "Ada alone.", "Nobody.", "Ada" + " x" * 600 + " Bob.", "Ada" + " x" * 100 + " Bob" + " x" * 600]
    found, report = read_discovery_rows(texts, entities=NAMES, max_pairs_per_text=1, both_directions=True)
    assert len(found) == report.pairs == 2
    assert report.without_pairs == ["1", "3"] and report.without_entities == ["2"]
    assert (report.texts, report.mentions, report.cut, report.too_far, report.left_over) == (5, 8, 1, 1, 2)
    assert report.lines() == [
        "5 texts: 8 mentions of entities, 2 pairs.",
        "1 text without entities (ids: 2).",
        "2 texts without a pair (ids: 1, 3).",
        "1 pair with a text cut to the characters around the mentions.",
        "At least 1 pair left out: too many characters from mention to mention.",
        "2 pairs left out: more than allowed for one text.",
    ]
    assert TextReport().lines() == [] and report.to_dict()["without_pairs"] == ["1", "3"]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{name} met {other} in Lindau." for name in ("Ada", "Bob", "Eve") for other in ("Bob", "Ada", "Lindau")]
    expected = list(instances_from_texts(texts, entities=NAMES))
    asked = []

    def source(given: list[str]) -> Any:
        asked.append(len(given))
        return NAMES(given)

    monkeypatch.setattr(raw_text, "_CHUNK_ROWS", 4)
    assert list(instances_from_texts(texts, entities=source)) == expected and asked == [4, 4, 1]
    rows = instances_from_texts(iter(texts), entities=source)
    next(rows)
    assert asked == [4, 4, 1, 4]  # read as they are needed


def test_long_texts_are_given_to_the_source_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_entities, "_LONGEST_PIECE", 60)
    text = ("It rained. Ada met Bob in Lindau.  " * 20) + "x" * 200 + " Ada saw Bob."
    pieces: list[str] = []

    def source(given: list[str]) -> Any:
        pieces.extend(given)
        return NAMES(given)

    found = list(instances_from_texts([text], entities=source))
    assert "".join(pieces) == text and max(map(len, pieces)) <= 60
    assert all(piece.startswith(("It rained", "Ada met")) for piece in pieces[:12])
    monkeypatch.undo()
    assert found == list(instances_from_texts([text], entities=NAMES)) and len(found) == 61
    check_origins(found, {"0": text})


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", ["a", "\u4e2d"])
def test_a_megabyte_of_one_thing(part: str) -> None:
    text = part * (1_000_000 // len(part))
    found = list(instances_from_texts([text + "\n\nAda met Bob."], entities=NAMES))
    assert [row["text"] for row in found] == ["Ada met Bob."]
    assert original_spans(found[0]).tail["end"] == len(text) + len("\n\nAda met Bob")


def test_exports_have_the_offsets_in_the_original(tmp_path: Path) -> None:
    found, _ = read_discovery_rows([TEXT, sample_instances()[0]], entities=NAMES)
    relation = DiscoveredRelation(0, "met", ["met"], len(found), 1.0)
    result = DiscoveryResult(found, np.zeros(len(found), dtype=np.int64), np.ones(len(found)), [relation])
    with open(result.export(tmp_path / "a.csv"), encoding="utf-8", newline="") as stream:
        first, second = csv.DictReader(stream)
    assert first["document"] == "0" and second["document"] == second["id"] == sample_instances()[0]["id"]
    assert TEXT[int(first["document_tail_start"]) : int(first["document_tail_end"])] == first["tail"] == "Bob"
    assert second["document_head_start"] == second["head_start"]
    import pyarrow.parquet as pq

    table = pq.read_table(result.export(tmp_path / "a.parquet")).to_pylist()
    assert table[0]["document_head_start"] == 11 and table[1]["document"] == second["id"]
    result.export(tmp_path / "a.jsonl")
    plain = DiscoveryResult(found[1:], np.zeros(1, dtype=np.int64), np.ones(1), [relation])
    assert "document" not in plain.export(tmp_path / "b.csv").read_text(encoding="utf-8")


def test_instances_with_origins_can_be_written_and_read(tmp_path: Path) -> None:
    from hf_relation.data import write_jsonl

    found = list(instances_from_texts([TEXT], entities=NAMES, window=2))
    write_jsonl(tmp_path / "rows.jsonl", found)
    assert list(read_jsonl(tmp_path / "rows.jsonl")) == found
    assert list(instances_from_texts(found)) == found
    assert len(found) == 3 and all(one["id"] != two["id"] for one, two in pairwise(found))


def test_a_discovery_reads_texts_itself(tmp_path):
    save_tiny_checkpoint(tmp_path)
    discovery = RelationDiscovery.from_pretrained(tmp_path, num_relations=1)
    names = EntityDictionary([("Ada", "PERSON"), ("Bob", "PERSON")])
    texts = ["Ada met Bob.", "Ada " + "met " * 5000 + "Bob."]
    rows, report = discovery.read_texts(texts, names, max_distance=None)
    assert [row["text"] for row in rows] == ["Ada met Bob."]  # the other does not fit into the model
    assert report.texts == 2 and any("1 pair" in line for line in report.lines())
    assert discovery.fit_predict(rows).labels.tolist() == [0]
