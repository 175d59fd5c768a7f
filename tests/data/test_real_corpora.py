"""Every row of every real corpus at hand: right counts, and every span is the mention of the upstream file."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import (
    FEWREL_NOVEL,
    SEMEVAL_RELATIONS,
    WIKI80_NOVEL_NAMES,
    check_instances,
    explode_document,
    load_fewrel_openre,
    read_docred,
    read_fewrel,
    read_openre_records,
    read_semeval2010_task8,
    read_wiki80,
    relation_names,
)


pytestmark = pytest.mark.real_data

FEWREL_FILES = {
    "val_wiki.json": (16, 11_200),
    "train_wiki_26rel.json.gz": (26, 18_200),
    "train_wiki_38rel_partial.json.gz": (38, 9_087),
}
WIKI80_FILES = {"wiki80_val.txt.gz": (80, 5_600), "wiki80_train_42rel.derived.txt.gz": (42, 26_459)}


def raw(path: Path) -> Any:
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as stream:
        return json.load(stream) if ".json" in path.name else [json.loads(line) for line in stream]


def joined(tokens: list[str]) -> str:
    return " ".join(token for token in tokens if token.strip())


def mention(row: Any, key: str) -> str:
    text: str = row["text"][row[key]["start"] : row[key]["end"]]
    return text


@pytest.mark.parametrize(("name", "counts"), FEWREL_FILES.items())
def test_fewrel_rows_slice_to_their_mentions(real_data_dir: Path, name: str, counts: tuple[int, int]) -> None:
    path = real_data_dir / "fewrel" / name
    rows = list(read_fewrel(path))
    assert (len({row["relations"][0] for row in rows}), len(rows)) == counts
    upstream = [(relation, i, row) for relation, found in raw(path).items() for i, row in enumerate(found)]
    assert len(upstream) == len(rows) == len({row["id"] for row in rows})
    for row, (relation, position, source) in zip(rows, upstream, strict=True):
        assert row["relations"] == [relation]
        assert row["id"] == f"fewrel/{name.split('.')[0]}/{relation}/{position}"
        assert row["text"] == joined(source["tokens"])
        for key, upstream_key in (("head", "h"), ("tail", "t")):
            assert mention(row, key) == joined([source["tokens"][i] for i in source[upstream_key][2][0]])
            # Not only equal words: the words before the mention are as many as upstream, less the blank ones.
            before = source["tokens"][: source[upstream_key][2][0][0]]
            assert row["text"][: row[key]["start"]].rstrip(" ") == joined(before)


def test_fewrel_sources_add_up(real_data_dir: Path) -> None:
    path = real_data_dir / "fewrel" / "train_wiki_38rel_partial.json.gz"
    counts = {source: sum(1 for _ in read_fewrel(path, sources=[source])) for source in ("wiki80", "ohre", "cfrl")}
    assert counts == {"wiki80": 2_660, "ohre": 631, "cfrl": 5_796}


def test_the_frozen_test_set_is_the_published_one(real_data_dir: Path) -> None:
    published = list(read_openre_records(real_data_dir / "fewrel" / "openre_split" / "fewrel80_test_test.json"))
    shipped = load_fewrel_openre(real_data_dir, "test")
    assert len(shipped) == 1_600
    assert [row | {"id": ""} for row in shipped] == [row | {"id": ""} for row in published]


def test_openre_records_slice_to_their_mentions(real_data_dir: Path) -> None:
    path = real_data_dir / "fewrel" / "openre_split" / "fewrel80_test_test.json"
    for row, source in zip(read_openre_records(path), raw(path), strict=True):
        tokens = source["sentence"]
        head, tail = source["head"], source["tail"]
        assert mention(row, "head") == joined(tokens[head["e1_begin"] : head["e1_end"] + 1])
        assert mention(row, "tail") == joined(tokens[tail["e2_begin"] : tail["e2_end"] + 1])


def test_the_splits_of_fewrel_are_complete_and_disjoint(real_data_dir: Path) -> None:
    test = load_fewrel_openre(real_data_dir, "test")
    unlabeled = load_fewrel_openre(real_data_dir, "novel_unlabeled")
    train = load_fewrel_openre(real_data_dir, "train", drop_evaluation_sentences=False)
    assert (len(test), len(unlabeled), len(train)) == (1_600, 9_600, 27_287)
    ids = [row["id"] for row in test + unlabeled + train]
    assert len(set(ids)) == len(ids)
    assert check_instances(test + unlabeled + train)
    novel = {row["relations"][0] for row in test}
    assert novel == {row["relations"][0] for row in unlabeled} == set(FEWREL_NOVEL)
    known = {row["relations"][0] for row in train}
    assert len(known) == 64 and not known & novel
    derived = read_openre_records(real_data_dir / "fewrel" / "openre_split" / "fewrel80_test_train.derived.json.gz")

    def content(row: Any) -> tuple[Any, ...]:
        return row["text"], row["head"]["start"], row["tail"]["start"], row["relations"][0]

    assert Counter(map(content, unlabeled)) == Counter(map(content, derived))


def test_names_of_the_novel_relations_agree(real_data_dir: Path) -> None:
    names = relation_names(real_data_dir)
    assert len(names) == 744
    assert tuple(names[relation] for relation in FEWREL_NOVEL) == WIKI80_NOVEL_NAMES


@pytest.mark.parametrize(("name", "counts"), WIKI80_FILES.items())
def test_wiki80_rows_slice_to_their_mentions(real_data_dir: Path, name: str, counts: tuple[int, int]) -> None:
    path = real_data_dir / "wiki80" / name
    rows = list(read_wiki80(path))
    assert (len({row["relations"][0] for row in rows}), len(rows)) == counts
    for row, source in zip(rows, raw(path), strict=True):
        assert row["text"] == joined(source["token"]) and row["relations"] == [source["relation"]]
        for key, upstream_key in (("head", "h"), ("tail", "t")):
            start, end = source[upstream_key]["pos"]
            assert mention(row, key) == joined(source["token"][start:end])
            assert row["text"][: row[key]["start"]].rstrip(" ") == joined(source["token"][:start])


def tagged(path: Path) -> Iterator[tuple[str, str, str]]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    for sentence, label, comment in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        assert comment.startswith("Comment:")
        number, quoted = sentence.split("\t")
        yield number, quoted[1:-1], label


@pytest.mark.parametrize(("name", "count"), [("TRAIN_FILE.TXT", 8_000), ("TEST_FILE_FULL.TXT", 2_717)])
def test_semeval_rows_slice_to_their_mentions(real_data_dir: Path, name: str, count: int) -> None:
    path = real_data_dir / "semeval2010_task8" / name
    rows = list(read_semeval2010_task8(path))
    assert len(rows) == count and len({row["relations"][0] for row in rows}) == 19
    for row, (number, source, label) in zip(rows, tagged(path), strict=True):
        assert row["id"] == f"semeval2010_task8/{number}" and row["relations"] == [label]
        parts = {}
        for key, tag in (("head", "e1"), ("tail", "e2")):
            parts[key] = source.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
            assert mention(row, key) == parts[key]
        # Putting the tags back gives the upstream sentence.
        marks = [(row["head"]["start"], "<e1>"), (row["head"]["end"], "</e1>")]
        marks += [(row["tail"]["start"], "<e2>"), (row["tail"]["end"], "</e2>")]
        text = row["text"]
        for offset, tag in sorted(marks, reverse=True):
            text = text[:offset] + tag + text[offset:]
        assert text == source


def test_semeval_key_file_agrees_with_undirected_labels(real_data_dir: Path) -> None:
    folder = real_data_dir / "semeval2010_task8"
    key = [line.split("\t") for line in (folder / "TEST_FILE_KEY.TXT").read_text().splitlines() if line]
    rows = read_semeval2010_task8(folder / "TEST_FILE_FULL.TXT", labels="undirected")
    found = [[row["id"].rsplit("/", 1)[1], row["relations"][0]] for row in rows]
    assert found == [[number, label.split("(")[0]] for number, label in key]
    assert {label for _, label in found} == {*SEMEVAL_RELATIONS, "Other"}


def test_redocred_mentions_are_upstream_tokens(real_data_dir: Path) -> None:
    path = real_data_dir / "redocred" / "dev_revised.json.gz"
    documents = list(read_docred(path))
    upstream = raw(path)
    assert len(documents) == 500
    assert sum(len(document["relations"]) for document in documents) == 17_284
    assert len({relation["label"] for document in documents for relation in document["relations"]}) == 95
    for document, source in zip(documents, upstream, strict=True):
        assert document["text"].split("\n") == [joined(tokens) for tokens in source["sents"]]
        found = [(label["head"], label["tail"], label["label"]) for label in document["relations"]]
        assert found == [(label["h"], label["t"], label["r"]) for label in source["labels"]]
        for entity, vertex in zip(document["entities"], source["vertexSet"], strict=True):
            expected = {
                (
                    m["sent_id"],
                    joined(source["sents"][m["sent_id"]][: m["pos"][0]]),
                    joined(source["sents"][m["sent_id"]][m["pos"][0] : m["pos"][1]]),
                )
                for m in vertex
            }
            actual = set()
            for position in entity["mentions"]:
                span = document["mentions"][position]
                before, words = document["text"][: span["start"]], document["text"][span["start"] : span["end"]]
                actual.add((before.count("\n"), before.rsplit("\n", 1)[-1].rstrip(" "), words))
            assert actual == expected
            assert entity["type"] in {m["type"] for m in vertex}


def test_redocred_explodes_to_good_instances(real_data_dir: Path) -> None:
    documents = list(read_docred(real_data_dir / "redocred" / "dev_revised.json.gz"))
    rows = [row for document in documents for row in explode_document(document)]
    assert check_instances(rows) == rows
    # One labelled pair has overlapping mentions only.
    assert sum(len(row["relations"]) for row in rows) == 17_283
    pairs = [row for document in documents for row in explode_document(document, scope="sentence")]
    assert check_instances(pairs) == pairs
    lines = {line for document in documents for line in document["text"].split("\n")}
    assert all(row["text"] in lines for row in pairs)


def test_redocred_names_cover_every_label(real_data_dir: Path) -> None:
    folder = real_data_dir / "redocred"
    (first, *_) = read_docred(folder / "dev_revised.json.gz", folder / "rel_info.json")
    assert all(not relation["label"].startswith("P") or " " in relation["label"] for relation in first["relations"])
    labels = {label["r"] for document in raw(folder / "dev_revised.json.gz") for label in document["labels"]}
    assert labels <= set(raw(folder / "rel_info.json"))
