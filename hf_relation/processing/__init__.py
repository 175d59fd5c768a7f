"""Instances (text and two mentions) to the input of a model."""

from .encoded import EncodedInstance
from .processing_relation import RelationProcessor


__all__ = ["EncodedInstance", "RelationProcessor"]
