"""Instances (text and two mentions) and documents (text and any number of mentions) to the input of a model."""

from hf_relation.processing.bio import (
    BioTags,
    TokenSpan,
    bio_labels,
    bio_starts,
    bio_to_spans,
    bio_transitions,
    spans_to_bio,
)
from hf_relation.processing.encoded import EncodedInstance
from hf_relation.processing.encoded_window import EncodedWindow
from hf_relation.processing.processing_document import DocumentProcessor
from hf_relation.processing.processing_relation import RelationProcessor
from hf_relation.processing.word_labels import LabelledWindow, align_word_labels
from hf_relation.processing.word_tokenizer import build_word_tokenizer, count_words


__all__ = [
    "BioTags",
    "DocumentProcessor",
    "EncodedInstance",
    "EncodedWindow",
    "LabelledWindow",
    "RelationProcessor",
    "TokenSpan",
    "align_word_labels",
    "bio_labels",
    "bio_starts",
    "bio_to_spans",
    "bio_transitions",
    "build_word_tokenizer",
    "count_words",
    "spans_to_bio",
]
