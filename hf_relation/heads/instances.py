"""`instance_importance`: how much every attention head matters for every single example, from one pass over batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hf_relation.embedding.devices import model_device, resolve_device
from hf_relation.errors import UsageError
from hf_relation.heads.batches import LossFunction
from hf_relation.heads.importance import measure_batches
from hf_relation.heads.measuring import GateMeasure
from hf_relation.models.model_heads import ModelHeads, head_layout


def instance_importance(
    model: nn.Module,
    dataloader: Iterable[Any],
    *,
    loss_fn: LossFunction | None = None,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> np.ndarray:
    r"""Score all attention heads for every example by itself: \(|\partial L_i / \partial \xi_{lh}|\) with gates of one.

    What [`~hf_relation.heads.head_importance`] with `method="gate"` sums over examples. Every example has its own gates, so
    that one backward pass over a batch gives those of all its examples, without batches of one example. The same holds of
    losses, labels, the state of the model and its weights as there.

    Args:
        model (`nn.Module`), loss_fn (`Callable`, *optional*): see [`~hf_relation.heads.head_importance`].
        dataloader (`Iterable`): labelled batches, in the order in which the rows are wanted (do not shuffle).
        device (`str` or `torch.device`, *optional*): where to run; default: the model's own.
        progress (`bool`, defaults to `False`): a progress bar on stderr.

    Returns:
        `np.ndarray` of shape `(n, layers, heads)`, float64: raw scores, in order; 0 for heads that are pruned. With several
        processes, those of this process's batches.

    Raises:
        UsageError: a model without a known head layout, no batch, a batch without labels, or a loss of another shape.
        TrainingError: a loss or a gradient that is not finite; `step` is the number of the batch.

    Example:

    ```python
    >>> import torch
    >>> from transformers import BertConfig, BertForTokenClassification
    >>> from hf_relation.heads import head_importance, instance_importance
    >>> sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16}
    >>> model = BertForTokenClassification(BertConfig(vocab_size=20, num_labels=3, **sizes))
    >>> batch = {"input_ids": torch.tensor([[1, 2, 3], [4, 5, 6]]), "labels": torch.tensor([[0, 1, 2], [2, 1, -100]])}
    >>> scores = instance_importance(model, [batch])
    >>> scores.shape, bool(abs(scores.sum(0) - head_importance(model, [batch]).raw).max() < 1e-9)
    ((2, 2, 4), True)

    ```

    Reference: Ma et al., "GradTS", EMNLP 2021, section 3 (the fine-grained setting), whose code takes batches of one example.
    """
    if isinstance(model, DistributedDataParallel):
        model = model.module
    measure = _InstanceMeasure(head_layout(model))
    target = model_device(model) if device is None else resolve_device(device)
    measure_batches(measure, model, dataloader, loss_fn, target, progress=progress)
    if not measure.rows:
        raise UsageError("`dataloader` has no batch (or its examples are used up).")
    return np.concatenate(measure.rows)


class _InstanceMeasure(GateMeasure):
    """Gates, of which the examples' scores are kept."""

    def __init__(self, heads: ModelHeads) -> None:
        super().__init__(heads, per_token=False)
        self.rows: list[np.ndarray] = []

    def of_examples(self, values: list[Tensor]) -> list[Tensor]:
        rows = np.zeros((len(values[0]), *self.sums.shape))
        for layer, scores in enumerate(values):
            rows[:, layer, list(self.heads.kept[layer])] = scores.double().cpu().numpy()
        self.rows.append(rows)
        return super().of_examples(values)
