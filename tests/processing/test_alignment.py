from __future__ import annotations

import pytest

from hf_relation.processing.alignment import (
    TextTokens,
    align_mentions,
    spell_out_special_tokens,
    token_range,
    trim_span,
)


@pytest.mark.parametrize(
    ("text", "span", "trimmed"),
    [
        ("in Rome now", (3, 7), (3, 7)),
        ("in Rome now", (2, 8), (3, 7)),
        ("New \n York", (0, 10), (0, 10)),
        ("a \t b", (1, 4), (1, 4)),  # blank: unchanged
        ("\u3000東京\u3000", (0, 4), (1, 3)),
    ],
)
def test_trim_span(text, span, trimmed):
    assert trim_span(text, *span) == trimmed


def test_token_that_crosses_the_edge_of_a_mention_belongs_to_it():
    offsets = [(0, 2), (2, 6), (6, 9)]
    assert token_range(offsets, 4, 6) == (1, 2)
    assert token_range(offsets, 5, 7) == (1, 3)


def test_tokens_that_share_the_characters_of_an_emoji_all_belong_to_the_mention():
    offsets = [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)]
    assert token_range(offsets, 1, 2) == (1, 4)


def test_a_token_with_its_leading_space_does_not_reach_into_the_mention_before_the_space():
    # "Rome is": the second token stands for " is".
    assert token_range([(0, 4), (4, 7)], 0, 4) == (0, 1)
    assert token_range([(0, 4), (4, 7)], *trim_span("Rome is", 0, 5)) == (0, 1)


def test_a_token_without_characters_belongs_to_no_mention():
    assert token_range([(0, 0), (0, 3)], 0, 3) == (1, 2)
    assert token_range([(3, 3)], 0, 5) == (0, 1)  # inside the span it does: nothing else could stand there
    assert token_range([(0, 2), (5, 8)], 2, 5) is None


def test_mentions_in_one_token_are_tokenized_apart():
    asked = []

    def pieces(cuts):
        asked.append(list(cuts))
        return TextTokens([1, 2, 3, 4], [(0, 2), (2, 4), (4, 6), (6, 8)])

    whole = TextTokens([9, 8], [(0, 6), (6, 8)])
    tokens, head, tail = align_mentions("abcdefgh", (4, 6), (2, 4), whole, pieces)
    assert asked == [[2, 4, 6]]
    assert tokens.ids == [1, 2, 3, 4]
    assert (head, tail) == ((2, 3), (1, 2))


def test_mentions_in_tokens_of_their_own_are_not_tokenized_again():
    whole = TextTokens([9, 8], [(0, 4), (4, 8)])

    def pieces(cuts):
        raise AssertionError("not needed")

    assert align_mentions("abcdefgh", (0, 4), (4, 8), whole, pieces) == (whole, (0, 1), (1, 2))


def test_special_ids_from_the_letters_of_a_text_are_spelled_out():
    tokens = TextTokens([7, 2, 3, 8], [(0, 1), (1, 4), (4, 6), (6, 7)])
    spelled = spell_out_special_tokens(tokens, "a<s>??b", {2, 3}, 3, {"<": 20, "s": 21}.get)
    assert spelled.ids == [7, 20, 21, 3, 3, 8]  # ">" is unknown; the unknown token of "??" stays one token
    assert spelled.offsets == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6), (6, 7)]


def test_a_letter_that_is_itself_a_special_token_becomes_unknown():
    tokens = TextTokens([2], [(0, 1)])
    assert spell_out_special_tokens(tokens, "|", {2, 3}, 3, {"|": 2}.get).ids == [3]


def test_text_without_special_ids_comes_back_as_it_is():
    tokens = TextTokens([7, 8], [(0, 1), (1, 2)])
    assert spell_out_special_tokens(tokens, "ab", {2, 3}, 3, {}.get) is tokens
