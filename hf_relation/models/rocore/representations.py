"""What the parts of a model above the pair representations make of many rows at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch


_CHUNK_ROWS = 8_192


def map_rows(part: Callable[[torch.Tensor], torch.Tensor], rows: np.ndarray, device: torch.device) -> np.ndarray:
    """Put rows through a part of a model, in float32 and without a graph.

    Args:
        part (`Callable`): e.g. `model.latent` or `model.novel_classifier`.
        rows (`np.ndarray` of shape `(n, d)`, float32).
        device (`torch.device`): where the part lies.

    Returns:
        `np.ndarray` of shape `(n, m)`, float32.
    """
    with torch.inference_mode():
        found = [
            part(torch.from_numpy(np.ascontiguousarray(rows[start : start + _CHUNK_ROWS])).to(device)).float().cpu()
            for start in range(0, max(len(rows), 1), _CHUNK_ROWS)
        ]
    return torch.cat(found).numpy()
