"""`hf-relation discover`: saved relations, known ones, and names from a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_relation.data import write_jsonl
from hf_relation.discovery import RelationDiscovery
from tests.common.tiny_tokenizers import sample_instances


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def corpus(discover_corpus: Path) -> Path:
    return discover_corpus


@pytest.fixture
def run(run_discover: Run) -> Run:
    return run_discover


def test_saved_relations_label_and_grow(run: Run, corpus: Path, tmp_path: Path) -> None:
    saved = tmp_path / "relations"
    code, out, err = run(corpus, "--num-relations", 2, "--json", "--save", saved, "--dtype", "float32")
    assert code == 0 and str(saved) in "".join(err.split())
    found = json.loads(out)
    code, out, _ = run(corpus, "--mode", "predict", "--json", model=saved)
    assert code == 0 and json.loads(out)["instances"] == found["instances"]
    later = tmp_path / "later.jsonl"
    write_jsonl(later, [{**row, "id": f"later-{i}"} for i, row in enumerate(sample_instances())])
    code, out, _ = run(later, "--mode", "grow", "--json", "--save", tmp_path / "grown", model=saved)
    grown = json.loads(out)
    assert code == 0 and len(grown["instances"]) == 2 * len(found["instances"])
    labels = [row["label"] for row in found["instances"]]
    assert [row["label"] for row in grown["instances"]] == labels + labels
    assert len(RelationDiscovery.from_pretrained(tmp_path / "grown").labels_) == 2 * len(labels)
    assert len(RelationDiscovery.from_pretrained(saved).labels_) == len(labels)
    code, _, err = run(corpus, "--mode", "grow", model=saved)
    assert code == 2 and "in the corpus already" in err


def test_known_relations_from_a_file(run: Run, corpus: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.jsonl"
    rows = sample_instances()
    write_jsonl(known, [{**row, "id": f"k{i}", "relations": [f"r{i % 2}"]} for i, row in enumerate(rows)])
    code, out, err = run(corpus, "--known", known, "-k", "auto", "--json")
    assert code == 0, err
    result = json.loads(out)
    assert [(r["name"], r["kind"]) for r in result["relations"][:2]] == [("r0", "known"), ("r1", "known")]
    assert {row["kind"] for row in result["instances"]} <= {"known", "novel", "none"}
    code, out, _ = run(corpus, "--known", known, "-k", "auto")
    assert code == 0 and "* known before" in out
    code, out, _ = run(corpus, "--known", known, "-k", "auto", "--prior", "1,0,0", "--json")
    assert code == 0 and {row["kind"] for row in json.loads(out)["instances"]} == {"known"}


def test_instances_that_fit_nowhere_are_left_out(run: Run, corpus: Path) -> None:
    code, out, _ = run(corpus, "--num-relations", 2, "--json")
    scores = [row["score"] for row in json.loads(out)["instances"]]
    code, out, _ = run(corpus, "--num-relations", 2, "--json", "--min-score", 0.2)
    labels = [row["label"] for row in json.loads(out)["instances"]]
    assert code == 0 and [label < 0 for label in labels] == [score < 0.2 for score in scores]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--mode", "predict"), "needs a --model that holds relations"),
        (("--mode", "grow", "--num-relations", "2"), "--num-relations says how to discover"),
        (("--mode", "predict", "--known", "checkpoint"), "--known is for discovering"),
        (("--known", "missing.jsonl"), "there is no such file"),
        (("--known", "checkpoint"), "No known relations are stored"),
        (("--pair-weighting", "2"), "pair-weighting"),
        (("--prior", "1,1,1"), "--prior goes with --known"),
        (("--known", "checkpoint", "--prior", "1,1"), "--prior must be three numbers"),
        (("--known", "checkpoint", "--prior", "0,0,0"), "--prior must be three numbers"),
        (("--known", "checkpoint", "--prior", "1,nan,0"), "--prior must be three numbers"),
    ],
)
def test_options_that_do_not_go_together(run: Run, corpus: Path, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run(corpus, *arguments)
    assert code == 2 and out == ""
    assert message in " ".join(err.split()).replace("│ ", "")


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (("--report", "r.html"), "plotly", "report"),
        (("--report", "r.html"), "jinja2", "report"),
        (("--plot", "map=m.png"), "matplotlib", "viz"),
    ],
)
def test_a_missing_package_is_named_before_the_work(
    run: Run,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, str],
    package: str,
    extra: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(RelationDiscovery, "fit_predict", lambda *_, **__: pytest.fail("work was done"))
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    code, out, err = run(corpus, *arguments)
    assert code == 2 and out == "" and "Traceback" not in err
    assert f'pip install "hf_relation[{extra}]"' in err


@pytest.mark.base_encoder
def test_names_from_a_file(run: Run, corpus: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.tsv"
    names.write_text("name\tdescription\nplace of birth\twhere someone was born\nfounder\twho founded it\n")
    code, out, _ = run(corpus, "--num-relations", 2, "--names", names, "--json")
    relations = json.loads(out)["relations"]
    assert code == 0
    assert {relation["named_by"] for relation in relations} == {"inventory"}
    assert all(relation["name"].startswith(("place of birth", "founder")) for relation in relations)
    names.write_text("name\tdescription\n\twithout a name\n")
    code, out, err = run(corpus, "--names", names)
    assert code == 1 and "line 2" in err
