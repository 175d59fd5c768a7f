"""Rank correlation between head importances: do two tasks, languages or methods need the same heads?"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from scipy import stats

from hf_relation.errors import UsageError
from hf_relation.heads.result import HeadImportance
from hf_relation.plots import heatmap


Correlation = Literal["spearman", "kendall"]


@dataclass(frozen=True, eq=False)
class HeadCorrelation:
    """Rank correlations between several head importances, as [`compare_heads`] computes them.

    Args:
        names (`tuple[str, ...]`): of the n importances.
        matrix (`np.ndarray` of shape `(n, n)`): correlations, from -1 to 1, symmetric.
        method (`str`): `"spearman"` or `"kendall"`.
    """

    names: tuple[str, ...]
    matrix: np.ndarray
    method: Correlation

    def plot(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Draw the matrix as in figure 1 of the ACL 2021 paper: the darker, the more alike.

        Args:
            path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
            title (`str`, *optional*): above it.

        Returns:
            `Path`: the file.

        Raises:
            UsageError: a bad file name.
            ImportError: matplotlib is not installed.
        """
        symbol = "Spearman's ρ" if self.method == "spearman" else "Kendall's τ-b"
        limits = (0.0, 1.0) if self.matrix.min() >= 0 else (-1.0, 1.0)
        return heatmap(
            self.matrix,
            path,
            rows=self.names,
            columns=self.names,
            limits=limits,
            title=title,
            note=f"{symbol} of head scores",
        )


def compare_heads(importances: Mapping[str, HeadImportance], *, method: Correlation = "spearman") -> HeadCorrelation:
    """Correlate the rankings of heads of several importances, all layers together.

    Heads that are pruned in one of them count in none. Equal scores share their rank (Spearman), or are counted as tau-b
    does. Scores that are all equal rank nothing: their correlations, also with themselves, are 0, with a warning.

    Args:
        importances (`Mapping[str, HeadImportance]`): name -> importance; at least two, of one shape.
        method (`str`, defaults to `"spearman"`): `"spearman"` (ACL 2021) or `"kendall"` (GradTS).

    Returns:
        [`HeadCorrelation`].

    Raises:
        UsageError: fewer than two, different shapes, no head that all have, or another method.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.heads import HeadImportance, compare_heads
    >>> one = HeadImportance(np.array([[0.9, 0.1, 0.4], [0.6, 0.3, 0.8]]), "gate", 5, normalize=None)
    >>> other = HeadImportance(np.array([[0.7, 0.2, 0.6], [0.5, 0.1, 0.9]]), "gate", 5, normalize=None)
    >>> compare_heads({"en": one, "de": other}, method="kendall").matrix.round(3).tolist()
    [[1.0, 0.6], [0.6, 1.0]]

    ```

    Reference: Ma et al., ACL 2021, figure 1; Ma et al., "GradTS", EMNLP 2021, section 3.
    """
    if method not in get_args(Correlation):
        raise UsageError(f"`method` must be one of {', '.join(map(repr, get_args(Correlation)))}, got {method!r}.")
    if not isinstance(importances, Mapping) or len(importances) < 2:
        raise UsageError("`importances` must name at least two head importances, {name: importance}.")
    shapes = {name: importance.raw.shape for name, importance in importances.items()}
    if len(set(shapes.values())) > 1:
        raise UsageError(f"Head importances of different shapes cannot be compared: {shapes}.")
    kept = np.logical_and.reduce([importance.kept for importance in importances.values()])
    if not kept.any():
        raise UsageError("No head is left in all of the models.")
    # Rounded: equal scores of different layers differ by the last bit of their divisions.
    rows = [importance.scores[kept].round(12) for importance in importances.values()]
    constant = [bool((row == row[0]).all()) for row in rows]
    if any(constant):
        names = ", ".join(name for name, flag in zip(importances, constant, strict=True) if flag)
        warnings.warn(f"All heads have the same score in: {names}. Correlations with it are 0.", stacklevel=2)
    matrix = np.zeros((len(rows), len(rows)))
    for one in range(len(rows)):
        for other in range(one + 1):
            if not constant[one] and not constant[other]:
                value = 1.0 if one == other else _correlation(rows[one], rows[other], method)
                matrix[one, other] = matrix[other, one] = value
    return HeadCorrelation(tuple(importances), matrix, method)


def _correlation(one: np.ndarray, other: np.ndarray, method: Correlation) -> float:
    if method == "spearman":
        return float(stats.spearmanr(one, other).statistic)
    return float(stats.kendalltau(one, other, variant="b").statistic)
