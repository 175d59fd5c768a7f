"""Push corpora (by the converters in `dataset_scripts/`), metrics and the Space."""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from tests.common.tiny_corpora import write_nyt_fb, write_redocred, write_semeval, write_tacred
from tests.data.test_task_recipes import FILES
from tests.data.test_triple_recipes import MENTIONS, ROWS
from tests.hub.children import REPOSITORY


INSTANCES = [
    {
        "id": str(number),
        "text": f"Ada met Bob {number} times.",
        "head": {"start": 0, "end": 3, "type": None},
        "tail": {"start": 8, "end": 11, "type": "PERSON"},
        "relations": ["met"],
    }
    for number in range(3)
]
FEWREL = {"P6": [{"tokens": ["Ada", "runs", "Holm"], "h": ["ada", "Q1", [[0]]], "t": ["holm", "Q2", [[2]]]}]}
WIKI80 = {
    "token": ["Ada", "runs", "Holm"],
    "h": {"name": "ada", "id": "Q1", "pos": [0, 1]},
    "t": {"name": "holm", "id": "Q2", "pos": [2, 3]},
    "relation": "head of government",
}

CONFIGURATIONS = {"ud": ["--config", "en_ewt"], "fewrel": ["--config", "fewrel"]}  # the others need files of their own


def write_corpora(folder: Path) -> None:
    """Upstream files of every corpus, in their formats and a few sentences long."""
    write_semeval(folder)
    for name in ("train_revised.json", "dev_revised.json", "test_revised.json"):
        write_redocred(folder, name)
    write_tacred(folder)
    write_nyt_fb(folder)
    lines = {f"fewrel/{name}_wiki.json": json.dumps(FEWREL) for name in ("train", "val")}
    lines["fewrel/pid2name.json"] = json.dumps({"P6": ["head of government", ""]})
    lines["wiki80/wiki80_val.txt"] = json.dumps(WIKI80)
    for name in ("webnlg", "webnlg_star"):
        lines |= {f"{name}/{part}_triples.json": json.dumps(ROWS) for part in ("train", "val", "test")}
    for number, part in enumerate(("train", "valid", "test")):
        lines[f"nyt_triples/{part}.json"] = json.dumps(MENTIONS) + "\n" * number  # no two files are the same
    for corpus, (files, _) in FILES.items():
        lines |= {f"{corpus}/{name}": content for name, content in files.items()}
    for path, content in lines.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in INSTANCES))


def convert(name: str, data: Path) -> str:
    """Run a converter as `python dataset_scripts/NAME.py ... --push user/NAME`."""
    given = [f"train={data / 'rows.jsonl'}"] if name == "jsonl" else ["--data-dir", str(data)]
    given += CONFIGURATIONS.get(name, [])
    sys.argv = [f"{name}.py", *given, "--push", f"user/{name}", "--private"]
    told = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
        try:
            runpy.run_path(str(REPOSITORY / "dataset_scripts" / f"{name}.py"), run_name="__main__")
        except SystemExit as stop:
            if stop.code:
                raise AssertionError(told.getvalue()) from stop
    return told.getvalue()


def upload_space(name: str, folder: Path) -> None:
    HfApi().create_repo(f"user/{name}", repo_type="space", space_sdk="gradio")
    HfApi().upload_folder(
        repo_id=f"user/{name}", repo_type="space", folder_path=str(folder), ignore_patterns=["__pycache__/*"]
    )


def data_checks(folder: Path) -> dict[str, Callable[[], Any]]:
    """All of the above, by name."""
    (folder / "data").mkdir()
    write_corpora(folder / "data")
    checks: dict[str, Callable[[], Any]] = {}
    for script in sorted((REPOSITORY / "dataset_scripts").glob("*.py")):
        checks[script.stem] = partial(convert, script.stem, folder / "data")
    for metric in sorted((REPOSITORY / "metrics").iterdir()):
        if (metric / "app.py").is_file():
            checks[f"metric {metric.name}"] = partial(upload_space, metric.name, metric)
    checks["space"] = partial(upload_space, "relation-discovery", REPOSITORY / "examples/space")
    return checks
