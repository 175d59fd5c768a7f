"""Where the corpora are on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UsageError


ENVIRONMENT_VARIABLE = "HF_RELATION_DATA"


def find_data_dir() -> Path | None:
    """The folder of corpora that the environment variable `HF_RELATION_DATA` names.

    Returns:
        `Path` or `None`: the folder, or `None` when the variable is not set or empty.

    Raises:
        UsageError: the variable is set but names no folder.

    Example:

    ```python
    >>> from hf_relation.data import find_data_dir
    >>> folder = find_data_dir()
    >>> folder is None or folder.is_dir()
    True

    ```
    """
    value = os.environ.get(ENVIRONMENT_VARIABLE)
    if not value:
        return None
    folder = Path(value)
    if not folder.is_dir():
        raise UsageError(f"{ENVIRONMENT_VARIABLE} is {value!r}, which is not a folder. Correct it or unset it.")
    return folder


def corpus_dir(data_dir: str | os.PathLike[str] | None, name: str) -> Path:
    """The folder of one corpus: `data_dir/name` where that exists, else `data_dir` itself.

    Args:
        data_dir (`str`, `PathLike` or `None`): folder of one or of several corpora; `None` takes `find_data_dir()`.
        name (`str`): folder name of the corpus, for instance `"fewrel"`.

    Returns:
        `Path`: an existing folder.

    Raises:
        UsageError: no folder given and none in the environment, or the folder does not exist.
    """
    folder = find_data_dir() if data_dir is None else Path(data_dir)
    if folder is None:
        raise UsageError(
            f"where is the corpus {name!r}? Give the data folder (`data_dir`, `--data-dir`), or set {ENVIRONMENT_VARIABLE} to the folder that holds {name}/."
        )
    if not folder.is_dir():
        raise UsageError(f"the data folder {folder} does not exist. Give the folder that holds {name}/ or its files.")
    return folder / name if (folder / name).is_dir() else folder


def corpus_file(folder: Path, *names: str, source: str) -> Path:
    """The first of several file names that exists in a folder, plain or with `.gz` behind.

    Args:
        folder (`Path`): where to look.
        names (`str`): file names, in order of preference.
        source (`str`): where the file can be had, for the message.

    Returns:
        `Path`: an existing file.

    Raises:
        UsageError: none of them is there.
    """
    for name in names:
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    wanted = " or ".join(f"{name}[.gz]" for name in names)
    raise UsageError(f"{wanted} is not in {folder}. Get it from {source} and put it there.")
