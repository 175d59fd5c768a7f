"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import UsageError
from .exchange import exchange


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write a file under a temporary name beside its place and rename it when all is written.

    Args:
        path (`str` or `PathLike`): the final file; its folder must exist. An existing file is replaced only on success.

    Returns:
        Context manager giving a binary stream. After an error the temporary file is gone and `path` is as it was.

    Raises:
        UsageError: `path` is a folder, or its folder does not exist.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data.atomic import atomic_file
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_file(target) as stream:
    ...     _ = stream.write(b"whole")
    >>> target.read_bytes(), len(list(target.parent.iterdir()))
    (b'whole', 1)

    ```
    """
    target = check_file_place(path, overwrite=True)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_file_place(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Refuse, before any work, a file that cannot be written.

    Args:
        path (`str` or `PathLike`): the file; its folder must exist.
        overwrite (`bool`, defaults to `False`): the file may be there already.

    Returns:
        `Path`.

    Raises:
        UsageError: `path` is a folder, its folder does not exist, or it is there and `overwrite` is false.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"cannot write the file {target}: a folder has that name. Give a file name.")
    if not target.parent.is_dir():
        raise UsageError(f"cannot write {target}: the folder {target.parent} does not exist. Create it first.")
    if target.exists() and not overwrite:
        raise UsageError(f"the file {target} exists. Give another name, or ask to overwrite it.")
    return target


def check_folder_place(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Refuse, before any work, a folder that cannot be written.

    Args:
        path (`str` or `PathLike`): the folder.
        overwrite (`bool`, defaults to `False`): there may be something in it.

    Returns:
        `Path`: absolute.

    Raises:
        UsageError: `path` is a file, or a folder with something in it and `overwrite` is false.
    """
    target = Path(path).absolute()
    if target.exists() and not target.is_dir():
        raise UsageError(f"cannot write the folder {target}: a file has that name. Give another folder.")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise UsageError(f"the folder {target} is not empty. Give another folder, or ask to overwrite this one.")
    return target


def folder_for(path: str | os.PathLike[str], what: str) -> Path:
    """Make a folder to write into, where it is missing.

    Args:
        path (`str` or `PathLike`): the folder.
        what (`str`): what is to be written, for the message.

    Raises:
        UsageError: `path` is a file.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise UsageError(f"Cannot write {what} to {target}: it is a file. Name a folder.")
    target.mkdir(parents=True, exist_ok=True)
    return target


@contextmanager
def atomic_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Fill a folder under a temporary name beside its place and rename it when all is written.

    Args:
        path (`str` or `PathLike`): the final folder; missing parents are created.
        overwrite (`bool`): replace a folder that is there and not empty.

    Returns:
        Context manager giving the temporary folder to fill. After an error it is gone and `path` is as it was.

    Raises:
        UsageError: `path` is a file, or a folder with something in it and `overwrite` is false.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data.atomic import atomic_folder
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "out"
    >>> with atomic_folder(target) as folder:
    ...     _ = (folder / "a.txt").write_text("whole")
    >>> [item.name for item in target.iterdir()]
    ['a.txt']

    ```
    """
    target = check_folder_place(path, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    suffix = secrets.token_hex(6)
    temporary = target.with_name(f".{target.name[:100]}.{suffix}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        # Refused again: another process may have been first.
        if check_folder_place(target, overwrite=overwrite).exists():
            _exchange(temporary, target, target.with_name(f".{target.name[:100]}.{suffix}.old"))
        else:
            os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _exchange(new: Path, target: Path, previous: Path) -> None:
    """Afterwards `new` is at `target`, and what was there is at `new`."""
    if exchange(new, target):
        return
    os.replace(target, previous)
    try:
        os.replace(new, target)
    except BaseException:
        os.replace(previous, target)
        raise
    os.replace(previous, new)
