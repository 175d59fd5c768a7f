"""F1 of relations between given pairs: over all triples, and as two averages over relations."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from hf_relation.errors import UsageError
from hf_relation.metrics.ratios import averaged_f1
from hf_relation.metrics.triples import Scores, Triples, counts_of_relations


def relation_scores(gold: Triples, predicted: Triples, *, relations: Iterable[Hashable] | None = None) -> Scores:
    """Micro, macro and weighted F1 of triples, where a pair may have any number of relations.

    **"No relation" is no triple.** A pair without a relation is listed on neither side, a pair for which nothing is predicted is not
    listed in `predicted`; no class has to have the number 0 for that. Triples whose relation is a class such as `"NA"` would be
    scored like any other, so leave them out.

    Triples are compared as in [`triple_scores`]; one that is listed several times in a document counts once.

    Args:
        gold (sequence of `n` iterables of triples): one iterable per document, of `(head, relation, tail)`.
        predicted (sequence of `n` iterables of triples): in the same order of documents.
        relations (iterable, *optional*): the relations over which `macro_f1` is averaged, for instance all that the corpus defines; one
            that occurs nowhere counts 0. By default all that occur in `gold` or in `predicted`, as in scikit-learn. The other
            values are over all triples, whatever `relations` is.

    Returns:
        `dict[str, float]`: in [0, 1], higher is better; 0 where there is nothing to divide by.

        - `precision`, `recall`, `f1`: micro-averaged, from the counts of all triples.
        - `macro_f1`: mean of the relations' F1, each weighing the same.
        - `weighted_f1`: mean of the relations' F1, weighted by their number of gold triples.

    Raises:
        UsageError: the numbers of documents differ, a triple has not three hashable parts, or `relations` is a string (also a
            `ValueError`).

    Example:

    Two of three predicted triples are right, two of four gold ones are found. "born in" has F1 1, "met" 2/4 and
    "founded" 0:

    ```python
    >>> from hf_relation.metrics import relation_scores
    >>> gold = [[(0, "born in", 1), (0, "met", 2)], [(0, "met", 1), (1, "founded", 2)]]
    >>> predicted = [[(0, "born in", 1), (0, "met", 2), (2, "met", 0)], []]
    >>> scores = relation_scores(gold, predicted)
    >>> {name: round(value, 4) for name, value in scores.items()}
    {'precision': 0.6667, 'recall': 0.5, 'f1': 0.5714, 'macro_f1': 0.5, 'weighted_f1': 0.5}
    >>> relation_scores(gold, predicted, relations=["born in", "met", "founded", "died in"])["macro_f1"]  # (1 + 1/2) / 4
    0.375

    ```

    Reference:
        Yao et al., "DocRED: A Large-Scale Document-Level Relation Extraction Dataset", ACL 2019, for the micro F1; Hogan, Li and
        Shang, "Fine-grained Contrastive Learning for Relation Extraction", EMNLP 2022, for the two averages.
    """
    in_gold, in_predicted, right = counts_of_relations(gold, predicted)
    if isinstance(relations, str):
        raise UsageError(f"`relations` must be a list of relations, got the string {relations[:40]!r}.")
    over = {*in_gold, *in_predicted} if relations is None else set(relations)
    return averaged_f1(right, in_predicted, in_gold, over=over)
