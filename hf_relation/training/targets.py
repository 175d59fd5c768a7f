"""Targets that training makes by itself, anew at the start of every epoch: pseudo labels, neighbours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from hf_relation.errors import CheckpointError


if TYPE_CHECKING:
    from hf_relation.training.discovery_trainer import DiscoveryTrainer


TARGETS_FILE = "targets.safetensors"
_EPOCH = "epoch"


class EpochTargets(ABC):
    """What [`~hf_relation.training.DiscoveryTrainer`] asks for at the start of an epoch and for every batch."""

    @abstractmethod
    def refresh(self, trainer: DiscoveryTrainer, epoch: int) -> dict[str, float]:
        """Make the targets of an epoch from the model as it is; called by all processes at once.

        The state afterwards, and what is returned, must be the same in all processes: embed with
        `trainer.embed_rows`, and do the rest with `trainer.on_first_process`.

        Args:
            trainer ([`~hf_relation.training.DiscoveryTrainer`]): its model, its rows.
            epoch (`int`): number of the epoch, from 0.

        Returns:
            `dict[str, float]`: figures to log; possibly none.
        """

    # Most targets have nothing to tell the model.
    def apply(self, trainer: DiscoveryTrainer, epoch: int) -> None:  # noqa: B027
        """Tell the model what the epoch needs (attributes that are not saved with it).

        Called in all processes at the start of every epoch: after `refresh`, or, where a run goes on in the middle of an
        epoch, after [`load_state`] in its place.

        Args:
            trainer ([`~hf_relation.training.DiscoveryTrainer`]): its model.
            epoch (`int`): number of the epoch, from 0.
        """

    @abstractmethod
    def columns(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Give the columns that are added to a batch.

        Args:
            rows (`torch.Tensor` of shape `(batch,)`, int64, on the CPU): positions of its rows in the training data.

        Returns:
            `dict[str, torch.Tensor]`: columns of length `batch`, on the CPU; the trainer moves them.
        """

    def scores(self, trainer: DiscoveryTrainer) -> dict[str, float]:
        """Give figures of an evaluation that only the targets know; called by all processes at once, with one result.

        Args:
            trainer ([`~hf_relation.training.DiscoveryTrainer`]): its model.

        Returns:
            `dict[str, float]`: name without prefix -> figure; possibly none.
        """
        return {}

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """Give what a checkpoint has to keep, so that the rest of the epoch has the same targets."""

    @abstractmethod
    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what [`state`] gave.

        Raises:
            CheckpointError: it does not fit the training data of this run.
        """


def save_targets(folder: str | Path, targets: EpochTargets, epoch: int) -> None:
    """Write targets into a checkpoint folder, as `targets.safetensors`.

    Args:
        folder (`str` or `Path`): folder of the checkpoint.
        targets ([`EpochTargets`]): the targets.
        epoch (`int`): the epoch they were made for.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in targets.state().items()}
    save_file(arrays, Path(folder) / TARGETS_FILE, metadata={_EPOCH: str(epoch)})


def load_targets(folder: str | Path, targets: EpochTargets) -> int:
    """Read targets back from a checkpoint folder.

    Args:
        folder (`str` or `Path`): folder of the checkpoint.
        targets ([`EpochTargets`]): gets the state.

    Returns:
        `int`: the epoch the targets were made for.

    Raises:
        CheckpointError: the file is missing or damaged, or it does not fit the training data of this run.
    """
    path = Path(folder) / TARGETS_FILE
    if not path.is_file():
        raise CheckpointError(
            f"{path} is missing: the checkpoint was not written by this kind of run, which keeps its targets (pseudo labels, "
            "neighbours) there. Resume from another checkpoint, or start the run anew."
        )
    try:
        with safe_open(path, framework="numpy") as file:
            epoch = int((file.metadata() or {})[_EPOCH])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise CheckpointError(f"{path} is damaged ({error}). Resume from another checkpoint.") from error
    targets.load_state(state)
    return epoch


def check_state(state: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int | None, ...]]) -> None:
    """Refuse the state of targets for other training data; for `load_state`.

    Args:
        state (`Mapping[str, np.ndarray]`): what was read.
        shapes (`Mapping[str, tuple]`): the arrays there must be, with their shapes; `None` for a length that may be any.

    Raises:
        CheckpointError: an array is missing, or has another shape.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.training.targets import check_state
    >>> check_state({"labels": np.zeros(3)}, {"labels": (4,)})
    Traceback (most recent call last):
    ...
    hf_relation.errors.CheckpointError: The targets in the checkpoint do not fit ...

    ```
    """
    for name, shape in shapes.items():
        found = state[name].shape if name in state else None
        fits = found is not None and len(found) == len(shape)
        if not fits or any(want not in (None, got) for want, got in zip(shape, found or (), strict=True)):
            wanted = tuple("any" if length is None else length for length in shape)
            raise CheckpointError(
                f"The targets in the checkpoint do not fit this run: `{name}` should have shape {wanted}, "
                f"got {'nothing' if found is None else found}. Resume with the training data and the settings of the run that "
                "wrote it."
            )
