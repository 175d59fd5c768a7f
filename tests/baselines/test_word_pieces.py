"""Words from an encoder's table of word pieces."""

import numpy as np
import pytest

from hf_relation.baselines import word_piece_vectors
from hf_relation.errors import UsageError
from tests.common.tiny_sentences import sentences


class Letters:
    """A tokenizer whose pieces are letters, and which knows a to m only."""

    def __call__(self, words, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": [[ord(letter) - ord("a") for letter in word if letter <= "m"] for word in words]}


def test_a_word_is_the_mean_of_its_pieces_and_unknown_words_are_left_out():
    table = np.arange(26, dtype=np.float64)[:, None]
    found = word_piece_vectors(sentences(), Letters(), table)
    vectors = dict(zip(found.words, found.vectors[:, 0].tolist(), strict=True))
    assert vectors["ada"] == pytest.approx((0 + 3 + 0) / 3) and vectors["lindau"] == pytest.approx(
        (11 + 8 + 3 + 0) / 4
    )
    assert found.words == sorted(found.words) and {"born", "composed", "said"} <= set(found.words)


def test_no_words_and_no_pieces():
    row = {"text": "1 2", "head": {"start": 0, "end": 1}, "tail": {"start": 2, "end": 3}}
    with pytest.raises(UsageError, match="no words"):
        word_piece_vectors([row], Letters(), np.eye(26))
    row = {"text": "xyz opq", "head": {"start": 0, "end": 3}, "tail": {"start": 4, "end": 7}}
    with pytest.raises(UsageError, match="knows none of the words"):
        word_piece_vectors([row], Letters(), np.eye(26))
