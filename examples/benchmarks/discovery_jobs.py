"""Part of discovery.py: the work of one system on one corpus, in a process of its own, so that its memory can be measured.

    python discovery_jobs.py JOB.json

A job names its input files and the file for its outcome. The instances in them have no gold labels.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from memory import peak_resident


# What sentence-transformers is given of an instance.
TEXTS = ("sentence", "masked", "span")


class Clock:
    """Seconds on the clock and of the processor, summed over calls."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), sum(os.times()[:4])
        try:
            yield
        finally:
            self.wall += time.perf_counter() - wall
            self.cpu += sum(os.times()[:4]) - cpu


def text_of(instance: dict[str, Any], view: str) -> str:
    """What a sentence encoder reads of an instance.

    Args:
        instance: with `text`, `head` and `tail`.
        view: `"sentence"`: the text; `"masked"`: with X for the head and Y for the tail; `"span"`: from the first mention to the
            end of the second.
    """
    text = instance["text"]
    mentions = [(instance["head"], "X"), (instance["tail"], "Y")]
    if view == "sentence":
        return str(text)
    if view == "span":
        first = min(mention["start"] for mention, _ in mentions)
        return str(text[first : max(mention["end"] for mention, _ in mentions)])
    for mention, letter in sorted(mentions, key=lambda each: -each[0]["start"]):
        text = text[: mention["start"]] + letter + text[mention["end"] :]
    return str(text)


def embed(job: dict[str, Any]) -> dict[str, Any]:
    """Instances to an array of one row each, in the file `embeddings`."""
    import torch

    torch.set_num_threads(job["num_threads"])
    instances = _instances(job)
    clock = Clock()
    if job["encoder"] in TEXTS:
        from sentence_transformers import SentenceTransformer

        from hf_relation.checkpoints import base_encoder_path

        model = SentenceTransformer(str(base_encoder_path()), device="cpu")
        texts = [text_of(row, job["encoder"]) for row in instances]
        with clock.running():
            rows = model.encode(texts, show_progress_bar=False, convert_to_numpy=True)
    else:
        discovery = _discovery(job)
        discovery.embed(instances[:1])  # loads the weights
        with clock.running():
            rows = discovery.embed(instances)
    path = Path(job["embeddings"])
    with path.with_suffix(".part").open("wb") as stream:
        np.save(stream, np.asarray(rows, dtype=np.float32))
    path.with_suffix(".part").replace(path)
    return {"wall": clock.wall, "cpu": clock.cpu, "num_rows": len(instances)}


def cluster(job: dict[str, Any]) -> dict[str, Any]:
    """Labels and names by a system on ready embeddings, once for every seed."""
    instances = _instances(job)
    rows = [instances[i] for i in job["rows"]]
    embeddings = np.load(job["embeddings"])[job["rows"]]
    by = _by_discovery if job["system"] == "discovery" else _by_kmeans
    return {"runs": [by(job, rows, embeddings, seed) for seed in job["seeds"]]}


def _by_discovery(job: dict[str, Any], rows: list[Any], embeddings: np.ndarray, seed: int) -> dict[str, Any]:
    describing, clock = Clock(), Clock()
    discovery = _discovery(job).set_params(seed=seed, n_init=job["n_init"], **job["settings"])
    if "num_relations" not in job["settings"]:
        discovery.set_params(num_relations=job["num_relations"])
    with timed_describing(describing), clock.running():
        result = discovery.fit_predict(rows, embeddings)
    return {
        "seed": seed,
        "labels": result.labels.tolist(),
        "names": {relation.id: relation.name for relation in result.relations},
        "wall": {"cluster": clock.wall - describing.wall, "describe": describing.wall},
        "cpu": {"cluster": clock.cpu - describing.cpu, "describe": describing.cpu},
    }


@contextmanager
def timed_describing(clock: Clock) -> Iterator[None]:
    """Take the time of `describe_relations`, wherever in the discovery room it is called."""
    from hf_relation.discovery import describe

    inner = describe.describe_relations

    def timed(*args: Any, **kwargs: Any) -> Any:
        with clock.running():
            return inner(*args, **kwargs)

    room = [module for name, module in sys.modules.items() if name.startswith("hf_relation.discovery")]
    with ExitStack() as stack:
        for module in room:
            if getattr(module, "describe_relations", None) is inner:
                stack.enter_context(mock.patch.object(module, "describe_relations", timed))
        yield


def _by_kmeans(job: dict[str, Any], rows: list[Any], embeddings: np.ndarray, seed: int) -> dict[str, Any]:
    from sklearn.cluster import KMeans

    from hf_relation.discovery.keywords import relation_keywords, unique_names

    describing, clock = Clock(), Clock()
    with clock.running():
        labels = KMeans(job["num_relations"], n_init=job["n_init"], random_state=seed).fit_predict(embeddings)
    with describing.running():
        names = unique_names(relation_keywords(rows, labels))
    return {
        "seed": seed,
        "labels": labels.tolist(),
        "names": dict(enumerate(names)),
        "wall": {"cluster": clock.wall, "describe": describing.wall},
        "cpu": {"cluster": clock.cpu, "describe": describing.cpu},
    }


def end_to_end(job: dict[str, Any]) -> dict[str, Any]:
    """`hf-relation discover` on a file, and how long of it the encoder took (loading of its weights included)."""
    import torch

    torch.set_num_threads(job["num_threads"])
    from hf_relation.cli.app import app
    from hf_relation.cli.discover import command
    from hf_relation.discovery import RelationDiscovery

    encoding, clock = Clock(), Clock()
    inner = RelationDiscovery.embed

    def timed(self: RelationDiscovery, instances: Any) -> np.ndarray:
        with encoding.running():
            return inner(self, instances)

    argv = ["discover", job["instances"], "--num-relations", str(job["num_relations"]), "--output", job["output"]]
    argv += ["--quiet"]
    if job["model"] is not None:
        argv += ["--model", job["model"]]
    reports = "report" in inspect.signature(command).parameters
    if reports:
        argv += ["--report", str(Path(job["output"]) / "report.html")]
    with mock.patch.object(RelationDiscovery, "embed", timed), clock.running():
        app(argv, standalone_mode=False)
    return {
        "arguments": argv[2:],
        "report": reports,
        "encode": {"wall": encoding.wall, "cpu": encoding.cpu},
        "other": {"wall": clock.wall - encoding.wall, "cpu": clock.cpu - encoding.cpu},
    }


def _instances(job: dict[str, Any]) -> list[Any]:
    with Path(job["instances"]).open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def _discovery(job: dict[str, Any]) -> Any:
    """Ours, or frozen features: mentions and what is between them, no markers, no training, no whitening."""
    from hf_relation.discovery import RelationDiscovery

    if job["encoder"] == "ours":
        return RelationDiscovery.from_pretrained(job["model"])
    if job["job"] == "cluster":
        return RelationDiscovery()
    # Not by `frozen.py`: that brings in all of the training code, whose memory would count.
    from transformers import AutoTokenizer

    from hf_relation.checkpoints import base_encoder_path
    from hf_relation.models.more import MOREModel
    from hf_relation.processing import RelationProcessor

    base = base_encoder_path()
    processor = RelationProcessor(AutoTokenizer.from_pretrained(base), marker_policy="none", max_length=128)
    pooling = ["head_mean", "tail_mean", "between_mean"]
    model = MOREModel.from_backbone(base, pooling=pooling, normalize_blocks=True, projection_dim=None)
    return RelationDiscovery(model.eval(), processor)


JOBS = {"embed": embed, "cluster": cluster, "end_to_end": end_to_end}


def main(argv: Sequence[str]) -> None:
    job = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    outcome = JOBS[job["job"]](job)
    outcome["peak_bytes"] = peak_resident()
    Path(job["outcome"]).write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
