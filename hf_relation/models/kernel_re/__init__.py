"""KernelRE (Li and Tian, 2020; REDN): supervised extraction with overlapping relations."""

from hf_relation.models.kernel_re.configuration_kernel_re import KernelREConfig
from hf_relation.models.kernel_re.kernels import MentionPairScores, RelationKernels
from hf_relation.models.kernel_re.mention_tokens import MentionTokens, mention_tokens
from hf_relation.models.kernel_re.modeling_kernel_re import (
    KernelREModel,
    KernelREOutput,
    KernelREPreTrainedModel,
    TextStates,
)
from hf_relation.models.kernel_re.tagger import EntityTagger


__all__ = [
    "EntityTagger",
    "KernelREConfig",
    "KernelREModel",
    "KernelREOutput",
    "KernelREPreTrainedModel",
    "MentionPairScores",
    "MentionTokens",
    "RelationKernels",
    "TextStates",
    "mention_tokens",
]
