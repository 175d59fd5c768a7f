"""Discovering relations: the estimator, its result, and how relations are described."""

from hf_relation.discovery.exports import export_result
from hf_relation.discovery.relation_discovery import RelationDiscovery
from hf_relation.discovery.result import DiscoveredRelation, DiscoveryResult


__all__ = ["DiscoveredRelation", "DiscoveryResult", "RelationDiscovery", "export_result"]
