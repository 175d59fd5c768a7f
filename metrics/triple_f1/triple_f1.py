"""Precision, recall and F1 of relation triples as a module for the `evaluate` library."""

from __future__ import annotations

import json
from typing import Any

import datasets
import evaluate

from hf_relation.metrics import triple_scores


_DESCRIPTION = """
Micro-averaged precision, recall and F1 of relation triples. A predicted (head, relation, tail) is right when the same document has
the same triple; counts are added up over all documents, and a triple listed several times in one document counts once.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (`list` of `list` of triples): the predicted triples of each document. A triple is `[head, relation, tail]`; each of
        the three is text, a whole number, or a list of these such as a span `[start, end]` or `[start, end, type]`.
    references (`list` of `list` of triples): the gold triples of each document.

Returns:
    triple_precision (`float`): in [0, 1], higher is better. 0 when nothing is predicted.
    triple_recall (`float`): in [0, 1], higher is better. 0 when nothing is gold.
    triple_f1 (`float`): in [0, 1], higher is better. 0 when nothing is right.

What is compared is what is given: texts of the entities, or spans and types for the joint strict match. Texts and numbers differ.

Raises:
    ValueError: unequal numbers of documents, or something that is no triple of such parts.

Examples:

    One of two predicted triples is right, one of three gold ones is found; the direction counts:

        >>> import evaluate
        >>> triple_f1 = evaluate.load("metrics/triple_f1")
        >>> references = [[["Ada", "born in", "Holm"], ["Ada", "met", "Bob"]], [["Eve", "met", "Bob"]]]
        >>> predictions = [[["Ada", "born in", "Holm"], ["Bob", "met", "Ada"]], []]
        >>> results = triple_f1.compute(references=references, predictions=predictions)
        >>> {name: round(value, 4) for name, value in results.items()}
        {'triple_precision': 0.5, 'triple_recall': 0.3333, 'triple_f1': 0.4}

    Spans with types, the joint strict match:

        >>> references = [[[[0, 3, "PER"], "born in", [12, 16, "LOC"]]]]
        >>> triple_f1.compute(references=references, predictions=[[[[0, 3, "PER"], "born in", [12, 16, "ORG"]]]])["triple_f1"]
        0.0
"""

_CITATION = """
@inproceedings{zeng2018extracting,
  title={Extracting Relational Facts by an End-to-End Neural Model with Copy Mechanism},
  author={Zeng, Xiangrong and Zeng, Daojian and He, Shizhu and Liu, Kang and Zhao, Jun},
  booktitle={Proceedings of the 56th Annual Meeting of the Association for Computational Linguistics},
  year={2018}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class TripleF1(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        # A triple travels as JSON text: its parts may be text, numbers or spans, which no one column type can hold.
        column = datasets.Sequence(datasets.Value("string"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": column, "references": column}),
            reference_urls=["https://aclanthology.org/P18-1047"],
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add the triples of a batch of documents."""
        sides = [_as_text(side, name) for name, side in (("predictions", predictions), ("references", references))]
        if len(sides[0]) != len(sides[1]):
            raise ValueError(f"got {len(sides[1])} documents in `references` and {len(sides[0])} in `predictions`.")
        super().add_batch(predictions=sides[0], references=sides[1], **kwargs)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add the triples of one document."""
        one, other = _as_text([prediction], "predictions"), _as_text([reference], "references")
        super().add(prediction=one[0], reference=other[0], **kwargs)

    def _compute(self, predictions: list[list[str]], references: list[list[str]]) -> dict[str, float]:
        gold, predicted = (
            [[_tuples(json.loads(triple)) for triple in document] for document in side]
            for side in (references, predictions)
        )
        scores = triple_scores(gold, predicted)
        return {name: scores[name] for name in ("triple_precision", "triple_recall", "triple_f1")}


def _as_text(documents: Any, name: str) -> list[list[str]]:
    if not isinstance(documents, (list, tuple)):
        raise ValueError(f"`{name}` must be a list with the triples of each document, got {type(documents).__name__}.")
    return [_document(document, f"`{name}` {number}") for number, document in enumerate(documents)]


def _document(triples: Any, name: str) -> list[str]:
    if not isinstance(triples, (list, tuple, set, frozenset)):
        raise ValueError(f"{name} must be a list of triples, got {type(triples).__name__}.")
    for triple in triples:
        if not isinstance(triple, (list, tuple)) or len(triple) != 3 or not all(map(_is_part, triple)):
            raise ValueError(
                f"{name}: {str(triple)[:60]!r} is no [head, relation, tail] of text, whole numbers, or lists of these."
            )
    return [json.dumps(triple) for triple in triples]


def _is_part(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(item is None or _is_part(item) for item in value)
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
