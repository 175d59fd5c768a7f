"""What a RoCORE model finds: its classifier's predictions, clusters of its embeddings, and how known relations fare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hf_relation.clustering import PrincipalComponents, WithinClassWhitening, cluster
from hf_relation.clustering.rows import normalize_rows
from hf_relation.embedding import embed_instances
from hf_relation.metrics import bcubed, clustering_report, hungarian_accuracy
from hf_relation.models.pair_representations import PairRepresentations
from hf_relation.models.rocore import RoCOREModel, map_rows
from hf_relation.training import (
    EmbeddedParts,
    ExperimentData,
    limit_per_relation,
    score_parts,
    single_relation,
    summarize_scores,
)
from hf_relation.training.pseudo_label_rules import cluster_centers


if TYPE_CHECKING:
    from hf_relation.data import Instance
    from hf_relation.runs.rocore_arguments import RoCOREArguments


Figures = dict[str, float]
Scores = dict[str, dict[str, list[Figures]]]


class ModelView:
    """A model, and h of the instances it was asked about: each part of a corpus is embedded once.

    Args:
        model ([`RoCOREModel`]), processor ([`RelationProcessor`]): the model and its processor.
        progress (`bool`): show a progress bar while embedding.
    """

    def __init__(self, model: RoCOREModel, processor: Any, *, progress: bool = False) -> None:
        self.model = model
        self.processor = processor
        self.progress = progress
        self.device = next(model.parameters()).device

    def pooled(self, instances: Sequence[Instance]) -> np.ndarray:
        """h, `(n, pooled_dim)`, float32."""
        pairs = PairRepresentations(self.model, self.model.config.pooled_layer)
        return embed_instances(pairs, self.processor, instances, progress=self.progress)

    def embeddings(self, pooled: np.ndarray, kind: str | None = None) -> np.ndarray:
        """Rows of length one: g(h) for `"latent"`, h for `"pooled"`; by default what the config says."""
        latent = (kind or self.model.config.embedding) == "latent"
        return normalize_rows(map_rows(self.model.latent, pooled, self.device) if latent else pooled)

    def novel_logits(self, pooled: np.ndarray) -> np.ndarray:
        """Of the novel classifier, `(n, novel)`."""
        return map_rows(self.model.novel_classifier, pooled, self.device)

    def known_logits(self, pooled: np.ndarray) -> np.ndarray:
        """Of the known classifier, `(n, known)` or `(n, known + novel)`."""
        return map_rows(self.model.known_classifier, pooled, self.device)


def score_start(view: ModelView, data: ExperimentData, script: RoCOREArguments) -> Scores:
    """Score the pair representations of the model at its start, inductively: what there is without RoCORE.

    Args:
        view ([`ModelView`]): the model at its start.
        data ([`~hf_relation.training.ExperimentData`]): training instances (for the whitening), validation and test.
        script ([`RoCOREArguments`]): how to cluster.

    Returns:
        `dict`: as [`~hf_relation.training.score_model`] gives it.
    """
    return _score_embeddings(view, data, script, kind="pooled")[0]


def score_rocore(
    view: ModelView, data: ExperimentData, script: RoCOREArguments, num_novel: int
) -> tuple[Scores, WithinClassWhitening | None]:
    """Score a trained model on the novel relations.

    Beside the variants of [`~hf_relation.training.score_model`], which cluster the embeddings of the test, the test has
    `"head"`: the novel classifier's predictions; and `"transductive"`: k-means over the embeddings of the unlabelled text,
    test instances assigned to the nearest centre (`"transductive, whitening+pca"`: the same after whitening and PCA).

    Args:
        view ([`ModelView`]): the trained model.
        data ([`~hf_relation.training.ExperimentData`]): its parts.
        script ([`RoCOREArguments`]): how to cluster.
        num_novel (`int`): relations looked for.

    Returns:
        `tuple`: `{part: {variant: [figures per cluster seed]}}`, and the whitening.
    """
    scores, whitening, pooled = _score_embeddings(view, data, script, kind=None)
    if "test" not in scores:
        return scores, whitening
    gold = [str(single_relation(row)) for row in data.test if single_relation(row) is not None]
    found: dict[str, list[Figures]] = {"head": [_figures(gold, view.novel_logits(pooled).argmax(axis=1))]}
    unlabelled, test = view.embeddings(view.pooled(data.unlabeled)), view.embeddings(pooled)
    found["transductive"] = _nearest(unlabelled, test, gold, script, num_novel)
    if whitening is not None:
        unlabelled, test = whitening.transform(unlabelled), whitening.transform(test)
        if script.pca_components < min(unlabelled.shape):
            components = PrincipalComponents(script.pca_components).fit(unlabelled)
            unlabelled, test = components.transform(unlabelled), components.transform(test)
        found["transductive, whitening+pca"] = _nearest(unlabelled, test, gold, script, num_novel)
    scores["test"] = found | scores["test"]
    return scores, whitening


def score_incremental(view: ModelView, data: ExperimentData, known_test: Sequence[Instance]) -> Figures:
    """Score the known classifier on known relations and, where it covers them, on the novel ones.

    Args:
        view ([`ModelView`]): the trained model.
        data ([`~hf_relation.training.ExperimentData`]): `known_relations`, in whose order the classes are, and the test.
        known_test (`Sequence[Instance]`): instances of known relations that were not trained on.

    Returns:
        `dict[str, float]`: `known_accuracy`. With an incremental model also, over the test: `novel_accuracy` (the best
        one-to-one naming of the novel classes; predictions of known classes are wrong), `novel_bcubed_f1`,
        `novel_predicted` (share predicted as any novel class); and `accuracy` over both.
    """
    known = len(data.known_relations)
    gold = np.array([data.known_relations.index(str(single_relation(row))) for row in known_test])
    predicted = view.known_logits(view.pooled(known_test)).argmax(axis=1)
    figures = {"known_accuracy": float((predicted == gold).mean())}
    test = [row for row in data.test if single_relation(row) is not None]
    if not view.model.config.incremental or not test:
        return figures
    names = [str(single_relation(row)) for row in test]
    predicted = view.known_logits(view.pooled(test)).argmax(axis=1)
    novel = np.flatnonzero(predicted >= known)
    share = len(novel) / len(test)
    right = hungarian_accuracy([names[row] for row in novel], predicted[novel]) if len(novel) else 0.0
    figures |= {
        "novel_accuracy": right * share,
        "novel_bcubed_f1": bcubed(names, predicted)["bcubed_f1"],
        "novel_predicted": share,
    }
    total = len(known_test) + len(test)
    figures["accuracy"] = (figures["known_accuracy"] * len(known_test) + figures["novel_accuracy"] * len(test)) / total
    return figures


def summarize(runs: Sequence[Mapping[str, Any]], chosen: str, key: str = "scores") -> dict[str, Any]:
    """Pool the scores of several training seeds, as [`~hf_relation.training.summarize_runs`]; the variant is given.

    Args:
        runs (`Sequence[Mapping]`): with `key`: `{part: {variant: [figures]}}`.
        chosen (`str`): the variant to quote.
        key (`str`, defaults to `"scores"`): which scores.

    Returns:
        `dict`: `"chosen"`, `"given"` (true: nothing chose it), `"best_run"` (position of the one with the best validation,
        else the first) and `"scores"`.
    """
    scores = {
        part: {
            variant: summarize_scores([figures for run in runs for figures in run[key][part][variant]])
            for variant in variants
        }
        for part, variants in runs[0][key].items()
    }
    best = 0
    if "validation" in scores:
        of_runs = [
            max(summarize_scores(figures)["bcubed_f1"] for figures in run[key]["validation"].values()) for run in runs
        ]
        best = int(np.argmax(of_runs))
    return {"chosen": chosen, "given": True, "best_run": best, "scores": scores}


def _score_embeddings(
    view: ModelView, data: ExperimentData, script: RoCOREArguments, *, kind: str | None
) -> tuple[Scores, WithinClassWhitening | None, np.ndarray]:
    whitening = None
    if script.whitening_per_relation:
        fitting = limit_per_relation(data.train, script.whitening_per_relation)
        rows = view.embeddings(view.pooled(fitting), kind)
        whitening = WithinClassWhitening(shrinkage=script.whitening_shrinkage)
        whitening.fit(rows, [single_relation(row) for row in fitting])
    parts = EmbeddedParts({}, {}, whitening)
    pooled = np.empty((0, view.model.config.pooled_dim), dtype=np.float32)
    for name, instances in (("validation", data.validation), ("test", data.test)):
        labelled = [row for row in instances if single_relation(row) is not None]
        if labelled:
            pooled = view.pooled(labelled)
            parts.rows[name] = view.embeddings(pooled, kind)
            parts.gold[name] = [str(single_relation(row)) for row in labelled]
    scores = score_parts(
        parts,
        cluster_seeds=range(script.num_cluster_seeds),
        n_init=script.n_init,
        pca_components=script.pca_components,
    )
    return scores, whitening, pooled


def _nearest(
    unlabelled: np.ndarray, test: np.ndarray, gold: Sequence[str], script: RoCOREArguments, num_novel: int
) -> list[Figures]:
    scores = []
    for seed in range(script.num_cluster_seeds):
        labels = cluster(unlabelled, "kmeans", num_novel, seed=seed, n_init=script.n_init)
        centers = cluster_centers(unlabelled, labels, num_novel)
        distances = torch.cdist(torch.from_numpy(test).double(), torch.from_numpy(centers))
        scores.append(_figures(gold, distances.argmin(dim=1).numpy()))
    return scores


def _figures(gold: Sequence[str], predicted: np.ndarray) -> Figures:
    return {key: value for key, value in clustering_report(gold, predicted).items() if isinstance(value, float)}
