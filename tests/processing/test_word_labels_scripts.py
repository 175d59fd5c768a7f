"""Labels on the pieces of Chinese, Japanese, Arabic and Hebrew words, with a vocabulary so small that pieces can be told by hand."""

from __future__ import annotations

import pytest
from transformers import BertTokenizerFast

from hf_relation.processing import align_word_labels


PIECES = "北 京 在 大 东 ラー ##メン を 食べ ##た ##る و ##ال ##كتاب كتاب ##ه قر ##أ של ##ום ה ##בית ארה . ,"
VOCABULARY = {piece: number for number, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *PIECES.split()])}

# Words, and the pieces of each: the first has the label. A Chinese character is a word of its own to BERT, so that the second one
# of a word begins without ##; kana, Arabic and Hebrew letters go on with it. A Hebrew gershayim is punctuation, which splits.
CASES = {
    "Chinese": [("北京", ["北", "京"]), ("在", ["在"]), ("大", ["大"]), ("龘", ["[UNK]"]), ("东北", ["东", "北"])],
    "Japanese": [("ラーメン", ["ラー", "##メン"]), ("を", ["を"]), ("食べた", ["[UNK]", "[UNK]"]), ("\u3000", ["[UNK]"])],
    "Arabic": [("والكتاب", ["و", "##ال", "##كتاب"]), ("كتابه", ["كتاب", "##ه"]), ("قرأ", ["قر", "##أ"]), ("\u064e", ["[UNK]"])],
    "Arabic with vowels": [("كِتَابُه", ["[UNK]"]), ("\u200f", ["[UNK]"]), (".", ["."])],
    "Hebrew": [("שלום", ["של", "##ום"]), ("הבית", ["ה", "##בית"]), ("ארה״ב", ["ארה", "[UNK]", "[UNK]"]), (",", [","])],
}  # fmt: skip


def tokenizer(**settings):
    return BertTokenizerFast(vocab=VOCABULARY, do_lower_case=False, model_max_length=64, **settings)


@pytest.mark.parametrize("script", CASES)
def test_the_first_piece_of_every_word_has_its_label(script):
    words, pieces = zip(*CASES[script], strict=True)
    labels = list(range(1, 1 + len(words)))
    (window,) = align_word_labels(tokenizer(), words, labels)
    expected = [
        (piece, label if place == 0 else -100)
        for label, own in zip(labels, pieces, strict=True)
        for place, piece in enumerate(own)
    ]
    found = tokenizer().convert_ids_to_tokens(window.input_ids)
    assert list(zip(found, window.labels, strict=True)) == [("[CLS]", -100), *expected, ("[SEP]", -100)]
    assert window.word_ids[1:-1] == [number for number, own in enumerate(pieces) for _ in own]


@pytest.mark.parametrize("word, plain", [("כָּתַב", "כתב"), ("كِتَابُ", "كتاب"), ("שָׁלוֹם", "שלום")])
def test_vowel_points_that_a_tokenizer_strips_move_no_label(word, plain):
    vocabulary = VOCABULARY | {"כתב": len(VOCABULARY)}
    stripping = BertTokenizerFast(vocab=vocabulary, do_lower_case=True, model_max_length=64)
    one, other = (align_word_labels(stripping, [".", given, ","], [5, 6, 7]) for given in (word, plain))
    assert one == other and one[0].labels[:3] == [-100, 5, 6] and one[0].labels[-2:] == [7, -100]
    assert stripping.unk_token_id not in one[0].input_ids


@pytest.mark.parametrize("script", CASES)
def test_windows_cut_between_words_only(script):
    words, pieces = zip(*CASES[script], strict=True)
    labels = list(range(1, 1 + len(words)))
    longest = max(map(len, pieces))
    windows = align_word_labels(tokenizer(), words * 3, labels * 3, max_length=longest + 2)
    assert [label for window in windows for label in window.labels if label != -100] == labels * 3
    inside = [token for window in windows for token in window.input_ids[1:-1]]
    assert tokenizer().convert_ids_to_tokens(inside) == [piece for own in pieces * 3 for piece in own]
    assert all(len(window.input_ids) <= longest + 2 and window.word_ids[0] is None for window in windows)
