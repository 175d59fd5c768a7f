"""A classifier of entity pairs over any encoder, for sentences and documents: what pre-training is fine-tuned with."""

from hf_relation.models.pair_classification.configuration_pair_classification import PairClassificationConfig
from hf_relation.models.pair_classification.modeling_pair_classification import (
    EncodedText,
    PairClassificationModel,
    PairClassificationOutput,
)


__all__ = ["EncodedText", "PairClassificationConfig", "PairClassificationModel", "PairClassificationOutput"]
