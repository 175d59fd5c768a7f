"""Part of discovery.py: the systems that are compared, and their work in child processes."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from discovery_corpora import Corpus
from reporting import Finished, digest

import hf_relation
from hf_relation.data.atomic import atomic_file
from hf_relation.default_model import DEFAULT_CHECKPOINT
from hf_relation.errors import HfRelationError
from hf_relation.runs.records import fingerprint


HERE = Path(__file__).parent
KNOWN, NOTHING = "known relations", "none"
INSTALL_BERTOPIC = (
    "BERTopic is not installed: pip install bertopic, or name a Python that has it with --bertopic_python PATH"
)
INSTALL_SENTENCE_TRANSFORMERS = 'sentence-transformers is not installed: pip install "hf_relation[benchmark]"'


@dataclass(frozen=True)
class System:
    """A row of the tables.

    Args:
        name: for `--systems`.
        title: in the tables.
        encoder: whose embeddings it gets: `"ours"`, `"frozen"`, or a text of `discovery_jobs.TEXTS` for sentence-transformers.
        kind: `"discovery"`: `RelationDiscovery`; `"kmeans"`: scikit-learn's; `"bertopic"`.
        supervision: what it learned from.
        settings: of its kind.
        noise: what rows left out count as, see `clustering_report`.
        own_number: whether it finds the number of relations itself.
    """

    name: str
    title: str
    encoder: str
    kind: Literal["discovery", "kmeans", "bertopic"]
    supervision: str = NOTHING
    settings: Mapping[str, Any] = field(default_factory=dict)
    noise: Literal["cluster", "singletons"] = "cluster"
    own_number: bool = False

    @property
    def ours(self) -> bool:
        return self.encoder == "ours"


def _bertopic(cluster: str, **more: Any) -> dict[str, Any]:
    return {"cluster": cluster, **more}


SYSTEMS: tuple[System, ...] = (
    System("ours", "hf_relation, number given", "ours", "discovery", KNOWN),
    System(
        "ours-auto",
        "hf_relation, number found",
        "ours",
        "discovery",
        KNOWN,
        {"num_relations": "auto"},
        own_number=True,
    ),
    System("frozen", "frozen mentions + between, k-means", "frozen", "discovery"),
    System(
        "frozen-pca", "frozen mentions + between, PCA, k-means", "frozen", "discovery", NOTHING, {"pca_components": 64}
    ),
    System("sentence", "sentence-transformers, k-means", "sentence", "kmeans"),
    System("masked", "sentence-transformers, mentions masked, k-means", "masked", "kmeans"),
    System("span", "sentence-transformers, from mention to mention, k-means", "span", "kmeans"),
    System(
        "bertopic", "BERTopic, outliers one topic", "sentence", "bertopic", NOTHING, _bertopic("own"), own_number=True
    ),
    System(
        "bertopic-singletons",
        "BERTopic, outliers alone",
        "sentence",
        "bertopic",
        NOTHING,
        _bertopic("own"),
        "singletons",
        own_number=True,
    ),
    System(
        "bertopic-nearest",
        "BERTopic, outliers to the nearest topic",
        "sentence",
        "bertopic",
        NOTHING,
        _bertopic("own", outliers="nearest"),
        own_number=True,
    ),
    System(
        "bertopic-number",
        "BERTopic, nr_topics, outliers one topic",
        "sentence",
        "bertopic",
        NOTHING,
        _bertopic("reduced"),
    ),
    System(
        "bertopic-number-nearest",
        "BERTopic, nr_topics, outliers to the nearest topic",
        "sentence",
        "bertopic",
        NOTHING,
        _bertopic("reduced", outliers="nearest"),
    ),
    System("bertopic-kmeans", "BERTopic, k-means", "sentence", "bertopic", NOTHING, _bertopic("kmeans")),
)


BERTOPIC_SETTINGS: list[dict[str, Any]] = []
for _system in SYSTEMS:
    if _system.kind == "bertopic" and dict(_system.settings) not in BERTOPIC_SETTINGS:
        BERTOPIC_SETTINGS.append(dict(_system.settings))


def find(names: Sequence[str]) -> list[System]:
    """The systems of these names, in the order above; all of them for none."""
    return [system for system in SYSTEMS if not names or system.name in names]


class Workshop:
    """Runs jobs in child processes and keeps what they made.

    Args:
        folder (`Path`): finished clusterings.
        cache (`Path`): instances, and embeddings with their seconds and peak memory; any number of runs can share it.
        model: the checkpoint; `None` is the shipped one.
        num_threads, n_init, seeds: of every system.
        bertopic_python: the interpreter for BERTopic.
    """

    def __init__(
        self,
        folder: Path,
        cache: Path,
        *,
        model: str | None,
        num_threads: int,
        n_init: int,
        seeds: Sequence[int],
        bertopic_python: str = sys.executable,
    ) -> None:
        self.finished = Finished(folder / "finished")
        self.cache = cache
        cache.mkdir(parents=True, exist_ok=True)
        self.model = model
        self.num_threads = num_threads
        self.n_init = n_init
        self.seeds = list(seeds)
        self.bertopic_python = bertopic_python

    def missing(self, system: System) -> str | None:
        """Why a system cannot run here; `None` if it can."""
        if system.encoder not in ("ours", "frozen") and importlib.util.find_spec("sentence_transformers") is None:
            return INSTALL_SENTENCE_TRANSFORMERS
        if system.kind == "bertopic" and bertopic_version(self.bertopic_python) is None:
            return INSTALL_BERTOPIC
        return None

    def instances(self, corpus: Corpus) -> Path:
        """The corpus as a file, without its gold labels."""
        path = self.cache / f"{corpus.name}-{digest({'rows': fingerprint(corpus.instances)})}.jsonl"
        if not path.is_file():
            lines = [json.dumps({**row, "relations": []}, ensure_ascii=False) for row in corpus.instances]
            with atomic_file(path) as stream:
                stream.write(("\n".join(lines) + "\n").encode("utf-8"))
        return path

    def embeddings(self, corpus: Corpus, encoder: str) -> tuple[Path, dict[str, Any]]:
        """The embeddings of a corpus, and what they cost when they were made."""
        instances = self.instances(corpus)
        model = self.model if encoder == "ours" else None
        key = digest({"encoder": encoder, "model": _model_key(model), "threads": self.num_threads})
        path = self.cache / f"{instances.stem}-{encoder}-{key}.npy"
        about = path.with_suffix(".json")
        if not (path.is_file() and about.is_file()):
            job = {
                "job": "embed",
                "encoder": encoder,
                "model": model,
                "instances": str(instances),
                "embeddings": str(path),
            }
            cost = self.run("discovery_jobs.py", job)
            about.write_text(json.dumps(cost), encoding="utf-8")
        return path, json.loads(about.read_text(encoding="utf-8"))

    def work(self, system: System, corpus: Corpus, part: str) -> dict[str, Any]:
        """Labels and names of a system for a part of a corpus, with seconds and peak memory."""
        rows = corpus.parts()[part]
        path, cost = self.embeddings(corpus, system.encoder)
        job = {
            "job": "cluster",
            "system": system.kind,
            "encoder": system.encoder,
            "model": self.model,
            "settings": dict(system.settings),
            "num_relations": rows.num_relations,
            "n_init": self.n_init,
            "seeds": self.seeds,
        }
        bertopic = system.kind == "bertopic"
        if bertopic:  # all of its settings in one process
            job = {key: value for key, value in job.items() if key != "settings"} | {"variants": BERTOPIC_SETTINGS}
        settings = job | {
            "instances": self.instances(corpus).stem,
            "embeddings": path.stem,
            "part": part,
            "version": bertopic_version(self.bertopic_python) if bertopic else _code_key(),
        }
        script, python = ("discovery_bertopic.py", self.bertopic_python) if bertopic else ("discovery_jobs.py", None)
        files = {"instances": str(self.instances(corpus)), "embeddings": str(path), "rows": rows.rows}
        name = f"{corpus.name}-{part}-{system.kind if bertopic else system.name}"
        made = self.finished.get(name, settings, lambda: self.run(script, job | files, python=python))
        if bertopic:
            runs = made["variants"][BERTOPIC_SETTINGS.index(dict(system.settings))]
            made = {"runs": runs, "peak_bytes": made["peak_bytes"]}
        return made | {"encoding": cost}

    def job_file(self, job: Mapping[str, Any]) -> tuple[Path, Path]:
        """Write a job, and say where its outcome will be."""
        path, outcome = self.cache / "job.json", self.cache / "outcome.json"
        outcome.unlink(missing_ok=True)
        content = {**job, "num_threads": self.num_threads, "outcome": str(outcome)}
        path.write_text(json.dumps(content), encoding="utf-8")
        return path, outcome

    def run(self, script: str, job: Mapping[str, Any], *, python: str | None = None) -> dict[str, Any]:
        """Do a job in a fresh process; what it prints is dropped, its messages on stderr are not."""
        path, outcome = self.job_file(job)
        threads = str(self.num_threads)
        names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")
        environment = {**os.environ, **{f"{name}_NUM_THREADS": threads for name in names}}
        environment["TOKENIZERS_PARALLELISM"] = "false" if self.num_threads == 1 else "true"
        command = [python or sys.executable, str(HERE / script), str(path)]
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode or not outcome.is_file():
            raise HfRelationError(
                f"{script} failed (exit status {done.returncode}); its messages are above. Its job is {path}."
            )
        result: dict[str, Any] = json.loads(outcome.read_text(encoding="utf-8"))
        return result


def bertopic_version(python: str) -> str | None:
    """The version of BERTopic that an interpreter has; `None` if none."""
    if python == sys.executable:
        found = importlib.util.find_spec("bertopic") is not None
        return importlib.metadata.version("bertopic") if found else None
    code = "import importlib.metadata; print(importlib.metadata.version('bertopic'))"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _code_key() -> str:
    """What tells this code of the library from another state of it, so that no clustering of that is taken for one of this."""
    room = Path(hf_relation.__file__).parent
    files = sorted([*(room / "discovery").glob("*.py"), *(room / "clustering").glob("*.py")])
    return digest({file.name: file.read_text(encoding="utf-8") for file in files})


def _model_key(model: str | None) -> str:
    """What tells a checkpoint from another one of the same name."""
    if model is None:
        return f"{DEFAULT_CHECKPOINT} {importlib.metadata.version('hf_relation')}"
    weights = Path(model) / "model.safetensors"
    return f"{model} {weights.stat().st_mtime_ns}" if weights.is_file() else model


def peak_bytes(made: Mapping[str, Any]) -> int | None:
    """The larger of the peaks of encoding and clustering."""
    peaks = [made["encoding"]["peak_bytes"], made["peak_bytes"]]
    return None if None in peaks else max(peaks)


def mean_seconds(made: Mapping[str, Any], step: str, clock: str) -> float | None:
    """Seconds of a step, mean over the seeds; `None` where it is a part of another one."""
    values = [run[clock][step] for run in made["runs"]]
    return None if None in values else float(np.mean(values))
