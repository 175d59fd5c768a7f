"""Small checkpoints: what training changed in a known base model, as low-rank factors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hf_relation.errors import CheckpointError


_LEFT, _RIGHT, _FULL, _ROWS = ".left", ".right", ".full", ".rows"


def factorize_delta(
    base: Mapping[str, np.ndarray], tuned: Mapping[str, np.ndarray], *, rank: int, max_bytes: int | None = None
) -> dict[str, np.ndarray]:
    """Express `tuned - base` in few numbers.

    A matrix that changed becomes two fp16 factors of at most `rank` columns (the truncated singular value decomposition of
    its change, the best approximation of that rank); a vector its full change; a tensor that the base lacks is stored
    whole; rows that were appended to a matrix are stored whole. Tensors that did not change take no space.

    With `max_bytes` the factors share that much space: the columns that explain most of the change for their size are
    kept, over all matrices. A large table of word embeddings then usually gets none, and the layers more.

    Args:
        base, tuned (`Mapping[str, np.ndarray]`): tensors by name, floating.
        rank (`int`): most columns of each factor, at least 1.
        max_bytes (`int`, *optional*): space for all factors together; the rest of what is stored comes on top.

    Returns:
        `dict[str, np.ndarray]`: fp16 tensors named `<name>.left`, `<name>.right`, `<name>.full` or `<name>.rows`.

    Raises:
        CheckpointError: `tuned` lacks a tensor of `base`, or a shape changed in another way than by appended rows.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.deltas import apply_delta, factorize_delta
    >>> base = {"w": np.zeros((3, 2), np.float32)}
    >>> tuned = {"w": np.outer([1.0, 2.0, 3.0], [1.0, -1.0]).astype(np.float32)}
    >>> delta = factorize_delta(base, tuned, rank=1)
    >>> sorted(delta), np.allclose(apply_delta(base, delta)["w"], tuned["w"], atol=1e-2)
    (['w.left', 'w.right'], True)

    ```
    """
    missing = sorted(set(base) - set(tuned))
    if missing:
        raise CheckpointError(f"The tuned model lacks tensors of the base: {missing[:5]}.")
    delta: dict[str, np.ndarray] = {}
    factors: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, value in tuned.items():
        value = np.asarray(value, dtype=np.float32)
        if name not in base:
            delta[name + _FULL] = value
            continue
        start = np.asarray(base[name], dtype=np.float32)
        if value.ndim == 2 and value.shape[0] > start.shape[0] and value.shape[1:] == start.shape[1:]:
            delta[name + _ROWS] = value[start.shape[0] :]
            value = value[: start.shape[0]]
        if value.shape != start.shape:
            raise CheckpointError(f"`{name}` has shape {value.shape} in the tuned model, {start.shape} in the base.")
        change = value - start
        if not change.any():
            continue
        if change.ndim != 2 or min(change.shape) <= rank:
            delta[name + _FULL] = change
            continue
        factors[name] = _truncated_svd(change, rank)
    kept = {name: rank for name in factors} if max_bytes is None else _share(factors, max_bytes)
    for name, (left, right) in factors.items():
        if kept.get(name, 0):
            delta[name + _LEFT], delta[name + _RIGHT] = left[:, : kept[name]], right[: kept[name]]
    return {key: _stored(value) for key, value in delta.items()}


def _share(factors: Mapping[str, tuple[np.ndarray, np.ndarray]], max_bytes: int) -> dict[str, int]:
    # Both factors of a column have the same norm, so that the product of the squared norms is its squared singular value.
    columns = []
    for name, (left, right) in factors.items():
        size = 2 * (left.shape[0] + right.shape[1])
        energy = np.square(np.linalg.norm(left, axis=0) * np.linalg.norm(right, axis=1))
        columns += [(float(value) / size, name, size) for value in energy]
    kept: dict[str, int] = {}
    used = 0
    for _, name, size in sorted(columns, reverse=True):
        if used + size > max_bytes:
            break
        used += size
        kept[name] = kept.get(name, 0) + 1
    return kept


def _stored(value: np.ndarray) -> np.ndarray:
    # safetensors writes the buffer as it lies in memory, so that a transposed view would come back scrambled.
    return np.ascontiguousarray(value, dtype=np.float16)


def _truncated_svd(change: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    # Through the smaller Gram matrix: a (30522, 384) table costs a 384 x 384 eigenproblem.
    tall = change.shape[0] >= change.shape[1]
    matrix = change if tall else change.T
    gram = matrix.T.astype(np.float64) @ matrix.astype(np.float64)
    vectors = np.linalg.eigh(gram)[1][:, ::-1][:, :rank]  # (small, rank)
    projected = matrix @ vectors  # (large, rank)
    # Both factors get the same scale, so that neither underflows in fp16.
    scale = np.sqrt(np.maximum(np.linalg.norm(projected, axis=0), 1e-30))
    large, small = projected / scale, (vectors * scale).T
    return (large, small) if tall else (small.T, large.T)


def apply_delta(base: Mapping[str, np.ndarray], delta: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Undo [`factorize_delta`]: the tuned tensors in fp32.

    Args:
        base (`Mapping[str, np.ndarray]`): the base model's tensors.
        delta (`Mapping[str, np.ndarray]`): what [`factorize_delta`] returned.

    Returns:
        `dict[str, np.ndarray]`: fp32 tensors; those without a change are the base's.

    Raises:
        CheckpointError: a stored change does not fit the base tensor it names.
    """
    tuned = {name: np.asarray(value, dtype=np.float32) for name, value in base.items()}
    for key, stored in delta.items():
        name, kind = key[: key.rfind(".")], key[key.rfind(".") :]
        part = np.asarray(stored, dtype=np.float32)
        try:
            if kind == _LEFT:
                tuned[name] = tuned[name] + part @ np.asarray(delta[name + _RIGHT], dtype=np.float32)
            elif kind == _FULL:
                tuned[name] = tuned[name] + part if name in base else part
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"The stored change `{key}` does not fit the base model: {error}") from error
        if kind not in (_LEFT, _RIGHT, _FULL, _ROWS):
            raise CheckpointError(f"Unknown entry `{key}` in a stored change.")
    for key, stored in delta.items():
        if key.endswith(_ROWS):
            name = key[: -len(_ROWS)]
            tuned[name] = np.concatenate([tuned[name], np.asarray(stored, dtype=np.float32)])
    return tuned
