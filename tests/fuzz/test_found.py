"""What fuzzing, and reading for its sake, found in readers and spans: each once, as small as it could be made."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import (
    EntityDictionary,
    check_labelled_text,
    crop_around_mentions,
    explode_document,
    join_tokens,
    read_conllu,
    read_docred,
    read_fewrel,
    read_jsonl,
    read_nyt_fb,
    read_semeval2010_task8,
    read_tacred,
    read_triples,
    read_word_vectors,
    relation_names,
)
from hf_relation.data.files import parse_json, read_json
from hf_relation.discovery import RelationInventory
from hf_relation.discovery.text_files import read_text_file
from hf_relation.errors import InvalidRowError


HUGE = 10**400


def wrote(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode("utf-8"))
    return path


def fewrel(indices: Any, **more: Any) -> dict[str, Any]:
    row = {"tokens": ["Ada", "met", "Bo"], "h": ["ada", "Q1", [indices]], "t": ["bo", "Q2", [[2]]]}
    return {"P6": [{**row, **more}]}


# JSON


def test_a_score_of_hundreds_of_digits_is_refused(tmp_path: Path) -> None:
    path = wrote(tmp_path, "rows.jsonl", b'{"text": "a", "label": 1}\n{"text": "b", "label": 1' + b"0" * 400 + b"}\n")
    errors: list[InvalidRowError] = []
    assert len(list(read_jsonl(path, kind="score", on_error="skip", errors=errors))) == 1
    assert [error.line for error in errors] == [2]
    with pytest.raises(InvalidRowError, match="no score"):
        check_labelled_text({"text": "a", "label": -HUGE})


def test_a_number_that_would_become_infinite_is_not_json() -> None:
    with pytest.raises(InvalidRowError, match="line 3: the number 1e999 is too large"):
        parse_json(b'{"label": 1e999}', line=3)
    assert parse_json(b"[1e308, -1.5]") == [1e308, -1.5]


@pytest.mark.parametrize("content", [b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": 1e999}'])
def test_errors_in_a_whole_file_name_the_file(tmp_path: Path, content: bytes) -> None:
    path = wrote(tmp_path, "val_wiki.json", content)
    with pytest.raises(InvalidRowError, match="val_wiki.json: "):
        read_json(path)


def test_a_value_nested_as_deep_as_the_parser_allows_is_refused_like_any_other(tmp_path: Path) -> None:
    # What the parser takes may be too deep to be shown by the message, which is made in a deeper place.
    lines = [b'{"text": ' + b"[" * depth + b"]" * depth + b"}" for depth in range(700, 1000)]
    path = wrote(tmp_path, "rows.jsonl", b"\n".join(lines))
    errors: list[InvalidRowError] = []
    assert not list(read_jsonl(path, on_error="skip", errors=errors))
    assert [error.line for error in errors] == list(range(1, 301))


# Published formats


def test_fewrel_refuses_a_run_of_token_indices_without_listing_it(tmp_path: Path) -> None:
    for indices in ([0, 10**12], [0, HUGE], [0, 2], [1, 0], [0, 0]):
        with pytest.raises(InvalidRowError, match="not one run"):
            list(read_fewrel(wrote(tmp_path, "train.json", fewrel(indices))))
    assert next(read_fewrel(wrote(tmp_path, "train.json", fewrel([0, 1]))))["head"]["end"] == 7


def test_fewrel_refuses_a_source_that_is_no_string(tmp_path: Path) -> None:
    path = wrote(tmp_path, "train.json", fewrel([0], src=["ohre"]))
    with pytest.raises(InvalidRowError, match="fewrel/train/P6/0: `src` must be a string"):
        list(read_fewrel(path, sources={"ohre"}))


@pytest.mark.parametrize(
    "content", [["P6"], {"P6": ["head"]}, {"P6": 1}, {"P6": [None, ""]}, {"P6": [[], ""]}, {"P6": ["\ud800", ""]}]
)
def test_names_of_properties_in_another_form_are_refused(tmp_path: Path, content: Any) -> None:
    wrote(tmp_path, "pid2name.json", content)
    with pytest.raises(InvalidRowError, match=r"pid2name\.json"):
        relation_names(tmp_path)


def test_tacred_with_brackets_refuses_tokens_that_are_one_string(tmp_path: Path) -> None:
    row = {"id": "e", "relation": "r", "token": "PERSON", "subj_start": 0, "subj_end": 0, "obj_start": 3, "obj_end": 3}
    path = wrote(tmp_path, "dev.json", [row | {"subj_type": "A", "obj_type": "B"}])
    for unescape in (False, True):
        with pytest.raises(InvalidRowError, match="tacred/e: a list of tokens is needed"):
            list(read_tacred(path, unescape_brackets=unescape))


def test_tokens_are_not_the_keys_of_an_object() -> None:
    with pytest.raises(InvalidRowError, match="a list of tokens is needed"):
        join_tokens({"Ada": 1, "met": 2})  # type: ignore[arg-type]


def docred(sentences: list[list[str]], sentence: int) -> list[dict[str, Any]]:
    mention = {"name": "", "pos": [0, 1], "sent_id": sentence, "type": "PER"}
    return [{"title": "", "sents": sentences, "vertexSet": [[mention]], "labels": []}]


def test_docred_refuses_what_would_be_in_another_sentence(tmp_path: Path) -> None:
    path = wrote(tmp_path, "dev.json", docred([["Ada"], ["Bo"]], -1))
    with pytest.raises(InvalidRowError, match="docred/dev/0: `sent_id` is -1"):
        list(read_docred(path))
    path = wrote(tmp_path, "dev.json", docred([["Ada"], ["Bo\nWeil"]], 1))
    with pytest.raises(InvalidRowError, match="docred/dev/0: sentence 1 has a token with a line feed"):
        list(read_docred(path))


def test_semeval_takes_out_the_four_tags_and_nothing_that_becomes_one(tmp_path: Path) -> None:
    line = b'1\t"<<e1>/e1> <e1</e1>> <e2>b</e2>"\nOther\n'
    # Without the tags: "</e1> <e1> b"; the head stands between the places of <e1> and </e1>.
    (row,) = read_semeval2010_task8(wrote(tmp_path, "TRAIN.TXT", line))
    assert row["text"] == "</e1> <e1> b"
    marked = [row["text"][row[side]["start"] : row[side]["end"]] for side in ("head", "tail")]  # type: ignore[literal-required]
    assert marked == ["/e1> <e1", "b"]


# Without `mtime` the time would give each test process other ids.
@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b\x08", b"not packed", gzip.compress(b'{"text": "a"}' * 99, mtime=0)[:-9]]
)
def test_triples_in_a_damaged_gzip_file_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidRowError, match=r"test\.json\.gz"):
        list(read_triples(wrote(tmp_path, "test.json.gz", content)))


@pytest.mark.parametrize(
    "content", [b"\x1f\x8b\x08", b"not packed", gzip.compress(b"id,text\n" + b",a\n" * 9999, mtime=0)[:-9]]
)
def test_tables_in_a_damaged_gzip_file_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidRowError, match=r"line \d+: .*texts\.csv\.gz is not a complete gzip file"):
        read_text_file(wrote(tmp_path, "texts.csv.gz", content))


@pytest.mark.parametrize("value", [5, 1.5, True, "Ada", {"a": 1}])
def test_entities_of_triples_that_are_no_list_are_refused(tmp_path: Path, value: Any) -> None:
    row = {"sentText": "Ada met Bo", "relationMentions": [], "entityMentions": value}
    with pytest.raises(InvalidRowError, match="line 1: `entityMentions` of the row must be a list"):
        list(read_triples(wrote(tmp_path, "test.json", row)))


def test_conllu_refuses_a_range_of_thousands_of_digits(tmp_path: Path) -> None:
    line = "1-" + "9" * 5000 + "\tdon't" + "\t_" * 8
    with pytest.raises(InvalidRowError, match="line 1: the first column"):
        list(read_conllu(wrote(tmp_path, "a.conllu", line.encode())))


def test_word_vectors_refuse_a_header_of_thousands_of_digits(tmp_path: Path) -> None:
    with pytest.raises(InvalidRowError, match="line 1"):
        read_word_vectors(wrote(tmp_path, "vectors.txt", b"9" * 5000 + b" " + b"9" * 5000 + b"\n"))


def test_nyt_finds_the_nearest_of_many_places_without_listing_them_all(tmp_path: Path) -> None:
    def line(tokens: list[str]) -> bytes:
        columns = ["p", "a", "b", "X-Y", "t", "d", " ".join(tokens), " ".join("N" for _ in tokens), "r"]
        return "\t".join(columns).encode() + b"\n"

    generator = random.Random(0)
    for _ in range(200):
        tokens = generator.choices("abc", k=generator.randint(2, 9))
        counts: Counter[str] = Counter()
        rows = (
            list(read_nyt_fb(wrote(tmp_path, "nyt.txt", line(tokens)), on_error="skip", errors=[], counts=counts))
            if {"a", "b"} <= set(tokens)
            else []
        )
        pairs = [
            (i, j) for i, one in enumerate(tokens) for j, other in enumerate(tokens) if (one, other) == ("a", "b")
        ]
        assert bool(rows) == bool(pairs)
        if rows:
            i, j = min(pairs, key=lambda pair: (abs(pair[0] - pair[1]), *pair))
            assert (rows[0]["head"]["start"], rows[0]["tail"]["start"]) == (2 * i, 2 * j)
            assert counts["ambiguous"] == (len(pairs) > 1)
    # 40,000 x 40,000 places.
    (row,) = read_nyt_fb(wrote(tmp_path, "nyt.txt", line(["a", "b"] * 40_000)))
    assert (row["head"]["start"], row["tail"]["start"]) == (0, 2)


# Lists of names


@pytest.mark.parametrize("row", [{"name": "\ud800"}, {"name": "Ada", "type": "\udc00x"}])
def test_names_that_no_file_can_hold_are_refused(tmp_path: Path, row: dict[str, str]) -> None:
    with pytest.raises(InvalidRowError, match="line 1: .*lone surrogate"):
        EntityDictionary.from_file(wrote(tmp_path, "names.jsonl", row))
    with pytest.raises(InvalidRowError, match="lone surrogate"):
        RelationInventory.from_file(wrote(tmp_path, "inventory.json", [{"name": row["name"], "id": row.get("type")}]))


def test_a_description_that_is_no_string_is_refused(tmp_path: Path) -> None:
    for description in ([], {}, [1]):
        with pytest.raises(InvalidRowError, match=r"inventory\.json, row 0: `description` must be a string"):
            list(RelationInventory.from_file(wrote(tmp_path, "inventory.json", {"P6": ["head", description]})))


# Spans


def test_cropping_keeps_white_space_that_belongs_to_a_mention() -> None:
    text = "  Ada met Bo \t in the old town"
    row: Any = {"id": "r", "text": text, "relations": []}
    row |= {"head": {"start": 0, "end": 5, "type": None}, "tail": {"start": 10, "end": 14, "type": None}}
    short: Any = crop_around_mentions(row, 3)
    marked = [short["text"][short[side]["start"] : short[side]["end"]] for side in ("head", "tail")]
    assert (short["text"], marked) == ("  Ada met Bo \t", ["  Ada", "Bo \t"])


def test_a_mention_that_ends_with_a_line_feed_is_in_no_sentence() -> None:
    document: Any = {
        "id": "d",
        "text": "Ada met Bo\nIt rained.",
        "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}, {"start": 8, "end": 10}],
        "entities": [{"id": None, "type": None, "mentions": [place]} for place in range(3)],
        "relations": [{"head": 0, "tail": 1, "label": "met"}, {"head": 0, "tail": 2, "label": "met"}],
    }
    assert [row["id"] for row in explode_document(document, scope="sentence")] == ["d/0-2"]
    assert len(explode_document(document)) == 2
