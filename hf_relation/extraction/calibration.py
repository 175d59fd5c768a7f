"""What every calibration does: fit on validation pairs, for all relations together or for each, store as JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import logit

from hf_relation.errors import UsageError
from hf_relation.extraction._inputs import check_keys, check_labels, check_scores


FORMAT_VERSION = 1
Curve = dict[str, Any]
_KEYS = ("kind", "format_version", "settings", "overall", "relations")


def probability_logits(probabilities: Any, *, limit: float = 1e-6) -> np.ndarray:
    """The logits of probabilities, for a model whose scores are probabilities already.

    Args:
        probabilities (array-like of shape `(n,)` or `(n, r)`): in [0, 1].
        limit (`float`, defaults to 1e-6): below this, and above one minus this, they are clipped: 0 has no finite logit.

    Returns:
        `np.ndarray` of the same shape, float64, finite.

    Raises:
        UsageError: another shape, or `limit` is not in (0, 0.5).
        InvalidRowError: a value is not in [0, 1].

    Example:

    ```python
    >>> from hf_relation.extraction import probability_logits
    >>> probability_logits([0.5, 1.0]).round(3).tolist()
    [0.0, 13.816]

    ```
    """
    if not 0 < limit < 0.5:
        raise UsageError(f"`limit` must be above 0 and below 0.5, got {limit}.")
    return logit(np.clip(check_scores(probabilities, "probabilities", probabilities=True), limit, 1 - limit))


class Calibration(ABC):
    """From the logits of a model to probabilities that are as often right as they say.

    Fitted on validation pairs, never on those that are reported. A subclass says how one curve is fitted and applied.

    Args:
        per_relation (`bool`, defaults to `False`): a curve for each relation (column) instead of one for all.
        min_positives (`int`, defaults to 10): relations with fewer pairs that have them, or fewer that do not, take the
            curve of all.

    Raises:
        UsageError: `min_positives` is below 1.
    """

    kind: ClassVar[str]

    def __init__(self, *, per_relation: bool = False, min_positives: int = 10) -> None:
        if isinstance(min_positives, bool) or not isinstance(min_positives, int) or min_positives < 1:
            raise UsageError(f"`min_positives` must be a whole number of at least 1, got {min_positives!r}.")
        self.per_relation = bool(per_relation)
        self.min_positives = min_positives
        self.overall: Curve | None = None
        self.relations: list[Curve | None] | None = None

    def _settings(self) -> dict[str, Any]:
        return {"per_relation": self.per_relation, "min_positives": self.min_positives}

    @abstractmethod
    def _fit_curve(self, logits: np.ndarray, labels: np.ndarray) -> Curve:
        """Fit one curve to logits of shape `(m,)` and bool labels with both values among them."""

    @abstractmethod
    def _apply_curve(self, curve: Curve, logits: np.ndarray) -> np.ndarray:
        """Turn logits of shape `(m,)` into probabilities."""

    @classmethod
    @abstractmethod
    def _check_curve(cls, content: Any, what: str) -> Curve:
        """Check a curve that comes from a file."""

    def fit(self, logits: Any, labels: Any) -> Self:
        """Fit on validation pairs.

        Args:
            logits (array-like of shape `(n,)` or `(n, r)`, finite): scores of the model before the sigmoid.
            labels (array-like of the same shape, 0/1): whether the pair has the relation.

        Returns:
            `self`.

        Raises:
            UsageError: shapes do not fit, all labels are equal, or `per_relation` without a column per relation.
            InvalidRowError: a logit is not finite, or a label is neither 0 nor 1.
        """
        scores = check_scores(logits, "logits", columns=self.per_relation)
        gold = check_labels(labels, scores)
        if not gold.any() or gold.all():
            raise UsageError(
                f"All {gold.size} labels are {int(gold.any())}: nothing can be fitted. Give validation pairs with and "
                "without relations."
            )
        self.overall = self._fit_curve(scores.ravel(), gold.ravel())
        self.relations = None
        if self.per_relation:
            self.relations = [
                self._fit_curve(scores[:, column], gold[:, column])
                if min(gold[:, column].sum(), (~gold[:, column]).sum()) >= self.min_positives
                else None
                for column in range(scores.shape[1])
            ]
        return self

    def transform(self, logits: Any) -> np.ndarray:
        """Turn logits into probabilities.

        Args:
            logits (array-like of shape `(n,)` or `(n, r)`, finite): with `per_relation`, the columns of `fit`.

        Returns:
            `np.ndarray` of the same shape, float64, in [0, 1].

        Raises:
            UsageError: not fitted, or shapes do not fit.
            InvalidRowError: a logit is not finite.
        """
        if self.overall is None:
            raise UsageError(f"This {type(self).__name__} is not fitted. Call `fit` on validation pairs first.")
        scores = check_scores(logits, "logits", columns=self.per_relation)
        if self.relations is None:
            return self._apply_curve(self.overall, scores.ravel()).reshape(scores.shape)
        if scores.shape[1] != len(self.relations):
            raise UsageError(f"`logits` must have {len(self.relations)} columns, as in `fit`, got {scores.shape[1]}.")
        columns = [
            self._apply_curve(curve or self.overall, scores[:, column]) for column, curve in enumerate(self.relations)
        ]
        return np.stack(columns, axis=1) if columns else scores

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON.

        Returns:
            `dict`: see `from_dict`.

        Raises:
            UsageError: not fitted.
        """
        if self.overall is None:
            raise UsageError(f"This {type(self).__name__} is not fitted: there is nothing to store.")
        values = (self.kind, FORMAT_VERSION, self._settings(), self.overall, self.relations)
        return dict(zip(_KEYS, values, strict=True))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make a fitted calibration from what `to_dict` gave. The content is checked: it may come from anywhere.

        Args:
            content (`Mapping`): parsed JSON.

        Returns:
            A calibration of this class, fitted.

        Raises:
            UsageError: the content is damaged, of another kind, or from a newer version.
        """
        what = f"A stored {cls.kind} calibration"
        check_keys(content, _KEYS, what)
        version = content["format_version"]
        if content["kind"] != cls.kind or version != FORMAT_VERSION:
            raise UsageError(
                f"{what} must be of kind {cls.kind!r}, format {FORMAT_VERSION}, got {str(content['kind'])[:40]!r}, "
                f"{str(version)[:40]!r}. A higher format needs a newer hf_relation."
            )
        names = tuple(cls()._settings())
        settings = check_keys(content["settings"], names, f"{what}: `settings`")
        for name in names:
            if name != "min_positives" and not isinstance(settings[name], bool):
                raise UsageError(f"{what}: `{name}` must be true or false.")
        made = cls(**settings)
        made.overall = cls._check_curve(content["overall"], f"{what}: `overall`")
        curves = content["relations"]
        if isinstance(curves, list) != made.per_relation or not isinstance(curves, list | None):
            raise UsageError(f"{what}: `relations` must be a list with `per_relation`, else null.")
        if curves is not None:
            made.relations = [
                None if curve is None else cls._check_curve(curve, f"{what}: `relations[{position}]`")
                for position, curve in enumerate(curves)
            ]
        return made
