"""From token lists, as most corpora have them, to one text with character offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import InvalidRowError
from .row_checks import shown


def join_tokens(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join tokens with single spaces and say where each of them stands.

    Tokens are taken verbatim. Blank tokens (empty, or only white space; corpora keep line breaks and no-break spaces as
    tokens of their own) add nothing to the text: their span is empty, `(end, end)` behind the token before, so that
    token indices stay right.

    Args:
        tokens (`Sequence[str]`): the tokens.

    Returns:
        `tuple[str, list[tuple[int, int]]]`: the text, and `(start, end)` of every token with
        `text[start:end] == token` for every token that is not blank.

    Raises:
        InvalidRowError: a token is not a string, or `tokens` is itself a string or a mapping.

    Example:

    ```python
    >>> from hf_relation.data import join_tokens
    >>> join_tokens(["Ada", " ", "met", "Bob"])
    ('Ada met Bob', [(0, 3), (3, 3), (4, 7), (8, 11)])

    ```
    """
    if isinstance(tokens, str):
        raise InvalidRowError(f"a list of tokens is needed, got the string {tokens[:40]!r}. Split it first.")
    if isinstance(tokens, Mapping):
        raise InvalidRowError(f"a list of tokens is needed, got {shown(tokens)} of type {type(tokens).__name__}.")
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    end = 0
    for position, token in enumerate(tokens):
        if not isinstance(token, str):
            raise InvalidRowError(
                f"token {position} must be a string, got {shown(token)} of type {type(token).__name__}."
            )
        if not token or token.isspace():
            spans.append((end, end))
            continue
        start = end + 1 if parts else 0
        end = start + len(token)
        parts.append(token)
        spans.append((start, end))
    return " ".join(parts), spans


def characters_of_tokens(spans: Sequence[tuple[int, int]], first: int, last: int) -> tuple[int, int]:
    """The character span of a run of tokens, blank tokens at its ends left out.

    Args:
        spans (`Sequence[tuple[int, int]]`): character spans as `join_tokens` returns them.
        first (`int`): index of the first token of the run.
        last (`int`): index of the last token of the run (inclusive).

    Returns:
        `tuple[int, int]`: start and end (exclusive) in the text.

    Raises:
        InvalidRowError: the run is outside of `spans`, reversed, or holds blank tokens only.

    Example:

    ```python
    >>> from hf_relation.data import characters_of_tokens, join_tokens
    >>> text, spans = join_tokens(["Cape", "Girardeau", "Bridge", "opened"])
    >>> start, end = characters_of_tokens(spans, 0, 2)
    >>> text[start:end]
    'Cape Girardeau Bridge'

    ```
    """
    if not 0 <= first <= last < len(spans):
        raise InvalidRowError(f"tokens {first} to {last} (inclusive) are not a run within 0 to {len(spans) - 1}.")
    filled = [(start, end) for start, end in spans[first : last + 1] if start < end]
    if not filled:
        raise InvalidRowError(f"tokens {first} to {last} (inclusive) are all blank, so they cannot be a mention.")
    return filled[0][0], filled[-1][1]
