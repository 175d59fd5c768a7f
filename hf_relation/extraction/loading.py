"""Getting hold of an extraction model and its processor from a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.encoder_inputs import takes_column
from hf_relation.models.loading import load_model, processor_folder
from hf_relation.processing import DocumentProcessor


NO_CHECKPOINT = (
    "There is no shipped checkpoint for relation extraction: which relations there are depends on your data. Pass `model=` (a "
    "folder or Hub id of a KernelRE checkpoint). To train one: hf-relation train kernel-re --dataset jsonl --train_file "
    "train.jsonl --test_file test.jsonl --output_dir runs/mine (in the repository: python examples/train_kernel_re.py --help)."
)


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
    check_parts(model, where=f"{folder} holds a")
    if processor is None:
        processor = processor_folder(folder)
    if isinstance(processor, (str, os.PathLike)):
        source = checkpoint_folder(processor)
        try:
            processor = DocumentProcessor.from_pretrained(str(source))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(f"The processor in {source} cannot be loaded: {error}") from error
    check_parts(model, processor)
    return model, processor


def check_parts(model: Any, processor: Any = None, *, where: str = "`model` is a") -> None:
    """Refuse models that do not score pairs, and processors that are not for documents.

    Args:
        model (`nn.Module`): a model.
        processor (*optional*): its processor.
        where (`str`, *optional*): how the message begins.

    Raises:
        UsageError: they do not extract relations, or not together.
    """
    if not hasattr(model, "score_pairs") or not hasattr(getattr(model, "config", None), "relations"):
        raise UsageError(
            f"{where} {type(model).__name__}, which does not extract named relations; KernelREModel and PairClassificationModel do. To discover "
            "relations use RelationDiscovery.from_pretrained(...) or hf-relation discover."
        )
    if processor is None:
        return
    if not isinstance(processor, DocumentProcessor):
        raise UsageError(f"`processor` must be a DocumentProcessor, got {type(processor).__name__}.")
    if processor.mention_entities and not takes_column(model, "mention_entities"):
        raise UsageError(
            f"The processor says which entity a mention is of (`mention_entities`), which a {type(model).__name__} does not take. Use "
            "the processor that was saved with the model, or one made without."
        )
    embeddings = model.get_input_embeddings().num_embeddings
    if processor.vocab_size > embeddings:
        raise UsageError(
            f"The processor has {processor.vocab_size} tokens and the model embeds {embeddings}: they do not belong together. "
            "Use the processor that was saved with the model."
        )
