"""TACRED from small files of our own in its format: the corpus itself is licensed."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hf_relation.data import (
    TACRED_KNOWN,
    TACRED_NO_RELATION,
    TACRED_NOVEL,
    load_corpus,
    load_tacred_openre,
    overlap,
    read_tacred,
)
from hf_relation.data.builders import TACRED
from hf_relation.data.convert import convert, convert_and_push
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import InvalidRowError, UsageError


Row = dict[str, Any]

# All fields of the published format; sentence and annotation are our own.
ROW: Row = {
    "id": "61b3a5",
    "docid": "OWN_20260101.0001",
    "relation": "org:founded_by",
    "token": ["Nordkraft", "-LRB-", "\u00a0", "NK", "-RRB-", "was", "founded", "by", "Marta", "Lind", "."],
    "subj_start": 0,
    "subj_end": 0,
    "obj_start": 8,
    "obj_end": 9,
    "subj_type": "ORGANIZATION",
    "obj_type": "PERSON",
    "stanford_pos": ["NNP", "-LRB-", "SYM", "NNP", "-RRB-", "VBD", "VBN", "IN", "NNP", "NNP", "."],
    "stanford_ner": ["ORGANIZATION", "O", "O", "O", "O", "O", "O", "O", "PERSON", "PERSON", "O"],
    "stanford_head": [7, 4, 4, 1, 4, 7, 0, 10, 10, 7, 7],
    "stanford_deprel": ["nsubjpass"] * 11,
}


def row(number: int, relation: str, **changes: Any) -> Row:
    made = copy.deepcopy(ROW) | {"id": f"{number:04d}", "relation": relation}
    made["token"][6] = f"founded{number}"
    return made | changes


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 known, 20 novel and 30 other rows in three files; the first known row has the sentence of every tenth novel one."""
    rows = [row(i, TACRED_KNOWN[i % 31]) for i in range(40)]
    rows += [row(100 + i, TACRED_NOVEL[i % 10]) for i in range(20)]
    rows += [row(200 + i, TACRED_NO_RELATION) for i in range(30)]
    for leak in (0, 100, 110):
        next(each for each in rows if each["id"] == f"{leak:04d}")["token"][6] = "founded"
    place = tmp_path / "tacred"
    write(place / "train.json", *rows[0::3])
    write(place / "dev.json", *rows[1::3])
    write(place / "test.json", *rows[2::3])
    return place


def test_a_row_is_read_as_worked_by_hand(tmp_path: Path) -> None:
    assert list(read_tacred(write(tmp_path / "train.json", ROW))) == [
        {
            "id": "tacred/61b3a5",
            "text": "Nordkraft -LRB- NK -RRB- was founded by Marta Lind .",
            "head": {"start": 0, "end": 9, "type": "ORGANIZATION"},
            "tail": {"start": 40, "end": 50, "type": "PERSON"},
            "relations": ["org:founded_by"],
        }
    ]


def test_options_of_the_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "train.json", ROW, ROW | {"id": "b", "relation": "no_relation"})
    assert [r["relations"] for r in read_tacred(path)] == [["org:founded_by"], ["no_relation"]]
    (kept,) = read_tacred(path, drop_no_relation=True, unescape_brackets=True, crop_tokens=9)
    # 10 words; the mentions are the first and the last but one, so only the full stop goes.
    assert kept["text"] == "Nordkraft ( NK ) was founded by Marta Lind"
    assert kept["text"][kept["tail"]["start"] : kept["tail"]["end"]] == "Marta Lind"
    for options in ({"on_error": "warn"}, {"crop_tokens": 1}):
        with pytest.raises(UsageError, match="must be"):
            read_tacred(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"subj_end": 11}, "tokens 0 to 11 .* are not a run within 0 to 10"),
        ({"subj_start": 3}, "tokens 3 to 0"),
        ({"obj_start": 0}, "overlap"),
        ({"obj_start": 2, "obj_end": 2}, "all blank"),
        ({"obj_start": None}, "not a row of TACRED's format"),
        ({"token": "Nordkraft"}, "a list of tokens is needed"),
        ({"relation": None}, "must be a string, got None"),
        ({"subj_type": 3}, "type"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: Row, reason: str) -> None:
    path = write(tmp_path / "train.json", ROW, ROW | {"id": "bad"} | change)
    with pytest.raises(InvalidRowError, match="^row 1: tacred/bad: .*" + reason):
        list(read_tacred(path))
    errors: list[InvalidRowError] = []
    assert len(list(read_tacred(path, on_error="skip", errors=errors))) == len(errors) == 1


def test_files_of_another_shape(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    incomplete = {key: value for key, value in ROW.items() if key != "subj_type"}
    with pytest.raises(InvalidRowError, match="KeyError.'subj_type'"):
        list(read_tacred(write(tmp_path / "a.json", incomplete)))
    (tmp_path / "b.json").write_text('{"rows": []}')
    with pytest.raises(InvalidRowError, match="is not a list of TACRED rows, but dict"):
        list(read_tacred(tmp_path / "b.json"))
    assert list(read_tacred(write(tmp_path / "c.json", "text", incomplete), on_error="skip")) == []
    assert "2 bad rows were skipped" in caplog.text


def test_31_known_and_10_novel_relations() -> None:
    assert (len(set(TACRED_KNOWN)), len(set(TACRED_NOVEL))) == (31, 10)
    assert not {*TACRED_KNOWN} & {*TACRED_NOVEL} and TACRED_NO_RELATION not in {*TACRED_KNOWN, *TACRED_NOVEL}


def test_the_openre_split(folder: Path) -> None:
    parts = {
        split: load_tacred_openre(folder, split, drop_evaluation_sentences=None if split == "test" else False)
        for split in ("train", "novel_unlabeled", "test")
    }
    ids = {split: [each["id"] for each in rows] for split, rows in parts.items()}
    assert {split: len(rows) for split, rows in parts.items()} == {"train": 40, "novel_unlabeled": 17, "test": 3}
    assert sorted(sum(ids.values(), [])) == sorted(
        f"tacred/{i:04d}" for i in [*range(40), *(100 + i for i in range(20))]
    )
    for split, relations in (("train", TACRED_KNOWN), ("novel_unlabeled", TACRED_NOVEL), ("test", TACRED_NOVEL)):
        assert {each["relations"][0] for each in parts[split]} <= {*relations}
    # Another seed draws others; another share draws more: 0.25 of 20.
    drawn = Counter(
        each["id"] for seed in range(20) for each in load_tacred_openre(folder, "test", seed=seed, test_share=0.25)
    )
    assert sum(drawn.values()) == 100 and len(drawn) > 15


def test_the_draw_does_not_depend_on_the_order_of_rows(folder: Path, tmp_path: Path) -> None:
    rows = [each for name in ("test", "dev", "train") for each in json.loads((folder / f"{name}.json").read_text())]
    write(tmp_path / "other" / "train.json", *rows[::-1])
    write(tmp_path / "other" / "dev.json")
    write(tmp_path / "other" / "test.json")
    ids = [{each["id"] for each in load_tacred_openre(place, "test")} for place in (folder, tmp_path / "other")]
    assert ids[0] == ids[1]


def test_sentences_of_the_test_set_leave_training(folder: Path) -> None:
    leaks = {"tacred/0100", "tacred/0110"}
    draws = {seed: {each["id"] for each in load_tacred_openre(folder, "test", seed=seed)} for seed in range(30)}
    seed = next(seed for seed, ids in draws.items() if len(ids & leaks) == 1)
    test = load_tacred_openre(folder, "test", seed=seed)
    train = load_tacred_openre(folder, "train", seed=seed)
    assert len(train) == 39 and overlap(train, test) == 0
    novel = load_tacred_openre(folder, "novel_unlabeled", seed=seed)
    assert len(novel) == 17 and overlap(novel, test) == 1
    clean = load_tacred_openre(folder, "novel_unlabeled", seed=seed, drop_evaluation_sentences=True, crop_tokens=9)
    assert len(clean) == 16 and all(len(each["text"].split()) == 9 for each in clean)


@pytest.mark.parametrize(
    ("split", "options", "reason"),
    [
        ("dev", {}, "must be one of train, novel_unlabeled, test, got 'dev'"),
        ("test", {"drop_evaluation_sentences": True}, "nothing can be dropped"),
        ("test", {"test_share": 1.0}, "between 0 and 1"),
        ("test", {"test_share": 0.01}, "20 instance.* cannot be divided into a test set of 0"),
    ],
)
def test_wrong_use(folder: Path, split: str, options: Row, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        load_tacred_openre(folder, split, **options)


def test_other_labels_and_copied_files_are_refused(folder: Path) -> None:
    rows = json.loads((folder / "test.json").read_text())
    write(folder / "test.json", *rows, row(999, "per:identity"))
    with pytest.raises(InvalidRowError, match="'per:identity', which is none of TACRED's 41"):
        load_tacred_openre(folder, "train")
    (folder / "test.json").write_text((folder / "dev.json").read_text())
    with pytest.raises(InvalidRowError, match="dev.json and again in .*test.json"):
        load_tacred_openre(folder, "train")


def test_missing_files_name_source_licence_and_layout(tmp_path: Path, folder: Path) -> None:
    (folder / "dev.json").unlink()
    for place in (tmp_path, folder):  # with and without the corpus' own folder
        with pytest.raises(UsageError) as raised:
            load_tacred_openre(place, "train")
        for said in (
            "dev.json[.gz] is not in",
            "LDC2018T24",
            "LDC user agreement",
            "each a JSON list of rows with id, relation, token, subj_start",
            "train.json, dev.json, test.json",
            "data/json",
        ):
            assert said in str(raised.value)


def test_the_folders_of_the_release_are_found(folder: Path, tmp_path: Path) -> None:
    release = tmp_path / "release" / "tacred" / "data" / "json"
    release.parent.mkdir(parents=True)
    folder.rename(release)
    assert len(load_corpus("tacred", tmp_path / "release", "test")) == 3


def test_configurations_of_the_converter(folder: Path, tmp_path: Path) -> None:
    written = convert(RECIPES["tacred"], tmp_path / "out", data_dir=folder)
    sizes = {(part.configuration, part.split): part.rows for part in written}
    train = len(load_tacred_openre(folder, "train"))
    assert train >= 39
    for name in ("openre", "openre_cropped"):
        assert [sizes[name, split] for split in ("train", "novel_unlabeled", "test")] == [train, 17, 3]
    assert [sizes["supervised", split] for split in ("train", "validation", "test")] == [30, 30, 30]
    labels = {label for part in written if part.configuration == "supervised" for label in part.relations}
    assert labels == {*TACRED_KNOWN, *TACRED_NOVEL, TACRED_NO_RELATION}
    assert "LDC user agreement" in (tmp_path / "out" / "README.md").read_text()


def test_the_builder_equals_the_reader(folder: Path, tmp_path: Path) -> None:
    builder = TACRED(data_dir=folder, config_name="supervised", cache_dir=str(tmp_path / "cache"))
    assert list(builder.as_streaming_dataset(split="validation")) == list(read_tacred(folder / "dev.json"))


@pytest.mark.parametrize("private", [False, True])
def test_a_repository_that_is_public_already_gets_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, private: bool
) -> None:
    uploaded = []

    class Hub:
        def __init__(self, **_: Any) -> None: ...

        def create_repo(self, repo_id: str, **_: Any) -> Any:
            return SimpleNamespace(repo_id=repo_id)

        def repo_info(self, repo_id: str, **_: Any) -> Any:
            return SimpleNamespace(private=private)

        def create_commit(self, repo_id: str, operations: Any, **_: Any) -> Any:
            uploaded.append(repo_id)
            return SimpleNamespace(commit_url="https://hub.example/1")

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    options: Row = {"output_dir": None, "push_to": "ada/tacred", "data_dir": folder, "private": True}
    if private:
        assert convert_and_push(RECIPES["tacred"], **options)[1] == "https://hub.example/1"
    else:
        with pytest.raises(UsageError, match="ada/tacred is public"):
            convert_and_push(RECIPES["tacred"], **options)
    assert uploaded == ["ada/tacred"] * private


def test_it_is_not_published_by_accident(folder: Path) -> None:
    with pytest.raises(UsageError, match="TACRED may not be redistributed .*--private"):
        convert_and_push(RECIPES["tacred"], output_dir=None, push_to="ada/tacred", data_dir=folder)
