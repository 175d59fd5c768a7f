"""One shared encoder and a head for every task, as MT-DNN (Liu et al., 2019) without its answer module."""

from hf_relation.models.multitask.configuration_multitask import MultiTaskConfig
from hf_relation.models.multitask.modeling_multitask import MultiTaskModel, MultiTaskOutput


__all__ = ["MultiTaskConfig", "MultiTaskModel", "MultiTaskOutput"]
