"""Clustering over embeddings: transforms, algorithms, the number of relations, stable ids. Numpy and scikit-learn only."""

from hf_relation.clustering.algorithms import ALGORITHMS, CHOOSES_NUMBER, cluster, make_clusterer
from hf_relation.clustering.labels import assign, canonical_labels, cluster_centers, cohesion
from hf_relation.clustering.whitening import WithinClassWhitening


__all__ = [
    "ALGORITHMS",
    "CHOOSES_NUMBER",
    "WithinClassWhitening",
    "assign",
    "canonical_labels",
    "cluster",
    "cluster_centers",
    "cohesion",
    "make_clusterer",
]
