"""Siamese-URE (Zhang and Chen, ECAI 2023)."""

from hf_relation.models.siamese_ure.configuration_siamese_ure import SiameseUREConfig
from hf_relation.models.siamese_ure.modeling_siamese_ure import (
    SiameseUREModel,
    SiameseUREOutput,
    SiameseUREPreTrainedModel,
)


__all__ = ["SiameseUREConfig", "SiameseUREModel", "SiameseUREOutput", "SiameseUREPreTrainedModel"]
