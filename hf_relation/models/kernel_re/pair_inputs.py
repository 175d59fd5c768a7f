"""Candidate pairs and their labels as a model is given them: checks, and from lists to matrices over mentions."""

from __future__ import annotations

import torch

from hf_relation.errors import UsageError


def check_pairs(mention_spans: torch.Tensor, pairs: torch.Tensor, texts: int) -> torch.Tensor:
    """Refuse pairs whose mentions are not there.

    Args:
        mention_spans (`torch.Tensor` of shape `(batch, mentions, 2)`): -1 in padding.
        pairs (`torch.Tensor` of shape `(batch, pairs, 2)`): positions of mentions; (-1, -1) in padding.
        texts (`int`): texts of the batch.

    Returns:
        `torch.Tensor` of shape `(batch, pairs)`, bool: which pairs are not padding.

    Raises:
        UsageError: another shape, a mention that is not there, or a pair of which one half is padding.
    """
    if mention_spans.shape[0] != texts:
        raise UsageError(f"`mention_spans` are of {mention_spans.shape[0]} texts, but the batch has {texts}.")
    if pairs.ndim != 3 or pairs.shape[-1] != 2 or pairs.shape[0] != texts:
        raise UsageError(f"`pairs` must have shape ({texts}, pairs, 2), got {tuple(pairs.shape)}.")
    padded = pairs < 0
    most = mention_spans.shape[1]
    known = (mention_spans >= 0).all(dim=-1)  # (batch, mentions)
    side_known = known.unsqueeze(1).expand(-1, pairs.shape[1], -1).gather(2, pairs.clamp(0, most - 1))
    wrong = ((pairs >= most) | ~side_known) & ~padded
    wrong = (wrong | (padded.any(dim=-1, keepdim=True) & ~padded)).any(dim=-1)
    # An exported model cannot look at values.
    if not torch.compiler.is_exporting() and bool(wrong.any()):
        text, pair = (int(number) for number in wrong.nonzero()[0])
        raise UsageError(
            f"`pairs`[{text}, {pair}] is {pairs[text, pair].tolist()}, but text {text} has {int(known[text].sum())} mentions; "
            "padding is (-1, -1)."
        )
    return ~padded.any(dim=-1)


def check_labels(labels: torch.Tensor, pairs: torch.Tensor, relations: int) -> torch.Tensor:
    """The labels as numbers of type float32.

    Raises:
        UsageError: their shape is not `(batch, pairs, relations)`.
    """
    expected = (*pairs.shape[:2], relations)
    if tuple(labels.shape) != expected:
        raise UsageError(f"`labels` must have shape {expected} (batch, pairs, relations), got {tuple(labels.shape)}.")
    return labels.float()


def on_mentions(
    mentions: int, rows: torch.Tensor, places: torch.Tensor, counts: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """From a list of pairs to matrices over mentions.

    Args:
        mentions (`int`): M, mentions of the batch.
        rows (`torch.Tensor` of shape `(B, 1)`): numbers of the texts.
        places (`torch.Tensor` of shape `(B, P, 2)`): head and tail of every pair.
        counts (`torch.Tensor` of shape `(B, P)`, bool): which pairs count.
        labels (`torch.Tensor` of shape `(B, P, R)`): their relations.

    Returns:
        `tuple`: which mention pairs count, `(B, M, M)`, bool, and their relations, `(B, M, M, R)`. A pair that is listed twice
        has the relations of both.
    """
    index = (rows.expand_as(counts)[counts], places[..., 0][counts], places[..., 1][counts])
    mask = torch.zeros((len(labels), mentions, mentions), dtype=torch.bool, device=labels.device)
    targets = torch.zeros((*mask.shape, labels.shape[-1]), device=labels.device)
    mask[index] = True
    targets.index_put_(index, labels[counts].clamp(min=0), accumulate=True)
    return mask, targets.clamp(max=1)
