"""V-measure as a module for the `evaluate` library."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from hf_relation.metrics import check_labels, v_measure


_DESCRIPTION = """
V-measure of a clustering with its two parts: homogeneity, 1 - H(relation | cluster) / H(relation), and completeness,
1 - H(cluster | relation) / H(cluster). The V-measure is (1 + beta) h c / (beta h + c), for `beta=1` their harmonic mean.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (`list` of `int` or `str`): the cluster of each instance; the integer -1 means left out.
    references (`list` of `int` or `str`): the gold relation of each instance.
    beta (`float`, defaults to 1.0): above 0; weight of completeness against homogeneity.
    noise (`str`, defaults to `"cluster"`): what predictions of -1 (instances left out by the clustering) count as:
        `"cluster"` takes them as one cluster like any other (as scikit-learn does), `"singletons"` as one cluster each,
        `"drop"` scores only the other instances. State it with every published figure.

Returns:
    v_measure (`float`): in [0, 1], higher is better.
    homogeneity (`float`): in [0, 1], higher is better. 1 when no cluster mixes relations.
    completeness (`float`): in [0, 1], higher is better. 1 when no relation is spread over clusters.

Only the partitions matter: renaming clusters or relations, or reordering the instances, changes nothing.

Raises:
    TypeError: a label is neither `int` nor `str` (also `bool`, `float`, `None`), or one side mixes the two.
    ValueError: no labels, unequal lengths, an option out of its range, or nothing left to score.

Examples:

    One relation is split and two are mixed:

        >>> import evaluate
        >>> v_measure = evaluate.load("metrics/v_measure")
        >>> results = v_measure.compute(references=[0, 0, 0, 0, 1, 1, 1, 2, 2, 2], predictions=[0, 0, 1, 1, 1, 1, 1, 2, 2, 0])
        >>> {name: round(value, 4) for name, value in results.items()}
        {'v_measure': 0.53, 'homogeneity': 0.5156, 'completeness': 0.5453}

    Relations as text, clusters as numbers, one instance left out:

        >>> references, predictions = ["born in", "born in", "spouse", "spouse"], [0, 0, 1, -1]
        >>> round(v_measure.compute(references=references, predictions=predictions)["completeness"], 4)
        0.6667
        >>> v_measure.compute(references=references, predictions=predictions, noise="drop")["completeness"]
        1.0
"""

_CITATION = """
@inproceedings{rosenberg2007v,
  title={V-Measure: A Conditional Entropy-Based External Cluster Evaluation Measure},
  author={Rosenberg, Andrew and Hirschberg, Julia},
  booktitle={Proceedings of the 2007 Joint Conference on Empirical Methods in Natural Language Processing and Computational
    Natural Language Learning},
  pages={410--420},
  year={2007}
}
"""


# Text first: `datasets` refuses a number where text is declared, but would turn the text "1" into a number.
_FEATURES = [
    datasets.Features({"predictions": datasets.Value(predictions), "references": datasets.Value(references)})
    for predictions, references in [("string", "string"), ("int64", "string"), ("string", "int64"), ("int64", "int64")]
]


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class VMeasure(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=_FEATURES,
            reference_urls=["https://aclanthology.org/D07-1043/"],
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add the labels of a batch of instances, checked before `datasets` casts them (it would turn 1.7 into 1)."""
        references, predictions = check_labels(references, predictions, names=("references", "predictions"))
        super().add_batch(predictions=predictions.tolist(), references=references.tolist(), **kwargs)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add the labels of one instance, checked before `datasets` casts them (it would turn 1.7 into 1)."""
        check_labels([reference], [prediction], names=("references", "predictions"))
        super().add(prediction=prediction, reference=reference, **kwargs)

    def _compute(
        self,
        predictions: list[int] | list[str],
        references: list[int] | list[str],
        beta: float = 1.0,
        noise: str = "cluster",
    ) -> dict[str, float]:
        return v_measure(references, predictions, beta=beta, noise=noise)
