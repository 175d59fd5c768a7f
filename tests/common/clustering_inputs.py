"""Rows for the checks of transforms and clustering algorithms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def sample(num_rows: int = 36, dim: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping groups, so that a change in the last digit could move a row."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 4, num_rows)
    X = (np.eye(dim)[y] + 0.35 * random.normal(size=(num_rows, dim))).astype(np.float32)
    return X / np.linalg.norm(X, axis=1, keepdims=True), y


def unusual_forms(X: np.ndarray, tmp_path: Path) -> dict[str, Any]:
    """The same float16-representable numbers in every form that a caller may hold them in."""
    np.save(tmp_path / "rows.npy", X)
    wide = np.zeros((len(X), 2 * X.shape[1]), dtype=np.float32)
    wide[:, ::2] = X
    readonly = X.copy()
    readonly.flags.writeable = False
    return {
        "float64": X.astype(np.float64),
        "float16": X.astype(np.float16),
        "list": X.tolist(),
        "fortran": np.asfortranarray(X),
        "strided": wide[:, ::2],
        "reversed twice": X[::-1].copy()[::-1],
        "big endian": X.astype(">f4"),
        "readonly": readonly,
        "memmap": np.load(tmp_path / "rows.npy", mmap_mode="r"),
    }
