"""What became of the texts that instances were made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from hf_relation.data.schema import Document
from hf_relation.data.text_pairs import TextPairs


_IDS_SHOWN = 5


@dataclass
class TextReport:
    """What became of the texts that instances were made of.

    Args:
        texts (`int`): texts and documents that were read.
        instances (`int`): rows that were instances already.
        mentions (`int`): mentions of entities in the texts.
        pairs (`int`): instances made of the texts.
        without_entities (`list[str]`): ids of texts without an entity.
        without_pairs (`list[str]`): ids of texts with entities, and without a pair.
        cut (`int`): instances whose text was cut to `max_characters`.
        too_far (`int`): pairs of neighbours in a window that were left out because they do not fit into `max_characters`.
        left_over (`int`): pairs left out because of `max_pairs_per_text`.
        types (`list[str]`): entity types that occurred.
        windowed (`int`): instances of which the model sees only the surroundings of the mentions, see
            [`~hf_relation.discovery.keep_what_fits`].
        unreadable (`list[str]`): ids of instances left out there: the model has no room, or no token, for their mentions.

    Example:

    ```python
    >>> from hf_relation.discovery import TextReport
    >>> TextReport(texts=3, mentions=4, pairs=2, without_entities=["7"]).lines()
    ['3 texts: 4 mentions of entities, 2 pairs.', '1 text without entities (ids: 7).']

    ```
    """

    texts: int = 0
    instances: int = 0
    mentions: int = 0
    pairs: int = 0
    without_entities: list[str] = field(default_factory=list)
    without_pairs: list[str] = field(default_factory=list)
    cut: int = 0
    too_far: int = 0
    left_over: int = 0
    types: list[str] = field(default_factory=list)
    windowed: int = 0
    unreadable: list[str] = field(default_factory=list)

    def add(self, document: Document, pairs: TextPairs) -> None:
        """Count one text.

        Args:
            document (`Document`): with its entities.
            pairs ([`~hf_relation.data.TextPairs`]): what was made of it.
        """
        self.texts += 1
        self.mentions += len(document["mentions"])
        self.pairs += len(pairs.instances)
        self.cut += pairs.cut
        self.too_far += pairs.too_far
        self.left_over += pairs.left_over
        if not document["entities"]:
            self.without_entities.append(document["id"])
        elif not pairs.instances:
            self.without_pairs.append(document["id"])
        new = {entity["type"] for entity in document["entities"] if entity["type"] is not None} - set(self.types)
        self.types = sorted({*self.types, *new}) if new else self.types

    def merge(self, other: TextReport) -> None:
        """Add what another report says of further texts.

        Args:
            other ([`TextReport`]): of other texts; it is not changed.

        Example:

        ```python
        >>> from hf_relation.discovery import TextReport
        >>> report = TextReport(texts=2, pairs=1, without_pairs=["1"], types=["PLACE"])
        >>> report.merge(TextReport(texts=1, without_pairs=["2"], types=["PERSON"]))
        >>> report.texts, report.pairs, report.without_pairs, report.types
        (3, 1, ['1', '2'], ['PERSON', 'PLACE'])

        ```
        """
        for name, value in other.to_dict().items():
            setattr(self, name, getattr(self, name) + value)
        self.types = sorted(set(self.types))

    def lines(self) -> list[str]:
        """`list[str]`: the counts in words, one sentence each; empty where no texts were read."""
        if not self.texts:
            return []
        found = [
            f"{_number(self.texts, 'text')}: {_number(self.mentions, 'mention')} of entities, {_number(self.pairs, 'pair')}."
        ]
        for ids, what in ((self.without_entities, "without entities"), (self.without_pairs, "without a pair")):
            if ids:
                found.append(f"{_number(len(ids), 'text')} {what} (ids: {_listed(ids)}).")
        if self.cut:
            found.append(f"{_number(self.cut, 'pair')} with a text cut to the characters around the mentions.")
        if self.too_far:
            found.append(
                f"At least {_number(self.too_far, 'pair')} left out: too many characters from mention to mention."
            )
        if self.left_over:
            found.append(f"{_number(self.left_over, 'pair')} left out: more than allowed for one text.")
        if self.windowed:
            found.append(
                f"{_number(self.windowed, 'pair')} longer than the model: it sees what is around the mentions."
            )
        if self.unreadable:
            found.append(
                f"{_number(len(self.unreadable), 'pair')} left out: the model cannot read the mentions (ids: "
                f"{_listed(self.unreadable)})."
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """`dict`: the fields, ready for JSON."""
        return asdict(self)

    def why_nothing(self, **options: Any) -> str:
        """Why no pair was found, and what to do.

        Args:
            **options: of [`instances_from_texts`], by name; `None` for those not given.

        Returns:
            `str`.
        """
        texts = _number(self.texts, "text")
        if not self.mentions:
            source = options.get("entities")
            if source is None:
                return f"The {texts} have no entities. Give `entities` to find some, or documents with entities."
            return f"No entity was found in {texts} by {_named(source)}. Is it made for this language and these texts?"
        given = {
            name: value
            for name, value in options.items()
            if value is not None and name not in ("entities", "sentences")
        }
        limits = ", ".join(f"{name}={value!r}" for name, value in given.items()) or "window=1"
        kinds = f" Their types: {', '.join(self.types[:20])}." if self.types else " They have no types."
        return (
            f"No pair of entities was found in {texts} with {_number(self.mentions, 'mention')} of entities ({limits}).{kinds} Two "
            "different entities must be mentioned in one window: raise `window` (--window), or loosen the other limits."
        )


def _listed(ids: list[str]) -> str:
    return ", ".join(ids[:_IDS_SHOWN]) + (", ..." if len(ids) > _IDS_SHOWN else "")


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _named(source: Any) -> str:
    if isinstance(source, str):
        return repr(source)
    model = getattr(getattr(source, "model", None), "name_or_path", None)
    return (
        f"{type(source).__name__} of {model}" if model else getattr(source, "__name__", None) or type(source).__name__
    )
