"""How good the triples are: by two ways of choosing the candidate pairs, named so that nobody compares wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_relation.data.overlap_types import overlap_types
from hf_relation.data.schema import Document
from hf_relation.errors import UsageError
from hf_relation.extraction.decisions import DecisionRules
from hf_relation.extraction.scoring import PairScores
from hf_relation.metrics import triple_report


MODES = ("all_pairs", "gold_pairs")
"""`"all_pairs"`: entities are given, their pairs are not: every ordered pair is judged. `"gold_pairs"`: the pairs that have a
relation are given as well, as in the evaluation of KernelRE's authors: easier, and not comparable."""


@dataclass(frozen=True)
class GoldAndPredicted:
    """The gold and the predicted triples of documents, as `(head entity, relation, tail entity)`.

    Args:
        gold, predicted (`list[list[tuple]]`): one list a document.
        unknown (`dict[str, int]`): gold relations that the model does not know, with the number of their triples; they count
            as missed.
    """

    gold: list[list[tuple[int, str, int]]]
    predicted: list[list[tuple[int, str, int]]]
    unknown: dict[str, int]


def gold_and_predicted(
    documents: Sequence[Document],
    scores: Iterable[PairScores],
    relations: Sequence[str],
    rules: DecisionRules,
    *,
    mode: str = "all_pairs",
    best_only: bool = False,
) -> GoldAndPredicted:
    """Decide over the scores of labelled documents.

    Args:
        documents (`Sequence[Document]`): in normal form, with gold relations.
        scores (`Iterable[PairScores]`): of their candidate pairs, one a document.
        relations (`Sequence[str]`): names of the columns.
        rules ([`DecisionRules`]): what decides; symmetric relations are not merged.
        mode (`str`, defaults to `"all_pairs"`): one of `MODES`.
        best_only (`bool`, defaults to `False`): keep the surest relation of a pair alone.

    Returns:
        [`GoldAndPredicted`].

    Raises:
        UsageError: an unknown mode, or another number of scores than documents.
    """
    if mode not in MODES:
        raise UsageError(f"`mode` must be one of {', '.join(MODES)}, got {mode!r}.")
    gold: list[list[tuple[int, str, int]]] = []
    predicted: list[list[tuple[int, str, int]]] = []
    unknown: dict[str, int] = {}
    known = set(relations)
    for document, of_document in zip(documents, scores, strict=True):
        triples = [(r["head"], r["label"], r["tail"]) for r in document["relations"]]
        labelled = {(head, tail) for head, _, tail in triples}
        for _, label, _ in triples:
            if label not in known:
                unknown[label] = unknown.get(label, 0) + 1
        probabilities = rules.probabilities(of_document, document, relations)
        found = []
        if len(probabilities):
            chosen = rules.thresholds.apply(probabilities, relations) & (probabilities > 0)
            if best_only or rules.top_k is not None:
                rank = (-probabilities).argsort(axis=1, kind="stable").argsort(axis=1)
                chosen &= rank < (1 if best_only else rules.top_k or len(relations))
            for pair, column in np.argwhere(chosen).tolist():
                head, tail = of_document.pairs[pair]
                if mode == "all_pairs" or (head, tail) in labelled:
                    found.append((head, relations[column], tail))
        gold.append(triples)
        predicted.append(found)
    return GoldAndPredicted(gold, predicted, unknown)


def extraction_report(
    documents: Sequence[Document],
    scores: Iterable[PairScores],
    relations: Sequence[str],
    rules: DecisionRules,
    *,
    mode: str = "all_pairs",
) -> dict[str, Any]:
    """Score the triples of labelled documents: micro precision, recall and F1, in all and by kind of document.

    Args:
        documents, scores, relations, rules, mode: as for [`gold_and_predicted`].

    Returns:
        `dict`: what [`~hf_relation.metrics.triple_report`] gives (`all` being the figures themselves), and `mode`,
        `unknown_relations`.
    """
    found = gold_and_predicted(documents, scores, relations, rules, mode=mode)
    report = triple_report(
        found.gold,
        found.predicted,
        overlap=[overlap_types(document) for document in documents],
        num_triples=[len(document["relations"]) for document in documents],
    )
    return {"mode": mode, "unknown_relations": found.unknown, **report, "all": report["all"]["All"]}


def candidate_arrays(
    documents: Sequence[Document], scores: Sequence[PairScores], relations: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, Mapping[str, int]]:
    """Put the candidates of all documents below one another, to choose thresholds and calibrations by.

    Args:
        documents (`Sequence[Document]`): with gold relations.
        scores (`Sequence[PairScores]`): of their candidate pairs.
        relations (`Sequence[str]`): names of the columns.

    Returns:
        `tuple`: logits and labels `(n, relations)`, and by relation how many gold triples are not among the candidates.
    """
    number = {name: column for column, name in enumerate(relations)}
    logits = [of_document.logits for of_document in scores]
    missed: dict[str, int] = {}
    labels = []
    for document, of_document in zip(documents, scores, strict=True):
        place = {pair: row for row, pair in enumerate(of_document.pairs)}
        held = np.zeros((len(of_document.pairs), len(relations)), dtype=np.int8)
        for head, label, tail in {(r["head"], r["label"], r["tail"]) for r in document["relations"]}:
            if (head, tail) in place and label in number:
                held[place[head, tail], number[label]] = 1
            elif label in number:
                missed[label] = missed.get(label, 0) + 1
        labels.append(held)
    width = len(relations)
    stacked = np.concatenate([part.reshape(-1, width) for part in logits]) if logits else np.zeros((0, width))
    return stacked, np.concatenate(labels) if labels else np.zeros((0, width), dtype=np.int8), missed
