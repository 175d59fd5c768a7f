"""The data contract: schema, checks, JSONL, readers of the published corpora, and keeping evaluation data apart."""

from .candidates import candidate_pairs, nearest_mentions
from .conll_columns import read_conll_columns
from .conllu import UD_TAGS, map_ud_v1_tags, read_conllu
from .corpora import CORPORA, load_corpus
from .cropping import crop_around_mentions
from .distant import DistantLabeller, DistantReport, Fact, read_facts
from .docred import read_docred
from .entities import EntitySpan, document_of_spans, entities_of
from .entity_dictionary import EntityDictionary
from .fewrel import FEWREL_NOVEL, read_fewrel, read_openre_records, relation_names
from .fewrel_openre import load_fewrel_openre
from .folding import explode_document, fold_instances
from .frequency_split import FrequencySplit, split_by_frequency
from .glue import GLUE_LABELS, read_glue, read_stsb
from .hygiene import drop_benchmark_sentences, drop_overlapping, overlap, sentence_key
from .iob import iob_spans, to_iob2, to_misc
from .jsonl import read_jsonl, write_jsonl
from .locating_report import LeftOut, LocatingReport
from .locations import find_data_dir
from .meld import MELD_LABELS, read_meld
from .named_entities import read_iob2corpus, read_weibo_ner, read_wnut17, split_at_sentence_ends
from .negatives import ShuffledPairs, shuffled_pair_negatives
from .nyt_fb import read_nyt_fb
from .nyt_fb_splits import load_nyt_fb_labelled, load_nyt_fb_sup
from .origins import OriginalSpans, original_spans
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
from .schema import (
    Document,
    Entity,
    Instance,
    LabelledPair,
    Mention,
    Origin,
    Span,
    document_features,
    instance_features,
)
from .semeval import read_semeval2010_task8
from .semeval_labels import SEMEVAL_OTHER, SEMEVAL_RELATIONS
from .sentences import split_sentences
from .snips import SNIPS_INTENTS, read_snips
from .surface import Located, locate_strings
from .tacred import TACRED_KNOWN, TACRED_NO_RELATION, TACRED_NOVEL, load_tacred_openre, read_tacred
from .task_checks import check_labelled_text, check_tagged_sentence
from .task_schema import LabelledText, TaggedSentence, tagged_features, text_features
from .text_pairs import PairRules, TextPairs, document_pairs
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
    "DistantLabeller",
    "DistantReport",
    "EntityDictionary",
    "EntitySpan",
    "Fact",
    "FEWREL_NOVEL",
    "FileReport",
    "FrequencySplit",
    "GLUE_LABELS",
    "Instance",
    "LabelledPair",
    "LabelledText",
    "LeftOut",
    "Located",
    "LocatingReport",
    "MELD_LABELS",
    "Mention",
    "NUMBER_BUCKETS",
    "NUMBER_CLASSES",
    "OVERLAP_TYPES",
    "Origin",
    "OriginalSpans",
    "PairRules",
    "SEMEVAL_OTHER",
    "SEMEVAL_RELATIONS",
    "SNIPS_INTENTS",
    "ShuffledPairs",
    "Span",
    "TACRED_KNOWN",
    "TACRED_NOVEL",
    "TACRED_NO_RELATION",
    "TaggedSentence",
    "TextPairs",
    "UD_TAGS",
    "WIKI80_NOVEL_NAMES",
    "WordVectors",
    "candidate_pairs",
    "characters_of_tokens",
    "check_document",
    "check_file",
    "check_instance",
    "check_instances",
    "check_labelled_text",
    "check_tagged_sentence",
    "crop_around_mentions",
    "discovery_pairs",
    "document_features",
    "document_of_spans",
    "document_pairs",
    "document_triples",
    "drop_benchmark_sentences",
    "drop_overlapping",
    "entities_of",
    "explode_document",
    "find_data_dir",
    "fold_instances",
    "instance_features",
    "iob_spans",
    "join_tokens",
    "load_corpus",
    "load_fewrel_openre",
    "load_nyt_fb_labelled",
    "load_nyt_fb_sup",
    "load_tacred_openre",
    "load_wiki80_known",
    "locate_strings",
    "map_ud_v1_tags",
    "nearest_mentions",
    "number_class",
    "original_spans",
    "overlap",
    "overlap_statistics",
    "overlap_types",
    "read_conll_columns",
    "read_conllu",
    "read_docred",
    "read_facts",
    "read_fewrel",
    "read_glue",
    "read_iob2corpus",
    "read_jsonl",
    "read_meld",
    "read_nyt_fb",
    "read_openre_records",
    "read_semeval2010_task8",
    "read_sentence_pairs",
    "read_snips",
    "read_stsb",
    "read_tacred",
    "read_triples",
    "read_weibo_ner",
    "read_wiki80",
    "read_wnut17",
    "read_word_vectors",
    "relation_names",
    "sentence_key",
    "shuffled_pair_negatives",
    "split_at_sentence_ends",
    "split_by_frequency",
    "split_sentences",
    "split_valid",
    "tagged_features",
    "text_features",
    "to_iob2",
    "to_misc",
    "write_jsonl",
]
