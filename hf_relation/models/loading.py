"""Loading a model of this package from a folder: all of it, or an error that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModel

from hf_relation.errors import CheckpointError


# What transformers and peft fail with on settings of another form than they expect, beside their own refusals.
_DAMAGED = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


def load_model(folder: Path) -> Any:
    """Load a model and its weights, in float32, from a folder; never a pickle.

    Args:
        folder (`Path`): a checkpoint's folder.

    Returns:
        `PreTrainedModel`: of the class that the folder's config names.

    Raises:
        CheckpointError: files are missing, damaged, or do not hold all weights.
    """
    try:
        model, loading = AutoModel.from_pretrained(
            str(folder), dtype=torch.float32, use_safetensors=True, output_loading_info=True
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
