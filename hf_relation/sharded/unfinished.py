"""Where files are until they are whole: folders that tell whose they are, so that what a killed process left can go."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


UNFINISHED = ".unfinished"


@contextmanager
def unfinished_folder(workdir: Path) -> Iterator[Path]:
    """A temporary folder on the disk of the run, gone at the end.

    Args:
        workdir (`Path`): the folder of the run.

    Returns:
        Context manager giving the folder.
    """
    work = workdir / UNFINISHED / f"{socket.gethostname()}+{os.getpid()}+{secrets.token_hex(6)}"
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def write_whole(workdir: Path, place: Path, content: bytes) -> None:
    """Write a small file whole or not at all. (A temporary name beside its place would stay when the process is killed.)

    Args:
        workdir (`Path`): the folder of the run.
        place (`Path`): a file in it; its folder must exist.
        content (`bytes`): what it shall hold.
    """
    with unfinished_folder(workdir) as work:
        with open(work / place.name, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(work / place.name, place)


def remove_unfinished(workdir: Path) -> None:
    """Remove what processes of this machine left that are no more.

    Args:
        workdir (`Path`): the folder of the run.
    """
    folder = workdir / UNFINISHED
    for left in folder.iterdir() if folder.is_dir() else ():
        host, _, rest = left.name.partition("+")
        number = rest.partition("+")[0]
        if host == socket.gethostname() and number.isdigit() and not _is_alive(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:  # one that is dead keeps its number until somebody asks for its end, which in a container may be never
        state = (
            Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        )
    except (OSError, IndexError):
        return True
    return state not in ("Z", "X")
