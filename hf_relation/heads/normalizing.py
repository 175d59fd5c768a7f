"""Making raw head scores comparable: by the norm of their layer, then from 0 to 1 over all layers."""

from __future__ import annotations

import warnings
from typing import Literal, get_args

import numpy as np

from hf_relation.errors import UsageError


Norm = Literal["l1", "l2"]


def normalize_scores(
    raw: np.ndarray, *, normalize: Norm | None = "l1", rescale: bool = True, kept: np.ndarray | None = None
) -> np.ndarray:
    r"""Divide the scores of every layer by their norm, then scale all to [0, 1].

    With l1, a score becomes the head's share in its layer: \(s_{lh} / \sum_k s_{lk}\); with l2 it is
    \(s_{lh} / \sqrt{\sum_k s_{lk}^2}\). Then \((s - \min) / (\max - \min)\), minimum and maximum over all layers. A layer of
    zeros stays zeros. Where all scores are equal, they say nothing: all become 0, with a warning.

    Args:
        raw (`np.ndarray` of shape `(layers, heads)`): finite, at least 0.
        normalize (`str`, *optional*, defaults to `"l1"`): `"l1"`, `"l2"`, or `None` to leave layers as they are.
        rescale (`bool`, defaults to `True`): whether to scale to [0, 1].
        kept (`np.ndarray` of shape `(layers, heads)`, bool, *optional*): false for heads that are gone; their score is 0, and
            they count for no minimum.

    Returns:
        `np.ndarray` of shape `(layers, heads)`, float64.

    Raises:
        UsageError: not a matrix of finite numbers of at least 0, or another norm.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.heads import normalize_scores
    >>> normalize_scores(np.array([[1, 3, 0], [2, 2, 4]])).round(3).tolist()
    [[0.333, 1.0, 0.0], [0.333, 0.333, 0.667]]

    ```

    Reference: Ma et al., "Contributions of Transformer Attention Heads in Multi- and Cross-lingual Tasks", ACL 2021, section
    3, which does not name the norm; Michel et al., NeurIPS 2019, divide by l2, the code of GradTS (EMNLP 2021) by l1.
    """
    scores = check_scores(raw)
    check_norm(normalize)
    if kept is None:
        kept = np.ones(scores.shape, dtype=bool)
    scores = np.where(kept, scores, 0.0)
    largest = scores.max(axis=1, keepdims=True)
    scores = np.divide(scores, largest, out=np.zeros_like(scores), where=largest > 0) if normalize else scores
    if normalize is not None:  # after division by the largest, no square is too large or too small for a float
        norm = scores.sum(axis=1, keepdims=True) if normalize == "l1" else np.sqrt((scores**2).sum(1, keepdims=True))
        scores = np.divide(scores, norm, out=np.zeros_like(scores), where=norm > 0)
    if not rescale or not kept.any():
        return scores
    low, high = scores[kept].min(), scores[kept].max()
    if high - low <= 1e-12 * high:
        warnings.warn("All heads have the same score, which ranks none of them: all become 0.", stacklevel=2)
        return np.zeros_like(scores)
    return np.where(kept, (scores - low) / (high - low), 0.0)


def check_scores(raw: np.ndarray) -> np.ndarray:
    """Refuse what is no matrix of scores.

    Returns:
        `np.ndarray` of shape `(layers, heads)`, float64: a copy.

    Raises:
        UsageError: not a matrix of finite numbers of at least 0.
    """
    try:
        scores = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"Head scores must be a matrix of numbers, (layers, heads): {error}.") from None
    if scores.ndim != 2 or not scores.size:
        raise UsageError(f"Head scores must be a matrix of shape (layers, heads), got shape {scores.shape}.")
    if not np.isfinite(scores).all() or (scores < 0).any():
        layer, head = np.argwhere(~np.isfinite(scores) | (scores < 0))[0]
        raise UsageError(
            f"Head scores must be finite and at least 0; that of layer {layer}, head {head} is {scores[layer, head]}."
        )
    return scores


def check_norm(normalize: str | None) -> None:
    """Refuse another norm.

    Raises:
        UsageError: it is none of those there are.
    """
    if normalize is not None and normalize not in get_args(Norm):
        raise UsageError(
            f"`normalize` must be one of {', '.join(map(repr, get_args(Norm)))} or None, got {normalize!r}."
        )
