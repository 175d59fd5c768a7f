"""Part of speed.py: B-cubed beside the quadratic ways in which it is usually computed."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
from timing import Part, Samples, interleave, peak_resident_growth, ratios, shown_ratio, shown_time, timed

from hf_relation.errors import HfRelationError
from hf_relation.metrics import bcubed


NUM_RELATIONS = 80


def planted_labels(num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """80 relations of unlike frequency, and a clustering that has six of ten rows right."""
    generator = np.random.default_rng(0)
    share = 1 / np.arange(1, NUM_RELATIONS + 1) ** 0.5
    gold = generator.choice(NUM_RELATIONS, size=num_rows, p=share / share.sum())
    noise = generator.integers(NUM_RELATIONS, size=num_rows)
    return gold, np.where(generator.random(num_rows) < 0.6, gold, noise)


def bcubed_by_pairs_of_sets(gold: Sequence[int], pred: Sequence[int]) -> tuple[float, float]:
    """Precision and recall by the definition: for every item a loop over all items, labels as sets."""
    relations, clusters = [{label} for label in gold], [{label} for label in pred]
    precision = recall = 0.0
    for relation, cluster in zip(relations, clusters, strict=True):
        together = right = alike = 0
        for other_relation, other_cluster in zip(relations, clusters, strict=True):
            in_cluster, in_relation = bool(cluster & other_cluster), bool(relation & other_relation)
            together += in_cluster
            alike += in_relation
            right += in_cluster and in_relation
        precision += right / together
        recall += right / alike
    return precision / len(relations), recall / len(relations)


def bcubed_by_matrix(gold: np.ndarray, pred: np.ndarray) -> tuple[float, float]:
    """Precision and recall from three n x n boolean matrices."""
    alike, together = gold[:, None] == gold[None, :], pred[:, None] == pred[None, :]
    right = (alike & together).sum(1)
    return float((right / together.sum(1)).mean()), float((right / alike.sum(1)).mean())


def measure_metrics(*, quick: bool, rounds: int, clock: str) -> Part:
    """Check that all give the same, then time them."""
    small, large = (400, 20_000) if quick else (10_000, 1_000_000)
    part = Part(
        "B-cubed precision, recall and F1",
        ["rows", "way", "time", "times as long as hf_relation", "peak memory"],
        text_columns=2,
    )
    # First, while the process has given back little memory that could be used again unseen.
    gold, pred = planted_labels(large)
    many_resident = peak_resident_growth(lambda: bcubed(gold, pred))
    many_allocated = _peak_python_allocated(lambda: bcubed(gold, pred))
    many = interleave({"ours": lambda: bcubed(gold, pred)}, rounds)["ours"]

    few_gold, few_pred = planted_labels(small)
    listed = few_gold.tolist(), few_pred.tolist()
    ours = bcubed(few_gold, few_pred)
    pairs = Samples()
    results: list[tuple[float, float]] = []
    cpu, wall = timed(lambda: results.append(bcubed_by_pairs_of_sets(*listed)), 1)
    pairs.cpu.append(cpu)
    pairs.wall.append(wall)
    results.append(bcubed_by_matrix(few_gold, few_pred))
    expected = ours["bcubed_precision"], ours["bcubed_recall"]
    difference = max(abs(a - b) for result in results for a, b in zip(result, expected, strict=True))
    if difference > 1e-9:
        raise HfRelationError(f"The ways to compute B-cubed do not agree: {results}, {expected}.")
    samples = interleave(
        {"ours": lambda: bcubed(few_gold, few_pred), "matrix": lambda: bcubed_by_matrix(few_gold, few_pred)}, rounds
    )
    few = samples["ours"].seconds(clock)
    few_allocated = _peak_python_allocated(lambda: bcubed(few_gold, few_pred))
    matrix_allocated = _peak_python_allocated(lambda: bcubed_by_matrix(few_gold, few_pred))
    matrix_ratios = ratios(samples["matrix"].seconds(clock), few)
    pair_ratios = [pairs.seconds(clock)[0] / seconds for seconds in few]
    part.rows = [
        [f"{small:,}", "hf_relation", shown_time(few), "", f"{few_allocated / 1e6:.3g} MB"],
        [
            f"{small:,}",
            "numpy, n x n matrices",
            shown_time(samples["matrix"].seconds(clock)),
            shown_ratio(matrix_ratios),
            f"{matrix_allocated / 1e6:.3g} MB",
        ],
        [
            f"{small:,}",
            "Python, every pair of items, sets",
            shown_time(pairs.seconds(clock)),
            shown_ratio(pair_ratios),
            "",
        ],
        [f"{large:,}", "hf_relation", shown_time(many.seconds(clock)), "", f"{many_allocated / 1e6:.3g} MB"],
    ]
    part.notes = [
        f"Both quadratic ways give the same precision and recall (to {difference:.0e}). {NUM_RELATIONS} relations, labels in "
        "numpy arrays; the pairs were timed once.",
        "Peak memory: the most that was allocated at one time during the call (tracemalloc)."
        + (
            f" Resident memory grew by {many_resident / 1e6:.3g} MB at {large:,} rows."
            if many_resident is not None
            else ""
        ),
    ]
    part.raw = {
        "small": small,
        "large": large,
        "largest_difference": difference,
        "times": {
            "ours_small": samples["ours"].to_dict(),
            "matrix_small": samples["matrix"].to_dict(),
            "pairs_small": pairs.to_dict(),
            "ours_large": many.to_dict(),
        },
        "ratios": {"matrix": matrix_ratios, "pairs": pair_ratios},
        "peak_bytes": {
            "ours_small": few_allocated,
            "matrix_small": matrix_allocated,
            "ours_large": many_allocated,
            "ours_large_resident_growth": many_resident,
        },
    }
    return part


def _peak_python_allocated(call: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
