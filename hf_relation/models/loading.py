"""Loading a model of this package from a folder: all of it, or an error that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModel

from hf_relation.errors import CheckpointError
from hf_relation.models.adapters import base_of_adapter, is_adapter, merge_adapter
from hf_relation.models.plain_config import config_of_folder


# What transformers and peft fail with on settings of another form than they expect, beside their own refusals.
_DAMAGED = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


def load_model(folder: Path) -> Any:
    """Load a model and its weights, in float32, from a folder; never a pickle.

    Args:
        folder (`Path`): a checkpoint's folder; or that of a LoRA adapter, which is merged into the model it was trained on.

    Returns:
        `PreTrainedModel`: of the class that the folder's config names.

    Raises:
        CheckpointError: files are missing, damaged, or do not hold all weights; or the model of an adapter cannot be had.
    """
    if is_adapter(folder):
        return merge_adapter(load_model(base_of_adapter(folder)), folder)
    try:
        model, loading = AutoModel.from_pretrained(
            str(folder),
            config=config_of_folder(folder),
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except (*_DAMAGED, SafetensorError, StrictDataclassError) as error:
        raise CheckpointError(f"The encoder in {folder} cannot be loaded: {error}") from error
    if loading["missing_keys"]:
        missing = sorted(loading["missing_keys"])
        raise CheckpointError(
            f"{folder / 'model.safetensors'} lacks {len(missing)} weights of the model, among them '{missing[0]}'. "
            "Get or save the checkpoint again."
        )
    return model


def processor_folder(folder: Path) -> Path:
    """Where the processor of a checkpoint is: in its folder; of an adapter without one, in that of the model it belongs to.

    Args:
        folder (`Path`): a checkpoint's folder.

    Returns:
        `Path`: a folder.

    Raises:
        CheckpointError: the model of an adapter cannot be had.
    """
    if is_adapter(folder) and not (folder / "tokenizer_config.json").is_file():
        return processor_folder(base_of_adapter(folder))
    return folder
