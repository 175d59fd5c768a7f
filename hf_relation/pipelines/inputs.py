"""What a pipeline of this package may be given, as a list of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.utils.data import Dataset

from hf_relation.errors import UsageError


def as_rows(inputs: Any) -> Any:
    """A torch dataset with length and index only as a list; everything else as it is.

    Example:

    ```python
    >>> from hf_relation.pipelines.inputs import as_rows
    >>> as_rows(("Ada sings.",))
    ('Ada sings.',)

    ```
    """
    if isinstance(inputs, Dataset) and not isinstance(inputs, Iterable):
        return list(map(inputs.__getitem__, range(len(inputs))))  # type: ignore[arg-type]
    return inputs


def batch_budget(options: dict[str, Any], max_length: int) -> dict[str, int]:
    """The token budget that `batch_size` or `max_tokens_per_batch` among a pipeline's options asks for.

    Args:
        options (`dict`): of the pipeline.
        max_length (`int`): of the processor.

    Returns:
        `dict`: `max_tokens_per_batch`, or nothing.

    Raises:
        UsageError: `batch_size` is not an integer from 1 up, or both are given.
    """
    batch_size, tokens = options.get("batch_size"), options.get("max_tokens_per_batch")
    if batch_size is None:
        return {} if tokens is None else {"max_tokens_per_batch": tokens}
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise UsageError(f"`batch_size` must be an integer from 1 up, got {batch_size!r}.")
    if tokens is not None:
        raise UsageError("Give `batch_size` or `max_tokens_per_batch`, not both.")
    return {"max_tokens_per_batch": batch_size * max_length}
