"""Readers of tagged sentences and labelled texts, on lines of our own; what is broken is refused with its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import (
    map_ud_v1_tags,
    read_conll_columns,
    read_conllu,
    read_glue,
    read_iob2corpus,
    read_meld,
    read_snips,
    read_stsb,
    read_weibo_ner,
    read_wnut17,
    split_at_sentence_ends,
)
from hf_relation.errors import InvalidRowError, UsageError


CONLLU = """\
# sent_id = a
# text = Vamos al mar
1\tVamos\t_\tVERB\t_\t_\t_\t_\t_\t_
2-3\tal\t_\t_\t_\t_\t_\t_\t_\t_
2\ta\t_\tADP\t_\t_\t_\t_\t_\t_
3\tel\t_\tDET\t_\t_\t_\t_\t_\t_
3.1\tnada\t_\tNOUN\t_\t_\t_\t_\t_\t_
4\tmar\t_\tNOUN\t_\t_\t_\t_\t_\t_

# a comment without a sentence

# sent_id = a
1\t#\t_\tSYM\t_\t_\t_\t_\t_\t_

1\t20 000\t_\tNUM\t_\t_\t_\t_\t_\t_"""


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("name", ["xx-ud-dev.conllu", "xx-ud-dev.conllu.gz"])
def test_conllu_has_the_syntactic_words(tmp_path: Path, name: str) -> None:
    rows = list(read_conllu(written(tmp_path, name, CONLLU)))
    assert rows == [
        {"id": "ud/xx-ud-dev/a", "tokens": ["Vamos", "a", "el", "mar"], "tags": ["VERB", "ADP", "DET", "NOUN"]},
        {"id": "ud/xx-ud-dev/a@13", "tokens": ["#"], "tags": ["SYM"]},
        {"id": "ud/xx-ud-dev/15", "tokens": ["20 000"], "tags": ["NUM"]},
    ]


def conllu_line(place: str, tag: str = "X") -> str:
    return f"{place}\tword\t_\t{tag}\t_\t_\t_\t_\t_\t_\n"


@pytest.mark.parametrize(
    ("lines", "number", "reason"),
    [
        ("1\tword\tX\n", 1, "has 10 columns .* this one 3"),
        (conllu_line("1") + conllu_line("3"), 2, "first column is '3', where word 2"),
        (conllu_line("2-1"), 1, "first column is '2-1'"),
        (conllu_line("0"), 1, "first column is '0'"),
        (conllu_line("1", "_"), 1, "'_' is no part of speech of UD version 2"),
        (conllu_line("1", "CONJ"), 1, "read the file with version=1"),
    ],
)
def test_conllu_refuses(tmp_path: Path, lines: str, number: int, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=rf"^line {number}: .*{reason}"):
        list(read_conllu(written(tmp_path, "a.conllu", lines)))


def test_version_1_is_renamed_and_not_mixed(tmp_path: Path) -> None:
    assert map_ud_v1_tags(["CONJ", "SCONJ", "VERB"]) == ["CCONJ", "SCONJ", "VERB"]
    path = written(tmp_path, "a.conllu", conllu_line("1", "CONJ"))
    assert next(read_conllu(path, version=1))["tags"] == ["CCONJ"]
    with pytest.raises(InvalidRowError, match="'CCONJ' is no part of speech of UD version 1"):
        list(read_conllu(written(tmp_path, "b.conllu", conllu_line("1", "CCONJ")), version=1))
    with pytest.raises(UsageError, match="`version` must be 1 or 2"):
        read_conllu(path, version=3)  # type: ignore[arg-type]


def test_columns_by_tab_or_space_and_any_scheme(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O\n\nAda NN I-P\nB NN I-P\nC NN B-P\n\t\n#\tI-P\nin a word\tI-P\n\n\n"
    path = written(tmp_path, "train.txt", text)
    assert [(row["id"], row["tokens"], row["tags"]) for row in read_conll_columns(path)] == [
        ("conll/train/3", ["Ada", "B", "C"], ["B-P", "I-P", "B-P"]),
        ("conll/train/7", ["#", "in a word"], ["B-P", "I-P"]),
    ]
    tagged = written(tmp_path, "pos.txt", "X Ada NN rest\nX ran VB rest")
    rows = read_conll_columns(tagged, token_column=1, tag_column=2, scheme="plain")
    assert [row["tags"] for row in rows] == [["NN", "VB"]]


@pytest.mark.parametrize(
    ("text", "options", "number", "reason"),
    [
        ("Ada O\nran\n", {}, 2, "token and tag are the same column"),
        ("Ada O\n", {"tag_column": 3}, 1, "there is no column 3 for the tag; the line 'Ada O' has 2"),
        ("Ada\tO\nran\t \n", {}, 2, "the tag is blank"),
        ("\tO\n", {}, 1, "the token is blank"),
        ("\nAda O\nran NN\n", {}, 3, "'NN' is none of 'O', 'B-x' and 'I-x'.*scheme='plain'"),
        (b"Ada O\n\xff O\n", {}, 2, "not UTF-8"),
    ],
)
def test_columns_refuse(tmp_path: Path, text: Any, options: dict[str, Any], number: int, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=rf"^line {number}: .*{reason}"):
        list(read_conll_columns(written(tmp_path, "a.txt", text), **options))


def test_entity_corpora(tmp_path: Path) -> None:
    path = written(tmp_path, "train.conll", "Ada\tB-person\n\t\nran\tO\n")
    assert [row["id"] for row in read_wnut17(path)] == ["wnut17/train/1", "wnut17/train/3"]
    weibo = written(tmp_path, "weibo.train", "科0\tB-PER.NAM\n技1\tI-PER.NAM\n20\tO\n")
    assert next(read_weibo_ner(weibo))["tokens"] == ["科", "技", "2"]
    with pytest.raises(InvalidRowError, match="line 1: '科' is not a character with the digit"):
        list(read_weibo_ner(written(tmp_path, "b.train", "科\tO\n")))
    japanese = written(tmp_path, "ja.txt", "彼\tx\ty\tO\n。\tz\tO\n \tO\n東京\tw\tB-LOC\n！\tv\tI-LOC\n駅\tI-LOC\n")
    assert [(row["id"], "|".join(row["tokens"])) for row in read_iob2corpus(japanese)] == [
        ("iob2corpus/ja/1", "彼|。| "), ("iob2corpus/ja/1+1", "東京|！|駅"),
    ]  # fmt: skip
    assert len(list(read_iob2corpus(japanese, split_sentences=False))) == 1


@pytest.mark.parametrize(
    ("tokens", "pieces"),
    [
        (["a"], ["a"]),
        (["。"], ["。"]),
        (["a", "!?」", "』", "b"], ["a!?」』", "b"]),
        (["「", "a", "！", "」", "と", "b", "。", "？", "c"], ["「a！」", "とb。？", "c"]),
        (["!』、『", "a"], ["!』、『a"]),
        (["」", "a"], ["」a"]),
    ],
)
def test_where_sentences_end(tokens: list[str], pieces: list[str]) -> None:
    found = split_at_sentence_ends({"id": "x", "tokens": tokens, "tags": ["O"] * len(tokens)})
    assert ["".join(piece["tokens"]) for piece in found] == pieces


def snips(*data: Any, intent: str = "PlayMusic") -> str:
    return json.dumps({intent: [{"data": list(data)}]}, ensure_ascii=False)


def test_snips_splits_at_the_edges_of_slots(tmp_path: Path) -> None:
    parts = [
        {"text": " play "},
        {"text": "the x", "entity": "album"},
        {"text": "y", "entity": "album"},
        {"text": ", ok"},
    ]
    path = written(tmp_path, "train_PlayMusic_full.json.gz", snips(*parts))
    assert list(read_snips(path)) == [
        {
            "id": "snips/train_PlayMusic_full/0",
            "tokens": ["play", "the", "x", "y", ",", "ok"],
            "tags": ["O", "B-album", "I-album", "B-album", "O", "O"],
        }
    ]
    (row,) = read_snips(path, task="intent")
    assert (row["text"], row["label"]) == ("play the xy, ok", "PlayMusic")


@pytest.mark.parametrize(
    "encoded", ["é 🍕".encode(), b"\xc3\xa9 \xed\xa0\xbc\xed\xbd\x95", "é 🍕".encode("utf-8-sig")]
)
def test_snips_in_utf8_and_with_encoded_surrogates(tmp_path: Path, encoded: bytes) -> None:
    mark = b"\xef\xbb\xbf" if encoded.startswith(b"\xef\xbb\xbf") else b""
    content = mark + snips({"text": "HERE"}).encode().replace(b"HERE", encoded.removeprefix(mark))
    assert next(read_snips(written(tmp_path, "a.json", content)))["tokens"] == ["é", "🍕"]


def test_snips_in_latin_1(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", snips({"text": "Años é"}).encode("latin-1"))
    assert next(read_snips(path))["tokens"] == ["Años", "é"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "one object with one intent"),
        ('{"a": [], "b": []}', "one object with one intent"),
        ('{"a": {}}', "must be a list of utterances"),
        ('{"a": [{"data": [{"text": "x"}]}, {}]}', "^row 1: an utterance must be"),
        (snips({"text": 5}), "^row 0: .* is not"),
        (snips({"text": "x", "entity": ""}), "^row 0: .* is not"),
        (snips({"text": " ", "entity": "album"}), "^row 0: the slot 'album' has no text"),
        (snips({"text": " "}), "^row 0: the sentence has no tokens"),
        ("{", "not valid JSON"),
    ],
)
def test_snips_refuses(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=reason):
        list(read_snips(written(tmp_path, "a.json", content)))


@pytest.mark.parametrize(
    ("task", "content", "expected"),
    [
        ("cola", 'gj04\t0\t*\tThe "car" .\n', ('The "car" .', None, "unacceptable")),
        ("cola", "index\tsentence\n0\tBill ran.\n", ("Bill ran.", None, None)),
        ("sst2", "sentence\tlabel\nfine film \t1\n", ("fine film", None, "positive")),
        ("sst2", "fine film \t0\n", ("fine film", None, "negative")),
        ("wnli", "index\tsentence1\tsentence2\tlabel\n7\ta b\tb c\t1\r\n", ("a b", "b c", "entailment")),
        ("wnli", "7\ta b\tb c\t0\n", ("a b", "b c", "not_entailment")),
        ("wnli", "index\tsentence1\tsentence2\n7\ta b\tb c\n", ("a b", "b c", None)),
        ("qnli", "index\tquestion\tsentence\tlabel\n0\tq?\ta.\tentailment\n", ("q?", "a.", "entailment")),
    ],
)
def test_glue(tmp_path: Path, task: Any, content: str, expected: tuple[str, str | None, str | None]) -> None:
    (row,) = read_glue(written(tmp_path, "dev.tsv", content), task)
    assert (row["text"], row["text_pair"], row["label"]) == expected
    assert row["id"] == f"{task}/dev/{content.count(chr(10))}"


@pytest.mark.parametrize(
    ("task", "content", "reason"),
    [
        ("cola", "a\t1\t\tx\nb\t1\tx\n", "line 2: the columns source, label, mark, sentence are needed.* has 3"),
        ("cola", "a\t2\t\tx\n", "line 1: the label '2' is none of '0', '1'"),
        ("sst2", "sentence\tlabel\n \t1\n", "line 2: `text` is blank"),
        ("wnli", "index\tsentence1\n0\tx\n", "line 1: the columns index, sentence1, sentence2, label are needed"),
        ("qnli", "0\tq\ta\t1\n", "line 1: the label '1' is none of 'entailment', 'not_entailment'"),
    ],
)
def test_glue_refuses(tmp_path: Path, task: Any, content: str, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=reason):
        list(read_glue(written(tmp_path, "dev.tsv", content), task))


def test_similarities(tmp_path: Path) -> None:
    path = written(tmp_path, "sts-dev.csv", 'm\timages\t2014\t0001\t4.4\tA "b".\tC.\tsource\tlicence\r\n')
    assert list(read_stsb(path)) == [{"id": "stsb/sts-dev/1", "text": 'A "b".', "text_pair": "C.", "label": 4.4}]
    for score in ("5.1", "nan", "-1", "x", ""):
        with pytest.raises(InvalidRowError, match="line 1: the score .* is no number between 0 and 5"):
            list(read_stsb(written(tmp_path, "a.csv", f"m\ti\t1\t1\t{score}\tA\tB\n")))
    with pytest.raises(InvalidRowError, match="line 1: the columns genre, .* has 2"):
        list(read_stsb(written(tmp_path, "a.csv", "A\tB\n")))


HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment\n"


def test_meld(tmp_path: Path) -> None:
    path = written(
        tmp_path, "dev.csv", HEADER + '1,"He said ""no"", then\nleft",Ada,anger,negative\n2,Hi,Bob,joy,positive\n'
    )
    emotions, sentiments = list(read_meld(path)), list(read_meld(path, label="sentiment"))
    assert [(row["text"], row["label"]) for row in emotions] == [('He said "no", then\nleft', "anger"), ("Hi", "joy")]
    assert [row["label"] for row in sentiments] == ["negative", "positive"]
    assert [row["id"] for row in emotions] == ["meld/dev/3", "meld/dev/4"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Utterance,Sentiment\nx,neutral\n", "line 1: the header has no column 'Emotion'"),
        (HEADER + "1,x,Ada,neutral\n", "line 2: the row has 4 columns, the header 5"),
        (HEADER + "1,x,Ada,glee,neutral\n", "line 2: Emotion 'glee' is none of"),
        (HEADER + "1,,Ada,joy,neutral\n", "line 2: `text` is blank"),
        (HEADER + '1,"x,Ada,joy,neutral\n', "line 2: .* is not valid CSV"),
    ],
)
def test_meld_refuses(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=reason):
        list(read_meld(written(tmp_path, "dev.csv", content)))


def test_unknown_names_and_absent_files(tmp_path: Path) -> None:
    path = tmp_path / "absent"
    for call in (
        lambda: read_glue(path, "mnli"),  # type: ignore[arg-type]
        lambda: read_meld(path, label="mood"),  # type: ignore[call-overload]
        lambda: read_snips(path, task="both"),  # type: ignore[call-overload]
        lambda: read_conll_columns(path, scheme="iobes"),  # type: ignore[arg-type]
    ):
        with pytest.raises(UsageError, match=r"must be .* got"):
            call()
    for read in (read_conllu, read_conll_columns, read_snips, read_stsb, read_meld):
        with pytest.raises(UsageError, match="does not exist"):
            list(read(path))
