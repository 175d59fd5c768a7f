from __future__ import annotations

import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.processing import EncodedInstance
from hf_relation.processing.padding import PaddingRule, pad_encoded


SHORT = EncodedInstance([5, 6], [1, 0], [0, 1], [0, 0], 0, 1, token_type_ids=[1, 1])
LONG = EncodedInstance([5, 7, 8, 6], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 1, 0], 3, 0, token_type_ids=[1, 1, 1, 1])


def test_right_padding():
    batch = pad_encoded([SHORT, LONG], PaddingRule(pad_token_id=9))
    assert batch["input_ids"].tolist() == [[5, 6, 9, 9], [5, 7, 8, 6]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert batch["head_token_mask"].tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert batch["head_marker_index"].tolist() == [0, 3]
    assert "token_type_ids" not in batch
    assert all(column.dtype == np.int64 for column in batch.values())


def test_left_padding_moves_the_indices():
    batch = pad_encoded([SHORT, LONG], PaddingRule(pad_token_id=9, pad_token_type_id=3, side="left", token_types=True))
    assert batch["input_ids"].tolist() == [[9, 9, 5, 6], [5, 7, 8, 6]]
    assert batch["token_type_ids"].tolist() == [[3, 3, 1, 1], [1, 1, 1, 1]]
    assert batch["attention_mask"].tolist() == [[0, 0, 1, 1], [1, 1, 1, 1]]
    assert batch["head_marker_index"].tolist() == [2, 3]
    assert batch["tail_marker_index"].tolist() == [3, 0]


def test_given_length_and_multiples():
    assert pad_encoded([SHORT], PaddingRule(0), to_length=7)["input_ids"].shape == (1, 7)
    assert pad_encoded([SHORT, LONG], PaddingRule(0), pad_to_multiple_of=3)["input_ids"].shape == (2, 6)
    assert pad_encoded([LONG], PaddingRule(0), pad_to_multiple_of=4)["input_ids"].shape == (1, 4)


def test_dicts_are_padded_like_instances():
    rule = PaddingRule(0)
    from_dicts = pad_encoded([vars(SHORT), LONG.to_dict()], rule)
    for name, column in pad_encoded([SHORT, LONG], rule).items():
        np.testing.assert_array_equal(column, from_dicts[name])


def test_labels_become_an_array():
    rows = [{**SHORT.to_dict(), "labels": 3}, {**LONG.to_dict(), "labels": -100}]
    labels = pad_encoded(rows, PaddingRule(0))["labels"]
    assert labels.tolist() == [3, -100] and labels.dtype == np.int64
    rows = [{**SHORT.to_dict(), "labels": [0.0, 1.0]}, {**LONG.to_dict(), "labels": [1.0, 0.5]}]
    labels = pad_encoded(rows, PaddingRule(0))["labels"]
    assert labels.shape == (2, 2) and labels.dtype == np.float32


def test_no_rows_give_empty_columns():
    batch = pad_encoded([], PaddingRule(0))
    assert batch["input_ids"].shape == (0, 0) and batch["head_marker_index"].shape == (0,)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"input_ids": [1]}], "row 0: missing"),
        ([SHORT, {**SHORT.to_dict(), "text": "x"}], r"row 1: unknown columns \['text'\]"),
        ([{**SHORT.to_dict(), "head_token_mask": [1]}], "must be as long as `input_ids`"),
        ([{"text": "a"}], "processor.encode"),
        (["text"], "got str"),
        ([{**SHORT.to_dict(), "labels": 1}, LONG], "1 of 2 rows have `labels`"),
        ([{**SHORT.to_dict(), "labels": "born_in"}], "Map label names to ids"),
        ([{**SHORT.to_dict(), "labels": [1]}, {**LONG.to_dict(), "labels": [1, 2]}], "lists of one length"),
    ],
)
def test_bad_rows_are_refused(rows, message):
    with pytest.raises(UsageError, match=message):
        pad_encoded(rows, PaddingRule(0))


def test_a_row_longer_than_the_given_length_is_refused():
    with pytest.raises(UsageError, match="has 4 tokens, more than the 3"):
        pad_encoded([LONG], PaddingRule(0), to_length=3)
    with pytest.raises(UsageError, match="at least 1, got 0"):
        pad_encoded([LONG], PaddingRule(0), pad_to_multiple_of=0)
