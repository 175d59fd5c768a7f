"""Rows of encoders as they are: embed, transform, cluster, compare with gold relations."""

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
from hf_relation.embedding import embed_instances
from hf_relation.errors import UsageError
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


def frozen_encoder(given: str | None, settings: Any) -> tuple[MOREModel, RelationProcessor, str]:
    """An encoder as it is, without markers, and its name."""
    path = base_encoder_path() if given is None else given
    processor = RelationProcessor(AutoTokenizer.from_pretrained(str(path)), marker_policy="none", max_length=128)
    model = MOREModel.from_backbone(path, **{"projection_dim": None} | dict(settings))
    return model.eval(), processor, (BASE_REPOSITORY if given is None else Path(given).name).split("/")[-1]


def embedded_parts(
    name: str, settings: dict[str, Any], experiment: Experiment, *, fitting: bool
) -> tuple[MOREModel, str, dict[str, Embedded]]:
    """The parts of the data in the features of a frozen encoder.

    Args:
        name: of the method, for messages.
        settings: of the encoder. Methods that differ only in what comes after the embeddings share them.
        experiment ([`Experiment`]): its data.
        fitting: also embed what something is fitted on, `--whitening_per_relation` instances of every known relation.

    Returns:
        The model, its name, and `"validation"`, `"test"` and `"fitting"`, unless empty.
    """
    arguments, data = experiment.arguments, experiment.data
    key = json.dumps(settings, sort_keys=True)
    if key not in experiment.memory:
        experiment.memory[key] = {"encoder": frozen_encoder(arguments.model_name_or_path, settings)}
    shared = experiment.memory[key]
    model, processor, encoder = shared["encoder"]
    parts = {"validation": data.validation, "test": data.test}
    if fitting:
        if not arguments.whitening_per_relation:
            raise UsageError(f"--whitening_per_relation 0 leaves nothing of the method {name!r}; leave that out.")
        parts["fitting"] = limit_per_relation(data.train, arguments.whitening_per_relation)
    for part, instances in parts.items():
        if instances and part not in shared:
            experiment.console.log(f"{name}: embedding {len(instances)} instances ({part})")
            shared[part] = embed(model, processor, instances)
    return model, encoder, {part: shared[part] for part in parts if part in shared}


def score_frozen(method: Method, experiment: Experiment) -> dict[str, Any]:
    """The work of a frozen row, as `scoring.score_method` gives it."""
    arguments = experiment.arguments
    wants_whitening = any("whitening" in steps for steps in method.steps)
    model, encoder, parts = embedded_parts(method.name, dict(method.arguments), experiment, fitting=wants_whitening)
    seconds: dict[str, Any] = {}
    whitening = None
    if wants_whitening:
        start = time.perf_counter()
        whitening = WithinClassWhitening(shrinkage=arguments.whitening_shrinkage)
        whitening.fit(parts["fitting"].rows, parts["fitting"].gold)
        seconds["train"] = parts["fitting"].seconds + time.perf_counter() - start
    scores = {}
    for part in ("validation", "test"):
        if part in parts:
            scores[part], cluster_seconds = score_steps(
                parts[part], method.steps, experiment, whitening, algorithm=method.algorithm
            )
    return {
        "runs": [{"scores": scores}],
        "seconds": seconds | {"encode": parts["test"].seconds, "cluster": cluster_seconds},
        "parameters": model.num_parameters(),
        "seen": experiment.seen() if wants_whitening else "no",
        "encoder": encoder,
    }


def embed(model: Any, processor: Any, instances: Sequence[Any]) -> Embedded:
    """Instances with exactly one relation as rows."""
    labelled = [row for row in instances if single_relation(row) is not None]
    start = time.perf_counter()
    rows = embed_instances(model, processor, labelled, progress=True)
    return Embedded(rows, [str(single_relation(row)) for row in labelled], time.perf_counter() - start)


def score_steps(
    embedded: Embedded,
    allowed: Sequence[str],
    experiment: Experiment,
    whitening: WithinClassWhitening | None,
    *,
    pca_components: int | None = None,
    algorithm: str | None = None,
) -> tuple[dict[str, list[dict[str, float]]], dict[str, float]]:
    """Figures per cluster seed, and seconds of one seed, by the steps in front of the clustering."""
    arguments = experiment.arguments
    settings = json.loads(arguments.cluster_kwargs) if algorithm in (None, arguments.algorithm) else {}
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
            algorithm=algorithm or arguments.algorithm,  # type: ignore[arg-type]
            cluster_kwargs=settings,
        )
        seconds[steps] = (time.perf_counter() - start) / len(scores[steps])
    return scores, seconds
