"""Rows 23 to 25: corpus text in the files that are written, read back by parsers: HTML, Markdown, CSV and RDF."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt

from hf_relation.cards import escape_markdown, table_row
from hf_relation.data.spreadsheets import csv_text, guarded, unguarded
from hf_relation.discovery import DiscoveredRelation, DiscoveryResult, export_result
from hf_relation.extraction.files import save_triples
from tests.discovery.test_exports import parse_ntriples


HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "<!-- <iframe src=//evil.test> -->",
    "]]><b>",
    "&lt;script&gt;&#60;b&#62;",
    "{{ 7*7 }} {% raw %} ${7*7}",
    "[link](javascript:alert(1)) ![i](//evil.test/x)",
    "<javascript:alert(1)> www.evil.test https://evil.test mailto:a@evil.test",
    "a | b || c",
    "`code` ``` ~~~ $x$",
    "# heading",
    "1. list",
    "- list",
    "> quote",
    "---",
    "=== ",
    "[ref]: //evil.test",
    "[^1]",
    "line\nfeed\r\nand\rreturn",
    '=HYPERLINK("http://evil.test")',
    "+1+cmd|' /C calc'!A0",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    '", "x", "',
    "' OR 1=1; --",
    'http://evil.test> <x> "o" .',
    'a" . <urn:evil> <urn:evil> "b',
    "back\\slash \\u0041 \\",
    "\u2028\u2029\x85\x0b\x0c",
    "\u202ertl\u202c \u200b\ufeff",
    "../../etc/passwd",
    "C:\\..\\x",
    "%2e%2e%2f",
    "\x1b[31mred\x07",
    "x" * 3000,
)
# What a spreadsheet runs: OWASP's list for CSV injection, written down here once more.
RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def cells(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, strict=True))


def hostile_result(texts: tuple[str, ...] = HOSTILE) -> DiscoveryResult:
    """One instance for every text, which is its id, document, head, tail and surroundings, and the name of its relation."""
    rows: list[Any] = []
    for number, text in enumerate(texts):
        head, tail = f"{text}H{number}", f"{text}T{number}"
        whole = f"{head} {text} {tail}"
        start = len(whole) - len(tail)
        rows.append(
            {
                "id": f"{text}{number}",
                "text": whole,
                "head": {"start": 0, "end": len(head), "type": text, "id": text},
                "tail": {"start": start, "end": len(whole), "type": text, "id": text},
                "document": f"{text} document",
            }
        )
    labels = np.arange(len(rows))
    relations = [DiscoveredRelation(number, f"{text} {number}", [text], 1, 1.0) for number, text in enumerate(texts)]
    return DiscoveryResult(rows, labels, np.ones(len(rows), dtype=np.float32), relations)


def test_fault_23_no_cell_of_any_csv_is_a_formula_and_all_come_back(tmp_path: Path) -> None:
    result = hostile_result()
    export_result(result, tmp_path / "all.csv")
    export_result(result, tmp_path / "graph.neo4j")
    result.save(tmp_path / "saved")
    files = [tmp_path / "all.csv", *(tmp_path / "graph.neo4j").glob("*.csv"), tmp_path / "saved" / "relations.csv"]
    assert len(files) == 4
    for file in files:
        rows = cells(file)
        assert len(rows) >= len(HOSTILE), file
        for row in rows:
            assert None not in row and None not in row.values(), file  # no cell too many or too few
            for name, cell in row.items():
                if name not in ("score", "label", "coherence", ":TYPE"):
                    assert not cell.startswith(RUN), (file, name, cell)
    for row, instance in zip(cells(tmp_path / "all.csv"), result.instances, strict=True):
        assert unguarded(row["id"]) == instance["id"] and unguarded(row["text"]) == instance["text"]
        head = instance["head"]
        assert unguarded(row["head"]) == instance["text"][head["start"] : head["end"]]


@pytest.mark.parametrize("start", RUN)
def test_fault_23_every_beginning_of_a_formula_is_guarded(start: str) -> None:
    assert guarded(f"{start}1+1") == f"'{start}1+1" and unguarded(f"'{start}1+1") == f"{start}1+1"
    assert csv_text(["a"], [[f"{start}1"]], raw=True) != csv_text(["a"], [[f"{start}1"]])


def test_fault_23_csv_of_triples(tmp_path: Path) -> None:
    answers = [
        {
            "id": text,
            "text": text,
            "triples": [
                {
                    "head": {"text": text, "type": text, "start": 0, "end": 1},
                    "relation": text,
                    "tail": {"text": text, "type": text, "start": 0, "end": 1},
                    "score": 0.5,
                }
            ],
        }
        for text in HOSTILE
    ]
    save_triples(answers, tmp_path)
    rows = cells(tmp_path / "triples.csv")
    assert [unguarded(row["id"]) for row in rows] == list(HOSTILE)
    assert not any(cell.startswith(RUN) for row in rows for cell in row.values())
    assert [json.loads(line)["id"] for line in open(tmp_path / "triples.jsonl", encoding="utf-8")] == list(HOSTILE)


def test_fault_24_rdf_holds_every_text_as_a_literal_or_inside_an_iri(tmp_path: Path) -> None:
    result = hostile_result()
    export_result(result, tmp_path / "all.nt")
    triples = parse_ntriples((tmp_path / "all.nt").read_bytes())
    assert len(triples) >= len(HOSTILE)
    base = "urn:hf-relation:"
    for subject, predicate, value, literal in triples:
        assert subject.startswith(base) and predicate.startswith((base, "http://www.w3.org/")), (subject, predicate)
        assert literal or value.startswith((base, "http://www.w3.org/")), value
    # white space around and inside names may be made single spaces, nothing else may be lost
    said = {" ".join(value.split()) for *_, value, literal in triples if literal}
    assert all(" ".join(relation.name.split()) in said for relation in result.relations)


class Tags(HTMLParser):
    """All elements with their attributes, and comments and declarations."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, sorted(key for key, _ in attrs)))

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.found.append("declaration")

    def unknown_decl(self, data: str) -> None:
        self.found.append("declaration")


def test_fault_24_the_report_has_the_elements_of_a_plain_one(tmp_path: Path) -> None:
    plain = tuple("plain text" for _ in HOSTILE)
    pages = []
    for name, texts in (("hostile", HOSTILE), ("plain", plain)):
        path = hostile_result(texts).save_report(tmp_path / f"{name} <b>.html", title=texts[0])
        pages.append(Tags(Path(path).read_text(encoding="utf-8")).found)
    assert [tag for tag in pages[0] if tag not in pages[1]] == []
    scripts = [[tag for tag in page if tag[0] == "script"] for page in pages]
    assert scripts[0] == scripts[1] and len(pages[0]) == len(pages[1])


def inline(source: str) -> Iterator[str]:
    """Kinds of all tokens that GitHub's Markdown makes of a text, links of bare addresses among them."""
    parser = MarkdownIt("gfm-like") if _has_linkify() else MarkdownIt("commonmark").enable("table")
    for token in parser.parse(source):
        yield token.type
        yield from (child.type for child in token.children or [])


def _has_linkify() -> bool:
    try:
        import linkify_it  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_fault_24_markdown_is_text_and_nothing_else(text: str) -> None:
    def markup(source: str) -> list[str]:
        return [kind for kind in inline(source + "\n") if kind not in ("text", "paragraph_open", "paragraph_close")]

    assert markup(escape_markdown(text)) in (["inline"], []), escape_markdown(text)
    head = "| a | b |\n| --- | --- |\n"
    assert markup(head + table_row([text, "end"])) == markup(head + table_row(["word", "end"]))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_fault_24_markdown_shows_what_was_there(text: str) -> None:
    import html
    import re

    parser = MarkdownIt("commonmark")
    shown = re.sub(r"</?p>", "", parser.render(escape_markdown(text)))
    printable = re.sub(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]+", " ", text).strip()
    # Word joiners, which nobody sees, keep readers that look for addresses from finding any.
    assert "<" not in shown and html.unescape(shown).replace("\u2060", "").strip() == printable


def test_fault_25_no_file_is_named_by_the_corpus(tmp_path: Path) -> None:
    hostile_result().save(tmp_path / "saved")
    export_result(hostile_result(), tmp_path / "graph.neo4j")
    there = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert there == [
        "graph.neo4j/nodes.csv",
        "graph.neo4j/relationships.csv",
        "saved/instances.jsonl",
        "saved/relations.csv",
        "saved/relations.json",
    ]
