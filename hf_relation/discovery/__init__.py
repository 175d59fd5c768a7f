"""Discovering relations: the estimator, its result, and how relations are described."""

from hf_relation.discovery.direction import InversePair, inverse_pairs
from hf_relation.discovery.exports import export_result
from hf_relation.discovery.growing import DiscoveryEvent
from hf_relation.discovery.known import KnownRelations
from hf_relation.discovery.open_world import GateDecision, OpenWorldGate
from hf_relation.discovery.patterns import PatternScore, relation_patterns
from hf_relation.discovery.relation import DiscoveredRelation
from hf_relation.discovery.relation_discovery import RelationDiscovery
from hf_relation.discovery.result import DiscoveryResult
from hf_relation.discovery.signature import TypeSignature, type_signatures


__all__ = [
    "DiscoveredRelation",
    "DiscoveryEvent",
    "DiscoveryResult",
    "GateDecision",
    "InversePair",
    "KnownRelations",
    "OpenWorldGate",
    "PatternScore",
    "RelationDiscovery",
    "TypeSignature",
    "export_result",
    "inverse_pairs",
    "relation_patterns",
    "type_signatures",
]
