"""Files that lie elsewhere: `hf://`, `s3://` and all else that fsspec opens."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.errors import HfRelationError, MissingPackageError, UsageError
from hf_relation.sharded.unfinished import unfinished_folder


# What file systems say of a file that changes whenever its contents do: the Hub, Amazon's S3, Google's and Microsoft's stores.
_TELLS_CONTENTS = ("blob_id", "ETag", "md5Hash", "etag")
_BLOCK = 2**20


def is_url(path: str | os.PathLike[str]) -> bool:
    """Whether a path is for fsspec.

    Example:

    ```python
    >>> from hf_relation.sharded.urls import is_url
    >>> is_url("hf://datasets/user/name/rows.jsonl"), is_url("rows.jsonl")
    (True, False)

    ```
    """
    return "://" in os.fspath(path)


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    Args:
        url (`str`): as fsspec takes it.

    Raises:
        MissingPackageError: fsspec needs another package for it.
        UsageError: nothing opens such a URL.
    """
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(url)
    except ImportError as error:
        raise MissingPackageError(f"{url}: {error}") from error
    except ValueError as error:
        raise UsageError(f"{url} is no URL that fsspec opens ({error}).") from error
    return system, path


def version_of(url: str) -> str:
    """What changes whenever the contents of a file do: what its file system says of them, or else their sha256.

    Args:
        url (`str`): a file.

    Returns:
        `str`: for instance `"ETag:..."`, with the size; or a digest, for which the file is read once.

    Raises:
        UsageError: there is no such file.
    """
    system, path = file_system(url)
    try:
        system.invalidate_cache()
        info = system.info(path)
        if info["type"] == "directory":
            raise UsageError(f"{url} is a folder. Name its files.")
        large = info.get("lfs")  # of the Hub
        if large and large.get("sha256"):
            return str(large["sha256"])
        for name in _TELLS_CONTENTS:
            if info.get(name):
                return f"{name}:{str(info[name]).strip(chr(34))}+{info['size']}"
        found = hashlib.sha256()
        with system.open(path, "rb") as stream:
            while block := stream.read(_BLOCK):
                found.update(block)
    except FileNotFoundError:
        raise UsageError(f"the file {url} does not exist. Check the URL, and whether you may read it.") from None
    return found.hexdigest()


@contextmanager
def local_copy(path: str, workdir: Path) -> Iterator[Path]:
    """A file on this machine, downloaded for a while where it is not there.

    Args:
        path (`str`): a path, or a URL.
        workdir (`Path`): a folder of a run, for the copy.

    Returns:
        Context manager giving the path.

    Raises:
        UsageError: there is no such file.
    """
    if not is_url(path):
        yield Path(path)
        return
    system, place = file_system(path)
    with unfinished_folder(workdir) as folder:
        copy = folder / os.path.basename(place)
        try:
            system.get_file(place, str(copy))
        except FileNotFoundError:
            raise UsageError(f"the file {path} does not exist. Check the URL, and whether you may read it.") from None
        yield copy


class RemoteRows:
    """The rows of a `.npy` file at a URL, of which only what is asked for is read.

    Args:
        url (`str`): the file.

    Attributes:
        shape (`tuple[int, ...]`): of the array.

    Raises:
        UsageError: it is no such file, or not a matrix of numbers row by row.
    """

    def __init__(self, url: str) -> None:
        from numpy.lib import format as npy_format

        self.url = url
        self._system, self._path = file_system(url)
        try:
            with self._system.open(self._path, "rb") as stream:
                version = npy_format.read_magic(stream)
                read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
                self.shape, by_columns, self.dtype = read(stream)
                self._start = stream.tell()
        except (OSError, ValueError, EOFError) as error:
            raise UsageError(
                f"{url} is no .npy file of numbers ({error}). Save the embeddings with numpy.save."
            ) from error
        if len(self.shape) != 2 or by_columns or self.dtype.hasobject:
            raise UsageError(
                f"{url} must hold a matrix of numbers (rows, columns), row by row, got shape {self.shape} of {self.dtype}"
                f"{', column by column' if by_columns else ''}. Save it with numpy.save(..., numpy.ascontiguousarray(array))."
            )

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: slice) -> np.ndarray:
        first, stop, _ = rows.indices(len(self))
        width = self.shape[1] * self.dtype.itemsize
        with self._system.open(self._path, "rb") as stream:
            stream.seek(self._start + first * width)
            content = stream.read((stop - first) * width)
        if len(content) != (stop - first) * width:
            raise HfRelationError(f"{self.url} ends before row {stop}: it is not whole. Upload it again.")
        return np.frombuffer(content, dtype=self.dtype).reshape(stop - first, self.shape[1])
