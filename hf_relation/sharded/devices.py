"""One process a device: which device a process uses, and how large its batches begin."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from torch import nn


_LOCAL_RANK = "LOCAL_RANK"  # of `accelerate launch` and torchrun
_SHARE = 0.5  # of the free memory: the rest is for the allocator, and for what others take meanwhile
_MOST_TOKENS = 65_536
_LEAST_TOKENS = 256
_number: int | None = None


def number_process(number: int) -> None:
    """Say which of the processes of this machine this one is.

    Args:
        number (`int`): from 0.
    """
    global _number
    _number = number


def process_number() -> int:
    """Which of the processes of this machine this one is: as said, or as `accelerate launch` says; else 0."""
    return int(os.environ.get(_LOCAL_RANK, 0)) if _number is None else _number


def own_device(device: str | None) -> str | None:
    """The device of this process: of a kind of which there are several, each process takes its own.

    Args:
        device (`str`, *optional*): for instance `"cuda"`. A name with a number (`"cuda:1"`), the CPU and `None` stay as they are.

    Returns:
        `str` or `None`.

    Example:

    ```python
    >>> from hf_relation.sharded.devices import own_device
    >>> own_device("cpu"), own_device("cuda:1")
    ('cpu', 'cuda:1')

    ```
    """
    if device is None or ":" in device:
        return device
    from hf_relation.embedding.devices import available_devices

    names = [name for name in available_devices() if name.startswith(f"{device}:")]
    return names[process_number() % len(names)] if names else device


def tokens_that_fit(model: nn.Module, device: str | None, dtype: str) -> int | None:
    """Tokens of a batch to begin with, by the free memory of an accelerator; batches that do not fit are halved all the same.

    In a forward pass about eight rows of the hidden size and four of the intermediate size are alive for a token. Powers of two,
    so that a little more or less free memory does not change batches.

    Args:
        model (`nn.Module`): the encoder.
        device (`str`, *optional*): where it will run.
        dtype (`str`): `"float32"` or `"bfloat16"`.

    Returns:
        `int` or `None`: from 256 to 65,536; `None` on a CPU, or where memory or model do not tell.
    """
    free = None if device is None else _free_memory(device)
    config: Any = getattr(model, "config", None)
    config = getattr(config, "backbone_config", None) or config
    width, inner = getattr(config, "hidden_size", None), getattr(config, "intermediate_size", None)
    if free is None or not isinstance(width, int) or not isinstance(inner, int):
        return None
    of_token = (8 * width + 4 * inner) * (2 if dtype == "bfloat16" else 4)
    tokens = max(int(free * _SHARE) // of_token, 1)
    return min(max(2 ** (tokens.bit_length() - 1), _LEAST_TOKENS), _MOST_TOKENS)


def many_rows_dtype(device: str | None, backend: str) -> str:
    """The faster precision for many rows on this machine, asked in a process of its own where torch is not loaded yet.

    Args:
        device (`str`, *optional*): where the encoder will run; `None` is the CPU.
        backend (`str`): what computes the embeddings.

    Returns:
        `str`: `"float32"` or `"bfloat16"`.
    """
    if backend == "onnx":  # which has no bfloat16
        return "float32"
    if device is not None and device.partition(":")[0] != "cpu":
        return "bfloat16"
    if "torch" in sys.modules:
        return cpu_dtype()
    # -P: a file named torch.py in the current folder is not torch.
    asked = [sys.executable, "-P", "-c", f"from {__name__} import cpu_dtype; print(cpu_dtype())"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    # A process that finds other packages than this one cannot tell.
    return cpu_dtype() if answer.returncode else answer.stdout.split()[-1]


def cpu_dtype() -> str:
    """The precision in which this machine's processor is faster; loads torch.

    Example:

    ```python
    >>> from hf_relation.sharded.devices import cpu_dtype
    >>> cpu_dtype() in ("float32", "bfloat16")
    True

    ```
    """
    import torch

    from hf_relation.embedding.precision import bfloat16_is_fast

    return "bfloat16" if bfloat16_is_fast(torch.device("cpu")) else "float32"


def _free_memory(device: str) -> int | None:
    import torch

    kind = torch.device(device).type
    look = getattr(getattr(torch, kind, None), "mem_get_info", None)  # torch.cuda and torch.xpu have it
    return None if kind == "cpu" or look is None else int(look(torch.device(device))[0])
