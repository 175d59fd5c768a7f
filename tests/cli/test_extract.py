"""`hf-relation extract`: kinds of files, results apart from messages, files, exit codes."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_relation.cli import app
from hf_relation.data import write_jsonl
from hf_relation.errors import InvalidRowError
from hf_relation.extraction import RelationExtractor
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_documents import document, sample_documents
from tests.common.tiny_tokenizers import sample_instances


Run = Callable[..., tuple[int, str, str]]
ROWS = [*({**row, "id": f"d{place}"} for place, row in enumerate(sample_documents())), *sample_instances(2)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    save_tiny_extractor(path, entity_types=["PERSON", "PLACE"])
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    write_jsonl(path, ROWS)
    return path


@pytest.fixture
def run(model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object, model: object = model) -> tuple[int, str, str]:
        named = [] if model is None else ["--model", str(model)]
        monkeypatch.setattr(sys, "argv", ["hf-relation", "extract", *named, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            app.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def test_json_is_the_extractors_answer_and_nothing_else(run: Run, corpus: Path, model: Path) -> None:
    code, out, _ = run(corpus, "--json", "--progress", "--threshold", 0)
    expected = RelationExtractor.from_pretrained(model).extract(ROWS, threshold=0.0)
    assert code == 0 and out.count("\n") == 1
    assert json.loads(out) == {"documents": expected, "skipped": []}


@pytest.mark.parametrize(
    "arguments, options",
    [
        ([], {}),
        (
            ["--threshold-for", "born_in=0", "--threshold-for", "flows_into=1.0"],
            {"threshold": {"born_in": 0, "flows_into": 1}},
        ),
        (["--threshold", "0", "--top-k", "1"], {"threshold": 0.0, "top_k": 1}),
        (["--threshold", "1", "--keep-none"], {"threshold": 1.0, "keep_none": True}),
        (["--threshold", "0", "--max-distance", "12"], {"threshold": 0.0, "max_distance": 12}),
        (["--threshold", "0", "--no-type-constraints"], {"threshold": 0.0, "type_constraints": False}),
    ],
)
def test_options(run: Run, corpus: Path, model: Path, arguments: list[str], options: dict[str, Any]) -> None:
    code, out, _ = run(corpus, "--json", "--quiet", *arguments)
    assert code == 0
    assert json.loads(out)["documents"] == RelationExtractor.from_pretrained(model).extract(ROWS, **options)


def test_a_threshold_for_all_and_one_for_a_relation(run: Run, corpus: Path) -> None:
    _, out, _ = run(
        corpus, "--json", "--threshold", 0, "--threshold-for", "born_in=1", "--threshold-for", "founded_by=1"
    )
    found = {triple["relation"] for row in json.loads(out)["documents"] for triple in row["triples"]}
    assert found == {"flows_into"}


def test_table_and_files(run: Run, corpus: Path, tmp_path: Path) -> None:
    code, out, err = run(corpus, "--output", tmp_path / "out", "--threshold", 0, "--top-k", 1)
    assert code == 0 and "Wrote" in err and "Wrote" not in out
    answers = [json.loads(line) for line in (tmp_path / "out" / "triples.jsonl").read_text("utf-8").splitlines()]
    triples = [triple for answer in answers for triple in answer["triples"]]
    assert [answer["id"] for answer in answers] == [row["id"] for row in ROWS]
    assert f"{len(triples)} triples in 9 texts" in out and "Ada Brenner" in out and f"{triples[0]['score']:.3f}" in out
    with open(tmp_path / "out" / "triples.csv", encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [(row["head"], row["relation"], row["tail"], int(row["tail_start"])) for row in table] == [
        (one["head"]["text"], one["relation"], one["tail"]["text"], one["tail"]["start"]) for one in triples
    ]


def test_long_results_are_shown_in_part(run: Run, corpus: Path) -> None:
    code, out, _ = run(corpus, "--threshold", 0)
    assert code == 0 and "50 are shown" in out and len(out.splitlines()) < 130


def test_cells_that_a_spreadsheet_would_run_are_guarded(run: Run, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "odd.jsonl", [document("=SUM(A1) and @cmd", "=SUM(A1)", "@cmd")])
    assert run(tmp_path / "odd.jsonl", "--threshold", 0, "--output", tmp_path)[0] == 0
    with open(tmp_path / "triples.csv", encoding="utf-8", newline="") as stream:
        assert {row["head"] for row in csv.DictReader(stream)} == {"'=SUM(A1)", "'@cmd"}


def test_texts_with_the_models_own_tagger(run: Run, model: Path, tmp_path: Path) -> None:
    texts = ["Ada was born in Lindau.", '{"text": 7}', "  Orn is old."]
    (tmp_path / "texts.txt").write_text("\ufeff" + "\n\n".join(texts) + "\r\n", encoding="utf-8")
    code, out, _ = run(tmp_path / "texts.txt", "--text", "--json", "--threshold", 0)
    expected = RelationExtractor.from_pretrained(model).extract(texts, threshold=0.0)
    assert code == 0 and json.loads(out)["documents"] == expected
    write_jsonl(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    assert json.loads(run(tmp_path / "texts.jsonl", "--json", "--threshold", 0)[1])["documents"] == expected


def test_texts_with_another_tagger(run: Run, tmp_path: Path) -> None:
    from tests.extraction.test_extractor import save_tagger

    save_tagger(tmp_path / "tagger", 64)
    (tmp_path / "texts.txt").write_text("Ada was born in Lindau.\n")
    code, out, _ = run(tmp_path / "texts.txt", "--text", "--json", "--entities", tmp_path / "tagger")
    (found,) = json.loads(out)["documents"]
    assert code == 0 and {entity["type"] for entity in found["entities"]} <= {"PER", "LOC"} and found["entities"]
    assert run(tmp_path / "texts.txt", "--text", "--entities", tmp_path)[0] == 1


def test_gzip_input_and_quiet(run: Run, corpus: Path, tmp_path: Path) -> None:
    packed = tmp_path / "corpus.jsonl.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes()))
    code, out, err = run(packed, "--json", "--quiet", "--output", tmp_path / "out")
    assert code == 0 and err == ""
    assert out == run(corpus, "--json")[1]


def test_a_bad_row_fails_with_its_line_and_skip_bad_lists_it(run: Run, corpus: Path) -> None:
    lines = corpus.read_text(encoding="utf-8").splitlines()
    lines[3:3] = ['{"text": 7}', "{broken", "", '{"text": "again", "id": "d0"}', "\udcff"]
    corpus.write_text("\n".join(lines), encoding="utf-8", errors="surrogateescape")
    code, out, err = run(corpus)
    assert code == 1 and out == "" and "line 4" in err and "Traceback" not in err
    code, out, err = run(corpus, "--skip-bad", "--json")
    assert code == 0 and "Skipped 4 bad rows" in err and "line 7" in err
    content = json.loads(out)
    assert [row["line"] for row in content["skipped"]] == [4, 5, 7, 8]
    assert "is also the id of an earlier row" in content["skipped"][2]["reason"]
    assert len(content["documents"]) == len(ROWS)


def test_what_the_encoder_refuses_has_its_line_too(run: Run, tmp_path: Path) -> None:
    dropped = document("Ada \ufffd Bob", "\ufffd", "Ada")
    (tmp_path / "rows.jsonl").write_text("\n\n" + json.dumps(dropped))
    code, out, err = run(tmp_path / "rows.jsonl")
    assert code == 1 and out == "" and "line 3: the tokenizer has no token" in err


def test_files_without_rows_fail(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    assert run(path)[0] == 1
    path.write_text("{}\n[]\n")
    code, out, err = run(path, "--skip-bad")
    assert code == 1 and out == "" and "all 2 rows are bad" in err.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threshold", "1.5"], "--threshold"),
        (["--threshold-for", "born_in"], "RELATION=NUMBER"),
        (["--threshold-for", "born_in=high"], "RELATION=NUMBER"),
        (["--threshold-for", "born_in=nan"], "RELATION=NUMBER"),
        (["--threshold-for", "=0.5"], "RELATION=NUMBER"),
        (["--threshold-for", "born_in=0.5", "--threshold-for", "born_in=0.6"], "two thresholds"),
        (["--threshold-for", "bron_in=0.5"], "'bron_in' has a threshold, but is no relation"),
        (["--top-k", "0"], "--top-k"),
        (["--max-distance", "-1"], "--max-distance"),
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
    code, out, err = run(corpus, model=None)
    assert code == 2 and out == "" and "no shipped checkpoint for relation extraction" in " ".join(err.split())
    code, out, err = run(corpus, model=tmp_path / "no-model")
    assert code == 1 and "No checkpoint" in err and "Traceback" not in err
    save_tiny_checkpoint(tmp_path / "discovery")
    code, out, err = run(corpus, model=tmp_path / "discovery")
    assert code == 2 and "hf-relation discover" in " ".join(err.split())


def test_debug_lets_the_exception_through(corpus: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.write_text("{broken")
    monkeypatch.setattr(sys, "argv", ["hf-relation", "extract", str(corpus), "--model", str(model), "--debug"])
    with pytest.raises(InvalidRowError):
        app.main()


def test_interrupt_is_exit_code_130_and_leaves_no_files(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RelationExtractor, "extract", interrupt)
    code, out, err = run(corpus, "--output", tmp_path / "out")
    assert code == 130 and out == "" and "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_what_libraries_print_does_not_reach_stdout(run: Run, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = RelationExtractor.extract

    def noisy(self: RelationExtractor, *arguments: Any, **options: Any) -> Any:
        print("a library says hello")
        return original(self, *arguments, **options)

    monkeypatch.setattr(RelationExtractor, "extract", noisy)
    code, out, err = run(corpus, "--json")
    assert code == 0 and "hello" not in out and "a library says hello" in err


def test_text_from_the_corpus_is_never_markup_or_control(run: Run, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "odd.jsonl", [document("[red]Ada[/red] \x1b[31mwed \x07Bob", "[red]Ada[/red]", "\x07Bob")])
    code, out, _ = run(tmp_path / "odd.jsonl", "--threshold", 0)
    assert code == 0 and "[red]Ada[/red]" in out
    assert not any(character in out for character in "\x1b\x07")


def test_types_from_a_file_stand_in_for_those_of_the_model(
    run: Run, corpus: Path, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "types.json"
    path.write_text(json.dumps({"born_in": [["PERSON", "LOCATION"]], "founded_by": None, "flows_into": [["X", "Y"]]}))
    code, out, _ = run(corpus, "--json", "--threshold", 0, "--type-constraints", path)
    found = {t["relation"] for answer in json.loads(out)["documents"][:7] for t in answer["triples"]}
    expected = RelationExtractor.from_pretrained(model).extract(ROWS, threshold=0.0, type_constraints=path)
    assert code == 0 and json.loads(out)["documents"] == expected and found == {"born_in", "founded_by"}
    code, _, err = run(corpus, "--type-constraints", path, "--no-type-constraints")
    assert code == 2 and "contradict" in err
    path.write_text('{"born_in": 3}')
    code, _, err = run(corpus, "--type-constraints", path)
    assert code == 2 and "born_in" in err
