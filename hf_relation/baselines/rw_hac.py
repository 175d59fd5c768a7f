"""RW-HAC: re-weighted word vectors, and hierarchical agglomerative clustering."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hf_relation.baselines.checks import check_inputs, check_integer, check_number, type_columns
from hf_relation.baselines.pair_words import PairWords
from hf_relation.clustering import PrincipalComponents, cluster
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.data import WordVectors


def rw_hac(
    instances: Iterable[Mapping[str, Any]],
    num_relations: int,
    vectors: WordVectors,
    *,
    linkage: Literal["ward", "average", "complete"] = "average",
    **features: Any,
) -> np.ndarray:
    """Cluster instances by their re-weighted word vectors and their entity types, agglomeratively.

    Args:
        instances (`Iterable[Mapping]`): instances of the data contract; gold labels are not read.
        num_relations (`int`): clusters to make, at most the number of instances that differ in their features.
        vectors ([`~hf_relation.data.WordVectors`]): vectors of lower-case words.
        linkage (`str`, defaults to `"average"`): which clusters are joined next.
        **features: arguments of [`reweighted_features`].

    Returns:
        `np.ndarray` of shape `(n,)`, int64: labels from 0 by size, largest first; the same in any order of the instances.

    Raises:
        UsageError: fewer (different) instances than relations, or a setting out of range.
        InvalidRowError: a bad row, with its position.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.baselines import rw_hac
    >>> from hf_relation.data import WordVectors
    >>> vectors = WordVectors(["wrote", "composed", "crosses"], np.array([[1, 0], [0.9, 0.1], [0, 1]], dtype=np.float32))
    >>> rows = [{"text": f"Ada {verb} the Selva.", "head": {"start": 0, "end": 3},
    ...          "tail": {"start": 9 + len(verb), "end": 14 + len(verb)}} for verb in ("wrote", "crosses", "composed")]
    >>> rw_hac(rows, 2, vectors).tolist()
    [0, 1, 0]

    ```

    Reference: Elsahar et al., "Unsupervised Open Relation Extraction", ESWC 2017.
    """
    rows = check_inputs(instances, num_relations)
    return cluster(reweighted_features(rows, vectors, **features), "agglomerative", num_relations, linkage=linkage)


def reweighted_features(
    instances: Iterable[Mapping[str, Any]],
    vectors: WordVectors,
    *,
    inside_weight: float = 1.0,
    outside_weight: float = 0.3,
    use_idf: bool = True,
    n_components: int | None = 32,
) -> np.ndarray:
    r"""One row per instance: the weighted mean of its word vectors, and its entity types.

    A word weighs `inside_weight` between the mentions and `outside_weight` elsewhere (in the mentions, too), times
    \\(\\log\\frac{1 + n}{1 + n_w} + 1\\) with \\(n_w\\) of the \\(n\\) instances holding the word. The two kinds of features are
    reduced to principal components each for itself, scaled to length one and joined.

    The paper weighs by the dependency path between the mentions; there is no parser here, and the words between the mentions
    stand for the path.

    Args:
        instances (`Iterable[Mapping]`): instances of the data contract; gold labels are not read.
        vectors ([`~hf_relation.data.WordVectors`]): vectors of lower-case words; others count for nothing.
        inside_weight (`float`, defaults to 1.0): of a word between the mentions, at least 0.
        outside_weight (`float`, defaults to 0.3): of the other words, at least 0; not both 0.
        use_idf (`bool`, defaults to `True`): weigh rare words more.
        n_components (`int`, *optional*, defaults to 32): principal components of each kind of features at most; `None`
            leaves them as they are.

    Returns:
        `np.ndarray` of shape `(n, c)`, float32: rows of length one where no instance has entity types; the part of the words
        is zero for an instance without a known word.

    Raises:
        UsageError: a setting out of range.
        InvalidRowError: a bad row, with its position.

    Reference: Elsahar et al., ESWC 2017, section 2.
    """
    check_number("inside_weight", inside_weight, 0)
    check_number("outside_weight", outside_weight, 0)
    if not inside_weight and not outside_weight:
        raise UsageError("`inside_weight` and `outside_weight` are both 0, so that no word counts. Raise one of them.")
    if n_components is not None:
        check_integer("n_components", n_components, 1)
    rows = check_inputs(instances, 1)
    row_of = {word: number for number, word in enumerate(vectors.words)}
    inside, outside = [], []
    for row in rows:
        parts = PairWords.of(row)
        others = [*parts.before, *parts.head, *parts.tail, *parts.after]
        inside.append([row_of[word] for word in parts.between if word in row_of])
        outside.append([row_of[word] for word in others if word in row_of])
    importance = np.ones(len(row_of))
    if use_idf:
        found = Counter(word for pair in zip(inside, outside, strict=True) for word in {*pair[0], *pair[1]})
        held = np.array([found[number] for number in range(len(row_of))])
        importance = np.log((1 + len(rows)) / (1 + held)) + 1
    table = vectors.vectors.astype(np.float64)
    means = np.zeros((len(rows), vectors.dim))
    for number, (near, far) in enumerate(zip(inside, outside, strict=True)):
        weights = np.r_[inside_weight * importance[near], outside_weight * importance[far]]
        if weights.sum() > 0:
            means[number] = weights @ table[near + far] / weights.sum()
    blocks = [_reduced(means, n_components)]
    if any(row[role]["type"] for row in rows for role in ("head", "tail")):
        blocks.append(_reduced(type_columns(rows), n_components))
    return np.concatenate(blocks, axis=1)


def _reduced(rows: np.ndarray, n_components: int | None) -> np.ndarray:
    """Principal components, or the rows less their mean, of length one."""
    return PrincipalComponents(n_components or min(rows.shape)).fit_transform(rows)
