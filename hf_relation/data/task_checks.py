"""Checks of rows of tasks beside relations: returned in normal form, or refused with place, value and remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..errors import InvalidRowError
from .row_checks import (
    BrokenRule,
    check_mapping,
    checked_id,
    checked_label,
    checked_list,
    checked_string,
    field_names,
    shown,
)
from .task_schema import LabelledText, TaggedSentence


def check_tagged_sentence(
    row: Mapping[str, Any], *, index: int | None = None, line: int | None = None
) -> TaggedSentence:
    """Check one tagged sentence and return it in normal form.

    The result is a new dict with the schema's keys only. A missing `id` becomes the row's position.

    Args:
        row (`Mapping`): the row; `tokens` and `tags` are required.
        index (`int`, *optional*): zero-based position of the row, for messages and for the `id` of a row without one.
        line (`int`, *optional*): one-based line number in a file, for messages.

    Returns:
        `TaggedSentence`: the row in normal form.

    Raises:
        InvalidRowError: there is no token, an empty one, a blank tag, or not one tag per token.

    Example:

    ```python
    >>> from hf_relation.data import check_tagged_sentence
    >>> check_tagged_sentence({"tokens": ["Ada", "ran"], "tags": ["B-PER", "O"]})
    {'id': '0', 'tokens': ['Ada', 'ran'], 'tags': ['B-PER', 'O']}
    >>> check_tagged_sentence({"tokens": ["Ada", "ran"], "tags": ["B-PER"]}, index=7)
    Traceback (most recent call last):
    ...
    hf_relation.errors.InvalidRowError: row 7: there are 2 tokens and 1 tags. Every token needs one tag.

    ```
    """
    try:
        check_mapping(row)
        row_id = checked_id(row, index, line)
        tokens = checked_list(row, "tokens", required=True)
        tags = checked_list(row, "tags", required=True)
        for position, token in enumerate(tokens):
            # Names of places are made only for what may be wrong: corpora have millions of tokens.
            if type(token) is not str or not token or not token.isascii():
                _check_token(token, f"`tokens[{position}]`")
        for position, tag in enumerate(tags):
            if type(tag) is not str or not tag.isascii() or not tag.strip():
                checked_label(tag, f"`tags[{position}]`")
        if not tokens:
            raise BrokenRule("the sentence has no tokens. Leave it out")
        if len(tokens) != len(tags):
            raise BrokenRule(f"there are {len(tokens)} tokens and {len(tags)} tags. Every token needs one tag")
        return {"id": row_id, "tokens": tokens, "tags": tags}
    except BrokenRule as broken:
        raise InvalidRowError(f"{broken}.", index=index, line=line) from None


def check_labelled_text(
    row: Mapping[str, Any], *, scores: bool | None = None, index: int | None = None, line: int | None = None
) -> LabelledText:
    """Check one labelled text and return it in normal form.

    The result is a new dict with the schema's keys only. A missing `id` becomes the row's position, a missing `text_pair` or
    `label` becomes `None`, a whole number as label becomes a `float`.

    Args:
        row (`Mapping`): the row; `text` is required.
        scores (`bool`, *optional*): labels must be numbers, or (`False`) names of classes.
        index (`int`, *optional*): zero-based position of the row, for messages and for the `id` of a row without one.
        line (`int`, *optional*): one-based line number in a file, for messages.

    Returns:
        `LabelledText`: the row in normal form.

    Raises:
        InvalidRowError: a text is no string or blank, or the label is neither a name, nor a finite number, nor missing.

    Example:

    ```python
    >>> from hf_relation.data import check_labelled_text
    >>> check_labelled_text({"text": "A fine film.", "label": "positive"})
    {'id': '0', 'text': 'A fine film.', 'text_pair': None, 'label': 'positive'}

    ```
    """
    try:
        check_mapping(row)
        if "text" not in row:
            raise BrokenRule(f"`text` is missing; the row has {field_names(row)}")
        text = checked_label(row["text"], "`text`")
        pair = row.get("text_pair")
        return {
            "id": checked_id(row, index, line),
            "text": text,
            "text_pair": None if pair is None else checked_label(pair, "`text_pair`"),
            "label": _label(row.get("label"), scores),
        }
    except BrokenRule as broken:
        raise InvalidRowError(f"{broken}.", index=index, line=line) from None


def _check_token(token: object, name: str) -> None:
    if not checked_string(token, name):
        raise BrokenRule(f"{name} is empty. Leave it and its tag out")


def _float_of(value: Real) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf


def _label(value: object, scores: bool | None) -> str | float | None:
    if value is None:
        return None
    if isinstance(value, Real) and not isinstance(value, bool) and scores is not False:
        score = _float_of(value)
        if not math.isfinite(score):
            raise BrokenRule(f"`label` is {shown(value)}, which is no score. Leave the row out, or use null")
        return score
    if not isinstance(value, str) or scores:
        allowed = {None: "a string, a number or null", True: "a number or null", False: "a string or null"}[scores]
        raise BrokenRule(f"`label` must be {allowed}, got {shown(value)} of type {type(value).__name__}")
    return checked_label(value, "`label`")
