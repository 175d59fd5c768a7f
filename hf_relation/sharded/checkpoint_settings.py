"""The settings that a checkpoint was saved with, for a sharded discovery."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.sharded.settings import ShardedSettings


_SHARED = (
    *("num_relations", "algorithm", "n_init", "pca_components", "num_relations_calibration", "seed"),
    *("backend", "dtype", "max_tokens_per_batch", "device"),
)
_OWN = {field.name for field in fields(ShardedSettings)} - {*_SHARED, "model", "algorithm_kwargs", "whitening"}


def settings_of_checkpoint(
    name: str | os.PathLike[str] | None, revision: str | None, given: Mapping[str, Any]
) -> ShardedSettings:
    """What [`ShardedSettings.from_pretrained`] gives.

    Args:
        name (`str` or path, *optional*), revision (`str`, *optional*): the checkpoint.
        given (`Mapping`): settings by name, or arguments of [`~hf_relation.RelationDiscovery`].

    Returns:
        [`ShardedSettings`].

    Raises:
        CheckpointError: no such checkpoint, or its files are damaged or from a newer version.
        UsageError: a setting is out of range, or the checkpoint asks for what is not done in shards.
    """
    from hf_relation.discovery.relation_discovery import RelationDiscovery
    from hf_relation.discovery.settings import check_settings

    own = {key: value for key, value in given.items() if key in _OWN}
    others = {key: value for key, value in given.items() if key not in _OWN}
    if "whitening" in others:
        others["transform"] = "whitening" if others.pop("whitening") else None
    discovery = RelationDiscovery.from_pretrained(name, revision=revision, **others)
    kwargs = dict(discovery.algorithm_kwargs or {})
    check_settings(discovery, kwargs)
    if discovery.pair_weighting:
        raise UsageError(
            f"`pair_weighting` ({discovery.pair_weighting}) looks for near-duplicates among all instances at once, which is not done in "
            "shards. Set it to 0, or discover in memory."
        )
    if discovery.model is None:
        raise UsageError(f"{name} holds no encoder to embed the instances with. Name another checkpoint.")
    return ShardedSettings(
        model=os.fspath(discovery.model),
        algorithm_kwargs=kwargs,
        whitening=discovery.transform is not None,
        **{key: getattr(discovery, key) for key in _SHARED},
        **own,
    )
