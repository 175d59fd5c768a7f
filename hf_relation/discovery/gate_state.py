"""A gate as plain values, and back, every value checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hf_relation.discovery.gate_fitting import GateParts
from hf_relation.discovery.gate_scores import FEATURES, KINDS, KindModel, PairDetector
from hf_relation.discovery.gate_space import GateSpace
from hf_relation.errors import CheckpointError


FORMAT_VERSION = 1
_RULES = ("learned", "stored", "quantile")
_KEYS = {"format_version", "relations", "rule", "weights", "biases", "temperature", "detector_bias", "prior", "seed"}
_SPACE = ("space.mean", "space.components", "space.groups")


def state_of_gate(parts: GateParts, dtype: str, *, space: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A gate in plain form.

    Args:
        parts ([`GateParts`]): fitted.
        dtype (`str`): of the large arrays.
        space (`bool`): whether to keep the space.

    Returns:
        `tuple`: a JSON-able dict and a dict of arrays.
    """
    content = {
        "format_version": FORMAT_VERSION,
        "relations": list(parts.relations),
        "rule": parts.rule,
        "weights": parts.kinds.weights.tolist(),
        "biases": [float(bias) if np.isfinite(bias) else None for bias in parts.kinds.biases],
        "temperature": parts.temperature,
        "detector_bias": None if parts.detector is None else parts.detector.bias,
    }
    arrays = {"means": parts.means, "counts": parts.counts.astype(np.int64)}
    if parts.detector is not None:
        arrays["detector"] = parts.detector.weights
    if space and parts.space is not None:
        arrays |= dict(zip(_SPACE, (parts.space.mean, parts.space.components, parts.space.groups), strict=True))
    return content, {
        name: array if name == "counts" else np.ascontiguousarray(array, dtype=dtype) for name, array in arrays.items()
    }


def gate_parts_of(content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], GateParts]:
    """Check a state and rebuild the gate.

    Args:
        content (`Mapping`), arrays (`Mapping[str, np.ndarray]`): from anywhere.

    Returns:
        `tuple`: arguments of the constructor, and the [`GateParts`].

    Raises:
        CheckpointError: something is missing, damaged, or from a newer version.
    """
    if not isinstance(content, Mapping) or set(content) != _KEYS:
        found = sorted(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise _damaged(f"it must hold the keys {', '.join(sorted(_KEYS))}, got {str(found)[:200]}")
    if content["format_version"] != FORMAT_VERSION:
        raise CheckpointError(
            f"The stored gate has format {str(content['format_version'])[:20]!r}, this version reads {FORMAT_VERSION}. "
            "A higher format needs a newer hf_relation."
        )
    relations, rule, seed = content["relations"], content["rule"], content["seed"]
    named = isinstance(relations, list) and all(isinstance(name, str) and name for name in relations)
    if not named or not relations or len(set(relations)) != len(relations):
        raise _damaged("`relations` must be different names, at least one")
    if rule not in _RULES:
        raise _damaged(f"`rule` must be one of {', '.join(_RULES)}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise _damaged("`seed` must be a whole number of at least 0")
    prior = [_number(share, "prior", 0.0, 1.0) for share in _list(content["prior"], len(KINDS), "prior")]
    if not 0.999 < sum(prior) < 1.001:
        raise _damaged("`prior` must sum to one")
    weights = [
        [_number(value, "weights") for value in _list(row, len(FEATURES), "weights")]
        for row in _list(content["weights"], len(KINDS), "weights")
    ]
    biases = [
        -math.inf if bias is None else _number(bias, "biases")
        for bias in _list(content["biases"], len(KINDS), "biases")
    ]
    if not any(math.isfinite(bias) and share > 0 for bias, share in zip(biases, prior, strict=True)):
        raise _damaged("`biases` allow no kind at all")
    temperature = _number(content["temperature"], "temperature", 1e-4, 10.0)
    return {"prior": prior, "seed": seed}, GateParts(
        relations=list(relations),
        **_arrays(arrays, len(relations), content["detector_bias"]),
        kinds=KindModel(np.array(weights), np.array(biases)),
        temperature=temperature,
        rule=rule,
    )


def _arrays(arrays: Mapping[str, np.ndarray], num_relations: int, bias: Any) -> dict[str, Any]:
    allowed = {"means", "counts", "detector", *_SPACE}
    if not isinstance(arrays, Mapping) or not {"means", "counts"} <= set(arrays) <= allowed:
        raise _damaged("its arrays must be `means`, `counts` and perhaps `detector` and a space")
    means = _matrix(arrays, "means", (num_relations, None))
    width = means.shape[1]
    counts = arrays["counts"]
    if (
        not isinstance(counts, np.ndarray)
        or counts.dtype.kind != "i"
        or counts.shape != (num_relations,)
        or counts.min() < 1
    ):
        raise _damaged("`counts` must be one whole number of at least 1 a relation")
    if (bias is None) != ("detector" not in arrays):
        raise _damaged("`detector` and `detector_bias` must be there together")
    detector = None
    if bias is not None:
        detector = PairDetector(_matrix(arrays, "detector", (width,)), _number(bias, "detector_bias"))
    space = None
    if any(name in arrays for name in _SPACE):
        if not all(name in arrays for name in _SPACE):
            raise _damaged(f"a space must hold {', '.join(_SPACE)}")
        mean, components = _matrix(arrays, _SPACE[0], (width,)), _matrix(arrays, _SPACE[1], (None, width))
        space = GateSpace(mean, components, _matrix(arrays, _SPACE[2], (None, len(components))))
    return {"means": means, "counts": counts.astype(np.int64), "detector": detector, "space": space}


def _matrix(arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    array = arrays[name]
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float16, np.float32):
        raise _damaged(f"`{name}` must hold float16 or float32 numbers")
    fits = array.ndim == len(shape) and all(
        size > 0 and wanted in (None, size) for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits or not np.isfinite(array).all():
        raise _damaged(f"`{name}` must be finite and of shape {shape}, got {array.shape}")
    return array.astype(np.float32)


def _list(values: Any, length: int, name: str) -> list[Any]:
    if not isinstance(values, list) or len(values) != length:
        raise _damaged(f"`{name}` must be a list of {length}")
    return values


def _number(value: Any, name: str, low: float = -1e9, high: float = 1e9) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise _damaged(f"`{name}` must hold numbers from {low:g} to {high:g}, got {str(value)[:40]}")
    return float(value)


def _damaged(reason: str) -> CheckpointError:
    return CheckpointError(f"The stored gate is damaged: {reason}. Fit and save it again.")
