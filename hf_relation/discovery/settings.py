"""Checks of the settings of a discovery, before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.clustering.algorithms import CHOOSES_NUMBER, WEIGHS, finds_number, make_clusterer
from hf_relation.discovery.weighting import check_strength
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.relation_discovery import RelationDiscovery


def merged_settings(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings stored with a checkpoint, and those given, which win.

    Args:
        stored (`Mapping`): from `discovery.json`.
        given (`Mapping`): by the caller.

    Returns:
        `dict`: without the stored calibration where the caller clusters in another space than it was made for.

    Example:

    ```python
    >>> from hf_relation.discovery.settings import merged_settings
    >>> merged_settings({"pca_components": 32, "num_relations_calibration": 1.8}, {"pca_components": 16})
    {'pca_components': 16, 'num_relations_calibration': None}

    ```
    """
    merged = {**stored, **given}
    elsewhere = any(
        name in given and given[name] != stored.get(name)
        for name in ("model", "processor", "transform", "pca_components")
    )
    if elsewhere and "num_relations_calibration" in stored and "num_relations_calibration" not in given:
        merged["num_relations_calibration"] = None
    return merged


def check_settings(discovery: RelationDiscovery, algorithm_kwargs: dict[str, Any]) -> None:
    """Refuse settings that are out of range or do not go together.

    Args:
        discovery ([`~hf_relation.RelationDiscovery`]): whose settings.
        algorithm_kwargs (`dict`): further settings of the algorithm.

    Raises:
        UsageError: names the setting, what is allowed, and what to do.
    """
    number: Any = discovery.num_relations
    if isinstance(number, bool) or not (number == "auto" or (isinstance(number, (int, np.integer)) and number >= 1)):
        raise UsageError(f'`num_relations` must be "auto" or an integer from 1 up, got {number!r}.')
    if number != "auto" and discovery.algorithm in CHOOSES_NUMBER:
        raise UsageError(
            f'"{discovery.algorithm}" finds the number of relations itself; leave `num_relations` at "auto" (got {number}), or '
            'use "kmeans" or "agglomerative".'
        )
    if number == "auto":
        number = None if finds_number(discovery.algorithm, algorithm_kwargs) else 1
    make_clusterer(discovery.algorithm, number, n_init=discovery.n_init, seed=discovery._seed, **algorithm_kwargs)
    check_strength(discovery.pair_weighting)
    calibration = discovery.num_relations_calibration
    if calibration is not None and (
        isinstance(calibration, bool) or not isinstance(calibration, (int, float)) or not 0 < calibration < np.inf
    ):
        raise UsageError(f"`num_relations_calibration` must be None or a number above 0, got {calibration!r}.")
    if discovery.pair_weighting and discovery.algorithm not in WEIGHS:
        raise UsageError(
            f'`pair_weighting` works with {" and ".join(WEIGHS)}, not with "{discovery.algorithm}". Set it to 0.'
        )
    pca = discovery.pca_components
    if pca is not None and (isinstance(pca, bool) or not isinstance(pca, (int, np.integer)) or pca < 1):
        raise UsageError(f"`pca_components` must be None or an integer from 1 up, got {pca!r}.")
