"""Rows 51 and 53 of the fault plan: another locale, no home, spaces in paths, and workers after tokenizers had threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.data.convert import convert
from hf_relation.data.recipe import jsonl_recipe
from tests.cli.poor_surroundings import commands
from tests.common.faces import run_command
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_runs import save_tiny_encoder, tiny_options, write_tiny_corpus
from tests.common.tiny_tokenizers import sample_instances


pytestmark = pytest.mark.timeout(280)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, a corpus and options under names with spaces."""
    folder = tmp_path_factory.mktemp("run") / "a folder of mine"
    folder.mkdir()
    save_tiny_checkpoint(folder / "the checkpoint")
    save_tiny_extractor(folder / "the extractor")
    write_jsonl(folder / "rows of mine.jsonl", sample_instances(20))
    (folder / "the facts.tsv").write_text("Jörg Müßig\tborn_in\tZürich\n", encoding="utf-8")
    encoder, files = save_tiny_encoder(folder / "an encoder"), write_tiny_corpus(folder)
    more = "--max_steps 2 --num_seeds 1 --dataloader_num_workers 2".split()
    options = ["train", "more", *tiny_options(encoder, files, Path("OUT"), *more)]
    (folder / "training.json").write_text(json.dumps(options), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> dict[str, Any]:
    """What a process without home, in the C locale, says of all commands; a place that may not be written is the home."""
    home = folder / "home"
    home.mkdir(mode=0o500)
    keep = ("HOME", "TOKENIZERS_PARALLELISM", "PYTHONUTF8", "PYTHONIOENCODING", "XDG", "MPL", "HF_HOME", "LC_", "LANG")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(keep)}
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "LC_ALL": "C", "HF_HUB_OFFLINE": "1"}
    environment |= {
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
        "HOME": "/proc/no home" if os.geteuid() == 0 else str(home),
    }
    found = subprocess.run(
        [
            sys.executable,
            "-X",
            "warn_default_encoding",
            "-m",
            "tests.cli.poor_surroundings",
            str(folder),
            str(folder / "out of it"),
        ],
        capture_output=True,
        cwd=folder,
        env=environment,
        timeout=270,
        check=False,
    )
    out, err = found.stdout.decode("ascii"), found.stderr.decode("ascii", "backslashreplace")
    assert found.returncode == 0, err[-4000:]
    *_, last = out.rpartition("=== ")
    parts = {part.partition("\n")[0]: part.partition("\n")[2] for part in out.split("=== ")[1:-1]}
    return {"out": parts, "err": err, **json.loads(last)}


def test_fault_53_every_command_works_in_the_c_locale_without_a_home(run: dict[str, Any]) -> None:
    assert run["encodings"] == ["ascii", "ascii"]
    assert set(run["codes"].values()) == {0}, (run["codes"], run["err"][-4000:])
    assert "J\\xf6rg M\\xfc\\xdfig" in run["out"]["discover"] or "J\\xf6rg" in run["out"]["extract"]


def test_fault_53_the_files_are_those_of_any_other_locale(run: dict[str, Any], folder: Path) -> None:
    here, there = folder / "out of it", folder / "größer 新"
    there.mkdir()
    for name in ("discover", "extract"):
        assert run_command([*commands(folder, there)[name], "--json"]).content
    assert run_command([*commands(folder, there)["label"], "--json"]).content["labels"] == {"born_in": 1}
    convert(jsonl_recipe({"train": folder / "rows of mine.jsonl"}), there / "as parquet")
    for name in (
        "found here/instances.jsonl",
        "labelled ones.jsonl",
        "found here/relations.json",
        "found here/relations.csv",
        "a table.csv",
    ):
        assert (here / name).read_bytes() == (there / name).read_bytes()
    for name in ("triples/triples.jsonl", "triples/triples.csv", "graph.neo4j/nodes.csv", "as parquet/README.md"):
        assert (here / name).read_bytes() == (there / name).read_bytes()
    assert "Jörg Müßig" in (here / "a table.csv").read_text(encoding="utf-8")
    assert "Jörg Müßig" in (here / "the report.html").read_text(encoding="utf-8")
    assert [row["text"] for row in read_jsonl(folder / "rows of mine.jsonl")] == [
        row["text"] for row in sample_instances(20)
    ]


def test_fault_53_results_on_stdout_are_json_whatever_the_locale(run: dict[str, Any]) -> None:
    predicted = json.loads(run["out"]["predict"])
    assert len(predicted["instances"]) == 20 and "Jörg" in json.dumps(predicted["relations"], ensure_ascii=False)
    assert json.loads(run["out"]["evaluate"])["num_instances"] == 20


def test_fault_51_workers_after_the_tokenizers_had_threads_neither_hang_nor_complain(
    run: dict[str, Any], folder: Path
) -> None:
    assert run["codes"]["train"] == 0
    assert "disable parallelism" not in run["err"].lower() and "just got forked" not in run["err"]
    assert (folder / "out of it" / "a run" / "results.json").is_file()
