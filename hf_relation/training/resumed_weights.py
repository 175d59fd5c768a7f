"""The weights of a checkpoint that a run goes on from: safetensors, all of them, before one of them is taken over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict

from hf_relation.errors import CheckpointError
from hf_relation.models.weight_files import ADAPTER_FILE, check_index, check_tensors, stored_tensors


_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"


def check_resumed_weights(folder: str | Path, model: Any) -> None:
    """Refuse a checkpoint whose weights `Trainer` would read from a pickle, or that are not those of the model.

    Args:
        folder (`str` or `Path`): folder of the checkpoint.
        model (`nn.Module`): what the weights are for, without wrappers.

    Raises:
        CheckpointError: there are no safetensors, a file is damaged, or a tensor is missing or has another shape or kind of
            numbers; with the file and the tensor. The model is as it was before.
    """
    folder = Path(folder)
    adapters = isinstance(model, PeftModel)
    if not adapters and not (folder / _WEIGHTS).is_file() and (folder / _INDEX).is_file():
        check_index(folder / _INDEX)
        files = sorted(folder.glob("model-*.safetensors"))
    else:
        files = [folder / (ADAPTER_FILE if adapters else _WEIGHTS)]
    for file in files:
        if not file.is_file():
            raise CheckpointError(
                f"{folder} cannot be resumed from: {file.name} is missing, and weights in a pickle are never read."
            )
    stored = stored_tensors(files)
    wanted = get_peft_model_state_dict(model) if adapters else dict(model.state_dict())
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    missing = sorted(key for key in wanted if key not in stored and key not in tied)
    if missing:
        raise CheckpointError(
            f"{files[0]} lacks {len(missing)} weights of the model, among them '{missing[0]}': the checkpoint is of another model "
            "or damaged. Resume from another checkpoint."
        )
    check_tensors(stored, wanted)
