"""F1 of classification into relations, one label each, with the class "no relation" left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.metrics.contingency import check_labels
from hf_relation.metrics.ratios import averaged_f1, ratio


def single_label_scores(
    gold: Sequence[Any], predicted: Sequence[Any], *, na_label: str | int | None = None
) -> dict[str, float]:
    """Micro, macro and weighted F1 of one relation per sentence, as TACRED and SemEval are scored in work on pre-training.

    With `na_label`, "no relation" is not one of the relations: precision is over the predictions that are a relation, recall over the
    sentences that have one, and the averages are over relations alone. A sentence without a relation then counts only where
    one is predicted for it.

    The class is named and may have any number, and any place among the others. Without it micro precision, recall and F1
    are all the accuracy.

    Args:
        gold (`Sequence` of `n` `str` or `int`): the right label of each sentence; at least one sentence.
        predicted (`Sequence` of `n` `str` or `int`): the predicted labels, of the same kind.
        na_label (`str` or `int`, *optional*): the label that means "no relation", for instance `"no_relation"` in TACRED. It need not
            occur.

    Returns:
        `dict[str, float]`: in [0, 1], higher is better; 0 where there is nothing to divide by.

        - `precision`, `recall`, `f1`: micro-averaged, without `na_label`.
        - `macro_f1`: mean of the relations' F1, over those that occur in `gold` or in `predicted`.
        - `weighted_f1`: mean of the relations' F1, weighted by their number of sentences in `gold`.
        - `accuracy`: share of right labels, "no relation" included.

    Raises:
        UsageError: no labels, unequal lengths, or `na_label` and the labels are not of one kind (also a `ValueError`).
        TypeError: a label is neither `int` nor `str`.

    Example:

    Two predictions are a relation, of which one is right; three sentences have one. "founder" has F1 2/3, "spouse" 0:

    ```python
    >>> from hf_relation.metrics import single_label_scores
    >>> gold = ["no_relation", "founder", "founder", "spouse", "no_relation"]
    >>> predicted = ["no_relation", "founder", "no_relation", "no_relation", "spouse"]
    >>> scores = single_label_scores(gold, predicted, na_label="no_relation")
    >>> {name: round(value, 4) for name, value in scores.items()}  # doctest: +NORMALIZE_WHITESPACE
    {'precision': 0.5, 'recall': 0.3333, 'f1': 0.4, 'macro_f1': 0.3333, 'weighted_f1': 0.4444,
     'accuracy': 0.4}

    ```

    Note:
        TACRED's scorer prints a precision of 1 where no relation is predicted at all; here it is 0. F1 is 0 in both. SemEval-2010
        task 8 has an official score of its own, [`semeval_task8_scores`].

    Reference:
        Zhang et al., "Position-aware Attention and Supervised Data Improve Slot Filling", EMNLP 2017; its `scorer.py`.
    """
    truth, guesses = (side.tolist() for side in check_labels(gold, predicted, names=("gold", "predicted")))
    shown = [truth[0], guesses[0]] if na_label is None else [truth[0], guesses[0], na_label]
    texts = [isinstance(label, str) for label in shown]
    whole = [isinstance(label, (int, np.integer)) and not isinstance(label, bool) for label in shown]
    if not all(texts) and not all(whole):
        raise UsageError(
            "`gold`, `predicted` and `na_label` must be of one kind, all names (str) or all numbers (int), got "
            f"{', '.join(map(repr, shown))}."
        )
    in_gold = Counter(label for label in truth if label != na_label)
    in_predicted = Counter(label for label in guesses if label != na_label)
    same = Counter(label for label, guess in zip(truth, guesses, strict=True) if label == guess)
    right = Counter({label: number for label, number in same.items() if label != na_label})
    return {
        **averaged_f1(right, in_predicted, in_gold, over={*in_gold, *in_predicted}),
        "accuracy": ratio(sum(same.values()), len(truth)),
    }
