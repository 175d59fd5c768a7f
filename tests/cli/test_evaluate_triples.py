"""`hf-relation evaluate --metric triples` and `--metric semeval-task8`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_relation.cli import app
from hf_relation.data import write_jsonl
from hf_relation.metrics import semeval_task8_report, semeval_task8_scores, triple_report
from tests.common.tiny_documents import sample_documents


GOLD = [{**row, "id": f"d{place}"} for place, row in enumerate(sample_documents())]
Run = Callable[..., tuple[int, str, str]]


def answer(row: dict[str, Any], *triples: tuple[int, str | None, int]) -> dict[str, Any]:
    """What `hf-relation extract` writes for a document."""
    words = [row["text"][mention["start"] : mention["end"]] for mention in row["mentions"]]
    entities = [{"type": None, "mentions": [dict(row["mentions"][place])]} for place in range(len(row["entities"]))]
    listed = [
        {
            "head": {"entity": head, "text": words[head]},
            "relation": name,
            "tail": {"entity": tail, "text": words[tail]},
        }
        for head, name, tail in triples
    ]
    return {"id": row["id"], "text": row["text"], "entities": entities, "triples": listed}


# Of 9 gold triples 3 are found, beside 1 wrong one.
FOUND = [
    answer(GOLD[0], (0, "born_in", 1), (0, "founded_by", 2)),
    answer(GOLD[1], (0, "born_in", 1), (1, "founded_by", 0)),
    answer(GOLD[2], (0, None, 1)),
    *(answer(row) for row in GOLD[3:]),
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hf-relation", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            app.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    write_jsonl(tmp_path / "gold.jsonl", GOLD)
    write_jsonl(tmp_path / "triples.jsonl", FOUND[::-1])
    return tmp_path / "gold.jsonl", tmp_path / "triples.jsonl"


def test_triples_by_entities(run: Run, files: tuple[Path, Path]) -> None:
    code, out, _ = run(*files, "--metric", "triples", "--json")
    scores = json.loads(out)["all"]["All"]
    num_gold = sum(len(row["relations"]) for row in GOLD)
    assert code == 0 and num_gold == 9
    assert (scores["num_gold_triples"], scores["num_predicted_triples"], scores["num_correct_triples"]) == (9, 4, 3)
    assert (scores["triple_precision"], scores["triple_recall"]) == (3 / 4, 3 / 9)
    gold = [[(pair["head"], pair["label"], pair["tail"]) for pair in row["relations"]] for row in GOLD]
    found = [[(0, "born_in", 1), (0, "founded_by", 2)], [(0, "born_in", 1), (1, "founded_by", 0)], *([[]] * 5)]
    assert json.loads(out) == triple_report(gold, found) | {"match": "entities"}
    code, out, _ = run(*files, "--metric", "triples")
    assert code == 0 and "0.7500" in out and "SEO" in out and "5+ triples" in out


def test_triples_by_text_of_answers_with_other_entities(run: Run, files: tuple[Path, Path]) -> None:
    gold, pred = files
    shifted = [{**FOUND[0], "entities": []}, *FOUND[1:], {**FOUND[0], "id": "more"}]
    write_jsonl(pred, shifted)
    code, out, err = run(gold, pred, "--metric", "triples", "--json")
    assert code == 1 and out == "" and "other entities" in err and "--match text" in " ".join(err.split())
    code, out, err = run(gold, pred, "--metric", "triples", "--match", "text", "--json")
    assert code == 0 and json.loads(out)["all"]["All"]["num_correct_triples"] == 3
    assert "1 answers have no gold document" in err


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "has no line"),
        ('{"id": "d0", "label": 1}', "line 1: .*`triples`"),
        ('{"id": "d0", "entities": [], "triples": [{"head": 0}]}', "line 1"),
        ("[]", "line 1"),
        ("{broken", "line 1"),
        ('{"id": "d0", "entities": [], "triples": []}\n' * 2, "line 2: .*twice"),
    ],
)
def test_bad_answers(run: Run, files: tuple[Path, Path], content: str, message: str) -> None:
    import re

    files[1].write_text(content)
    code, out, err = run(*files, "--metric", "triples")
    assert code == 1 and out == "" and re.search(message, " ".join(err.split())) and "Traceback" not in err


def test_no_gold(run: Run, files: tuple[Path, Path]) -> None:
    files[0].write_text("")
    assert run(*files, "--metric", "triples")[0] == 1


def test_the_official_report_of_semeval(run: Run, tmp_path: Path) -> None:
    key = {"1": "Cause-Effect(e1,e2)", "2": "Other", "3": "Message-Topic(e2,e1)"}
    answers = {"1": "Cause-Effect(e1,e2)", "2": "Message-Topic(e2,e1)"}
    for name, labels in (("key.txt", key), ("answers.txt", answers)):
        (tmp_path / name).write_text("".join(f"{number}\t{label}\r\n" for number, label in labels.items()))
    files = (tmp_path / "key.txt", tmp_path / "answers.txt")
    assert run(*files, "--metric", "semeval-task8")[:2] == (0, semeval_task8_report(key, answers))
    assert json.loads(run(*files, "--metric", "semeval-task8", "--json")[1]) == semeval_task8_scores(key, answers)
    for content, code, message in (
        ("1 Other", 1, "line 1"),
        ("1\tOther\n1\tOther", 1, "twice"),
        ("1\tlikes", 2, "likes"),
        ("9\tOther", 2, "9"),
    ):
        files[1].write_text(content)
        found, out, err = run(*files, "--metric", "semeval-task8")
        assert (found, out) == (code, "") and message in err and "Traceback" not in err
