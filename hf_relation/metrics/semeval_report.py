"""The report that the official scorer of SemEval-2010 Task 8 prints."""

from __future__ import annotations

from collections.abc import Iterator

from hf_relation.metrics.ratios import ratio
from hf_relation.metrics.semeval_counts import OTHER, Answers, Evaluation, evaluations, prf


_WARNING = "!!!WARNING!!! The proposed file contains {number} label(s) of type '{label}', which is NOT present in the key file."
_LAST_LINE = (
    "<<< The official score is (9+1)-way evaluation with directionality taken into account: macro-averaged F1 = "
    "{score:.2f}% >>>"
)
_TITLES = {
    "directed": "<<< (2*9+1)-WAY EVALUATION (USING DIRECTIONALITY)>>>:",
    "undirected": "<<< (9+1)-WAY EVALUATION IGNORING DIRECTIONALITY >>>:",
    "official": "<<< (9+1)-WAY EVALUATION TAKING DIRECTIONALITY INTO ACCOUNT -- OFFICIAL >>>:",
}


def semeval_task8_report(gold: Answers, predicted: Answers) -> str:
    """The report that the official scorer prints: warnings, three evaluations with confusion matrices, the official score.

    Args:
        gold, predicted: see `semeval_task8_scores`.

    Returns:
        `str`: lines that end in line feeds (those of the scorer's own example outputs end in carriage returns and line feeds).

    Raises:
        UsageError: as `semeval_task8_scores`.

    Example:

    ```python
    >>> from hf_relation.metrics import semeval_task8_report
    >>> report = semeval_task8_report({1: "Cause-Effect(e1,e2)", 2: "Other"}, {1: "Cause-Effect(e1,e2)"})
    >>> print(report.splitlines()[-1])
    <<< The official score is (9+1)-way evaluation with directionality taken into account: macro-averaged F1 = 100.00% >>>

    ```
    """
    of_name = evaluations(gold, predicted)
    lines: list[str] = []
    for label in of_name["directed"].only_predicted:
        lines += [_WARNING.format(number=of_name["directed"].predicted[label], label=label), ""]
    for name, evaluation in of_name.items():
        lines += [_TITLES[name], "", *_report_lines(evaluation), "", "", ""]
    score = 100 * of_name["official"].macro()[2]
    lines.append(_LAST_LINE.format(score=score))
    return "\n".join(lines) + "\n"


def _report_lines(evaluation: Evaluation) -> Iterator[str]:
    yield "Confusion matrix:"
    yield from _confusion_matrix(evaluation)
    yield ""
    correct, actual = evaluation.num_correct, evaluation.num_gold
    done, as_other = evaluation.num_predicted, evaluation.skipped[OTHER]
    yield f"Coverage = {done}/{actual} = {_percent(done, actual)}"
    for what, part, whole in (
        ("calculated for the above confusion matrix", correct, done),
        ("considering all skipped examples as Wrong", correct, actual),
        ("considering all skipped examples as Other", correct + as_other, actual),
    ):
        yield f"Accuracy ({what}) = {part}/{whole} = {_percent(part, whole)}"
    yield ""
    yield "Results for the individual relations:"
    for label in evaluation.labels:
        right, number = evaluation.correct(label), evaluation.gold[label]
        claimed = f"{evaluation.predicted[label]:4d}"
        if evaluation.official:
            claimed = f"({claimed} + {evaluation.wrong_direction[label]:3d})"
        p, r, f = (f"{100 * value:6.2f}%" for value in evaluation.of(label))
        yield f"{label:>25} :    P = {right:4d}/{claimed} = {p}     R = {right:4d}/{number:4d} = {r}     F1 = {f}"
    yield ""
    yield "Micro-averaged result (excluding Other):"
    right, claims, number = evaluation.micro_counts()
    p, r, f = (f"{100 * value:6.2f}%" for value in prf(right, claims, number))
    yield f"P = {right:4d}/{claims:4d} = {p}     R = {right:4d}/{number:4d} = {r}     F1 = {f}"
    yield ""
    yield "MACRO-averaged result (excluding Other):"
    p, r, f = (f"{100 * value:6.2f}%" for value in evaluation.macro())
    yield f"P = {p}\tR = {r}\tF1 = {f}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * ratio(part, whole):5.2f}%"


def _confusion_matrix(evaluation: Evaluation) -> Iterator[str]:
    columns = [*evaluation.labels, *evaluation.only_predicted]
    yield "       " + "".join(f" {_short(label, evaluation):>4}" for label in columns) + " <-- classified as"
    rule = "      +" + "-----" * len(columns) + "+"
    yield rule + (" -SUM- xDIRx skip  ACTUAL" if evaluation.official else " -SUM- skip ACTUAL")
    for label in evaluation.labels:
        cells = [evaluation.cells[label, column] for column in columns]
        wrong, skipped = evaluation.wrong_direction[label], evaluation.skipped[label]
        ends = _ends(sum(cells), wrong, skipped, evaluation.gold[label], evaluation.official)
        yield f" {_short(label, evaluation):>4} |{_cells(cells)}| {ends}"
    yield rule
    sums = [evaluation.predicted[column] for column in columns]
    wrong, skipped = sum(evaluation.wrong_direction.values()), evaluation.num_skipped
    yield f" -SUM- {_cells(sums)}  {_ends(sum(sums), wrong, skipped, evaluation.num_gold, evaluation.official)}"


def _cells(numbers: list[int]) -> str:
    return "".join(f"{number:4d} " for number in numbers)


def _ends(total: int, wrong_direction: int, skipped: int, actual: int, official: bool) -> str:
    return (
        f"{total:4d} {wrong_direction:5d} {skipped:5d} {actual:6d}"
        if official
        else f"{total:4d} {skipped:4d} {actual:4d}"
    )


def _short(label: str, evaluation: Evaluation) -> str:
    """`C-E1`, `C-E`, `_O_`; `*CE1` for a relation that is not in the key."""
    if label == OTHER:
        return "_O_"
    first, _, second = label.partition("-")
    direction = label[-5] if label.endswith(")") else ""
    return f"{first[0]}-{second[0]}{direction}" if label in evaluation.gold else f"*{first[0]}{second[0]}{direction}"
