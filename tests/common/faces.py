"""The three ways to discover relations, behind one call: the estimator, the pipeline and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import pipeline

from hf_relation.cli import app
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import HfRelationError
from hf_relation.pipelines import TASK


@dataclass
class Outcome:
    """What came of it: the result as a dict, or the message and the exit code (1: failed, 2: wrong usage; else `None`)."""

    content: dict[str, Any] | None = None
    message: str = ""
    code: int | None = None

    @property
    def labels(self) -> dict[str, int]:
        assert self.content is not None, self.message
        return {row["id"]: row["label"] for row in self.content["instances"]}


Face = Callable[..., Outcome]


def estimator(model: Path, rows: Any, folder: Path, **options: Any) -> Outcome:
    try:
        return Outcome(RelationDiscovery.from_pretrained(model, **options).fit_predict(rows).to_dict())
    except HfRelationError as error:
        return Outcome(message=str(error))


def in_pipeline(model: Path, rows: Any, folder: Path, **options: Any) -> Outcome:
    try:
        return Outcome(pipeline(TASK, model=str(model), device="cpu")(rows, **options))
    except HfRelationError as error:
        return Outcome(message=str(error))


def command(model: Path, rows: Any, folder: Path, **options: Any) -> Outcome:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return command_on(model, file, **options)


def command_on(model: Path, file: Path, *more: str, **options: Any) -> Outcome:
    arguments = ["discover", str(file), "--model", str(model), "--json", "--quiet", *more]
    names = {"max_tokens_per_batch": "--batch-tokens"}
    for name, value in options.items():
        arguments += [names.get(name, "--" + name.replace("_", "-")), str(value)]
    return run_command(arguments)


def run_command(arguments: Sequence[str]) -> Outcome:
    import contextlib
    import io
    import sys
    from unittest import mock

    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["hf-relation", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            app.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
    message = " ".join(err.getvalue().split())
    if code:
        assert out.getvalue() == "" and "Traceback" not in message
        return Outcome(None, message, code)
    return Outcome(json.loads(out.getvalue()), message)


FACES: dict[str, Face] = {"estimator": estimator, "pipeline": in_pipeline, "command": command}
