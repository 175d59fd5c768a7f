"""Pair pooling against slow loops."""

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.models.encoder import POOLING_BLOCKS, pool_pairs


@pytest.fixture
def batch():
    torch.manual_seed(0)
    hidden = torch.randn(3, 6, 4)
    columns = {
        "attention_mask": torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]]),
        "head_token_mask": torch.tensor([[0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0]]),
        "tail_token_mask": torch.tensor([[0, 0, 0, 0, 1, 0], [1, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]),
        "between_token_mask": torch.tensor([[0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]]),
        "head_marker_index": torch.tensor([0, 2, 0]),
        "tail_marker_index": torch.tensor([3, 0, 1]),
    }
    return hidden, columns


def slow_pool(hidden, columns, block, row):
    """One block of one row, by loops over tokens."""
    part, kind = block.split("_")
    if kind == "marker":
        return hidden[row, columns[f"{part}_marker_index"][row]]
    mask = columns["attention_mask"] if part == "sentence" else columns[f"{part}_token_mask"]
    states = [hidden[row, i] for i in range(hidden.shape[1]) if mask[row, i]]
    if not states:
        return torch.zeros(hidden.shape[2])
    stacked = torch.stack(states)
    return stacked.amax(0) if kind == "max" else stacked.mean(0)


@pytest.mark.parametrize("block", POOLING_BLOCKS)
def test_every_block_equals_a_loop_over_tokens(batch, block):
    hidden, columns = batch
    pooled = pool_pairs(hidden, [block], normalize=False, **columns)
    for row in range(3):
        torch.testing.assert_close(pooled[row], slow_pool(hidden, columns, block, row))


def test_blocks_are_joined_in_the_stated_order_and_each_has_unit_length(batch):
    hidden, columns = batch
    pooled = pool_pairs(hidden, ["tail_mean", "head_max"], **columns)
    lengths = pooled.view(3, 2, 4).norm(dim=-1)
    torch.testing.assert_close(lengths, torch.ones(3, 2))
    raw = pool_pairs(hidden, ["tail_mean", "head_max"], normalize=False, **columns).view(3, 2, 4)
    torch.testing.assert_close(pooled.view(3, 2, 4), raw / raw.norm(dim=-1, keepdim=True))


def test_touching_mentions_give_a_zero_between_block(batch):
    hidden, columns = batch
    assert pool_pairs(hidden, ["between_mean"], **columns)[2].abs().max() == 0


def test_a_missing_column_is_named(batch):
    hidden, columns = batch
    del columns["tail_token_mask"]
    with pytest.raises(UsageError, match="tail_token_mask"):
        pool_pairs(hidden, ["head_mean", "tail_mean"], **columns)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("normalize", [True, False])
def test_half_precision_stays_finite_also_in_the_gradient_of_an_empty_block(batch, dtype, normalize):
    hidden, columns = batch
    hidden = hidden.to(dtype).requires_grad_()
    pooled = pool_pairs(hidden, list(POOLING_BLOCKS), normalize=normalize, **columns)
    (pooled * torch.randn_like(pooled) * 100).sum().backward()
    assert torch.isfinite(pooled).all() and torch.isfinite(hidden.grad).all()
