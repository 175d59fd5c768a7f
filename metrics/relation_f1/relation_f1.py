"""Micro, macro and weighted F1 of relations as a module for the `evaluate` library."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from hf_relation.metrics import relation_scores
from hf_relation.metrics.triple_texts import texts_of_triples, triples_of_texts


_DESCRIPTION = """
Micro, macro and weighted F1 of relations between pairs, from triples. "No relation" is no triple: pairs without one are not listed. A
predicted (head, relation, tail) is right when the same document has the same triple, and one listed several times counts once.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (`list` of `list` of triples): the predicted triples of each document. A triple is `[head, relation, tail]`; each of
        the three is text, a whole number, or a list of these such as a span `[start, end]`. Head and tail may be the numbers
        of entities in the document.
    references (`list` of `list` of triples): the gold triples of each document.
    relations (`list`, *optional*): the relations over which `macro_f1` is averaged; one that occurs nowhere counts 0. By
        default those that occur in references or predictions.

Returns:
    micro_precision (`float`): in [0, 1], higher is better. Over all triples; 0 when nothing is predicted.
    micro_recall (`float`): in [0, 1], higher is better. Over all triples; 0 when nothing is gold.
    micro_f1 (`float`): in [0, 1], higher is better. Over all triples; 0 when nothing is right.
    macro_f1 (`float`): in [0, 1], higher is better. Mean over relations.
    weighted_f1 (`float`): in [0, 1], higher is better. Mean over relations, weighted by their gold triples.

Raises:
    ValueError: unequal numbers of documents, something that is no triple of such parts, or `relations` that is one string.

Examples:

    "born in" has F1 1, "met" 2/4 and "founded" 0:

        >>> import evaluate
        >>> relation_f1 = evaluate.load("metrics/relation_f1")
        >>> references = [[[0, "born in", 1], [0, "met", 2]], [[0, "met", 1], [1, "founded", 2]]]
        >>> predictions = [[[0, "born in", 1], [0, "met", 2], [2, "met", 0]], []]
        >>> results = relation_f1.compute(references=references, predictions=predictions)
        >>> {name: round(value, 4) for name, value in results.items()}
        {'micro_precision': 0.6667, 'micro_recall': 0.5, 'micro_f1': 0.5714, 'macro_f1': 0.5, 'weighted_f1': 0.5}

    Averaged over all relations of a corpus, of which one does not occur here:

        >>> names = ["born in", "met", "founded", "died in"]
        >>> relation_f1.compute(references=references, predictions=predictions, relations=names)["macro_f1"]
        0.375
"""

_CITATION = """
@inproceedings{yao2019docred,
  title={{DocRED}: A Large-Scale Document-Level Relation Extraction Dataset},
  author={Yao, Yuan and Ye, Deming and Li, Peng and Han, Xu and Lin, Yankai and Liu, Zhenghao and Liu, Zhiyuan and Huang, Lixin and Zhou, Jie and Sun, Maosong},
  booktitle={Proceedings of the 57th Annual Meeting of the Association for Computational Linguistics},
  year={2019}
}
@inproceedings{hogan2022fine,
  title={Fine-grained Contrastive Learning for Relation Extraction},
  author={Hogan, William and Li, Jiacheng and Shang, Jingbo},
  booktitle={Proceedings of the 2022 Conference on Empirical Methods in Natural Language Processing},
  year={2022}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class RelationF1(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        # A triple travels as JSON text: its parts may be text, numbers or spans, which no one column type can hold.
        column = datasets.Sequence(datasets.Value("string"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": column, "references": column}),
            reference_urls=["https://aclanthology.org/P19-1074"],
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

    def _compute(
        self, predictions: list[list[str]], references: list[list[str]], relations: list[Any] | None = None
    ) -> dict[str, float]:
        scores = relation_scores(triples_of_texts(references), triples_of_texts(predictions), relations=relations)
        micro = {f"micro_{name}": scores[name] for name in ("precision", "recall", "f1")}
        return {**micro, "macro_f1": scores["macro_f1"], "weighted_f1": scores["weighted_f1"]}
