"""Getting hold of an extraction model and its processor from a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.loading import load_model
from hf_relation.processing import DocumentProcessor


def load_extractor_parts(folder: Path, processor: Any = None) -> tuple[Any, Any]:
    """Load a model that scores pairs, and its processor.

    Args:
        folder (`Path`): a checkpoint's folder.
        processor ([`~hf_relation.processing.DocumentProcessor`], `str` or path, *optional*): by default that of the folder.

    Returns:
        `tuple`: model and processor.

    Raises:
        CheckpointError: files are missing, damaged, or do not hold all weights.
        UsageError: the checkpoint is one for discovery, not for extraction.
    """
    model = load_model(folder)
    if not hasattr(model.config, "num_relations") or not hasattr(model, "score_pairs"):
        raise UsageError(
            f"{folder} holds a {type(model).__name__}, which does not extract named relations. For discovery use "
            "RelationDiscovery.from_pretrained(...) or hf-relation discover."
        )
    if processor is None or isinstance(processor, (str, os.PathLike)):
        source = folder if processor is None else checkpoint_folder(processor)
        try:
            processor = DocumentProcessor.from_pretrained(str(source))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(f"The processor in {source} cannot be loaded: {error}") from error
    return model, processor
