"""A list of a checkpoint's files, written last: what tells a whole checkpoint from one that was cut off."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from hf_relation.data.atomic import atomic_file


MANIFEST = "complete.json"
IN_PROGRESS = "in_progress"
_FORMAT = 1
_STATE = "trainer_state.json"
_INDEX = "model.safetensors.index.json"
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors")
_CARD = "README.md"  # people may write into it; training does not read it
_ZIPPED = (".pt", ".pth", ".bin")  # what torch.save writes is a zip archive, whose directory stands at its end


@contextmanager
def whole_checkpoint(folder: str | Path, *, writer: bool, wait: Callable[[], None]) -> Iterator[None]:
    """Inside, all processes write a checkpoint; it counts as complete when the last of them has come out.

    Args:
        folder (`str` or `Path`): folder of the checkpoint.
        writer (`bool`): whether this is the process that keeps the list.
        wait (`Callable`): returns when all processes have called it.
    """
    if writer:
        begin_checkpoint(folder)
    wait()
    yield
    wait()
    if writer:
        finish_checkpoint(folder)
    wait()


def begin_checkpoint(folder: str | Path) -> None:
    """Mark a checkpoint folder as unfinished, before anything is written into it.

    Args:
        folder (`str` or `Path`): folder of the checkpoint; made when missing.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / IN_PROGRESS).touch()
    (folder / MANIFEST).unlink(missing_ok=True)


def finish_checkpoint(folder: str | Path) -> None:
    """Write the list of the files of a checkpoint with their sizes, after all of them have reached the disk.

    Args:
        folder (`str` or `Path`): folder of the checkpoint, which no process writes into any more.
    """
    folder = Path(folder)
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in (MANIFEST, IN_PROGRESS, _CARD):
            with open(path, "r+b") as stream:
                os.fsync(stream.fileno())
            files[path.relative_to(folder).as_posix()] = path.stat().st_size
    content = json.dumps({"format": _FORMAT, "files": files}, indent=2)
    with atomic_file(folder / MANIFEST) as stream:
        stream.write(content.encode("utf-8"))
    (folder / IN_PROGRESS).unlink(missing_ok=True)


def find_fault(checkpoint: str | Path) -> str | None:
    """Say what is wrong with a checkpoint folder, if anything.

    A checkpoint of [`RelationTrainer`] is checked against its list of files and sizes. One of a plain `Trainer`, which
    has no list, must have a readable `trainer_state.json` (written last) and weights, JSON that parses, and whole
    safetensors files and zip archives. No file is unpickled.

    Args:
        checkpoint (`str` or `Path`): folder of the checkpoint.

    Returns:
        `str` or `None`: the first fault, with the name of the file; `None` for a checkpoint to resume from.
    """
    folder = Path(checkpoint)
    if not folder.is_dir():
        return "there is no such folder"
    if (folder / MANIFEST).is_file():
        return _fault_by_manifest(folder)
    if (folder / IN_PROGRESS).exists():
        return f"the run was stopped while it was being written (it has no {MANIFEST})"
    return _fault_of_plain_checkpoint(folder)


def _fault_by_manifest(folder: Path) -> str | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        version, files = int(manifest["format"]), dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{MANIFEST} cannot be read"
    if version > _FORMAT:
        return f"{MANIFEST} has format {version}, and this version of hf_relation knows formats up to {_FORMAT}"
    for name, size in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes instead of {size}"
    return None


def _fault_of_plain_checkpoint(folder: Path) -> str | None:
    weights = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
    state: Any = None
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if path.name == _INDEX:
                weights = [folder / name for name in sorted(set(content["weight_map"].values()))]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return f"{path.name} cannot be read"
        if path.name == _STATE:
            state = content
    if not isinstance(state, dict) or "global_step" not in state:
        return f"{_STATE}, which is written last, is missing or not that of a run"
    if not weights:
        return f"the weights ({' or '.join(_WEIGHTS)}) are missing"
    for path in sorted({*weights, *folder.glob("*.safetensors")}):
        try:
            with safe_open(path, framework="numpy"):
                pass
        except (OSError, SafetensorError):
            return f"{path.name} is missing or cut off"
    for path in sorted(folder.iterdir()):
        if path.suffix in _ZIPPED and not _is_whole_zip(path):
            return f"{path.name} is cut off"
    return None


def _is_whole_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path):
            return True
    except (OSError, zipfile.BadZipFile):
        return False
