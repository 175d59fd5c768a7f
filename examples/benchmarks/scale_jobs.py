"""Runs of the benchmark of scale: each in a new process, whose memory is watched, and kept once it is done."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from reporting import Finished, digest
from scale_data import planted_labels, word_of, write_embeddings, write_rows
from sklearn.metrics import adjusted_rand_score
from tree_memory import TreeMemory

from hf_relation.errors import HfRelationError


FOLDER = Path(__file__).parent


class Jobs:
    """Makes data, runs and their results in a folder; what is there already is not made again.

    Args:
        folder (`Path`): for all files.
        data (`Mapping`): `relations`, `columns`, `noise`.
        settings (`Mapping`): of [`~hf_relation.sharded.ShardedSettings`], for all runs.
    """

    def __init__(self, folder: Path, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self.folder, self.data, self.settings = folder, dict(data), dict(settings)
        self._finished = Finished(folder / "finished")

    def sharded(self, rows: int, workers: int, *, again: int = 0, model: str | None = None) -> dict[str, Any]:
        """A sharded run: seconds, memory, agreement with the planted relations; with `model` on embeddings that it makes."""
        data = self.data | ({"relations": min(self.data["relations"], 20)} if model else {})
        settings = self.settings | {"num_relations": data["relations"]} | ({"model": model} if model else {})
        job = {"kind": "sharded", "ready": model is None, "workers": workers, "settings": settings, "again": again}
        return self._run(f"sharded-{rows}", rows, data, job)

    def whole(self, rows: int, run: Mapping[str, Any], n_init: int, *, model: str | None = None) -> dict[str, Any]:
        """The unsharded discovery on the embeddings of a sharded run, and its agreement with that and with what was planted."""
        data = self.data | ({"relations": min(self.data["relations"], 20)} if model else {})
        settings = {"n_init": n_init, "num_relations": data["relations"]}
        folder = self._data(rows, data, real_words=model is not None)
        embeddings = folder / "rows.npy"
        if model is not None:
            embeddings = folder / "embedded.npy"
            parts = sorted((Path(run["files"]) / "work" / "embed").glob("*.npy"))
            if not embeddings.exists():
                np.save(embeddings, np.concatenate([np.load(part) for part in parts]))
        job = {"kind": "whole", "embeddings": str(embeddings), "settings": settings, "model": model}
        found = self._run(f"whole-{rows}", rows, data, job)
        ours, theirs = (np.load(Path(result["files"]) / "labels.npy") for result in (run, found))
        gold = planted_labels(rows, data["relations"])
        return found | {
            "agreement": float(adjusted_rand_score(theirs, ours)),
            "planted": float(adjusted_rand_score(gold, theirs)),
        }

    def empty(self, rows: int, engine: str, workers: int, seconds_per_row: float, shard_rows: int) -> dict[str, Any]:
        """A stage that does nothing, for so long a row."""
        job = {
            "kind": "empty",
            "engine": engine,
            "workers": workers,
            "seconds_per_row": seconds_per_row,
            "shard_rows": shard_rows,
        }
        return self._run(f"empty-{engine}", rows, self.data, job)

    def _run(self, name: str, rows: int, data: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
        settings = {"rows": rows, "data": dict(data), **job}

        def make() -> dict[str, Any]:
            folder = self._data(rows, data, real_words=bool(job.get("model") or job.get("settings", {}).get("model")))
            files = self.folder / f"{name}-{digest(settings)}"
            shutil.rmtree(files, ignore_errors=True)
            files.mkdir(parents=True)
            places = {"folder": str(folder), "work": str(files / "work"), "labels": str(files / "labels.npy")}
            found = run_child(files, {**job, **places}) | {"files": str(files), "load": os.getloadavg()}
            if job["kind"] == "sharded":
                found |= self._planted(files, rows, data, found)
                if not settings.get("settings", {}).get("model"):
                    shutil.rmtree(files / "work")  # embeddings and texts, several times
            return found

        print(f"{name} ...", file=sys.stderr, flush=True)
        return self._finished.get(name, settings, make)

    def _planted(self, files: Path, rows: int, data: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
        gold = planted_labels(rows, data["relations"])
        words = {word_of(relation) for relation in range(data["relations"])}
        named = sum(any(word in name for word in words) for name in found["names"])
        return {"planted": float(adjusted_rand_score(gold, np.load(files / "labels.npy"))), "named": named}

    def _data(self, rows: int, data: Mapping[str, Any], *, real_words: bool) -> Path:
        settings = {"rows": rows, "real_words": real_words, **data}
        folder = self.folder / f"rows-{rows}-{digest(settings)}"
        if not (folder / "done").exists():
            write_rows(folder, rows, data["relations"], real_words=real_words)
            if not real_words:
                write_embeddings(folder, rows, **data)
            (folder / "done").touch()
        return folder


def child_variables() -> dict[str, str]:
    """The environment of a run: this copy of the package, one thread."""
    variables = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(FOLDER.parents[1]), variables.get("PYTHONPATH")]))
    return variables


def run_child(folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    """Run a job in a new process, and watch its memory and that of all it starts.

    Raises:
        HfRelationError: it failed.
    """
    path = folder / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    with open(folder / "errors.txt", "wb") as errors:
        child = subprocess.Popen(
            [sys.executable, str(FOLDER / "scale_run.py"), str(path)],
            env=child_variables(),
            stdout=errors,
            stderr=errors,
        )
        with TreeMemory(child.pid) as memory:
            child.wait()
    if child.returncode:
        message = (folder / "errors.txt").read_text(encoding="utf-8", errors="replace")
        raise HfRelationError(f"The run in {folder} failed with {child.returncode}: {message.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(path.with_suffix(".result").read_text(encoding="utf-8"))
    return found | {"peak_bytes": memory.peak, "processes": memory.processes}


def has_datatrove() -> bool:
    """Whether datatrove and its adapter are there."""
    return all(importlib.util.find_spec(name) is not None for name in ("datatrove", "hf_relation.sharded.datatrove"))
