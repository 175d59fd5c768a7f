"""Scores from plain data: clustering metrics of label columns, F1 of extraction, scores of classification and regression."""

from __future__ import annotations

from hf_relation.metrics.accuracy import hungarian_accuracy, hungarian_accuracy_from_contingency
from hf_relation.metrics.bcubed import bcubed, bcubed_from_contingency
from hf_relation.metrics.contingency import Contingency, check_labels, contingency
from hf_relation.metrics.entities import entity_scores
from hf_relation.metrics.ign_f1 import facts_of, ign_f1_scores
from hf_relation.metrics.learning_order import learned_by_epoch, learned_jaccard
from hf_relation.metrics.nmi import normalized_mutual_info, normalized_mutual_info_from_contingency
from hf_relation.metrics.purity import purity, purity_from_contingency
from hf_relation.metrics.rand import adjusted_rand_index, adjusted_rand_index_from_contingency
from hf_relation.metrics.relation_f1 import relation_scores
from hf_relation.metrics.report import clustering_report
from hf_relation.metrics.semeval_report import semeval_task8_report
from hf_relation.metrics.semeval_task8 import semeval_task8_scores
from hf_relation.metrics.single_label import single_label_scores
from hf_relation.metrics.spans import span_report, span_scores
from hf_relation.metrics.tasks import classification_scores, regression_scores
from hf_relation.metrics.triples import triple_report, triple_scores
from hf_relation.metrics.v_measure import v_measure, v_measure_from_contingency


__all__ = [
    "Contingency",
    "adjusted_rand_index",
    "adjusted_rand_index_from_contingency",
    "bcubed",
    "bcubed_from_contingency",
    "check_labels",
    "classification_scores",
    "clustering_report",
    "contingency",
    "entity_scores",
    "facts_of",
    "hungarian_accuracy",
    "hungarian_accuracy_from_contingency",
    "ign_f1_scores",
    "learned_by_epoch",
    "learned_jaccard",
    "normalized_mutual_info",
    "normalized_mutual_info_from_contingency",
    "purity",
    "purity_from_contingency",
    "regression_scores",
    "relation_scores",
    "semeval_task8_report",
    "semeval_task8_scores",
    "single_label_scores",
    "span_report",
    "span_scores",
    "triple_report",
    "triple_scores",
    "v_measure",
    "v_measure_from_contingency",
]
