"""Text tokens, mention ranges and markers put together into one input sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hf_relation.processing.encoded import EncodedInstance
from hf_relation.processing.tokenizing import Wrapping
from hf_relation.processing.windows import Window


class MarkedMention(NamedTuple):
    """A mention as token positions, with its markers.

    Args:
        start (`int`), end (`int`): token range of the mention, end exclusive.
        markers (`tuple[int, int]` or `None`): ids of the start and the end marker; `None` without markers.
    """

    start: int
    end: int
    markers: tuple[int, int] | None


def assemble(
    ids: Sequence[int], head: MarkedMention, tail: MarkedMention, window: Window, wrapping: Wrapping
) -> EncodedInstance:
    """Cut the window out of the text tokens, put in markers and special tokens, and make the masks.

    Args:
        ids (`Sequence[int]`): token ids of the whole text.
        head (`MarkedMention`), tail (`MarkedMention`): the mentions, in either order, without a common token.
        window (`Window`): which text tokens stay.
        wrapping (`Wrapping`): special tokens around the text.

    Returns:
        `EncodedInstance`: ready for padding.

    Example:

    ```python
    >>> from hf_relation.processing.assembling import MarkedMention, assemble
    >>> from hf_relation.processing.tokenizing import Wrapping
    >>> from hf_relation.processing.windows import Window
    >>> head, tail = MarkedMention(2, 3, (91, 92)), MarkedMention(0, 1, (93, 94))
    >>> encoded = assemble([10, 11, 12], head, tail, Window(0, 2, 2, 3), Wrapping([1], [2]))
    >>> encoded.input_ids
    [1, 93, 10, 94, 11, 91, 12, 92, 2]
    >>> encoded.head_marker_index, encoded.between_token_mask
    (5, [0, 0, 0, 0, 1, 0, 0, 0, 0])

    ```
    """
    first, second = (head, tail) if head.start <= tail.start else (tail, head)
    sequence = [*wrapping.prefix, *ids[window.left : first.start]]
    first_place = _append_mention(sequence, ids, first)
    between_start = len(sequence)
    sequence.extend(ids[first.end : window.middle_end])
    sequence.extend(ids[window.middle_start : second.start])
    between = (between_start, len(sequence))
    second_place = _append_mention(sequence, ids, second)
    sequence.extend(ids[second.end : window.right])
    sequence.extend(wrapping.suffix)
    head_place, tail_place = (first_place, second_place) if first is head else (second_place, first_place)
    length = len(sequence)
    token_types = None
    if wrapping.token_types is not None:
        before, inside, after = wrapping.token_types
        token_types = [*before, *[inside] * (length - wrapping.size), *after]
    return EncodedInstance(
        input_ids=sequence,
        head_token_mask=_mask(length, head_place.tokens),
        tail_token_mask=_mask(length, tail_place.tokens),
        between_token_mask=_mask(length, between),
        head_marker_index=head_place.position,
        tail_marker_index=tail_place.position,
        token_type_ids=token_types,
        truncated=window.size < len(ids),
    )


class _Place(NamedTuple):
    position: int
    tokens: tuple[int, int]


def _append_mention(sequence: list[int], ids: Sequence[int], mention: MarkedMention) -> _Place:
    position = len(sequence)
    if mention.markers is not None:
        sequence.append(mention.markers[0])
    start = len(sequence)
    sequence.extend(ids[mention.start : mention.end])
    end = len(sequence)
    if mention.markers is not None:
        sequence.append(mention.markers[1])
    return _Place(position, (start, end))


def _mask(length: int, ones: tuple[int, int]) -> list[int]:
    start, end = ones
    return [0] * start + [1] * (end - start) + [0] * (length - end)
