"""Devices by name, with an answer for those that are not there."""

from __future__ import annotations

import torch
from torch import nn

from hf_relation.errors import UsageError


def available_devices() -> list[str]:
    """Names of the devices of this machine, `"cpu"` first.

    Example:

    ```python
    >>> from hf_relation.embedding.devices import available_devices
    >>> available_devices()[0]
    'cpu'

    ```
    """
    names = ["cpu"]
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is not None:
        names.extend(f"{accelerator.type}:{i}" for i in range(torch.accelerator.device_count()))
    return names


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn a name into a device that exists.

    Args:
        device (`str` or `torch.device`): for instance `"cpu"`, `"cuda"` or `"cuda:1"`.

    Returns:
        `torch.device`: the device.

    Raises:
        UsageError: not a device name, or a device that this machine does not have; the message lists those it has.

    Example:

    ```python
    >>> from hf_relation.embedding.devices import resolve_device
    >>> resolve_device("cpu")
    device(type='cpu')

    ```
    """
    names = available_devices()
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise UsageError(f"`device` is {device!r}, which names no device. Available: {', '.join(names)}.") from error
    wanted = f"{resolved.type}:{resolved.index or 0}"
    if resolved.type != "cpu" and wanted not in names:
        raise UsageError(
            f"`device` is {str(device)!r}, which this machine does not have. Available: {', '.join(names)}."
        )
    return resolved


def model_device(model: nn.Module) -> torch.device:
    """The device on which a model's first parameter (or buffer) lies; the CPU for a model without any.

    Example:

    ```python
    >>> from torch import nn
    >>> from hf_relation.embedding.devices import model_device
    >>> model_device(nn.Linear(2, 2))
    device(type='cpu')

    ```
    """
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")
