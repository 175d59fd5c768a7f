"""`transformers` pipelines of this package."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.pipelines.open_relation_discovery import OpenRelationDiscoveryPipeline
    from hf_relation.pipelines.relation_extraction import RelationExtractionPipeline

__all__ = ["EXTRACTION_TASK", "TASK", "OpenRelationDiscoveryPipeline", "RelationExtractionPipeline", "register"]

TASK = "open-relation-discovery"
EXTRACTION_TASK = "relation-extraction"
_HOMES = {
    "OpenRelationDiscoveryPipeline": "hf_relation.pipelines.open_relation_discovery",
    "RelationExtractionPipeline": "hf_relation.pipelines.relation_extraction",
}


def __getattr__(name: str) -> Any:
    # The classes need torch and transformers; `hf_relation.pipelines` itself must not.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _DefaultModel(dict[str, Any]):
    """The default model of the task; what it is, and where it comes from, is looked up when it is asked for."""

    def __contains__(self, key: object) -> bool:
        return key == "model"

    def __getitem__(self, key: str) -> tuple[str, str | None]:
        from hf_relation.checkpoints import resolve
        from hf_relation.default_model import default_model

        if key != "model":
            raise KeyError(key)
        return resolve(None), default_model().revision


class _NoCheckpoint(dict[str, Any]):
    """The default model of a task that has none: asking for it says what to pass instead."""

    def __contains__(self, key: object) -> bool:
        return key == "model"

    def __getitem__(self, key: str) -> tuple[str, None]:
        from hf_relation.extraction.loading import NO_CHECKPOINT

        if key != "model":
            raise KeyError(key)
        raise UsageError(NO_CHECKPOINT)


def register() -> None:
    """Make `transformers.pipeline(...)` know the tasks of this package; calling it again changes nothing.

    Example:

    ```python
    >>> from transformers.pipelines import PIPELINE_REGISTRY
    >>> from hf_relation.pipelines import register
    >>> register()
    >>> {"open-relation-discovery", "relation-extraction"} <= set(PIPELINE_REGISTRY.get_supported_tasks())
    True

    ```
    """
    from transformers import AutoModel
    from transformers.pipelines import PIPELINE_REGISTRY

    from hf_relation.pipelines.open_relation_discovery import OpenRelationDiscoveryPipeline
    from hf_relation.pipelines.relation_extraction import RelationExtractionPipeline

    tasks = (
        (TASK, OpenRelationDiscoveryPipeline, _DefaultModel()),
        (EXTRACTION_TASK, RelationExtractionPipeline, _NoCheckpoint()),
    )
    for name, pipeline_class, default in tasks:
        if name not in PIPELINE_REGISTRY.supported_tasks:
            # A model class of ours would be looked up by name in transformers when a saved pipeline loads.
            PIPELINE_REGISTRY.register_pipeline(name, pipeline_class, pt_model=AutoModel, default=default)
