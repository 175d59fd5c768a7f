"""What became of the strings and triples of a corpus that lists entities as strings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


Triple = tuple[str, str, str]


class LeftOut(NamedTuple):
    """One triple that is in no document: the row's id, the triple (`None` for an entity without one), and why."""

    row: str
    triple: Triple | None
    reason: str


@dataclass
class LocatingReport:
    """Counts, filled while `read_triples` reads.

    Args:
        documents (`int`): documents given out.
        triples (`int`): labelled triples met, repeated ones included; `located + not_located + same_place`.
        located (`int`): triples in the documents.
        not_located (`int`): triples left out because a string is nowhere in the text.
        same_place (`int`): triples left out because subject and object are one string that occurs once.
        repeated (`int`): triples that their text lists again; they are in the documents as often as upstream lists them.
        unlabelled (`int`): pairs whose relation is a name of "no relation".
        strings (`int`): distinct strings per text; `exact + ignoring_case + ignoring_spacing + inside_word + not_found`.
        exact, ignoring_case, ignoring_spacing, inside_word (`int`): how strings were found, see `locate_strings`.
        not_found (`int`): strings that are nowhere in their text.
        several (`int`): strings with several places, all of which are mentions.
        nested (`int`): strings that stand only where a longer one does.
        left_out (`list[LeftOut]`): every triple left out, and why.
    """

    documents: int = 0
    triples: int = 0
    located: int = 0
    not_located: int = 0
    same_place: int = 0
    repeated: int = 0
    unlabelled: int = 0
    strings: int = 0
    exact: int = 0
    ignoring_case: int = 0
    ignoring_spacing: int = 0
    inside_word: int = 0
    not_found: int = 0
    several: int = 0
    nested: int = 0
    left_out: list[LeftOut] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """The counts that are not zero, by name; what was left out is not listed."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int) and value}
