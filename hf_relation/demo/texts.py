"""From plain texts and a list of names to instances, within the demo's limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hf_relation.data.entities import EntitySpan
from hf_relation.data.entity_dictionary import EntityDictionary
from hf_relation.data.schema import Instance
from hf_relation.discovery import TextReport, instances_from_texts
from hf_relation.errors import InvalidRowError, UsageError


_MAX_CHARACTERS = 1000  # of an instance, as elsewhere in the package


@dataclass(frozen=True)
class TextOptions:
    """How instances are made of texts and documents.

    Args:
        names (`Sequence`): pairs of a name and its type, or `None`; empty where all rows are documents or instances.
        window (`int`, defaults to 1): both mentions lie within so many sentences.
        both_directions (`bool`, defaults to `False`): make two instances of each pair.
        max_rows (`int`, defaults to 2000): most instances, and most mentions of names in one text.
        max_chars (`int`, defaults to 2000): most characters of an instance's text; longer ones are cut around the mentions.

    Example:

    ```python
    >>> from hf_relation.demo.texts import TextOptions
    >>> TextOptions([("Ada", "PERSON")]).window
    1

    ```
    """

    names: Sequence[Any] = ()
    window: int = 1
    both_directions: bool = False
    max_rows: int = 2000
    max_chars: int = 2000


def text_instances(rows: Sequence[Any], options: TextOptions) -> tuple[list[Instance], TextReport]:
    """Make instances, and stop at the first that is too many: pairs can be many more than texts.

    Args:
        rows (`Sequence`): texts, documents and instances, as for [`~hf_relation.discovery.read_discovery_rows`].
        options ([`TextOptions`]): how.

    Returns:
        `tuple[list[Instance], TextReport]`: at least one, and what became of the texts.

    Raises:
        UsageError: no pair, or more than allowed.
        InvalidRowError: a text with more mentions than allowed, with its position.

    Example:

    ```python
    >>> from hf_relation.demo.texts import TextOptions, text_instances
    >>> rows, report = text_instances(["Ada met Bob.", "It rained."], TextOptions([("Ada", None), ("Bob", None)]))
    >>> [row["text"] for row in rows], report.without_entities
    (['Ada met Bob.'], ['1'])

    ```
    """
    report = TextReport()
    source = _Names(options) if options.names else None
    made = instances_from_texts(
        rows,
        entities=source,
        window=options.window,
        both_directions=options.both_directions,
        max_characters=min(_MAX_CHARACTERS, options.max_chars),
        report=report,
    )
    instances = list(islice(made, options.max_rows + 1))
    if len(instances) > options.max_rows:
        raise UsageError(
            f"The texts hold more than {options.max_rows:,} pairs of entities, the most that this demo takes. Use fewer texts or "
            "names, or a smaller window, or the command `hf-relation discover`, which has no such limit."
        )
    if not instances and source and not report.mentions:
        raise UsageError(
            f"None of the {len(source.find):,} names stands in the texts. They are looked for as whole words, and upper and lower "
            "case are told apart."
        )
    if not instances:
        raise UsageError(report.why_nothing(window=options.window))
    return instances, report


class _Names:
    """The list of names as a source of entities, with a limit: pairs grow with the square of the mentions."""

    def __init__(self, options: TextOptions) -> None:
        self.find = EntityDictionary((name, kind) for name, kind in options.names)
        self.most = options.max_rows

    def __call__(self, texts: Sequence[str]) -> list[list[EntitySpan]]:
        found = self.find(texts)
        for text, spans in zip(texts, found, strict=True):
            if len(spans) > self.most:
                raise InvalidRowError(
                    f"the text that begins with {text[:40]!r} has {len(spans):,} mentions of names; this demo takes at most "
                    f"{self.most:,} in one text. Give it in parts, one a line."
                )
        return found
