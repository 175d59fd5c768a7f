"""`discover`: what happens when the button of the page is pressed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from hf_relation.demo.inputs import read_input
from hf_relation.demo.limits import DemoLimits
from hf_relation.demo.texts import TextOptions
from hf_relation.demo.views import instance_rows, relation_map, relation_rows, summary
from hf_relation.demo.worker import DiscoveryWorker
from hf_relation.errors import HfRelationError, UsageError


AS_STORED = "model's own"
"""The choice of an algorithm that leaves it to the checkpoint."""


def discover(
    limits: DemoLimits,
    worker: DiscoveryWorker,
    text: str | None,
    names: str | None,
    file: str | None,
    number: str | None,
    algorithm: str,
    seed: int | None,
    window: int | None,
    both_directions: bool,
) -> Iterator[tuple[Any, ...]]:
    """Do one run.

    Args:
        limits ([`DemoLimits`]): what is allowed.
        worker ([`DiscoveryWorker`]): does it.
        text, names, file, number, algorithm, seed, window, both_directions: the fields of the page.

    Yields:
        `tuple`: the outputs of the page: first empty ones, so that no result of another run stays beside an error; then the results.

    Raises:
        gradio.Error: the message for the visitor, without HTML.
    """
    import gradio as gr

    yield gr.Column(visible=False), "", gr.Textbox("", visible=False), [], None, [], None
    try:
        if seed is None:
            raise UsageError("The seed is empty. Give a whole number from 0 up.")
        if window is None:
            raise UsageError("The window is empty. Choose a number of sentences.")
        settings: dict[str, Any] = {"num_relations": _number(number), "seed": seed}
        if algorithm != AS_STORED:
            settings["algorithm"] = algorithm
        given = read_input(text, file, limits, names=names)
        texts = TextOptions(given.names, window, both_directions, limits.max_rows, limits.max_chars)
        with tempfile.TemporaryDirectory(prefix="hf_relation_demo_") as folder:
            found = worker.run(given.rows, settings, Path(folder), texts=asdict(texts) if given.from_texts else None)
            # gradio copies the files into its own folder before it asks for the next value.
            yield (
                gr.Column(visible=True),
                summary(found),
                gr.Textbox("\n".join(found["notes"]), visible=bool(found["notes"])),
                relation_rows(found),
                relation_map(found["given"], found),
                instance_rows(found["given"], found),
                [str(Path(folder) / name) for name in found["files"]],
            )
    except HfRelationError as error:
        # The page takes HTML in messages, and this one may hold pieces of the input.
        raise gr.Error(escape(str(error)), duration=None, title="Not possible", print_exception=False) from None
    except RuntimeError:
        raise gr.Error("The run failed. The server's log says why.", duration=None, title="Failed") from None


def _number(value: str | None) -> int | str:
    given = (value or "").strip()
    if given == "auto":
        return given
    if not (given.isascii() and given.isdigit() and len(given) < 10 and int(given) >= 1):
        raise UsageError(f"The number of relations must be 'auto' or a whole number from 1 up, got {given!r}.")
    return int(given)
