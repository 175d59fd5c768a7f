"""Precision, recall and F1 over the spans that IOB tags mark: named entities, slots, chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hf_relation.data.iob import iob_spans
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.metrics.ratios import check_documents, precision_recall_f1


Tags = Sequence[Sequence[str]]
Scores = dict[str, float]


def span_scores(gold: Tags, predicted: Tags) -> Scores:
    """Micro-averaged precision, recall and F1 of spans, as conlleval and seqeval count them.

    A predicted span is right when the same sentence has a span with the same first and last token and the same type. Spans
    are read as by [`iob_spans`], so an `I-x` without a `B-x` begins one.

    Args:
        gold (sequence of `n` lists of tags): one list per sentence, of `"O"`, `"B-x"` and `"I-x"`.
        predicted (sequence of `n` lists of tags): as many tags for each sentence.

    Returns:
        `dict[str, float]`: `span_precision`, `span_recall` and `span_f1` in [0, 1], higher is better; and the whole numbers
        `num_gold_spans`, `num_predicted_spans`, `num_correct_spans`. A ratio with nothing to divide by is 0.

    Raises:
        UsageError: the numbers of sentences, or of the tags of one, differ; or a tag is not IOB (also a `ValueError`).

    Example:

    ```python
    >>> from hf_relation.metrics import span_scores
    >>> gold = [["B-PER", "I-PER", "O", "B-LOC"]]
    >>> scores = span_scores(gold, [["B-PER", "I-PER", "B-PER", "B-ORG"]])
    >>> round(scores["span_precision"], 4), scores["span_recall"], scores["span_f1"]
    (0.3333, 0.5, 0.4)

    ```

    Reference:
        Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task", 2003; Nakayama, "seqeval: A Python framework
        for sequence labeling evaluation", 2018.
    """
    counts = _counts(gold, predicted)
    return _scores(*(sum(side.values()) for side in counts))


def span_report(gold: Tags, predicted: Tags) -> dict[str, Scores | dict[str, Scores]]:
    """[`span_scores`] over all spans and for each type.

    Args:
        gold (sequence of `n` lists of tags): see [`span_scores`].
        predicted (sequence of `n` lists of tags): as many tags for each sentence.

    Returns:
        `dict`: `"overall"`: the scores of all spans; `"types"`: type -> the scores of its spans, in alphabetical order, for
        every type that either side has.

    Raises:
        UsageError: see [`span_scores`].

    Example:

    ```python
    >>> from hf_relation.metrics import span_report
    >>> report = span_report([["B-PER", "O", "B-LOC"]], [["B-PER", "O", "B-ORG"]])
    >>> {name: scores["span_f1"] for name, scores in report["types"].items()}
    {'LOC': 0.0, 'ORG': 0.0, 'PER': 1.0}

    ```
    """
    counts = _counts(gold, predicted)
    types = sorted(set().union(*counts))
    return {
        "overall": _scores(*(sum(side.values()) for side in counts)),
        "types": {name: _scores(*(side[name] for side in counts)) for name in types},
    }


def _scores(correct: int, predicted: int, gold: int) -> Scores:
    return {
        **precision_recall_f1(correct, predicted, gold, prefix="span_"),
        "num_gold_spans": gold,
        "num_predicted_spans": predicted,
        "num_correct_spans": correct,
    }


def _counts(gold: Tags, predicted: Tags) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Right, predicted and gold spans of each type."""
    truth, guesses = check_documents(gold, predicted, what="tags")
    correct, found, wanted = Counter[str](), Counter[str](), Counter[str]()
    for number, pair in enumerate(zip(truth, guesses, strict=True)):
        sides = []
        for name, tags in zip(("gold", "predicted"), pair, strict=True):
            try:
                sides.append(set(iob_spans(list(tags))))
            except InvalidRowError as error:
                raise UsageError(f"`{name}` {number}, token {error.index}: {error.reason}") from None
        lengths = [len(list(tags)) for tags in pair]
        if lengths[0] != lengths[1]:
            raise UsageError(
                f"sentence {number} has {lengths[0]} gold tags and {lengths[1]} predicted ones. Every token needs one of each."
            )
        for counter, spans in zip((correct, found, wanted), (sides[0] & sides[1], sides[1], sides[0]), strict=True):
            counter.update(kind for _, _, kind in spans)
    return correct, found, wanted
