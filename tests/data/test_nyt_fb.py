"""NYT+FB from small files of our own in its format: the corpus itself is licensed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import load_corpus, load_nyt_fb_labelled, load_nyt_fb_sup, overlap, read_nyt_fb
from hf_relation.data.builders import NytFb
from hf_relation.data.convert import convert
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import InvalidRowError, UsageError


FOUNDED = "/business/company/place_founded"


def line(
    sentence: str = "Acme Widgets was founded in Springfield .",
    entity1: str = "Acme Widgets",
    entity2: str = "Springfield",
    relation: str = "",
    *,
    types: str = "ORGANIZATION-LOCATION",
    tags: str | None = None,
) -> str:
    tags = " ".join("NN" for _ in sentence.split()) if tags is None else tags
    columns = (
        "<-nsubjpass<-found->",
        entity1,
        entity2,
        types,
        "TRIGGER:found",
        "./own/1.xml",
        sentence,
        tags,
        relation,
    )
    return "\t".join(columns)


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(each + "\n" for each in lines), encoding="utf-8")
    return path


def mentions(row: Any) -> tuple[str, str]:
    return tuple(row["text"][row[key]["start"] : row[key]["end"]] for key in ("head", "tail"))  # type: ignore[return-value]


# Sizes by relation: with 3 to 6 novel, four are novel (two and two), two common and two rare ones are known.
SIZES = {"/in": 12, "/of": 9, "/a": 6, "/b": 5, "/c": 4, "/d": 3, "/rare": 2, "/once": 1}
BOUNDS = {"least": 3, "most": 6}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """42 rows with one relation, one known row in a sentence of /a, two rows of several relations, 10 without, 2 bad ones."""
    lines = []
    for name, size in SIZES.items():
        lines += [line(f"Acme {name} {i} was founded in Springfield .", "Acme", relation=name) for i in range(size)]
    for name in ("/a", "/b", "/c", "/d"):
        lines.append(line(f"Acme {name} 0 was founded in Springfield .", "Springfield", "Acme", "/in"))
    lines.append(line("Acme was there and in Springfield .", "Acme", relation="/in /of"))
    lines.append(line("Acme was here and in Springfield .", "Acme", relation="/a /in"))
    lines += [line(f"Acme {i} left Springfield .", "Acme") for i in range(10)]
    lines += [line(entity1="Nobody", relation="/in"), "three\tcolumns\tonly"]
    write(tmp_path / "nyt_fb" / "nyt_fb.txt", *lines)
    return tmp_path / "nyt_fb"


def test_a_row_is_read_as_worked_by_hand(tmp_path: Path) -> None:
    assert list(read_nyt_fb(write(tmp_path / "nyt_fb.txt", "", line(relation=FOUNDED)))) == [
        {
            "id": "nyt_fb/nyt_fb/2",
            "text": "Acme Widgets was founded in Springfield .",
            "head": {"start": 0, "end": 12, "type": "ORGANIZATION"},
            "tail": {"start": 28, "end": 39, "type": "LOCATION"},
            "relations": [FOUNDED],
        }
    ]


@pytest.mark.parametrize(
    ("sentence", "entity1", "entity2", "starts", "ambiguous", "ignoring_case"),
    [
        # "Rome" three times: the nearest to "Ada" is the second one, behind her.
        ("Rome saw nothing of Ada in Rome , nor Rome", "Ada", "Rome", (20, 27), 1, 0),
        # Equally near on both sides: the earlier one.
        ("Rome , Ada , Rome", "Ada", "Rome", (7, 0), 1, 0),
        # Whole tokens only: neither "Romeo" nor "New-Rome" is Rome.
        ("Romeo and New-Rome met Ada in Rome", "Ada", "Rome", (23, 30), 0, 0),
        # A run of tokens, not its beginning.
        ("New England and New York praised Ada", "New York", "Ada", (16, 33), 0, 0),
        # The same string twice: the first is the head; the exchanged pair is a place of its own.
        ("Rome fought Rome", "Rome", "Rome", (0, 12), 1, 0),
        # Only in another case; a match in the right case is preferred.
        ("ACME bought Ada a hat", "Acme", "Ada", (0, 12), 0, 1),
        ("acme said Acme likes Ada", "Acme", "Ada", (10, 21), 0, 0),
        # Overlapping places do not count.
        ("York met New York", "New York", "York", (9, 0), 0, 0),
    ],
)
def test_where_mentions_are(
    tmp_path: Path,
    sentence: str,
    entity1: str,
    entity2: str,
    starts: tuple[int, int],
    ambiguous: int,
    ignoring_case: int,
) -> None:
    counts: Counter[str] = Counter()
    (row,) = read_nyt_fb(write(tmp_path / "a.txt", line(sentence, entity1, entity2)), counts=counts)
    assert (row["head"]["start"], row["tail"]["start"]) == starts
    assert tuple(each.lower() for each in mentions(row)) == (entity1.lower(), entity2.lower())
    assert (counts["ambiguous"], counts["ignoring_case"]) == (ambiguous, ignoring_case)


def test_rows_without_and_with_several_relations(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", line(), line(relation="/x /y /x"), line(relation="/x"))
    counts: Counter[str] = Counter()
    assert [row["relations"] for row in read_nyt_fb(path, counts=counts)] == [[], ["/x", "/y"], ["/x"]]
    assert {key: count for key, count in counts.items() if count} == {
        "rows": 3,
        "labelled": 2,
        "unlabelled": 1,
        "several_relations": 1,
    }
    dropped = read_nyt_fb(path, unlabelled="drop", labels="first")
    assert [(row["id"], row["relations"]) for row in dropped] == [("nyt_fb/a/2", ["/x"]), ("nyt_fb/a/3", ["/x"])]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line().rstrip("\t"), "8 tab-separated column.*; 9 are needed: path, entity1.*ends with a tab"),
        (line() + "\tmore", "10 tab-separated"),
        (line(types="PERSON"), "the types are 'PERSON'"),
        (line(types="PERSON-"), "the types are 'PERSON-'"),
        (line(tags="NN NN"), r"7 token\(s\) but 2 tag\(s\)"),
        (line(entity1="Acme Gadgets"), "'Acme Gadgets' is no run of whole tokens"),
        (line(entity2=""), "'' is no run of whole tokens"),
        (line("New York is big", "New York", "York"), "'New York' and 'York' overlap wherever they are"),
        (line("a \u00a0 b", "\u00a0", "b", tags="NN NN NN"), "all blank"),
    ],
)
def test_bad_rows_have_their_line(tmp_path: Path, bad: str, reason: str) -> None:
    path = write(tmp_path / "a.txt", line(), bad, line())
    with pytest.raises(InvalidRowError, match="^line 2: .*" + reason):
        list(read_nyt_fb(path))
    errors: list[InvalidRowError] = []
    counts: Counter[str] = Counter()
    rows = list(read_nyt_fb(path, on_error="skip", errors=errors, counts=counts))
    assert [row["id"] for row in rows] == ["nyt_fb/a/1", "nyt_fb/a/3"]
    assert [error.line for error in errors] == [2] and (counts["rows"], counts["bad"]) == (3, 1)


def test_bytes_that_are_not_utf8(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.txt").write_bytes(line().encode() + b"\n" + line().encode().replace(b"Acme", b"Acm\xe9") + b"\n")
    with pytest.raises(InvalidRowError, match="line 2: not UTF-8: byte 0xe9"):
        list(read_nyt_fb(tmp_path / "a.txt"))
    assert len(list(read_nyt_fb(tmp_path / "a.txt", on_error="skip"))) == 1
    assert "1 bad rows were skipped. The first: line 2" in caplog.text


def test_a_file_of_another_format_does_not_pass_as_empty(tmp_path: Path) -> None:
    with pytest.raises(InvalidRowError, match="line 1: .*has no good row.*1 tab-separated column"):
        list(read_nyt_fb(write(tmp_path / "a.txt", "one", "two"), on_error="skip"))
    for options in ({"unlabelled": "no"}, {"labels": "last"}, {"on_error": "warn"}):
        with pytest.raises(UsageError, match="must be"):
            read_nyt_fb(tmp_path / "a.txt", **options)  # type: ignore[arg-type]


def names(rows: Any) -> set[str]:
    return {name for row in rows for name in row["relations"]}


def test_nyt_fb_sup_has_disjoint_relations(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    parts = {
        split: load_nyt_fb_sup(folder, split, **BOUNDS, drop_evaluation_sentences=None if split == "test" else False)
        for split in ("train", "validation", "test")
    }
    assert "2 bad rows were skipped" in caplog.text
    assert names(parts["train"]) == {"/in", "/of", "/rare", "/once"}
    assert len(names(parts["validation"])) == len(names(parts["test"])) == 2
    assert names(parts["validation"]) | names(parts["test"]) == {"/a", "/b", "/c", "/d"}
    assert not names(parts["validation"]) & names(parts["test"])
    # 24 known rows, 4 in sentences of novel ones, one with two known relations; /a with /in is in no part.
    assert len(parts["train"]) == 12 + 9 + 2 + 1 + 4 + 1
    assert len(parts["validation"]) + len(parts["test"]) == 6 + 5 + 4 + 3
    assert all(len(row["relations"]) == 1 for split in ("validation", "test") for row in parts[split])
    clean = load_nyt_fb_sup(folder, "train", **BOUNDS)
    assert len(clean) == 12 + 9 + 2 + 1 + 1 and overlap(clean, parts["validation"] + parts["test"]) == 0


def test_the_split_of_the_authors_shares_relations(folder: Path) -> None:
    options: dict[str, Any] = {**BOUNDS, "overlapping": True, "labels": "first"}
    validation, test = (load_nyt_fb_sup(folder, split, **options) for split in ("validation", "test"))
    assert names(validation) == names(test) == {"/b", "/c", "/d"}  # /a has 7 rows by their first relation
    counts = [Counter(row["relations"][0] for row in part) for part in (validation, test)]
    assert counts == [{"/b": 2, "/c": 2, "/d": 1}, {"/b": 3, "/c": 2, "/d": 2}]
    assert not {row["id"] for row in validation} & {row["id"] for row in test}


def test_a_fifth_of_the_labelled_rows_to_choose_by(folder: Path) -> None:
    validation, test = (load_nyt_fb_labelled(folder, split) for split in ("validation", "test"))
    assert (len(validation), len(test)) == (10, 38)  # 42 + 4 + 2 = 48, a fifth is 9.6
    assert len({row["id"] for row in validation + test}) == 48
    assert all(len(row["relations"]) == 1 for row in validation + test)
    other = load_nyt_fb_labelled(folder, "validation", seed=1, validation_share=0.5)
    assert len(other) == 24 and {row["id"] for row in other} > set()
    with pytest.raises(UsageError, match="between 0 and 1"):
        load_nyt_fb_labelled(folder, "test", validation_share=1.5)
    with pytest.raises(UsageError, match=r"48 labelled row\(s\) cannot be divided into 0"):
        load_nyt_fb_labelled(folder, "test", validation_share=0.001)


def test_wrong_use(folder: Path) -> None:
    with pytest.raises(UsageError, match="must be one of train, validation, test, got 'dev'"):
        load_nyt_fb_sup(folder, "dev")
    with pytest.raises(UsageError, match="must be one of validation, test, got 'train'"):
        load_nyt_fb_labelled(folder, "train")
    with pytest.raises(UsageError, match="nothing can be dropped"):
        load_nyt_fb_sup(folder, "test", drop_evaluation_sentences=True)
    with pytest.raises(UsageError, match="0 of 8 relation.* have from 20 to 2000 instances"):
        load_corpus("nyt_fb", folder.parent, "test")


def test_a_missing_file_names_source_licence_and_layout(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        load_nyt_fb_sup(tmp_path, "train")
    for said in (
        "nyt_fb.txt[.gz] is not in",
        "relation-autoencoder",
        "LDC2008T19",
        "9 tab-separated columns",
        "sentence, pos",
    ):
        assert said in str(raised.value)


def test_configurations_of_the_converter(folder: Path, tmp_path: Path) -> None:
    written = convert(RECIPES["nyt_fb"], tmp_path / "out", data_dir=folder, configurations=["unsupervised", "all"])
    assert {(part.configuration, part.split): part.rows for part in written} == {
        ("unsupervised", "train"): 10,
        ("unsupervised", "validation"): 10,
        ("unsupervised", "test"): 38,
        ("all", "train"): 58,
    }
    with pytest.raises(UsageError, match="have from 20 to 2000 instances"):
        convert(RECIPES["nyt_fb"], tmp_path / "sup", data_dir=folder, configurations=["sup"])
    assert not RECIPES["nyt_fb"].redistributable


def test_the_builder_makes_nyt_fb_sup_of_20_to_2000(tmp_path: Path) -> None:
    sizes = {"/p": 19, "/q": 2, "/r": 20, "/s": 21, "/t": 20, "/u": 22}
    lines = [
        line(f"Acme {name} {i} grew in Springfield .", "Acme", relation=name)
        for name, size in sizes.items()
        for i in range(size)
    ]
    write(tmp_path / "nyt_fb.txt", *lines)
    cache = str(tmp_path / "cache")
    parts = {name: NytFb(data_dir=tmp_path, config_name=name, cache_dir=cache) for name in ("sup", "sup_overlapping")}
    found = {name: json.loads(json.dumps(list(parts[name].as_streaming_dataset(split="test")))) for name in parts}
    assert found["sup"] == load_nyt_fb_sup(tmp_path, "test")
    assert len(names(found["sup"])) == 2 and names(found["sup"]) < {"/r", "/s", "/t", "/u"}
    assert (
        names(found["sup_overlapping"]) == {"/r", "/s", "/t", "/u"}
        and len(found["sup_overlapping"]) == 10 + 11 + 10 + 11
    )


@pytest.mark.real_data
def test_the_sample_of_the_format(real_data_dir: Path) -> None:
    path = real_data_dir / "nytfb_format" / "data-sample.synthetic.txt"
    counts: Counter[str] = Counter()
    rows = list(read_nyt_fb(path, counts=counts))
    columns = [each.split("\t") for each in path.read_text(encoding="utf-8").splitlines()]
    assert [mentions(row) for row in rows] == [(each[1], each[2]) for each in columns]
    assert [[row["head"]["type"], row["tail"]["type"]] for row in rows] == [each[3].split("-") for each in columns]
    assert (counts["rows"], counts["labelled"], counts["ambiguous"], counts["bad"]) == (5, 3, 0, 0)
