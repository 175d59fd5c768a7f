"""Getting hold of a trained encoder and its processor: objects, a local folder, or the Hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.discovery.state import CORPUS_FILE, JSON_FILE, DiscoveryState, read_state
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.model_origin import folder_of_model
from hf_relation.models.loading import load_model, processor_folder


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
        model = load_model(folder)
        processor = processor_folder(folder) if processor is None else processor
    elif processor is None:
        raise UsageError("A model object needs its processor: pass `processor=RelationProcessor(...)` as well.")
    if isinstance(processor, (str, os.PathLike)):
        processor = _load_processor(checkpoint_folder(processor))
    return model, processor


def load_processor(model: str | os.PathLike[str]) -> Any:
    """Load the processor of a checkpoint alone.

    Args:
        model (`str` or path): the name of a checkpoint.

    Returns:
        [`~hf_relation.RelationProcessor`].

    Raises:
        CheckpointError: files are missing or damaged.
    """
    return _load_processor(processor_folder(checkpoint_folder(model)))


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
    folder = folder_of_model(model, JSON_FILE, ("*.safetensors", CORPUS_FILE))
    return None if folder is None else read_state(folder)


def _load_processor(folder: Path) -> Any:
    from hf_relation.processing import RelationProcessor

    try:
        return RelationProcessor.from_pretrained(str(folder))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"The processor in {folder} cannot be loaded: {error}") from error
