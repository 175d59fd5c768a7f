"""Discover and extract relations from text, the Hugging Face way.

`import hf_relation` makes the model classes known to transformers' Auto classes and the tasks to
`transformers.pipeline`; the names below are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hf_relation._registration import register_when_imported
from hf_relation.version import __version__


if TYPE_CHECKING:
    from hf_relation.data.distant import DistantLabeller, read_facts
    from hf_relation.data.jsonl import read_jsonl, write_jsonl
    from hf_relation.data.word_vectors import WordVectors, read_word_vectors
    from hf_relation.discovery import DiscoveredRelation, DiscoveryResult, RelationDiscovery
    from hf_relation.embedding import embed_instances
    from hf_relation.extraction import RelationExtractor
    from hf_relation.losses import RankedListLoss, SupConLoss
    from hf_relation.metrics import clustering_report
    from hf_relation.models.finecl import (
        FineCLConfig,
        FineCLForPreTraining,
        FineCLModel,
        FineCLOutput,
        FineCLPreTrainingOutput,
    )
    from hf_relation.models.kernel_re import KernelREConfig, KernelREModel, KernelREOutput
    from hf_relation.models.more import MOREConfig, MOREModel, MOREOutput
    from hf_relation.models.multitask import MultiTaskConfig, MultiTaskModel, MultiTaskOutput
    from hf_relation.models.pair_classification import (
        PairClassificationConfig,
        PairClassificationModel,
        PairClassificationOutput,
    )
    from hf_relation.models.relation_cnn import (
        RelationCNNConfig,
        RelationCNNModel,
        cnn_from_encoder,
        cnn_from_word_vectors,
        cnn_from_words,
    )
    from hf_relation.models.rocore import RoCOREConfig, RoCOREModel, RoCOREOutput
    from hf_relation.models.siamese_ure import SiameseUREConfig, SiameseUREModel, SiameseUREOutput
    from hf_relation.pipelines import OpenRelationDiscoveryPipeline, RelationExtractionPipeline
    from hf_relation.processing import DocumentProcessor, RelationProcessor, build_word_tokenizer, count_words
    from hf_relation.training import (
        LearningOrderTrainer,
        RelationPretrainer,
        RelationTrainer,
        RelationTrainingArguments,
    )


_HOMES = {
    "DiscoveredRelation": "hf_relation.discovery",
    "DiscoveryResult": "hf_relation.discovery",
    "DistantLabeller": "hf_relation.data.distant",
    "DocumentProcessor": "hf_relation.processing",
    "FineCLConfig": "hf_relation.models.finecl",
    "FineCLForPreTraining": "hf_relation.models.finecl",
    "FineCLModel": "hf_relation.models.finecl",
    "FineCLOutput": "hf_relation.models.finecl",
    "FineCLPreTrainingOutput": "hf_relation.models.finecl",
    "KernelREConfig": "hf_relation.models.kernel_re",
    "KernelREModel": "hf_relation.models.kernel_re",
    "KernelREOutput": "hf_relation.models.kernel_re",
    "LearningOrderTrainer": "hf_relation.training",
    "MOREConfig": "hf_relation.models.more",
    "MOREModel": "hf_relation.models.more",
    "MOREOutput": "hf_relation.models.more",
    "MultiTaskConfig": "hf_relation.models.multitask",
    "MultiTaskModel": "hf_relation.models.multitask",
    "MultiTaskOutput": "hf_relation.models.multitask",
    "OpenRelationDiscoveryPipeline": "hf_relation.pipelines",
    "PairClassificationConfig": "hf_relation.models.pair_classification",
    "PairClassificationModel": "hf_relation.models.pair_classification",
    "PairClassificationOutput": "hf_relation.models.pair_classification",
    "RankedListLoss": "hf_relation.losses",
    "RelationCNNConfig": "hf_relation.models.relation_cnn",
    "RelationCNNModel": "hf_relation.models.relation_cnn",
    "RelationDiscovery": "hf_relation.discovery",
    "RelationExtractionPipeline": "hf_relation.pipelines",
    "RelationExtractor": "hf_relation.extraction",
    "RelationPretrainer": "hf_relation.training",
    "RelationProcessor": "hf_relation.processing",
    "RelationTrainer": "hf_relation.training",
    "RelationTrainingArguments": "hf_relation.training",
    "RoCOREConfig": "hf_relation.models.rocore",
    "RoCOREModel": "hf_relation.models.rocore",
    "RoCOREOutput": "hf_relation.models.rocore",
    "SiameseUREConfig": "hf_relation.models.siamese_ure",
    "SiameseUREModel": "hf_relation.models.siamese_ure",
    "SiameseUREOutput": "hf_relation.models.siamese_ure",
    "SupConLoss": "hf_relation.losses",
    "WordVectors": "hf_relation.data.word_vectors",
    "build_word_tokenizer": "hf_relation.processing",
    "clustering_report": "hf_relation.metrics",
    "cnn_from_encoder": "hf_relation.models.relation_cnn",
    "cnn_from_word_vectors": "hf_relation.models.relation_cnn",
    "cnn_from_words": "hf_relation.models.relation_cnn",
    "count_words": "hf_relation.processing",
    "embed_instances": "hf_relation.embedding",
    "read_facts": "hf_relation.data.distant",
    "read_jsonl": "hf_relation.data.jsonl",
    "read_word_vectors": "hf_relation.data.word_vectors",
    "write_jsonl": "hf_relation.data.jsonl",
}

__all__ = [
    "DiscoveredRelation",
    "DiscoveryResult",
    "DistantLabeller",
    "DocumentProcessor",
    "FineCLConfig",
    "FineCLForPreTraining",
    "FineCLModel",
    "FineCLOutput",
    "FineCLPreTrainingOutput",
    "KernelREConfig",
    "KernelREModel",
    "KernelREOutput",
    "LearningOrderTrainer",
    "MOREConfig",
    "MOREModel",
    "MOREOutput",
    "MultiTaskConfig",
    "MultiTaskModel",
    "MultiTaskOutput",
    "OpenRelationDiscoveryPipeline",
    "PairClassificationConfig",
    "PairClassificationModel",
    "PairClassificationOutput",
    "RankedListLoss",
    "RelationCNNConfig",
    "RelationCNNModel",
    "RelationDiscovery",
    "RelationExtractionPipeline",
    "RelationExtractor",
    "RelationPretrainer",
    "RelationProcessor",
    "RelationTrainer",
    "RelationTrainingArguments",
    "RoCOREConfig",
    "RoCOREModel",
    "RoCOREOutput",
    "SiameseUREConfig",
    "SiameseUREModel",
    "SiameseUREOutput",
    "SupConLoss",
    "WordVectors",
    "build_word_tokenizer",
    "clustering_report",
    "cnn_from_encoder",
    "cnn_from_word_vectors",
    "cnn_from_words",
    "count_words",
    "embed_instances",
    "read_facts",
    "read_jsonl",
    "read_word_vectors",
    "write_jsonl",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hf_relation' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


register_when_imported()
