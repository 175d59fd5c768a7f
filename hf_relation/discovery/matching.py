"""Finding the relations of an inventory that discovered relations are: by meaning and by words."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.clustering.rows import check_matrix
from hf_relation.discovery.inventory import RelationInventory
from hf_relation.discovery.relation_texts import members_of
from hf_relation.discovery.word_overlap import word_overlap
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.relation import DiscoveredRelation

Encode = Callable[[Sequence[str]], np.ndarray]
_MAX_CHARACTERS = 1_000  # of a text that is encoded, so that a megabyte of text stays cheap
DIGITS = 7  # beyond them, scores depend on the batches of the encoder
_NUM_KEYWORDS = 5  # that are encoded; all are compared as words


@dataclass(frozen=True)
class NameCandidate:
    """One relation of an inventory, as a name for a discovered one.

    Args:
        name (`str`): its name.
        score (`float`): in [0, 1]; over the whole inventory the scores of a relation add up to 1.
        id (`str`, *optional*): its id in the inventory.
        description (`str`, defaults to `""`): what it means.
    """

    name: str
    score: float
    id: str | None = None
    description: str = ""


@dataclass(frozen=True)
class MatchWeights:
    """How much each part counts. The defaults were chosen on FewRel's known relations; see `examples/benchmarks/relation_names.py`.

    Args:
        context, tail, keywords, patterns, words (`float`): 0 or more, each the weight of a part, see [`InventoryMatcher`].
        description (`float`): what likeness to name and description together counts beside likeness to the name alone.
        contrast (`float`): 0 or more: how firmly what all relations have in common is taken away. Of `r` relations, the share
            `r / (r + 1 / contrast)` of their mean; 0 takes nothing.
        sharpness (`float`): above 0: the higher, the nearer to 1 is the score of the best candidate. It changes no order.
    """

    context: float = 1.0
    tail: float = 1.0
    keywords: float = 0.0
    patterns: float = 0.6
    words: float = 0.12
    description: float = 0.5
    contrast: float = 1.0
    sharpness: float = 5.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not np.isfinite(value) or value < 0 or (name == "sharpness" and value == 0):
                raise UsageError(
                    f"`{name}` must be a finite number of at least 0 (`sharpness`: above 0), got {value!r}."
                )


class InventoryMatcher:
    """Compare discovered relations with those of an inventory, whose texts are encoded once.

    A relation is compared in five ways: by the texts from its first to its second mention (`context`; mentions included,
    the mean of their vectors), by the mentions that are its tails (`tail`; a property is often named after what it leads to),
    by its first five keywords, by its patterns (all these as vectors of a sentence encoder), and by its
    keywords as words (`words`, see [`~hf_relation.discovery.word_overlap.word_overlap`]). From the vectors of relations the mean of all
    relations is taken away, from those of the inventory the mean of the inventory, so that what is like everything wins nothing. Each
    part is compared with names (with aliases, the likest one counts) and with names and descriptions together; the weighted sum becomes scores by a
    softmax.

    Args:
        inventory ([`RelationInventory`]): names and descriptions.
        encoder (`str`, path or callable, *optional*): a folder or Hub id of a sentence encoder, see
            [`~hf_relation.embedding.TextEncoder`]; or a function from a list of texts to an array `(n, d)`, such as the `encode` method of
            a `SentenceTransformer`. The default is all-MiniLM-L6-v2, the base of the shipped checkpoint.
        weights ([`MatchWeights`], *optional*): other weights.

    Raises:
        UsageError: not an inventory.
        CheckpointError: the encoder cannot be had.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import DiscoveredRelation, InventoryMatcher, RelationInventory
    >>> def encode(texts):  # a toy: one dimension for each of four words
    ...     return np.array([[float(word in text) for word in ("born", "birth", "wife", "spouse")] for text in texts])
    >>> matcher = InventoryMatcher(RelationInventory(["place of birth", "spouse"]), encode)
    >>> relation = DiscoveredRelation(0, "married", ["spouse", "wife"], 2, 1.0)
    >>> [candidate.name for candidate in matcher.candidates([relation])[0]]
    ['spouse', 'place of birth']

    ```

    Reference:
        The method is our own; taking away the mean goes back to Mu and Viswanath, "All-but-the-Top: Simple and Effective
        Postprocessing for Word Representations", ICLR 2018.
    """

    def __init__(
        self,
        inventory: RelationInventory,
        encoder: str | os.PathLike[str] | Encode | None = None,
        *,
        weights: MatchWeights | None = None,
    ) -> None:
        if not isinstance(inventory, RelationInventory):
            raise UsageError(f"`inventory` must be a RelationInventory, got {type(inventory).__name__}.")
        self.inventory = inventory
        self.weights = MatchWeights() if weights is None else weights
        if encoder is None or isinstance(encoder, (str, os.PathLike)):
            from hf_relation.embedding.texts import TextEncoder  # imports torch

            encoder = TextEncoder.from_pretrained(encoder)
        self._encoder: Encode = encoder
        self._forms = [(entry.name, *entry.aliases) for entry in inventory]
        self._described = [
            f"{entry.name}: {entry.description}" if entry.description else entry.name for entry in inventory
        ]
        self._vectors: tuple[np.ndarray, np.ndarray] | None = None

    def candidates(
        self,
        relations: Sequence[DiscoveredRelation],
        *,
        instances: Sequence[Mapping[str, Any]] | None = None,
        labels: np.ndarray | Sequence[int] | None = None,
        top: int = 5,
    ) -> list[list[NameCandidate]]:
        """The likest relations of the inventory, for each discovered relation.

        Args:
            relations (`Sequence[DiscoveredRelation]`): all relations of a result: what they share is taken away.
            instances (`Sequence[Mapping]`, *optional*): the result's instances, of which 100 a relation are read, chosen by their ids
                alone; without them the examples of the relations.
            labels (`np.ndarray` of shape `(n,)`, *optional*): the relation id of each instance.
            top (`int`, defaults to 5): how many candidates, at least 1; fewer where the inventory has fewer.

        Returns:
            `list[list[NameCandidate]]`: one list a relation, best first; of equal ones the first in the inventory.

        Raises:
            UsageError: `top` below 1, or instances that do not fit the labels.
        """
        return self.ranked(self.scores(relations, instances=instances, labels=labels), top)

    def ranked(self, scores: np.ndarray, top: int = 5) -> list[list[NameCandidate]]:
        """The best candidates by scores.

        Args:
            scores (`np.ndarray` of shape `(relations, len(inventory))`): as from [`scores`].
            top (`int`, defaults to 5): how many, at least 1.

        Returns:
            `list[list[NameCandidate]]`: as from [`candidates`].

        Raises:
            UsageError: `top` below 1.
        """
        if isinstance(top, bool) or not isinstance(top, (int, np.integer)) or top < 1:
            raise UsageError(f"`top` must be a whole number of at least 1, got {top!r}.")
        found = []
        for row in scores:
            best = np.argsort(-row.round(DIGITS), kind="stable")[:top].tolist()
            entries = [(self.inventory[column], float(row[column])) for column in best]
            found.append([NameCandidate(entry.name, score, entry.id, entry.description) for entry, score in entries])
        return found

    def scores(
        self,
        relations: Sequence[DiscoveredRelation],
        *,
        instances: Sequence[Mapping[str, Any]] | None = None,
        labels: np.ndarray | Sequence[int] | None = None,
    ) -> np.ndarray:
        """The score of every relation of the inventory, for each discovered relation.

        Args:
            relations, instances, labels: as for [`candidates`].

        Returns:
            `np.ndarray` of shape `(relations, len(inventory))`, float64: in [0, 1], rows add up to 1.
        """
        members = members_of(relations, instances, labels)
        return combined(self.parts(relations, members), self.weights)

    def parts(
        self, relations: Sequence[DiscoveredRelation], members: Mapping[int, Sequence[Mapping[str, str]]]
    ) -> dict[str, np.ndarray]:
        """What [`combined`] puts together: the likeness of every pair by each part, to the name and to the name with the description.

        Args:
            relations (`Sequence[DiscoveredRelation]`): as for [`candidates`].
            members (`Mapping[int, Sequence[Mapping]]`): `context` and `tail` of instances by relation id, see
                [`~hf_relation.discovery.relation_texts.members_of`].

        Returns:
            `dict[str, np.ndarray]`: arrays of shape `(2, relations, len(inventory))` by the names of the weights.
        """
        names, descriptions = self._inventory_vectors()
        texts = {
            "context": [[row["context"] for row in members[relation.id]] for relation in relations],
            "tail": [[row["tail"] for row in members[relation.id]] for relation in relations],
            "keywords": [[", ".join(relation.keywords[:_NUM_KEYWORDS])] for relation in relations],
            "patterns": [[pattern.pattern for pattern in relation.patterns] for relation in relations],
        }
        owners = np.repeat(np.arange(len(self._forms)), [len(forms) for forms in self._forms])
        starts = np.searchsorted(owners, np.arange(len(self._forms)))
        found = {}
        for part, groups in texts.items():
            rows = without_mean(self._means(groups, names.shape[1]), self.weights.contrast)
            to_names = np.maximum.reduceat(rows @ names.T, starts, axis=1)
            found[part] = np.stack([to_names, rows @ descriptions.T])
        keywords = [relation.keywords for relation in relations]
        to_forms = word_overlap(keywords, [form for forms in self._forms for form in forms])
        found["words"] = np.stack(
            [np.maximum.reduceat(to_forms, starts, axis=1), word_overlap(keywords, self._described)]
        )
        return found

    def _inventory_vectors(self) -> tuple[np.ndarray, np.ndarray]:
        if self._vectors is None:
            forms = self._encode([form for forms in self._forms for form in forms])
            starts = np.cumsum([0, *(len(forms) for forms in self._forms)])[:-1]
            descriptions = self._encode(self._described)
            self._vectors = unit(forms - forms[starts].mean(axis=0)), unit(descriptions - descriptions.mean(axis=0))
        return self._vectors

    def _means(self, groups: Sequence[Sequence[str]], width: int) -> np.ndarray:
        """The mean vector of each group of texts; zeros for one without texts."""
        distinct = sorted({text for group in groups for text in group if text})
        rows = self._encode(distinct) if distinct else np.zeros((0, width))
        at = {text: row for text, row in zip(distinct, rows, strict=True)}
        return (
            np.stack(
                [
                    np.mean([at[text] for text in group if text], axis=0) if any(group) else np.zeros(width)
                    for group in groups
                ]
            )
            if groups
            else np.zeros((0, width))
        )

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = check_matrix(self._encoder([text[:_MAX_CHARACTERS] for text in texts]), name="what the encoder returns")
        if len(rows) != len(texts):
            raise UsageError(
                f"The encoder returned {len(rows)} rows for {len(texts)} texts; it must return one for each."
            )
        return unit(rows.astype(np.float64))


def combined(parts: Mapping[str, np.ndarray], weights: MatchWeights) -> np.ndarray:
    """Put likenesses together.

    Args:
        parts (`Mapping[str, np.ndarray]`): as from [`InventoryMatcher.parts`].
        weights ([`MatchWeights`]): what each counts.

    Returns:
        `np.ndarray` of shape `(relations, entries)`: scores in [0, 1], rows add up to 1.
    """
    total = sum(
        getattr(weights, part) * (to_name + weights.description * to_description)
        for part, (to_name, to_description) in parts.items()
    )
    logits = weights.sharpness * np.asarray(total)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return exponents / exponents.sum(axis=1, keepdims=True)


def without_mean(rows: np.ndarray, contrast: float) -> np.ndarray:
    """Take away what rows have in common, less of it where there are few rows; then to length one.

    Args:
        rows (`np.ndarray` of shape `(n, d)`): rows of zeros stay zeros and do not count.
        contrast (`float`): see [`MatchWeights`].

    Returns:
        `np.ndarray` of shape `(n, d)`.
    """
    present = np.any(rows != 0, axis=1)
    count = int(present.sum())
    if not count or not contrast:
        return unit(rows)
    share = count / (count + 1.0 / contrast)
    return unit(np.where(present[:, None], rows - share * rows[present].mean(axis=0), 0.0))


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length one; rows that are (next to) nothing become zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-6)
