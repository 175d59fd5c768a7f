"""Adjusted Rand index as a module for the `evaluate` library."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from hf_relation.metrics import adjusted_rand_index, check_labels


_DESCRIPTION = """
Adjusted Rand index of a clustering: how many pairs of instances share both relation and cluster, corrected for chance. With S
such pairs, A pairs that share the relation, B that share the cluster and N in all, it is (S - AB/N) / ((A + B)/2 - AB/N).
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (`list` of `int` or `str`): the cluster of each instance; the integer -1 means left out.
    references (`list` of `int` or `str`): the gold relation of each instance.
    noise (`str`, defaults to `"cluster"`): what predictions of -1 (instances left out by the clustering) count as:
        `"cluster"` takes them as one cluster like any other (as scikit-learn does), `"singletons"` as one cluster each,
        `"drop"` scores only the other instances. State it with every published figure.

Returns:
    ari (`float`): in [-1, 1], higher is better. 1 for the same partition, 0 expected for a random one.

Only the partitions matter: renaming clusters or relations, or reordering the instances, changes nothing.

Raises:
    TypeError: a label is neither `int` nor `str` (also `bool`, `float`, `None`), or one side mixes the two.
    ValueError: no labels, unequal lengths, an option out of its range, or nothing left to score.

Examples:

    One relation is split and two are mixed:

        >>> import evaluate
        >>> ari = evaluate.load("metrics/adjusted_rand_index")
        >>> results = ari.compute(references=[0, 0, 0, 0, 1, 1, 1, 2, 2, 2], predictions=[0, 0, 1, 1, 1, 1, 1, 2, 2, 0])
        >>> round(results["ari"], 4)
        0.2446

    Relations as text, clusters as numbers, one instance left out:

        >>> references, predictions = ["born in", "born in", "spouse", "spouse"], [0, 0, 1, -1]
        >>> round(ari.compute(references=references, predictions=predictions)["ari"], 4)
        0.5714
        >>> ari.compute(references=references, predictions=predictions, noise="drop")["ari"]
        1.0
"""

_CITATION = """
@article{hubert1985comparing,
  title={Comparing partitions},
  author={Hubert, Lawrence and Arabie, Phipps},
  journal={Journal of Classification},
  volume={2},
  number={1},
  pages={193--218},
  year={1985}
}
"""


# Text first: `datasets` refuses a number where text is declared, but would turn the text "1" into a number.
_FEATURES = [
    datasets.Features({"predictions": datasets.Value(predictions), "references": datasets.Value(references)})
    for predictions, references in [("string", "string"), ("int64", "string"), ("string", "int64"), ("int64", "int64")]
]


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class AdjustedRandIndex(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=_FEATURES,
            reference_urls=["https://doi.org/10.1007/BF01908075"],
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
        self, predictions: list[int] | list[str], references: list[int] | list[str], noise: str = "cluster"
    ) -> dict[str, float]:
        return {"ari": adjusted_rand_index(references, predictions, noise=noise)}
