"""One encoded instance as plain Python lists: what lies between tokenizing and padding."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass
class EncodedInstance:
    """One instance as token ids and masks, before padding.

    Args:
        input_ids (`list[int]` of length `T`): the tokenizer's special tokens, the text and the markers.
        head_token_mask (`list[int]` of length `T`): 1 on the tokens of the head mention, 0 elsewhere; markers are 0.
        tail_token_mask (`list[int]` of length `T`): the same for the tail mention.
        between_token_mask (`list[int]` of length `T`): 1 on the text tokens strictly between the two mentions, whichever
            comes first; all 0 when there are none.
        head_marker_index (`int`): position of the head's start marker; with marker policy `"none"` the first token of
            the head mention.
        tail_marker_index (`int`): the same for the tail.
        token_type_ids (`list[int]` of length `T`, *optional*): only from tokenizers that make them.
        truncated (`bool`, defaults to `False`): tokens of the text were left out to keep within the maximum length.

    Example:

    ```python
    >>> from hf_relation.processing import EncodedInstance
    >>> encoded = EncodedInstance([2, 7, 8, 9, 3], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0], 1, 3)
    >>> encoded.length
    5

    ```
    """

    input_ids: list[int]
    head_token_mask: list[int]
    tail_token_mask: list[int]
    between_token_mask: list[int]
    head_marker_index: int
    tail_marker_index: int
    token_type_ids: list[int] | None = None
    truncated: bool = False

    @property
    def length(self) -> int:
        """Number of tokens, special tokens and markers included."""
        return len(self.input_ids)

    def to_dict(self) -> dict[str, Any]:
        """The columns as a dict for `datasets`: every field, `token_type_ids` only where there are some, and `length`.

        The lists are not copied.
        """
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        if columns["token_type_ids"] is None:
            del columns["token_type_ids"]
        columns["length"] = self.length
        return columns
