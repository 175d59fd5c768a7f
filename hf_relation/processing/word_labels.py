"""Labels of words on the pieces that a tokenizer makes of them, in as many windows as a sentence needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from hf_relation.errors import InvalidRowError
from hf_relation.processing.alignment import TextTokens, spell_out_special_tokens
from hf_relation.processing.tokenizing import check_tokenizer, checked_max_length, probe_wrapping


IGNORED_LABEL = -100


class LabelledWindow(NamedTuple):
    """One input of a tagger: a sentence, or the part of a long one that fits.

    Args:
        input_ids (`list[int]`): with the special tokens around.
        labels (`list[int]`): one per id, -100 at special tokens and (unless all pieces are labelled) behind a word's first piece.
        word_ids (`list[int | None]`): for each id the position of its word in the whole sentence, `None` at special tokens.
        token_type_ids (`list[int]` or `None`): for tokenizers that make some.
        num_cut (`int`): words that lost their end, with `cut_long_words`.
    """

    input_ids: list[int]
    labels: list[int]
    word_ids: list[int | None]
    token_type_ids: list[int] | None
    num_cut: int = 0


def align_word_labels(
    tokenizer: PreTrainedTokenizerBase,
    tokens: Sequence[str],
    labels: Sequence[int] | None,
    *,
    label_all_pieces: bool = False,
    max_length: int | None = None,
    cut_long_words: bool = False,
) -> list[LabelledWindow]:
    """Tokenize the words of a sentence and put each word's label on its first piece.

    **Nothing is cut off**: a sentence that is too long becomes several windows, filled with whole words in order, so every
    word is in exactly one. **No word is lost**: one of which the tokenizer makes nothing (white space, control characters,
    accents alone) stands as the unknown token, so every word has a label to learn and a place to predict it. Letters of a
    word that spell a special token (`[SEP]`) stay letters.

    Each word is read as if a space stood before it, also by byte-level tokenizers (RoBERTa's) loaded without
    `add_prefix_space=True`.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): a fast tokenizer.
        tokens (`Sequence[str]`): the words, such as the `tokens` of a `TaggedSentence`; at least one, none empty.
        labels (`Sequence[int]`, *optional*): one id per word, 0 or more, or -100 for words that are not scored; without them
            (prediction) all labels are -100.
        label_all_pieces (`bool`, defaults to `False`): the further pieces of a word get its label too.
        max_length (`int`, *optional*): longest window in pieces, special tokens included; by default what the tokenizer
            says its model takes, at most 512.
        cut_long_words (`bool`, defaults to `False`): a word that alone does not fit, such as an address of a web page, keeps
            its first pieces, and `num_cut` of its window counts it; by default it is an error.

    Returns:
        `list[LabelledWindow]`: at least one.

    Raises:
        UsageError: a slow tokenizer, or a `max_length` that is out of range.
        InvalidRowError: no words, an empty one, not one label per word, a label below 0 that is not -100, or a word that
            alone does not fit; `.index` is the word's position.

    Example:

    ```python
    >>> from hf_relation.processing import align_word_labels
    >>> from transformers import BertTokenizerFast
    >>> vocab = {token: i for i, token in enumerate("[PAD] [UNK] [CLS] [SEP] [MASK] ada walk ##ing".split())}
    >>> align_word_labels(BertTokenizerFast(vocab=vocab), ["Ada", "walking"], [1, 0])[0].labels
    [-100, 1, 0, -100, -100]
    >>> for window in align_word_labels(BertTokenizerFast(vocab=vocab), ["Ada", "\\u200b", "walk"], [1, 2, 0], max_length=4):
    ...     print(window.input_ids, window.labels, window.word_ids)
    [2, 5, 1, 3] [-100, 1, 2, -100] [None, 0, 1, None]
    [2, 6, 3] [-100, 0, -100] [None, 2, None]

    ```

    Reference:
        Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", NAACL 2019 (section
        5.3: the first piece stands for the word).
    """
    check_tokenizer(tokenizer)
    words, given = list(tokens), _checked(tokens, labels)
    wrapping = probe_wrapping(tokenizer)
    limit = checked_max_length(max_length, tokenizer.model_max_length, wrapping.size + 1) - wrapping.size
    pieces = pieces_of_words(tokenizer, words)
    whole = [len(each) for each in pieces]
    if cut_long_words:
        pieces = [each[:limit] for each in pieces]
    windows: list[LabelledWindow] = []
    for start, end in _ranges(words, pieces, limit):
        ids, marks = list(wrapping.prefix), [IGNORED_LABEL] * len(wrapping.prefix)
        places: list[int | None] = [None] * len(wrapping.prefix)
        for word in range(start, end):
            rest = given[word] if label_all_pieces else IGNORED_LABEL
            ids += pieces[word]
            marks += [given[word], *[rest] * (len(pieces[word]) - 1)]
            places += [word] * len(pieces[word])
        inside = len(ids) - len(wrapping.prefix)
        ids += wrapping.suffix
        marks += [IGNORED_LABEL] * len(wrapping.suffix)
        places += [None] * len(wrapping.suffix)
        types = wrapping.token_types
        windows.append(
            LabelledWindow(
                ids,
                marks,
                places,
                None if types is None else [*types[0], *[types[1]] * inside, *types[2]],
                sum(whole[word] > len(pieces[word]) for word in range(start, end)),
            )
        )
    return windows


def pieces_of_words(tokenizer: PreTrainedTokenizerBase, words: Sequence[str]) -> list[list[int]]:
    """The pieces of each word, see [`align_word_labels`].

    Args:
        tokenizer (`PreTrainedTokenizerBase`): a fast tokenizer.
        words (`Sequence[str]`): none empty.

    Returns:
        `list[list[int]]`: ids for each word, at least one.

    Raises:
        InvalidRowError: the tokenizer makes nothing of a word and has no unknown token; `.index` is the word's position.
    """
    given = [f" {word}" for word in words] if _needs_spaces(tokenizer) else list(words)
    encoding = tokenizer(
        given,
        is_split_into_words=True,
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=True,
        truncation=False,
        padding=False,
        verbose=False,
    )
    ids: list[list[int]] = [[] for _ in words]
    offsets: list[list[tuple[int, int]]] = [[] for _ in words]
    for word, token_id, offset in zip(
        encoding.word_ids(), encoding["input_ids"], encoding["offset_mapping"], strict=True
    ):
        ids[word].append(token_id)
        offsets[word].append(offset)
    unknown = tokenizer.unk_token_id
    special = frozenset(tokenizer.all_special_ids) - {unknown}
    for index, text in enumerate(given):
        if not special.isdisjoint(ids[index]):
            found = TextTokens(ids[index], offsets[index])
            ids[index] = spell_out_special_tokens(found, text, special, unknown, tokenizer.convert_tokens_to_ids).ids
        if not ids[index]:
            if unknown is None:
                raise InvalidRowError(
                    f"{type(tokenizer).__name__} makes no pieces of the word {words[index][:40]!r} and has no unknown token to "
                    "put in its place. Leave the word out.",
                    index=index,
                )
            ids[index] = [unknown]
    return ids


def _needs_spaces(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a word handed over alone is read as the inside of one: byte-level BPE without `add_prefix_space`."""
    options = {"add_special_tokens": False, "verbose": False}
    running: list[int] = tokenizer("a a", **options)["input_ids"]
    split: list[int] = tokenizer(["a", "a"], is_split_into_words=True, **options)["input_ids"]
    return running != split


def _checked(tokens: Sequence[str], labels: Sequence[int] | None) -> list[int]:
    if isinstance(tokens, str) or not len(tokens):
        raise InvalidRowError(f"a list of at least one word is needed, got {tokens!r:.60}.")
    for index, token in enumerate(tokens):
        if not isinstance(token, str) or not token:
            raise InvalidRowError(f"a word must be a string that is not empty, got {token!r:.60}.", index=index)
    if labels is None:
        return [IGNORED_LABEL] * len(tokens)
    if len(labels) != len(tokens):
        raise InvalidRowError(f"there are {len(tokens)} words and {len(labels)} labels. Every word needs one label.")
    found = []
    for index, label in enumerate(labels):
        try:
            number = label.__index__()
        except AttributeError:
            number = -1
        if isinstance(label, bool) or (number < 0 and number != IGNORED_LABEL):
            raise InvalidRowError(
                f"the label {label!r:.40} is no id: a whole number from 0, or {IGNORED_LABEL} for a word that is not scored.",
                index=index,
            )
        found.append(number)
    return found


def _ranges(words: Sequence[str], pieces: Sequence[Sequence[int]], limit: int) -> list[tuple[int, int]]:
    """Words of each window, end exclusive: each takes as many as fit."""
    ranges: list[tuple[int, int]] = []
    start = size = 0
    for word, found in enumerate(pieces):
        if len(found) > limit:
            raise InvalidRowError(
                f"the word {words[word][:40]!r} has {len(found)} pieces, and a window has room for {limit}. Raise `max_length`, "
                "or shorten or leave out the word.",
                index=word,
            )
        if size + len(found) > limit:
            ranges.append((start, word))
            start, size = word, 0
        size += len(found)
    return [*ranges, (start, len(pieces))]
