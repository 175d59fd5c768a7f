"""Settings of Siamese-URE."""

# No `from __future__ import annotations` here: `strict` checks types, and cannot read those that are strings.

from typing import ClassVar

from huggingface_hub.dataclasses import strict

from hf_relation.errors import UsageError
from hf_relation.losses.scan import OVER_NEIGHBORS
from hf_relation.models.pair_config import PairEncoderConfig, check_choice, check_number, check_size


CLUSTER_LOSSES = ("scan", "neighbor_cosine")


@strict
class SiameseUREConfig(PairEncoderConfig):
    r"""Settings of [`SiameseUREModel`]; the defaults are the paper's.

    Args:
        backbone_config (`dict` or `PreTrainedConfig`, *optional*): the encoder's settings with its `model_type`;
            untrusted, see [`~hf_relation.models.backbone.build_backbone_config`]. Default: BERT-base. Its dropout, 0.1 in
            the paper, is all that tells the two views of a sentence apart; a model whose dropout is 0 learns nothing.
        pooling (`list[str]`, defaults to `["head_marker", "tail_marker"]`): what of the token states makes a pair
            representation h, in this order; names in `hf_relation.models.encoder.POOLING_BLOCKS`.
        normalize_blocks (`bool`, defaults to `False`): scale every block to unit length before joining them.
        layer (`int`, defaults to -1): which hidden states are pooled; -1 the last layer, 0 the embeddings.
        projector_dims (`list[int]`, *optional*): widths of the three layers of g; default three times that of h, as in the
            authors' code.
        predictor_dim (`int`, defaults to 512): width of the hidden layer of d; from the authors' code, the paper has none.
        use_projection (`bool`, defaults to `True`): `False` leaves out g and d, so that the views of h are compared
            directly (the paper's "w/o MLPs").
        num_clusters (`int`, defaults to 10): clusters of the clustering head, at least 2.
        use_clustering (`bool`, defaults to `True`): `False` leaves out the clustering loss.
        cluster_loss (`str`, defaults to `"scan"`): `"scan"`, the paper's equation 7, or `"neighbor_cosine"`, what the
            authors' code computes in its place from one neighbour (with weight 1).
        cluster_weight (`float`, defaults to 0.5): eta, the weight of the clustering loss.
        entropy_weight (`float`, defaults to 1.0): lambda, the weight of the entropy in it. The paper does not give it; SCAN
            has 5, with one neighbour at a time.
        over_neighbors (`str`, defaults to `"sum"`): `"sum"` over the neighbours as in equation 7, or their `"mean"`, which
            leaves the balance with the entropy independent of how many there are.
        initializer_range (`float`, defaults to 0.02): standard deviation of new weights of the clustering head; g and d
            start as [`~hf_relation.models.mapping.MappingLinear`] says.

    Raises:
        UsageError: an unknown name, or a value out of range.

    Example:

    ```python
    >>> from hf_relation.models.siamese_ure.configuration_siamese_ure import SiameseUREConfig
    >>> config = SiameseUREConfig(backbone_config={"model_type": "bert", "hidden_size": 48})
    >>> config.embedding_dim, config.output_dim, config.uncollapsed_std
    (96, 96, 0.10206207261596575)

    ```

    Reference: Zhang and Chen, "Siamese Representation Learning for Unsupervised Relation Extraction", ECAI 2023, table 1.
    """

    model_type = "siamese_ure"
    method: ClassVar[str] = "Siamese-URE"
    keys_to_ignore_at_inference = [
        "last_hidden_state",
        "cluster_logits",
        "representation_loss",
        "cluster_loss",
        "consistency",
        "entropy",
        "output_std",
    ]

    layer: int = -1
    projector_dims: list[int] | None = None
    predictor_dim: int = 512
    use_projection: bool = True
    num_clusters: int = 10
    use_clustering: bool = True
    cluster_loss: str = "scan"
    cluster_weight: float | int = 0.5
    entropy_weight: float | int = 1.0
    over_neighbors: str = "sum"

    def _check_settings(self) -> None:
        self._check_layer(self.layer)
        if self.projector_dims is not None:
            if len(self.projector_dims) != 3:
                raise UsageError(f"`projector_dims` must list the widths of three layers, got {self.projector_dims}.")
            for place, width in enumerate(self.projector_dims):
                check_size(f"projector_dims[{place}]", width)
        check_size("predictor_dim", self.predictor_dim)
        check_size("num_clusters", self.num_clusters, least=2)
        check_number("cluster_weight", self.cluster_weight)
        check_number("entropy_weight", self.entropy_weight)
        check_choice("cluster_loss", self.cluster_loss, CLUSTER_LOSSES)
        check_choice("over_neighbors", self.over_neighbors, OVER_NEIGHBORS)

    @property
    def embedding_dim(self) -> int:
        """Width of the rows of `SiameseUREOutput.embeddings`, that of h."""
        return self.pooled_dim

    @property
    def output_dim(self) -> int:
        """Width of what the views are compared in: of g(h), or of h without the mappings."""
        if not self.use_projection or self.projector_dims is None:
            return self.pooled_dim
        return self.projector_dims[-1]

    @property
    def uncollapsed_std(self) -> float:
        """What `SiameseUREOutput.output_std` is about where outputs point everywhere; it is 0 after a collapse."""
        return float(self.output_dim**-0.5)
