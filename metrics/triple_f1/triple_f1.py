"""Precision, recall and F1 of relation triples as a module for the `evaluate` library."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from hf_relation.metrics import triple_scores
from hf_relation.metrics.triple_texts import texts_of_triples, triples_of_texts


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
        sides = [
            texts_of_triples(side, name) for name, side in (("predictions", predictions), ("references", references))
        ]
        if len(sides[0]) != len(sides[1]):
            raise ValueError(f"got {len(sides[1])} documents in `references` and {len(sides[0])} in `predictions`.")
        super().add_batch(predictions=sides[0], references=sides[1], **kwargs)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add the triples of one document."""
        one, other = texts_of_triples([prediction], "predictions"), texts_of_triples([reference], "references")
        super().add(prediction=one[0], reference=other[0], **kwargs)

    def _compute(self, predictions: list[list[str]], references: list[list[str]]) -> dict[str, float]:
        scores = triple_scores(triples_of_texts(references), triples_of_texts(predictions))
        return {name: scores[name] for name in ("triple_precision", "triple_recall", "triple_f1")}
