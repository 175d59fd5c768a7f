"""Settings of RoCORE."""

# No `from __future__ import annotations` here: `strict` checks types, and cannot read those that are strings.

from dataclasses import field
from typing import ClassVar

from huggingface_hub.dataclasses import strict

from hf_relation.errors import UsageError
from hf_relation.losses.pairwise_kl import PAIRS
from hf_relation.losses.reconstruction import REDUCTIONS
from hf_relation.models.mapping import ACTIVATIONS
from hf_relation.models.pair_config import PairEncoderConfig, check_choice, check_number, check_size


EMBEDDINGS = ("latent", "pooled")
NOVEL_LOSSES = ("pairwise", "unified")
AUTOENCODER_ROUTES = ("autoencoder", "all")
# The paper pools the states after the eighth of BERT-base's twelve layers.
PAPER_LAYER = 8


def _default_pooling() -> list[str]:
    return ["head_max", "tail_max"]


def _default_autoencoder() -> list[int]:
    return [512, 512, 256]


@strict
class RoCOREConfig(PairEncoderConfig):
    r"""Settings of [`RoCOREModel`]; the defaults are the paper's for FewRel.

    Args:
        backbone_config (`dict` or `PreTrainedConfig`, *optional*): the encoder's settings with its `model_type`;
            untrusted, see [`~hf_relation.models.backbone.build_backbone_config`]. Default: BERT-base.
        pooling (`list[str]`, defaults to `["head_max", "tail_max"]`): what of the token states makes a pair
            representation h, in this order; names in `hf_relation.models.encoder.POOLING_BLOCKS`.
        normalize_blocks (`bool`, defaults to `False`): scale every block to unit length before joining them.
        layer (`int`, *optional*): which hidden states are pooled, counted as in `hidden_states`: 0 the embeddings, r the
            states after layer number r, -1 the last. `None`: 8, or the last layer of an encoder with fewer.
        autoencoder_dims (`list[int]`, defaults to `[512, 512, 256]`): widths of g after its input; d mirrors them.
        activation (`str`, defaults to `"relu"`): between the layers of g and d: `"relu"`, or `"leaky_relu"` as in the
            authors' code. The last layers of g and d have none.
        num_known_relations (`int`, defaults to 64): classes of `labels`.
        num_novel_relations (`int`, defaults to 16): classes of the novel classifier, the k of k-means.
        novel_loss (`str`, defaults to `"pairwise"`): what pseudo labels are learned by: `"pairwise"`, the paper's; or
            `"unified"`: one softmax over the logits of both classifiers, and in it the cross-entropy of known and of pseudo
            labels (Fini et al., "UNO", ICCV 2021). Not with `incremental`.
        reconstruction_weight (`float`, defaults to 1.0): weight of the reconstruction loss.
        reconstruction_reduction (`str`, defaults to `"paper"`): `"paper"`, or `"mean_all"` as in the authors' code, beside
            which the same `center_weight` counts more, see [`~hf_relation.losses.reconstruction_loss`].
        center_weight (`float`, defaults to 0.005): weight lambda of the centre loss; 0.001 for TACRED.
        sigma (`float`, defaults to 2.0): margin of the pairwise loss, above 0.
        pairs (`str`, defaults to `"all"`): what the pairwise loss is a mean over, `"all"` or `"distinct"`.
        use_reconstruction, use_center, use_pairwise, use_cross_entropy (`bool`, default `True`): the paper's ablations
            leave out one of them each; `use_pairwise` is of the loss on pseudo labels, whichever it is.
        autoencoder_route (`str`, defaults to `"autoencoder"`): what reconstruction and centre loss train: g and d alone, as
            in algorithm 1, or `"all"`, the encoder too. With `"all"` the encoder may shrink h to lower the reconstruction
            loss.
        incremental (`bool`, defaults to `False`): the known classifier covers known and novel relations, section 3.5.2.
        rampup_maximum (`float`, defaults to 1.0): mu0 of the incremental term.
        rampup_length (`float`, defaults to 10): T of the incremental term, in epochs.
        label_smoothing (`float`, defaults to 0.0): of the cross-entropy over known relations, and of that over pseudo labels,
            below 1; not in the paper.
        embedding (`str`, defaults to `"latent"`): what `embeddings` are: `"latent"` g(h), which the paper clusters, or
            `"pooled"` h.
        initializer_range (`float`, defaults to 0.02): standard deviation of new weights of the classifiers; g and d start
            as [`~hf_relation.models.mapping.MappingLinear`] says.

    Raises:
        UsageError: an unknown name, or a value out of range.

    Example:

    ```python
    >>> from hf_relation.models.rocore.configuration_rocore import RoCOREConfig
    >>> config = RoCOREConfig(backbone_config={"model_type": "bert", "num_hidden_layers": 6}, num_novel_relations=10)
    >>> config.pooled_layer, config.pooled_dim, config.embedding_dim
    (6, 1536, 256)

    ```

    Reference: Zhao et al., "A Relation-Oriented Clustering Method for Open Relation Extraction", EMNLP 2021, table 1.
    """

    model_type = "rocore"
    method: ClassVar[str] = "RoCORE"
    keys_to_ignore_at_inference = [
        "last_hidden_state",
        "known_logits",
        "novel_logits",
        "reconstruction_loss",
        "center_loss",
        "pairwise_loss",
        "pseudo_label_loss",
        "cross_entropy_loss",
        "incremental_loss",
    ]

    pooling: list[str] = field(default_factory=_default_pooling)
    layer: int | None = None
    autoencoder_dims: list[int] = field(default_factory=_default_autoencoder)
    activation: str = "relu"
    num_known_relations: int = 64
    num_novel_relations: int = 16
    novel_loss: str = "pairwise"
    reconstruction_weight: float | int = 1.0
    reconstruction_reduction: str = "paper"
    center_weight: float | int = 0.005
    sigma: float | int = 2.0
    pairs: str = "all"
    use_reconstruction: bool = True
    use_center: bool = True
    use_pairwise: bool = True
    use_cross_entropy: bool = True
    autoencoder_route: str = "autoencoder"
    incremental: bool = False
    rampup_maximum: float | int = 1.0
    rampup_length: float | int = 10.0
    label_smoothing: float | int = 0.0
    embedding: str = "latent"

    def _check_settings(self) -> None:
        self._check_layer(self.pooled_layer)
        if not self.autoencoder_dims:
            raise UsageError("`autoencoder_dims` must list at least one width, got [].")
        for place, width in enumerate(self.autoencoder_dims):
            check_size(f"autoencoder_dims[{place}]", width)
        check_size("num_known_relations", self.num_known_relations)
        check_size("num_novel_relations", self.num_novel_relations)
        for name in ("reconstruction_weight", "center_weight", "rampup_maximum", "rampup_length"):
            check_number(name, getattr(self, name))
        check_number("sigma", self.sigma, above=True)
        check_number("label_smoothing", self.label_smoothing, most=0.999)
        check_choice("activation", self.activation, tuple(ACTIVATIONS))
        check_choice("reconstruction_reduction", self.reconstruction_reduction, REDUCTIONS)
        check_choice("pairs", self.pairs, PAIRS)
        check_choice("autoencoder_route", self.autoencoder_route, AUTOENCODER_ROUTES)
        check_choice("embedding", self.embedding, EMBEDDINGS)
        check_choice("novel_loss", self.novel_loss, NOVEL_LOSSES)
        if self.incremental and self.novel_loss == "unified":
            raise UsageError(
                '`novel_loss` "unified" has one softmax over known and novel relations, and so has `incremental`. Choose one.'
            )

    @property
    def pooled_layer(self) -> int:
        """The layer that is pooled: `layer`, or the paper's where that is `None`."""
        return min(PAPER_LAYER, self.depth) if self.layer is None else self.layer

    @property
    def latent_dim(self) -> int:
        """Width of g(h)."""
        return self.autoencoder_dims[-1]

    @property
    def embedding_dim(self) -> int:
        """Width of the rows of `RoCOREOutput.embeddings`."""
        return self.latent_dim if self.embedding == "latent" else self.pooled_dim
