"""MORE (Wang et al., ICASSP 2021) and MORE-RLL (CCL 2021)."""

from hf_relation.models.more.configuration_more import MOREConfig
from hf_relation.models.more.modeling_more import MOREModel, MOREOutput, MOREPreTrainedModel


__all__ = ["MOREConfig", "MOREModel", "MOREOutput", "MOREPreTrainedModel"]
