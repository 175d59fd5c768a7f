"""What relation discovery is compared to: published baselines over word vectors, entity types, word counts and frozen features.

Every one takes instances (or their features) and gives a label to each; gold labels are never read. Adaptive clustering, the
clustering of SelfORE, is [`~hf_relation.clustering.AdaptiveClustering`].
"""

from hf_relation.baselines.entity_types import entity_type_relations
from hf_relation.baselines.louvain import louvain_communities
from hf_relation.baselines.rsn import RelationalSiameseNetwork
from hf_relation.baselines.rw_hac import reweighted_features, rw_hac
from hf_relation.baselines.topics import relation_topics
from hf_relation.baselines.word_pieces import word_piece_vectors


__all__ = [
    "RelationalSiameseNetwork",
    "entity_type_relations",
    "louvain_communities",
    "relation_topics",
    "reweighted_features",
    "rw_hac",
    "word_piece_vectors",
]
