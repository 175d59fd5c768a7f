"""From representations to pseudo labels: the space, the clusters, who keeps a label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from scipy.optimize import linear_sum_assignment

from hf_relation.clustering import (
    BalancedKMeans,
    NeighborSmoothing,
    PrincipalComponents,
    WithinClassWhitening,
    cluster,
    nearest_neighbors,
)
from hf_relation.clustering.balanced import check_temperature
from hf_relation.errors import UsageError
from hf_relation.metrics import hungarian_accuracy


PseudoLabelSpace = Literal["latent", "pooled", "embedding"]
PseudoLabelSource = Literal["kmeans", "head"]
PseudoLabelBalance = Literal["none", "sinkhorn"]
NO_LABEL = -100


@dataclass(frozen=True)
class PseudoLabelRules:
    """How pseudo labels are made. The defaults are the paper's: k-means on g(h), every row keeps its cluster.

    Args:
        space (`str`, defaults to `"latent"`): what is clustered: `"latent"`: g(h) as it is; `"pooled"`: h as it is;
            `"embedding"`: the model's embeddings, which have length one.
        label_source (`str`, defaults to `"kmeans"`): `"kmeans"`, or `"head"`: what the novel classifier predicts, in epochs in
            which it has been trained already.
        keep (`float`, defaults to 1.0): share of the rows of every cluster that keep their pseudo label: those nearest to its
            centre, or, with `"head"`, those of the highest probability. In (0, 1]; at least one row keeps it.
        balance (`str`, defaults to `"none"`): `"sinkhorn"`: clusters of the same size, see
            [`~hf_relation.clustering.BalancedKMeans`], for novel relations of similar frequency; of these the rows of the
            highest probability keep their label.
        temperature (`float`, defaults to 0.1): with `balance`, how soft its assignment is, above 0.
        smoothing (`int`, defaults to 0): draw every row half way to the mean of so many nearest neighbours before clustering;
            rows have length one then. 0: not.
        neighbors (`int`, defaults to 0): relabel every row by the majority of itself and so many nearest neighbours (ties: its
            own label, or else the smallest); 0: as it is.
        min_agreement (`float`, defaults to 0.0): with `neighbors`, take the label from rows whose neighbours have it less often
            than this share. In [0, 1].
        whitening (`bool`, defaults to `False`): cluster after a within-class whitening, fitted on the known relations and on
            the clusters of the epoch before; rows have length one then.
        shrinkage (`float`, defaults to 0.8): of the whitening, in [0, 1].
        pca_components (`int`, *optional*): cluster after reduction to so many principal components of the unlabelled rows; rows
            have length one then.
        n_init (`int`, defaults to 10): restarts of k-means.
        seed (`int`, defaults to 0): of k-means, the same in every epoch.

    Raises:
        UsageError: an unknown name, or a number out of range.

    Reference: k-means on g(h): Zhao et al., EMNLP 2021, equation 7. Neighbours as a check of labels: Van Gansbeke et al.,
    "SCAN", ECCV 2020. Clusters of the same size: Fini et al., "UNO", ICCV 2021. Whitening refitted with pseudo classes, and the share that is kept, are this project's.
    """

    space: PseudoLabelSpace = "latent"
    label_source: PseudoLabelSource = "kmeans"
    keep: float = 1.0
    balance: PseudoLabelBalance = "none"
    temperature: float = 0.1
    smoothing: int = 0
    neighbors: int = 0
    min_agreement: float = 0.0
    whitening: bool = False
    shrinkage: float = 0.8
    pca_components: int | None = None
    n_init: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("space", self.space, get_args(PseudoLabelSpace)),
            ("label_source", self.label_source, get_args(PseudoLabelSource)),
            ("balance", self.balance, get_args(PseudoLabelBalance)),
        ):
            if value not in allowed:
                raise UsageError(f"`{name}` must be one of {', '.join(allowed)}; got {value!r}.")
        for name, number, least in (
            ("smoothing", self.smoothing, 0),
            ("neighbors", self.neighbors, 0),
            ("pca_components", 1 if self.pca_components is None else self.pca_components, 1),
            ("n_init", self.n_init, 1),
            ("seed", self.seed, 0),
        ):
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {number!r}.")
        if not 0 < self.keep <= 1:
            raise UsageError(f"`keep` must be above 0 and at most 1 (a share of the rows), got {self.keep}.")
        for name, share in (("min_agreement", self.min_agreement), ("shrinkage", self.shrinkage)):
            if not 0 <= share <= 1:
                raise UsageError(f"`{name}` must be in [0, 1], got {share}.")
        check_temperature(self.temperature)
        if self.min_agreement and not self.neighbors:
            raise UsageError("`min_agreement` says how many of the `neighbors` must agree: give `neighbors` as well.")


@dataclass(frozen=True)
class PseudoLabelling:
    """What [`make_pseudo_labels`] returns.

    Args:
        clusters (`np.ndarray` of shape `(n,)`, int64): the cluster of every row.
        labels (`np.ndarray` of shape `(n,)`, int64): the same, -100 for rows that do not keep theirs.
        inertia (`float`): mean squared distance of a row to the centre of its cluster.
    """

    clusters: np.ndarray
    labels: np.ndarray
    inertia: float


def space_of(
    rows: np.ndarray,
    rules: PseudoLabelRules,
    known: np.ndarray,
    known_labels: np.ndarray,
    previous: np.ndarray | None = None,
) -> np.ndarray:
    """Whiten, smooth and reduce rows, as the rules say.

    Args:
        rows (`np.ndarray` of shape `(n, d)`): of the unlabelled corpus.
        rules ([`PseudoLabelRules`]): `whitening`, `shrinkage`, `smoothing`, `pca_components`.
        known (`np.ndarray` of shape `(m, d)`), known_labels (`np.ndarray` of shape `(m,)`): rows of known relations.
        previous (`np.ndarray` of shape `(n,)`, *optional*): the clusters of the epoch before.

    Returns:
        `np.ndarray` of shape `(n, p)`: what is clustered.
    """
    if rules.whitening:
        fitting, classes = known, known_labels
        if previous is not None:
            fitting = np.concatenate([known, rows])
            classes = np.concatenate([known_labels, previous + known_labels.max() + 1])
        rows = WithinClassWhitening(shrinkage=rules.shrinkage).fit(fitting, classes.tolist()).transform(rows)
    if rules.smoothing:
        rows = NeighborSmoothing(rules.smoothing).transform(rows)
    if rules.pca_components is not None:
        rows = PrincipalComponents(rules.pca_components).fit(rows).transform(rows)
    return rows


def make_pseudo_labels(
    space: np.ndarray, num_clusters: int, rules: PseudoLabelRules, logits: np.ndarray | None = None
) -> PseudoLabelling:
    """Cluster rows and decide which of them keep their cluster as a label.

    Args:
        space (`np.ndarray` of shape `(n, p)`): from [`space_of`].
        num_clusters (`int`): k; with `logits` their number of columns.
        rules ([`PseudoLabelRules`]): the rules.
        logits (`np.ndarray` of shape `(n, k)`, *optional*): of the novel classifier, for `label_source="head"`.

    Returns:
        [`PseudoLabelling`].

    Raises:
        UsageError: fewer (distinct) rows than clusters.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.training.pseudo_label_rules import PseudoLabelRules, make_pseudo_labels
    >>> rows = np.array([[0.0], [0.1], [0.5], [3.0]], dtype=np.float32)
    >>> make_pseudo_labels(rows, 2, PseudoLabelRules(keep=0.7)).labels.tolist()
    [0, 0, -100, 1]

    ```
    """
    if len(space) < num_clusters:
        raise UsageError(
            f"There are {len(space)} unlabelled rows for {num_clusters} novel relations. Give more unlabelled text, or a "
            "smaller --num_novel_relations."
        )
    sureness = None
    if logits is not None:
        clusters = logits.argmax(axis=1).astype(np.int64)
    elif rules.balance == "sinkhorn":
        balanced = BalancedKMeans(num_clusters, temperature=rules.temperature, n_init=rules.n_init, seed=rules.seed)
        clusters, sureness = balanced.fit(space).labels_, balanced.predict_proba(space)
    else:
        clusters = cluster(space, "kmeans", num_clusters, n_init=rules.n_init, seed=rules.seed)
    agreement = None
    if rules.neighbors:
        nearest, _ = nearest_neighbors(space, min(rules.neighbors, len(space) - 1))
        clusters = _majority(clusters, nearest, num_clusters)
        agreement = (clusters[nearest] == clusters[:, None]).mean(axis=1)
    centers = cluster_centers(space, clusters, num_clusters)
    distances = ((space.astype(np.float64) - centers[clusters]) ** 2).sum(axis=1)
    doubt = distances
    if logits is not None:
        doubt = -_probability(logits, clusters)
    elif sureness is not None:
        doubt = -sureness[np.arange(len(clusters)), clusters]
    kept = _surest(clusters, doubt, rules.keep)
    if agreement is not None:
        kept &= agreement >= rules.min_agreement
    return PseudoLabelling(clusters, np.where(kept, clusters, NO_LABEL), float(distances.mean()))


def renumber_like(before: np.ndarray, made: PseudoLabelling, num_clusters: int) -> PseudoLabelling:
    """Number clusters so that as many rows as possible keep their number, for classifiers that learn numbers.

    Args:
        before (`np.ndarray` of shape `(n,)`): the clusters of the epoch before, 0 to k - 1.
        made ([`PseudoLabelling`]): new ones.
        num_clusters (`int`): k.

    Returns:
        [`PseudoLabelling`]: the same clusters with other numbers.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.training.pseudo_label_rules import PseudoLabelling, renumber_like
    >>> made = PseudoLabelling(np.array([1, 1, 0]), np.array([1, -100, 0]), 0.0)
    >>> renumber_like(np.array([0, 0, 0]), made, 2).labels.tolist()
    [0, -100, 1]

    ```
    """
    shared = np.zeros((num_clusters, num_clusters), dtype=np.int64)
    np.add.at(shared, (made.clusters, before), 1)
    numbers = linear_sum_assignment(shared, maximize=True)[1].astype(np.int64)
    labels = np.where(made.labels == NO_LABEL, NO_LABEL, numbers[made.clusters])
    return replace(made, clusters=numbers[made.clusters], labels=labels)


def cluster_centers(space: np.ndarray, clusters: np.ndarray, num_clusters: int) -> np.ndarray:
    """Mean of the rows of every cluster; zeros for one without rows.

    Args:
        space (`np.ndarray` of shape `(n, p)`), clusters (`np.ndarray` of shape `(n,)`): rows, and the cluster of each.
        num_clusters (`int`): k.

    Returns:
        `np.ndarray` of shape `(k, p)`, float64.
    """
    centers = np.zeros((num_clusters, space.shape[1]))
    for number in range(num_clusters):
        members = space[clusters == number]
        if len(members):
            centers[number] = members.mean(axis=0, dtype=np.float64)
    return centers


def share_changed(before: np.ndarray, after: np.ndarray) -> float:
    """Share of rows that changed their cluster, however the clusters are numbered.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.training.pseudo_label_rules import share_changed
    >>> share_changed(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]))
    0.25

    ```
    """
    return 1.0 - hungarian_accuracy(before, after)


def _majority(clusters: np.ndarray, nearest: np.ndarray, num_clusters: int) -> np.ndarray:
    """The most frequent cluster among a row and its neighbours."""
    rows = np.arange(len(clusters))
    votes = np.zeros((len(clusters), num_clusters))
    for column in (clusters, *clusters[nearest].T):
        votes[rows, column] += 1
    votes[rows, clusters] += 0.5  # its own, where several have most votes
    return votes.argmax(axis=1).astype(np.int64)


def _surest(clusters: np.ndarray, doubt: np.ndarray, keep: float) -> np.ndarray:
    kept = np.zeros(len(clusters), dtype=bool)
    for number in np.unique(clusters):
        members = np.flatnonzero(clusters == number)
        order = members[np.argsort(doubt[members], kind="stable")]
        kept[order[: max(1, round(keep * len(members)))]] = True
    return kept


def _probability(logits: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted[np.arange(len(clusters)), clusters] / shifted.sum(axis=1)
