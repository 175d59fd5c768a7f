"""One asymmetric bilinear kernel for every relation, over the tokens of mentions alone."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from hf_relation.losses.token_pairs import CellLoss, cell_loss
from hf_relation.models.kernel_re.mention_tokens import MentionTokens


# Scores and projected states that are held at once; more are computed in parts, again on the way back.
MOST_CELLS = 16_000_000
# Probabilities are taken of scores within these bounds: beyond them float32 would soon know no difference, nor a gradient.
LARGEST_SCORE = 60.0


class MentionPairScores(NamedTuple):
    """What [`RelationKernels`] returns.

    Args:
        log_positive (`torch.Tensor` of shape `(batch, mentions, mentions, relations)`, float32): logarithm of the mean
            probability over the token rectangle of head (second axis) and tail (third axis).
        log_negative (`torch.Tensor` of the same shape): logarithm of one minus it.
        cells (`torch.Tensor` of shape `(batch, relations)`, *optional*): the loss over token cells, where targets were given.
    """

    log_positive: torch.Tensor
    log_negative: torch.Tensor
    cells: torch.Tensor | None


class _Weights(NamedTuple):
    """The weights of some relations."""

    head: torch.Tensor
    tail: torch.Tensor
    head_bias: torch.Tensor | None
    tail_bias: torch.Tensor | None
    relation_bias: torch.Tensor | None


class RelationKernels(nn.Module):
    r"""Scores `S_i = (E_b W_hi) (E_p W_ti)^T` of all token pairs of mentions, and their means over mention pairs.

    Only states of tokens that belong to a mention are projected, and only their pairs are scored, so that neither
    `tokens x tokens x relations` nor projections of a whole text are ever held. Large texts are computed some relations at a
    time. Every kernel's projections W_h and W_t are kept as those of `nn.Linear`, transposed: `head_weight` and `tail_weight`
    have shape `(relations, rank, hidden)`.

    Args:
        hidden_size (`int`): width of the states.
        num_relations (`int`): number of kernels.
        rank (`int`): width of the projections; `hidden_size` is the paper's full rank.
        scale (`bool`, defaults to `False`): divide scores by the square root of the rank (authors' code).
        projection_bias (`bool`, defaults to `False`): projections with a bias (authors' code).
        relation_bias (`bool`, defaults to `False`): one number a relation added to its scores.

    Reference: Li and Tian, "Downstream Model Design of Pre-trained Language Model for Relation Extraction Task", 2020,
    section 3.2 (equations 3-5) and the last paragraph of section 3.3 (means of probabilities).
    """

    def __init__(
        self,
        hidden_size: int,
        num_relations: int,
        rank: int,
        *,
        scale: bool = False,
        projection_bias: bool = False,
        relation_bias: bool = False,
    ) -> None:
        super().__init__()
        self.num_relations, self.rank = num_relations, rank
        self.factor = rank**-0.5 if scale else 1.0
        self.head_weight = nn.Parameter(torch.empty(num_relations, rank, hidden_size))
        self.tail_weight = nn.Parameter(torch.empty(num_relations, rank, hidden_size))
        self.head_bias = nn.Parameter(torch.empty(num_relations, rank)) if projection_bias else None
        self.tail_bias = nn.Parameter(torch.empty(num_relations, rank)) if projection_bias else None
        self.relation_bias = nn.Parameter(torch.empty(num_relations)) if relation_bias else None

    def forward(
        self,
        head_states: torch.Tensor,
        tail_states: torch.Tensor,
        tokens: MentionTokens,
        *,
        pair_mask: torch.Tensor | None = None,
        targets: torch.Tensor | None = None,
        loss: CellLoss | None = None,
        most_cells: int = MOST_CELLS,
    ) -> MentionPairScores:
        """Score every ordered pair of mentions of every text.

        Args:
            head_states, tail_states (`torch.Tensor` of shape `(batch, tokens, hidden)`): E_b and E_p.
            tokens ([`MentionTokens`]): the tokens of the mentions.
            pair_mask (`torch.Tensor` of shape `(batch, mentions, mentions)`, bool, *optional*): pairs whose cells count in the
                loss over cells; with `loss`.
            targets (`torch.Tensor` of shape `(batch, mentions, mentions, relations)`, *optional*): 1 where a pair has a
                relation; with `loss`.
            loss ([`~hf_relation.losses.token_pairs.CellLoss`], *optional*): how the loss over cells is made; without it there
                is none.
            most_cells (`int`): scores and projected states to hold at once.

        Returns:
            [`MentionPairScores`].
        """
        heads, tails = tokens.gather(head_states), tokens.gather(tail_states)  # (B, U, h)
        mask_cells = None
        if loss is not None:
            if pair_mask is None or targets is None:
                raise ValueError("A loss over cells needs `pair_mask` and `targets`.")
            mask_cells = _cells_of(pair_mask.unsqueeze(-1), tokens)[..., 0]  # (B, U, U)
        parts: list[tuple[torch.Tensor, ...]] = []
        rows, slots = heads.shape[:2]
        step = self.num_relations
        if not torch.compiler.is_exporting():  # what is exported takes batches of any size at once
            step = self._step(rows * slots * (slots + 2 * self.rank), most_cells)
        pieces = self._pieces(step)
        wanted = [None] * len(pieces) if targets is None or loss is None else targets.split(step, dim=-1)
        for piece, targets_of_piece in zip(pieces, wanted, strict=True):
            part = partial(self._part, tokens=tokens, mask_cells=mask_cells, targets=targets_of_piece, loss=loss)
            if len(pieces) > 1 and torch.is_grad_enabled():
                parts.append(checkpoint(part, heads, tails, piece, use_reentrant=False))
            else:
                parts.append(part(heads, tails, piece))
        joined = [torch.cat(piece, dim=-1) for piece in zip(*parts, strict=True)]
        return MentionPairScores(joined[0], joined[1], joined[2] if loss is not None else None)

    def scores(self, head_states: torch.Tensor, tail_states: torch.Tensor) -> torch.Tensor:
        """Score all pairs of the given tokens, before the sigmoid.

        This is the paper's formula as it stands, `(batch, relations, heads, tails)`; the model calls it for mention tokens.

        Args:
            head_states (`torch.Tensor` of shape `(batch, heads, hidden)`): E_b.
            tail_states (`torch.Tensor` of shape `(batch, tails, hidden)`): E_p.

        Returns:
            `torch.Tensor` of shape `(batch, relations, heads, tails)`.
        """
        return self._scores(head_states, tail_states, self._pieces(self.num_relations)[0])

    def _step(self, held_by_a_relation: int, most_cells: int) -> int:
        """How many relations are computed at a time."""
        parts = max(1, -(-self.num_relations * held_by_a_relation // most_cells))
        return -(-self.num_relations // parts)

    def _pieces(self, step: int) -> list[_Weights]:
        """The weights of `step` relations at a time; split at once, since their gradients are then joined at once."""
        weights = (self.head_weight, self.tail_weight, self.head_bias, self.tail_bias, self.relation_bias)
        pieces = -(-self.num_relations // step)
        split = [[None] * pieces if weight is None else weight.split(step) for weight in weights]
        return [_Weights(*piece) for piece in zip(*split, strict=True)]

    def _scores(self, heads: torch.Tensor, tails: torch.Tensor, weights: _Weights) -> torch.Tensor:
        projected = [
            _project(heads, weights.head, weights.head_bias),
            _project(tails, weights.tail, weights.tail_bias),
        ]
        scores = projected[0] @ projected[1].transpose(-1, -2)  # (B, R, U, U)
        scores = (scores if scores.dtype == torch.float64 else scores.float()) * self.factor
        return scores if weights.relation_bias is None else scores + weights.relation_bias[:, None, None]

    def _part(
        self,
        heads: torch.Tensor,
        tails: torch.Tensor,
        weights: _Weights,
        *,
        tokens: MentionTokens,
        mask_cells: torch.Tensor | None,
        targets: torch.Tensor | None,
        loss: CellLoss | None,
    ) -> tuple[torch.Tensor, ...]:
        scores = self._scores(heads, tails, weights)
        with torch.autocast(scores.device.type, enabled=False):
            average = tokens.average.to(scores.dtype).unsqueeze(1)  # (B, 1, M, U)
            # Beyond the bounds the value stays there, but the gradient is as if it moved.
            bounded = scores + (scores.clamp(-LARGEST_SCORE, LARGEST_SCORE) - scores).detach()
            means = [average @ torch.sigmoid(sign * bounded) @ average.transpose(-1, -2) for sign in (1.0, -1.0)]
            # The mean is 0 for padded mentions alone.
            found = [mean.clamp(min=1e-30).log().movedim(1, -1) for mean in means]  # (B, M, M, R)
            if loss is not None and mask_cells is not None and targets is not None:
                cells = _cells_of(targets, tokens).movedim(-1, 1)  # (B, R, U, U)
                found.append(cell_loss(scores, cells, mask_cells.unsqueeze(1), loss))
        return tuple(found)


def _project(states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """`(batch, tokens, hidden)` through `(relations, rank, hidden)`: `(batch, relations, tokens, rank)`."""
    flat = functional.linear(states, weight.flatten(0, 1), None if bias is None else bias.flatten())
    return flat.unflatten(-1, weight.shape[:2]).movedim(2, 1)


def _cells_of(pairs: torch.Tensor, tokens: MentionTokens) -> torch.Tensor:
    """From what holds of mention pairs `(B, M, M, R)` to what holds of token pairs `(B, U, U, R)`: 1 where any pair says so."""
    inside = tokens.inside.to(torch.float32)  # (B, M, U)
    counted = torch.einsum("bmu,bmnr,bnv->buvr", inside, pairs.to(torch.float32), inside)
    return (counted > 0).to(torch.float32)
