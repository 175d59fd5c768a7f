"""Training: balanced batches, averaged weights, evaluation by clustering or by triples."""

from hf_relation.training.adversarial import AdversarialWarmup
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.averaging import WeightAverage
from hf_relation.training.bandwidth import BandwidthChoice, choose_bandwidth_quantile
from hf_relation.training.collapse import CollapseMonitor
from hf_relation.training.collators import RelationCollator
from hf_relation.training.datasets import RelationDataset, single_relation
from hf_relation.training.discovery_trainer import DiscoveryTrainer
from hf_relation.training.evaluation import (
    evaluate_by_clustering,
    limit_per_relation,
    score_clusterings,
    split_known_relations,
    summarize_scores,
)
from hf_relation.training.experiment import ExperimentData, prepare_data, score_model, summarize_runs
from hf_relation.training.experiment_arguments import ExperimentArguments, check_processes
from hf_relation.training.experiment_loading import (
    corpus_names,
    data_names,
    load_experiment_data,
    load_unsupervised_data,
)
from hf_relation.training.extraction_dataset import ExtractionCollator, ExtractionDataset, LabelledWindow
from hf_relation.training.extraction_trainer import ExtractionTrainer, chosen_pairs
from hf_relation.training.learning_order import LearningOrder, orders_of, read_learning_order, row_weights
from hf_relation.training.learning_order_trainer import LearningOrderTrainer
from hf_relation.training.length_sampler import LengthBatchSampler
from hf_relation.training.mixed_sampler import MixedBatchSampler
from hf_relation.training.multitask_dataset import MultiTaskCollator, MultiTaskDataset
from hf_relation.training.multitask_evaluation import main_score, predict_rows, score_task
from hf_relation.training.multitask_trainer import MultiTaskTrainer
from hf_relation.training.neighbor_bank import NeighborBank
from hf_relation.training.neighbor_collator import NeighborCollator
from hf_relation.training.novel_parts import held_out_as_novel
from hf_relation.training.pretraining_dataset import PretrainingCollator, PretrainingDataset, PretrainingWindow
from hf_relation.training.pseudo_label_rules import PseudoLabelRules
from hf_relation.training.pseudo_labels import PseudoLabels
from hf_relation.training.relation_pretrainer import RelationPretrainer
from hf_relation.training.results import changed_settings, finite_only, library_versions, write_json
from hf_relation.training.resuming import has_complete_checkpoint, is_complete, last_complete_checkpoint
from hf_relation.training.samplers import ClassBalancedBatchSampler, EpochBatchSampler
from hf_relation.training.scoring import EmbeddedParts, embed_parts, score_parts
from hf_relation.training.shuffled_sampler import ShuffledBatchSampler
from hf_relation.training.tables import scores_table
from hf_relation.training.targets import EpochTargets
from hf_relation.training.task_rows import EncodedTask, encode_task_rows, task_settings
from hf_relation.training.task_sampler import TaskBatchSampler
from hf_relation.training.trainable import add_adapters, freeze
from hf_relation.training.trainer import RelationTrainer


__all__ = [
    "AdversarialWarmup",
    "BandwidthChoice",
    "ClassBalancedBatchSampler",
    "CollapseMonitor",
    "DiscoveryTrainer",
    "EmbeddedParts",
    "EncodedTask",
    "EpochBatchSampler",
    "EpochTargets",
    "ExperimentArguments",
    "ExperimentData",
    "ExtractionCollator",
    "ExtractionDataset",
    "ExtractionTrainer",
    "LabelledWindow",
    "LearningOrder",
    "LearningOrderTrainer",
    "LengthBatchSampler",
    "MixedBatchSampler",
    "MultiTaskCollator",
    "MultiTaskDataset",
    "MultiTaskTrainer",
    "NeighborBank",
    "NeighborCollator",
    "PretrainingCollator",
    "PretrainingDataset",
    "PretrainingWindow",
    "PseudoLabelRules",
    "PseudoLabels",
    "RelationCollator",
    "RelationDataset",
    "RelationPretrainer",
    "RelationTrainer",
    "RelationTrainingArguments",
    "ShuffledBatchSampler",
    "TaskBatchSampler",
    "WeightAverage",
    "add_adapters",
    "changed_settings",
    "check_processes",
    "choose_bandwidth_quantile",
    "chosen_pairs",
    "corpus_names",
    "data_names",
    "embed_parts",
    "encode_task_rows",
    "evaluate_by_clustering",
    "finite_only",
    "freeze",
    "has_complete_checkpoint",
    "held_out_as_novel",
    "is_complete",
    "last_complete_checkpoint",
    "library_versions",
    "limit_per_relation",
    "load_experiment_data",
    "load_unsupervised_data",
    "main_score",
    "orders_of",
    "read_learning_order",
    "predict_rows",
    "prepare_data",
    "score_clusterings",
    "row_weights",
    "score_model",
    "score_parts",
    "score_task",
    "scores_table",
    "single_relation",
    "split_known_relations",
    "summarize_runs",
    "summarize_scores",
    "task_settings",
    "write_json",
]
