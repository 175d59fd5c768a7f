"""FineCL (Hogan, Li and Shang, EMNLP 2022): relation pre-training that trusts labels by when they were learned."""

from hf_relation.models.finecl.configuration_finecl import FineCLConfig
from hf_relation.models.finecl.masked_lm import MaskedLMHead
from hf_relation.models.finecl.modeling_finecl import (
    FineCLForPreTraining,
    FineCLModel,
    FineCLOutput,
    FineCLPreTrainedModel,
    FineCLPreTrainingOutput,
)


__all__ = [
    "FineCLConfig",
    "FineCLForPreTraining",
    "FineCLModel",
    "FineCLOutput",
    "FineCLPreTrainedModel",
    "FineCLPreTrainingOutput",
    "MaskedLMHead",
]
