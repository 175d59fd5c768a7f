"""The figures of a fine-tuning run: one label a sentence, or triples of documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hf_relation.data.schema import Document
from hf_relation.extraction import DecisionRules, PairScores, choose_threshold
from hf_relation.extraction.evaluation import candidate_arrays, gold_and_predicted
from hf_relation.metrics import facts_of, ign_f1_scores, relation_scores, semeval_task8_scores, single_label_scores
from hf_relation.models.pair_classification import PairClassificationConfig
from hf_relation.runs.extraction_data import ExtractionData


def predicted_labels(scores: Sequence[PairScores], config: PairClassificationConfig) -> list[str]:
    """The class of the one pair of every text: the relation of highest probability, or "no relation" where that is likelier.

    Args:
        scores (`Sequence[PairScores]`): of texts with one candidate pair, by a single-label classifier.
        config ([`~hf_relation.PairClassificationConfig`]): its relations, and its class "no relation" if it has one.

    Returns:
        `list[str]`.
    """
    found = []
    for each in scores:
        probabilities = each.probabilities[0]
        best = int(probabilities.argmax())
        none = 1.0 - float(probabilities.sum()) if config.has_na_class else -1.0
        found.append(str(config.na_relation) if none > probabilities[best] else config.relations[best])
    return found


def fit_rules(config: PairClassificationConfig, data: ExtractionData, scores: Sequence[PairScores]) -> DecisionRules:
    """The threshold of highest micro F1 on the validation documents.

    Args:
        config ([`~hf_relation.PairClassificationConfig`]): of the classifier.
        data ([`ExtractionData`]): its `validation`.
        scores (`Sequence[PairScores]`): of their candidate pairs.

    Returns:
        [`~hf_relation.extraction.DecisionRules`].
    """
    logits, labels, missed = candidate_arrays(data.validation, scores, config.relations)
    rules = DecisionRules(reflexive_pairs=data.pairs == "all_and_self")
    probabilities = np.concatenate([each.probabilities for each in scores]) if len(logits) else logits
    thresholds = choose_threshold(probabilities, labels, relations=config.relations, num_missed=missed)
    return replace(rules, thresholds=thresholds)


def score_sentences(
    documents: Sequence[Document], scores: Sequence[PairScores], config: PairClassificationConfig, dataset: str
) -> dict[str, float]:
    """Score texts with one pair and one label each.

    Args:
        documents (`Sequence[Document]`): with gold relations.
        scores (`Sequence[PairScores]`): of their one candidate pair.
        config ([`~hf_relation.PairClassificationConfig`]): of the classifier.
        dataset (`str`): with `"semeval"` the official macro F1 comes as well.

    Returns:
        `dict[str, float]`: what [`~hf_relation.metrics.single_label_scores`] gives, in [0, 1]; `official_macro_f1`.
    """
    none = config.na_relation or "no relation"
    gold = [d["relations"][0]["label"] if d["relations"] else none for d in documents]
    predicted = predicted_labels(scores, config)
    na_label = none if config.has_na_class or none in gold else None
    found = dict(single_label_scores(gold, predicted, na_label=na_label))
    if dataset == "semeval":
        official = semeval_task8_scores(dict(enumerate(gold)), dict(enumerate(predicted)))
        found["official_macro_f1"] = float(official["macro_f1"])
    return found


def score_documents_of(
    documents: Sequence[Document],
    scores: Sequence[PairScores],
    config: PairClassificationConfig,
    rules: DecisionRules,
    train: Sequence[Document],
) -> dict[str, Any]:
    """Score the triples of documents.

    Args:
        documents (`Sequence[Document]`): with gold relations.
        scores (`Sequence[PairScores]`): of their candidate pairs.
        config ([`~hf_relation.PairClassificationConfig`]): of the classifier.
        rules ([`~hf_relation.extraction.DecisionRules`]): what decides.
        train (`Sequence[Document]`): the training documents, whose facts Ign F1 leaves out.

    Returns:
        `dict[str, float]`: what [`~hf_relation.metrics.relation_scores`] gives, in [0, 1], and `ign_f1`; `threshold`.
    """
    decided = gold_and_predicted(documents, scores, config.relations, rules)
    return {
        **relation_scores(decided.gold, decided.predicted),
        **ign_f1_scores(documents, decided.predicted, facts_of(train)),
        "threshold": rules.thresholds.value,
    }
