"""Discovering relations: the estimator, its result, and how relations are described.

The names are imported when first used: some of them need torch and transformers, and importing a module of this room must not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from hf_relation.discovery.asking import RelationMatch
    from hf_relation.discovery.differences import MatchedRelation, MovedInstance, ResultDifference, compare_results
    from hf_relation.discovery.direction import InversePair, inverse_pairs
    from hf_relation.discovery.exports import export_result
    from hf_relation.discovery.fitting_length import keep_what_fits
    from hf_relation.discovery.growing import DiscoveryEvent
    from hf_relation.discovery.hierarchy import RelationHierarchy
    from hf_relation.discovery.inventory import InventoryEntry, RelationInventory
    from hf_relation.discovery.known import KnownRelations
    from hf_relation.discovery.matching import InventoryMatcher, MatchWeights, NameCandidate
    from hf_relation.discovery.name_proposals import NameProposal, name_relations
    from hf_relation.discovery.open_world import GateDecision, OpenWorldGate
    from hf_relation.discovery.patterns import PatternScore, relation_patterns
    from hf_relation.discovery.raw_text import DiscoveryRows, instances_from_texts, read_discovery_rows
    from hf_relation.discovery.relation import DiscoveredRelation
    from hf_relation.discovery.relation_discovery import RelationDiscovery
    from hf_relation.discovery.result import DiscoveryResult
    from hf_relation.discovery.signature import TypeSignature, type_signatures
    from hf_relation.discovery.text_report import TextReport


_HOMES = {
    "DiscoveredRelation": "hf_relation.discovery.relation",
    "DiscoveryEvent": "hf_relation.discovery.growing",
    "DiscoveryResult": "hf_relation.discovery.result",
    "DiscoveryRows": "hf_relation.discovery.raw_text",
    "GateDecision": "hf_relation.discovery.open_world",
    "InventoryEntry": "hf_relation.discovery.inventory",
    "InventoryMatcher": "hf_relation.discovery.matching",
    "InversePair": "hf_relation.discovery.direction",
    "KnownRelations": "hf_relation.discovery.known",
    "MatchWeights": "hf_relation.discovery.matching",
    "MatchedRelation": "hf_relation.discovery.differences",
    "MovedInstance": "hf_relation.discovery.differences",
    "NameCandidate": "hf_relation.discovery.matching",
    "NameProposal": "hf_relation.discovery.name_proposals",
    "OpenWorldGate": "hf_relation.discovery.open_world",
    "PatternScore": "hf_relation.discovery.patterns",
    "RelationDiscovery": "hf_relation.discovery.relation_discovery",
    "RelationHierarchy": "hf_relation.discovery.hierarchy",
    "RelationInventory": "hf_relation.discovery.inventory",
    "RelationMatch": "hf_relation.discovery.asking",
    "ResultDifference": "hf_relation.discovery.differences",
    "TextReport": "hf_relation.discovery.text_report",
    "TypeSignature": "hf_relation.discovery.signature",
    "compare_results": "hf_relation.discovery.differences",
    "export_result": "hf_relation.discovery.exports",
    "instances_from_texts": "hf_relation.discovery.raw_text",
    "inverse_pairs": "hf_relation.discovery.direction",
    "keep_what_fits": "hf_relation.discovery.fitting_length",
    "name_relations": "hf_relation.discovery.name_proposals",
    "read_discovery_rows": "hf_relation.discovery.raw_text",
    "relation_patterns": "hf_relation.discovery.patterns",
    "type_signatures": "hf_relation.discovery.signature",
}

__all__ = [
    "DiscoveredRelation",
    "DiscoveryEvent",
    "DiscoveryResult",
    "DiscoveryRows",
    "GateDecision",
    "InventoryEntry",
    "InventoryMatcher",
    "InversePair",
    "KnownRelations",
    "MatchWeights",
    "MatchedRelation",
    "MovedInstance",
    "NameCandidate",
    "NameProposal",
    "OpenWorldGate",
    "PatternScore",
    "RelationDiscovery",
    "RelationHierarchy",
    "RelationInventory",
    "RelationMatch",
    "ResultDifference",
    "TextReport",
    "TypeSignature",
    "compare_results",
    "export_result",
    "instances_from_texts",
    "inverse_pairs",
    "keep_what_fits",
    "name_relations",
    "read_discovery_rows",
    "relation_patterns",
    "type_signatures",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
