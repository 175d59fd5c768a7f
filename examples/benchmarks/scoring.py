"""Scores and seconds of a method: embed, transform, cluster, compare with gold relations."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from experiment import Experiment
from methods import Method
from transformers import AutoTokenizer

from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.clustering import WithinClassWhitening
from hf_relation.data import load_corpus
from hf_relation.discovery.encoder import checkpoint_folder, load_encoder
from hf_relation.discovery.state import read_state
from hf_relation.embedding import embed_instances
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.training import limit_per_relation, score_clusterings, single_relation
from hf_relation.training.scoring import VARIANTS


@dataclass(frozen=True)
class Embedded:
    """Instances as rows.

    Args:
        rows: of shape `(n, d)`.
        gold: relation of every row.
        seconds: that the embedding took.
    """

    rows: np.ndarray
    gold: list[str]
    seconds: float


def score_method(method: Method, experiment: Experiment) -> dict[str, Any]:
    """Do the work of a method.

    Returns:
        `"runs"`: for every training seed `{"scores": {part: {steps: [figures per cluster seed]}}}`; `"seconds"`: `"train"`
        (of one seed; not for all methods), `"encode"` (the test set) and `"cluster"` (by steps, one seed); `"parameters"`;
        `"seen"`; `"encoder"`.
    """
    return {"frozen": _frozen, "trained": _trained, "checkpoint": _checkpoint}[method.kind](method, experiment)


def _frozen(method: Method, experiment: Experiment) -> dict[str, Any]:
    arguments, data = experiment.arguments, experiment.data
    # Methods that differ only in what comes after the embeddings share them.
    key = json.dumps(dict(method.arguments), sort_keys=True)
    if key not in experiment.memory:
        experiment.memory[key] = {"encoder": frozen_encoder(arguments.model_name_or_path, method.arguments)}
    shared = experiment.memory[key]
    model, processor, name = shared["encoder"]
    parts = {"validation": data.validation, "test": data.test}
    if wants_whitening := any("whitening" in steps for steps in method.steps):
        if not arguments.whitening_per_relation:
            raise UsageError(
                f"--whitening_per_relation 0 leaves nothing of the method {method.name!r}; leave that out."
            )
        parts["fitting"] = limit_per_relation(data.train, arguments.whitening_per_relation)
    for part, instances in parts.items():
        if instances and part not in shared:
            experiment.console.log(f"{method.name}: embedding {len(instances)} instances ({part})")
            shared[part] = _embed(model, processor, instances)
    seconds: dict[str, Any] = {}
    whitening = None
    if wants_whitening:
        start = time.perf_counter()
        whitening = WithinClassWhitening(shrinkage=arguments.whitening_shrinkage)
        whitening.fit(shared["fitting"].rows, shared["fitting"].gold)
        seconds["train"] = shared["fitting"].seconds + time.perf_counter() - start
    scores = {}
    for part in ("validation", "test"):
        if part in shared:
            scores[part], cluster_seconds = _cluster(shared[part], method.steps, experiment, whitening)
    return {
        "runs": [{"scores": scores}],
        "seconds": seconds | {"encode": shared["test"].seconds, "cluster": cluster_seconds},
        "parameters": model.num_parameters(),
        "seen": experiment.seen() if wants_whitening else "no",
        "encoder": name,
    }


def frozen_encoder(given: str | None, settings: Any) -> tuple[MOREModel, RelationProcessor, str]:
    """An encoder as it is, without markers, and its name."""
    path = base_encoder_path() if given is None else given
    processor = RelationProcessor(AutoTokenizer.from_pretrained(str(path)), marker_policy="none", max_length=128)
    model = MOREModel.from_backbone(path, **{"projection_dim": None} | dict(settings))
    return model.eval(), processor, (BASE_REPOSITORY if given is None else Path(given).name).split("/")[-1]


def _trained(method: Method, experiment: Experiment) -> dict[str, Any]:
    run = experiment.train(method.name, method.arguments["options"])
    results = run.results
    # The figures are those of the run; the seconds of encoding and clustering come from its first checkpoint.
    folder = run.folder / f"seed-{results['runs'][0]['seed']}"
    model, processor = load_encoder(folder)
    state = read_state(folder)
    if state is None:
        raise CheckpointError(
            f"{folder} has lost its discovery.json. Delete {run.folder} and run the benchmark again."
        )
    scored = [steps for steps in method.steps if steps in results["runs"][0]["scores"]["test"]]
    test = _embed(model, processor, experiment.data.test)
    _, cluster_seconds = _cluster(test, scored, experiment, state.whitening)
    train_seconds = run.seconds()
    return {
        "runs": [{"seed": each["seed"], "scores": each["scores"]} for each in results["runs"]],
        "seconds": {
            "train": sum(train_seconds) / len(train_seconds),
            "encode": test.seconds,
            "cluster": cluster_seconds,
        },
        "parameters": model.num_parameters(),
        "seen": experiment.seen(),
        "encoder": method.encoder or results["encoder"].split("/")[-1],
    }


def _checkpoint(method: Method, experiment: Experiment) -> dict[str, Any]:
    """A checkpoint comes with its own steps. Held-out known relations are not scored: it may have learned from them."""
    runs, seconds = [], []
    for name in method.arguments["names"]:
        folder = checkpoint_folder(name)
        model, processor = load_encoder(folder)
        state = read_state(folder)
        settings = {} if state is None else state.settings
        components = settings.get("pca_components")
        whitening = state.whitening if state is not None and settings.get("transform") else None
        steps = next(
            key for key, value in VARIANTS.items() if value == (whitening is not None, components is not None)
        )
        test = _embed(model, processor, experiment.data.test)
        scores, cluster_seconds = _cluster(test, [steps], experiment, whitening, pca_components=components)
        runs.append({"scores": {"test": scores}})
        seconds.append({"encode": test.seconds, "cluster": cluster_seconds})
    return {
        "runs": runs,
        "seconds": seconds[0],
        "parameters": model.num_parameters(),
        "seen": _seen_by_checkpoint(method.arguments["trained_on"], experiment),
        "encoder": method.encoder or BASE_REPOSITORY.split("/")[-1],
    }


def _seen_by_checkpoint(corpus: str, experiment: Experiment) -> str:
    try:
        train = load_corpus(corpus, experiment.arguments.data_dir, "train")
    except UsageError:
        return f"not checked: no {corpus} in --data_dir"
    return experiment.seen(train)


def _embed(model: Any, processor: Any, instances: Sequence[Any]) -> Embedded:
    labelled = [row for row in instances if single_relation(row) is not None]
    start = time.perf_counter()
    rows = embed_instances(model, processor, labelled, progress=True)
    return Embedded(rows, [str(single_relation(row)) for row in labelled], time.perf_counter() - start)


def _cluster(
    embedded: Embedded,
    allowed: Sequence[str],
    experiment: Experiment,
    whitening: WithinClassWhitening | None,
    *,
    pca_components: int | None = None,
) -> tuple[dict[str, list[dict[str, float]]], dict[str, float]]:
    """Figures per cluster seed, and seconds of one seed, by the steps in front of the clustering."""
    arguments = experiment.arguments
    scores, seconds = {}, {}
    for steps in allowed:
        whitened, reduced = VARIANTS[steps]
        start = time.perf_counter()
        scores[steps] = score_clusterings(
            embedded.rows,
            embedded.gold,
            seeds=range(arguments.num_cluster_seeds),
            n_init=arguments.n_init,
            transform=whitening if whitened else None,
            pca_components=(pca_components or arguments.pca_components) if reduced else None,
            algorithm=arguments.algorithm,  # type: ignore[arg-type]
            cluster_kwargs=json.loads(arguments.cluster_kwargs),
        )
        seconds[steps] = (time.perf_counter() - start) / len(scores[steps])
    return scores, seconds
