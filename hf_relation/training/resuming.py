"""Finding a checkpoint that a killed run left whole."""

from __future__ import annotations

import json
import re
from pathlib import Path

from safetensors import SafetensorError, safe_open

from hf_relation.errors import CheckpointError


_WEIGHTS = ("model.safetensors", "adapter_model.safetensors")
_INDEX = "model.safetensors.index.json"


def is_complete(checkpoint: str | Path) -> bool:
    """Tell whether a checkpoint folder can be resumed from.

    `Trainer` writes `trainer_state.json` last, after the weights and the optimizer, so a readable one means that
    all files before it were written; the weights are opened as well.

    Args:
        checkpoint (`str` or `Path`): folder of the checkpoint.

    Returns:
        `bool`.
    """
    folder = Path(checkpoint)
    try:
        state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
        weights = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
        if (folder / _INDEX).is_file():
            index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
            weights = [folder / name for name in sorted(set(index["weight_map"].values()))]
        for path in weights:
            with safe_open(path, framework="numpy"):
                pass
    except (OSError, ValueError, KeyError, SafetensorError):
        return False
    return bool(weights) and isinstance(state, dict) and "global_step" in state


def has_complete_checkpoint(output_dir: str | Path) -> bool:
    """Tell whether a run left a checkpoint to resume from.

    Args:
        output_dir (`str` or `Path`): the `output_dir` of the run.

    Returns:
        `bool`.
    """
    return any(is_complete(folder) for folder in _checkpoints(output_dir))


def last_complete_checkpoint(output_dir: str | Path) -> Path:
    """Find the latest checkpoint of a run that was written to its end.

    Args:
        output_dir (`str` or `Path`): the `output_dir` of the run, with folders `checkpoint-<step>`.

    Returns:
        `Path`: folder of the checkpoint with the highest step among the complete ones.

    Raises:
        CheckpointError: there is none; the message names incomplete ones that were passed over.
    """
    folders = _checkpoints(output_dir)
    for folder in folders:
        if is_complete(folder):
            return folder
    passed = f" Incomplete: {', '.join(path.name for path in folders)}." if folders else ""
    raise CheckpointError(
        f"{output_dir} holds no complete checkpoint to resume from.{passed} Start the run without resuming, or give the "
        "folder of a checkpoint."
    )


def _checkpoints(output_dir: str | Path) -> list[Path]:
    """Checkpoint folders of a run, the latest first."""
    folders = [path for path in Path(output_dir).glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return sorted(folders, key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
