"""The data contract: schema, checks, JSONL, readers of the published corpora, and keeping evaluation data apart."""

from .candidates import candidate_pairs, nearest_mentions
from .corpora import CORPORA, load_corpus
from .cropping import crop_around_mentions
from .docred import read_docred
from .entities import EntitySpan, document_of_spans, entities_of
from .fewrel import FEWREL_NOVEL, read_fewrel, read_openre_records, relation_names
from .fewrel_openre import load_fewrel_openre
from .folding import explode_document, fold_instances
from .frequency_split import FrequencySplit, split_by_frequency
from .hygiene import drop_benchmark_sentences, drop_overlapping, overlap, sentence_key
from .jsonl import read_jsonl, write_jsonl
from .locating_report import LeftOut, LocatingReport
from .locations import find_data_dir
from .nyt_fb import read_nyt_fb
from .nyt_fb_splits import load_nyt_fb_labelled, load_nyt_fb_sup
from .overlap_types import (
    NUMBER_BUCKETS,
    NUMBER_CLASSES,
    OVERLAP_TYPES,
    document_triples,
    number_class,
    overlap_statistics,
    overlap_types,
)
from .pairs import discovery_pairs, read_sentence_pairs
from .report import BadRow, FileReport, check_file
from .schema import Document, Entity, Instance, LabelledPair, Mention, Span, document_features, instance_features
from .semeval import read_semeval2010_task8
from .semeval_labels import SEMEVAL_OTHER, SEMEVAL_RELATIONS
from .surface import Located, locate_strings
from .tacred import TACRED_KNOWN, TACRED_NO_RELATION, TACRED_NOVEL, load_tacred_openre, read_tacred
from .tokens import characters_of_tokens, join_tokens
from .triples import read_triples
from .validation import check_document, check_instance, check_instances, split_valid
from .wiki80 import WIKI80_NOVEL_NAMES, load_wiki80_known, read_wiki80
from .word_vectors import WordVectors, read_word_vectors


__all__ = [
    "BadRow",
    "CORPORA",
    "Document",
    "Entity",
    "EntitySpan",
    "FEWREL_NOVEL",
    "FileReport",
    "FrequencySplit",
    "Instance",
    "LabelledPair",
    "LeftOut",
    "Located",
    "LocatingReport",
    "Mention",
    "NUMBER_BUCKETS",
    "NUMBER_CLASSES",
    "OVERLAP_TYPES",
    "SEMEVAL_OTHER",
    "SEMEVAL_RELATIONS",
    "Span",
    "TACRED_KNOWN",
    "TACRED_NOVEL",
    "TACRED_NO_RELATION",
    "WIKI80_NOVEL_NAMES",
    "WordVectors",
    "candidate_pairs",
    "characters_of_tokens",
    "check_document",
    "check_file",
    "check_instance",
    "check_instances",
    "crop_around_mentions",
    "discovery_pairs",
    "document_features",
    "document_of_spans",
    "document_triples",
    "drop_benchmark_sentences",
    "drop_overlapping",
    "entities_of",
    "explode_document",
    "find_data_dir",
    "fold_instances",
    "instance_features",
    "join_tokens",
    "load_corpus",
    "load_fewrel_openre",
    "load_nyt_fb_labelled",
    "load_nyt_fb_sup",
    "load_tacred_openre",
    "load_wiki80_known",
    "nearest_mentions",
    "locate_strings",
    "number_class",
    "overlap",
    "overlap_statistics",
    "overlap_types",
    "read_docred",
    "read_fewrel",
    "read_jsonl",
    "read_nyt_fb",
    "read_openre_records",
    "read_semeval2010_task8",
    "read_sentence_pairs",
    "read_tacred",
    "read_triples",
    "read_wiki80",
    "read_word_vectors",
    "relation_names",
    "sentence_key",
    "split_by_frequency",
    "split_valid",
    "write_jsonl",
]
