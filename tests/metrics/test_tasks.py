"""Scores of tasks: against slow formulas, with one class, constants and bad input."""

import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.metrics import classification_scores, regression_scores


def slow_scores(gold, predicted):
    classes = sorted({*gold, *predicted})
    pairs = list(zip(gold, predicted, strict=True))
    f1 = []
    for one in classes:
        hits = sum(pair == (one, one) for pair in pairs)
        f1.append(2 * hits / (gold.count(one) + predicted.count(one)))
    truth, guess = (
        np.array([[label == one for one in classes] for label in side], float) for side in (gold, predicted)
    )
    truth, guess = truth - truth.mean(0), guess - guess.mean(0)
    bottom = np.sqrt((truth**2).sum() * (guess**2).sum())
    return {
        "accuracy": sum(one == other for one, other in pairs) / len(pairs),
        "macro_f1": sum(f1) / len(f1),
        "matthews": (truth * guess).sum() / bottom,  # the correlation of class indicators (Gorodkin, 2004)
    }


@pytest.mark.parametrize("classes", [2, 4])
def test_classification_by_slow_formulas(classes):
    rng = np.random.default_rng(classes)
    gold, predicted = rng.integers(0, classes, (2, 30)).tolist()
    assert classification_scores(gold, predicted) == pytest.approx(slow_scores(gold, predicted))
    named = [[f"label {number}" for number in side] for side in (gold, predicted)]
    assert classification_scores(*named) == pytest.approx(slow_scores(gold, predicted))


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([1, 1], [1, 1], (1.0, 1.0, 0.0)),  # one class
        ([0, 1], [1, 1], (0.5, 1 / 3, 0.0)),  # constant predictions
        ([0, 0], [1, 1], (0.0, 0.0, 0.0)),
        ([0, 1], [1, 0], (0.0, 0.0, -1.0)),
    ],
)
def test_one_class_and_constant_predictions(gold, predicted, expected):
    scores = classification_scores(gold, predicted)
    assert tuple(scores.values()) == pytest.approx(expected) and list(scores) == ["accuracy", "macro_f1", "matthews"]


def test_regression_by_hand():
    scores = regression_scores([1, 2, 3, 4], [1.0, 3.0, 2.0, 4.0])
    assert scores == pytest.approx({"pearson": 0.8, "spearman": 0.8, "mean_squared_error": 0.5})
    assert regression_scores([0, 1], [0, -2])["pearson"] == pytest.approx(-1)


@pytest.mark.parametrize(("gold", "predicted"), [([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [5, 5, 5])])
def test_constants_have_a_correlation_of_zero(gold, predicted):
    scores = regression_scores(gold, predicted)
    assert scores["pearson"] == scores["spearman"] == 0.0


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([], [], "at least one"),
        ([0, 1], [0], "2 rows"),
        ([0.5, 1.0], [0, 1], "integers"),
        ([[0], [1]], [0, 1], "shape"),
        (["a", "b"], [0, 1], "both"),
        ([True, False], [0, 1], "integers"),
    ],
)
def test_bad_labels_are_told(gold, predicted, message):
    with pytest.raises(UsageError, match=message):
        classification_scores(gold, predicted)


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [([1.0], [1.0], "two rows"), ([1.0, float("nan")], [1, 2], "finite"), (["a", "b"], ["a", "b"], "numbers")],
)
def test_bad_numbers_are_told(gold, predicted, message):
    with pytest.raises(UsageError, match=message):
        regression_scores(gold, predicted)
