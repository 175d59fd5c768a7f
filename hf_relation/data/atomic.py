"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import UsageError
from .stale_files import stale_files


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
    previous = target.with_name(f".{target.name[:100]}.{suffix}.old")
    temporary.mkdir()
    try:
        yield temporary
        if target.exists():
            os.replace(target, previous)
        try:
            os.replace(temporary, target)
        except BaseException:
            if previous.exists():
                os.replace(previous, target)
            raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if previous.exists():
        shutil.rmtree(previous)


def fill_folder(path: str | os.PathLike[str], fill: Callable[[Path], None], *, last: str) -> None:
    """Write a checkpoint folder so that a crash leaves the old one, the new one, or one that refuses to load.

    A new or empty folder appears whole. In a folder with content the new files replace old ones of the same name, one by
    one and `last` at the end; the checksums in it tell when that was cut short. Other files stay, but for weights and a corpus that
    the new files do not replace, see [`~hf_relation.data.stale_files.stale_files`].

    Args:
        path (`str` or `PathLike`): the folder; made where missing.
        fill (`Callable`): writes the files into the (temporary) folder it is given.
        last (`str`): name of the file that is replaced last, which holds checksums of the others.

    Raises:
        UsageError: `path` is a file.
    """
    target = Path(path)
    if not target.is_dir() or not any(target.iterdir()):
        with atomic_folder(target) as work:
            fill(work)
        return
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=target) as name:
        work = Path(name)
        fill(work)
        files = sorted(work.iterdir(), key=lambda file: (file.name == last, file.name))
        stale = stale_files([file.name for file in files], [file.name for file in target.iterdir()])
        for file in files:
            if file.name == last:
                for name in stale:
                    (target / name).unlink()
            os.replace(file, target / file.name)
