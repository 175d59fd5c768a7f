"""The counts behind the official scorer of SemEval-2010 Task 8: its three evaluations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hf_relation.data.semeval_labels import SEMEVAL_OTHER, SEMEVAL_RELATIONS, is_semeval_label
from hf_relation.errors import UsageError
from hf_relation.metrics.ratios import f1_of, ratio


Answers = Mapping[Any, str]

OTHER = "_Other"  # the scorer's name for it, which sorts behind the relations


@dataclass
class Evaluation:
    """The counts of one evaluation.

    Args:
        official (`bool`): whether right relations in the wrong direction are counted apart.
        gold (`Counter`): examples of each label.
        predicted (`Counter`): predictions of each label, without those in the wrong direction.
        cells (`Counter`): how often a (gold, predicted) pair of labels occurs, without those in the wrong direction.
        wrong_direction (`Counter`): examples of each label that were predicted with the right relation in the wrong direction.
        skipped (`Counter`): examples of each label without a prediction.
    """

    official: bool
    gold: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong_direction: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def labels(self) -> list[str]:
        return sorted(self.gold)

    @property
    def relations(self) -> list[str]:
        return [label for label in self.labels if label != OTHER]

    @property
    def only_predicted(self) -> list[str]:
        return sorted(set(self.predicted) - set(self.gold))

    @property
    def num_gold(self) -> int:
        return self.gold.total()

    @property
    def num_skipped(self) -> int:
        return self.skipped.total()

    @property
    def num_predicted(self) -> int:
        return self.num_gold - self.num_skipped

    @property
    def num_correct(self) -> int:
        return sum(self.correct(label) for label in self.labels)

    def correct(self, label: str) -> int:
        return self.cells[label, label]

    def claimed(self, label: str) -> int:
        """How often the label was predicted, in the wrong direction too."""
        return self.predicted[label] + self.wrong_direction[label]

    def of(self, label: str) -> tuple[float, float, float]:
        return prf(self.correct(label), self.claimed(label), self.gold[label])

    def micro_counts(self) -> tuple[int, int, int]:
        relations = self.relations
        actual = sum(self.gold[label] for label in relations)
        return sum(map(self.correct, relations)), sum(map(self.claimed, relations)), actual

    def macro(self) -> tuple[float, float, float]:
        rows = [self.of(label) for label in self.relations]
        precision, recall, f1 = (ratio(sum(row[i] for row in rows), len(rows)) for i in range(3))
        return precision, recall, f1


def evaluations(gold: Answers, predicted: Answers) -> dict[str, Evaluation]:
    """Count for the three evaluations.

    Args:
        gold, predicted: see `semeval_task8_scores`.

    Returns:
        `dict[str, Evaluation]`: `"directed"`, `"undirected"` and `"official"`.

    Raises:
        UsageError: no examples, a label is not one of the task's 19, or an id is not in `gold`.
    """
    for name, answers in (("gold", gold), ("predicted", predicted)):
        if not isinstance(answers, Mapping):
            raise UsageError(f"`{name}` must map ids of examples to labels, got {type(answers).__name__}.")
        for example, label in answers.items():
            if not is_semeval_label(label):
                raise UsageError(
                    f"`{name}` of example {example!r} is {str(label)[:60]!r}, which is none of the task's 19 labels: Other, or "
                    f"{', '.join(SEMEVAL_RELATIONS)} with (e1,e2) or (e2,e1) behind."
                )
    if not gold:
        raise UsageError("`gold` has no examples, so there is nothing to score.")
    if unknown := [example for example in predicted if example not in gold]:
        raise UsageError(
            f"`predicted` has {len(unknown)} id(s) that `gold` has not, such as {unknown[0]!r}. Numbers and text are different ids."
        )
    return {
        "directed": _evaluate(gold, predicted, directed=True, official=False),
        "undirected": _evaluate(gold, predicted, directed=False, official=False),
        "official": _evaluate(gold, predicted, directed=False, official=True),
    }


def _evaluate(gold: Answers, predicted: Answers, *, directed: bool, official: bool) -> Evaluation:
    evaluation = Evaluation(official)
    for example, answer in gold.items():
        actual = _name(answer, directed)
        evaluation.gold[actual] += 1
        if example not in predicted:
            evaluation.skipped[actual] += 1
            continue
        claimed = _name(predicted[example], directed)
        if official and claimed == actual and predicted[example] != answer:
            evaluation.wrong_direction[actual] += 1
        else:
            evaluation.predicted[claimed] += 1
            evaluation.cells[actual, claimed] += 1
    return evaluation


def _name(label: str, directed: bool) -> str:
    if label == SEMEVAL_OTHER:
        return OTHER
    return label if directed else label.partition("(")[0]


def prf(correct: int, claimed: int, actual: int) -> tuple[float, float, float]:
    """Precision, recall and F1 from counts; 0 where there is nothing to divide by."""
    precision, recall = ratio(correct, claimed), ratio(correct, actual)
    return precision, recall, f1_of(precision, recall)
