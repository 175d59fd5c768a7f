"""Shares and overlaps of learning orders, against sets."""

from __future__ import annotations

import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.metrics import learned_by_epoch, learned_jaccard


def orders(seed, n=40, epochs=6):
    drawn = np.random.default_rng(seed).integers(0, epochs + 1, n)
    return np.where(drawn == 0, -1, drawn)


def test_shares_and_overlaps_are_those_of_sets():
    first, second = orders(0), orders(1)
    shares, overlaps = learned_by_epoch(first, 6), learned_jaccard(first, second, 6)
    for epoch in range(1, 7):
        a = {i for i, k in enumerate(first) if 0 < k <= epoch}
        b = {i for i, k in enumerate(second) if 0 < k <= epoch}
        assert shares[epoch - 1] == pytest.approx(len(a) / 40)
        assert overlaps[epoch - 1] == pytest.approx(len(a & b) / len(a | b))
    assert (np.diff(shares) >= 0).all()


def test_one_order_with_itself_and_nothing_learned():
    assert learned_jaccard([1, 2, -1], [1, 2, -1], 2).tolist() == [1, 1]
    overlaps = learned_jaccard([-1, 2], [-1, -1], 2)
    assert np.isnan(overlaps[0]) and overlaps[1] == 0
    assert learned_by_epoch([-1, -1], 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: learned_by_epoch([], 3), "no instance"),
        (lambda: learned_by_epoch([1], 0), "`num_epochs` must be at least 1"),
        (lambda: learned_by_epoch([1, 0], 3), "the epoch 0 in row 1"),
        (lambda: learned_by_epoch([4], 3), "the epoch 4 in row 0; it goes from 1 to 3"),
        (lambda: learned_by_epoch([1.5], 3), "must be a list of epochs"),
        (lambda: learned_jaccard([1], [1, 2], 3), "got 1 and 2"),
    ],
)
def test_wrong_input_is_refused(call, said):
    with pytest.raises(UsageError, match=said):
        call()
