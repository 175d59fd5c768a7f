"""The words of an instance, told apart by where they stand to the two mentions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hf_relation.discovery.keywords import split_words


@dataclass(frozen=True)
class PairWords:
    """Lower-case words of a text in order, as [`~hf_relation.discovery.keywords.split_words`] splits it.

    Args:
        before (`list[str]`): in front of the first mention.
        head (`list[str]`), tail (`list[str]`): of the mentions.
        between (`list[str]`): between the mentions.
        after (`list[str]`): behind the second mention.
        head_first (`bool`): whether the head is the first mention.
    """

    before: list[str]
    head: list[str]
    between: list[str]
    tail: list[str]
    after: list[str]
    head_first: bool

    @classmethod
    def of(cls, instance: Mapping[str, Any]) -> PairWords:
        """Split the text of an instance.

        Args:
            instance (`Mapping`): one instance of the data contract, checked.

        Returns:
            [`PairWords`].

        Example:

        ```python
        >>> from hf_relation.baselines.pair_words import PairWords
        >>> row = {"text": "In 1962 Ada was born near Lindau.", "head": {"start": 8, "end": 11}, "tail": {"start": 26, "end": 32}}
        >>> PairWords.of(row)
        PairWords(before=['in'], head=['ada'], between=['was', 'born', 'near'], tail=['lindau'], after=[], head_first=True)

        ```
        """
        text, head, tail = instance["text"], instance["head"], instance["tail"]
        first, second = sorted((head, tail), key=lambda mention: mention["start"])
        return cls(
            before=split_words(text[: first["start"]]),
            head=split_words(text[head["start"] : head["end"]]),
            between=split_words(text[first["end"] : second["start"]]),
            tail=split_words(text[tail["start"] : tail["end"]]),
            after=split_words(text[second["end"] :]),
            head_first=head["start"] < tail["start"],
        )
