"""Stage "fit": whitening, principal components and many centres, on the sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.sharded.stages.arrays import save_npy


if TYPE_CHECKING:
    from hf_relation.discovery.steps import EmbeddingSteps


CENTERS_EACH, _MANY_CENTERS = 10, 1000
_FIRST_ROWS = 8192  # the first centres are chosen among so many


def fit_sample(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Fit the steps of [`~hf_relation.RelationDiscovery`] and k-means with many centres.

    Args:
        sources (`Sequence[Path]`): the sample, and where there is a whitening the file with its arrays.
        out (`Path`), shard (`str`): `SHARD.steps.safetensors` and `SHARD.centers.npy`, `(m, p)`, float32.
        settings (`Mapping`): `num_relations`, `pca_components`, `num_relations_calibration`, `estimate` (whether the number is to be
            estimated), `num_centers`, `seed`.

    Returns:
        `tuple`: number of centres, and `{"number": ..., "estimate": ..., "columns": d}`.

    Raises:
        UsageError: more relations than the sample has distinct rows, or a whitening for other columns.
    """
    from safetensors.numpy import load_file, save_file

    from hf_relation.clustering.num_relations import estimate_num_relations
    from hf_relation.clustering.whitening import WithinClassWhitening
    from hf_relation.discovery.steps import EmbeddingSteps

    sample = np.load(sources[0], allow_pickle=False)
    whitening = WithinClassWhitening.from_state(load_file(sources[1])) if len(sources) > 1 else None
    steps = EmbeddingSteps(whitening, settings["pca_components"]).fit(sample)
    vectors, columns = steps.transform(sample), sample.shape[1]
    del sample
    number, estimate = settings["num_relations"], None
    if number == "auto":
        number = None
        if settings["estimate"]:
            estimate = estimate_num_relations(
                vectors, seed=settings["seed"], calibration=settings["num_relations_calibration"]
            )
            number = int(estimate.best)
    centers = many_centers(vectors, settings["num_centers"], number, settings["seed"])
    state = {key: np.ascontiguousarray(value) for key, value in steps.get_state().items()}
    save_file(state | {"columns": np.array([columns], dtype=np.int64)}, out / f"{shard}.steps.safetensors")
    save_npy(out / f"{shard}.centers.npy", centers)
    found = {"number": number, "estimate": None if estimate is None else _plain(asdict(estimate))}
    return len(centers), found | {"columns": columns}


def many_centers(vectors: np.ndarray, wanted: int | None, number: int | None, seed: int) -> np.ndarray:
    """Centres by k-means in batches, in one thread and on rows in the order of their values: the same for the same rows.

    Args:
        vectors (`np.ndarray` of shape `(n, p)`): of length one.
        wanted (`int`, *optional*): how many; by default ten for each relation, 1000 where their number is not known, at most one for
            four distinct rows.
        number (`int`, *optional*): of relations: there are at least so many centres.
        seed (`int`): of k-means.

    Returns:
        `np.ndarray` of shape `(m, p)`, float32: all distinct rows where there are no more than `wanted`.

    Raises:
        UsageError: more relations than distinct rows.
    """
    from sklearn.cluster import MiniBatchKMeans

    from hf_relation.clustering.rows import distinct_positions, group_rows
    from hf_relation.clustering.threads import one_thread
    from hf_relation.errors import UsageError

    order, group = group_rows(vectors)
    rows = vectors[distinct_positions(order, group)]
    if number is not None and number > len(rows):
        raise UsageError(
            f"`num_relations` is {number}, but the sample has only {len(rows)} distinct rows. Lower it, raise `sample_rows` or pass "
            "more data."
        )
    if wanted is None:
        wanted = min(_MANY_CENTERS if number is None else CENTERS_EACH * number, max(len(rows) // 4, 1))
    wanted = max(wanted, number or 1)
    if wanted >= len(rows):
        return rows.astype(np.float32)
    counts = np.bincount(group).astype(np.float32)
    random = np.random.RandomState(seed)
    with one_thread():
        first = first_centers(rows, wanted, counts, random)
        kmeans = MiniBatchKMeans(wanted, init=first, n_init=1, batch_size=4096, random_state=random)
        kmeans.fit(rows, sample_weight=counts)
    found: np.ndarray = kmeans.cluster_centers_.astype(np.float32)
    return found


def first_centers(
    rows: np.ndarray, number: int, weights: np.ndarray | None, random: np.random.RandomState
) -> np.ndarray:
    """Where k-means in batches begins: k-means++ as it does itself, but with one trial a centre, as many centres take minutes else.

    Args:
        rows (`np.ndarray` of shape `(n, p)`): at least `number`.
        number (`int`): of centres.
        weights (`np.ndarray` of shape `(n,)`, *optional*): of the rows.
        random (`np.random.RandomState`): drawn from.

    Returns:
        `np.ndarray` of shape `(number, p)`, float32: some of the rows.
    """
    from sklearn.cluster import kmeans_plusplus

    some = random.permutation(len(rows))[: max(_FIRST_ROWS, 4 * number)]
    given = None if weights is None else weights[some]
    chosen, _ = kmeans_plusplus(
        rows[some].astype(np.float64), number, sample_weight=given, random_state=random, n_local_trials=1
    )
    found: np.ndarray = chosen.astype(np.float32)
    return found


def load_steps(path: Path) -> EmbeddingSteps:
    """The fitted steps from the file of this stage."""
    from safetensors.numpy import load_file

    from hf_relation.discovery.steps import EmbeddingSteps

    state = dict(load_file(path))
    columns = int(state.pop("columns")[0])
    return EmbeddingSteps.from_state(state, columns)


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: int(content[name]) for name in ("best", "low", "high")}
    return numbers | {
        "candidates": [int(value) for value in content["candidates"]],
        "scores": [float(value) for value in content["scores"]],
        "criterion": content["criterion"],
    }
