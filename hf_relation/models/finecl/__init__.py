"""FineCL (Hogan, Li and Shang, EMNLP 2022): relation pre-training that trusts labels by when they were learned."""

from hf_relation.models.finecl.configuration_finecl import FineCLConfig
from hf_relation.models.finecl.masked_lm import MaskedLMHead
from hf_relation.models.finecl.modeling_finecl import FineCLModel, FineCLOutput, FineCLPreTrainedModel
from hf_relation.models.finecl.pretraining_finecl import FineCLForPreTraining, FineCLPreTrainingOutput


__all__ = [
    "FineCLConfig",
    "FineCLForPreTraining",
    "FineCLModel",
    "FineCLOutput",
    "FineCLPreTrainedModel",
    "FineCLPreTrainingOutput",
    "MaskedLMHead",
]
