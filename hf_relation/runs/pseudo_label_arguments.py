"""How a run pre-trains and makes pseudo labels, as options."""

from __future__ import annotations

from dataclasses import dataclass, field

from hf_relation.training import PseudoLabelRules


@dataclass
class PseudoLabelArguments:
    """Options of [`~hf_relation.training.PseudoLabels`]; the help of every field says what it is.

    Example:

    ```python
    >>> from hf_relation.runs.pseudo_label_arguments import PseudoLabelArguments, pseudo_label_rules
    >>> pseudo_label_rules(PseudoLabelArguments(pseudo_keep=0.6)).keep
    0.6

    ```
    """

    pretraining_epochs: int = field(
        default=0, metadata={"help": "the first so many epochs are of the reconstruction alone, through the encoder"}
    )
    fixed_pretraining_epochs: int = field(
        default=20,
        metadata={
            "help": "before the first epoch, passes of the autoencoder over representations that are computed once: what "
            "--pretraining_epochs do, in seconds"
        },
    )
    pretraining_learning_rate: float = field(default=1e-3, metadata={"help": "of --fixed_pretraining_epochs"})
    pretraining_batch_size: int = field(default=100, metadata={"help": "of --fixed_pretraining_epochs"})
    pseudo_space: str = field(
        default="latent",
        metadata={
            "choices": ["latent", "pooled", "embedding"],
            "help": "what is clustered: g(h), the pair representation h, or the embeddings of length one",
        },
    )
    pseudo_source: str = field(
        default="kmeans",
        metadata={
            "choices": ["kmeans", "head"],
            "help": "where pseudo labels come from: clusters, or (after the first epoch with those) the novel classifier",
        },
    )
    pseudo_keep: float = field(
        default=1.0, metadata={"help": "share of every cluster, the surest rows, that keep their pseudo label"}
    )
    pseudo_balance: str = field(
        default="none",
        metadata={
            "choices": ["none", "sinkhorn"],
            "help": "sinkhorn: clusters of the same size, for novel relations of similar frequency (FewRel); in the place of "
            "k-means",
        },
    )
    pseudo_temperature: float = field(
        default=0.1, metadata={"help": "of --pseudo_balance, in units of squared distance: higher is softer"}
    )
    pseudo_smoothing: int = field(
        default=0,
        metadata={"help": "before clustering, draw rows half way to the mean of so many nearest neighbours; 0: not"},
    )
    pseudo_neighbors: int = field(
        default=0, metadata={"help": "relabel rows by the majority of so many nearest neighbours; 0: not"}
    )
    pseudo_min_agreement: float = field(
        default=0.0, metadata={"help": "drop pseudo labels that fewer of these neighbours have, a share"}
    )
    pseudo_whitening: bool = field(
        default=False,
        metadata={"help": "cluster after a within-class whitening fitted on known relations and the clusters before"},
    )
    pseudo_shrinkage: float = field(default=0.8, metadata={"help": "shrinkage of that whitening, in [0, 1]"})
    pseudo_pca: int | None = field(default=None, metadata={"help": "cluster after so many principal components"})
    pseudo_n_init: int = field(default=10, metadata={"help": "restarts of that k-means"})
    pseudo_averaged: bool = field(
        default=False, metadata={"help": "make pseudo labels with the averaged weights (--ema_decay)"}
    )
    start_classifiers: bool = field(
        default=False,
        metadata={
            "help": "start the classifiers at the first clusters and at the known relations, not at random; from random "
            "weights the pairwise loss takes long to begin where representations are short (--normalize_blocks)"
        },
    )
    sharpness: float = field(default=10.0, metadata={"help": "of these classifiers: the logit of a cosine of 1"})
    initializer_range: float = field(
        default=0.02, metadata={"help": "standard deviation of classifiers that start at random"}
    )
    centroid_rows: int | None = field(
        default=None,
        metadata={"help": "instances of a known relation whose mean is its centroid, at most; default: all"},
    )


def pseudo_label_rules(script: PseudoLabelArguments, seed: int = 0) -> PseudoLabelRules:
    """How the run makes pseudo labels.

    Args:
        script ([`PseudoLabelArguments`]): the options.
        seed (`int`, defaults to 0): of k-means.

    Returns:
        [`~hf_relation.training.PseudoLabelRules`].

    Raises:
        UsageError: a value out of range.
    """
    return PseudoLabelRules(
        space=script.pseudo_space,  # type: ignore[arg-type]
        label_source=script.pseudo_source,  # type: ignore[arg-type]
        keep=script.pseudo_keep,
        balance=script.pseudo_balance,  # type: ignore[arg-type]
        temperature=script.pseudo_temperature,
        smoothing=script.pseudo_smoothing,
        neighbors=script.pseudo_neighbors,
        min_agreement=script.pseudo_min_agreement,
        whitening=script.pseudo_whitening,
        shrinkage=script.pseudo_shrinkage,
        pca_components=script.pseudo_pca,
        n_init=script.pseudo_n_init,
        seed=seed,
    )
