"""Folders of adapters (LoRA): the model that one belongs to, and the two made one."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from hf_relation.beside_weights import read_folder_json
from hf_relation.checkpoints import checkpoint_folder
from hf_relation.errors import CheckpointError
from hf_relation.model_origin import ModelOrigin, set_origin


_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_REMEDY = (
    "Load that model yourself, merge with peft, `model = PeftModel.from_pretrained(base, folder).merge_and_unload()`, and pass "
    "`model` and its `processor`."
)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and not the model that it belongs to."""
    return (folder / _CONFIG).is_file() and not (folder / "config.json").is_file()


def base_of_adapter(folder: Path) -> Path:
    """The folder of the model that an adapter was trained on, from the Hub where that is its place.

    Args:
        folder (`Path`): with `adapter_config.json`.

    Returns:
        `Path`: the folder.

    Raises:
        CheckpointError: the adapter does not say, it is an adapter itself, or it cannot be had.
    """
    settings = read_folder_json(folder / _CONFIG)
    name, revision = settings.get("base_model_name_or_path"), settings.get("revision")
    if not isinstance(name, str) or not name or not (revision is None or isinstance(revision, str)):
        raise CheckpointError(
            f"{folder} is an adapter, and does not say of which model (`base_model_name_or_path` in {_CONFIG}). {_REMEDY}"
        )
    try:
        base = checkpoint_folder(name, revision=revision)
    except CheckpointError as error:
        raise CheckpointError(
            f"{folder} is an adapter of the model '{name}', which cannot be had: {error} {_REMEDY}"
        ) from error
    if is_adapter(base):
        raise CheckpointError(f"{folder} is an adapter of '{name}', which is an adapter itself. {_REMEDY}")
    return base


def merge_adapter(model: Any, folder: Path) -> Any:
    """Put the weights of a LoRA adapter into the model that it was trained on; never a pickle.

    Args:
        model (`PreTrainedModel`): the model; altered.
        folder (`Path`): with `adapter_config.json` and `adapter_model.safetensors`.

    Returns:
        `PreTrainedModel`: without adapter; what is stored beside the adapter belongs to it.

    Raises:
        CheckpointError: files are missing, damaged, or do not fit the model; or it is no LoRA adapter.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    kind = read_folder_json(folder / _CONFIG).get("peft_type")
    if kind != "LORA":
        raise CheckpointError(f"{folder} is an adapter of type {kind!r}; only LoRA is merged on loading. {_REMEDY}")
    weights = folder / _WEIGHTS
    if not weights.is_file():
        raise CheckpointError(f"{folder} lacks {_WEIGHTS}; pickles are not read. Save the adapter again.")
    try:
        with safe_open(weights, framework="pt") as stored, warnings.catch_warnings():
            names = set(stored.keys())
            warnings.filterwarnings("ignore", message="Found missing adapter keys")  # an error, below
            adapted = PeftModel.from_pretrained(model, str(folder), torch_device="cpu")
        missing = sorted(set(get_peft_model_state_dict(adapted)) - names)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(f"The adapter in {folder} cannot be loaded: {error}") from error
    if missing:
        raise CheckpointError(
            f"{weights} lacks {len(missing)} weights of the adapter, among them '{missing[0]}'. Get or save it again."
        )
    merged = adapted.merge_and_unload().eval()
    set_origin(merged, ModelOrigin(str(folder)))
    return merged
