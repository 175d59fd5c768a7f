"""B-cubed as a module for the `evaluate` library."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from hf_relation.metrics import bcubed, check_labels


_DESCRIPTION = """
B-cubed precision, recall and F-measure of a clustering. For an instance in a cluster of size s, of a relation of size r, whose
cluster holds c instances of its relation, precision is c / s and recall c / r; both are averaged over the instances.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (`list` of `int` or `str`): the cluster of each instance; the integer -1 means left out.
    references (`list` of `int` or `str`): the gold relation of each instance.
    beta (`float`, defaults to 1.0): above 0; weight of recall against precision in the F-measure.
    noise (`str`, defaults to `"cluster"`): what predictions of -1 (instances left out by the clustering) count as:
        `"cluster"` takes them as one cluster like any other (as scikit-learn does), `"singletons"` as one cluster each,
        `"drop"` scores only the other instances. State it with every published figure.

Returns:
    bcubed_precision (`float`): in (0, 1], higher is better. 1 when no cluster mixes relations.
    bcubed_recall (`float`): in (0, 1], higher is better. 1 when no relation is spread over clusters.
    bcubed_f1 (`float`): in (0, 1], higher is better. Their F-measure for `beta`.

Only the partitions matter: renaming clusters or relations, or reordering the instances, changes nothing.

Raises:
    TypeError: a label is neither `int` nor `str` (also `bool`, `float`, `None`), or one side mixes the two.
    ValueError: no labels, unequal lengths, an option out of its range, or nothing left to score.

Examples:

    One relation is split and two are mixed:

        >>> import evaluate
        >>> bcubed = evaluate.load("metrics/bcubed")
        >>> results = bcubed.compute(references=[0, 0, 0, 0, 1, 1, 1, 2, 2, 2], predictions=[0, 0, 1, 1, 1, 1, 1, 2, 2, 0])
        >>> {name: round(value, 4) for name, value in results.items()}
        {'bcubed_precision': 0.6267, 'bcubed_recall': 0.6667, 'bcubed_f1': 0.646}

    Relations as text, clusters as numbers, one instance left out:

        >>> references, predictions = ["born in", "born in", "spouse", "spouse"], [0, 0, 1, -1]
        >>> bcubed.compute(references=references, predictions=predictions)["bcubed_recall"]
        0.75
        >>> bcubed.compute(references=references, predictions=predictions, noise="drop")["bcubed_recall"]
        1.0
"""

_CITATION = """
@inproceedings{bagga1998algorithms,
  title={Algorithms for Scoring Coreference Chains},
  author={Bagga, Amit and Baldwin, Breck},
  booktitle={The First International Conference on Language Resources and Evaluation Workshop on Linguistics Coreference},
  year={1998}
}
@article{amigo2009comparison,
  title={A comparison of extrinsic clustering evaluation metrics based on formal constraints},
  author={Amigó, Enrique and Gonzalo, Julio and Artiles, Javier and Verdejo, Felisa},
  journal={Information Retrieval},
  volume={12},
  number={4},
  pages={461--486},
  year={2009}
}
"""


# Text first: `datasets` refuses a number where text is declared, but would turn the text "1" into a number.
_FEATURES = [
    datasets.Features({"predictions": datasets.Value(predictions), "references": datasets.Value(references)})
    for predictions, references in [("string", "string"), ("int64", "string"), ("string", "int64"), ("int64", "int64")]
]


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class Bcubed(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=_FEATURES,
            reference_urls=["https://doi.org/10.1007/s10791-008-9066-8"],
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
        return bcubed(references, predictions, beta=beta, noise=noise)
