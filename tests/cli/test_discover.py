from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from hf_relation.cli import app
from hf_relation.cli.discover import AlgorithmName
from hf_relation.clustering import ALGORITHMS
from hf_relation.data import write_jsonl
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import InvalidRowError
from tests.common.tiny_tokenizers import make_instance, sample_instances


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def model(discover_model: Path) -> Path:
    return discover_model


@pytest.fixture
def corpus(discover_corpus: Path) -> Path:
    return discover_corpus


@pytest.fixture
def run(run_discover: Run) -> Run:
    return run_discover


def test_json_is_the_estimators_result_and_nothing_else(run: Run, corpus: Path, model: Path) -> None:
    code, out, _ = run(corpus, "--json", "--progress", "--seed", 3, "--num-relations", 2)
    expected = RelationDiscovery.from_pretrained(model, seed=3, num_relations=2).fit_predict(sample_instances())
    assert code == 0
    assert json.loads(out) == expected.to_dict() | {"skipped": []}
    assert out.count("\n") == 1


def test_what_libraries_print_does_not_reach_stdout(run: Run, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = RelationDiscovery.embed

    def noisy(self: RelationDiscovery, instances: Any) -> Any:
        print("a library says hello")
        return original(self, instances)

    monkeypatch.setattr(RelationDiscovery, "embed", noisy)
    code, out, err = run(corpus, "--json")
    assert code == 0 and "hello" not in out and "a library says hello" in err
    json.loads(out)


def test_table_and_files(run: Run, corpus: Path, tmp_path: Path) -> None:
    code, out, err = run(corpus, "--output", tmp_path / "out", "--algorithm", "agglomerative")
    assert code == 0
    assert "3 relations in 12 instances" in out and "Wrote" in err and "Wrote" not in out
    saved = json.loads((tmp_path / "out" / "relations.json").read_text(encoding="utf-8"))["relations"]
    for relation in saved:
        first = relation["examples"][0]
        assert relation["keywords"][0] in out and first["head"].split()[0] in out
    labels = [
        json.loads(line) for line in (tmp_path / "out" / "instances.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["id"] for row in labels] == [row["id"] for row in sample_instances()]
    assert sum(relation["size"] for relation in saved) == len(labels)


def test_exports_are_those_of_the_result(run: Run, corpus: Path, model: Path, tmp_path: Path) -> None:
    names = ["a.jsonl", "a.csv", "a.nt", "a.neo4j", "a.parquet"]
    options = [part for name in names for part in ("--export", tmp_path / "out" / name)]
    code, out, err = run(corpus, "--num-relations", 3, "--output", tmp_path / "out", "--json", *options)
    assert code == 0 and "Wrote" not in out
    assert all(name in err.replace("\n", "") for name in names)
    result = RelationDiscovery.from_pretrained(model, num_relations=3).fit_predict(sample_instances())
    assert json.loads(out)["instances"] == result.to_dict()["instances"]
    for name in names:
        written, expected = tmp_path / "out" / name, result.export(tmp_path / "expected" / name)
        for file in sorted(expected.iterdir()) if expected.is_dir() else [expected]:
            assert (written / file.name if written.is_dir() else written).read_bytes() == file.read_bytes()
    assert (tmp_path / "out" / "relations.csv").exists()


def test_exports_that_cannot_be_written_fail_before_the_work(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: Any, **__: Any) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr(RelationDiscovery, "from_pretrained", work)
    (tmp_path / "taken.csv").mkdir()
    before = corpus.read_bytes()
    for name, message in [
        ("a.xlsx", ".jsonl, .jsonl.gz, .parquet, .csv, .nt or .neo4j"),
        ("no_ending", "must end in"),
        ("taken.csv", "a folder has that name"),
        ("corpus.jsonl/a.csv", "is a file"),
        ("corpus.jsonl", "would overwrite the instances"),
    ]:
        code, out, err = run(corpus, "--export", tmp_path / "good.csv", "--export", tmp_path / name)
        assert code == 2 and out == "" and message in err.replace("\n", " ") and "Traceback" not in err, name
    assert corpus.read_bytes() == before and not (tmp_path / "good.csv").exists()


def test_quiet_exports_say_nothing(run: Run, corpus: Path, tmp_path: Path) -> None:
    code, _, err = run(corpus, "--quiet", "--export", tmp_path / "a.csv")
    assert code == 0 and err == "" and (tmp_path / "a.csv").exists()


def test_gzip_input_and_quiet(run: Run, corpus: Path, tmp_path: Path) -> None:
    packed = tmp_path / "corpus.jsonl.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes()))
    code, out, err = run(packed, "--json", "--quiet", "--output", tmp_path / "out")
    assert code == 0 and err == ""
    assert out == run(corpus, "--json")[1]


def test_a_bad_row_fails_with_its_line_and_skip_bad_lists_it(run: Run, corpus: Path) -> None:
    lines = corpus.read_text(encoding="utf-8").splitlines()
    lines[3:3] = ['{"text": 7}', "{broken"]
    corpus.write_text("\n".join(lines), encoding="utf-8")
    code, out, err = run(corpus)
    assert code == 1 and out == "" and "line 4" in err and "Traceback" not in err
    code, out, err = run(corpus, "--skip-bad", "--json")
    assert code == 0 and "Skipped 2 bad rows" in err and "line 4" in err and "line 5" in err
    content = json.loads(out)
    assert [row["line"] for row in content["skipped"]] == [4, 5] and "`text`" in content["skipped"][0]["reason"]
    assert len(content["instances"]) == 12


def test_files_without_instances_fail(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    assert run(path)[0] == 1
    path.write_text("{}\n{}\n")
    code, out, err = run(path, "--skip-bad")
    assert code == 1 and out == "" and "all 2 rows are bad" in err.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-relations", "0"], "whole number"),
        (["--num-relations", "many"], "whole number"),
        (["--num-relations", "²"], "whole number"),
        (["--num-relations", "13"], "number of instances (12), got 13"),
        (["--algorithm", "spectral"], "spectral"),
        (["--algorithm", "hdbscan", "--num-relations", "3"], "finds the number of relations itself"),
        (["--seed", "-1"], "--seed"),
        (["--dtype", "int8"], "int8"),
        (["--batch-tokens", "0"], "--batch-tokens"),
        (["--device", "nowhere"], "nowhere"),
    ],
)
def test_wrong_values_are_exit_code_two(run: Run, corpus: Path, arguments: list[str], message: str) -> None:
    code, out, err = run(corpus, *arguments)
    assert code == 2 and out == "" and message in err and "Traceback" not in err


def test_missing_things(run: Run, corpus: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "missing.jsonl")[0] == 2
    assert run(tmp_path)[0] == 2
    (tmp_path / "taken").write_text("mine")
    assert run(corpus, "--output", tmp_path / "taken")[0] == 2
    code, out, err = run(corpus, model=tmp_path / "no-model")
    assert code == 1 and out == "" and "No checkpoint" in err and "Traceback" not in err


def test_debug_lets_the_exception_through(corpus: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.write_text("{broken")
    monkeypatch.setattr(sys, "argv", ["hf-relation", "discover", str(corpus), "--model", str(model), "--debug"])
    with pytest.raises(InvalidRowError):
        app.main()


def test_interrupt_is_exit_code_130_and_leaves_no_files(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RelationDiscovery, "fit_predict", interrupt)
    code, out, err = run(corpus, "--output", tmp_path / "out")
    assert code == 130 and out == "" and "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_text_from_the_corpus_is_never_markup_or_control(run: Run, tmp_path: Path) -> None:
    rows = [
        make_instance(f"<h>[red]Ada[/red] {i}</h> \x1b[31mwed <t>\x1b]0;title\x07Bob {i}</t> [bold]", id=f"{i}")
        for i in range(4)
    ]
    write_jsonl(tmp_path / "odd.jsonl", rows)
    code, out, _ = run(tmp_path / "odd.jsonl", "--num-relations", 1)
    assert code == 0 and "[red]Ada[/red]" in out
    assert not any(character in out for character in "\x1b\x07")


def test_algorithms_on_offer_are_those_there_are() -> None:
    assert get_args(AlgorithmName) == ALGORITHMS


def test_report_and_figures_are_written(run: Run, corpus: Path, tmp_path: Path) -> None:
    report, figure = tmp_path / "new" / "report.html", tmp_path / "sizes.svg"
    code, out, err = run(corpus, "--num-relations", 2, "--report", report, "--plot", f"sizes={figure}", "--progress")
    assert code == 0, err
    assert report.read_text(encoding="utf-8").startswith("<!DOCTYPE html>") and figure.exists()
    assert "Wrote" in err and "Wrote" not in out


@pytest.mark.parametrize(
    "bad", [["--report", "page.pdf"], ["--plot", "map"], ["--plot", "pie=a.png"], ["--plot", "map=a.txt"]]
)
def test_bad_report_and_figure_names_are_refused_before_the_work(
    run: Run, corpus: Path, bad: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RelationDiscovery, "fit_predict", lambda *_, **__: pytest.fail("worked"))
    code, out, err = run(corpus, *bad)
    assert code == 2 and out == "" and "Traceback" not in err
