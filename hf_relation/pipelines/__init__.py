"""`transformers` pipelines of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from hf_relation.pipelines.open_relation_discovery import OpenRelationDiscoveryPipeline

__all__ = ["TASK", "OpenRelationDiscoveryPipeline", "register"]

TASK = "open-relation-discovery"


def __getattr__(name: str) -> Any:
    # The class needs torch and transformers; `hf_relation.pipelines` itself must not.
    if name == "OpenRelationDiscoveryPipeline":
        from hf_relation.pipelines.open_relation_discovery import OpenRelationDiscoveryPipeline

        return OpenRelationDiscoveryPipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _ShippedCheckpoint(dict[str, Any]):
    """The default model of the task; the shipped checkpoint is merged with its base only when it is asked for."""

    def __contains__(self, key: object) -> bool:
        return key == "model"

    def __getitem__(self, key: str) -> tuple[str, None]:
        from hf_relation.checkpoints import resolve

        if key != "model":
            raise KeyError(key)
        return resolve(None), None


def register() -> None:
    """Make `transformers.pipeline("open-relation-discovery")` work; calling it again changes nothing.

    Example:

    ```python
    >>> from transformers.pipelines import PIPELINE_REGISTRY
    >>> from hf_relation.pipelines import register
    >>> register()
    >>> "open-relation-discovery" in PIPELINE_REGISTRY.get_supported_tasks()
    True

    ```
    """
    from transformers import AutoModel
    from transformers.pipelines import PIPELINE_REGISTRY

    from hf_relation.pipelines.open_relation_discovery import OpenRelationDiscoveryPipeline

    if TASK not in PIPELINE_REGISTRY.supported_tasks:
        PIPELINE_REGISTRY.register_pipeline(
            TASK,
            OpenRelationDiscoveryPipeline,
            pt_model=AutoModel,  # a class of ours would be looked up by name in transformers when a saved pipeline loads
            default=_ShippedCheckpoint(),
        )
