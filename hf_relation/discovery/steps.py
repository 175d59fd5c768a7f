"""What happens to embeddings before they are clustered: whitening, PCA, unit length; fitted once, repeated at predict."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from hf_relation.clustering.principal_components import PrincipalComponents
from hf_relation.clustering.rows import check_matrix, group_rows, normalize_rows
from hf_relation.clustering.whitening import WithinClassWhitening
from hf_relation.errors import CheckpointError


class EmbeddingSteps:
    """The chain embeddings -> whitening -> PCA -> rows of length one.

    Args:
        whitening ([`~hf_relation.clustering.WithinClassWhitening`], *optional*): fitted; it comes with a checkpoint.
        pca_components (`int`, *optional*): keep this many directions of greatest variance of the corpus. A corpus of no
            more distinct rows than that cannot tell which directions these are, so PCA is left out for it.

    Attributes:
        pca_ ([`~hf_relation.clustering.PrincipalComponents`] or `None`): set by `fit`.
        n_features_in_ (`int` or `None`): columns of the embeddings; set by `fit`.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery.steps import EmbeddingSteps
    >>> X = np.random.default_rng(0).normal(size=(20, 6))
    >>> rows = EmbeddingSteps(pca_components=2).fit(X).transform(X)
    >>> rows.shape, np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    ((20, 2), True)

    ```
    """

    def __init__(self, whitening: WithinClassWhitening | None = None, pca_components: int | None = None) -> None:
        self.whitening = whitening
        self.pca_components = pca_components
        self.pca_: PrincipalComponents | None = None
        self.n_features_in_: int | None = None

    @property
    def width(self) -> int | None:
        """`int`: columns of the transformed rows; `None` before `fit`."""
        return self.n_features_in_ if self.pca_ is None else self.pca_.n_components_

    def fit(self, X: Any) -> EmbeddingSteps:
        """Fit PCA, where asked for, on the embeddings of a corpus.

        Args:
            X (array-like of shape `(n, d)`): one row per instance; not altered.

        Returns:
            `EmbeddingSteps`: itself. The same in any row order.

        Raises:
            UsageError, InvalidRowError: as [`~hf_relation.clustering.rows.check_matrix`].
        """
        rows = check_matrix(X, name="embeddings")
        self.n_features_in_ = rows.shape[1]
        if self.whitening is not None:
            rows = self.whitening.transform(rows)
        self.pca_ = None
        if self.pca_components is not None and self.pca_components < rows.shape[1]:
            num_distinct = int(group_rows(rows)[1].max(initial=-1)) + 1
            if num_distinct > self.pca_components:
                self.pca_ = PrincipalComponents(self.pca_components).fit(rows)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Apply the chain.

        Args:
            X (array-like of shape `(n, d)`): rows in the space of the fitted ones; may be empty.

        Returns:
            `np.ndarray` of shape `(n, width)`, float32: rows of length one (rows of zeros stay zero).

        Raises:
            UsageError, InvalidRowError: as [`~hf_relation.clustering.rows.check_matrix`].
        """
        rows = check_matrix(X, name="embeddings", columns=self.n_features_in_)
        if not len(rows):
            return np.empty((0, self.width or rows.shape[1]), dtype=np.float32)
        if self.whitening is not None:
            rows = self.whitening.transform(rows)
        return normalize_rows(rows) if self.pca_ is None else self.pca_.transform(rows)

    def whiten(self, X: Any) -> np.ndarray:
        """Apply the whitening alone, where there is one: what the gate of known relations reads.

        Args:
            X (array-like of shape `(n, d)`): embeddings; may be empty.

        Returns:
            `np.ndarray` of shape `(n, d)`, float32.
        """
        rows = check_matrix(X, name="embeddings", columns=self.n_features_in_)
        return rows if self.whitening is None or not len(rows) else self.whitening.transform(rows)

    def get_state(self) -> dict[str, np.ndarray]:
        """The fitted chain as plain arrays, without loss.

        Returns:
            `dict[str, np.ndarray]`: `whitening.*` and `pca.mean`, `pca.components`, where there are such steps.
        """
        state: dict[str, np.ndarray] = {}
        if self.whitening is not None:
            state = {f"whitening.{key}": value for key, value in whitening_state(self.whitening).items()}
        if self.pca_ is not None:
            state |= {"pca.mean": self.pca_.pca_.mean_, "pca.components": self.pca_.pca_.components_}
        return state

    @classmethod
    def from_state(cls, state: dict[str, np.ndarray], n_features_in: int) -> EmbeddingSteps:
        """Rebuild the fitted chain from the arrays of [`get_state`].

        Args:
            state (`dict[str, np.ndarray]`): the arrays.
            n_features_in (`int`): columns of the embeddings the chain was fitted on.

        Returns:
            `EmbeddingSteps`: fitted.

        Raises:
            CheckpointError: arrays are missing or do not fit one another.
        """
        whitening = {
            key.removeprefix("whitening."): value for key, value in state.items() if key.startswith("whitening.")
        }
        steps = cls(WithinClassWhitening.from_state(whitening) if whitening else None)
        steps.n_features_in_ = n_features_in
        if steps.whitening is not None and steps.whitening.n_features_in_ != n_features_in:
            raise CheckpointError(
                f"The stored whitening is for {steps.whitening.n_features_in_} columns, the discovery for {n_features_in}."
            )
        if "pca.mean" in state or "pca.components" in state:
            steps.pca_ = _restored_pca(state, n_features_in)
            steps.pca_components = steps.pca_.n_components_
        return steps


def whitening_state(whitening: WithinClassWhitening) -> dict[str, np.ndarray]:
    """The arrays of a whitening without loss: float16 where that is exact (it came from such a file), else float32.

    Args:
        whitening ([`~hf_relation.clustering.WithinClassWhitening`]): fitted.

    Returns:
        `dict[str, np.ndarray]`: for [`~hf_relation.clustering.WithinClassWhitening.from_state`].
    """
    small, full = whitening.get_state("float16"), whitening.get_state("float32")
    exact = all(np.array_equal(small[key].astype(np.float32), full[key]) for key in full)
    return small if exact else full


def _restored_pca(state: dict[str, np.ndarray], n_features_in: int) -> PrincipalComponents:
    mean, components = state.get("pca.mean"), state.get("pca.components")
    if mean is None or components is None:
        raise CheckpointError("A stored PCA needs both `pca.mean` and `pca.components`.")
    if mean.shape != (n_features_in,) or components.ndim != 2 or components.shape[1] != n_features_in:
        raise CheckpointError(
            f"The stored PCA has shapes {mean.shape} and {components.shape}; {n_features_in} columns are needed."
        )
    if any(array.dtype.kind != "f" or not np.isfinite(array).all() for array in (mean, components)):
        raise CheckpointError("The stored PCA must hold finite floating-point numbers.")
    restored = PrincipalComponents(len(components))
    restored.n_components_, restored.n_features_in_ = len(components), n_features_in
    restored.pca_ = PCA(len(components))
    restored.pca_.mean_, restored.pca_.components_ = mean, components
    return restored
