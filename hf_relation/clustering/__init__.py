"""Clustering over embeddings: transforms, algorithms, neighbours, the number of relations, stable ids.

Numpy and scikit-learn only.
"""

from hf_relation.clustering.adaptive import AdaptiveClustering
from hf_relation.clustering.algorithms import ALGORITHMS, CHOOSES_NUMBER, cluster, finds_number, make_clusterer
from hf_relation.clustering.balanced import BalancedKMeans
from hf_relation.clustering.bandwidth import estimate_bandwidth
from hf_relation.clustering.labels import assign, canonical_labels, cluster_centers, cohesion
from hf_relation.clustering.neighbors import nearest_neighbors, neighbor_accuracy
from hf_relation.clustering.num_relations import NumRelationsEstimate, estimate_num_relations
from hf_relation.clustering.principal_components import PrincipalComponents
from hf_relation.clustering.smoothing import NeighborSmoothing
from hf_relation.clustering.whitening import WithinClassWhitening


__all__ = [
    "ALGORITHMS",
    "CHOOSES_NUMBER",
    "AdaptiveClustering",
    "BalancedKMeans",
    "NeighborSmoothing",
    "NumRelationsEstimate",
    "PrincipalComponents",
    "WithinClassWhitening",
    "assign",
    "canonical_labels",
    "cluster",
    "cluster_centers",
    "cohesion",
    "estimate_bandwidth",
    "estimate_num_relations",
    "finds_number",
    "make_clusterer",
    "nearest_neighbors",
    "neighbor_accuracy",
]
