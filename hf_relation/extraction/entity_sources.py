"""A token-classification checkpoint as the source of entities."""

from __future__ import annotations

import os
from typing import Any

from hf_relation.errors import CheckpointError


_LONGEST = 100_000  # tokenizers without a limit claim a much longer input


def load_entity_source(name: str | os.PathLike[str], *, device: Any = None) -> Any:
    """Load a checkpoint that finds entities, for `entities=`.

    Word pieces are joined to entities (`aggregation_strategy="simple"`), and a text longer than the model is read in windows
    that overlap by a fourth. Weights are read from safetensors only.

    Args:
        name (`str` or path): a folder or Hub id.
        device (`str` or `torch.device`, *optional*): where it runs; by default on the CPU.

    Returns:
        `transformers.TokenClassificationPipeline`.

    Raises:
        CheckpointError: it cannot be loaded, or has no fast tokenizer.
    """
    from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

    try:
        model = AutoModelForTokenClassification.from_pretrained(os.fspath(name), use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(os.fspath(name))
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise CheckpointError(
            f"{os.fspath(name)!r} cannot be loaded as a token-classification model: {error}"
        ) from error
    if not tokenizer.is_fast:
        raise CheckpointError(
            f"{os.fspath(name)!r} has no fast tokenizer, so that it does not say where entities are."
        )
    limits = (tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None) or _LONGEST)
    tokenizer.model_max_length = min(limits)
    windows = {"stride": min(limits) // 4} if min(limits) < _LONGEST else {}
    return pipeline(
        "token-classification",
        model=model,
        tokenizer=tokenizer,
        aggregation_strategy="simple",
        device="cpu" if device is None else device,
        **windows,
    )
