"""Saving over an older version, so that a crash at any moment leaves the old version or the new one.

The new version is written whole into a hidden folder inside the target, then that folder gets the name `.saved` in one
step: from then on the new version counts. Its files are put in their places one by one, the file without which nobody
loads the folder taken out first and put back last, so that a reader that knows nothing of this is refused and never gets
a mixture. A save that was killed in between is completed by the next reader of this package, or by the next save.
"""

from __future__ import annotations

import filecmp
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, InvalidRowError
from .atomic import check_folder_place
from .files import parse_json
from .stale_files import stale_files


_SAVED, _ORDER, _LINKS = ".saved", ".order.json", ".links"
_UNFINISHED = (".saving-", ".replaced-")


def fill_folder(path: str | os.PathLike[str], fill: Callable[[Path], None], *, last: str) -> None:
    """Write the files of one version into a folder: a crash leaves the old version or the new one, never a mixture.

    A new folder appears whole. In a folder that is there, files of the same names are replaced, files of the older version that
    would be taken for those of the new one go (see [`~hf_relation.data.stale_files.stale_files`]), and others stay. Only one process at a time does so (the others wait), where the system can lock a folder.

    Args:
        path (`str` or `PathLike`): the folder; made where missing.
        fill (`Callable`): writes all files of the version into the (temporary) folder it is given.
        last (`str`): the file without which nobody loads the folder, such as `config.json`.

    Raises:
        UsageError: `path` is a file.
        OSError: the files cannot be written; the older version is as it was, or the new one is complete.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data.replacing import fill_folder
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "mine.txt").write_text("stays")
    >>> fill_folder(folder, lambda work: (work / "config.json").write_text("{}") and None, last="config.json")
    >>> sorted(file.name for file in folder.iterdir())
    ['config.json', 'mine.txt']

    ```
    """
    target = check_folder_place(path, overwrite=True)
    if target.exists():
        _replace(target, fill, last)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    work.mkdir()
    try:
        fill(work)
        _sync(work)
        try:
            os.replace(work, target)
        except OSError:
            if not target.is_dir():
                raise
            # Another process was first: this one's is the newer version.
            _replace(target, lambda staged: _copy(work, staged), last)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def finish_saving(folder: str | os.PathLike[str]) -> None:
    """Complete a save that was killed when its new version was whole but not all in place; else do nothing.

    Args:
        folder (`str` or `PathLike`): a folder that [`fill_folder`] writes, or any other.

    Raises:
        CheckpointError: the folder cannot be written, or what lies in it is not of [`fill_folder`].
    """
    target = Path(folder)
    if not (target / _SAVED).is_dir():
        return
    try:
        with _alone(target):
            _install(target)
    except OSError as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"The last save into {target} was cut short, and cannot be completed: {error}. Make the folder writable, or copy "
            "it to where it is, and load it again."
        ) from error


def _replace(target: Path, fill: Callable[[Path], None], last: str) -> None:
    with _alone(target) as locked:
        _install(target)
        for left in target.iterdir() if locked else ():  # of a process that was killed
            if left.name.startswith(_UNFINISHED):
                shutil.rmtree(left, ignore_errors=True)
        work = target / f".saving-{secrets.token_hex(6)}"
        work.mkdir()
        try:
            fill(work)
            names = _names(work)
            changed = [name for name in names if not _same(work / name, target / name)]
            gone = stale_files(names, [path.name for path in target.iterdir() if path.is_file()])
            # Where at most one file changes, or all are new, there is no mixture to prevent.
            in_one_step = len(changed) + len(gone) > 1 and (gone or any((target / name).exists() for name in changed))
            if in_one_step:
                (work / _ORDER).write_text(json.dumps({"last": last, "outdated": gone}), encoding="utf-8")
            _sync(work)
            if in_one_step:
                os.replace(work, target / _SAVED)  # from here the new version counts
                _install(target)
                return
            for name in sorted(changed, key=lambda name: name == last):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(work / name, target / name)
            for name in gone:
                (target / name).unlink()
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _install(target: Path) -> None:
    """Put what lies in `.saved` in its place. It may be done in part already, and is whole until all is in place."""
    staged = target / _SAVED
    if not staged.is_dir():
        return
    _sync_entries(target)
    order, names = _read_order(staged), _names(staged)
    last = [name for name in names if name == order["last"]]
    names = [name for name in names if name not in last and not _same(staged / name, target / name)]
    gone = [name for name in order["outdated"] if (target / name).is_file()]
    if last and (names or gone):
        (target / last[0]).unlink(missing_ok=True)
    for name in gone:
        (target / name).unlink()
    for name in names + last:
        if not _same(staged / name, target / name):
            _link(staged, name, target / name)
    _sync_entries(target)
    done = target / f".replaced-{secrets.token_hex(6)}"
    os.replace(staged, done)
    shutil.rmtree(done, ignore_errors=True)


def _link(staged: Path, name: str, place: Path) -> None:
    (staged / _LINKS).mkdir(exist_ok=True)
    link = staged / _LINKS / secrets.token_hex(6)
    try:
        os.link(staged / name, link)
    except OSError:  # a file system without links
        shutil.copyfile(staged / name, link)
        _sync_file(link)
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(link, place)


def _read_order(staged: Path) -> dict[str, Any]:
    path = staged / _ORDER
    try:
        order = parse_json(path.read_bytes(), what=str(path))
        names = [order["last"], *order["outdated"]]
        if all(isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name for name in names):
            return {"last": names[0], "outdated": names[1:]}
    except (FileNotFoundError, InvalidRowError, KeyError, TypeError):
        pass
    raise CheckpointError(f"{staged} is damaged: delete that folder, and save or get the checkpoint again.")


def _names(folder: Path) -> list[str]:
    """Files of a version, by their place in the folder."""
    files = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_symlink():
            raise CheckpointError(f"{path} is a link, which no checkpoint has. Delete it.")
        if path.is_file() and name.parts[0] not in (_ORDER, _LINKS):
            files.append(name.as_posix())
    return files


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and (one.samefile(other) or filecmp.cmp(one, other, shallow=False))


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def _sync(folder: Path) -> None:
    """Have all files of a folder on the disk before anything relies on them."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        _sync_file(path)
    _sync_entries(folder)


def _sync_file(path: Path) -> None:
    with open(path, "r+b") as stream:
        os.fsync(stream.fileno())


def _sync_entries(folder: Path) -> None:
    with suppress(OSError):  # not all systems open folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Only one process, and thread, at a time. The lock is the operating system's: no file, and gone with the process."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            locked = True
        except OSError:  # a file system without locks
            locked = False
        yield locked
    finally:
        os.close(descriptor)
