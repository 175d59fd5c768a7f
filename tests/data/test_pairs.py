from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import discovery_pairs, load_corpus, read_sentence_pairs
from hf_relation.data.builders import ReDocRED, SemEval2010Task8
from hf_relation.data.convert import convert
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import UsageError


Row = dict[str, Any]

SEMEVAL = (
    '1\t"The <e1>storm</e1> left <e2>floods</e2>."\nCause-Effect(e1,e2)\nComment:\n\n'
    '2\t"A <e1>crack</e1> made by <e2>frost</e2>."\nCause-Effect(e2,e1)\nComment:\n\n'
    '3\t"An <e1>oak</e1> and a <e2>rock</e2>."\nOther\nComment:\n\n'
    '4\t"The <e1>lid</e1> of the <e2>jar</e2>."\nComponent-Whole(e1,e2)\nComment:\n\n'
)


def document(number: int, labels: list[tuple[int, int, str]]) -> Row:
    """Two sentences: entities 0 and 1 are in the first, 2 in the second, and 0 is in both."""
    return {
        "title": f"own {number}",
        "sents": [["Holm", str(number), "is", "in", "Norland", "."], ["Sel", "is", "near", "Holm", "."]],
        "vertexSet": [
            [
                {"name": "Holm", "pos": [0, 1], "sent_id": 0, "type": "LOC"},
                {"name": "Holm", "pos": [3, 4], "sent_id": 1, "type": "LOC"},
            ],
            [{"name": "Norland", "pos": [4, 5], "sent_id": 0, "type": "LOC"}],
            [{"name": "Sel", "pos": [0, 1], "sent_id": 1, "type": "LOC"}],
        ],
        "labels": [{"h": head, "t": tail, "r": relation, "evidence": []} for head, tail, relation in labels],
    }


@pytest.fixture
def redocred(tmp_path: Path) -> Path:
    """50 pairs of P17, 49 of P131, one pair with both, and labels across sentences, which no sentence holds."""
    documents = [document(i, [(0, 1, "P17"), (1, 2, "P36")]) for i in range(50)]
    documents += [document(50 + i, [(2, 0, "P131")]) for i in range(49)]
    documents.append(document(99, [(0, 1, "P17"), (0, 1, "P131")]))
    (tmp_path / "redocred").mkdir()
    (tmp_path / "redocred" / "dev_revised.json").write_text(json.dumps(documents))
    return tmp_path / "redocred"


@pytest.fixture
def semeval(tmp_path: Path) -> Path:
    for name in ("TRAIN_FILE.TXT", "TEST_FILE_FULL.TXT"):
        (tmp_path / name).write_text(SEMEVAL)
    return tmp_path


def test_the_sentence_and_the_nearest_mentions(redocred: Path) -> None:
    rows = list(read_sentence_pairs(redocred / "dev_revised.json"))
    assert len(rows) == 50 + 49 + 1
    assert rows[0] == {
        "id": "docred/dev_revised/0/0-1",
        "text": "Holm 0 is in Norland .",
        "head": {"start": 0, "end": 4, "type": "LOC"},
        "tail": {"start": 13, "end": 20, "type": "LOC"},
        "relations": ["P17"],
    }
    assert (rows[50]["text"], rows[50]["head"]["start"], rows[50]["tail"]["start"]) == ("Sel is near Holm .", 0, 12)
    assert rows[-1]["relations"] == ["P17", "P131"]


def test_redocred_pairs_have_one_relation_of_at_least_50(redocred: Path, tmp_path: Path) -> None:
    pairs = load_corpus("redocred_pairs", redocred, "dev")
    assert [row["id"] for row in pairs] == [f"docred/dev_revised/{i}/0-1" for i in range(50)]
    assert len(load_corpus("redocred", redocred, "dev")) == 100
    builder = ReDocRED(data_dir=redocred, config_name="discovery_pairs", cache_dir=str(tmp_path / "cache"))
    assert list(builder.as_streaming_dataset(split="validation")) == pairs


def test_every_published_part_of_redocred_can_be_loaded(redocred: Path) -> None:
    content = (redocred / "dev_revised.json").read_text()
    for split in ("train", "test"):
        with pytest.raises(UsageError, match=rf"{split}_revised.json\[.gz\] is not in"):
            load_corpus("redocred_pairs", redocred, split)
        (redocred / f"{split}_revised.json").write_text(content)
        assert len(load_corpus("redocred_pairs", redocred, split)) == 50


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            "directed",
            [("Cause-Effect(e1,e2)", "storm"), ("Cause-Effect(e2,e1)", "crack"), ("Component-Whole(e1,e2)", "lid")],
        ),
        ("undirected", [("Cause-Effect", "storm"), ("Cause-Effect", "crack"), ("Component-Whole", "lid")]),
        ("oriented", [("Cause-Effect", "storm"), ("Cause-Effect", "frost"), ("Component-Whole", "lid")]),
    ],
)
def test_semeval_pairs_leave_other_out(
    semeval: Path, tmp_path: Path, labels: Any, expected: list[tuple[str, str]]
) -> None:
    rows = load_corpus("semeval2010_pairs", semeval, "test", semeval_labels=labels)
    found = [(row["relations"][0], row["text"][row["head"]["start"] : row["head"]["end"]]) for row in rows]
    assert found == expected
    builder = SemEval2010Task8(data_dir=semeval, config_name=f"{labels}_pairs", cache_dir=str(tmp_path / "cache"))
    assert list(builder.as_streaming_dataset(split="test")) == rows


def test_configurations_of_semeval(semeval: Path, tmp_path: Path) -> None:
    written = convert(RECIPES["semeval2010_task8"], tmp_path / "out", data_dir=semeval)
    assert {part.configuration: (part.rows, len(part.relations)) for part in written if part.split == "train"} == {
        "directed": (4, 4),
        "oriented": (4, 3),
        "undirected": (4, 3),
        "directed_pairs": (3, 3),
        "undirected_pairs": (3, 2),
        "oriented_pairs": (3, 2),
    }


def test_relations_are_counted_after_rows_are_left_out() -> None:
    names = [["a"], ["a", "b"], [], ["Other"], ["b"], ["a"], ["Other"]]
    rows: Any = [{"id": str(i), "relations": of_row} for i, of_row in enumerate(names)]
    assert [row["id"] for row in discovery_pairs(rows)] == ["0", "3", "4", "5", "6"]
    assert [row["id"] for row in discovery_pairs(rows, least=2)] == ["0", "3", "5", "6"]
    assert [row["id"] for row in discovery_pairs(rows, leave_out={"Other"}, least=2)] == ["0", "5"]
    assert discovery_pairs(iter(rows), least=9) == []
    with pytest.raises(UsageError, match="at least 1"):
        discovery_pairs(rows, least=0)
    with pytest.raises(UsageError, match="the string 'Other'"):
        discovery_pairs(rows, leave_out="Other")


@pytest.mark.real_data
def test_pairs_of_the_real_corpora(real_data_dir: Path) -> None:
    key = (real_data_dir / "semeval2010_task8" / "TEST_FILE_KEY.TXT").read_text().split("\n")
    names = [line.split("\t")[1] for line in key if line.strip() and not line.strip().endswith("Other")]
    rows = load_corpus("semeval2010_pairs", real_data_dir, "test", semeval_labels="undirected")
    assert [row["relations"][0] for row in rows] == [name.strip() for name in names] and len(set(names)) == 9

    with gzip.open(real_data_dir / "redocred" / "dev_revised.json.gz", "rt") as stream:
        documents = json.load(stream)
    counts: Counter[str] = Counter()
    for each in documents:
        labels: dict[tuple[int, int], set[str]] = {}
        for label in each["labels"]:
            labels.setdefault((label["h"], label["t"]), set()).add(label["r"])
        for pair, relations in labels.items():
            # One sentence with two separate mentions, as token spans of the file.
            together = any(
                first["sent_id"] == second["sent_id"]
                and (first["pos"][1] <= second["pos"][0] or second["pos"][1] <= first["pos"][0])
                for first in each["vertexSet"][pair[0]]
                for second in each["vertexSet"][pair[1]]
            )
            counts.update(relations if together and len(relations) == 1 else ())
    expected = {name: count for name, count in counts.items() if count >= 50}
    pairs = load_corpus("redocred_pairs", real_data_dir, "dev")
    assert Counter(row["relations"][0] for row in pairs) == expected
