"""The official scores of SemEval-2010 Task 8, as version 1.2 of the task's scorer computes them."""

from __future__ import annotations

from typing import Any

from hf_relation.data.semeval_labels import SEMEVAL_OTHER
from hf_relation.metrics.ratios import ratio
from hf_relation.metrics.semeval_counts import OTHER, Answers, Evaluation, evaluations, prf


def semeval_task8_scores(gold: Answers, predicted: Answers) -> dict[str, Any]:
    """The scores of the official scorer, as fractions.

    **The official score is `macro_f1`**: F1 averaged over the relations, `Other` left out, in the (9+1)-way evaluation that
    takes directions into account. There a right relation in the wrong direction is wrong: it is no correct answer, and it counts
    in the relation's number of predictions.

    As in the official scorer, averages are over the relations that occur in `gold` (with the whole test set all nine; with a
    part of it perhaps fewer), micro-averages count only predictions of such relations, and an example without a prediction
    counts as one that is predicted `Other`.

    Args:
        gold (`Mapping` of id to `str`): the right label of each example: one of the nine relations with its direction, such as
            `"Cause-Effect(e2,e1)"`, or `"Other"`.
        predicted (`Mapping` of id to `str`): the predicted label of each example; examples may be missing.

    Returns:
        `dict[str, Any]`: `macro_precision`, `macro_recall`, `macro_f1`, `micro_precision`, `micro_recall`, `micro_f1` (without
        `Other`), `accuracy` (examples without a prediction are wrong) and `coverage` of the official evaluation, in [0, 1],
        higher is better; and under `"directed"` ((2*9+1)-way), `"undirected"` ((9+1)-way, directions ignored) and
        `"official"` a dict of the same, with `accuracy_of_predicted`, `accuracy_skipped_as_other` and `relations`: the
        `precision`, `recall`, `f1` and `support` of each label, `Other` too. A ratio with nothing to divide by is 0.

    Raises:
        UsageError: no examples, a label is not one of the task's 19, or an id is not in `gold` (also a `ValueError`).

    Example:

    ```python
    >>> from hf_relation.metrics import semeval_task8_scores
    >>> gold = {1: "Cause-Effect(e1,e2)", 2: "Cause-Effect(e2,e1)", 3: "Message-Topic(e1,e2)", 4: "Other"}
    >>> predicted = {1: "Cause-Effect(e1,e2)", 2: "Cause-Effect(e1,e2)", 3: "Message-Topic(e1,e2)", 4: "Message-Topic(e1,e2)"}
    >>> scores = semeval_task8_scores(gold, predicted)
    >>> round(scores["macro_f1"], 4)  # (1/2 + 2/3) / 2
    0.5833
    >>> round(scores["undirected"]["macro_f1"], 4), scores["accuracy"]
    (0.8333, 0.5)

    ```

    Reference:
        Hendrickx et al., "SemEval-2010 Task 8: Multi-Way Classification of Semantic Relations Between Pairs of Nominals",
        SemEval 2010; the task's `semeval2010_task8_scorer-v1.2.pl`, whose example outputs `semeval_task8_report` equals byte by
        byte.
    """
    scores = {name: _as_dict(evaluation) for name, evaluation in evaluations(gold, predicted).items()}
    top = {key: value for key, value in scores["official"].items() if isinstance(value, float)}
    return {**{key: top[key] for key in top if not key.startswith("accuracy_")}, **scores}


def _as_dict(evaluation: Evaluation) -> dict[str, Any]:
    names = ("precision", "recall", "f1")
    correct, as_other = evaluation.num_correct, evaluation.skipped[OTHER]
    return {
        **{f"macro_{name}": value for name, value in zip(names, evaluation.macro(), strict=True)},
        **{f"micro_{name}": value for name, value in zip(names, prf(*evaluation.micro_counts()), strict=True)},
        "accuracy": ratio(correct, evaluation.num_gold),
        "accuracy_of_predicted": ratio(correct, evaluation.num_predicted),
        "accuracy_skipped_as_other": ratio(correct + as_other, evaluation.num_gold),
        "coverage": ratio(evaluation.num_predicted, evaluation.num_gold),
        "relations": {
            SEMEVAL_OTHER if label == OTHER else label: {
                **dict(zip(names, evaluation.of(label), strict=True)),
                "support": evaluation.gold[label],
            }
            for label in evaluation.labels
        },
    }
