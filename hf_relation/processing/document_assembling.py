"""From a window's token ranges to one sequence of token ids, with special tokens and markers in their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hf_relation.processing.alignment import TextTokens
from hf_relation.processing.document_windows import DocumentWindow
from hf_relation.processing.tokenizing import Wrapping


class WindowTokens(NamedTuple):
    """The tokens of a window.

    Args:
        ids (`list[int]`): special tokens, text and markers.
        offsets (`list[tuple[int, int] | None]`): characters of every token; `None` for special tokens and markers.
        spans (`list[tuple[int, int]]`): tokens of every mention of the window, from its first to its last token of text;
            markers of mentions within it lie inside.
        token_types (`list[int]`, *optional*): of tokenizers that make them.
    """

    ids: list[int]
    offsets: list[tuple[int, int] | None]
    spans: list[tuple[int, int]]
    token_types: list[int] | None


def assemble_window(
    tokens: TextTokens,
    mentions: Sequence[tuple[int, int]],
    markers: Sequence[tuple[int, int]] | None,
    window: DocumentWindow,
    wrapping: Wrapping,
) -> WindowTokens:
    """Put special tokens around a window's text and markers around its mentions.

    Of mentions that begin at one token the longer opens first, and of those that end at one token the later begun closes
    first, so that markers of nested mentions are nested.

    Args:
        tokens ([`~hf_relation.processing.alignment.TextTokens`]): of the whole text.
        mentions (`Sequence[tuple[int, int]]`): token range of every mention of the text, end exclusive.
        markers (`Sequence[tuple[int, int]]`, *optional*): ids of the start and end marker of every mention.
        window ([`~hf_relation.processing.document_windows.DocumentWindow`]): what to put in.
        wrapping ([`~hf_relation.processing.tokenizing.Wrapping`]): the special tokens.

    Returns:
        [`WindowTokens`].

    Example:

    ```python
    >>> from hf_relation.processing.alignment import TextTokens
    >>> from hf_relation.processing.document_assembling import assemble_window
    >>> from hf_relation.processing.document_windows import DocumentWindow
    >>> from hf_relation.processing.tokenizing import Wrapping
    >>> text = TextTokens([7, 8, 9], [(0, 1), (1, 2), (2, 3)])
    >>> window = DocumentWindow(((0, 3),), (), (0, 1))
    >>> found = assemble_window(text, [(0, 2), (1, 2)], [(20, 21), (20, 21)], window, Wrapping([2], [3]))
    >>> found.ids, found.spans
    ([2, 20, 7, 20, 8, 21, 21, 9, 3], [(2, 5), (4, 5)])

    ```
    """
    ids: list[int] = list(wrapping.prefix)
    offsets: list[tuple[int, int] | None] = [None] * len(ids)
    opening: dict[int, list[int]] = {}
    closing: dict[int, list[int]] = {}
    for mention in sorted(window.mentions, key=lambda mention: (-mentions[mention][1], mention)):
        opening.setdefault(mentions[mention][0], []).append(mention)
    for mention in sorted(window.mentions, key=lambda mention: (-mentions[mention][0], -mention)):
        closing.setdefault(mentions[mention][1], []).append(mention)
    place_of: dict[int, int] = {}  # token of the text: position in the sequence
    for left, right in window.stretches:
        for token in range(left, right + 1):
            if markers is not None and token > left:
                ids += [markers[mention][1] for mention in closing.get(token, ())]
            if markers is not None and token < right:
                ids += [markers[mention][0] for mention in opening.get(token, ())]
            offsets += [None] * (len(ids) - len(offsets))
            if token < right:
                place_of[token] = len(ids)
                ids.append(tokens.ids[token])
                offsets.append(tokens.offsets[token])
    ids += wrapping.suffix
    offsets += [None] * len(wrapping.suffix)
    spans = [(place_of[mentions[mention][0]], place_of[mentions[mention][1] - 1] + 1) for mention in window.mentions]
    token_types = None
    if wrapping.token_types is not None:
        before, between, after = wrapping.token_types
        token_types = [*before, *[between] * (len(ids) - wrapping.size), *after]
    return WindowTokens(ids, offsets, spans, token_types)
