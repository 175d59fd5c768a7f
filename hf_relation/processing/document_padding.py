"""From windows of documents to one rectangular batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hf_relation.processing.encoded_window import EncodedWindow
from hf_relation.processing.padding import PaddingRule, padded_width


NO_SPAN = -1


def pad_windows(
    windows: Sequence[EncodedWindow],
    rule: PaddingRule,
    *,
    pad_to_multiple_of: int | None = None,
    mention_entities: bool = False,
) -> dict[str, np.ndarray]:
    """Pad windows to one length, one number of mentions and one number of pairs, and stack them.

    Args:
        windows (`Sequence[EncodedWindow]`): at least one.
        rule ([`~hf_relation.processing.padding.PaddingRule`]): ids and side of the padding.
        pad_to_multiple_of (`int`, *optional*): round the length up.
        mention_entities (`bool`, defaults to `False`): also say which entity every mention is of.

    Returns:
        `dict[str, np.ndarray]`, int64: `input_ids`, `attention_mask`, `token_type_ids` (where the rule says so),
        `text_token_mask` of shape `(B, T)`; `mention_spans` `(B, M, 2)`, `pairs` `(B, P, 2)` and, where asked for,
        `mention_entities` `(B, M)` with -1 in padding, M and P at least 1.

    Raises:
        UsageError: `pad_to_multiple_of` is below 1.

    Example:

    ```python
    >>> from hf_relation.processing import EncodedWindow
    >>> from hf_relation.processing.document_padding import pad_windows
    >>> from hf_relation.processing.padding import PaddingRule
    >>> short = EncodedWindow([2, 7, 3], [None, (0, 3), None], mention_spans=[(1, 2)])
    >>> long = EncodedWindow([2, 7, 8, 3], [None, (0, 3), (4, 5), None])
    >>> batch = pad_windows([short, long], PaddingRule(pad_token_id=0, side="left"))
    >>> batch["input_ids"].tolist(), batch["mention_spans"].tolist()
    ([[0, 2, 7, 3], [2, 7, 8, 3]], [[[2, 3]], [[-1, -1]]])

    ```
    """
    width = padded_width([window.length for window in windows], None, pad_to_multiple_of)
    rows = len(windows)
    batch = {name: np.zeros((rows, width), dtype=np.int64) for name in ("attention_mask", "text_token_mask")}
    batch["input_ids"] = np.full((rows, width), rule.pad_token_id, dtype=np.int64)
    if rule.token_types:
        batch["token_type_ids"] = np.full((rows, width), rule.pad_token_type_id, dtype=np.int64)
    for name, listed in (("mention_spans", "mention_spans"), ("pairs", "pairs")):
        most = max(1, *(len(getattr(window, listed)) for window in windows))
        batch[name] = np.full((rows, most, 2), NO_SPAN, dtype=np.int64)
    if mention_entities:
        batch["mention_entities"] = np.full(batch["mention_spans"].shape[:2], NO_SPAN, dtype=np.int64)
        for row, window in enumerate(windows):
            batch["mention_entities"][row, : len(window.mention_entities)] = window.mention_entities
    for row, window in enumerate(windows):
        start = width - window.length if rule.side == "left" else 0
        place = slice(start, start + window.length)
        batch["input_ids"][row, place] = window.input_ids
        batch["attention_mask"][row, place] = 1
        batch["text_token_mask"][row, place] = window.text_token_mask
        if rule.token_types and window.token_type_ids is not None:
            batch["token_type_ids"][row, place] = window.token_type_ids
        if window.mention_spans:
            batch["mention_spans"][row, : len(window.mention_spans)] = np.asarray(window.mention_spans) + start
        if window.pairs:
            batch["pairs"][row, : len(window.pairs)] = window.pairs
    return batch
