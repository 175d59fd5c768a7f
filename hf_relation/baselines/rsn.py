"""RSN: learn on known relations whether two instances have the same one, and cut the graph of novel instances that do."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from hf_relation.baselines.checks import check_integer, check_number
from hf_relation.baselines.louvain import louvain_communities
from hf_relation.baselines.siamese_training import train_siamese
from hf_relation.clustering import canonical_labels
from hf_relation.clustering.rows import check_matrix, distinct_positions, group_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import UsageError


MAX_ROWS = 20_000
_BLOCK = 256


class RelationalSiameseNetwork(BaseEstimator):
    r"""Relational siamese network over features that stand still, and Louvain's method over the pairs it calls the same.

    A layer \\(z = \\tanh(W x + b)\\) and the probability \\(p_{ij} = \\sigma(c - \\sum_k w_k |z_{ik} - z_{jk}|)\\) that two
    instances have the same relation are learned from pairs of known relations. Novel instances with a probability above
    `threshold` are joined by an edge; the communities of that graph are the relations, and their number is found, not given.
    Communities smaller than `min_size` go, row by row, to the relation of the likeliest partner.

    The paper's network has a CNN over words in the place of the layer, and learns from unlabelled text as well (conditional
    entropy and virtual adversarial training). This is its supervised part over any features, for instance the embeddings of a
    frozen encoder.

    Args:
        hidden_size (`int`, defaults to 256): width of z.
        num_steps (`int`, defaults to 300): training steps.
        relations_per_step (`int`, defaults to 24), instances_per_relation (`int`, defaults to 5): rows of a step; all of their
            pairs count. With fewer relations, all of them.
        same_share (`float`, defaults to 0.06): weight of the pairs with the same relation among all, above 0 and below 1:
            what the network is to think of a pair that says nothing.
        learning_rate (`float`, defaults to 0.003): of Adam, above 0.
        weight_decay (`float`, defaults to 0.0): decoupled, at least 0.
        dropout (`float`, defaults to 0.2): of the features in training, at least 0 and below 1.
        threshold (`float`, defaults to 0.5): edges lie above it; between 0 and 1.
        resolution (`float`, defaults to 1.0): of Louvain's method, above 0.
        min_size (`int`, defaults to 6): rows that a community has at least, where any has.
        seed (`int`, defaults to 0): of the weights at the start, the batches, dropout and Louvain's method.

    Attributes:
        weights_ ([`~hf_relation.baselines.siamese_training.SiameseWeights`]): of the network.
        n_features_in_ (`int`): columns of the features.
        history_ (`list[float]`): loss of every step.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.baselines import RelationalSiameseNetwork
    >>> known = np.repeat(np.eye(6, 8, dtype=np.float32), 5, axis=0)
    >>> novel = np.eye(8, dtype=np.float32)[[6, 7, 6, 7, 6]]
    >>> network = RelationalSiameseNetwork(num_steps=100, learning_rate=0.01, min_size=1)
    >>> network.fit(known, np.repeat(list("abcdef"), 5)).predict(novel).tolist()
    [0, 1, 0, 1, 0]

    ```

    Reference: Wu et al., "Open Relation Extraction: Relational Knowledge Transfer from Supervised Data to Unsupervised Data",
    EMNLP 2019. The edge threshold, the share of pairs of the same relation and the smallest community are those of the
    authors' code.
    """

    def __init__(
        self,
        hidden_size: int = 256,
        *,
        num_steps: int = 300,
        relations_per_step: int = 24,
        instances_per_relation: int = 5,
        same_share: float = 0.06,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        dropout: float = 0.2,
        threshold: float = 0.5,
        resolution: float = 1.0,
        min_size: int = 6,
        seed: int = 0,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_steps = num_steps
        self.relations_per_step = relations_per_step
        self.instances_per_relation = instances_per_relation
        self.same_share = same_share
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.threshold = threshold
        self.resolution = resolution
        self.min_size = min_size
        self.seed = seed

    def fit(self, X: Any, y: Any) -> RelationalSiameseNetwork:
        """Learn from known relations.

        Args:
            X (array-like of shape `(n, d)`): features of labelled instances.
            y (array-like of shape `(n,)`, strings or integers): their relations; at least two of them, and one with two
                instances.

        Returns:
            [`RelationalSiameseNetwork`]: itself; the same for the rows in any order.

        Raises:
            UsageError: a setting out of range, or no pair of one relation or of two.
            InvalidRowError: a row holds NaN or infinity.
        """
        self._check()
        rows = check_matrix(X, min_rows=2)
        names, labels = np.unique(np.asarray(y), return_inverse=True)
        if labels.shape != (len(rows),):
            raise UsageError(f"`y` must hold a relation for every row: {len(rows)} rows, {labels.shape} relations.")
        if len(names) < 2 or np.bincount(labels).max() < 2:
            raise UsageError(
                f"Pairs of the same and of different relations are needed; there are {len(rows)} instances of {len(names)} "
                "relation(s). Pass at least two relations, one of them with two instances."
            )
        order = np.lexsort((group_rows(rows)[1], labels))
        self.weights_, self.history_ = train_siamese(
            rows[order],
            labels[order],
            hidden_size=self.hidden_size,
            num_steps=self.num_steps,
            relations_per_step=self.relations_per_step,
            instances_per_relation=self.instances_per_relation,
            same_share=self.same_share,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            seed=self.seed,
        )
        self.n_features_in_ = rows.shape[1]
        return self

    def similarity(self, X: Any, Y: Any = None) -> np.ndarray:
        """Give the probability that two instances have the same relation.

        Args:
            X (array-like of shape `(n, d)`): features.
            Y (array-like of shape `(m, d)`, *optional*): others; `X` by default.

        Returns:
            `np.ndarray` of shape `(n, m)`, float32 in [0, 1].

        Raises:
            UsageError: another number of columns than in `fit`.
            InvalidRowError: a row holds NaN or infinity.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        rows = check_matrix(X, columns=self.n_features_in_)
        others = rows if Y is None else check_matrix(Y, name="Y", columns=self.n_features_in_)
        with one_thread():
            return self.weights_.similarity(self.weights_.project(rows), self.weights_.project(others))

    def predict(self, X: Any) -> np.ndarray:
        """Find the relations of novel instances.

        Args:
            X (array-like of shape `(n, d)`): their features, at most 20,000 rows, for all pairs are compared; may be empty.

        Returns:
            `np.ndarray` of shape `(n,)`, int64: labels from 0 by size, largest first; equal rows share one, and the order of
            the rows does not matter.

        Raises:
            UsageError: too many rows, or another number of columns than in `fit`.
            InvalidRowError: a row holds NaN or infinity.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        rows = check_matrix(X, columns=self.n_features_in_)
        if len(rows) > MAX_ROWS:
            raise UsageError(f"All pairs are compared: at most {MAX_ROWS:,} rows are allowed, got {len(rows):,}.")
        if not len(rows):
            return np.zeros(0, dtype=np.int64)
        order, group = group_rows(rows)
        with one_thread():
            hidden = self.weights_.project(rows[distinct_positions(order, group)])
            communities = louvain_communities(
                len(hidden), self._edges(hidden), seed=self.seed, resolution=self.resolution
            )
            labels = self._without_small(hidden, communities, np.bincount(group))
        return canonical_labels(labels[group], group)

    def _edges(self, hidden: np.ndarray) -> np.ndarray:
        found = [np.zeros((0, 2), dtype=np.int64)]
        for start in range(0, len(hidden), _BLOCK):
            same = self.weights_.similarity(hidden[start : start + _BLOCK], hidden) > self.threshold
            first, second = np.nonzero(same)
            pairs = np.stack([first + start, second], axis=1)
            found.append(pairs[pairs[:, 0] < pairs[:, 1]])
        return np.concatenate(found)

    def _without_small(self, hidden: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Move rows of small communities to the community of their likeliest partner in a large one."""
        small = (np.bincount(labels, weights=counts) < self.min_size)[labels]
        if small.all() or not small.any():
            return labels
        large = np.flatnonzero(~small)
        moved = labels.copy()
        for position in np.flatnonzero(small):
            same = self.weights_.similarity(hidden[position : position + 1], hidden[large])
            moved[position] = labels[large[same.argmax()]]
        return moved

    def _check(self) -> None:
        for name, least in (
            ("hidden_size", 1),
            ("num_steps", 0),
            ("relations_per_step", 2),
            ("instances_per_relation", 2),
            ("min_size", 1),
            ("seed", 0),
        ):
            check_integer(name, getattr(self, name), least)
        check_number("learning_rate", self.learning_rate, 0, above=True)
        check_number("weight_decay", self.weight_decay, 0)
        check_number("resolution", self.resolution, 0, above=True)
        for name in ("same_share", "dropout", "threshold"):
            value = getattr(self, name)
            check_number(name, value, 0, 1, above=name == "same_share")
            if value == 1 and name != "threshold":
                raise UsageError(f"`{name}` must be below 1, got {value!r}.")
