"""Files of an earlier checkpoint that must not stay beside those of a new one."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable


# Where the first are written, the second must go. Old weights in other shards would be loaded in the place of the new ones, an
# old adapter on top of them, and an old corpus would stay readable.
_WEIGHTS = ("model*.safetensors", "model.safetensors.index.json")
_RULES = (
    (_WEIGHTS, (*_WEIGHTS, "adapter_model.safetensors", "adapter_config.json")),
    (("discovery.json",), ("discovery.safetensors", "discovery_corpus.jsonl")),
)


def stale_files(new: Iterable[str], there: Iterable[str]) -> list[str]:
    """The files of an earlier checkpoint to delete when a new one is written in its place.

    Args:
        new (`Iterable[str]`): names of the files to write.
        there (`Iterable[str]`): names of the files in the folder or repository.

    Returns:
        `list[str]`: sorted names.

    Example:

    ```python
    >>> from hf_relation.data.stale_files import stale_files
    >>> stale_files(["model.safetensors"], ["model-00001-of-00002.safetensors", "discovery.json", "README.md"])
    ['model-00001-of-00002.safetensors']

    ```
    """
    new = set(new)
    gone = [stale for written, stale in _RULES if any(_in(name, written) for name in new)]
    return sorted(name for name in set(there) - new if any(_in(name, stale) for stale in gone))


def _in(name: str, group: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in group)
