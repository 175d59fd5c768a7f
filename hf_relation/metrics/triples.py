"""Precision, recall and F1 over triples: exact matches, counted over all documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from itertools import compress

from hf_relation.data.overlap_types import (
    NUMBER_BUCKETS,
    NUMBER_CLASSES,
    OVERLAP_TYPES,
    class_of_number,
    overlap_types,
)
from hf_relation.errors import UsageError
from hf_relation.metrics.ratios import check_documents, precision_recall_f1


Triple = tuple[Hashable, Hashable, Hashable]
Triples = Sequence[Iterable[Sequence[Hashable]]]
Scores = dict[str, float]


def triple_scores(gold: Triples, predicted: Triples) -> Scores:
    """Micro-averaged precision, recall and F1 of triples.

    A predicted triple is right when the same document has the same triple. What makes two triples the same is what the caller
    puts into them: **head and tail may be anything hashable**. Surface strings compare as CasRel and CopyRE do; positions of
    entities compare pairs of given entities; `(start, end, type)` tuples give the *joint strict* match, where both spans,
    both types and the relation have to be right.

    A triple listed several times in one document counts once, on either side.

    Args:
        gold (sequence of `n` iterables of triples): one iterable per document, of `(head, relation, tail)`.
        predicted (sequence of `n` iterables of triples): in the same order of documents.

    Returns:
        `dict[str, float]`: `triple_precision`, `triple_recall` and `triple_f1` in [0, 1], higher is better; and the whole
        numbers `num_gold_triples`, `num_predicted_triples`, `num_correct_triples`. A ratio with nothing to divide by is 0:
        precision where nothing is predicted, recall where nothing is gold, F1 where nothing is right.

    Raises:
        UsageError: the numbers of documents differ, or a triple has not three hashable parts (also a `ValueError`).

    Example:

    ```python
    >>> from hf_relation.metrics import triple_scores
    >>> gold = [[("Ada", "born in", "Holm"), ("Ada", "met", "Bob")], [("Eve", "met", "Bob")]]
    >>> predicted = [[("Ada", "born in", "Holm"), ("Bob", "met", "Ada")], []]
    >>> scores = triple_scores(gold, predicted)
    >>> scores["triple_precision"], round(scores["triple_recall"], 4), scores["triple_f1"]
    (0.5, 0.3333, 0.4)

    ```

    Spans and types as well, the joint strict match; the second triple has the right words in the wrong place:

    ```python
    >>> gold = [[((0, 3, "PER"), "born in", (12, 16, "LOC")), ((0, 3, "PER"), "met", (21, 24, "PER"))]]
    >>> predicted = [[((0, 3, "PER"), "born in", (12, 16, "LOC")), ((0, 3, "PER"), "met", (29, 32, "PER"))]]
    >>> triple_scores(gold, predicted)["triple_f1"]
    0.5

    ```

    Reference:
        Zeng et al., "Extracting Relational Facts by an End-to-End Neural Model with Copy Mechanism", ACL 2018.
    """
    return _scores(*_sets(*_documents(gold, predicted)))


def triple_report(
    gold: Triples,
    predicted: Triples,
    *,
    overlap: Sequence[Collection[str]] | None = None,
    num_triples: Sequence[int] | None = None,
) -> dict[str, dict[str, Scores]]:
    """`triple_scores` of all documents and of the subsets by which extraction is reported, and of each relation.

    A subset is one of *documents*: with all of their triples, gold and predicted, whatever the type of a single triple is.
    That is how CopyRE, CasRel and KernelRE report. Documents without gold triples are in no subset but in `all`.

    Args:
        gold (sequence of `n` iterables of triples): one iterable per document, of `(head, relation, tail)`. Classes are by
            the triples as listed, so give lists, not sets, where upstream repeats triples.
        predicted (sequence of `n` iterables of triples): in the same order of documents.
        overlap (sequence of `n` collections of `str`, *optional*): the overlap types of each document; by default
            `overlap_types` of its gold triples.
        num_triples (sequence of `n` `int`, *optional*): the number of triples of each document; by default that of its gold
            triples as listed.

    Returns:
        `dict[str, dict[str, dict[str, float]]]`: five sections of the values of `triple_scores`.

        - `"all"`: the one entry `"All"`.
        - `"overlap"`: `"Normal"`, `"EPO"`, `"SEO"`; a document may be in the last two.
        - `"number"`: `"Single"`, `"Double"` (exactly two), `"Multiple"` (three or more).
        - `"count"`: `"1"`, `"2"`, `"3"`, `"4"`, `"5+"`.
        - `"relations"`: each relation met, the most frequent in gold first; its support is `num_gold_triples`.

        Entries of the first four have the number of their documents too, `num_documents`.

    Raises:
        UsageError: the numbers of documents differ, a triple has not three hashable parts, an overlap type is unknown, or a
            number of triples is negative (also a `ValueError`).

    Example:

    ```python
    >>> from hf_relation.metrics import triple_report
    >>> gold = [[("Holm", "in", "Norland"), ("Holm", "capital of", "Norland")], [("Ada", "met", "Bob")]]
    >>> report = triple_report(gold, [[("Holm", "in", "Norland")], [("Ada", "met", "Bob")]])
    >>> report["all"]["All"]["triple_f1"], report["overlap"]["EPO"]["triple_recall"], report["number"]["Single"]["triple_f1"]
    (0.8, 0.5, 1.0)
    >>> report["relations"]["capital of"]["triple_recall"], report["relations"]["in"]["num_gold_triples"]
    (0.0, 1)

    ```
    """
    listed, guessed = _documents(gold, predicted)
    gold_sets, predicted_sets = _sets(listed, guessed)
    types = [overlap_types(triples) for triples in listed] if overlap is None else list(overlap)
    numbers = [len(triples) for triples in listed] if num_triples is None else list(num_triples)
    for name, values in (("overlap", types), ("num_triples", numbers)):
        if len(values) != len(listed):
            raise UsageError(f"`{name}` has {len(values)} entries for {len(listed)} documents. One each is needed.")
    if unknown := {kind for kinds in types for kind in kinds} - set(OVERLAP_TYPES):
        raise UsageError(f"overlap types are {', '.join(OVERLAP_TYPES)}, got {sorted(map(str, unknown))}.")
    if min(numbers, default=0) < 0:
        raise UsageError(f"`num_triples` must not be negative, got {min(numbers)}.")

    def of_documents(chosen: Sequence[bool]) -> Scores:
        truth, guess = (list(compress(side, chosen)) for side in (gold_sets, predicted_sets))
        return {**_scores(truth, guess), "num_documents": sum(chosen)}

    def by_number(classes: tuple[str, ...]) -> dict[str, Scores]:
        found = [class_of_number(number, classes) for number in numbers]
        return {name: of_documents([name == one for one in found]) for name in classes}

    return {
        "all": {"All": of_documents([True] * len(listed))},
        "overlap": {name: of_documents([name in kinds for kinds in types]) for name in OVERLAP_TYPES},
        "number": by_number(NUMBER_CLASSES),
        "count": by_number(NUMBER_BUCKETS),
        "relations": _by_relation(gold_sets, predicted_sets),
    }


def counts_of_relations(
    gold: Triples, predicted: Triples
) -> tuple[Counter[Hashable], Counter[Hashable], Counter[Hashable]]:
    """Of every relation how many triples are gold, predicted, and right; arguments and errors as for [`triple_scores`]."""
    return _counts_of_relations(*_sets(*_documents(gold, predicted)))


def _counts_of_relations(
    gold: list[set[Triple]], predicted: list[set[Triple]]
) -> tuple[Counter[Hashable], Counter[Hashable], Counter[Hashable]]:
    in_gold, in_predicted, right = Counter[Hashable](), Counter[Hashable](), Counter[Hashable]()
    for truth, guess in zip(gold, predicted, strict=True):
        for count, triples in ((in_gold, truth), (in_predicted, guess), (right, truth & guess)):
            count.update(triple[1] for triple in triples)
    return in_gold, in_predicted, right


def _by_relation(gold: list[set[Triple]], predicted: list[set[Triple]]) -> dict[str, Scores]:
    in_gold, in_predicted, right = _counts_of_relations(gold, predicted)
    order = sorted({**in_gold, **in_predicted}, key=lambda relation: (-in_gold[relation], str(relation)))
    return {str(relation): _named(in_gold[relation], in_predicted[relation], right[relation]) for relation in order}


def _scores(gold: list[set[Triple]], predicted: list[set[Triple]]) -> Scores:
    right = sum(len(truth & guess) for truth, guess in zip(gold, predicted, strict=True))
    return _named(sum(map(len, gold)), sum(map(len, predicted)), right)


def _named(num_gold: int, num_predicted: int, num_correct: int) -> Scores:
    return {
        **precision_recall_f1(num_correct, num_predicted, num_gold, prefix="triple_"),
        "num_gold_triples": num_gold,
        "num_predicted_triples": num_predicted,
        "num_correct_triples": num_correct,
    }


def _documents(gold: Triples, predicted: Triples) -> tuple[list[list[Triple]], list[list[Triple]]]:
    truth, guesses = check_documents(gold, predicted, what="triples")
    return _listed(truth, "gold"), _listed(guesses, "predicted")


def _listed(side: Triples, name: str) -> list[list[Triple]]:
    return [[_triple(triple, name, number) for triple in triples] for number, triples in enumerate(side)]


def _triple(triple: Sequence[Hashable], name: str, number: int) -> Triple:
    if isinstance(triple, str) or not isinstance(triple, Sequence) or len(triple) != 3:
        raise UsageError(f"`{name}` {number}: {str(triple)[:60]!r} is not (head, relation, tail).")
    head, relation, tail = triple
    return head, relation, tail


def _sets(gold: list[list[Triple]], predicted: list[list[Triple]]) -> tuple[list[set[Triple]], list[set[Triple]]]:
    try:
        return [set(triples) for triples in gold], [set(triples) for triples in predicted]
    except TypeError as error:
        raise UsageError(f"head, relation and tail must be hashable ({error}). Make lists tuples.") from None
