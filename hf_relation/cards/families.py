"""What a card says of each family of models, whatever a checkpoint was trained on."""

from __future__ import annotations

from dataclasses import dataclass


_PAIRS = (
    "It gives a sentence with two marked mentions a vector; sentences that state the same relation should lie close together, so "
    "that clustering the vectors discovers the relations of a corpus."
)
PAIR_LIMITS = (
    "It groups sentences by the relation between two marked mentions; it finds neither the mentions nor the wording of the "
    "relation. Wrong spans give wrong groups.",
    "Sentences that state no relation are grouped like all others.",
    "Groups repeat the gaps and biases of the texts that the model was trained on. Do not use clusters as statements about persons.",
)
EXTRACTION_LIMITS = (
    'It judges pairs of entities that it is given (or, with a tagger, finds); it does not resolve who is meant by "she".',
    "It knows the relations listed here and no others; what a text says in other words than the training texts it may miss.",
    "Relations between people and facts repeat the gaps and biases of the training text. Do not use triples as statements about "
    "persons without a look at the text.",
)
_CLASSIFIER_LIMITS = (
    'It judges pairs of entities that it is given, and finds none itself; it does not resolve who is meant by "she".',
    *EXTRACTION_LIMITS[1:],
)
_PRETRAINED_LIMITS = (
    "It is an encoder with vectors of entities and pairs: it names no relation until a classifier over it was trained with labels.",
    "It learned from labels of which many may be wrong; trusting those that are learned early is a guess about each of them.",
    "Vectors repeat the gaps and biases of the training texts and of the knowledge base that labelled them.",
)
_TASK_LIMITS = (
    "A head is good for texts like those it was trained on, and knows no label but its own.",
    "Predictions repeat the gaps and biases of the training texts.",
)
_ENCODER_LIMITS = (
    "It is an encoder alone: it gives states of tokens, no vector of a pair and no relation. A model over it does.",
    "It sees a token's nearest neighbours and the distances to the two mentions, nothing further away.",
)


@dataclass(frozen=True)
class Family:
    """Sentences about a family of models; they hold no string from data.

    Args:
        model_type (`str`): as in `config.json`.
        name (`str`): of the method.
        paper (`str`): where it was published.
        about (`str`): what a model of it is.
        tags (`tuple[str, ...]`): tags of the Hub.
        limits (`tuple[str, ...]`): what no model of it can do.
    """

    model_type: str
    name: str
    paper: str
    about: str
    tags: tuple[str, ...]
    limits: tuple[str, ...]


_DISCOVERY = ("open-relation-discovery", "relation-extraction", "clustering")

FAMILIES = {
    family.model_type: family
    for family in (
        Family(
            "more",
            "MORE",
            "Wang, Lou et al., ICASSP 2021",
            f"A pair encoder for open relation discovery. {_PAIRS}",
            (*_DISCOVERY, "metric-learning"),
            PAIR_LIMITS,
        ),
        Family(
            "rocore",
            "RoCORE",
            "Zhao et al., EMNLP 2021",
            f"A pair encoder for open relation discovery. {_PAIRS} It also holds a classifier of known relations and one of the novel "
            "relations that it was trained to find.",
            (*_DISCOVERY, "semi-supervised-learning"),
            (*PAIR_LIMITS, "Its classifier of novel relations knows those of its unlabelled training text alone."),
        ),
        Family(
            "siamese_ure",
            "Siamese-URE",
            "Zhang and Chen, ECAI 2023",
            f"A pair encoder for open relation discovery that learns without labels. {_PAIRS}",
            (*_DISCOVERY, "self-supervised-learning"),
            PAIR_LIMITS,
        ),
        Family(
            "kernel_re",
            "KernelRE",
            "Li and Tian, 2020",
            "For every pair of entities of a text, and every relation that it knows, it says how probable it is that the relation "
            "holds; several relations of one pair, and none, are possible.",
            ("relation-extraction", "kernel-re"),
            EXTRACTION_LIMITS,
        ),
        Family(
            "finecl",
            "FineCL",
            "Hogan, Li and Shang, EMNLP 2022",
            "An encoder of documents, pre-trained to tell relations and entities apart from labels of which many may be wrong: what a "
            "classifier learned early counts most. It gives every entity and every pair of entities a vector, and is there to be "
            "fine-tuned.",
            ("relation-extraction", "contrastive-learning", "finecl"),
            _PRETRAINED_LIMITS,
        ),
        Family(
            "pair_classification",
            "Pair classifier",
            "the fine-tuning of Hogan, Li and Shang, EMNLP 2022",
            "For every pair of entities of a sentence or document it says how probable each relation is that it knows, or that there "
            "is none.",
            ("relation-extraction", "pair-classification"),
            _CLASSIFIER_LIMITS,
        ),
        Family(
            "multitask",
            "Multi-task model",
            "Liu et al., ACL 2019 (MT-DNN)",
            "An encoder that several tasks share, with a linear head for each of them.",
            ("multi-task-learning", "mt-dnn"),
            _TASK_LIMITS,
        ),
        Family(
            "relation_cnn",
            "CNN encoder",
            "Wu et al., EMNLP 2019 (RSN); Wang, Lou et al., ICASSP 2021 (MORE)",
            "A convolution over word embeddings and the distances to the two mentions of a pair: the encoder of RSN and MORE, to put "
            "a pair encoder on.",
            ("relation-extraction", "cnn"),
            _ENCODER_LIMITS,
        ),
    )
}
FITTED_TAG = "discovered-relations"
ADAPTER_TAGS = ("lora", "relation-extraction")
OWN_TAGS = frozenset(tag for family in FAMILIES.values() for tag in family.tags) | {FITTED_TAG, *ADAPTER_TAGS}
