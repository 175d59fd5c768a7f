"""Load corpora, metrics and the Space from the Hub."""

from __future__ import annotations

import importlib.util
import runpy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import evaluate
from datasets import load_dataset
from huggingface_hub import snapshot_download


GOLD = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
PRED = [0, 0, 1, 1, 1, 1, 1, 2, 2, 0]


def load(name: str, configuration: str | None, split: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = load_dataset(f"user/{name}", configuration, split=split).to_list()
    return rows


def stream(name: str) -> list[dict[str, Any]]:
    return list(load_dataset(f"user/{name}", split="train", streaming=True))


def score(name: str) -> dict[str, float]:
    metric = evaluate.load(f"user/{name}")
    found: dict[str, float] = metric.compute(references=GOLD, predictions=PRED)
    return found


def score_triples(name: str) -> dict[str, float]:
    triples = [[["a", "met", "b"], ["a", "met", "c"]]], [[["a", "met", "b"]]]
    metric = evaluate.load(f"user/{name}")
    found: dict[str, float] = metric.compute(references=triples[0], predictions=triples[1])
    return found


def start_space() -> dict[str, Any]:
    """The app runs from the downloaded folder until it would serve."""
    folder = Path(snapshot_download("user/relation-discovery", repo_type="space"))
    if importlib.util.find_spec("gradio") is None or importlib.util.find_spec("plotly") is None:
        return {"folder": str(folder), "demo": None}
    app = runpy.run_path(str(folder / "app.py"))
    return {"folder": str(folder), "demo": type(app["demo"]).__name__, "running": app["demo"].is_running}


def data_checks(*, offline: bool) -> dict[str, Callable[[], Any]]:
    """All of the above, by name; without network nothing streams."""
    checks: dict[str, Callable[[], Any]] = {
        "jsonl": partial(load, "jsonl", None, "train"),
        "redocred": partial(load, "redocred", "documents", "test"),
        "ud": partial(load, "ud", "en_ewt", "validation"),
        "snips": partial(load, "snips", "intent", "validation"),
        "space": start_space,
        "triple_f1": partial(score_triples, "triple_f1"),
        "relation_f1": partial(score_triples, "relation_f1"),
    }
    checks |= {name: partial(score, name) for name in ("bcubed", "v_measure", "adjusted_rand_index")}
    return checks if offline else checks | {"jsonl streamed": partial(stream, "jsonl")}
