"""The data contract: schema, checks, JSONL, readers of the published corpora, and keeping evaluation data apart."""

from .fewrel import FEWREL_NOVEL, read_fewrel, read_openre_records, relation_names
from .fewrel_openre import load_fewrel_openre
from .hygiene import drop_overlapping, overlap, sentence_key
from .jsonl import read_jsonl, write_jsonl
from .locations import find_data_dir
from .schema import Document, Entity, Instance, LabelledPair, Mention, Span, document_features, instance_features
from .tokens import characters_of_tokens, join_tokens
from .validation import check_document, check_instance, check_instances, split_valid


__all__ = [
    "FEWREL_NOVEL",
    "Document",
    "Entity",
    "Instance",
    "LabelledPair",
    "Mention",
    "Span",
    "characters_of_tokens",
    "check_document",
    "check_instance",
    "check_instances",
    "document_features",
    "drop_overlapping",
    "find_data_dir",
    "instance_features",
    "join_tokens",
    "load_fewrel_openre",
    "overlap",
    "read_fewrel",
    "read_jsonl",
    "read_openre_records",
    "relation_names",
    "sentence_key",
    "split_valid",
    "write_jsonl",
]
