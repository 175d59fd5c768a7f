"""The models, processors and pipelines of this repository are those of the installed package `hf_relation`.

Nothing else is here: `pip install hf_relation`, and transformers finds them with `trust_remote_code=True`. A program that
imports hf_relation itself needs neither that option nor this file.
"""

from hf_relation import (
    DocumentProcessor,
    FineCLConfig,
    FineCLForPreTraining,
    FineCLModel,
    KernelREConfig,
    KernelREModel,
    MOREConfig,
    MOREModel,
    MultiTaskConfig,
    MultiTaskModel,
    OpenRelationDiscoveryPipeline,
    PairClassificationConfig,
    PairClassificationModel,
    RelationCNNConfig,
    RelationCNNModel,
    RelationExtractionPipeline,
    RelationProcessor,
    RoCOREConfig,
    RoCOREModel,
    SiameseUREConfig,
    SiameseUREModel,
)


__all__ = [
    "DocumentProcessor",
    "FineCLConfig",
    "FineCLForPreTraining",
    "FineCLModel",
    "KernelREConfig",
    "KernelREModel",
    "MOREConfig",
    "MOREModel",
    "MultiTaskConfig",
    "MultiTaskModel",
    "OpenRelationDiscoveryPipeline",
    "PairClassificationConfig",
    "PairClassificationModel",
    "RelationCNNConfig",
    "RelationCNNModel",
    "RelationExtractionPipeline",
    "RelationProcessor",
    "RoCOREConfig",
    "RoCOREModel",
    "SiameseUREConfig",
    "SiameseUREModel",
]
