"""One window of a document as plain Python lists: what lies between tokenizing and padding."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class EncodedWindow:
    """A document, or a part of one that fits into the encoder, as token ids and mention spans.

    Args:
        input_ids (`list[int]` of length `T`): the tokenizer's special tokens, the text and the markers.
        offsets (`list[tuple[int, int] | None]` of length `T`): the characters of the document that every token stands for, end
            exclusive; `None` for special tokens and markers.
        mention_spans (`list[tuple[int, int]]`): tokens of every mention in the window, end exclusive, markers excluded.
        mentions (`list[int]`): their positions in the document's `mentions`.
        pairs (`list[tuple[int, int]]`): the window's candidate pairs, as head and tail positions in `mention_spans`.
        pair_entities (`list[tuple[int, int]]`): the same pairs as positions in the document's `entities`.
        mention_entities (`list[int]`): of every mention in the window the entity it is of, as a position in the document's
            `entities`; -1 for a mention of none.
        document (`int`): row of the document in the list that was encoded.
        token_type_ids (`list[int]` of length `T`, *optional*): only from tokenizers that make them.
        complete (`bool`, defaults to `True`): the window holds the whole text.

    Example:

    ```python
    >>> from hf_relation.processing import EncodedWindow
    >>> EncodedWindow(input_ids=[2, 7, 3], offsets=[None, (0, 3), None]).text_token_mask
    [0, 1, 0]

    ```
    """

    input_ids: list[int]
    offsets: list[tuple[int, int] | None]
    mention_spans: list[tuple[int, int]] = field(default_factory=list)
    mentions: list[int] = field(default_factory=list)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    pair_entities: list[tuple[int, int]] = field(default_factory=list)
    mention_entities: list[int] = field(default_factory=list)
    document: int = 0
    token_type_ids: list[int] | None = None
    complete: bool = True

    @property
    def length(self) -> int:
        """Number of tokens, special tokens and markers included."""
        return len(self.input_ids)

    @property
    def text_token_mask(self) -> list[int]:
        """1 for tokens of the text, 0 for special tokens and markers."""
        return [0 if characters is None else 1 for characters in self.offsets]
