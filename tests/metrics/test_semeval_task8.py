"""The official scorer of SemEval-2010 Task 8: its own example outputs, scikit-learn, and cases by hand."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from sklearn.metrics import precision_recall_fscore_support

from hf_relation.data import SEMEVAL_RELATIONS
from hf_relation.errors import UsageError
from hf_relation.metrics import semeval_task8_report, semeval_task8_scores


LABELS = [relation + direction for relation in SEMEVAL_RELATIONS for direction in ("(e1,e2)", "(e2,e1)")] + ["Other"]


@pytest.fixture(scope="module")
def examples() -> Path:
    named = os.environ.get("HF_RELATION_DATA")
    data = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = data / "semeval2010_task8" / "scorer-v1.2-examples"
    if not folder.is_dir():
        pytest.skip(f"no example outputs: {folder} does not exist")
    return folder


def answers(path: Path) -> dict[str, str]:
    return dict(line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line)  # type: ignore[misc]


@pytest.mark.real_data
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_report_is_that_of_the_official_scorer(examples: Path, number: int) -> None:
    gold, predicted = (answers(examples / f"{name}{number}.txt") for name in ("answer_key", "proposed_answer"))
    expected = (examples / f"result_scores{number}.txt").read_bytes()
    assert semeval_task8_report(gold, predicted).replace("\n", "\r\n").encode() == expected


@pytest.mark.real_data
@pytest.mark.parametrize(("number", "official"), [(1, 64.09), (2, 6.35), (3, 11.11), (5, 44.44)])
def test_official_scores(examples: Path, number: int, official: float) -> None:
    gold, predicted = (answers(examples / f"{name}{number}.txt") for name in ("answer_key", "proposed_answer"))
    scores = semeval_task8_scores(gold, predicted)
    assert round(100 * scores["macro_f1"], 2) == official


@pytest.mark.real_data
def test_answers_that_the_format_checker_refuses_are_refused(examples: Path) -> None:
    lines = (examples / "proposed_answer4.txt").read_text(encoding="utf-8").splitlines()
    proposed = dict(line.split("\t") for line in lines if "\t" in line)  # type: ignore[misc]
    with pytest.raises(UsageError, match="'Message-Topc\\(e1,e2\\)'.*none of the task's 19 labels"):
        semeval_task8_scores(answers(examples / "answer_key3.txt"), proposed)


def sample(n: int = 400, seed: int = 0) -> tuple[dict[int, str], dict[int, str]]:
    draw = random.Random(seed)
    gold = {i: draw.choice(LABELS) for i in range(n)}
    return gold, {i: label if draw.random() < 0.5 else draw.choice(LABELS) for i, label in gold.items()}


@pytest.mark.parametrize("evaluation", ["directed", "undirected"])
def test_two_evaluations_equal_scikit_learn(evaluation: str) -> None:
    gold, predicted = sample()
    sides = [
        [label if evaluation == "directed" else label.split("(")[0] for label in side.values()]
        for side in (gold, predicted)
    ]
    scores = semeval_task8_scores(gold, predicted)[evaluation]
    relations = sorted({*sides[0]} - {"Other"})
    for average in ("macro", "micro"):
        expected = precision_recall_fscore_support(*sides, labels=relations, average=average, zero_division=0.0)
        found = [scores[f"{average}_{name}"] for name in ("precision", "recall", "f1")]
        assert found == pytest.approx(expected[:3])
    precision, recall, f1, support = precision_recall_fscore_support(*sides, labels=["Other"], zero_division=0.0)
    assert scores["relations"]["Other"] == pytest.approx(
        {"precision": precision[0], "recall": recall[0], "f1": f1[0], "support": support[0]}
    )


def test_official_evaluation_equals_counting_one_by_one() -> None:
    gold, predicted = sample()
    found = semeval_task8_scores(gold, predicted)
    total = 0.0
    for relation in SEMEVAL_RELATIONS:
        actual = [i for i in gold if gold[i].startswith(relation)]
        claimed = [i for i in gold if predicted[i].startswith(relation)]
        right = [i for i in actual if predicted[i] == gold[i]]
        precision, recall = len(right) / len(claimed), len(right) / len(actual)
        f1 = 2 * precision * recall / (precision + recall)
        expected = {"precision": precision, "recall": recall, "f1": f1, "support": len(actual)}
        assert found["official"]["relations"][relation] == pytest.approx(expected)
        total += f1
    assert found["macro_f1"] == found["official"]["macro_f1"] == pytest.approx(total / 9)
    assert found["accuracy"] == sum(gold[i] == predicted[i] for i in gold) / len(gold)


def test_skipped_examples_count_as_other_in_the_averages() -> None:
    gold, predicted = sample()
    part = {i: label for i, label in predicted.items() if i % 3}
    as_other = {i: part.get(i, "Other") for i in gold}
    found, full = semeval_task8_scores(gold, part), semeval_task8_scores(gold, as_other)
    for evaluation in ("directed", "undirected", "official"):
        for name in ("macro_f1", "micro_precision", "micro_recall"):
            assert found[evaluation][name] == pytest.approx(full[evaluation][name])
        assert found[evaluation]["accuracy_skipped_as_other"] == pytest.approx(full[evaluation]["accuracy"])
    assert found["coverage"] == len(part) / len(gold) and full["coverage"] == 1.0
    assert (
        found["accuracy"] < found["official"]["accuracy_skipped_as_other"] < found["official"]["accuracy_of_predicted"]
    )


def test_everything_right_is_one_and_order_and_ids_do_not_matter() -> None:
    gold, predicted = sample()
    assert semeval_task8_scores(gold, gold)["macro_f1"] == 1.0
    backwards = dict(reversed(predicted.items()))
    assert semeval_task8_report(gold, backwards) == semeval_task8_report(gold, predicted)
    renamed = [{f"semeval2010_task8/{i}": label for i, label in side.items()} for side in (gold, predicted)]
    assert semeval_task8_scores(*renamed) == semeval_task8_scores(gold, predicted)


def test_a_report_by_hand() -> None:
    """Typed after the layout of the scorer's examples."""
    gold = {1: "Cause-Effect(e1,e2)", 2: "Cause-Effect(e2,e1)", 3: "Other", 4: "Other"}
    predicted = {1: "Cause-Effect(e1,e2)", 2: "Cause-Effect(e1,e2)", 3: "Message-Topic(e2,e1)"}
    report = semeval_task8_report(gold, predicted)
    assert report.startswith(
        "!!!WARNING!!! The proposed file contains 1 label(s) of type 'Message-Topic(e2,e1)', which is NOT present in the key "
        "file.\n\n<<< (2*9+1)-WAY EVALUATION (USING DIRECTIONALITY)>>>:\n\nConfusion matrix:\n"
        "        C-E1 C-E2  _O_ *MT2 <-- classified as\n"
        "      +--------------------+ -SUM- skip ACTUAL\n"
        " C-E1 |   1    0    0    0 |    1    0    1\n"
        " C-E2 |   1    0    0    0 |    1    0    1\n"
        "  _O_ |   0    0    0    1 |    1    1    2\n"
        "      +--------------------+\n"
        " -SUM-    2    0    0    1      3    1    4\n"
        "\n"
        "Coverage = 3/4 = 75.00%\n"
    )
    assert "  C-E |   1    0    0 |    1     1     0      2\n" in report
    assert "P =    1/(   1 +   1) =  50.00%     R =    1/   2 =  50.00%     F1 =  50.00%\n" in report
    assert report.endswith("macro-averaged F1 = 50.00% >>>\n")


def test_nothing_predicted_and_other_alone_are_zero() -> None:
    scores = semeval_task8_scores({1: "Cause-Effect(e1,e2)", 2: "Other"}, {})
    assert scores["macro_f1"] == scores["accuracy"] == scores["coverage"] == 0.0
    assert semeval_task8_scores({1: "Other"}, {1: "Other"})["macro_f1"] == 0.0
    assert "Coverage = 0/2 =  0.00%" in semeval_task8_report({1: "Cause-Effect(e1,e2)", 2: "Other"}, {})


@pytest.mark.parametrize("score", [semeval_task8_scores, semeval_task8_report])
@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ({}, {}, "`gold` has no examples"),
        ({1: "Other"}, {2: "Other"}, "`predicted` has 1 id.*such as 2"),
        ({1: "Other"}, {"1": "Other"}, "Numbers and text are different ids"),
        (
            {1: "other"},
            {},
            "`gold` of example 1 is 'other', which is none of the task's 19 labels: Other, or Cause-Effect",
        ),
        ({1: "Other"}, {1: "Cause-Effect"}, "`predicted` of example 1 is 'Cause-Effect'"),
        ({1: "Other"}, {1: "Cause-Effect(e1, e2)"}, "none of the task's 19 labels"),
        ({1: "Other"}, {1: None}, "`predicted` of example 1 is 'None'"),
        ({1: "Other"}, {1: ["Other"]}, "none of the task's 19 labels"),
        (["Other"], {}, "`gold` must map ids of examples to labels, got list"),
    ],
)
def test_wrong_input_is_refused(score, gold, predicted, message) -> None:
    with pytest.raises(UsageError, match=message):
        score(gold, predicted)
