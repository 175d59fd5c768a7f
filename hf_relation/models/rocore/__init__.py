"""RoCORE (Zhao et al., EMNLP 2021)."""

from hf_relation.models.rocore.configuration_rocore import RoCOREConfig
from hf_relation.models.rocore.modeling_rocore import RoCOREModel, RoCOREOutput, RoCOREPreTrainedModel
from hf_relation.models.rocore.representations import map_rows


__all__ = [
    "RoCOREConfig",
    "RoCOREModel",
    "RoCOREOutput",
    "RoCOREPreTrainedModel",
    "map_rows",
]
