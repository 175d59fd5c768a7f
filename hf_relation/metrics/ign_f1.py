"""Ign F1 of DocRED: F1 of document-level triples without credit for facts that the training data states."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.data.overlap_types import document_triples
from hf_relation.errors import UsageError
from hf_relation.metrics.ratios import check_documents, f1_of, precision_recall_f1, ratio


if TYPE_CHECKING:  # so that metrics stay apart from `datasets`
    from hf_relation.data.schema import Document

NamedFact = tuple[str, str, str]


def facts_of(documents: Iterable[Document]) -> set[NamedFact]:
    """The facts that annotated documents state, as names: what [`ign_f1_scores`] gives no credit for.

    An entity goes by all of its mentions' texts, and every name of the head with every name of the tail makes a fact. Names are taken
    letter for letter, as DocRED's evaluation takes them.

    Args:
        documents (`Iterable[Document]`): in normal form, usually those of the training set.

    Returns:
        `set[tuple[str, str, str]]`: `(name of the head, relation, name of the tail)`.

    Example:

    ```python
    >>> from hf_relation.metrics import facts_of
    >>> document = {"text": "Ada was born in Holm. Ada Brenner left.", "relations": [{"head": 0, "tail": 1, "label": "born in"}],
    ...             "mentions": [{"start": 0, "end": 3}, {"start": 16, "end": 20}, {"start": 22, "end": 33}],
    ...             "entities": [{"mentions": [0, 2]}, {"mentions": [1]}]}
    >>> sorted(facts_of([document]))
    [('Ada', 'born in', 'Holm'), ('Ada Brenner', 'born in', 'Holm')]

    ```
    """
    return {
        fact
        for document in documents
        for head, relation, tail in document_triples(document)
        for fact in _facts(_names(document, head), relation, _names(document, tail))
    }


def ign_f1_scores(
    documents: Iterable[Document],
    predicted: Sequence[Iterable[Sequence[Any]]],
    train_facts: Collection[NamedFact],
) -> dict[str, float]:
    """F1 and Ign F1 of predicted triples of documents, as DocRED's evaluation defines them.

    A predicted triple that is **right** and is a fact of `train_facts` (any name of its head with any name of its tail) is taken
    out of both parts of the precision: `ign_precision = (correct - correct_in_train) / (predicted - correct_in_train)`. Recall stays
    as it is, and `ign_f1` is the harmonic mean of the two. Wrong predictions stay in, whatever the training data states. So
    `ign_f1` is never above `f1`.

    Args:
        documents (iterable of `n` `Document`): with their gold `relations`, in normal form.
        predicted (sequence of `n` iterables of triples): of every document `(head, relation, tail)`, head and tail being positions in its
            `entities`. "No relation" is no triple.
        train_facts (collection of `(str, str, str)`): what [`facts_of`] gives for the training documents.

    Returns:
        `dict[str, float]`: `precision`, `recall`, `f1`, `ign_precision` and `ign_f1` in [0, 1], higher is better, 0 where there is nothing
        to divide by; and the whole numbers `num_gold`, `num_predicted`, `num_correct` and `num_correct_in_train`. A triple listed
        several times in one document counts once.

    Raises:
        UsageError: the numbers of documents differ, or a triple is not two entities of its document and a relation (also a
            `ValueError`).

    Example:

    Two of three predictions are right, one of them a known fact: precision 2/3 becomes (2 - 1) / (3 - 1), recall is 2/2:

    ```python
    >>> from hf_relation.metrics import ign_f1_scores
    >>> document = {"text": "Ada met Bob in Holm.", "entities": [{"mentions": [0]}, {"mentions": [1]}, {"mentions": [2]}],
    ...             "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}, {"start": 15, "end": 19}],
    ...             "relations": [{"head": 0, "tail": 1, "label": "met"}, {"head": 0, "tail": 2, "label": "lives in"}]}
    >>> predicted = [[(0, "met", 1), (0, "lives in", 2), (1, "lives in", 2)]]
    >>> scores = ign_f1_scores([document], predicted, {("Ada", "lives in", "Holm"), ("Bob", "lives in", "Holm")})
    >>> scores["f1"], scores["ign_precision"], round(scores["ign_f1"], 4)
    (0.8, 0.5, 0.6667)

    ```

    Note:
        Papers often say that Ign F1 leaves out the facts shared by test and training data ("IgF1 ignores performance on fact triples in
        the test set overlapping with triples in the train/dev sets", Hogan et al., 2022). DocRED's code, and this function, leaves
        them out of precision alone: gold triples that the training data states stay in the denominator of recall. It takes the
        facts of the annotated training documents; give those of training and development documents to leave out both. Two more
        details: that code adds 1e-5 to the denominator of `ign_precision`, which is not done here; and its names are a field of the
        corpus, which here are the texts of the mentions (in Re-DocRED one in forty differs, nearly always in white space).

    Reference:
        Yao et al., "DocRED: A Large-Scale Document-Level Relation Extraction Dataset", ACL 2019, section 5; `evaluation.py` of its
        repository.
    """
    if isinstance(documents, (str, Mapping)) or not isinstance(documents, Iterable):
        raise UsageError(f"`documents` must be a list of documents, got {type(documents).__name__}.")
    rows = list(documents)
    _, guesses = check_documents([()] * len(rows), predicted, what="triples")
    num_gold = num_predicted = num_correct = in_train = 0
    for number, (document, triples) in enumerate(zip(rows, guesses, strict=True)):
        gold = set(document_triples(document))
        listed = {_triple(triple, len(document["entities"]), number) for triple in triples}
        right = gold & listed
        num_gold, num_predicted, num_correct = (
            num_gold + len(gold),
            num_predicted + len(listed),
            num_correct + len(right),
        )
        in_train += sum(
            any(fact in train_facts for fact in _facts(_names(document, head), relation, _names(document, tail)))
            for head, relation, tail in right
        )
    scores = precision_recall_f1(num_correct, num_predicted, num_gold)
    ign_precision = ratio(num_correct - in_train, num_predicted - in_train)
    return {
        **scores,
        "ign_precision": ign_precision,
        "ign_f1": f1_of(ign_precision, scores["recall"]),
        "num_gold": num_gold,
        "num_predicted": num_predicted,
        "num_correct": num_correct,
        "num_correct_in_train": in_train,
    }


def _names(document: Document, entity: int) -> set[str]:
    mentions = (document["mentions"][place] for place in document["entities"][entity]["mentions"])
    return {document["text"][mention["start"] : mention["end"]] for mention in mentions}


def _facts(heads: set[str], relation: str, tails: set[str]) -> Iterator[NamedFact]:
    return ((head, relation, tail) for head in heads for tail in tails)


def _triple(triple: Any, entities: int, number: int) -> tuple[int, str, int]:
    if isinstance(triple, Sequence) and not isinstance(triple, str) and len(triple) == 3:
        head, relation, tail = triple
        places = (head, tail)
        if (
            isinstance(relation, str)
            and all(isinstance(place, (int, np.integer)) and not isinstance(place, bool) for place in places)
            and all(0 <= place < entities for place in places)
        ):
            return int(head), relation, int(tail)
    raise UsageError(
        f"`predicted` {number}: {str(triple)[:60]!r} is not (head, relation, tail), with head and tail from 0 to {entities - 1}, "
        "the positions of the document's entities, and the name of a relation."
    )
