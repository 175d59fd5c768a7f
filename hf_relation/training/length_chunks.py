"""Sending a batch through the encoder in parts of similar length, so that little of the work is padding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from hf_relation.models.length_chunks import split_by_length


if TYPE_CHECKING:
    from hf_relation.training.arguments import RelationTrainingArguments


def split_batch(
    columns: Mapping[str, torch.Tensor], args: RelationTrainingArguments
) -> tuple[list[Mapping[str, torch.Tensor]], torch.Tensor]:
    """Cut a batch into the parts in which a run embeds it.

    Args:
        columns (`Mapping[str, torch.Tensor]`): as for [`split_by_length`], without labels.
        args ([`RelationTrainingArguments`]): `gradient_cache_rows`, or else `length_chunks`; without the former a batch is
            whole in several processes, whose wrappers expect one forward pass for every backward pass.

    Returns:
        `tuple`: the parts, and the original position of every row of the joined parts, shape `(rows,)`.
    """
    mask = columns["attention_mask"]
    if args.gradient_cache_rows is not None:
        number = -(-len(mask) // args.gradient_cache_rows)
    else:
        number = args.length_chunks if args.world_size == 1 else 1
    if number == 1:
        return [columns], torch.arange(len(mask), device=mask.device)
    parts, order = split_by_length(columns, number)
    return [*parts], order


__all__ = ["split_batch", "split_by_length"]
