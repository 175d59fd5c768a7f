"""Looking at an adapter (peft) before it is put into a model."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.utils import cached_file

from hf_relation.errors import CheckpointError
from hf_relation.models.weight_files import ADAPTER_FILE, check_adapter_files, check_tensors, stored_tensors


#: Arguments that say where on the Hub, or in the cache, a file is.
HUB_ARGUMENTS = ("cache_dir", "force_download", "proxies", "local_files_only", "token", "revision", "subfolder")
_SAVED_PREFIX = "base_model.model."  # peft's


def adapter_folder(name: str | os.PathLike[str], options: Mapping[str, Any] | None) -> Path:
    """The folder of an adapter, with its config and its weights.

    Args:
        name (`str` or path): a folder or Hub id.
        options (`Mapping`, *optional*): for the Hub, as `from_pretrained` takes them.

    Raises:
        CheckpointError: it holds no safetensors, or a damaged file.
    """
    folder = Path(name)
    if not folder.is_dir():
        hub = {key: value for key, value in (options or {}).items() if key in HUB_ARGUMENTS}
        quiet = {"_raise_exceptions_for_missing_entries": False}
        found = cached_file(str(name), ADAPTER_FILE, **hub, **quiet)
        if found is None or cached_file(str(name), "adapter_config.json", **hub, **quiet) is None:
            raise CheckpointError(
                f"{name} has no {ADAPTER_FILE} with its config, and no pickle is read in its place. Save the adapter again."
            )
        folder = Path(found).parent
    check_adapter_files(folder)
    return folder


def check_adapter(model: PreTrainedModel, folder: Path, peft_config: Any = None) -> None:
    """Refuse an adapter that lacks tensors, or has others than a model of this kind takes.

    Args:
        model (`PreTrainedModel`): what the adapter is for; it is not changed.
        folder (`Path`): with `adapter_config.json` and `adapter_model.safetensors`.
        peft_config (`PeftConfig`, *optional*): instead of the folder's.

    Raises:
        CheckpointError: with file and tensor.
    """
    from peft import PeftConfig, inject_adapter_in_model

    stored = {key.removeprefix(_SAVED_PREFIX): part for key, part in stored_tensors([folder / ADAPTER_FILE]).items()}
    try:
        config = PeftConfig.from_pretrained(str(folder)) if peft_config is None else copy.deepcopy(peft_config)
        # By this name peft would ask the Hub whether the base has as many tokens.
        config.base_model_name_or_path = None
        with torch.device("meta"):
            probe = type(model)(model.config)
            inject_adapter_in_model(config, probe, "default")
        probe._hf_peft_config_loaded = True
        wanted: Mapping[str, torch.Tensor] = probe.get_adapter_state_dict("default")
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{folder / 'adapter_config.json'} does not fit the model: {error}") from error
    missing = sorted(key for key in wanted if key not in stored)
    if missing:
        raise CheckpointError(
            f"{folder / ADAPTER_FILE} lacks {len(missing)} tensors of the adapter, among them '{missing[0]}'. Get or save the "
            "adapter again."
        )
    check_tensors(stored, wanted)
