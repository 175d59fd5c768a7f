"""Evaluation while training: the held-out instances shared out among the processes, and the scores by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from torch import nn

from hf_relation.embedding import embed_instances
from hf_relation.embedding.embed import EmbeddingDtype
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.distributed import gather_objects, interleave
from hf_relation.training.evaluation import evaluate_by_clustering


def embed_shared(
    model: nn.Module, processor: Any, instances: Sequence[Any], args: RelationTrainingArguments, *, sharded: bool
) -> np.ndarray:
    """Embed instances, each process its share; to be called by all processes at once.

    Args:
        model (`nn.Module`): the model.
        processor ([`RelationProcessor`]): its processor.
        instances (`Sequence[Instance]`): the same in every process.
        args ([`RelationTrainingArguments`]): `eval_dtype`, the device and the processes.
        sharded (`bool`): the weights are spread over the processes, so that every batch takes all of them.

    Returns:
        `np.ndarray` of shape `(n, d)`, float32: all rows in order, in every process.
    """
    rank, world = (0, 1) if sharded else (args.process_index, args.world_size)
    rows = embed_instances(
        model,
        processor,
        instances[rank::world],
        dtype=cast(EmbeddingDtype, args.eval_dtype),
        device=args.device,
    )
    return interleave(gather_objects(rows, world))


def held_out_scores(
    embeddings: np.ndarray,
    instances: Sequence[Any],
    args: RelationTrainingArguments,
    *,
    prefix: str,
    transform: Any = None,
) -> dict[str, float]:
    """Cluster embeddings and score the clusters, with the settings of a run.

    Args:
        embeddings (`np.ndarray` of shape `(n, d)`): one row an instance.
        instances (`Sequence[Instance]`): with gold relations.
        args ([`RelationTrainingArguments`]): `eval_num_seeds`, `eval_n_init`.
        prefix (`str`): start of every key, before an underscore.
        transform (fitted transformer, *optional*): applied to the embeddings, see [`evaluate_by_clustering`].

    Returns:
        `dict[str, float]`: means over the seeds, and one standard deviation, `bcubed_f1_sd`.
    """
    found = evaluate_by_clustering(
        None,
        None,
        instances,
        seeds=range(args.eval_num_seeds),
        n_init=args.eval_n_init,
        transform=transform,
        embeddings=embeddings,
    )
    return {
        f"{prefix}_{key}": value for key, value in found.items() if not key.endswith("_sd") or key == "bcubed_f1_sd"
    }
