from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_relation.discovery import DiscoveredRelation, DiscoveryResult, export_result
from hf_relation.discovery.exports import ENDINGS
from hf_relation.errors import InvalidRowError, UsageError
from tests.common.tiny_tokenizers import make_instance


COLUMNS = (
    *("id", "label", "relation", "score", "head", "tail", "text"),
    *("head_start", "head_end", "tail_start", "tail_end"),
)
RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
NAMES = {name: ending for ending, name in reversed(ENDINGS.items())}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

# The productions of https://www.w3.org/TR/n-triples/#n-triples-grammar (RDF 1.1), numbered as there; without blank nodes and
# language tags, which are never written.
UCHAR = r"(?:\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})"  # [10]
IRIREF = rf'<((?:[^\x00-\x20<>"{{}}|^`\\]|{UCHAR})*)>'  # [8]
STRING = rf'"((?:[^\x22\x5C\x0A\x0D]|\\[tbnrf"\'\\]|{UCHAR})*)"'  # [9], [153s]
TRIPLE = re.compile(rf"[ \t]*{IRIREF}[ \t]*{IRIREF}[ \t]*(?:{IRIREF}|{STRING})[ \t]*\.[ \t]*")  # [2]
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
SHORT = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


def parse_ntriples(content: bytes) -> list[tuple[str, str, str, bool]]:
    """Subject, predicate, object, and whether the object is a literal; fails on anything the grammar does not allow."""
    triples = []
    for line in re.split(r"[\r\n]+", content.decode("utf-8")):
        if line:
            match = TRIPLE.fullmatch(line)
            assert match, line
            subject, predicate, resource, literal = match.groups()
            for iri in (subject, predicate) if resource is None else (subject, predicate, resource):
                assert ABSOLUTE.match(iri) and re.fullmatch(r"([^%]|%[0-9A-F]{2})*", iri), iri
            triples.append((subject, predicate, unescape(literal) if resource is None else resource, resource is None))
    return triples


def unescape(literal: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if code[0] in "uU" else SHORT[code]

    return re.sub(r"""\\(u.{4}|U.{8}|[tbnrf"'\\])""", character, literal)


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))


def one_pair(head: str, tail: str, name: str) -> DiscoveryResult:
    instance = make_instance("<h>h</h><t>t</t>") | {
        "text": head + tail,
        "head": {"start": 0, "end": len(head)},
        "tail": {"start": len(head), "end": len(head + tail)},
    }
    relation = DiscoveredRelation(0, name, [], 1, 1.0)
    return DiscoveryResult([instance], np.array([0]), np.array([0.5], dtype=np.float32), [relation])


@pytest.fixture
def result() -> DiscoveryResult:
    marked = [
        "<h>Ada</h> wed <t>New  York</t>",
        "<t>NEW\nYORK</t>, wife of <h>ADA</h>",
        "<h>Ada</h> left <t>New York</t>",
        "<h>X</h> or <t>Y</t>",
        '<h>=cmd()</h> is <t>Zoë <"\\> 王</t>',
        "<h>New York</h> at <t>new york</t>",
        "<h>Ada</h>, <t>New York</t>",
    ]
    instances = [make_instance(text, id=id_) for text, id_ in zip(marked, ["a", "b", "c", "d", '-e";\n', "f", "g"], strict=True)]  # fmt: skip
    names = ["+wife, of", "left"]
    relations = [DiscoveredRelation(number, name, [name], 1, 0.75) for number, name in enumerate(names)]
    labels = np.array([0, 0, 1, -1, 0, 1, 0])
    scores = np.array([0.1, 0.25, 1.0, 0.0, 0.3, 0.7, 0.4], dtype=np.float32)
    return DiscoveryResult(instances, labels, scores, relations)


def expected_rows(result: DiscoveryResult) -> Iterator[dict[str, Any]]:
    for row, instance in zip(result.to_pandas().to_dict("records"), result.instances, strict=True):
        offsets = {f"{side}_{edge}": instance[side][edge] for side in ("head", "tail") for edge in ("start", "end")}
        yield row | {"relation": None if row["label"] < 0 else row["relation"]} | offsets


def folded(mention: str) -> str:
    return re.sub(r"\s+", " ", mention.strip()).casefold()


def distinct(result: DiscoveryResult) -> Counter[tuple[str, str, str]]:
    """How often every triple occurs, by a plain loop over `to_triples`."""
    return Counter((folded(t["head"]), t["relation"], folded(t["tail"])) for t in result.to_triples())


@pytest.mark.parametrize("name", ["r.jsonl", "r.JSONL", "r.jsonl.gz"])
def test_jsonl_has_one_object_per_instance(result: DiscoveryResult, tmp_path: Path, name: str) -> None:
    content = result.export(tmp_path / name).read_bytes()
    content = gzip.decompress(content) if name.endswith(".gz") else content
    rows = [json.loads(line) for line in content.decode("utf-8").splitlines()]
    assert rows == list(expected_rows(result))
    assert tuple(rows[0]) == COLUMNS
    assert (rows[3]["label"], rows[3]["relation"], rows[4]["head"]) == (-1, None, "=cmd()")
    assert rows[1]["text"][rows[1]["tail_start"] : rows[1]["tail_end"]] == rows[1]["tail"] == "NEW\nYORK"


def test_parquet_has_the_same_rows_with_types(result: DiscoveryResult, tmp_path: Path) -> None:
    table = pq.read_table(result.export(tmp_path / "r.parquet"))
    assert table.to_pylist() == list(expected_rows(result))
    types = {field.name: str(field.type) for field in table.schema}
    assert list(types) == list(COLUMNS)
    assert {types[name] for name in ("id", "relation", "head", "tail", "text")} == {"string"}
    assert types["score"] == "double" and {types[name] for name in ("label", *COLUMNS[7:])} == {"int64"}


def test_csv_has_the_same_rows_guarded(result: DiscoveryResult, tmp_path: Path) -> None:
    texts = [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in expected_rows(result)
    ]
    assert read_csv(result.export(tmp_path / "raw.csv", raw=True).read_bytes()) == texts
    rows = read_csv(result.export(tmp_path / "r.csv").read_bytes())
    assert (rows[0]["relation"], rows[4]["head"], rows[4]["text"][:3]) == ("'+wife, of", "'=cmd()", "'=c")
    assert (rows[4]["id"], rows[3]["label"], rows[3]["relation"]) == ("'-e\";\n", "-1", "")
    for row, text in zip(rows, texts, strict=True):
        guarded = {name for name in row if text[name].startswith(FORMULA_STARTS) and name != "label"}
        assert row == {name: "'" * (name in guarded) + text[name] for name in row}


def test_ntriples_follow_the_grammar_and_say_what_the_triples_say(result: DiscoveryResult, tmp_path: Path) -> None:
    content = result.export(tmp_path / "r.nt").read_bytes()
    parsed = parse_ntriples(content)
    assert len(parsed) == len(set(parsed)) == content.count(b"\n")
    labels = {subject: value for subject, predicate, value, literal in parsed if predicate == RDFS_LABEL and literal}
    edges = [(s, p, o) for s, p, o, literal in parsed if not literal]
    assert len(labels) + len(edges) == len(parsed)
    assert sorted((folded(labels[s]), labels[p], folded(labels[o])) for s, p, o in edges) == sorted(distinct(result))
    assert set(labels) == {iri for edge in edges for iri in edge}
    assert labels["urn:hf-relation:entity/new%20york"] == "New York"  # four times so, twice (in sum) otherwise
    assert labels["urn:hf-relation:relation/%2Bwife%2C%20of"] == "+wife, of"
    assert 'Zoë <"\\> 王' in labels.values()


def test_ntriples_under_a_base_of_ones_own(result: DiscoveryResult, tmp_path: Path) -> None:
    content = result.export(tmp_path / "r.nt", base="https://example.org/é#").read_bytes()
    iris = {iri for s, p, o, literal in parse_ntriples(content) for iri in ((s, p) if literal else (s, p, o))}
    assert all(iri.startswith("https://example.org/é#") for iri in iris - {RDFS_LABEL})
    for base in ["", "no-scheme/", "urn:a b:", "urn:<", 'urn:"', "urn:\n", "urn:\\", "urn:\ud800"]:
        with pytest.raises(UsageError, match="absolute IRI"):
            result.export(tmp_path / "bad.nt", base=base)
    assert [path.name for path in tmp_path.iterdir()] == ["r.nt"]


def test_relations_of_one_name_are_one_in_ntriples_only(result: DiscoveryResult, tmp_path: Path) -> None:
    for relation in result.relations:
        relation.name = "met"
    parsed = parse_ntriples(result.export(tmp_path / "r.nt").read_bytes())
    assert len({p for _, p, _, literal in parsed if not literal}) == 1
    assert sum(not literal for *_, literal in parsed) == len(distinct(result)) == 3
    assert result.to_networkx().number_of_edges() == 4


def test_neo4j_tables_join_to_the_triples(result: DiscoveryResult, tmp_path: Path) -> None:
    folder = result.export(tmp_path / "r.neo4j", raw=True)
    assert sorted(path.name for path in folder.iterdir()) == ["nodes.csv", "relationships.csv"]
    nodes = read_csv((folder / "nodes.csv").read_bytes())
    rows = read_csv((folder / "relationships.csv").read_bytes())
    assert list(nodes[0]) == [":ID", "name", ":LABEL"]
    assert list(rows[0]) == [":START_ID", ":END_ID", ":TYPE", "score:float", "count:int", "instance_ids"]
    names = {node[":ID"]: node["name"] for node in nodes}
    assert len(names) == len(nodes) == 4 and {node[":LABEL"] for node in nodes} == {"Entity"}
    counted = {
        (folded(names[row[":START_ID"]]), row[":TYPE"], folded(names[row[":END_ID"]])): int(row["count:int"])
        for row in rows
    }
    assert counted == distinct(result) and len(rows) == len(counted)
    ids = [id_ for row in rows for id_ in json.loads(row["instance_ids"])]
    assert sorted(ids) == sorted(triple["id"] for triple in result.to_triples())
    first = next(row for row in rows if "b" in json.loads(row["instance_ids"]))
    assert float(first["score:float"]) == pytest.approx((0.1 + 0.25 + 0.4) / 3)


def test_neo4j_cells_are_guarded_and_of_one_line(result: DiscoveryResult, tmp_path: Path) -> None:
    result.relations[1].name = "=le\r\nft"
    folder = result.export(tmp_path / "r.neo4j")
    nodes, rows = (read_csv((folder / name).read_bytes()) for name in ("nodes.csv", "relationships.csv"))
    assert {"'=cmd()", "Ada", "New York"} < {node["name"] for node in nodes}
    assert {row[":TYPE"] for row in rows} == {"'+wife, of", "'=le ft"}
    cells = [cell for row in [*nodes, *rows] for cell in row.values()]
    assert not any(cell.startswith(FORMULA_STARTS) or "\n" in cell or "\r" in cell for cell in cells)


def test_networkx_graph_counts_what_the_triples_count(result: DiscoveryResult) -> None:
    graph = result.to_networkx()
    assert graph.is_directed() and graph.is_multigraph()
    edges = {(head, data["name"], tail): data["count"] for head, tail, data in graph.edges(data=True)}
    assert edges == distinct(result) and len(edges) == graph.number_of_edges()
    assert graph.size(weight="count") == len(result.to_triples())
    assert set(graph) == {"ada", "new york", "=cmd()", 'zoë <"\\> 王'}
    assert graph.nodes["new york"] == {"name": "New York", "count": 6} and graph.nodes["ada"]["name"] == "Ada"
    edge = graph.edges["ada", "new york", 0]
    assert (edge["name"], edge["count"], edge["instance_ids"]) == ("+wife, of", 3, ["a", "b", "g"])
    assert math.isclose(edge["score"], float(result.scores[[0, 1, 6]].astype(np.float64).mean()))
    assert graph.has_edge("new york", "new york", 1)


@pytest.mark.parametrize("format", NAMES)
def test_results_of_embeddings_alone_and_empty_ones(tmp_path: Path, format: Any) -> None:
    relation = DiscoveredRelation(0, "r", [], 1, 1.0)
    bare = DiscoveryResult([{"id": "0"}], np.array([0]), np.array([1.0]), [relation])
    left_out = DiscoveryResult([{"id": "0"}], np.array([-1]), np.array([0.0]), [])
    for unknown in (bare, left_out):
        with pytest.raises(UsageError, match="need the mentions"):
            unknown.export(tmp_path / "r", format)
        with pytest.raises(UsageError, match="need the mentions"):
            unknown.to_networkx()
    assert not list(tmp_path.iterdir())
    empty = DiscoveryResult([], np.array([], dtype=int), np.array([]), [])
    path = empty.export(tmp_path / "new" / "r", format)
    if format == "parquet":
        assert tuple(pq.read_table(path).column_names) == COLUMNS
    elif format == "neo4j":
        assert [read_csv(file.read_bytes()) for file in path.iterdir()] == [[], []]
    else:
        assert path.read_text() == (",".join(COLUMNS) + "\n" if format == "csv" else "")


@pytest.mark.parametrize("format", NAMES)
def test_a_failure_leaves_the_old_file(
    result: DiscoveryResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: Any
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("disk full")

    path = result.export(tmp_path / "r", format)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    result.relations[1].name = "other"
    monkeypatch.setattr("hf_relation.data.atomic.os.replace", fail)
    monkeypatch.setattr("hf_relation.data.atomic.exchange", fail)
    with pytest.raises(OSError, match="disk full"):
        result.export(path, format)
    monkeypatch.undo()
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    result.export(path, format)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}.keys() == before.keys()
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} != before


@pytest.mark.parametrize("format", NAMES)
def test_half_characters_and_blank_names_are_refused(tmp_path: Path, format: Any) -> None:
    with pytest.raises(InvalidRowError, match="row 0: `text` holds a lone surrogate"):
        one_pair("A\ud800", "B", "r").export(tmp_path / "r", format)
    for name in ("\udfff", " \n"):
        with pytest.raises(UsageError, match="the name of relation 0"):
            one_pair("A", "B", name).export(tmp_path / "r", format)
    assert not list(tmp_path.iterdir())


def test_formats_and_places_that_are_refused(result: DiscoveryResult, tmp_path: Path) -> None:
    (tmp_path / "taken.csv").mkdir()
    (tmp_path / "file.neo4j").write_text("mine")
    (tmp_path / "mine.neo4j").mkdir()
    (tmp_path / "mine.neo4j" / "notes.txt").write_text("mine")
    for name, message in [
        ("r.xlsx", ".parquet, .csv, .nt or .neo4j"),
        ("csv", "must end in"),
        ("taken.csv", "a folder has that name"),
        ("file.neo4j", "a file has that name"),
        ("mine.neo4j", "'notes.txt'"),
        ("file.neo4j/r.csv", "is a file"),
        ("file.neo4j/new/r.neo4j", "is a file"),
    ]:
        with pytest.raises(UsageError, match=re.escape(message)):
            export_result(result, tmp_path / name)
    with pytest.raises(UsageError, match="`format` must be jsonl, parquet, csv, ntriples or neo4j, got 'xml'"):
        export_result(result, tmp_path / "r.csv", "xml")  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file.neo4j", "mine.neo4j", "notes.txt", "taken.csv"]


def test_ids_with_gaps_have_their_own_names(result: DiscoveryResult, tmp_path: Path) -> None:
    """Relations that were merged or deleted leave gaps between the ids."""
    names = {4: result.relations[0].name, 9: result.relations[1].name}
    relations = [dataclasses.replace(relation, id=id_) for relation, id_ in zip(result.relations, names, strict=True)]
    labels = np.array([{0: 4, 1: 9, -1: -1}[label] for label in result.labels.tolist()])
    apart = DiscoveryResult(result.instances, labels, result.scores, relations)
    rows = [json.loads(line) for line in apart.export(tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["relation"] for row in rows] == [names.get(label) for label in labels.tolist()]
    triples = [edge["name"] for *_, edge in apart.to_networkx().edges(data=True)]
    assert set(triples) == set(names.values())


def test_the_format_given_wins_over_the_ending(result: DiscoveryResult, tmp_path: Path) -> None:
    path = export_result(result, tmp_path / "r.csv", "ntriples")
    assert parse_ntriples(path.read_bytes())


hostile = st.text(
    st.one_of(
        st.sampled_from("\"'\\<>{}|^`%=+-@,;.#/: \t\r\n\x00\x1b\x7f\x85\u2028\u202e\ufeff\uffffİßé王🚀"),
        st.characters(exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=hostile, tail=hostile, name=hostile.filter(str.strip))
def test_hostile_text_survives_in_ntriples_and_csv(tmp_path: Path, head: str, tail: str, name: str) -> None:
    result = one_pair(head, tail, name)
    content = result.export(tmp_path / "r.nt").read_bytes()
    parsed = parse_ntriples(content)
    assert content.decode("utf-8").splitlines(keepends=True)[-1].endswith(" .\n")
    assert len(content.decode("utf-8").splitlines()) == len(parsed)
    labels = {subject: value for subject, _, value, literal in parsed if literal}
    ((subject, predicate, object_),) = [triple[:3] for triple in parsed if not triple[3]]
    assert labels[predicate] == unquote(predicate.removeprefix("urn:hf-relation:relation/")) == name
    spellings = {" ".join(head.split()), " ".join(tail.split())}
    assert {labels[subject], labels[object_]} <= spellings and labels[subject] == " ".join(head.split())
    for iri in (subject, object_):
        key = unquote(iri.removeprefix("urn:hf-relation:entity/"))
        assert key == " ".join(labels[iri].casefold().split())

    (row,) = read_csv(result.export(tmp_path / "r.csv").read_bytes())
    expected = {"head": head, "tail": tail, "relation": name, "text": head + tail}
    for column, text in expected.items():
        assert not row[column].startswith(FORMULA_STARTS)
        assert row[column] == ("'" + text if text.startswith(FORMULA_STARTS) else text)
    (row,) = read_csv(result.export(tmp_path / "raw.csv", raw=True).read_bytes())
    assert {column: row[column] for column in expected} == expected
