"""The CNN encoder of RSN (Wu et al., EMNLP 2019) and MORE (Wang et al., ICASSP 2021)."""

from hf_relation.models.relation_cnn.building import cnn_from_encoder, cnn_from_word_vectors, cnn_from_words
from hf_relation.models.relation_cnn.configuration_relation_cnn import RelationCNNConfig
from hf_relation.models.relation_cnn.modeling_relation_cnn import RelationCNNModel, RelationCNNPreTrainedModel


__all__ = [
    "RelationCNNConfig",
    "RelationCNNModel",
    "RelationCNNPreTrainedModel",
    "cnn_from_encoder",
    "cnn_from_word_vectors",
    "cnn_from_words",
]
