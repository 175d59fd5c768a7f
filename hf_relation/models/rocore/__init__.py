"""RoCORE (Zhao et al., EMNLP 2021)."""

from hf_relation.models.rocore.configuration_rocore import RoCOREConfig
from hf_relation.models.rocore.modeling_rocore import RoCOREModel, RoCOREOutput, RoCOREPreTrainedModel


__all__ = ["RoCOREConfig", "RoCOREModel", "RoCOREOutput", "RoCOREPreTrainedModel"]
