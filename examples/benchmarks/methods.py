"""The methods of the open relation discovery benchmark: one entry each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


ALL_STEPS = ("plain", "pca", "whitening", "whitening+pca")
ITS_OWN = "its own"  # of a method that gives labels, not embeddings
NOTHING, KNOWN = "none", "known relations"
UNLABELED = "unlabelled novel text"


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Args:
        name: for `--methods`.
        title: in the table.
        kind: `"frozen"`: an encoder as it is; `"baseline"`: of `hf_relation.baselines`; `"trained"`: by `hf_relation.runs`,
            with every seed; `"checkpoint"`: trained elsewhere.
        arguments: of `"frozen"`: settings of `MOREModel.from_backbone`; of `"baseline"`: `"function"` (a key of
            `baseline_rows.BASELINES`) and `"settings"`, its arguments; of `"trained"`: `"run"`, the module of
            `hf_relation.runs` (default: `more`), and `"options"`, as for its training script; of `"checkpoint"`: `"names"` of
            folders or shipped ones, one per training seed, and `"trained_on"`, the corpus whose known relations it learned
            from.
        supervision: what it learned from.
        steps: what may be done to the embeddings before clustering. Where there is a choice, the held-out known relations
            make it. A checkpoint has its own.
        encoder: as shown; by default the encoder's name and size.
        algorithm: how embeddings are clustered, where `--algorithm` does not say it.
    """

    name: str
    title: str
    kind: Literal["frozen", "baseline", "trained", "checkpoint"]
    arguments: Mapping[str, Any]
    supervision: str
    steps: tuple[str, ...] = ALL_STEPS
    encoder: str | None = None
    algorithm: str | None = None

    @property
    def run(self) -> str:
        """The module of `hf_relation.runs` that trains it."""
        return str(self.arguments.get("run", "more"))


def _frozen(*pooling: str) -> dict[str, Any]:
    return {"pooling": list(pooling), "normalize_blocks": True}


def _baseline(function: str, **settings: Any) -> dict[str, Any]:
    return {"function": function, "settings": settings}


BETWEEN = _frozen("head_mean", "tail_mean", "between_mean")

# The weights that cluster the held-out known relations best are kept. The words start from MiniLM's word-piece table, reduced
# to the 50 dimensions of the papers' word vectors.
_CNN = ["--encoder", "cnn", *"--word_embedding_dim 50 --max_steps 1000 --eval_steps 200 --save_steps 200".split()]
_CNN_NAME = "CNN on MiniLM's word pieces"

METHODS: tuple[Method, ...] = (
    Method("sentence", "frozen, sentence mean", "frozen", _frozen("sentence_mean"), NOTHING, ("plain",)),
    Method("mentions", "frozen, mention means", "frozen", _frozen("head_mean", "tail_mean"), NOTHING, ("plain",)),
    Method("between", "frozen, mentions + between", "frozen", BETWEEN, NOTHING, ("plain",)),
    Method("between-pca", "frozen, mentions + between, PCA", "frozen", BETWEEN, NOTHING, ("pca",)),
    Method(
        "adaptive",
        "frozen, adaptive clustering",
        "frozen",
        BETWEEN,
        NOTHING,
        ("plain",),
        algorithm="adaptive",
    ),
    Method(
        "whitening",
        "frozen, mentions + between, WCCN",
        "frozen",
        BETWEEN,
        f"{KNOWN} (closed form)",
        ("whitening", "whitening+pca"),
    ),
    Method("rw-hac", "RW-HAC", "baseline", _baseline("rw_hac"), NOTHING, (ITS_OWN,)),
    Method(
        "entity-types",
        "entity types",
        "baseline",
        _baseline("entity_types"),
        NOTHING,
        (ITS_OWN,),
        encoder="entity types",
    ),
    Method(
        "topics",
        "topics, in the manner of rel-LDA",
        "baseline",
        _baseline("topics"),
        NOTHING,
        (ITS_OWN,),
        encoder="counts of features",
    ),
    # The resolution clusters the held-out known relations better than 1.
    Method(
        "rsn",
        "RSN, supervised, frozen features",
        "baseline",
        _baseline("rsn", resolution=2.0),
        KNOWN,
        (ITS_OWN,),
    ),
    Method("more-cnn", "MORE, CNN", "trained", {"options": _CNN}, KNOWN, encoder=_CNN_NAME),
    Method(
        "more-cnn-mentions",
        "MORE, CNN, max + mentions + between",
        "trained",
        {"options": [*_CNN, "--pooling", "sentence_max", "head_mean", "tail_mean", "between_mean"]},
        KNOWN,
        encoder=_CNN_NAME,
    ),
    Method("more-minilm", "MORE, MiniLM", "trained", {"options": ["--preset", "minilm"]}, KNOWN),
    Method(
        "shipped",
        "shipped checkpoint",
        "checkpoint",
        {"names": ["more-minilm-fewrel"], "trained_on": "fewrel"},
        KNOWN,
    ),
    Method(
        "siamese-ure",
        "Siamese-URE, MiniLM",
        "trained",
        {"run": "siamese_ure", "options": ["--preset", "siamese-ure-minilm"]},
        UNLABELED,
        ("pca",),  # as in the preset
    ),
    Method(
        "rocore",
        "RoCORE, MiniLM",
        "trained",
        {"run": "rocore", "options": ["--preset", "rocore-minilm"]},
        f"{KNOWN} and {UNLABELED}",
        ("head",),  # as in the paper: what the novel classifier predicts
    ),
)


def find(names: list[str]) -> list[Method]:
    """The methods of these names, in the order of the list above; all of them for none."""
    return [method for method in METHODS if not names or method.name in names]
