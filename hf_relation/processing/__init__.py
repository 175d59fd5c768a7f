"""Instances (text and two mentions) to the input of a model."""

from hf_relation.processing.encoded import EncodedInstance
from hf_relation.processing.processing_relation import RelationProcessor


__all__ = ["EncodedInstance", "RelationProcessor"]
