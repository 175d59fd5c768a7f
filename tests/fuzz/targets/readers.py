"""Readers of published formats: rows of the contract, or an error that says where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from hf_relation.data import (
    LocatingReport,
    read_conll_columns,
    read_conllu,
    read_docred,
    read_fewrel,
    read_glue,
    read_iob2corpus,
    read_meld,
    read_nyt_fb,
    read_openre_records,
    read_semeval2010_task8,
    read_sentence_pairs,
    read_snips,
    read_stsb,
    read_tacred,
    read_triples,
    read_weibo_ner,
    read_wiki80,
    read_wnut17,
    relation_names,
)
from hf_relation.errors import InvalidRowError
from tests.fuzz.targets.contract import assert_normal, text_of
from tests.fuzz.targets.source import file_of, folder_of


Reader = Callable[[Path], Iterable[Any]]


def assert_placed(error: Exception, path: Path) -> None:
    """The error says which line or entry, or that it is the file as a whole."""
    assert type(error) is InvalidRowError, repr(error)
    stem = path.name.split(".", 1)[0]
    assert error.line is not None or error.index is not None or stem in str(error), error


def rows_of(read: Reader, path: Path, kind: str) -> list[Any] | None:
    """The rows, each checked, or `None` where the file was refused."""
    rows: list[Any] = []
    try:
        for row in read(path):
            assert_normal(kind, row)
            rows.append(row)
    except InvalidRowError as error:
        assert_placed(error, path)
        return None
    assert len({row["id"] for row in rows}) == len(rows) or kind == "instance", "ids of a file are unique"
    return rows


def _plain(content: bytes, *, name: str, kind: str, readers: tuple[Reader, ...]) -> None:
    path = file_of(content, name)
    for read in readers:
        rows_of(read, path, kind)


def _words(tokens: list[str]) -> str:
    return " ".join(token for token in tokens if token.strip())


def _mention(row: Any, side: str) -> str:
    return row["text"][row[side]["start"] : row[side]["end"]]


def _fewrel(content: bytes) -> None:
    path = file_of(content, "train_wiki.json")
    rows = rows_of(read_fewrel, path, "instance")
    rows_of(partial(read_fewrel, sources={"ohre", "fewrel"}), path, "instance")
    if rows is None:
        return
    listed = [row for of_relation in json.loads(content.decode("utf-8-sig")).values() for row in of_relation]
    assert len(rows) == len(listed)
    for row, given in zip(rows, listed, strict=True):
        assert row["text"] == _words(list(given["tokens"]))
        for side, key in (("head", "h"), ("tail", "t")):
            assert _mention(row, side) == _words([given["tokens"][place] for place in given[key][2][0]])


def _fewrel_names(content: bytes) -> None:
    folder = folder_of({"pid2name.json": content}, "fewrel-names")
    try:
        names = relation_names(folder)
    except InvalidRowError as error:
        assert_placed(error, folder / "pid2name.json")
        return
    assert all(text_of(key, blank=True) == key and text_of(name) for key, name in names.items())


def _tacred(content: bytes) -> None:
    path = file_of(content, "dev.json")
    rows = rows_of(partial(read_tacred, unescape_brackets=True, crop_tokens=2), path, "instance")
    errors: list[InvalidRowError] = []
    kept = rows_of(partial(read_tacred, on_error="skip", errors=errors), path, "instance")
    if kept is None:
        return
    listed = json.loads(content.decode("utf-8-sig"))
    assert len(kept) + len(errors) == len(listed) and (rows is None) == bool(errors)
    bad = {error.index for error in errors}
    good = [given for position, given in enumerate(listed) if position not in bad]
    for row, given in zip(kept, good, strict=True):
        assert _mention(row, "head") == _words(list(given["token"])[given["subj_start"] : given["subj_end"] + 1])
        assert _mention(row, "tail") == _words(list(given["token"])[given["obj_start"] : given["obj_end"] + 1])


def _semeval(content: bytes) -> None:
    path = file_of(content, "TRAIN_FILE.TXT")
    rows = rows_of(read_semeval2010_task8, path, "instance")
    for labels in ("undirected", "oriented"):
        others = rows_of(partial(read_semeval2010_task8, labels=labels), path, "instance")  # type: ignore[arg-type]
        assert (others is None) == (rows is None)
    if rows is None:
        return
    text = content.decode("utf-8-sig")
    tagged = [
        line.strip().split("\t", 1)[1][1:-1]
        for line in text.split("\n")
        if "\t" in line and line.strip()[:1].isdecimal()
    ]
    assert len(rows) == len(tagged)
    for row, line in zip(rows, tagged, strict=True):
        cuts = sorted((line.index(tag), line.index(tag) + len(tag)) for tag in ("<e1>", "</e1>", "<e2>", "</e2>"))

        def less(part: tuple[int, int], line: str = line, cuts: list[tuple[int, int]] = cuts) -> str:
            return "".join(
                c for i, c in enumerate(line) if part[0] <= i < part[1] and not any(a <= i < b for a, b in cuts)
            )

        assert row["text"] == less((0, len(line)))
        assert _mention(row, "head") == less((line.index("<e1>"), line.index("</e1>")))
        assert _mention(row, "tail") == less((line.index("<e2>"), line.index("</e2>")))


def _at(text: str, span: Any) -> tuple[int, str]:
    return text.count("\n", 0, span["start"]), text[span["start"] : span["end"]]


def _line_and_words(sentences: list[list[str]], mention: Any) -> tuple[int, str]:
    first, end = mention["pos"]
    return mention["sent_id"], _words(sentences[mention["sent_id"]][first:end])


def _docred(content: bytes) -> None:
    path = file_of(content, "dev_revised.json")
    documents = rows_of(read_docred, path, "document")
    rows_of(read_sentence_pairs, path, "instance")
    rows_of(partial(read_docred, rel_info={"P551": "residence", "P26": "spouse"}), path, "document")
    rows_of(partial(read_docred, rel_info=path), path, "document")
    if documents is not None:
        for document, given in zip(documents, json.loads(content.decode("utf-8-sig")), strict=True):
            assert document["text"] == "\n".join(_words(list(tokens)) for tokens in given["sents"])
            lines = document["text"].split("\n")
            assert len(lines) == max(len(given["sents"]), 1), "one line for each sentence"
            for entity, vertex in zip(document["entities"], given["vertexSet"], strict=True):
                found = {_at(document["text"], document["mentions"][place]) for place in entity["mentions"]}
                assert found == {_line_and_words(given["sents"], mention) for mention in vertex}


def _nyt_fb(content: bytes) -> None:
    path = file_of(content, "nyt_fb.txt")
    errors: list[InvalidRowError] = []
    counts: Counter[str] = Counter()
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    kept = rows_of(partial(read_nyt_fb, on_error="skip", errors=errors, counts=counts), path, "instance")
    if kept is not None:
        assert len(kept) + len(errors) == counts["rows"] == sum(bool(line.strip()) for line in lines)
    rows_of(partial(read_nyt_fb, unlabelled="drop", labels="first"), path, "instance")


def _triples(content: bytes) -> None:
    for name in ("test_triples.json", "test_triples.json.gz"):
        path = file_of(content, name)
        rows_of(partial(read_triples, reflexive="keep"), path, "document")
        report = LocatingReport()
        documents = rows_of(partial(read_triples, on_missing="skip", report=report), path, "document")
        if documents is None:
            continue
        assert report.documents == len(documents)
        assert report.triples == report.located + report.not_located + report.same_place
        assert report.triples == report.located + len(
            [left for left in report.left_out if left.triple is not None]
        ) or (
            report.strings == 0  # lines with places are left out whole
        )
        how = (report.exact, report.ignoring_case, report.ignoring_spacing, report.inside_word, report.not_found)
        assert report.strings == sum(how)


def _of(name: str, kind: str, *readers: Reader) -> Callable[[bytes], None]:
    return partial(_plain, name=name, kind=kind, readers=readers)


READER_TARGETS: dict[str, Callable[[bytes], None]] = {
    "fewrel": _fewrel,
    "fewrel-records": _of("fewrel80_test_test.json", "instance", read_openre_records),
    "fewrel-names": _fewrel_names,
    "wiki80": _of("wiki80_val.txt", "instance", read_wiki80),
    "semeval": _semeval,
    "tacred": _tacred,
    "nyt_fb": _nyt_fb,
    "docred": _docred,
    "triples": _triples,
    "triples-mentions": _triples,
    "triples-opennre": _triples,
    "cola": _of("dev.tsv", "text", partial(read_glue, task="cola")),
    "sst2": _of("dev.tsv", "text", partial(read_glue, task="sst2")),
    "qnli": _of("dev.tsv", "text", partial(read_glue, task="qnli"), partial(read_glue, task="wnli")),
    "stsb": _of("sts-dev.csv", "score", read_stsb),
    "conllu": _of("en_ewt-ud-dev.conllu", "tagged", read_conllu, partial(read_conllu, version=1)),
    "conll": _of(
        "train.txt",
        "tagged",
        read_conll_columns,
        partial(read_conll_columns, scheme="plain"),
        partial(read_conll_columns, tag_column=1, token_column=-2),
    ),
    "wnut17": _of("wnut17train.conll", "tagged", read_wnut17),
    "weibo": _of("weiboNER_2nd_conll.train", "tagged", read_weibo_ner),
    "iob2corpus": _of("hironsan.txt", "tagged", read_iob2corpus),
    "snips": lambda content: (
        _plain(content, name="validate_GetWeather.json", kind="tagged", readers=(read_snips,)),
        _plain(content, name="validate_GetWeather.json", kind="text", readers=(partial(read_snips, task="intent"),)),
    )[0],
    "meld": _of("dev_sent_emo.csv", "text", read_meld, partial(read_meld, label="sentiment")),
}
