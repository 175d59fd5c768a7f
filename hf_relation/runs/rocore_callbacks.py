"""What a RoCORE run does at the start of epochs beside training: stop, and draw maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.manifold import TSNE
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hf_relation.plots import MapPanel, embedding_map
from hf_relation.runs.rocore_scoring import ModelView
from hf_relation.training import DiscoveryTrainer, limit_per_relation, single_relation


if TYPE_CHECKING:
    from hf_relation.data import Instance


MAP_FILE = "embedding-map.png"
_MAP_RELATIONS, _MAP_PER_RELATION = 6, 100  # 600 instances of 6 relations, as in figure 6 of the paper
_PERPLEXITY = 30
_MOMENTS = {"start": "at the start: h", "pretrained": "after pre-training: g(h)", "trained": "after training: g(h)"}


class StopWhenSettled(TrainerCallback):
    """Stop when few unlabelled rows change their cluster from one epoch to the next.

    Args:
        share (`float`): of the rows, below which training ends; 0 never.
    """

    def __init__(self, share: float) -> None:
        self.share = share

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **kwargs: Any
    ) -> None:
        if logs and logs.get("pseudo_changed", 1.0) < self.share:
            control.should_training_stop = True


class MapMaker(TrainerCallback):
    """Keep the embeddings of some test instances at three moments, and draw them side by side.

    The gold relations choose which instances are shown, and their colours; nothing else.

    Args:
        trainer ([`~hf_relation.training.DiscoveryTrainer`]): of a RoCORE model.
        test (`Sequence[Instance]`): with gold relations.
        folder (`Path`): where arrays are kept until the picture is drawn, and the picture.
        joint_epoch (`int`): the first epoch after pre-training.
        seed (`int`): of the choice of relations and instances, and of t-SNE.
        shown (`Mapping[str, str]`, *optional*): readable names of relation ids.
    """

    def __init__(
        self,
        trainer: DiscoveryTrainer,
        test: Sequence[Instance],
        folder: Path,
        joint_epoch: int,
        seed: int = 0,
        shown: Mapping[str, str] | None = None,
    ) -> None:
        names = sorted({str(single_relation(row)) for row in test if single_relation(row) is not None})
        chosen = [names[i] for i in np.random.default_rng(seed).permutation(len(names))[:_MAP_RELATIONS]]
        rows = limit_per_relation([row for row in test if single_relation(row) in chosen], _MAP_PER_RELATION, seed)
        self.trainer = trainer
        self.rows = rows
        self.names = sorted(chosen)
        self.shown = [(shown or {}).get(name, name) for name in self.names]
        self.folder = folder
        self.joint_epoch = joint_epoch
        self.seed = seed

    def keep(self, moment: str) -> None:
        """Embed the instances as they are at a moment, unless an interrupted run has done so."""
        path = self._path(moment)
        if not self.trainer.is_world_process_zero() or (moment != "trained" and path.is_file()):
            return
        view = ModelView(self.trainer.plain_model, self.trainer.processing_class)
        rows = view.embeddings(view.pooled(self.rows), "pooled" if moment == "start" else "latent")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rows, allow_pickle=False)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step == 0:
            self.keep("start")

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # Pre-training on fixed representations belongs to the start of the first epoch, and is over here.
        if int(state.epoch or 0) == self.joint_epoch:
            self.keep("pretrained")

    def draw(self) -> Path | None:
        """Draw the three maps; to be called in the main process after training."""
        self.keep("trained")
        labels = np.array([self.names.index(str(single_relation(row))) for row in self.rows])
        perplexity = min(_PERPLEXITY, max(1, (len(self.rows) - 1) // 3))
        panels = []
        for moment, title in _MOMENTS.items():
            if not self._path(moment).is_file():
                continue
            rows = np.load(self._path(moment), allow_pickle=False)
            points = TSNE(2, perplexity=perplexity, init="pca", random_state=self.seed).fit_transform(rows)
            panels.append(MapPanel(title, points, labels, self.shown))
        title = f"{len(self.rows)} test instances of {len(self.names)} novel relations (t-SNE)"
        path = embedding_map(panels, self.folder / MAP_FILE, title=title, seed=self.seed)
        for moment in _MOMENTS:
            self._path(moment).unlink(missing_ok=True)
        return path

    def _path(self, moment: str) -> Path:
        return self.folder / f"map-{moment}.npy"
