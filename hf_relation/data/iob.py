"""Spans as one tag per token (IOB1, IOB2, also called BIO): reading, normalising, renaming their types."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..errors import InvalidRowError, UsageError


MISC = "MISC"
OUTSIDE = "O"

MISC_NAMES: Mapping[str, str] = {
    "PERSON": "PER",
    "PSN": "PER",
    "LOCATION": "LOC",
    "GPE": "LOC",
    "ORGANIZATION": "ORG",
    "CORPORATION": "ORG",
    "GROUP": "ORG",
}
"""Types of WNUT-17, Weibo and IOB2Corpus that are CoNLL's PER, LOC or ORG, in capitals."""


def iob_spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Read the spans out of one tag per token, also out of IOB1 and out of broken sequences.

    A span begins at `B-x`, and also at an `I-x` with no span of type x before it (at the start, after `O`, after another
    type), as in the CoNLL scorer; it goes on over `I-x` of its type.

    Args:
        tags (`Sequence[str]`): `"O"`, `"B-x"` or `"I-x"` for each token.

    Returns:
        `list[tuple[int, int, str]]`: first token, token behind the last, and type; from left to right, never overlapping.

    Raises:
        InvalidRowError: a tag is none of these; `.index` is the token.

    Example:

    ```python
    >>> from hf_relation.data import iob_spans
    >>> iob_spans(["I-PER", "I-PER", "B-PER", "O"])
    [(0, 2, 'PER'), (2, 3, 'PER')]

    ```

    Reference: Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task", 2003 (conlleval).
    """
    spans: list[tuple[int, int, str]] = []
    start, current = 0, ""
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, name = _parse(tag, position)
        if prefix == "I" and name == current:
            continue
        if current:
            spans.append((start, position, current))
        start, current = position, name
    return spans


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Write tags of IOB1 as IOB2, where every span begins with `B-`; those of IOB2 stay as they are.

    One rule serves both, see [`iob_spans`]; an `I-x` that stands alone in IOB2 becomes `B-x`.

    Args:
        tags (`Sequence[str]`): `"O"`, `"B-x"` or `"I-x"` for each token.

    Returns:
        `list[str]`: as many, in IOB2.

    Raises:
        InvalidRowError: a tag is none of these; `.index` is the token.

    Example:

    ```python
    >>> from hf_relation.data import to_iob2
    >>> to_iob2(["I-PER", "I-PER", "B-PER", "O"])
    ['B-PER', 'I-PER', 'B-PER', 'O']

    ```

    Reference: Tjong Kim Sang and Veenstra, "Representing Text Chunks", EACL 1999.
    """
    found = [OUTSIDE] * len(tags)
    for start, end, name in iob_spans(tags):
        found[start:end] = [f"B-{name}", *[f"I-{name}"] * (end - start - 1)]
    return found


def to_misc(
    tags: Sequence[str],
    keep: Collection[str] = ("PER", "ORG", "LOC"),
    *,
    names: Mapping[str, str] = MISC_NAMES,
) -> list[str]:
    """Give the entities of any corpus CoNLL's types: those of `keep`, and `MISC` for all others.

    A type is read in capitals and up to its first full stop (Weibo's `GPE.NAM` and `GPE.NOM` are `GPE`), then looked up in
    `names`, then in `keep`. By default `person` and `PSN` are `PER`; `location` and `GPE` (as in CoNLL, where countries and
    cities are locations) `LOC`; `organization`, `corporation` and WNUT's `group` (bands, teams and other bodies that are no
    company, which CoNLL has as organisations) `ORG`. Dates, numbers, products, works and events are `MISC`: the paper keeps
    whatever an annotated corpus marks.

    Args:
        tags (`Sequence[str]`): IOB1 or IOB2.
        keep (`Collection[str]`): types that stay, in capitals.
        names (`Mapping[str, str]`): type in capitals -> its name in `keep`, or `"O"` to leave such entities out.

    Returns:
        `list[str]`: as many tags, in IOB2.

    Raises:
        InvalidRowError: a tag is not IOB; `.index` is the token.
        UsageError: `keep` is a string.

    Example:

    ```python
    >>> from hf_relation.data import to_misc
    >>> to_misc(["B-person", "I-person", "O", "B-product", "B-group"])
    ['B-PER', 'I-PER', 'O', 'B-MISC', 'B-ORG']

    ```

    Reference:
        Ma et al., "Contributions of Transformer Attention Heads in Multi- and Cross-lingual Tasks", ACL 2021 (section 3).
    """
    if isinstance(keep, str):
        raise UsageError(f"`keep` must be a list of types, got the string {keep!r}.")
    found = [OUTSIDE] * len(tags)
    for start, end, name in iob_spans(tags):
        head = name.upper().partition(".")[0]
        target = names.get(head, head)
        if target != OUTSIDE:
            target = target if target in keep else MISC
            found[start:end] = [f"B-{target}", *[f"I-{target}"] * (end - start - 1)]
    return found


def _parse(tag: object, position: int) -> tuple[str, str]:
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, dash, name = tag.partition("-") if isinstance(tag, str) else ("", "", "")
    if prefix not in ("B", "I") or not dash or not name:
        raise InvalidRowError(f"the tag {str(tag)[:40]!r} is none of 'O', 'B-x' and 'I-x'.", index=position)
    return prefix, name
