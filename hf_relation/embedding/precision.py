"""float32 or bfloat16: which one a choice means, and a model whose weights are bfloat16."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from hf_relation.errors import UsageError


EmbeddingDtype = Literal["float32", "bfloat16", "auto"]

# Below this many rows the time does not matter and exact agreement does.
AUTO_BFLOAT16_ROWS = 20_000


def check_dtype(dtype: str) -> None:
    """Refuse what is no [`EmbeddingDtype`].

    Raises:
        UsageError: names those there are.
    """
    if dtype not in get_args(EmbeddingDtype):
        raise UsageError(f"`dtype` must be one of {', '.join(map(repr, get_args(EmbeddingDtype)))}, got {dtype!r}.")


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether a device multiplies matrices faster in bfloat16 than in float32.

    Accelerators do. Of processors those with matrix units for it (AMX, ARM's) and AMD's with `avx512_bf16`; Intel's with
    `avx512_bf16` alone take about 1.6 times as long as in float32.

    Args:
        device (`torch.device`): the device.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.embedding.precision import bfloat16_is_fast
    >>> bfloat16_is_fast(torch.device("cpu")) in (True, False)
    True

    ```
    """
    return device.type != "cpu" or _fast_on_cpu()


@cache
def _fast_on_cpu() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):  # an older torch
        return bool(torch.cpu._is_amx_tile_supported())
    return fast_by_capabilities(torch.cpu.get_capabilities())


def fast_by_capabilities(found: Any) -> bool:
    """[`bfloat16_is_fast`] for what `torch.cpu.get_capabilities()` says of a processor."""
    if found.get("architecture") not in ("x86_64", "i386", "i686"):
        return any(on is True for name, on in found.items() if "bf16" in name)
    if found.get("amx_bf16"):
        return True
    return bool(found.get("avx512_bf16")) and "intel" not in str(found.get("cpu_name", "")).lower()


def in_bfloat16(model: nn.Module) -> nn.Module:
    """A copy of a model with weights in bfloat16, in evaluation mode.

    What is saved with a model is converted; other buffers, such as the frequencies of rotary positions, stay as they are, as
    when transformers loads a model in bfloat16. Nothing is copied twice: the weights are converted on the way.

    Args:
        model (`nn.Module`): not altered.

    Returns:
        `nn.Module`: without gradients.

    Raises:
        UsageError: it holds something that cannot be copied.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.embedding.precision import in_bfloat16
    >>> linear = torch.nn.Linear(2, 2)
    >>> in_bfloat16(linear).weight.dtype, linear.weight.dtype
    (torch.bfloat16, torch.float32)

    ```
    """
    saved = {id(tensor) for tensor in model.state_dict(keep_vars=True).values() if isinstance(tensor, torch.Tensor)}
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(_converted(parameter), requires_grad=False)
    for buffer in model.buffers():
        if id(buffer) in saved:
            memo[id(buffer)] = _converted(buffer)
    try:
        return copy.deepcopy(model, memo).eval()
    except (TypeError, RuntimeError, AttributeError) as error:
        raise UsageError(
            f"{type(model).__name__} cannot be copied to bfloat16 ({error}). Use dtype='float32'."
        ) from error


def _converted(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach()
    return tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor.clone()


def is_spread(model: nn.Module) -> bool:
    """Whether a model's weights are spread over processes (FSDP 2), so that it cannot be copied."""
    return any(isinstance(parameter, DTensor) for parameter in model.parameters())


def weights_version(model: nn.Module) -> tuple[tuple[int, int, int], ...]:
    """Something that differs once the weights have been trained on, loaded anew or moved; writes through `.data` do not show."""
    return tuple(
        (id(tensor), tensor._version if not tensor.is_inference() else 0, tensor.data_ptr())
        for tensor in (*model.parameters(), *model.buffers())
    )
