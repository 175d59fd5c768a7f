"""Relations that are known before discovery: labelled rows by name, and the gate that recognises them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hf_relation.clustering.rows import check_matrix
from hf_relation.data.hygiene import sentence_key
from hf_relation.data.negatives import shuffled_pair_negatives
from hf_relation.data.validation import check_instances
from hf_relation.discovery.inputs import without_labels
from hf_relation.discovery.open_world import OpenWorldGate
from hf_relation.errors import UsageError


CHECKPOINT = "checkpoint"
NOVEL, NONE = -2, -1  # what a gate decides of a row, beside the ids of known relations


@dataclass
class KnownRelations:
    """Labelled rows of the relations that are known, for `RelationDiscovery.fit(known=...)`.

    Args:
        instances (`Iterable[Mapping]` or `"checkpoint"`): instances with one relation each, three to five a relation or more; or the
            relations that are stored with the checkpoint, of which only the prior can be chosen.
        embeddings (array-like of shape `(m, d)`, *optional*): ready embeddings of them, in order; else the encoder makes them.
        negatives (`"shuffled"`, `Iterable[Mapping]` or `None`, defaults to `"shuffled"`): pairs without a relation, from which it is
            learned what belongs to none: `"shuffled"` makes them from the labelled sentences
            ([`~hf_relation.data.shuffled_pair_negatives`]), which needs the encoder; or instances of your own; with `None`
            every row is given to a relation, unless the checkpoint has a gate that knows better.
        negative_embeddings (array-like of shape `(q, d)`, *optional*): ready embeddings of the negatives.
        prior (`Sequence[float]`): how frequent known, novel and no relation are in the corpus, three numbers; equally, by
            default. The probabilities are calibrated for these shares.

    Example:

    ```python
    >>> from hf_relation.discovery import KnownRelations
    >>> KnownRelations([], negatives=None).prior
    (0.3333333333333333, 0.3333333333333333, 0.3333333333333333)

    ```
    """

    instances: Iterable[Mapping[str, Any]] | Literal["checkpoint"]
    embeddings: Any = None
    negatives: Iterable[Mapping[str, Any]] | Literal["shuffled"] | None = "shuffled"
    negative_embeddings: Any = None
    prior: Sequence[float] = (1 / 3, 1 / 3, 1 / 3)


def read_known(known: Any) -> KnownRelations:
    """Sort out what `known=` was given.

    Args:
        known ([`KnownRelations`], `Iterable[Mapping]` or `Mapping[str, Iterable[Mapping]]`): as they stand; labelled instances; or
            a few instances by the name of their relation, whose own labels are not read then.

    Returns:
        [`KnownRelations`]: its instances checked and with one relation each.

    Raises:
        UsageError: no instance, or one without a relation or with several.
        InvalidRowError: a bad row.
    """
    if not isinstance(known, KnownRelations):
        rows: Any = known
        if isinstance(known, Mapping):
            rows = []
            for name, examples in known.items():
                if not isinstance(name, str) or not name.strip():
                    raise UsageError(f"`known` must map names of relations to instances, got the name {name!r}.")
                rows += [{**row, "relations": [name]} for row in without_labels(examples)]
        known = KnownRelations(rows)
    if isinstance(known.instances, str):
        raise UsageError(f'`known` must be instances, or "{CHECKPOINT}", got {known.instances!r}.')
    checked = check_instances(known.instances)
    if not checked:
        raise UsageError("`known` holds no instance. Give three or more of every known relation, or leave it out.")
    for place, row in enumerate(checked):
        if len(row["relations"]) != 1:
            raise UsageError(
                f"Row {place} of `known` has the relations {row['relations']}; each must have exactly one, which is its name."
            )
    negatives = known.negatives
    if negatives is not None and not isinstance(negatives, str):
        negatives = without_labels(negatives)
    elif negatives not in (None, "shuffled"):
        raise UsageError(f'`negatives` must be "shuffled", instances or None, got {negatives!r}.')
    return KnownRelations(checked, known.embeddings, negatives, known.negative_embeddings, known.prior)


def fit_gate_of(
    known: KnownRelations,
    corpus: np.ndarray,
    *,
    embed: Callable[[Any], np.ndarray] | None,
    whiten: Callable[[np.ndarray], np.ndarray],
    base: OpenWorldGate | None,
    seed: int,
) -> tuple[OpenWorldGate, np.ndarray, list[str]]:
    """Fit the gate of known relations.

    Args:
        known ([`KnownRelations`]): as from [`read_known`].
        corpus (`np.ndarray` of shape `(n, d)`): embeddings of the rows that will be decided.
        embed (`Callable`, *optional*): from instances to embeddings; `None` where there is no encoder.
        whiten (`Callable`): from embeddings to the rows that the gate reads.
        base ([`OpenWorldGate`], *optional*): the checkpoint's.
        seed (`int`): of the gate.

    Returns:
        `tuple`: the gate, the embeddings of the labelled rows and the names of their relations.

    Raises:
        UsageError: embeddings are missing and cannot be made, or do not fit.
    """
    rows: Any = known.instances
    embeddings = _matrix(known.embeddings, rows, embed, "known.embeddings", corpus.shape[1])
    negatives: Any = known.negatives
    unrelated, sources = None, None
    if known.negative_embeddings is not None:
        unrelated = check_matrix(known.negative_embeddings, name="negative_embeddings", columns=corpus.shape[1])
    elif negatives == "shuffled":
        if embed is not None:
            made = shuffled_pair_negatives(rows, seed=seed)
            unrelated, sources = (embed(made.instances), made.sources) if made.instances else (None, None)
    elif negatives is not None:
        unrelated = _matrix(None, negatives, embed, "negative_embeddings", corpus.shape[1])
    if sources is None and isinstance(negatives, list) and unrelated is not None and len(negatives) == len(unrelated):
        # The gate must not judge a row by a pair of the same sentence.
        place = {sentence_key(row["text"]): position for position, row in enumerate(rows)}
        sources = [place.get(sentence_key(row["text"]), -1) for row in negatives]
    names = [row["relations"][0] for row in rows]
    gate = OpenWorldGate(prior=known.prior, seed=seed)
    gate.fit(
        whiten(embeddings),
        names,
        relations=list(dict.fromkeys(names)),
        negatives=None if unrelated is None or not len(unrelated) else whiten(unrelated),
        negative_sources=sources,
        corpus=whiten(corpus),
        base=base,
    )
    return gate, embeddings, names


def _matrix(given: Any, rows: Sequence[Any], embed: Any, name: str, columns: int) -> np.ndarray:
    if given is None:
        if embed is None:
            raise UsageError(
                f"There is no encoder to embed the known instances with. Pass `{name}` (in KnownRelations)."
            )
        given = embed(rows)
    matrix = check_matrix(given, name=name, columns=columns)
    if len(matrix) != len(rows):
        raise UsageError(f"`{name}` must hold one row per instance: {len(rows)} instances, {len(matrix)} rows.")
    return matrix
