"""RoCORE's pseudo labels: the clusters of the unlabelled rows, anew in every epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from hf_relation.clustering.rows import normalize_rows
from hf_relation.errors import UsageError
from hf_relation.losses import class_centroids
from hf_relation.metrics import bcubed
from hf_relation.models.cluster_head import head_at_groups
from hf_relation.models.pair_representations import PairRepresentations
from hf_relation.models.rocore import RoCOREModel, map_rows
from hf_relation.training.autoencoder_pretraining import autoencoder_of, load_autoencoder, pretrain_autoencoder
from hf_relation.training.pseudo_label_rules import (
    NO_LABEL,
    PseudoLabelRules,
    make_pseudo_labels,
    renumber_like,
    share_changed,
    space_of,
)
from hf_relation.training.samplers import UNLABELLED
from hf_relation.training.targets import EpochTargets, check_state


if TYPE_CHECKING:
    from hf_relation.training.discovery_trainer import DiscoveryTrainer


logger = logging.getLogger(__name__)


class PseudoLabels(EpochTargets):
    """Targets of [`~hf_relation.models.rocore.RoCOREModel`]: pre-training first, then clusters and centroids in every epoch.

    The first `pretraining_epochs` epochs are those of the reconstruction alone (`model.phase` is `"pretraining"`). At the
    start of every later one all rows are embedded without dropout; the unlabelled ones are clustered, as `rules` say, and
    the centroids of the known relations are set to the means of their rows. Logged: `pseudo_inertia`, `pseudo_balance`
    (smallest over largest cluster), `pseudo_kept` (share of rows with a pseudo label), `pseudo_changed` (share that
    changed its cluster since the last epoch).

    Args:
        labels (`Sequence[int]` of length `n`): relation number of every training row; -100 marks unlabelled ones.
        num_clusters (`int`): k, the novel relations.
        rules ([`~hf_relation.training.pseudo_label_rules.PseudoLabelRules`], *optional*): default the paper's.
        pretraining_epochs (`int`, defaults to 10): epochs of reconstruction alone, through the encoder.
        fixed_pretraining_epochs (`int`, defaults to 0): before the first epoch, passes of the autoencoder over the
            representations of all rows, embedded once, see
            [`~hf_relation.training.autoencoder_pretraining.pretrain_autoencoder`]; what `pretraining_epochs` do, in a
            fraction of the time.
        fixed_pretraining (`Mapping`, *optional*): its further arguments.
        centroid_rows (`int`, *optional*): labelled rows of a relation that centroids (and whitening) are computed of at most;
            saves embedding the others. The first ones by position; default all.
        start_classifiers (`bool`, defaults to `False`): at the start of joint training, set the novel classifier to the clusters
            and the known one to the relations (see [`~hf_relation.models.cluster_head.head_at_groups`]). From random weights the
            pairwise loss gives next to no gradient where h is short: all predictions are alike then.
        sharpness (`float`, defaults to 10.0): of these classifiers.
        averaged (`bool`, defaults to `False`): make targets with the averaged weights (`ema_decay`).
        score_agreement (`bool`, defaults to `False`): evaluations embed the unlabelled rows and give `agreement`: B-cubed F1
            between the novel classifier's predictions and the clusters, a criterion that needs no label.
        gold (`Sequence` of length `n`, *optional*): gold relations (of the unlabelled rows; others are not read), for
            analysis: `gold_bcubed_f1` of the clusters is logged in every epoch. With `score_gold`, evaluations give
            `gold_bcubed_f1` of the classifier's predictions as well; a model chosen by that is not one that was found
            without novel labels.
        score_gold (`bool`, defaults to `False`): as said.

    Raises:
        UsageError: a number out of range, fewer unlabelled rows than clusters, no labelled row, or labels and gold of
            different lengths.

    Reference: Zhao et al., "A Relation-Oriented Clustering Method for Open Relation Extraction", EMNLP 2021, algorithm 1.
    """

    def __init__(
        self,
        labels: Sequence[int],
        num_clusters: int,
        rules: PseudoLabelRules | None = None,
        *,
        pretraining_epochs: int = 10,
        fixed_pretraining_epochs: int = 0,
        fixed_pretraining: Mapping[str, Any] | None = None,
        centroid_rows: int | None = None,
        start_classifiers: bool = False,
        sharpness: float = 10.0,
        averaged: bool = False,
        score_agreement: bool = False,
        gold: Sequence[Any] | None = None,
        score_gold: bool = False,
    ) -> None:
        for name, value, least in (
            ("num_clusters", num_clusters, 1),
            ("pretraining_epochs", pretraining_epochs, 0),
            ("fixed_pretraining_epochs", fixed_pretraining_epochs, 0),
            ("centroid_rows", 1 if centroid_rows is None else centroid_rows, 1),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
        array = np.asarray(labels, dtype=np.int64)
        self._novel = np.flatnonzero(array == UNLABELLED)
        self._known = _first_rows(array, centroid_rows)
        if len(self._novel) < num_clusters:
            raise UsageError(
                f"There are {len(self._novel)} unlabelled rows for {num_clusters} novel relations. Give more unlabelled text, "
                "or a smaller --num_novel_relations."
            )
        if not len(self._known):
            raise UsageError("There is no labelled row of a known relation. Give labelled training data.")
        if gold is not None:
            if len(gold) != len(array):
                raise UsageError(f"`gold` must hold one relation per row: {len(array)} rows, {len(gold)} relations.")
            logger.warning(
                "Gold relations of the unlabelled rows are read, for analysis%s.",
                " AND to choose the model: its figures are optimistic"
                if score_gold
                else "; nothing is chosen by them",
            )
        if score_gold and gold is None:
            raise UsageError("`score_gold` needs `gold`.")
        self.num_clusters = num_clusters
        self.rules = rules or PseudoLabelRules()
        self.pretraining_epochs = pretraining_epochs
        self.fixed_pretraining_epochs = fixed_pretraining_epochs
        self.fixed_pretraining = dict(fixed_pretraining or {})
        self.start_classifiers = start_classifiers
        self.sharpness = sharpness
        self.averaged = averaged
        self.score_agreement = score_agreement
        self.score_gold = score_gold
        self._labels = array
        self._gold = None if gold is None else [str(gold[row]) for row in self._novel.tolist()]
        self._pseudo = np.full(len(array), NO_LABEL)
        self._clusters: np.ndarray | None = None  # of the unlabelled rows
        self._centroids: tuple[np.ndarray, np.ndarray] | None = None  # and which are present

    def refresh(self, trainer: DiscoveryTrainer, epoch: int) -> dict[str, float]:
        """Pre-train on fixed representations, or cluster; see the class."""
        figures: dict[str, float] = {}
        if epoch == 0 and self.fixed_pretraining_epochs:
            figures |= self._pretrain(trainer)
        if epoch < self.pretraining_epochs:
            return figures
        rows = np.concatenate([self._known, self._novel])
        pooled = trainer.embed_rows(rows, features=_pairs, averaged=self.averaged)
        first = self._clusters is None
        found = trainer.on_first_process(lambda: self._cluster(trainer, pooled))
        self._clusters = found["clusters"]
        self._pseudo = np.full(len(self._labels), NO_LABEL)
        self._pseudo[self._novel] = found["labels"]
        self._centroids = found["centroids"], found["present"]
        if first and self.start_classifiers:
            heads = trainer.on_first_process(lambda: self._heads(trainer, pooled))
            _set_heads(cast(RoCOREModel, trainer.plain_model), heads)
            trainer.restart_average()
        return figures | found["figures"]

    def apply(self, trainer: DiscoveryTrainer, epoch: int) -> None:
        """Tell the model its phase, t of the ramp (the epochs of joint training so far), and the centroids."""
        model = cast(RoCOREModel, trainer.plain_model)
        if self._centroids is not None:
            centroids, present = self._centroids
            model.set_centroids(torch.from_numpy(centroids), torch.from_numpy(present))
        model.phase = "pretraining" if epoch < self.pretraining_epochs else "joint"
        model.epoch = float(max(0, epoch - self.pretraining_epochs))

    def columns(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """`pseudo_labels`, and `novel_mask`: all unlabelled rows, whether they keep a pseudo label or not."""
        positions = rows.numpy()
        return {
            "pseudo_labels": torch.from_numpy(self._pseudo[positions]),
            "novel_mask": torch.from_numpy(self._labels[positions] == UNLABELLED),
        }

    def scores(self, trainer: DiscoveryTrainer) -> dict[str, float]:
        """`agreement` and `gold_bcubed_f1` of the novel classifier, where they are asked for; 0 during pre-training."""
        if not (self.score_agreement or self.score_gold):
            return {}
        model = cast(RoCOREModel, trainer.plain_model)
        trained = model.phase == "joint"
        names = ["agreement"] * self.score_agreement + ["gold_bcubed_f1"] * self.score_gold
        if not trained:
            return dict.fromkeys(names, 0.0)
        rows = np.concatenate([self._known, self._novel])
        pooled = trainer.embed_rows(rows, features=_pairs, averaged=True)

        def work() -> dict[str, float]:
            with trainer.average.applied(trainer.accelerator.unwrap_model(trainer.model)):
                space, logits = self._space(model, pooled, trainer.args.device)
            predicted = logits.argmax(axis=1)
            found: dict[str, float] = {}
            if self.score_agreement:
                clusters = make_pseudo_labels(space, self.num_clusters, self.rules).clusters
                found["agreement"] = bcubed(clusters, predicted)["bcubed_f1"]
            if self.score_gold:
                found["gold_bcubed_f1"] = bcubed(cast(list[str], self._gold), predicted)["bcubed_f1"]
            return found

        return trainer.on_first_process(work)

    def state(self) -> dict[str, np.ndarray]:
        """The pseudo labels, the clusters they come from, and the centroids of the known relations."""
        state = {"pseudo_labels": self._pseudo}
        if self._clusters is not None and self._centroids is not None:
            # Of a model with adapters, a checkpoint would not hold the centroids.
            state |= {"clusters": self._clusters, "centroids": self._centroids[0], "present": self._centroids[1]}
        return state

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what [`state`] gave."""
        shapes: dict[str, tuple[int | None, ...]] = {"pseudo_labels": (len(self._labels),)}
        clustered = "clusters" in state
        if clustered:
            shapes |= {"clusters": (len(self._novel),), "centroids": (None, None), "present": (None,)}
        check_state(state, shapes)
        self._pseudo = state["pseudo_labels"]
        self._clusters = state["clusters"] if clustered else None
        self._centroids = (state["centroids"], state["present"]) if clustered else None

    def _space(self, model: RoCOREModel, pooled: np.ndarray, device: torch.device) -> tuple[np.ndarray, np.ndarray]:
        """What is clustered, and the logits of the novel classifier, of the unlabelled rows."""
        novel = pooled[len(self._known) :]
        rows = pooled
        if self.rules.space == "latent" or (self.rules.space == "embedding" and model.config.embedding == "latent"):
            rows = map_rows(model.latent, pooled, device)
        if self.rules.space == "embedding":
            rows = normalize_rows(rows)
        known = rows[: len(self._known)]
        space = space_of(rows[len(self._known) :], self.rules, known, self._labels[self._known], self._clusters)
        return space, map_rows(model.novel_classifier, novel, device)

    def _heads(self, trainer: DiscoveryTrainer, pooled: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Weight and bias of both classifiers, at the relations and clusters there are."""
        config = trainer.plain_model.config
        h, clusters = torch.from_numpy(pooled), torch.from_numpy(cast(np.ndarray, self._clusters))
        known, number = torch.from_numpy(self._labels[self._known]), len(self._known)
        rows, groups, total = h[:number], known, config.num_known_relations
        if config.incremental:
            rows, groups, total = h, torch.cat([known, clusters + total]), total + self.num_clusters
        made = {
            "novel_classifier": head_at_groups(h[number:], clusters, self.num_clusters, sharpness=self.sharpness),
            "known_classifier": head_at_groups(rows, groups, total, sharpness=self.sharpness),
        }
        return {name: (weight.float().numpy(), bias.float().numpy()) for name, (weight, bias) in made.items()}

    def _cluster(self, trainer: DiscoveryTrainer, pooled: np.ndarray) -> dict[str, Any]:
        model = cast(RoCOREModel, trainer.plain_model)
        device = trainer.args.device
        space, logits = self._space(model, pooled, device)
        by_head = self.rules.label_source == "head" and self._clusters is not None
        made = make_pseudo_labels(space, self.num_clusters, self.rules, logits if by_head else None)
        if self._clusters is not None and not by_head:
            made = renumber_like(self._clusters, made, self.num_clusters)
        sizes = np.bincount(made.clusters, minlength=self.num_clusters)
        figures = {
            "pseudo_inertia": made.inertia,
            "pseudo_balance": float(sizes.min() / sizes.max()),
            "pseudo_kept": float((made.labels != NO_LABEL).mean()),
        }
        if self._clusters is not None:
            figures["pseudo_changed"] = share_changed(self._clusters, made.clusters)
        if self._gold is not None:
            figures["gold_bcubed_f1"] = bcubed(self._gold, made.clusters)["bcubed_f1"]
            kept = np.flatnonzero(made.labels != NO_LABEL)
            figures["gold_bcubed_f1_kept"] = bcubed([self._gold[row] for row in kept], made.labels[kept])["bcubed_f1"]
        latent = map_rows(model.latent, pooled[: len(self._known)], device)
        centroids, present = class_centroids(
            torch.from_numpy(latent), torch.from_numpy(self._labels[self._known]), model.config.num_known_relations
        )
        return {
            "clusters": made.clusters,
            "labels": made.labels,
            "centroids": centroids.float().numpy(),
            "present": present.numpy(),
            "figures": figures,
        }

    def _pretrain(self, trainer: DiscoveryTrainer) -> dict[str, float]:
        pooled = trainer.embed_rows(features=_pairs)
        model = cast(RoCOREModel, trainer.plain_model)

        def work() -> tuple[list[float], dict[str, np.ndarray]]:
            history = pretrain_autoencoder(
                model, pooled, epochs=self.fixed_pretraining_epochs, **self.fixed_pretraining
            )
            return history, {name: value.cpu().numpy() for name, value in autoencoder_of(model).state_dict().items()}

        history, weights = trainer.on_first_process(work)
        load_autoencoder(model, weights)
        trainer.restart_average()
        return {"pretraining_loss_first": history[0], "pretraining_loss_last": history[-1]}


@torch.no_grad()
def _set_heads(model: RoCOREModel, heads: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for name, (weight, bias) in heads.items():
        head = getattr(model, name)
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(bias))


def _pairs(model: Any) -> PairRepresentations:
    return PairRepresentations(model, model.config.pooled_layer)


def _first_rows(labels: np.ndarray, limit: int | None) -> np.ndarray:
    """Positions of the labelled rows, so many of each relation at most."""
    known = np.flatnonzero(labels != UNLABELLED)
    if limit is None:
        return known
    return np.sort(
        np.concatenate([known[:0], *(known[labels[known] == name][:limit] for name in np.unique(labels[known]))])
    )
