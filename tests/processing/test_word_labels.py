"""Labels of words on pieces: every word once, at its first piece, in every script, however long the sentence is."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.processing import align_word_labels
from tests.common.tiny_tokenizers import TOKENIZER_KINDS, tiny_tokenizer


SENTENCES = {
    "English": ["The", "New", "York", "mayor", "'s", "harbour-town", "[SEP]", "</s>", "x" * 12],
    "Chinese": ["科", "技", "，", "全", "方", "位", "资", "讯", "\ufffd\ufffd"],
    "Japanese": ["南アフリカ", "共和", "国", "ダーバン", "は", "\u3000", "、", "「", "行っ", "た", "。"],
    "Arabic": ["وَ", "كَتَبَ", "\u064e", "الكِتَابَ", "\u200f", "العربيّة", "."],
    "Hebrew": ["שָׁלוֹם", "ב", "ה", "בית", "\u05b8", "ארה״ב", "\u200b", "!"],
}  # fmt: skip


@pytest.mark.parametrize("kind", TOKENIZER_KINDS)
@pytest.mark.parametrize("words", SENTENCES.values(), ids=SENTENCES)
@pytest.mark.parametrize("max_length", [None, 16])
def test_every_word_is_labelled_once(kind: str, words: list[str], max_length: int | None) -> None:
    tokenizer = tiny_tokenizer(kind)
    if max_length is not None and kind == "roberta":
        max_length = 40  # a Japanese word has many bytes
    labels = list(range(10, 10 + len(words)))
    windows = align_word_labels(tokenizer, words, labels, max_length=max_length)
    everywhere = align_word_labels(tokenizer, words, labels, max_length=max_length, label_all_pieces=True)
    labelled = []
    special = {tokenizer.cls_token_id, tokenizer.sep_token_id}
    for window, full in zip(windows, everywhere, strict=True):
        size = len(window.input_ids)
        assert size == len(window.labels) == len(window.word_ids) <= (max_length or tokenizer.model_max_length)
        assert (window.input_ids, window.word_ids) == (full.input_ids, full.word_ids)
        assert window.word_ids[0] is window.word_ids[-1] is None
        assert (window.input_ids[0], window.input_ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
        assert special.isdisjoint(window.input_ids[1:-1])
        before = None
        for label, full_label, word in zip(window.labels, full.labels, window.word_ids, strict=True):
            assert full_label == (-100 if word is None else labels[word])
            assert label == (full_label if word != before else -100)
            if label != -100:
                labelled.append((word, label))
            before = word
    assert labelled == list(enumerate(labels))


@pytest.mark.parametrize("kind", TOKENIZER_KINDS)
def test_the_pieces_are_those_of_the_running_text(kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    words = "the engineer signed the papers near the harbour".split()
    (window,) = align_word_labels(tokenizer, words, [0] * len(words))
    text = " the engineer signed the papers near the harbour" if kind == "roberta" else " ".join(words)
    encoding = tokenizer(text)
    assert window.input_ids == encoding["input_ids"]
    assert window.token_type_ids == encoding.get("token_type_ids")


def test_byte_level_words_have_a_space_before_them_either_way() -> None:
    plain = tiny_tokenizer("roberta")
    spaced = copy.deepcopy(plain)
    spaced.backend_tokenizer.pre_tokenizer = type(plain.backend_tokenizer.pre_tokenizer)(add_prefix_space=True)
    words = ["met", "北京", "poet"]
    (one,), (other,) = (align_word_labels(tokenizer, words, [1, 2, 3]) for tokenizer in (plain, spaced))
    assert one == other


def test_words_that_vanish_stand_as_the_unknown_token() -> None:
    tokenizer = tiny_tokenizer("bert")
    words = ["the", "\u200b", "\u0301", " ", "river"]
    assert tokenizer(words, is_split_into_words=True, add_special_tokens=False).word_ids().count(1) == 0
    (window,) = align_word_labels(tokenizer, words, [1, 2, 3, 4, 5])
    unknown = [
        word for word, token in zip(window.word_ids, window.input_ids, strict=True) if token == tokenizer.unk_token_id
    ]
    assert unknown == [1, 2, 3] and [label for label in window.labels if label != -100] == [1, 2, 3, 4, 5]
    tokenizer.unk_token = None
    with pytest.raises(InvalidRowError, match="row 1: .* makes no pieces of the word .* no unknown token"):
        align_word_labels(tokenizer, words, None)


def test_windows_are_full_and_whole() -> None:
    tokenizer = tiny_tokenizer("bert")
    windows = align_word_labels(tokenizer, ["the"] * 301, np.arange(301), max_length=102)
    assert [len(window.input_ids) for window in windows] == [102, 102, 102, 3]
    assert [word for window in windows for word in window.word_ids if word is not None] == list(range(301))


def test_a_word_that_alone_is_too_long_keeps_its_first_pieces_where_that_is_wanted() -> None:
    tokenizer = tiny_tokenizer("bert")
    words, labels = ["the", "z" * 30, "the"], [1, 2, 1]
    pieces = [len(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in words]
    assert pieces[1] > 8
    with pytest.raises(InvalidRowError, match="pieces"):
        align_word_labels(tokenizer, words, labels, max_length=8)
    windows = align_word_labels(tokenizer, words, labels, max_length=8, cut_long_words=True)
    whole = align_word_labels(tokenizer, words, labels, max_length=64)[0]
    first = whole.word_ids.index(1)
    assert [window.num_cut for window in windows] == [0, 1, 0]
    assert windows[1].input_ids[1:-1] == whole.input_ids[first : first + 6]
    assert [label for window in windows for label in window.labels if label != -100] == labels


def test_without_labels_and_with_words_that_are_not_scored() -> None:
    tokenizer = tiny_tokenizer("bert")
    (window,) = align_word_labels(tokenizer, ["the", "river"], None)
    assert set(window.labels) == {-100}
    (window,) = align_word_labels(tokenizer, ["the", "river"], [-100, 4])
    assert [label for label in window.labels if label != -100] == [4]


@pytest.mark.parametrize(
    ("words", "labels", "reason"),
    [
        ([], [], "at least one word"),
        ("the", [0, 0, 0], "at least one word"),
        (["the", ""], [0, 0], "row 1: a word must be a string that is not empty"),
        (["the", None], [0, 0], "row 1: a word must be a string"),
        (["the"], [0, 1], "there are 1 words and 2 labels"),
        (["the"], [-1], "row 0: the label -1 is no id"),
        (["the"], ["O"], "row 0: the label 'O' is no id"),
        (["the"], [True], "row 0: the label True is no id"),
        (["the", "y" * 60], [0, 0], "row 1: the word 'y+' has .* pieces, and a window has room for 6"),
    ],
)
def test_bad_rows(words: Any, labels: Any, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=reason):
        align_word_labels(tiny_tokenizer("xlm-roberta"), words, labels, max_length=8)


def test_bad_arguments() -> None:
    tokenizer = tiny_tokenizer("bert")
    for length in (2, 1_000, 7.5):
        with pytest.raises(UsageError, match="max_length"):
            align_word_labels(tokenizer, ["the"], [0], max_length=length)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="fast tokenizer"):
        align_word_labels("bert-base-cased", ["the"], [0])  # type: ignore[arg-type]
