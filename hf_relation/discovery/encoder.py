"""Getting hold of a trained encoder and its processor: objects, a local folder, or the Hub."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_relation.checkpoints import resolve
from hf_relation.discovery.state import ARRAY_FILE, JSON_FILE, DiscoveryState, read_state
from hf_relation.errors import CheckpointError, UsageError


# All a checkpoint may consist of. Pickles are neither downloaded nor read.
CHECKPOINT_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.md")


def checkpoint_folder(
    name: str | os.PathLike[str] | None = None,
    *,
    revision: str | None = None,
    token: str | None = None,
    files: Sequence[str] = CHECKPOINT_FILES,
) -> Path:
    """Turn the name of a checkpoint into a local folder, downloading it from the Hub where needed.

    Args:
        name (`str` or path, *optional*): `None` or the name of a shipped checkpoint, a local folder, or a Hub id.
        revision (`str`, *optional*): branch, tag or commit; one for all files of a Hub id.
        token (`str`, *optional*): Hub token for private repositories.
        files (`Sequence[str]`): patterns of the files to get from the Hub.

    Returns:
        `Path`: a folder.

    Raises:
        CheckpointError: there is no such checkpoint, or the Hub did not give it.
    """
    resolved = resolve(name)
    if Path(resolved).is_dir():
        return Path(resolved)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(resolved, revision=revision, token=token, allow_patterns=list(files)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            f"The Hub did not give '{resolved}'{f' at revision {revision}' if revision else ''}: {error} "
            "Check the name, the revision and the network, or pass a local folder."
        ) from error


def load_encoder(model: Any, processor: Any = None) -> tuple[Any, Any]:
    """Load a pair encoder and its processor.

    Args:
        model (`PreTrainedModel`, `str` or path): an encoder such as [`~hf_relation.MOREModel`], or the name of a checkpoint.
        processor ([`~hf_relation.RelationProcessor`], `str` or path, *optional*): needed with a model object; with a name
            it comes from the same checkpoint unless given.

    Returns:
        `tuple`: model and processor.

    Raises:
        CheckpointError: files are missing, damaged, or do not hold all weights.
        UsageError: no model, or a model object without a processor.
    """
    if model is None:
        raise UsageError(
            "There is no encoder to embed the instances with. Pass `model=` (a model or the name of a checkpoint), use "
            "RelationDiscovery.from_pretrained() for the shipped one, or pass ready `embeddings`."
        )
    if isinstance(model, (str, os.PathLike)):
        folder = checkpoint_folder(model)
        model = _load_model(folder)
        processor = folder if processor is None else processor
    elif processor is None:
        raise UsageError("A model object needs its processor: pass `processor=RelationProcessor(...)` as well.")
    if isinstance(processor, (str, os.PathLike)):
        processor = _load_processor(checkpoint_folder(processor))
    return model, processor


def state_of_model(model: Any) -> DiscoveryState | None:
    """What is stored beside the checkpoint that a model came from.

    Args:
        model (`PreTrainedModel`, `str`, path or `None`): a model, loaded or not.

    Returns:
        [`DiscoveryState`] or `None`: none where the model came from no checkpoint, or from one without `discovery.json`.

    Raises:
        CheckpointError: the files are damaged, or the Hub did not give them.
    """
    if model is None:
        return None
    if isinstance(model, (str, os.PathLike)):
        return read_state(checkpoint_folder(model))
    if model.name_or_path and Path(model.name_or_path).is_dir():
        return read_state(model.name_or_path)
    commit = getattr(
        model.config, "_commit_hash", None
    )  # transformers sets it on what it loads from the Hub, only there
    if not model.name_or_path or commit is None:
        return None
    return read_state(checkpoint_folder(model.name_or_path, revision=commit, files=(JSON_FILE, ARRAY_FILE)))


def _load_model(folder: Path) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel

    try:
        model, loading = AutoModel.from_pretrained(
            str(folder), dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"The encoder in {folder} cannot be loaded: {error}") from error
    if loading["missing_keys"]:
        missing = sorted(loading["missing_keys"])
        raise CheckpointError(
            f"{folder / 'model.safetensors'} lacks {len(missing)} weights of the model, among them '{missing[0]}'. "
            "Get or save the checkpoint again."
        )
    return model


def _load_processor(folder: Path) -> Any:
    from hf_relation.processing import RelationProcessor

    try:
        return RelationProcessor.from_pretrained(str(folder))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"The processor in {folder} cannot be loaded: {error}") from error
