"""Texts to tokens with character offsets, and what a tokenizer puts around a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from hf_relation.errors import UsageError
from hf_relation.processing.alignment import TextTokens, spell_out_special_tokens


_MAX_DEFAULT_LENGTH = 512


@dataclass(frozen=True)
class Wrapping:
    """The special tokens that a tokenizer puts around one text, found by encoding a probe.

    Args:
        prefix (`list[int]`): ids before the text.
        suffix (`list[int]`): ids after the text.
        token_types (`tuple[list[int], int, list[int]]`, *optional*): token types of prefix, text and suffix; `None` for
            tokenizers that make none.

    Example:

    ```python
    >>> from hf_relation.processing.tokenizing import Wrapping
    >>> Wrapping(prefix=[2], suffix=[3]).size
    2

    ```
    """

    prefix: list[int]
    suffix: list[int]
    token_types: tuple[list[int], int, list[int]] | None = None

    @property
    def size(self) -> int:
        """How many special tokens a text gets."""
        return len(self.prefix) + len(self.suffix)


def check_tokenizer(tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse tokenizers without character offsets, without a padding token, or without a vocabulary.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): the tokenizer.

    Raises:
        UsageError: not a tokenizer, a slow one, one without padding token, or one that knows no word; the message says what
            to do.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise UsageError(
            f"`tokenizer` must be a fast tokenizer of transformers, got {type(tokenizer).__name__}. "
            "Load one with AutoTokenizer.from_pretrained(...)."
        )
    if not tokenizer.is_fast:
        raise UsageError(
            f"{type(tokenizer).__name__} is a slow (pure Python) tokenizer: it gives no character offsets, so mentions "
            "cannot be found in its tokens. Use a fast tokenizer (`tokenizer.is_fast`), for instance the one "
            "AutoTokenizer.from_pretrained(...) gives for a folder with a tokenizer.json."
        )
    if tokenizer.pad_token_id is None:
        raise UsageError(
            f"{type(tokenizer).__name__} has no padding token. Set one first, for instance "
            "tokenizer.pad_token = tokenizer.eos_token."
        )
    if len(tokenizer) <= len(
        set(tokenizer.all_special_ids)
    ):  # what transformers makes of a folder without a vocabulary
        raise UsageError(
            f"{type(tokenizer).__name__} knows no word: it has its {len(tokenizer)} special tokens only. Is there a "
            "tokenizer.json (or a vocabulary) beside the encoder? Save one there with tokenizer.save_pretrained(folder)."
        )


def probe_wrapping(tokenizer: PreTrainedTokenizerBase) -> Wrapping:
    """Find the special tokens around a text.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): a fast tokenizer.

    Returns:
        `Wrapping`: ids and token types before and after a text.

    Raises:
        UsageError: the special tokens do not stand before and after the text.

    Example:

    ```python
    >>> from hf_relation.processing.tokenizing import probe_wrapping
    >>> from transformers import BertTokenizerFast
    >>> vocab = {token: i for i, token in enumerate("[PAD] [UNK] [CLS] [SEP] [MASK] a".split())}
    >>> probe_wrapping(BertTokenizerFast(vocab=vocab))
    Wrapping(prefix=[2], suffix=[3], token_types=([0], 0, [0]))

    ```
    """
    encoding = tokenizer(
        "a",
        add_special_tokens=True,
        split_special_tokens=True,
        return_special_tokens_mask=True,
        truncation=False,
        padding=False,
        verbose=False,
    )
    special = encoding["special_tokens_mask"]
    text_positions = [i for i, flag in enumerate(special) if not flag]
    if not text_positions or any(special[text_positions[0] : text_positions[-1] + 1]):
        raise UsageError(
            f"{type(tokenizer).__name__} does not put its special tokens before and after a text (special token mask of "
            f"the text 'a': {special}). Such a tokenizer is not supported."
        )
    first, end = text_positions[0], text_positions[-1] + 1
    ids, types = encoding["input_ids"], encoding.get("token_type_ids")
    return Wrapping(
        prefix=ids[:first],
        suffix=ids[end:],
        token_types=None if types is None else (types[:first], types[first], types[end:]),
    )


def tokenize_texts(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[TextTokens]:
    """Tokenize whole texts without special tokens; special token strings inside a text stay text.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): a fast tokenizer.
        texts (`Sequence[str]`): the texts; may be none.

    Returns:
        `list[TextTokens]`: ids and character offsets of each text.

    Example:

    ```python
    >>> from hf_relation.processing.tokenizing import tokenize_texts
    >>> from transformers import BertTokenizerFast
    >>> vocab = {token: i for i, token in enumerate("[PAD] [UNK] [CLS] [SEP] [MASK] a [ ]".split())}
    >>> tokenizer = BertTokenizerFast(vocab=vocab)
    >>> tokens = tokenize_texts(tokenizer, ["a [SEP]"])[0]
    >>> tokenizer.convert_ids_to_tokens(tokens.ids), tokens.offsets
    (['a', '[', '[UNK]', ']'], [(0, 1), (2, 3), (3, 6), (6, 7)])

    ```
    """
    if not texts:
        return []
    encodings = tokenizer(
        list(texts),
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        truncation=False,
        padding=False,
        verbose=False,
    )
    special_ids = frozenset(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    return [
        spell_out_special_tokens(
            TextTokens(ids, offsets), text, special_ids, tokenizer.unk_token_id, tokenizer.convert_tokens_to_ids
        )
        for text, ids, offsets in zip(texts, encodings["input_ids"], encodings["offset_mapping"], strict=True)
    ]


def tokenize_in_pieces(tokenizer: PreTrainedTokenizerBase, text: str, cuts: Sequence[int]) -> TextTokens:
    """Tokenize the stretches of a text between given positions one by one, so that no token crosses a position.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): a fast tokenizer.
        text (`str`): the text.
        cuts (`Sequence[int]`): increasing character positions inside the text.

    Returns:
        `TextTokens`: the tokens of all pieces; offsets count from the start of the text.

    Example:

    ```python
    >>> from hf_relation.processing.tokenizing import tokenize_in_pieces
    >>> from transformers import BertTokenizerFast
    >>> vocab = {token: i for i, token in enumerate("[PAD] [UNK] [CLS] [SEP] [MASK] the river theriver".split())}
    >>> tokenize_in_pieces(BertTokenizerFast(vocab=vocab), "theriver", [3]).offsets
    [(0, 3), (3, 8)]

    ```
    """
    edges = [0, *cuts, len(text)]
    stretches = list(zip(edges[:-1], edges[1:], strict=True))
    pieces = tokenize_texts(tokenizer, [text[a:b] for a, b in stretches])
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    for (start, _), piece in zip(stretches, pieces, strict=True):
        ids.extend(piece.ids)
        offsets.extend((a + start, b + start) for a, b in piece.offsets)
    return TextTokens(ids, offsets)


def checked_max_length(max_length: int | None, tokenizer_limit: int, least: int) -> int:
    """Check the longest input in tokens, or choose it.

    Args:
        max_length (`int`, *optional*): as given; `None` for the tokenizer's limit, at most 512.
        tokenizer_limit (`int`): what the tokenizer says its model takes (a huge number where it says nothing).
        least (`int`): tokens that the smallest input takes.

    Returns:
        `int`: the longest input.

    Raises:
        UsageError: not an integer, or out of range.
    """
    if max_length is None:
        # A tokenizer without a limit says so with a huge number.
        max_length = int(min(tokenizer_limit, _MAX_DEFAULT_LENGTH))
    elif isinstance(max_length, bool) or not isinstance(max_length, int):
        raise UsageError(f"`max_length` must be an integer or None, got {max_length!r}.")
    if max_length < least:
        raise UsageError(
            f"`max_length` must be at least {least} (special tokens, markers and one token for each mention), "
            f"got {max_length}."
        )
    if max_length > tokenizer_limit:
        raise UsageError(
            f"`max_length` is {max_length}, but the tokenizer says that its model takes {tokenizer_limit} tokens "
            "(`tokenizer.model_max_length`). Lower `max_length`, or raise `tokenizer.model_max_length` if the model "
            "takes more."
        )
    return max_length
