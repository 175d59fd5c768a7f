"""Instances (text and two mentions) to the input of a model."""

from hf_relation.processing.encoded import EncodedInstance
from hf_relation.processing.processing_relation import RelationProcessor
from hf_relation.processing.word_tokenizer import build_word_tokenizer, count_words


__all__ = ["EncodedInstance", "RelationProcessor", "build_word_tokenizer", "count_words"]
