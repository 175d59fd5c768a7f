"""From a sharded discovery that is done to an estimator that labels other sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.errors import CheckpointError
from hf_relation.sharded.manifest import read_entry
from hf_relation.sharded.plan import ENTITIES, ONE, WHITENING, stage_tasks
from hf_relation.sharded.run_record import RunRecord
from hf_relation.sharded.stages.fitting import load_steps


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hf_relation.discovery.prototypes import PrototypeTree
    from hf_relation.discovery.relation_discovery import RelationDiscovery
    from hf_relation.sharded.result import ShardedResult


_SAME = (
    *("num_relations", "algorithm", "n_init", "pca_components", "num_relations_calibration", "seed"),
    *("backend", "dtype", "max_tokens_per_batch", "device"),
)


def discovery_of(result: ShardedResult, record: RunRecord) -> RelationDiscovery:
    """The estimator of [`~hf_relation.sharded.ShardedResult.to_discovery`].

    Args:
        result ([`~hf_relation.sharded.ShardedResult`]): of a run that is done.
        record ([`~hf_relation.sharded.run_record.RunRecord`]): the run.

    Returns:
        [`~hf_relation.RelationDiscovery`]: fitted, without corpus.

    Raises:
        CheckpointError: the encoder's files are not those of the run any more.
    """
    from safetensors.numpy import load_file

    from hf_relation.discovery.fitted import FittedRelations
    from hf_relation.discovery.relation_discovery import RelationDiscovery

    settings = record.settings
    _check_encoder(record)
    discovery = RelationDiscovery(
        settings["model"],
        transform="whitening" if settings["whitening"] else None,
        algorithm_kwargs=dict(settings["algorithm_kwargs"]) or None,
        **{name: settings[name] for name in _SAME},
    )
    shards = [task.inputs for task in stage_tasks("label", result.workdir, record)]
    read_from = shards[0]
    assigned = [result.workdir / _only(names, "assign") for names in shards]
    merged = load_file(result.workdir / _only(read_from, "merge/", "settle"))
    discovery._fitted = FittedRelations(
        load_steps(result.workdir / _only(read_from, "fit/")),
        _tree(_points(result.workdir, _only(read_from, "assign")), merged["relations"], assigned),
        result.labels(),
        result.scores(),
        merged["centers"],
        result.relations,
        _estimate(result.workdir),
        settings["num_relations"],
        len(result.relations),
        None,
        np.zeros(len(result), dtype=bool),
    )
    discovery.events_ = []
    return discovery


def _check_encoder(record: RunRecord) -> None:
    from hf_relation.sharded.discover import model_files

    if record.settings["model"] is None:
        return
    then = {name: digest for name, digest in record.model.items() if not name.startswith((ENTITIES, WHITENING))}
    if model_files(record.settings["model"]) != then:
        raise CheckpointError(
            f"{record.settings['model']} is not what it was when this discovery was made: its vectors would not fit the relations. "
            "Put the files back, or discover again."
        )


def _only(names: Any, *beginnings: str) -> str:
    (found,) = [str(name) for name in names if str(name).startswith(beginnings)]
    return found


def _points(workdir: Path, assigned: str) -> np.ndarray:
    """The centres that a stage "assign" gave its rows to: what it read beside the steps and its shard."""
    from safetensors.numpy import load_file

    stage, _, name = assigned.partition("/")
    entry = read_entry(workdir, stage, name.partition(".")[0])
    assert entry is not None  # its digest was just read
    (centers,) = [
        place for place in entry.inputs if not place.startswith(("embed/", "read/")) and ".steps." not in place
    ]
    path = workdir / centers
    points: np.ndarray = np.load(path, allow_pickle=False) if path.suffix == ".npy" else load_file(path)["centers"]
    return points


def _tree(points: np.ndarray, relations: np.ndarray, assigned: Sequence[Path]) -> PrototypeTree:
    """Every centre stands for its relation, or for none; one without rows for what the nearest with rows stands for.

    It stays among the points: without it distances might be computed in other blocks, and rows half way between two change sides.
    """
    from safetensors import safe_open

    from hf_relation.clustering.labels import assign
    from hf_relation.discovery.prototypes import PrototypeTree

    targets = relations.copy()
    if (relations < 0).any():
        counts = np.zeros(len(points), dtype=np.int64)
        for path in assigned:
            with safe_open(path, framework="numpy") as file:
                counts += file.get_tensor("counts")
        filled, empty = np.flatnonzero(counts), np.flatnonzero(counts == 0)
        if len(empty):
            targets[empty] = relations[filled[assign(points[empty], points[filled])[0]]]
    return PrototypeTree.flat(points, targets)


def _estimate(workdir: Path) -> Any:
    from hf_relation.clustering.num_relations import NumRelationsEstimate

    fitted = read_entry(workdir, "fit", ONE)
    found = None if fitted is None else fitted.counts["estimate"]
    if found is None:
        return None
    return NumRelationsEstimate(**(found | {name: tuple(found[name]) for name in ("candidates", "scores")}))
