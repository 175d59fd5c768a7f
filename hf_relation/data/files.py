"""Reading upstream files: plain or gzip, UTF-8, with errors that name the file and the line."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from ..errors import InvalidRowError, UsageError


T = TypeVar("T")

DAMAGED_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a gzip file that is damaged or incomplete fails with."""

MAX_LINE_BYTES = 64 * 2**20
"""The longest line that is read, so that a packed file of zeros cannot fill the memory."""

MAX_UNPACKED_BYTES = 2 * 2**30
"""The most that is unpacked of a gzip file that is read as a whole."""


def stem_of(path: str | os.PathLike[str]) -> str:
    """The file name up to its first dot: `"val_wiki"` for `a/val_wiki.json.gz`."""
    return Path(path).name.split(".", 1)[0]


@contextmanager
def naming_file(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let the errors of bad rows say which file they are in, where several are read.

    Args:
        path (`str` or `PathLike`): the file.

    Raises:
        InvalidRowError: as inside, with the file in front.

    Example:

    ```python
    >>> from hf_relation.data.files import naming_file
    >>> from hf_relation.errors import InvalidRowError
    >>> with naming_file("train.jsonl"):
    ...     raise InvalidRowError("`text` is empty.", line=7)
    Traceback (most recent call last):
    hf_relation.errors.InvalidRowError: train.jsonl, line 7: `text` is empty.

    ```
    """
    try:
        yield
    except InvalidRowError as error:
        if error.file is not None or os.fspath(path) in error.reason:
            raise
        raise InvalidRowError(error.reason, index=error.index, line=error.line, file=os.fspath(path)) from None


def rows_naming_file(path: Path, read: Callable[[Path], Iterable[T]]) -> Iterator[T]:
    """The rows of a file, with errors that say which file they are in.

    Args:
        path (`Path`): the file.
        read: its reader.

    Yields:
        What `read` gives.

    Raises:
        InvalidRowError: as `read`, with the file in front.
    """
    with naming_file(path):
        yield from read(path)


def open_binary(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file for reading bytes, unpacked when its name ends in `.gz`.

    Args:
        path (`str` or `PathLike`): the file.

    Returns:
        A binary stream, to be closed by the caller.

    Raises:
        UsageError: the file does not exist or is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{target} is a folder; a file is needed.")
    try:
        return cast("IO[bytes]", gzip.open(target, "rb")) if target.suffix == ".gz" else open(target, "rb")
    except FileNotFoundError:
        raise UsageError(f"the file {target} does not exist. Check the path.") from None


def read_bytes(path: str | os.PathLike[str], *, most: int = -1) -> bytes:
    """The whole content of a file, or its beginning, unpacked when its name ends in `.gz`.

    Args:
        path (`str` or `PathLike`): the file.
        most (`int`, defaults to -1): read no more than so many bytes; -1 for all.

    Returns:
        `bytes`: the content.

    Raises:
        UsageError: the file does not exist or is a folder.
        InvalidRowError: the gzip file is damaged or incomplete, or unpacks to more than 2 GiB.
    """
    with open_binary(path) as stream:
        try:
            packed = Path(path).suffix == ".gz"
            content = stream.read(MAX_UNPACKED_BYTES + 1 if packed and most < 0 else most)
        except DAMAGED_GZIP as error:
            raise InvalidRowError(f"{path} is not a complete gzip file ({error}). Get it again.") from error
    if Path(path).suffix == ".gz" and len(content) > MAX_UNPACKED_BYTES:
        raise InvalidRowError(
            f"{path} unpacks to more than {MAX_UNPACKED_BYTES:,} bytes. If it is what you want, unpack it and read that file."
        )
    return content


def read_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, bytes]]:
    """Line by line, in flat memory; only line feeds end a line, and a byte-order mark at the start is left out.

    Args:
        path (`str` or `PathLike`): the file.

    Yields:
        `tuple[int, bytes]`: one-based line number and the line without its end.

    Raises:
        UsageError: the file does not exist or is a folder.
        InvalidRowError: the gzip file is damaged or incomplete (with the line), the file is UTF-16 or UTF-32, or a line is
            longer than 64 MiB.
    """
    number = 0
    with open_binary(path) as stream:
        try:
            while line := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise InvalidRowError(
                        f"the line is longer than {MAX_LINE_BYTES:,} bytes. One row per line is needed; a single JSON array "
                        "or unpacked zeros are no JSONL.",
                        line=number,
                    )
                if number == 1:
                    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                        raise InvalidRowError(f"{path} is UTF-16 or UTF-32, not UTF-8. Save it as UTF-8.", line=1)
                    line = line.removeprefix(b"\xef\xbb\xbf")
                yield number, line.rstrip(b"\r\n")
        except DAMAGED_GZIP as error:
            raise InvalidRowError(
                f"{path} is not a complete gzip file ({error}). Get it again.", line=number + 1
            ) from error


def read_text_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Line by line as `read_lines`, decoded.

    Args:
        path (`str` or `PathLike`): the file.

    Yields:
        `tuple[int, str]`: one-based line number and the line without its end.

    Raises:
        UsageError: the file does not exist or is a folder.
        InvalidRowError: as `read_lines`, and where a line is not UTF-8 (with its number).
    """
    for number, content in read_lines(path):
        try:
            yield number, content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidRowError(f"{path} is not UTF-8 ({error.reason}). Save it as UTF-8.", line=number) from None


def parse_json(content: bytes, *, line: int | None = None, what: str = "the line") -> Any:
    """Parse strict JSON: UTF-8, no duplicate keys, no NaN or Infinity, no number that becomes infinite, no absurd nesting.

    Args:
        content (`bytes`): the JSON text.
        line (`int`, *optional*): line number for the message.
        what (`str`): what is parsed, for the message.

    Returns:
        The parsed value.

    Raises:
        InvalidRowError: it is not such JSON.

    Example:

    ```python
    >>> from hf_relation.data.files import parse_json
    >>> parse_json(b'{"a": 1, "a": 2}', line=4)
    Traceback (most recent call last):
    ...
    hf_relation.errors.InvalidRowError: line 4: the key 'a' occurs twice in one object. Keep one of the two.

    ```
    """
    try:
        return json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except _BadJson as bad:
        raise InvalidRowError(str(bad) if line is not None else f"{what}: {bad}", line=line) from None
    except UnicodeDecodeError as error:
        raise InvalidRowError(
            f"{what} is not UTF-8: byte 0x{content[error.start]:02x} at byte offset {error.start}. Save the file as UTF-8.",
            line=line,
        ) from None
    except RecursionError:
        raise InvalidRowError(f"{what} is nested too deeply. A row is at most a few levels deep.", line=line) from None
    except json.JSONDecodeError as error:
        near = error.doc[max(error.pos - 15, 0) : error.pos + 15]
        raise InvalidRowError(
            f"{what} is not valid JSON: {error.msg} at column {error.colno}, near {near!r}.", line=line
        ) from None
    except ValueError as error:  # an integer with thousands of digits
        raise InvalidRowError(f"{what} is not valid JSON: {error}.", line=line) from None


def read_json(path: str | os.PathLike[str]) -> Any:
    """Parse a whole file of strict JSON, plain or gzip.

    Args:
        path (`str` or `PathLike`): the file.

    Returns:
        The parsed value.

    Raises:
        UsageError: the file does not exist or is a folder.
        InvalidRowError: it is damaged, or not strict JSON.
    """
    return parse_json(read_bytes(path).removeprefix(b"\xef\xbb\xbf"), what=str(path))


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's (unpacked) content, as hexadecimal digits."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def digest_of_file(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file as it lies there, as hexadecimal digits; in flat memory."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _BadJson(Exception):
    pass


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _BadJson(f"the key {key[:40]!r} occurs twice in one object. Keep one of the two.")
            seen.add(key)
    return result


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise _BadJson(f"the number {number[:40]} is too large to be read.")
    return value


def _no_constant(name: str) -> Any:
    raise _BadJson(f"{name} is not JSON. Use null, or leave the field out.")
