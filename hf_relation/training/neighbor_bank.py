"""The mined neighbours of every training row, anew in every epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from hf_relation.clustering import PrincipalComponents, cluster, nearest_neighbors, neighbor_accuracy
from hf_relation.clustering.neighbors import NeighborBackend
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.pair_representations import PairRepresentations
from hf_relation.models.siamese_ure import SiameseUREModel
from hf_relation.training.neighbor_collator import NeighborCollator
from hf_relation.training.targets import EpochTargets, check_state


if TYPE_CHECKING:
    from hf_relation.training.discovery_trainer import DiscoveryTrainer


_STATE = "neighbors"
_START_COMPONENTS = 64  # k-means for the start of the clusters; as few as clusterings elsewhere
_START_N_INIT = 10


class NeighborBank(EpochTargets):
    """Siamese-URE's neighbours: the rows whose representation is nearest, mined at the start of every epoch.

    In the epochs of the warm-up nothing is mined and the model's clustering loss is off (`model.cluster_scale` 0). After
    it, every epoch embeds all rows with the model as it is, without dropout, and finds the K nearest others of each by
    the cosine. A row is excluded by its position; rows with the same sentence are neighbours like any others. Of the K,
    every step of an epoch sees all, or as many as `neighbors_per_step` says, drawn by the seed, the epoch and the row
    alone: a run that is resumed sees the same.

    Args:
        collator ([`NeighborCollator`]): makes the columns of a batch; knows the training rows.
        num_neighbors (`int`, defaults to 20): K, from 1 to one less than there are rows.
        neighbors_per_step (`int`, *optional*): neighbours of a row in a batch, from 1 to K; default all K. Each goes through
            the encoder, so a step costs as much as `2 + neighbors_per_step` passes over its rows.
        warmup_epochs (`int`, defaults to 5): epochs with the siamese loss alone.
        components (`int`, *optional*): search among this many principal components of the rows, fitted on them; default: among
            the rows as they are. What all rows have in common then no longer makes them alike.
        start_clusters (`bool`, defaults to `False`): after the warm-up, start the model's clustering head at clusters that
            k-means finds, see [`SiameseUREModel.start_clusters`].
        seed (`int`, defaults to 0): of the draws and of that k-means, at least 0.
        backend (`str`, defaults to `"auto"`): how to search, see [`~hf_relation.clustering.nearest_neighbors`].
        gold (`Sequence` of length `n`, *optional*): gold relation of every row, for analysis: `gold_neighbor_accuracy` is
            then logged with the figures of an epoch. Nothing is chosen by it.

    Raises:
        UsageError: a number out of range, or not one gold relation per row.

    Reference: Zhang and Chen, "Siamese Representation Learning for Unsupervised Relation Extraction", ECAI 2023, sections 2.3
    and 2.4. (The authors' code takes dot products and drops the first hit, which need not be the row itself.)
    """

    def __init__(
        self,
        collator: NeighborCollator,
        *,
        num_neighbors: int = 20,
        neighbors_per_step: int | None = None,
        warmup_epochs: int = 5,
        components: int | None = None,
        start_clusters: bool = False,
        seed: int = 0,
        backend: NeighborBackend = "auto",
        gold: Sequence[object] | None = None,
    ) -> None:
        per_step = num_neighbors if neighbors_per_step is None else neighbors_per_step
        for name, value, least in (
            ("num_neighbors", num_neighbors, 1),
            ("neighbors_per_step", per_step, 1),
            ("warmup_epochs", warmup_epochs, 0),
            ("components", 1 if components is None else components, 1),
            ("seed", seed, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
        num_rows = len(collator.dataset)
        if num_neighbors >= num_rows:
            raise UsageError(
                f"`num_neighbors` must be below the number of training instances ({num_rows}), got {num_neighbors}. Lower it "
                "or pass more text."
            )
        if per_step > num_neighbors:
            raise UsageError(
                f"`neighbors_per_step` must be at most `num_neighbors` ({num_neighbors}), got {neighbors_per_step}."
            )
        if gold is not None and len(gold) != num_rows:
            raise UsageError(f"`gold` must have one relation per row ({num_rows}), got {len(gold)}.")
        self.collator = collator
        self.num_neighbors = num_neighbors
        self.neighbors_per_step = per_step
        self.warmup_epochs = warmup_epochs
        self.components = components
        self.start_clusters = start_clusters
        self.seed = seed
        self.backend = backend
        self.gold = gold
        self.epoch = 0
        self.neighbors = np.empty((0, num_neighbors), dtype=np.int32)  # (n, K), or no row before the first mining

    def refresh(self, trainer: DiscoveryTrainer, epoch: int) -> dict[str, float]:
        """Mine the neighbours of an epoch; nothing while the warm-up lasts, or for a model without the clustering loss.

        Returns:
            `dict[str, float]`: `neighbor_similarity`: mean cosine of rows and neighbours (close to 1 after a collapse);
            `neighbor_change`: share of the neighbours that were none before, after the first mining; and
            `gold_neighbor_accuracy` where gold relations were given.
        """
        model = _model(trainer)
        if epoch < self.warmup_epochs or not model.config.use_clustering:
            return {}
        rows = trainer.embed_rows(features=lambda plain: PairRepresentations(plain, model.config.layer))
        mined, similarity = trainer.on_first_process(lambda: self._mine(rows))
        figures = {"neighbor_similarity": similarity}
        if len(self.neighbors):
            figures["neighbor_change"] = _share_of_new(self.neighbors, mined)
        if self.gold is not None:
            accuracy = neighbor_accuracy(mined, self.gold, [self.num_neighbors])
            figures["gold_neighbor_accuracy"] = accuracy[self.num_neighbors]
        if self.start_clusters and not len(self.neighbors):
            number = model.config.num_clusters
            labels = trainer.on_first_process(lambda: _clusters(rows, number, self.seed))
            device = model.cluster_head.weight.device
            model.start_clusters(torch.from_numpy(rows).to(device), torch.from_numpy(labels).to(device))
        self.neighbors = mined
        return figures

    def apply(self, trainer: DiscoveryTrainer, epoch: int) -> None:
        """Turn the model's clustering loss off in the warm-up, and on after it."""
        self.epoch = epoch
        _model(trainer).cluster_scale = 0.0 if epoch < self.warmup_epochs else 1.0

    def drawn(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Give the neighbours that rows have in their step of the present epoch.

        Args:
            rows (`Sequence[int]` of length `batch`): positions in the training data.

        Returns:
            `np.ndarray` of shape `(batch, neighbors_per_step)`, int32.
        """
        near = self.neighbors[np.asarray(rows)]
        if self.neighbors_per_step == self.num_neighbors:
            return near
        columns = [
            np.random.default_rng([self.seed, self.epoch, int(row)]).permutation(self.num_neighbors) for row in rows
        ]
        return np.take_along_axis(near, np.stack(columns)[:, : self.neighbors_per_step], axis=1)

    def columns(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Give the `neighbor_` columns of a batch; none before the first mining."""
        return self.collator(self.drawn(rows.numpy())) if len(self.neighbors) else {}

    def state(self) -> dict[str, np.ndarray]:
        """Give the neighbours, shape `(n, K)`."""
        return {_STATE: self.neighbors}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up neighbours; see [`EpochTargets.load_state`]."""
        check_state(state, {_STATE: (None, self.num_neighbors)})
        neighbors, num_rows = state[_STATE], len(self.collator.dataset)
        if len(neighbors) not in (0, num_rows) or (len(neighbors) and not _are_rows(neighbors, num_rows)):
            raise CheckpointError(
                f"The neighbours in the checkpoint are not those of this run's {num_rows} training instances. Resume with the "
                "training data of the run that wrote it."
            )
        self.neighbors = neighbors

    def _mine(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        if self.components is not None:
            rows = PrincipalComponents(self.components).fit(rows).transform(rows)
        indices, similarities = nearest_neighbors(rows, self.num_neighbors, backend=self.backend)
        return indices.astype(np.int32), float(similarities.mean())


def _clusters(rows: np.ndarray, number: int, seed: int) -> np.ndarray:
    components = PrincipalComponents(_START_COMPONENTS).fit(rows).transform(rows)
    return cluster(components, "kmeans", number, seed=seed, n_init=_START_N_INIT)


def _model(trainer: DiscoveryTrainer) -> SiameseUREModel:
    return cast(SiameseUREModel, trainer.plain_model)


def _share_of_new(before: np.ndarray, now: np.ndarray) -> float:
    kept = sum(len(np.intersect1d(a, b)) for a, b in zip(before, now, strict=True))
    return 1.0 - kept / now.size


def _are_rows(neighbors: np.ndarray, num_rows: int) -> bool:
    return neighbors.dtype.kind in "iu" and int(neighbors.min()) >= 0 and int(neighbors.max()) < num_rows
