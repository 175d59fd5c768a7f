"""Relations as topics over the features of an instance, in the manner of rel-LDA."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer

from hf_relation.baselines.checks import check_inputs, check_integer, check_number
from hf_relation.baselines.pair_words import PairWords
from hf_relation.clustering import canonical_labels
from hf_relation.clustering.threads import one_thread
from hf_relation.discovery.keywords import ENGLISH_FUNCTION_WORDS
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.data import Instance

FEATURES: tuple[str, ...] = ("between", "context", "mentions", "path", "types")
_WINDOW = 3  # words in front of the first and behind the second mention
_PATH_WORDS = 5  # a longer path hardly occurs twice


def relation_topics(
    instances: Iterable[Mapping[str, Any]],
    num_relations: int,
    *,
    seed: int = 0,
    features: Sequence[str] = FEATURES,
    min_instances: int = 2,
    doc_topic_prior: float | None = 1.0,
    topic_word_prior: float | None = 1.0,
    max_iter: int = 50,
) -> np.ndarray:
    """Find relations with a topic model: every instance is a document, its features are the words, and topics are relations.

    The features (each kind has words of its own): `"between"`, words between the mentions; `"context"`, the three words in
    front of and behind them; `"mentions"`, words of head and tail; `"path"`, all that stands between the mentions as one
    feature, with the order of head and tail; `"types"`, the entity types and their pair. Function words count in `"path"` only.
    rel-LDA has the dependency path, tags of parts of speech and a trigger word besides, and gives every pair one relation;
    here an instance may mix topics, and the likeliest is taken.

    Args:
        instances (`Iterable[Mapping]`): instances of the data contract; gold labels are not read.
        num_relations (`int`): topics. A topic that is the likeliest for no instance leaves fewer clusters.
        seed (`int`, defaults to 0): of the start.
        features (`Sequence[str]`): kinds of features, from those above.
        min_instances (`int`, defaults to 2): features of fewer instances are left out.
        doc_topic_prior, topic_word_prior (`float`, *optional*, default to 1.0): Dirichlet priors, above 0 and at most 1; `None`
            for 1 / `num_relations`. The defaults cluster held-out known relations of FewRel better than smaller ones.
        max_iter (`int`, defaults to 50): rounds over all instances.

    Returns:
        `np.ndarray` of shape `(n,)`, int64: labels from 0 by size, largest first; -1 for an instance without any of the
        features that count.

    Raises:
        UsageError: a setting out of range, no feature that counts, or fewer instances than relations.
        InvalidRowError: a bad row, with its position.

    Example:

    ```python
    >>> from hf_relation.baselines import relation_topics
    >>> texts = ["Ada was born near Lindau.", "Bob crosses under Selva."] * 3
    >>> rows = [{"text": text, "head": {"start": 0, "end": 3}, "tail": {"start": len(text) - 6, "end": len(text) - 1}}
    ...         for text in texts]
    >>> relation_topics(rows, 2, seed=1).tolist()
    [0, 1, 0, 1, 0, 1]

    ```

    Reference: Yao, Haghighi, Riedel and McCallum, "Structured Relation Discovery using Generative Models", EMNLP 2011.
    """
    rows = check_inputs(instances, num_relations)
    for name, value, least in (("seed", seed, 0), ("min_instances", min_instances, 1), ("max_iter", max_iter, 1)):
        check_integer(name, value, least)
    for name, prior in (("doc_topic_prior", doc_topic_prior), ("topic_word_prior", topic_word_prior)):
        if prior is not None:
            check_number(name, prior, 0, 1, above=True)
    if isinstance(features, str) or not features or set(features) - set(FEATURES):
        raise UsageError(f"`features` must be a list of some of {', '.join(FEATURES)}; got {features!r}.")
    documents = [tuple(_features(row, features)) for row in rows]
    # The start is drawn document by document, so they come in an order of their own.
    distinct = sorted(set(documents))
    rank = {document: number for number, document in enumerate(distinct)}
    ranks = np.array([rank[document] for document in documents])
    counts = _count(sorted(documents), distinct, min_instances)
    model = LatentDirichletAllocation(
        num_relations,
        doc_topic_prior=doc_topic_prior,
        topic_word_prior=topic_word_prior,
        learning_method="batch",
        max_iter=max_iter,
        random_state=seed,
    )
    with one_thread():
        model.fit(counts[np.sort(ranks)])
        labels = model.transform(counts).argmax(axis=1)
    labels[np.asarray(counts.sum(axis=1)).ravel() == 0] = -1
    return canonical_labels(labels[ranks], ranks)


def _count(documents: list[tuple[str, ...]], distinct: list[tuple[str, ...]], min_instances: int) -> Any:
    """Counts of features, one row per distinct document, as a sparse matrix."""
    vectorizer = CountVectorizer(analyzer=lambda document: document, min_df=min_instances)
    try:
        vectorizer.fit(documents)
    except ValueError:
        raise UsageError(
            f"No feature occurs in {min_instances} instances, so there is nothing to find relations by. Lower "
            "`min_instances`, add kinds of `features` or pass more instances."
        ) from None
    return vectorizer.transform(distinct)


def _features(row: Instance, kinds: Sequence[str]) -> list[str]:
    parts = PairWords.of(row)
    order = "head first" if parts.head_first else "tail first"
    found: list[str] = []
    if "between" in kinds:
        found += [f"between {word}" for word in parts.between if word not in ENGLISH_FUNCTION_WORDS]
    if "context" in kinds:
        around = [
            *(("before", word) for word in parts.before[-_WINDOW:]),
            *(("after", word) for word in parts.after[:_WINDOW]),
        ]
        found += [f"{where} {word}" for where, word in around if word not in ENGLISH_FUNCTION_WORDS]
    if "mentions" in kinds:
        found += [f"head {word}" for word in parts.head if word not in ENGLISH_FUNCTION_WORDS]
        found += [f"tail {word}" for word in parts.tail if word not in ENGLISH_FUNCTION_WORDS]
    if "path" in kinds and len(parts.between) <= _PATH_WORDS:
        found.append(f"path {order}: {' '.join(parts.between)}")
    if "types" in kinds and (row["head"]["type"] or row["tail"]["type"]):
        head, tail = row["head"]["type"], row["tail"]["type"]
        found += [f"head type {head}", f"tail type {tail}", f"types {head}, {tail}"]
    return found
