"""Relations that say the same in both directions: declared once, merged to one triple, proposed from gold labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hf_relation.data.schema import Document
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction._inputs import check_keys


class ScoredTriple(NamedTuple):
    """One predicted triple.

    Args:
        head (`int`): an entity's position.
        relation (`str`): the relation's name.
        tail (`int`): another entity's position.
        score (`float`): higher is surer.
    """

    head: int
    relation: str
    tail: int
    score: float


class SymmetricRelations:
    """Relations with which `A -> B` and `B -> A` are one fact.

    Args:
        symmetric (`Iterable[str]`): relations that hold in both directions, such as "spouse".
        inverses (`Iterable[tuple[str, str]]`): pairs of relations that say the same in opposite directions, such as
            ("parent of", "child of"); the first is the one that is kept.

    Raises:
        UsageError: a relation is declared twice, or a pair is not two names.

    Example:

    ```python
    >>> from hf_relation.extraction import SymmetricRelations
    >>> symmetric = SymmetricRelations(["spouse"], inverses=[("parent of", "child of")])
    >>> found = [(1, "spouse", 0, 0.9), (0, "spouse", 1, 0.8), (0, "child of", 2, 0.7)]
    >>> for triple in symmetric.merge(found, positions=[0, 12, 30]):
    ...     print(*triple)
    0 spouse 1 0.9
    2 parent of 0 0.7

    ```
    """

    def __init__(self, symmetric: Iterable[str] = (), *, inverses: Iterable[Sequence[str]] = ()) -> None:
        if isinstance(symmetric, str) or isinstance(inverses, (str, Mapping)):
            raise UsageError("`symmetric` must be a list of names, and `inverses` a list of pairs of names.")
        self.symmetric = tuple(symmetric)
        pairs = list(inverses)
        if any(not isinstance(pair, (list, tuple)) or len(pair) != 2 for pair in pairs):
            raise UsageError(f"`inverses` must be pairs of relations, got {str(pairs)[:80]}.")
        self.inverses: tuple[tuple[str, str], ...] = tuple((kept, other) for kept, other in pairs)
        names = [*self.symmetric, *(name for pair in self.inverses for name in pair)]
        for name in names:
            if not isinstance(name, str):
                raise UsageError(f"A relation's name is a string, got {name!r}.")
            if names.count(name) > 1:
                raise UsageError(
                    f"The relation {name[:80]!r} is declared twice. Name it once: as symmetric, or in one pair of inverses "
                    "with another relation."
                )
        self._kept = {other: kept for kept, other in self.inverses}

    @property
    def relations(self) -> list[str]:
        """Every relation that is declared."""
        return [*self.symmetric, *(name for pair in self.inverses for name in pair)]

    def check(self, relations: Iterable[str]) -> None:
        """Refuse declarations of relations that do not exist.

        Args:
            relations (`Iterable[str]`): names of all relations, those of the model.

        Raises:
            UsageError: a declared relation is not among them.
        """
        known = list(relations)
        unknown = [name for name in self.relations if name not in known]
        if unknown:
            shown = ", ".join(map(repr, known[:20])) + (", ..." if len(known) > 20 else "")
            raise UsageError(f"{unknown[0][:80]!r} is declared symmetric, but is no relation. There are {shown}.")

    def merge(
        self, triples: Iterable[tuple[int, str, int, float]], positions: Sequence[Any] | None = None
    ) -> list[ScoredTriple]:
        """Make one triple of every fact.

        A symmetric relation goes from the entity that comes first in the text; the second of two inverse relations becomes
        the first, in the other direction. Of triples that are then equal, the best score is kept; this also holds for
        relations that are not declared. Merging twice changes nothing.

        Args:
            triples (`Iterable[tuple[int, str, int, float]]`): head, relation, tail and score.
            positions (`Sequence`, *optional*): where each entity is in the text, for instance the offset of its first
                mention or (start, end); by default entities are numbered in the order of the text. Of equal positions the
                lower number is first.

        Returns:
            `list[ScoredTriple]`: in the order in which the facts first occur.

        Raises:
            InvalidRowError: an entity has no position; `.index` is the triple's.
        """
        best: dict[tuple[int, str, int], float] = {}
        for index, (head, relation, tail, score) in enumerate(triples):
            if relation in self._kept:
                head, relation, tail = tail, self._kept[relation], head
            elif relation in self.symmetric:
                if positions is not None and not 0 <= min(head, tail) <= max(head, tail) < len(positions):
                    raise InvalidRowError(
                        f"the triple joins the entities {head} and {tail}, and there are {len(positions)} positions.",
                        index=index,
                    )
                places = [(0 if positions is None else positions[entity], entity) for entity in (head, tail)]
                head, tail = (entity for _, entity in sorted(places))
            key = (head, relation, tail)
            best[key] = max(score, best.get(key, score))
        return [ScoredTriple(*key, score) for key, score in best.items()]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON: `symmetric` and `inverses`."""
        return {"symmetric": list(self.symmetric), "inverses": [list(pair) for pair in self.inverses]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> SymmetricRelations:
        """Make declarations from what `to_dict` gave. The content is checked: it may come from anywhere.

        Args:
            content (`Mapping`): parsed JSON.

        Returns:
            [`SymmetricRelations`].

        Raises:
            UsageError: the content is damaged.
        """
        checked = check_keys(content, ("symmetric", "inverses"), "Stored symmetric relations")
        if not all(isinstance(value, list) for value in checked.values()):
            raise UsageError("Stored symmetric relations: `symmetric` and `inverses` must be lists.")
        return cls(checked["symmetric"], inverses=checked["inverses"])


class SymmetryProposal(NamedTuple):
    """A relation whose gold labels mostly come in both directions.

    Args:
        relation (`str`): its name.
        share (`float`): share of its labels whose other direction has it too, 0 to 1.
        num_labels (`int`): its labels.
    """

    relation: str
    share: float
    num_labels: int


def find_symmetric(
    documents: Iterable[Document], *, min_share: float = 0.8, min_count: int = 10
) -> list[SymmetryProposal]:
    """Propose relations to declare symmetric, from gold labels.

    A corpus that labels one direction only has a share of 0 for a relation that is symmetric; such relations have to be
    known.

    Args:
        documents (`Iterable[Document]`): labelled, in normal form. A label given twice counts once; an entity related to
            itself does not count.
        min_share (`float`, defaults to 0.8): share of the labels that come in both directions, above 0, at most 1.
        min_count (`int`, defaults to 10): labels that the relation has at least.

    Returns:
        `list[SymmetryProposal]`: largest share first, then by name.

    Raises:
        UsageError: a setting is not allowed.

    Example:

    ```python
    >>> from hf_relation.extraction import find_symmetric
    >>> labels = [(0, 1, "spouse"), (1, 0, "spouse"), (0, 1, "parent of")]
    >>> document = {"relations": [{"head": head, "tail": tail, "label": label} for head, tail, label in labels]}
    >>> find_symmetric([document], min_count=1)
    [SymmetryProposal(relation='spouse', share=1.0, num_labels=2)]

    ```
    """
    if not 0 < min_share <= 1 or min_count < 1:
        raise UsageError(
            f"`min_share` must be above 0, at most 1, and `min_count` at least 1, got {min_share} and {min_count}."
        )
    total: Counter[str] = Counter()
    both: Counter[str] = Counter()
    for document in documents:
        labels = {(pair["head"], pair["tail"], pair["label"]) for pair in document["relations"]}
        for head, tail, label in labels:
            if head != tail:
                total[label] += 1
                both[label] += (tail, head, label) in labels
    proposals = [SymmetryProposal(name, both[name] / count, count) for name, count in total.items()]
    kept = [proposal for proposal in proposals if proposal.share >= min_share and proposal.num_labels >= min_count]
    return sorted(kept, key=lambda proposal: (-proposal.share, proposal.relation))
