"""Entity spans as one tag per token (begin, inside, outside) and back. Positions are tokens, not characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hf_relation.data.iob import iob_spans
from hf_relation.errors import InvalidRowError, UsageError


OUTSIDE = "O"
IGNORED_TAG = -100


class TokenSpan(NamedTuple):
    """One entity in tokens.

    Args:
        start (`int`): first token.
        end (`int`): token behind the last, above `start`.
        type (`str`): entity type.
    """

    start: int
    end: int
    type: str


class BioTags(NamedTuple):
    """What [`spans_to_bio`] returns.

    Args:
        tags (`list[int]`): one id per token, a position in the labels.
        dropped (`list[TokenSpan]`): spans that overlap a kept one, in the order given.
    """

    tags: list[int]
    dropped: list[TokenSpan]


def bio_labels(types: Iterable[str]) -> list[str]:
    """The labels of a tagger: `"O"`, then `"B-x"` and `"I-x"` of every entity type.

    Args:
        types (`Iterable[str]`): at least one entity type, no two equal.

    Returns:
        `list[str]`: in the order of `types`; a label's position is its id.

    Raises:
        UsageError: no type, one twice, or one that is not a string with something in it.

    Example:

    ```python
    >>> from hf_relation.processing import bio_labels
    >>> bio_labels(["PER", "ORG"])
    ['O', 'B-PER', 'I-PER', 'B-ORG', 'I-ORG']

    ```
    """
    names = [types] if isinstance(types, str) else list(types)
    if isinstance(types, str) or not names:
        raise UsageError(f"`types` must be a list of at least one entity type, got {types!r}.")
    for name in names:
        if not isinstance(name, str) or not name:
            raise UsageError(f"An entity type must be a string that is not empty, got {name!r}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"The entity type {twice[0]!r} occurs twice. Give every type once.")
    return [OUTSIDE, *(f"{prefix}-{name}" for name in names for prefix in "BI")]


def spans_to_bio(num_tokens: int, spans: Iterable[tuple[int, int, str]], labels: Sequence[str]) -> BioTags:
    """Write entity spans as one tag per token.

    Tags cannot hold spans that overlap or are nested. The longest is kept, of equally long ones that which begins first,
    of those with the same place that which is given first; every other one that overlaps a kept span is dropped and
    returned. A span given twice with the same type counts once.

    Args:
        num_tokens (`int`): tokens of the text.
        spans (`Iterable[tuple[int, int, str]]`): first token, token behind the last, and type of every entity.
        labels (`Sequence[str]`): from [`bio_labels`].

    Returns:
        [`BioTags`]: the tags and the dropped spans.

    Raises:
        UsageError: the labels are not a tagger's.
        InvalidRowError: a span is empty or outside the text, or its type has no label; `.index` is the span's position.

    Example:

    ```python
    >>> from hf_relation.processing import bio_labels, spans_to_bio
    >>> spans_to_bio(5, [(2, 3, "LOC"), (0, 3, "ORG"), (3, 4, "ORG")], bio_labels(["ORG", "LOC"]))
    BioTags(tags=[1, 2, 2, 1, 0], dropped=[TokenSpan(start=2, end=3, type='LOC')])

    ```
    """
    ids = {parsed: position for position, parsed in enumerate(_parse(labels))}
    given = [TokenSpan(*span) for span in spans]
    for index, span in enumerate(given):
        if not 0 <= span.start < span.end <= num_tokens:
            raise InvalidRowError(
                f"the span [{span.start}, {span.end}) is not in a text of {num_tokens} tokens. Positions are tokens, end "
                "exclusive, not characters.",
                index=index,
            )
        if ("B", span.type) not in ids:
            types = ", ".join(repr(name) for prefix, name in ids if prefix == "B")
            raise InvalidRowError(f"the entity type {span.type!r} has no label; there are {types}.", index=index)
    found = list(dict.fromkeys(given))
    tags = [ids["O", ""]] * num_tokens
    taken = [False] * num_tokens
    kept = set()
    for span in sorted(found, key=lambda span: (span.start - span.end, span.start)):  # stable
        if not any(taken[span.start : span.end]):
            kept.add(span)
            taken[span.start : span.end] = [True] * (span.end - span.start)
            inside = [ids["I", span.type]] * (span.end - span.start - 1)
            tags[span.start : span.end] = [ids["B", span.type], *inside]
    return BioTags(tags, [span for span in found if span not in kept])


def bio_to_spans(tags: Sequence[int], labels: Sequence[str]) -> list[TokenSpan]:
    """Read the entity spans out of one tag per token, also out of broken sequences.

    A span begins at `B-x`, and also at an `I-x` with no span of type x before it (at the start, after `O`, after another
    type), as in the CoNLL scorer; it goes on over `I-x` of its type. -100 is outside.

    Args:
        tags (`Sequence[int]`): ids, positions in `labels`, or -100.
        labels (`Sequence[str]`): from [`bio_labels`].

    Returns:
        `list[TokenSpan]`: from left to right; they never overlap.

    Raises:
        UsageError: the labels are not a tagger's.
        InvalidRowError: a tag is no label's id; `.index` is the token.

    Example:

    ```python
    >>> from hf_relation.processing import bio_to_spans
    >>> bio_to_spans([2, 2, 1, 0], ["O", "B-PER", "I-PER"])
    [TokenSpan(start=0, end=2, type='PER'), TokenSpan(start=2, end=3, type='PER')]

    ```

    Reference: Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task", 2003 (conlleval).
    """
    _parse(labels)
    names = []
    for position, tag in enumerate(tags):
        if tag != IGNORED_TAG and not 0 <= tag < len(labels):
            raise InvalidRowError(
                f"the tag {tag} is not the id of one of {len(labels)} labels, nor -100.", index=position
            )
        names.append(OUTSIDE if tag == IGNORED_TAG else labels[tag])
    return [TokenSpan(*span) for span in iob_spans(names)]


def bio_transitions(labels: Sequence[str]) -> list[list[bool]]:
    """Which tag may follow which: `I-x` only `B-x` and `I-x`, every other tag any.

    Args:
        labels (`Sequence[str]`): from [`bio_labels`].

    Returns:
        `list[list[bool]]`: at `[i][j]` whether tag j may follow tag i.

    Raises:
        UsageError: the labels are not a tagger's.

    Example:

    ```python
    >>> from hf_relation.processing import bio_transitions
    >>> bio_transitions(["O", "B-PER", "I-PER"])
    [[True, True, False], [True, True, True], [True, True, True]]

    ```
    """
    parsed = _parse(labels)
    return [[prefix != "I" or name == before for prefix, name in parsed] for _, before in parsed]


def bio_starts(labels: Sequence[str]) -> list[bool]:
    """Which tags a text may begin with: all but `I-x`.

    Args:
        labels (`Sequence[str]`): from [`bio_labels`].

    Returns:
        `list[bool]`: one per label.

    Raises:
        UsageError: the labels are not a tagger's.

    Example:

    ```python
    >>> from hf_relation.processing import bio_starts
    >>> bio_starts(["O", "B-PER", "I-PER"])
    [True, True, False]

    ```
    """
    return [prefix != "I" for prefix, _ in _parse(labels)]


def _parse(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Prefix and type of every label; the type of `"O"` is empty."""
    parsed = []
    for label in labels:
        prefix, dash, name = label.partition("-")
        if label != OUTSIDE and not (prefix in ("B", "I") and dash and name):
            raise UsageError(
                f"A tagger's labels are 'O', 'B-x' and 'I-x', got {label!r}. Make them with `bio_labels`."
            )
        parsed.append((prefix, name))
    begun, inside = ({name for prefix, name in parsed if prefix == wanted} for wanted in "BI")
    if begun != inside or (OUTSIDE, "") not in parsed or len(set(parsed)) != len(parsed):
        raise UsageError(
            f"A tagger's labels are 'O' and both 'B-x' and 'I-x' of every type, once each, got {list(labels)}. Make them "
            "with `bio_labels`."
        )
    return parsed
