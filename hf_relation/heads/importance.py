"""`head_importance`: how much every attention head of a model matters for a task, from one backward pass a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from hf_relation.embedding.devices import model_device, resolve_device
from hf_relation.embedding.forward import evaluation_state
from hf_relation.errors import UsageError
from hf_relation.heads.batches import LossFunction, run_batch
from hf_relation.heads.measuring import GateMeasure, Measure, WeightMeasure
from hf_relation.heads.normalizing import Norm, check_norm
from hf_relation.heads.relevance import RelevanceMeasure
from hf_relation.heads.result import HeadImportance, Method, check_method
from hf_relation.models.head_surgery import pruned_heads
from hf_relation.models.model_heads import ModelHeads, Part, head_layout


def head_importance(
    model: nn.Module,
    dataloader: Iterable[Any],
    *,
    method: Method = "gate",
    normalize: Norm | None = "l1",
    rescale: bool = True,
    loss_fn: LossFunction | None = None,
    weight_parts: Sequence[Part] = ("key", "value"),
    device: str | torch.device | None = None,
    max_batches: int | None = None,
    progress: bool = False,
) -> HeadImportance:
    r"""Score all attention heads of a model at once, with one backward pass a batch.

    Methods, each summed over all examples:

    - `"gate"`: \(\sum_i |\partial L_i / \partial \xi_{lh}|\) with a gate \(\xi = 1\) on what the head hands to the output
      projection and \(L_i\) the loss of example i (Michel et al.'s equation 2; step 3 of Ma et al.).
    - `"token"`: the same with absolute values of single tokens, \(\sum_t |c_t \cdot \partial L_i / \partial c_t|\) with the
      head's context c, divided by the number of tokens (Michel et al.'s code). It ranks differently.
    - `"weights"`: mean absolute gradient of the head's rows in the weights of `weight_parts` (GradTS; heads are rows of
      `nn.Linear.weight`, and its code, which takes columns, mixes all heads). Biases never count: that of keys has no
      gradient. The loss of a batch is summed over its examples, whose gradients can cancel: with batches of one example it is
      what GradTS describes. Query heads that share a key head all get its score.
    - `"relevance"`: layer-wise relevance propagation of the prediction, see [`hf_relation.heads.relevance`]; the alternative
      that Ma et al. compare with.

    A model's loss over a batch counts as the mean over its examples (those with a label), or, where `labels` are integers for
    every token, over all labelled tokens: then an example's loss is the mean over its own. Results then do not depend on how
    examples fall into batches. Losses that compare examples, such as MORE's ranked list loss, are no such mean: an example's
    gate then stands for its part in the loss of the whole batch, and batches matter. A `loss_fn` that returns one loss an
    example is exact.

    Rank on held-out data (Ma et al.) or on the training data (GradTS): that is the caller's choice of batches. The model is
    in evaluation mode meanwhile and as before afterwards: weights, `.grad`, flags and hooks are not touched, also after an
    error. Frozen weights and gradient checkpointing (which is off in evaluation mode) make no difference; call it inside
    `torch.autocast` for mixed precision. In several processes each gives its share of the batches; all get the result over
    all of them.

    Args:
        model (`nn.Module`): any encoder with a task head, or one of this package, whose heads
            [`~hf_relation.models.model_heads.head_layout`] finds.
        dataloader (`Iterable`): batches: dictionaries of columns for the model's `forward`, labels among them; or anything
            that `loss_fn` takes.
        method (`str`, defaults to `"gate"`): see above.
        normalize (`str`, *optional*, defaults to `"l1"`): how `scores` normalises layers: `"l1"`, `"l2"` or `None`.
        rescale (`bool`, defaults to `True`): whether `scores` is scaled to [0, 1] over all layers.
        loss_fn (`Callable`, *optional*): takes model and batch and returns the loss: one number, the mean over examples, or
            `(examples,)`. Default: the `loss` of the model's output.
        weight_parts (`Sequence[str]`, defaults to `("key", "value")`): of `"query"`, `"key"` and `"value"`; for `"weights"`.
        device (`str` or `torch.device`, *optional*): where to run; default: the model's own.
        max_batches (`int`, *optional*): stop after so many.
        progress (`bool`, defaults to `False`): a progress bar on stderr.

    Returns:
        [`HeadImportance`].

    Raises:
        UsageError: an argument that is not allowed, a model without a known head layout, no batch, a batch without labels, or
            a loss of another shape.
        TrainingError: a loss or a gradient that is not finite; `step` is the number of the batch.

    Example:

    ```python
    >>> import torch
    >>> from transformers import BertConfig, BertForTokenClassification
    >>> from hf_relation.heads import head_importance
    >>> sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16}
    >>> model = BertForTokenClassification(BertConfig(vocab_size=20, num_labels=3, **sizes))
    >>> batch = {"input_ids": torch.tensor([[1, 2, 3], [4, 5, 6]]), "labels": torch.tensor([[0, 1, 2], [2, 1, -100]])}
    >>> importance = head_importance(model, [batch])
    >>> importance.scores.shape, importance.num_examples, len(importance.rank())
    ((2, 4), 2, 8)

    ```

    References: Michel et al., "Are Sixteen Heads Really Better than One?", NeurIPS 2019; Ma et al., "Contributions of
    Transformer Attention Heads in Multi- and Cross-lingual Tasks", ACL 2021, section 3; Ma et al., "GradTS", EMNLP 2021.
    """
    check_method(method)
    check_norm(normalize)
    if max_batches is not None and (
        isinstance(max_batches, bool) or not isinstance(max_batches, int) or max_batches < 1
    ):
        raise UsageError(f"`max_batches` must be None or an integer of at least 1, got {max_batches!r}.")
    if isinstance(model, DistributedDataParallel):
        model = model.module  # its forward pass waits for gradients that are never accumulated
    heads = head_layout(model)
    measure = _measure(method, heads, model, weight_parts)
    target = model_device(model) if device is None else resolve_device(device)
    problem: Exception | None = None
    try:
        measure_batches(measure, model, dataloader, loss_fn, target, max_batches, progress=progress)
    except Exception as error:
        if _world_size() == 1:
            raise
        problem = error  # the other processes wait for this one
    sums, num_examples, num_tokens = _over_processes(measure, problem)
    if not num_examples:
        raise UsageError("`dataloader` has no batch (or its examples are used up).")
    return HeadImportance(
        measure.result(sums, num_tokens),
        method,
        num_examples,
        normalize=normalize,
        rescale=rescale,
        pruned=[(layer, head) for layer, gone in pruned_heads(model).items() for head in gone],
    )


def _measure(method: Method, heads: ModelHeads, model: nn.Module, weight_parts: Sequence[Part]) -> Measure:
    if method == "weights":
        return WeightMeasure(heads, parts=weight_parts)
    if method == "relevance":
        return RelevanceMeasure(heads, model)
    return GateMeasure(heads, per_token=method == "token")


def measure_batches(
    measure: Measure,
    model: nn.Module,
    dataloader: Iterable[Any],
    loss_fn: LossFunction | None,
    device: torch.device,
    max_batches: int | None = None,
    *,
    progress: bool = False,
) -> None:
    """Put batches through a model, in evaluation mode, and add their scores.

    Args:
        measure ([`~hf_relation.heads.measuring.Measure`]): what they are added to.
        model (`nn.Module`), dataloader (`Iterable`), loss_fn (`Callable`, *optional*): as for [`head_importance`].
        device (`torch.device`): where the model runs; it is moved there meanwhile.
        max_batches (`int`, *optional*), progress (`bool`): as for [`head_importance`].
    """
    with evaluation_state(model, device), torch.inference_mode(False), torch.enable_grad():
        _measure_all(measure, model, dataloader, loss_fn, device, max_batches, progress=progress)


def _measure_all(
    measure: Measure,
    model: nn.Module,
    dataloader: Iterable[Any],
    loss_fn: LossFunction | None,
    device: torch.device,
    max_batches: int | None,
    *,
    progress: bool,
) -> None:
    if progress:
        from tqdm import tqdm  # type: ignore[import-untyped]

        dataloader = tqdm(dataloader, unit="batch", desc="Head importance")
    for number, given in enumerate(dataloader):
        batch = send_to_device(given, device)
        with measure.watching():
            measure.add(run_batch(model, batch, loss_fn, number), number)
        if number + 1 == max_batches:
            break


def _world_size() -> int:
    there = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if there else 1


def _over_processes(measure: Measure, problem: Exception | None) -> tuple[np.ndarray, int, int]:
    """Sums over all processes; an error in one is raised in all."""
    own = (measure.sums, measure.num_examples, measure.num_tokens, problem)
    shares: list[Any] = [own]
    if _world_size() > 1:
        shares = [None] * _world_size()
        torch.distributed.all_gather_object(shares, own)
    for *_, error in shares:
        if error is not None:
            raise error
    return sum(share[0] for share in shares), sum(share[1] for share in shares), sum(share[2] for share in shares)
