"""From character spans to token positions, and what a text may not smuggle into its tokens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TextTokens:
    """The tokens of one text, without special tokens.

    Args:
        ids (`list[int]`): token ids.
        offsets (`list[tuple[int, int]]`): for each token the characters it stands for, end exclusive. Neighbours may
            share characters (the bytes of an emoji), and a token may stand for none (`start == end`).

    Example:

    ```python
    >>> from hf_relation.processing.alignment import TextTokens
    >>> len(TextTokens(ids=[7, 8], offsets=[(0, 2), (2, 5)]).ids)
    2

    ```
    """

    ids: list[int]
    offsets: list[tuple[int, int]]


def trim_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Shrink a character span to leave out white space at its ends; a blank span comes back unchanged.

    Tokens of some families begin with the space before the word: without this, a span that ends in a space would claim
    the next word.

    Example:

    ```python
    >>> from hf_relation.processing.alignment import trim_span
    >>> trim_span("in Rome ,", 2, 8)
    (3, 7)

    ```
    """
    mention = text[start:end]
    trimmed_start = end - len(mention.lstrip())
    trimmed_end = start + len(mention.rstrip())
    return (trimmed_start, trimmed_end) if trimmed_start < trimmed_end else (start, end)


def token_range(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """The tokens that share at least one character with a span; a token that crosses its edge belongs to it.

    Args:
        offsets (`Sequence[tuple[int, int]]`): characters of each token.
        start (`int`), end (`int`): the span, end exclusive.

    Returns:
        `tuple[int, int]` or `None`: first token and one past the last; `None` when no token stands for the span.

    Example:

    ```python
    >>> from hf_relation.processing.alignment import token_range
    >>> token_range([(0, 3), (4, 6), (6, 9), (9, 10)], 4, 9)
    (1, 3)

    ```
    """
    inside = [i for i, (a, b) in enumerate(offsets) if a < end and b > start]
    return (inside[0], inside[-1] + 1) if inside else None


def align_mentions(
    text: str,
    head: tuple[int, int],
    tail: tuple[int, int],
    tokens: TextTokens,
    tokenize_in_pieces: Callable[[Sequence[int]], TextTokens],
) -> tuple[TextTokens, tuple[int, int] | None, tuple[int, int] | None]:
    """Find the tokens of both mentions; they never have a token in common.

    Args:
        text (`str`): the text.
        head (`tuple[int, int]`), tail (`tuple[int, int]`): character spans, end exclusive, that do not overlap.
        tokens (`TextTokens`): tokens of the whole text.
        tokenize_in_pieces (`Callable[[Sequence[int]], TextTokens]`): tokenizes the text anew with no token across the
            given positions; called only when one token covers characters of both mentions.

    Returns:
        `tuple[TextTokens, range, range]`: the tokens (new ones if the text was tokenized in pieces) and the token ranges
        of head and tail, each `None` when the tokenizer has no token for the mention.

    Example:

    ```python
    >>> from hf_relation.processing.alignment import TextTokens, align_mentions
    >>> whole, pieces = TextTokens([7], [(0, 4)]), TextTokens([8, 9], [(0, 2), (2, 4)])
    >>> align_mentions("Xian", (0, 2), (2, 4), whole, lambda cuts: pieces)[1:]
    ((0, 1), (1, 2))

    ```
    """
    head, tail = trim_span(text, *head), trim_span(text, *tail)
    head_range, tail_range = token_range(tokens.offsets, *head), token_range(tokens.offsets, *tail)
    if head_range and tail_range and head_range[0] < tail_range[1] and tail_range[0] < head_range[1]:
        tokens = tokenize_in_pieces(sorted({*head, *tail}))
        head_range, tail_range = token_range(tokens.offsets, *head), token_range(tokens.offsets, *tail)
    return tokens, head_range, tail_range


def spell_out_special_tokens(
    tokens: TextTokens,
    text: str,
    special_ids: Collection[int],
    unk_id: int | None,
    char_id: Callable[[str], int | None],
) -> TextTokens:
    """Replace special tokens that come from the letters of a text by one token for each letter.

    A Unigram vocabulary holds its control tokens as ordinary pieces with the best score of all, so a text with a literal
    `</s>` comes back with the id of the end of the sequence. The unknown token is left alone, since it is what the
    tokenizer answers to a word it cannot spell.

    Args:
        tokens (`TextTokens`): tokens of `text`.
        text (`str`): the text.
        special_ids (`Collection[int]`): ids that only the processor may write.
        unk_id (`int` or `None`): id of the unknown token.
        char_id (`Callable[[str], int | None]`): id of a one-character token, `None` where there is none.

    Returns:
        `TextTokens`: the same object when there is nothing to replace.

    Example:

    ```python
    >>> from hf_relation.processing.alignment import TextTokens, spell_out_special_tokens
    >>> tokens = TextTokens(ids=[9, 2], offsets=[(0, 1), (1, 5)])
    >>> spell_out_special_tokens(tokens, "a</s>", {2, 3}, 3, {"<": 20, "s": 21, ">": 22}.get).ids
    [9, 20, 3, 21, 22]

    ```
    """
    forbidden = set(special_ids) - {unk_id}
    if forbidden.isdisjoint(tokens.ids):
        return tokens
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    for token_id, (start, end) in zip(tokens.ids, tokens.offsets, strict=True):
        if token_id not in forbidden:
            ids.append(token_id)
            offsets.append((start, end))
            continue
        for position in range(start, end):
            spelled = char_id(text[position])
            if spelled is None or spelled in forbidden:
                spelled = unk_id
            if spelled is not None:
                ids.append(spelled)
                offsets.append((position, position + 1))
    return TextTokens(ids, offsets)
