"""What a Siamese-URE model finds: clusters of its embeddings, and those of its clustering head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hf_relation.clustering.rows import normalize_rows
from hf_relation.embedding import embed_instances
from hf_relation.metrics import clustering_report
from hf_relation.models.pair_representations import PairRepresentations
from hf_relation.models.siamese_ure import SiameseUREModel
from hf_relation.runs.siamese_ure_arguments import ScriptArguments
from hf_relation.training import ExperimentData, score_clusterings, single_relation


if TYPE_CHECKING:
    from hf_relation.training.scoring import Scores


def score(
    model: SiameseUREModel,
    processor: Any,
    data: ExperimentData,
    script: ScriptArguments,
    *,
    head: bool,
    progress: bool = False,
) -> tuple[Scores, float]:
    """Cluster the embeddings of labelled text and compare the clusters with its relations.

    Args:
        model ([`SiameseUREModel`]), processor ([`~hf_relation.RelationProcessor`]): the model and its processor.
        data ([`~hf_relation.training.ExperimentData`]): `validation` and `test` are scored.
        script ([`ScriptArguments`]): how to cluster.
        head (`bool`): score what the clustering head predicts, too; at its start it knows nothing.
        progress (`bool`, defaults to `False`): show a progress bar while embedding.

    Returns:
        `tuple`: `{part: {variant: [figures per cluster seed]}}` with the variants `"plain"`, `"pca"` and, once, `"head"`; and
        the spread of the embeddings of the last part, see [`spread`] (1.0 where nothing is labelled).
    """
    number: int | str = "gold" if script.num_clusters == "true" else int(script.num_clusters)
    scores: Scores = {}
    share = 1.0
    for part, instances in (("validation", data.validation), ("test", data.test)):
        labelled = [row for row in instances if single_relation(row) is not None]
        if not labelled:
            continue
        gold = [str(single_relation(row)) for row in labelled]
        h = embed_instances(PairRepresentations(model, model.config.layer), processor, labelled, progress=progress)
        rows = normalize_rows(h)
        share = spread(rows)
        scores[part] = {
            variant: score_clusterings(
                rows,
                gold,
                num_relations=number,
                seeds=range(script.num_cluster_seeds),
                pca_components=components,
                n_init=script.n_init,
                algorithm=script.algorithm,  # type: ignore[arg-type]
            )
            for variant, components in (("plain", None), ("pca", script.pca_components))
        }
        if head:
            report = clustering_report(gold, predicted_clusters(model, h))
            scores[part]["head"] = [{key: value for key, value in report.items() if isinstance(value, float)}]
    return scores, share


def predicted_clusters(model: SiameseUREModel, h: np.ndarray) -> np.ndarray:
    """Give the cluster that the model's head prefers for every row.

    Args:
        model ([`SiameseUREModel`]): the model.
        h (`np.ndarray` of shape `(n, blocks * hidden)`): pair representations.

    Returns:
        `np.ndarray` of shape `(n,)`, int64.
    """
    with torch.inference_mode():
        logits = model.cluster_head(torch.from_numpy(h).to(model.cluster_head.weight.device))
        return logits.argmax(dim=1).cpu().numpy()


def spread(rows: np.ndarray) -> float:
    """Tell how far rows of length one are from being all the same.

    Args:
        rows (`np.ndarray` of shape `(n, d)`): of length one.

    Returns:
        `float`: the root mean square over the columns of their standard deviations, times the root of d: from 0, where all
        rows are one (a collapse), to 1, where their mean is zero.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.runs.siamese_ure_scoring import spread
    >>> spread(np.eye(2)[[0, 0, 0]]), spread(np.array([[1.0, 0.0], [-1.0, 0.0]]))
    (0.0, 1.0)

    ```
    """
    return float(np.sqrt(rows.astype(np.float64).var(axis=0).sum()))
