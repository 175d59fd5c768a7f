"""Extracting relations: what comes between the scores of a model and the triples that are given out."""

from __future__ import annotations

from hf_relation.extraction.calibration import Calibration, probability_logits
from hf_relation.extraction.calibrations import CALIBRATIONS, calibration_from_dict
from hf_relation.extraction.decisions import DecisionRules, decide
from hf_relation.extraction.distant import distant_documents
from hf_relation.extraction.entity_sources import entity_source, load_entity_source
from hf_relation.extraction.extractor import RelationExtractor
from hf_relation.extraction.false_positives import FalsePositiveRate, co_occurrence_false_positive_rate
from hf_relation.extraction.isotonic import IsotonicCalibration
from hf_relation.extraction.joint import tag_and_score
from hf_relation.extraction.reliability import ReliabilityCurve, expected_calibration_error, reliability_curve
from hf_relation.extraction.scoring import PairScores, score_documents
from hf_relation.extraction.symmetry import ScoredTriple, SymmetricRelations, SymmetryProposal, find_symmetric
from hf_relation.extraction.temperature import TemperatureCalibration
from hf_relation.extraction.thresholds import Thresholds, choose_threshold
from hf_relation.extraction.type_constraints import TypeConstraints


__all__ = [
    "CALIBRATIONS",
    "Calibration",
    "DecisionRules",
    "FalsePositiveRate",
    "IsotonicCalibration",
    "PairScores",
    "RelationExtractor",
    "ReliabilityCurve",
    "ScoredTriple",
    "SymmetricRelations",
    "SymmetryProposal",
    "TemperatureCalibration",
    "Thresholds",
    "TypeConstraints",
    "calibration_from_dict",
    "choose_threshold",
    "co_occurrence_false_positive_rate",
    "decide",
    "distant_documents",
    "entity_source",
    "expected_calibration_error",
    "find_symmetric",
    "load_entity_source",
    "probability_logits",
    "reliability_curve",
    "score_documents",
    "tag_and_score",
]
