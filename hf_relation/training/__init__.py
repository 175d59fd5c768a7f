"""Training of pair encoders: balanced batches, averaged weights, evaluation by clustering."""

from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.averaging import WeightAverage
from hf_relation.training.collators import RelationCollator
from hf_relation.training.datasets import RelationDataset, single_relation
from hf_relation.training.evaluation import (
    evaluate_by_clustering,
    limit_per_relation,
    score_clusterings,
    split_known_relations,
    summarize_scores,
)
from hf_relation.training.resuming import last_complete_checkpoint
from hf_relation.training.samplers import ClassBalancedBatchSampler
from hf_relation.training.trainable import add_adapters, freeze
from hf_relation.training.trainer import RelationTrainer


__all__ = [
    "ClassBalancedBatchSampler",
    "RelationCollator",
    "RelationDataset",
    "RelationTrainer",
    "RelationTrainingArguments",
    "WeightAverage",
    "add_adapters",
    "evaluate_by_clustering",
    "freeze",
    "last_complete_checkpoint",
    "limit_per_relation",
    "score_clusterings",
    "single_relation",
    "split_known_relations",
    "summarize_scores",
]
