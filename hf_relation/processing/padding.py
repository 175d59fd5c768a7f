"""From encoded instances of different lengths to one rectangular batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.processing.encoded import EncodedInstance


MASK_COLUMNS = ("head_token_mask", "tail_token_mask", "between_token_mask")
INDEX_COLUMNS = ("head_marker_index", "tail_marker_index")
# Columns that `EncodedInstance.to_dict` or a tokenizer writes and that a batch does not carry on.
_DROPPED_COLUMNS = frozenset({"attention_mask", "length", "truncated"})


@dataclass(frozen=True)
class PaddingRule:
    """What a tokenizer says about padding.

    Args:
        pad_token_id (`int`): id of the padding token.
        pad_token_type_id (`int`): token type of padding.
        side (`str`): `"right"` or `"left"`.
        token_types (`bool`): whether batches carry `token_type_ids`.

    Example:

    ```python
    >>> from hf_relation.processing.padding import PaddingRule
    >>> PaddingRule(pad_token_id=0).side
    'right'

    ```
    """

    pad_token_id: int
    pad_token_type_id: int = 0
    side: str = "right"
    token_types: bool = False


def pad_encoded(
    encoded: Sequence[EncodedInstance | Mapping[str, Any]],
    rule: PaddingRule,
    *,
    to_length: int | None = None,
    pad_to_multiple_of: int | None = None,
) -> dict[str, np.ndarray]:
    """Pad encoded instances to one length and stack them.

    Args:
        encoded (`Sequence[EncodedInstance | Mapping]`): instances, or dicts with the same keys. All or none may have
            `labels`, one number each or lists of one length.
        rule (`PaddingRule`): ids and side of the padding.
        to_length (`int`, *optional*): pad to this length rather than to the longest row.
        pad_to_multiple_of (`int`, *optional*): round the length up.

    Returns:
        `dict[str, np.ndarray]`: `input_ids`, `attention_mask`, `token_type_ids` (where the rule says so) and the three
        masks of shape `(B, T)`, the two marker indices of shape `(B,)`, all int64; `labels` of shape `(B, ...)`.

    Raises:
        UsageError: keys missing or unknown, columns of different lengths in a row, a row longer than `to_length`.

    Example:

    ```python
    >>> from hf_relation.processing import EncodedInstance
    >>> from hf_relation.processing.padding import PaddingRule, pad_encoded
    >>> short = EncodedInstance([5, 6], [1, 0], [0, 1], [0, 0], 0, 1)
    >>> long = EncodedInstance([5, 7, 6], [1, 0, 0], [0, 0, 1], [0, 1, 0], 0, 2)
    >>> batch = pad_encoded([short, long], PaddingRule(pad_token_id=0, side="left"))
    >>> batch["input_ids"].tolist(), batch["tail_marker_index"].tolist()
    ([[0, 5, 6], [5, 7, 6]], [2, 2])

    ```
    """
    rows = [_checked_row(row, position, rule) for position, row in enumerate(encoded)]
    lengths = [len(row["input_ids"]) for row in rows]
    width = padded_width(lengths, to_length, pad_to_multiple_of)
    filler = {"input_ids": rule.pad_token_id, "token_type_ids": rule.pad_token_type_id}
    token_columns = ["input_ids", *(["token_type_ids"] if rule.token_types else []), *MASK_COLUMNS]
    batch = {name: np.full((len(rows), width), filler.get(name, 0), dtype=np.int64) for name in token_columns}
    batch["attention_mask"] = np.zeros((len(rows), width), dtype=np.int64)
    starts = [width - length if rule.side == "left" else 0 for length in lengths]
    for i, (row, start, length) in enumerate(zip(rows, starts, lengths, strict=True)):
        for name in token_columns:
            batch[name][i, start : start + length] = row[name]
        batch["attention_mask"][i, start : start + length] = 1
    for name in INDEX_COLUMNS:
        batch[name] = np.array([row[name] for row in rows], dtype=np.int64) + np.array(starts, dtype=np.int64)
    labels = [row["labels"] for row in rows if "labels" in row]
    if labels:
        if len(labels) != len(rows):
            raise UsageError(f"{len(labels)} of {len(rows)} rows have `labels`. Give them to all rows or to none.")
        batch["labels"] = _label_array(labels)
    return batch


def unpadded_columns(encoded: Sequence[EncodedInstance]) -> dict[str, list[Any]]:
    """The columns of a batch as lists of rows of different lengths.

    Args:
        encoded (`Sequence[EncodedInstance]`): the rows; may be none.

    Returns:
        `dict[str, list]`: the columns of `pad_encoded`, without padding and without `labels`.

    Example:

    ```python
    >>> from hf_relation.processing import EncodedInstance
    >>> from hf_relation.processing.padding import unpadded_columns
    >>> unpadded_columns([EncodedInstance([5, 6], [1, 0], [0, 1], [0, 0], 0, 1)])["attention_mask"]
    [[1, 1]]

    ```
    """
    columns: dict[str, list[Any]] = {
        name: [] for name in ("input_ids", "attention_mask", *MASK_COLUMNS, *INDEX_COLUMNS)
    }
    for row in encoded:
        columns["attention_mask"].append([1] * row.length)
        for name, value in row.to_dict().items():
            if name not in _DROPPED_COLUMNS:
                columns.setdefault(name, []).append(value)
    return columns


def _checked_row(row: EncodedInstance | Mapping[str, Any], position: int, rule: PaddingRule) -> Mapping[str, Any]:
    if isinstance(row, EncodedInstance):
        row = row.to_dict()
    elif not isinstance(row, Mapping):
        raise UsageError(
            f"row {position}: an `EncodedInstance` or a dict with its keys is needed, got {type(row).__name__}. "
            "Encode instances with `processor.encode` first."
        )
    token_columns = {"input_ids", *MASK_COLUMNS, *(["token_type_ids"] if rule.token_types else [])}
    required = token_columns | set(INDEX_COLUMNS)
    if missing := sorted(required - set(row)):
        raise UsageError(f"row {position}: missing {missing}. Encode instances with `processor.encode` first.")
    if unknown := sorted(set(row) - required - _DROPPED_COLUMNS - {"token_type_ids", "labels"}):
        raise UsageError(f"row {position}: unknown columns {unknown}. Remove them before padding.")
    length = len(row["input_ids"])
    if bad := sorted(name for name in token_columns if len(row[name]) != length):
        raise UsageError(f"row {position}: {bad} must be as long as `input_ids` ({length}).")
    return row


def padded_width(lengths: Sequence[int], to_length: int | None, multiple: int | None) -> int:
    """The length to which rows are padded.

    Args:
        lengths (`Sequence[int]`): of the rows.
        to_length (`int`, *optional*): pad to this length rather than to the longest row.
        multiple (`int`, *optional*): round the length up.

    Returns:
        `int`: the length.

    Raises:
        UsageError: a row is longer than `to_length`, or `multiple` is below 1.
    """
    if multiple is not None and multiple < 1:
        raise UsageError(f"`pad_to_multiple_of` must be at least 1, got {multiple}.")
    longest = max(lengths, default=0)
    if to_length is not None and longest > to_length:
        raise UsageError(f"A row has {longest} tokens, more than the {to_length} to pad to.")
    width = longest if to_length is None else to_length
    return width if multiple is None else -(-width // multiple) * multiple


def _label_array(labels: Sequence[Any]) -> np.ndarray:
    try:
        array = np.asarray(labels)
    except ValueError as error:
        raise UsageError(
            "`labels` must be one number a row, or lists of one length. Pad multi-label rows first."
        ) from error
    if array.dtype.kind in "iub":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    raise UsageError(f"`labels` must be numbers, got {labels[0]!r}. Map label names to ids first.")
