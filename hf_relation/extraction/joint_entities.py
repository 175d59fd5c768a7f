"""The tagger of a joint model as a source of entities."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.data.entities import EntitySpan
from hf_relation.errors import UsageError
from hf_relation.extraction.joint import tag_and_score
from hf_relation.extraction.loading import load_extractor_parts
from hf_relation.models.kernel_re import KernelREConfig


class JointEntities:
    """Find the entities of texts with the tagger of a [`~hf_relation.KernelREModel`]; no pair is scored.

    An instance is a function of a list of texts, to be given as `entities=`. A text longer than the model is tagged in windows.

    Args:
        model ([`~hf_relation.KernelREModel`]): with a tagger.
        processor ([`~hf_relation.processing.DocumentProcessor`]): its processor, without markers.
        device (`str` or `torch.device`, *optional*): defaults to the model's own.

    Raises:
        UsageError: the model has no tagger.
    """

    def __init__(self, model: Any, processor: Any, *, device: Any = None) -> None:
        if getattr(model, "tagger", None) is None:
            raise UsageError(
                f"The {type(model).__name__} has no tagger, so that it does not find entities in raw text. Train it with "
                "--entity_types, or name another source of entities."
            )
        self.model, self.processor, self.device = model, processor, device

    def __call__(self, texts: Sequence[str]) -> list[list[EntitySpan]]:
        """Find the entities.

        Args:
            texts (`Sequence[str]`): the texts.

        Returns:
            `list[list[EntitySpan]]`: for each text its entities, in order, none overlapping another.

        Raises:
            UsageError: the processor has markers.
        """
        found = []
        for document, _ in tag_and_score(self.model, self.processor, texts, device=self.device, tag_only=True):
            kinds = {place: entity["type"] for entity in document["entities"] for place in entity["mentions"]}
            found.append(
                [
                    EntitySpan(span["start"], span["end"], kinds[place])
                    for place, span in enumerate(document["mentions"])
                ]
            )
        return found


def is_joint(config: Any) -> bool:
    """Whether the configuration is that of a model for joint extraction."""
    return getattr(config, "model_type", None) == KernelREConfig.model_type


def load_joint_entities(name: str | os.PathLike[str], *, device: Any = None) -> JointEntities:
    """Load a checkpoint for [`JointEntities`].

    Args:
        name (`str` or path): a folder or Hub id.
        device (`str` or `torch.device`, *optional*): where it runs; by default on the CPU.

    Returns:
        [`JointEntities`].

    Raises:
        CheckpointError: files are missing or damaged.
        UsageError: the model has no tagger.
    """
    return JointEntities(*load_extractor_parts(checkpoint_folder(name)), device=device)
