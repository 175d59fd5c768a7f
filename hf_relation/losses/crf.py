"""A linear-chain conditional random field: the loss of tag sequences, the best sequence, and every tag's probability."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import IGNORED_LABEL, check_rows


# Score of what is not allowed. Finite, so that no gradient is 0 * infinity; computed in float32 at least.
FORBIDDEN = -1e30


def crf_loss(
    emissions: Tensor, tags: Tensor, transitions: Tensor, start: Tensor, end: Tensor, *, mask: Tensor | None = None
) -> Tensor:
    r"""Negative log likelihood of tag sequences, mean over the sequences.

    A sequence of tags y over t tokens scores

        s(y) = start[y_1] + sum over i of emissions[i, y_i] + sum over i > 1 of transitions[y_(i-1), y_i] + end[y_t]

    and the loss is \\(\log \sum_{y'} e^{s(y')} - s(y)\\). Tokens outside the mask are taken out and the others move
    together, so that padding on either side, or a gap in the middle, changes nothing. Computed in float32 (float64 for
    float64 input), also under autocast.

    Args:
        emissions (`torch.Tensor` of shape `(b, t, k)`, floating): scores of the k tags of every token.
        tags (`torch.Tensor` of shape `(b, t)`, integer): 0 to k - 1; -100 is outside the mask, whatever `mask` says.
        transitions (`torch.Tensor` of shape `(k, k)`, floating): score of tag j after tag i at `[i, j]`; -1e30 forbids.
        start, end (`torch.Tensor` of shape `(k,)`, floating): scores of the first and the last tag.
        mask (`torch.Tensor` of shape `(b, t)`, bool or 0/1, *optional*): which tokens count; all by default.

    Returns:
        `torch.Tensor`: scalar, at least 0 but for rounding; sequences without a token do not count, and 0 where none has
        one.

    Raises:
        TypeError: scores are not floating, or tags are not integers.
        ValueError: shapes do not fit, a tag is out of range, or a tag sequence is one that is forbidden.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import crf_loss
    >>> scores = torch.zeros(1, 2, 3)  # nine sequences of equal score
    >>> round(crf_loss(scores, torch.tensor([[0, 2]]), torch.zeros(3, 3), torch.zeros(3), torch.zeros(3)).item(), 4)
    2.1972

    ```

    Reference: Lafferty et al., "Conditional Random Fields", ICML 2001; Lample et al., "Neural Architectures for Named
    Entity Recognition", NAACL 2016, section 2.
    """
    with torch.autocast(emissions.device.type, enabled=False):
        kept = _kept_tokens(emissions, mask)
        if tags.is_floating_point() or tags.dtype == torch.bool or tags.shape != kept.shape:
            raise (TypeError if tags.shape == kept.shape else ValueError)(
                f"`tags` must be an integer tensor of shape {tuple(kept.shape)}, got {tags.dtype}, {tuple(tags.shape)}."
            )
        kept = kept & (tags != IGNORED_LABEL)
        wrong = kept & ((tags < 0) | (tags >= emissions.shape[2]))
        if wrong.any():
            row, token = wrong.nonzero()[0].tolist()
            raise ValueError(
                f"`tags` must be 0 to {emissions.shape[2] - 1}, or {IGNORED_LABEL} for a token to leave out; got "
                f"{int(tags[row, token])} in row {row}, token {token}."
            )
        rows, tokens, lengths = _pack(emissions, kept)
        move, first, last = _weights(rows, (transitions, start, end))
        if len(rows) == 0:
            return rows.sum() + move[:0].sum() + first[:0].sum() + last[:0].sum()  # with a gradient
        path = tags[kept.any(1)].gather(1, tokens)
        inside = torch.arange(rows.shape[1], device=rows.device) < lengths[:, None]
        path = path.masked_fill(~inside, 0).long()
        gold = rows.gather(2, path[..., None])[..., 0].masked_fill(~inside, 0).sum(1)
        gold = gold + move[path[:, :-1], path[:, 1:]].masked_fill(~inside[:, 1:], 0).sum(1)
        gold = gold + first[path[:, 0]] + last[path.gather(1, lengths[:, None] - 1)[:, 0]]
        if (gold <= FORBIDDEN / 2).any():
            row = int(kept.any(1).nonzero()[int((gold <= FORBIDDEN / 2).nonzero()[0])])
            raise ValueError(f"The tags of row {row} are a sequence that is forbidden. Correct them, or allow it.")
        return (_log_partition(rows, lengths, move, first, last) - gold).sum() / len(rows)


class LinearChainCRF(nn.Module):
    """A linear-chain conditional random field on top of any scores of tags; see [`crf_loss`] for the equation.

    The weights start at zero: a new field is a softmax of each token by itself, within what is allowed.

    Args:
        num_tags (`int`): k, at least 1.
        allowed_transitions (`k` rows of `k` bool, *optional*): at `[i][j]` whether tag j may follow tag i, see
            [`~hf_relation.processing.bio_transitions`]; what is not allowed has probability 0 in the loss, too.
        allowed_starts, allowed_ends (`k` bool, *optional*): which tags a sequence may begin and end with.

    Raises:
        UsageError: `num_tags` is below 1, or a constraint has another shape.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import LinearChainCRF
    >>> crf = LinearChainCRF(2, allowed_transitions=[[True, True], [False, True]])  # never back to tag 0
    >>> crf.decode(torch.tensor([[[0.0, 1.0], [3.0, 0.0], [0.0, 1.0]]]))
    [[0, 0, 1]]

    ```

    Reference: see [`crf_loss`].
    """

    allowed_transitions: Tensor
    allowed_starts: Tensor
    allowed_ends: Tensor

    def __init__(
        self,
        num_tags: int,
        *,
        allowed_transitions: Sequence[Sequence[bool]] | Tensor | None = None,
        allowed_starts: Sequence[bool] | Tensor | None = None,
        allowed_ends: Sequence[bool] | Tensor | None = None,
    ) -> None:
        super().__init__()
        if num_tags < 1:
            raise UsageError(f"`num_tags` must be at least 1, got {num_tags}.")
        self.num_tags = num_tags
        self.transitions = nn.Parameter(torch.zeros(num_tags, num_tags))
        self.start = nn.Parameter(torch.zeros(num_tags))
        self.end = nn.Parameter(torch.zeros(num_tags))
        given = {
            "allowed_transitions": (allowed_transitions, self.transitions),
            "allowed_starts": (allowed_starts, self.start),
            "allowed_ends": (allowed_ends, self.end),
        }
        for name, (value, scores) in given.items():
            allowed = torch.ones(scores.shape) if value is None else torch.as_tensor(value)
            if allowed.shape != scores.shape:
                raise UsageError(f"`{name}` must have shape {tuple(scores.shape)}, got {tuple(allowed.shape)}.")
            # Saved with the weights: what is not saved would be left unset where a model is built without memory first.
            self.register_buffer(name, allowed.bool())

    def reset_parameters(self) -> None:
        """Set all weights to zero, their value in a new field."""
        for weights in self.parameters():
            nn.init.zeros_(weights)

    def extra_repr(self) -> str:
        return f"num_tags={self.num_tags}"

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        pairs = (
            (self.transitions, self.allowed_transitions),
            (self.start, self.allowed_starts),
            (self.end, self.allowed_ends),
        )
        move, start, end = (  # half precision could not hold the score
            (weights if weights.dtype == torch.float64 else weights.float()).masked_fill(~allowed, FORBIDDEN)
            for weights, allowed in pairs
        )
        return move, start, end

    def forward(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean negative log likelihood of the tag sequences; see [`crf_loss`]."""
        return crf_loss(emissions, tags, *self._scores(), mask=mask)

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor | None = None) -> list[list[int]]:
        """Find the tag sequence of highest score (Viterbi).

        Args:
            emissions (`torch.Tensor` of shape `(b, t, k)`, floating).
            mask (`torch.Tensor` of shape `(b, t)`, bool or 0/1, *optional*): which tokens count.

        Returns:
            `list[list[int]]`: b lists with one tag for each token *in the mask*, in order; of equal tags the lowest.

        Raises:
            TypeError: emissions are not floating.
            ValueError: shapes do not fit, emissions are not finite, or no sequence of that length is allowed.
        """
        with torch.autocast(emissions.device.type, enabled=False):
            kept = _kept_tokens(emissions, mask)
            rows, _, lengths = _pack(emissions, kept)
            move, start, end = _weights(rows, self._scores())
            paths: list[list[int]] = [[] for _ in kept]
            if len(rows) == 0:
                return paths
            numbers = kept.any(1).nonzero()[:, 0].tolist()
            best, pointers = start + rows[:, 0], []
            same = torch.arange(rows.shape[2], device=rows.device)
            for token in range(1, rows.shape[1]):
                going_on = (token < lengths)[:, None]
                score, pointer = (best[:, :, None] + move).max(1)  # (rows, k): over the tag before
                best = torch.where(going_on, score + rows[:, token], best)
                pointers.append(torch.where(going_on, pointer, same))
            score, tag = (best + end).max(1)
            if not (score > FORBIDDEN / 2).all():
                row = numbers[int((~(score > FORBIDDEN / 2)).nonzero()[0])]
                raise ValueError(f"Row {row}: no sequence of its length is allowed, or its scores are not finite.")
            backwards = [tag]
            for pointer in reversed(pointers):
                backwards.append(pointer.gather(1, backwards[-1][:, None])[:, 0])
            found = torch.stack(backwards[::-1], dim=1).tolist()
            for row, path, length in zip(numbers, found, lengths.tolist(), strict=True):
                paths[row] = path[:length]
            return paths

    def marginals(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Probability of every tag of every token, over all sequences.

        Args:
            emissions (`torch.Tensor` of shape `(b, t, k)`, floating).
            mask (`torch.Tensor` of shape `(b, t)`, bool or 0/1, *optional*): which tokens count.

        Returns:
            `torch.Tensor` of shape `(b, t, k)`, float32 (float64 for float64 input), without a graph: sum 1 over the tags,
            zeros outside the mask.

        Raises:
            TypeError: emissions are not floating.
            ValueError: shapes do not fit.
        """
        device = emissions.device.type
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device, enabled=False):
            # The gradient of the log partition with respect to the emissions is these probabilities.
            leaf = check_rows(emissions, "emissions", "(b, t, k)").detach().clone().requires_grad_()
            kept = _kept_tokens(leaf, mask)
            rows, _, lengths = _pack(leaf, kept)
            if len(rows) == 0:
                return torch.zeros_like(leaf)
            weights = _weights(rows, self._scores())
            return torch.autograd.grad(_log_partition(rows, lengths, *weights).sum(), leaf)[0]


def _kept_tokens(emissions: Tensor, mask: Tensor | None) -> Tensor:
    check_rows(emissions, "emissions", "(b, t, k)")
    if mask is None:
        return torch.ones(emissions.shape[:2], dtype=torch.bool, device=emissions.device)
    if mask.shape != emissions.shape[:2]:
        raise ValueError(f"`mask` must have shape {tuple(emissions.shape[:2])}, got {tuple(mask.shape)}.")
    return mask.bool()


def _weights(rows: Tensor, weights: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    k = rows.shape[2]
    for name, part, shape in zip(("transitions", "start", "end"), weights, ((k, k), (k,), (k,)), strict=True):
        if part.shape != shape:
            raise ValueError(f"`{name}` must have shape {shape}, as emissions have {k} tags; got {tuple(part.shape)}.")
    move, start, end = (part.to(rows.dtype) for part in weights)
    return move, start, end


def _pack(emissions: Tensor, kept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Take the sequences with a token and move their tokens to the front: scores, their positions, lengths."""
    some = kept.any(1)
    # Also keeps what is no number in the padding away from the gradient.
    rows = check_rows(emissions, "emissions", "(b, t, k)").masked_fill(~kept[..., None], 0)[some]
    lengths = kept[some].sum(1)
    longest = int(lengths.max()) if len(lengths) else 0
    tokens = torch.argsort(kept[some].to(torch.uint8), dim=1, descending=True, stable=True)[:, :longest]
    return rows.gather(1, tokens[..., None].expand(-1, -1, rows.shape[2])), tokens, lengths


def _log_partition(rows: Tensor, lengths: Tensor, move: Tensor, start: Tensor, end: Tensor) -> Tensor:
    total = start + rows[:, 0]  # (rows, k): of all sequences up to here that end in a tag
    for token in range(1, rows.shape[1]):
        longer = torch.logsumexp(total[:, :, None] + move, dim=1) + rows[:, token]
        total = torch.where((token < lengths)[:, None], longer, total)
    return torch.logsumexp(total + end, dim=1)
