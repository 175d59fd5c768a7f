"""Discovering relations: the estimator, its result, and how relations are described."""

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
