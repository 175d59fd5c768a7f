"""What a card says of the method that a checkpoint was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


_GROUPS = "it gives each sentence with two marked mentions a vector, such that sentences with the same relation lie close together"


@dataclass(frozen=True)
class MethodText:
    """Sentences about a method; they hold no string from data.

    Args:
        name (`str`): as in `results["method"]`.
        about (`str`): what the model is, for the top of the card.
        learned_from (`str`): its supervision in a few words, for tables.
        supervision (`str`): the same in sentences.
        origin (`str`): the limit that follows from it.
        tags (`tuple[str, ...]`): tags of the Hub.
        model_type (`str`): the family, as in `config.json`.
    """

    name: str
    about: str
    learned_from: str
    supervision: str
    origin: str
    tags: tuple[str, ...]
    model_type: str


_OF_KNOWN = (
    "It learned from the relations listed below. The further a corpus is from them (other domains, other annotation schemes, "
    "other languages), the less they help; compare with an untrained encoder on a sample of yours first."
)

METHODS = {
    text.name: text
    for text in (
        MethodText(
            "MORE",
            f"A pair encoder (MORE) for open relation discovery: {_GROUPS}, also for relations that it has not seen. Clustering "
            "the vectors discovers the relations of a corpus.",
            "known relations",
            "Labelled instances of the known relations. Nothing of the novel relations was trained on.",
            _OF_KNOWN,
            ("metric-learning",),
            "more",
        ),
        MethodText(
            "RoCORE",
            f"A pair encoder (RoCORE) for open relation discovery: {_GROUPS}. It was trained on labelled instances of known "
            "relations together with unlabelled text of novel ones, which it clustered in every epoch to have pseudo labels. It "
            "holds a classifier of the novel relations it found, which is one way to use it; clustering its vectors is the other.",
            "known relations + unlabelled text of the novel ones",
            "Labelled instances of the known relations, and unlabelled text that mentions pairs of the novel ones (transductive: "
            "the model has seen text of the very relations that it is tested on, though neither their labels nor the test "
            "sentences). Their number was given.",
            _OF_KNOWN + " Its classifier of novel relations knows those of its unlabelled text alone.",
            ("semi-supervised-learning",),
            "rocore",
        ),
        MethodText(
            "Siamese-URE",
            f"A pair encoder (Siamese-URE) for open relation discovery: {_GROUPS}. It was trained without any label, on two views "
            "of every sentence and on its nearest neighbours. Clustering the vectors discovers the relations of a corpus.",
            "unlabelled text",
            "Unlabelled text alone; no label of any relation. Where the text is of the relations that it is tested on, the test "
            "sentences are not in it.",
            "It learned from unlabelled text of one corpus. The further another is from it, the less it helps; compare with an "
            "untrained encoder on a sample of yours first.",
            ("self-supervised-learning",),
            "siamese_ure",
        ),
    )
}

ON_GOLD = "The epoch was chosen with gold labels of the novel relations, which makes the figures optimistic."


def method_text(results: Mapping[str, Any]) -> MethodText:
    """Give the sentences about the method of a run.

    Args:
        results (`Mapping`): the content of its `results.json`; one without `"method"` is of MORE.

    Returns:
        [`MethodText`].

    Raises:
        KeyError: a method that there are no sentences about.

    Example:

    ```python
    >>> from hf_relation.cards.methods import method_text
    >>> method_text({"method": "Siamese-URE"}).learned_from
    'unlabelled text'

    ```
    """
    return METHODS[results.get("method", "MORE")]
