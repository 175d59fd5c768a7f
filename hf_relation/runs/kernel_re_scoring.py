"""The figures of a KernelRE run: rules fitted on validation, then the test, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit

from hf_relation.data.schema import Document
from hf_relation.extraction import (
    CALIBRATIONS,
    DecisionRules,
    PairScores,
    SymmetricRelations,
    TypeConstraints,
    choose_threshold,
    co_occurrence_false_positive_rate,
    expected_calibration_error,
    reliability_curve,
    tag_and_score,
)
from hf_relation.extraction.evaluation import MODES, candidate_arrays, extraction_report, gold_and_predicted
from hf_relation.metrics import entity_scores, semeval_task8_scores, triple_scores
from hf_relation.models.kernel_re import KernelREModel
from hf_relation.processing import DocumentProcessor
from hf_relation.runs.extraction_data import ExtractionData
from hf_relation.runs.kernel_re_arguments import KernelREArguments


PAPER_RULES = DecisionRules()
"""The paper's: probabilities as they are, threshold 0.5, no constraint."""


def fit_rules(script: KernelREArguments, data: ExtractionData, scores: Sequence[PairScores]) -> DecisionRules:
    """Fit calibration and thresholds on the validation documents, and learn type constraints from the training documents.

    Args:
        script ([`KernelREArguments`]): what to fit.
        data ([`ExtractionData`]): its `validation` and `train`.
        scores (`Sequence[PairScores]`): of the candidate pairs of the validation documents.

    Returns:
        [`~hf_relation.extraction.DecisionRules`].
    """
    logits, labels, missed = candidate_arrays(data.validation, scores, data.relations)
    calibration = None
    if script.calibration != "none" and labels.any() and not labels.all():
        calibration = CALIBRATIONS[script.calibration]().fit(logits, labels)
    constraints = None
    if script.type_constraints and data.typed:
        constraints = TypeConstraints.from_documents(data.train)
    symmetric = None
    if script.symmetric_relations:
        symmetric = SymmetricRelations(script.symmetric_relations)
        symmetric.check(data.relations)
    rules = DecisionRules(
        calibration=calibration,
        type_constraints=constraints,
        symmetric=symmetric,
        reflexive_pairs=data.pairs == "all_and_self",
    )
    if script.thresholds == "default":
        return rules
    probabilities = np.concatenate(
        [
            rules.probabilities(of_document, document, data.relations)
            for document, of_document in zip(data.validation, scores, strict=True)
        ]
    )
    thresholds = choose_threshold(
        probabilities,
        labels,
        relations=data.relations,
        per_relation=script.thresholds == "per_relation",
        num_missed=missed,
    )
    return replace(rules, thresholds=thresholds)


def score_part(
    documents: Sequence[Document], scores: Sequence[PairScores], data: ExtractionData, rules: DecisionRules
) -> dict[str, Any]:
    """Score documents in both modes, with the paper's rules and with the fitted ones.

    Args:
        documents (`Sequence[Document]`): with gold relations.
        scores (`Sequence[PairScores]`): of their candidate pairs.
        data ([`ExtractionData`]): its relations.
        rules ([`~hf_relation.extraction.DecisionRules`]): the fitted ones.

    Returns:
        `dict`: mode -> `"paper"` and `"fitted"` -> what [`~hf_relation.extraction.evaluation.extraction_report`] gives.
    """
    return {
        mode: {
            name: extraction_report(documents, scores, data.relations, each, mode=mode)
            for name, each in (("paper", PAPER_RULES), ("fitted", rules))
        }
        for mode in MODES
    }


def score_calibration(
    documents: Sequence[Document], scores: Sequence[PairScores], data: ExtractionData, rules: DecisionRules
) -> dict[str, Any]:
    """Say how far probabilities can be believed, and how often something is found in pairs that merely stand together.

    Args:
        documents, scores, data, rules: as for [`score_part`].

    Returns:
        `dict`: `calibration_error` before and after, `reliability` (curves), `false_positives` of pairs without a relation.
    """
    logits, labels, _ = candidate_arrays(documents, scores, data.relations)
    raw = expit(logits.astype(np.float64))
    calibrated = raw if rules.calibration is None else rules.calibration.transform(logits)
    # What is hardly possible at all is most of all candidates, and says nothing about the others.
    near = raw >= 0.05
    found: dict[str, Any] = {"calibration_error": {}, "reliability": {}, "candidates": int(labels.shape[0])}
    for name, probabilities in (("before", raw), ("after", calibrated)):
        if near.any():
            found["calibration_error"][name] = expected_calibration_error(probabilities[near], labels[near])
            curve = reliability_curve(probabilities[near], labels[near])
            found["reliability"][name] = {
                key: [None if value != value else value for value in np.asarray(getattr(curve, key)).tolist()]
                for key in ("edges", "counts", "predicted", "observed")  # empty bins have no means
            }
    constrained = np.concatenate(
        [rules.probabilities(s, d, data.relations) for d, s in zip(documents, scores, strict=True)]
    )
    if len(labels) and not labels.any(axis=1).all():
        rate = co_occurrence_false_positive_rate(constrained, labels, rules.thresholds, relations=data.relations)
        found["false_positives"] = rate.to_dict()
    return found


def score_semeval(
    documents: Sequence[Document], scores: Sequence[PairScores], data: ExtractionData, rules: DecisionRules
) -> dict[str, float]:
    """The official metric of SemEval-2010 Task 8: macro F1 of nine relations with their directions, without Other.

    Every sentence gets its surest relation, or Other where none reaches its threshold.

    Args:
        documents, scores, data, rules: as for [`score_part`].

    Returns:
        `dict[str, float]`: `macro_f1`, in [0, 1], with the paper's rules and with the fitted ones.
    """
    found = {}
    gold = {
        row: document["relations"][0]["label"] if document["relations"] else "Other"
        for row, document in enumerate(documents)
    }
    for name, each in (("paper", PAPER_RULES), ("fitted", rules)):
        decided = gold_and_predicted(documents, scores, data.relations, each, best_only=True)
        predicted = {row: triples[0][1] if triples else "Other" for row, triples in enumerate(decided.predicted)}
        found[name] = float(semeval_task8_scores(gold, predicted)["macro_f1"])
    return found


def score_joint(
    model: KernelREModel, processor: DocumentProcessor, documents: Sequence[Document], rules: DecisionRules
) -> dict[str, Any]:
    """Score what the model finds in raw text: entities, and triples whose entities it found itself.

    A predicted entity is a gold one if they have a mention (span and type) in common; a triple is right if both entities and
    the relation are.

    Args:
        model ([`~hf_relation.KernelREModel`]): with a tagger.
        processor ([`~hf_relation.processing.DocumentProcessor`]): without markers.
        documents (`Sequence[Document]`): with gold entities and relations.
        rules ([`~hf_relation.extraction.DecisionRules`]): what decides.

    Returns:
        `dict`: `entities` (strict: span and type; partial: any overlap counts a half), `triples` (strict) for the paper's rules
        and the fitted ones.
    """
    only = model.config.entity_types[0] if len(model.config.entity_types) == 1 else None
    texts = [document["text"] for document in documents]
    found = list(tag_and_score(model, processor, texts, reflexive=rules.reflexive_pairs))
    tagged = [document for document, _ in found]

    def mentions(document: Document, one_type: str | None) -> list[tuple[int, int, str | None]]:
        return [
            (document["mentions"][m]["start"], document["mentions"][m]["end"], one_type or entity["type"])
            for entity in document["entities"]
            for m in entity["mentions"]
        ]

    gold_mentions = [mentions(document, only) for document in documents]
    result: dict[str, Any] = {"entities": entity_scores(gold_mentions, [mentions(d, None) for d in tagged])}
    names = model.config.relations
    # Entities by number: those of the text first, then those that are none of them.
    numbers = [_numbers(gold, guess, only) for gold, guess in zip(documents, tagged, strict=True)]
    gold = [[(r["head"], r["label"], r["tail"]) for r in document["relations"]] for document in documents]
    result["triples"] = {}
    for name, each in (("paper", PAPER_RULES), ("fitted", rules)):
        decided = gold_and_predicted(tagged, [scores for _, scores in found], names, each)
        predicted = [
            [(number[head], label, number[tail]) for head, label, tail in triples]
            for number, triples in zip(numbers, decided.predicted, strict=True)
        ]
        result["triples"][name] = triple_scores(gold, predicted)
    return result


def _numbers(gold: Document, guess: Document, only: str | None) -> list[int]:
    place: dict[tuple[int, int, str | None], int] = {}
    for number, entity in enumerate(gold["entities"]):
        for mention in entity["mentions"]:
            span = gold["mentions"][mention]
            place.setdefault((span["start"], span["end"], only or entity["type"]), number)
    found = []
    for number, entity in enumerate(guess["entities"]):
        spans = [guess["mentions"][m] for m in entity["mentions"]]
        same = [place[key] for s in spans if (key := (s["start"], s["end"], entity["type"])) in place]
        found.append(same[0] if same else len(gold["entities"]) + number)
    return found
