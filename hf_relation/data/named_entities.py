"""Named entities of WNUT-17, Weibo (Chinese) and IOB2Corpus (Japanese)."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .conll_columns import read_conll_columns
from .task_schema import TaggedSentence


SENTENCE_ENDS = "。！？!?"
"""Characters that end a Japanese sentence."""

_CLOSING = "」』）)】〉》”’"


def read_wnut17(path: str | os.PathLike[str]) -> Iterator[TaggedSentence]:
    """Read a file of WNUT-17's shared task: `token<TAB>tag`, six types.

    Args:
        path (`str` or `PathLike`): such as `wnut17train.conll` or `emerging.test.annotated`.

    Yields:
        `TaggedSentence`: IOB2 with the types as they stand; [`to_misc`] gives them CoNLL's.

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: a line is not of this format; the message has its number.

    Reference:
        Derczynski et al., "Results of the WNUT2017 Shared Task on Novel and Emerging Entity Recognition", W-NUT 2017.
    """
    return read_conll_columns(path, prefix="wnut17")


def read_weibo_ner(path: str | os.PathLike[str]) -> Iterator[TaggedSentence]:
    """Read a file of Weibo messages, one character a line with its place in the segmented word: `科0<TAB>O`.

    The digit is taken off. A character outside of Unicode's basic plane stands as two replacement characters in upstream's
    files; they stay.

    Args:
        path (`str` or `PathLike`): such as `weiboNER_2nd_conll.train`.

    Yields:
        `TaggedSentence`: IOB2 with types such as `"PER.NAM"` (a name) and `"PER.NOM"` (a noun that stands for one).

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: a line is not of this format, such as a token without its digit; the message has its number.

    Reference:
        Peng and Dredze, "Named Entity Recognition for Chinese Social Media with Jointly Trained Embeddings", EMNLP 2015; He
        and Sun, "F-Score Driven Max Margin Neural Network for Named Entity Recognition in Chinese Social Media", EACL 2017.
    """
    return read_conll_columns(path, prefix="weibo_ner", token=_without_place)


def read_iob2corpus(path: str | os.PathLike[str], *, split_sentences: bool = True) -> Iterator[TaggedSentence]:
    """Read a file of Hironsan's IOB2Corpus: `hironsan.txt` (the tag is the last column) or `ja.wikipedia.conll`.

    Args:
        path (`str` or `PathLike`): the file.
        split_sentences (`bool`): split blocks between blank lines into sentences, see [`split_at_sentence_ends`]: those of
            `ja.wikipedia.conll` are whole paragraphs.

    Yields:
        `TaggedSentence`: IOB2; a piece behind the first of its block has `+1`, `+2` ... behind the block's id.

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: a line is not of this format; the message has its number.
    """
    rows = read_conll_columns(path, prefix="iob2corpus")
    return (piece for row in rows for piece in split_at_sentence_ends(row)) if split_sentences else rows


def split_at_sentence_ends(row: TaggedSentence, *, ends: str = SENTENCE_ENDS) -> list[TaggedSentence]:
    """Split a long block of tokens into sentences.

    A sentence ends behind a token whose last character, closing brackets and quotes aside, is one of `ends`; tokens that
    are closing brackets, quotes or such ends alone go with it. No entity is split: where one goes on, so does the sentence.
    Every token is in exactly one piece.

    Args:
        row (`TaggedSentence`): IOB2.
        ends (`str`): characters that end a sentence.

    Returns:
        `list[TaggedSentence]`: at least one; the first has the row's id, the others `+1`, `+2` ... behind it.

    Example:

    ```python
    >>> from hf_relation.data import split_at_sentence_ends
    >>> row = {"id": "a", "tokens": ["「", "行く", "。", "」", "彼", "。"], "tags": ["O"] * 6}
    >>> [piece["tokens"] for piece in split_at_sentence_ends(row)]
    [['「', '行く', '。', '」'], ['彼', '。']]

    ```
    """
    tokens, tags = row["tokens"], row["tags"]
    starts = [0]
    ended = False
    for position, token in enumerate(tokens):
        bare = token.strip().rstrip(_CLOSING)
        if ended and bare.strip(ends) and not tags[position].startswith("I-"):
            starts.append(position)
            ended = False
        ended = bare.endswith(tuple(ends)) or (ended and not bare)
    return [
        {
            "id": f"{row['id']}+{number}" if number else row["id"],
            "tokens": tokens[start:end],
            "tags": tags[start:end],
        }
        for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(tokens)], strict=True))
    ]


def _without_place(token: str) -> str:
    if len(token) < 2 or token[-1] not in "0123456789":
        raise ValueError(f"{token[:20]!r} is not a character with the digit of its place in the word behind it.")
    return token[:-1]
