"""Whole-word tokenizer: splitting, offsets, unknown words, and its way through the processor."""

import logging
from collections import Counter

import numpy as np
import pytest
from transformers import AutoTokenizer, BertTokenizerFast

from hf_relation.errors import UsageError
from hf_relation.processing import RelationProcessor, build_word_tokenizer, count_words
from hf_relation.processing.tokenizing import probe_wrapping
from tests.common.tiny_tokenizers import make_instance, sample_instances


def texts():
    return [row["text"] for row in sample_instances(20)]


def test_ids_are_padding_unknown_then_the_words_in_order():
    tokenizer = build_word_tokenizer(["sea", "river"])
    assert tokenizer.convert_tokens_to_ids(["[PAD]", "[UNK]", "sea", "river"]) == [0, 1, 2, 3]
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id, len(tokenizer)) == (0, 1, 4)
    assert tokenizer.is_fast and tokenizer.model_max_length > 10**6


def test_no_token_stands_around_a_text():
    wrapping = probe_wrapping(build_word_tokenizer(["sea"]))
    assert (wrapping.prefix, wrapping.suffix, wrapping.token_types) == ([], [], None)


def test_offsets_point_at_the_words_whatever_the_letters():
    text = "The \u0130zmir caf\u00e9, cafe\u0301 and 王小明 (don't) 🚀 ship."
    tokenizer = build_word_tokenizer(["the", "caf\u00e9", "ship", "don", "t"])
    encoded = tokenizer(text, return_offsets_mapping=True)
    pieces = [text[a:b] for a, b in encoded["offset_mapping"]]
    assert pieces[:4] == ["The", "\u0130zmir", "caf\u00e9", ","]
    assert pieces[5:] == ["and", "王", "小", "明", "(", "don", "'", "t", ")", "🚀", "ship", "."]


def test_accents_count_and_composed_and_decomposed_letters_are_one_word():
    tokenizer = build_word_tokenizer(["caf\u00e9"])
    assert tokenizer("caf\u00e9 cafe\u0301 cafe").input_ids == [2, 2, 1]


def test_splits_as_bert_does_before_word_pieces():
    vocabulary = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])}
    bert = BertTokenizerFast(vocab=vocabulary, do_lower_case=True, strip_accents=False)
    ours = build_word_tokenizer(["x"])
    for text in texts():
        spans = bert(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        assert ours(text, return_offsets_mapping=True)["offset_mapping"] == spans


def test_letter_case_is_the_callers_choice(caplog):
    assert build_word_tokenizer(["sea"])("Sea SEA").input_ids == [2, 2]
    assert build_word_tokenizer(["sea", "Sea"], lowercase=False)("Sea sea SEA").input_ids == [3, 2, 1]
    with caplog.at_level(logging.WARNING):
        build_word_tokenizer(["sea", "Sea", "USA"])
    assert "2 of 3 words hold capital letters" in caplog.text


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "at least one word"),
        ("sea", "at least one word"),
        (["sea", "sea"], r"words\[1\].*occurs before, at 0"),
        (["[UNK]"], "reserved"),
        (["sea", ""], r"words\[1\].*not empty"),
        ([3], r"words\[0\].*string"),
    ],
)
def test_bad_vocabularies_are_refused(words, message):
    with pytest.raises(UsageError, match=message):
        build_word_tokenizer(words)


def test_every_mention_has_a_token_and_masks_are_right():
    processor = RelationProcessor(build_word_tokenizer(["was", "born", "in"]), marker_policy="none", max_length=120)
    row = make_instance("<h>Ada Brenner</h> was born in <t>Lindau</t>.")
    encoded = processor.encode([row])[0]
    assert encoded.input_ids == [1, 1, 2, 3, 4, 1, 1]
    assert encoded.head_token_mask == [1, 1, 0, 0, 0, 0, 0]
    assert encoded.tail_token_mask == [0, 0, 0, 0, 0, 1, 0]
    assert encoded.between_token_mask == [0, 0, 1, 1, 1, 0, 0]
    for encoded in processor.encode(sample_instances(20)):
        assert sum(encoded.head_token_mask) and sum(encoded.tail_token_mask)


def test_special_token_strings_in_a_text_stay_text():
    processor = RelationProcessor(build_word_tokenizer(["pad", "[", "]"]), marker_policy="none")
    row = make_instance("A [PAD] and <h>[UNK]</h> and <t>[PAD]</t>")
    assert 0 not in processor.encode([row])[0].input_ids


def test_adjacent_mentions_inside_one_word_are_cut_apart():
    processor = RelationProcessor(build_word_tokenizer(["upper"]), marker_policy="none")
    encoded = processor.encode([make_instance("<h>Upper</h><t>lake</t>")])[0]
    assert (encoded.input_ids, encoded.head_token_mask, encoded.tail_token_mask) == ([2, 1], [1, 0], [0, 1])


@pytest.mark.parametrize("lowercase", [True, False])
def test_saved_and_loaded_it_is_the_same(tmp_path, lowercase):
    tokenizer = build_word_tokenizer(count_words(texts(), lowercase=lowercase), lowercase=lowercase)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again(texts())["input_ids"] == tokenizer(texts())["input_ids"]
    assert (again.pad_token_id, again.unk_token_id, again.is_fast) == (0, 1, True)


def test_processor_saved_and_loaded_gives_the_same_batch(tmp_path):
    tokenizer = build_word_tokenizer(count_words(texts(), min_count=2))
    processor = RelationProcessor(tokenizer, marker_policy="none", max_length=120)
    processor.save_pretrained(tmp_path)
    again = RelationProcessor.from_pretrained(tmp_path)
    assert (again.marker_policy, again.max_length) == ("none", 120)
    one, two = processor(sample_instances(12)), again(sample_instances(12))
    assert one.keys() == two.keys() and all(np.array_equal(one[key], two[key]) for key in one)
    assert "token_type_ids" not in one


def test_count_words_counts_what_the_tokenizer_splits():
    words = count_words(texts())
    tokenizer = build_word_tokenizer(words)
    assert all(1 not in ids for ids in tokenizer(texts())["input_ids"])
    counts = Counter(token for text in texts() for token in tokenizer.tokenize(text))
    assert words == sorted(counts, key=lambda word: (-counts[word], word))


def test_count_words_limits_and_letter_case():
    corpus = ["b a", "A c", "c b"]
    assert count_words(corpus) == ["a", "b", "c"]
    assert count_words(iter(corpus), lowercase=False) == ["b", "c", "A", "a"]
    assert count_words(corpus, max_words=2) == ["a", "b"]
    assert count_words([], min_count=2) == []
    assert count_words(["[PAD] [UNK]"]) == ["[", "]", "pad", "unk"]


@pytest.mark.parametrize("arguments", [{"min_count": 0}, {"max_words": 0}, {"min_count": 1.5}, {"max_words": True}])
def test_count_words_refuses_limits_out_of_range(arguments):
    with pytest.raises(UsageError, match="at least 1"):
        count_words(["a"], **arguments)


def test_count_words_refuses_one_string():
    with pytest.raises(UsageError, match="list of texts"):
        count_words("a b")
