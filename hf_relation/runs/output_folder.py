"""The folder that a run writes to: one run at a time, and nothing of another run is lost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from filelock import FileLock, Timeout

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.training import write_json


SETTINGS = "settings.json"
RESULTS = "results.json"
LOCK = ".lock"
# What a run learns of its labels before its first seed.
ORDER_FOLDER = "learning-order"
ORDER_FILE = "learning_order.jsonl"
#: Of a seed whose run has a stage before its own training.
FIRST_STAGE = "order"
# What a seed leaves, of itself or of the jobs that it has folders for.
_OF_A_SEED = (
    "run.json",
    "checkpoint-*",
    "config.json",
    ORDER_FILE,
    "*/run.json",
    "*/checkpoint-*",
    "*/config.json",
    "*/unpruned",
    "*/importance_*.json",
)
_SEED_FOLDER = re.compile(r"seed-\d+")


@contextmanager
def claimed(
    folder: str | Path,
    settings: Mapping[str, Any],
    *,
    resume: bool = False,
    overwrite: bool = False,
    process_index: int = 0,
    num_processes: int = 1,
) -> Iterator[None]:
    """Hold an output folder for the time of a run.

    The lock is the operating system's: it is gone with the process, however that ends. With several processes the main
    one takes it, and all of them raise what it raises.

    Args:
        folder (`str` or `Path`): where the run writes; made where missing.
        settings (`Mapping`): what determines the run, JSON-able; written to `settings.json`, and compared with what lies
            there when a run is resumed.
        resume (`bool`, defaults to `False`): go on with the run in the folder.
        overwrite (`bool`, defaults to `False`): delete the run in the folder: `results.json`, `settings.json` and the
            folders `seed-N` and `learning-order`. Other files stay.
        process_index (`int`, defaults to 0), num_processes (`int`, defaults to 1): of the processes that train together.

    Returns:
        Context manager; the folder is free again at its end.

    Raises:
        UsageError: another run has the folder; it holds a run and neither `resume` nor `overwrite` is given; both are;
            or the settings differ from those the run was started with.
        CheckpointError: `settings.json` cannot be read.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_relation.runs.output_folder import claimed
    >>> folder = tempfile.mkdtemp()
    >>> with claimed(folder, {"max_steps": 10}):
    ...     with claimed(folder, {"max_steps": 10}):
    ...         pass
    Traceback (most recent call last):
        ...
    hf_relation.errors.UsageError: Another run is writing to ...

    ```
    """
    with ExitStack() as stack:
        problem: Exception | None = None
        if process_index == 0:
            try:
                stack.enter_context(_locked(Path(folder)))
                _prepare(Path(folder), settings, resume=resume, overwrite=overwrite)
            except (UsageError, CheckpointError, OSError) as error:
                problem = error
        if num_processes > 1:
            problem = broadcast_object_list([problem])[0]  # so that none waits for a process that has stopped
        if problem is not None:
            raise problem
        yield


def find_run(folder: str | Path) -> Path | None:
    """Find a file or folder that shows that a folder holds a run.

    Args:
        folder (`str` or `Path`): an output folder, which need not exist.

    Returns:
        `Path` or `None`: `results.json`; the learning order of its labels, or a checkpoint towards it; the `run.json`, weights or first
            checkpoint of a seed, or of one of the jobs that it has folders for; a model or ranking of heads in such a folder.
    """
    folder = Path(folder)
    if (folder / RESULTS).exists():
        return folder / RESULTS
    for pattern in ("*.jsonl", "checkpoint-*"):
        found = sorted((folder / ORDER_FOLDER).glob(pattern))
        if found:
            return found[0]
    for seed in seed_folders(folder):
        for pattern in _OF_A_SEED:
            found = sorted(seed.glob(pattern))
            if found:
                return found[0]
    return None


def seed_folders(folder: str | Path) -> list[Path]:
    """The folders `seed-N` of a run, by name."""
    return sorted(path for path in Path(folder).glob("seed-*") if _SEED_FOLDER.fullmatch(path.name))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"`--output_dir` {folder} is a file. Give a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"Another run is writing to {folder}. Wait until it ends, or give this one another --output_dir."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _prepare(folder: Path, settings: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise UsageError("--resume and --overwrite contradict one another: give one of them.")
    found = find_run(folder)
    if found is not None and not resume and not overwrite:
        raise UsageError(
            f"{folder} holds a run already: {found.relative_to(folder)} is there. Go on with it with --resume, delete it "
            "with --overwrite, or give another --output_dir."
        )
    if found is not None and resume and (folder / SETTINGS).is_file():
        _check_same(folder / SETTINGS, settings)
    if overwrite:
        _delete_run(folder)
    write_json(folder / SETTINGS, settings)


def _check_same(path: Path, settings: Mapping[str, Any]) -> None:
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(
            f"{path} is damaged ({error}). Delete it to resume without comparing settings."
        ) from None
    now = json.loads(json.dumps(settings))
    different = [
        f"{key}: {_shown(before, key)} then, {_shown(now, key)} now"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]
    if different:
        raise UsageError(
            f"The run in {path.parent} was started with other settings ({'; '.join(different)}). Resume with those of "
            "then, start anew with --overwrite, or give another --output_dir."
        )


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return json.dumps(settings[key], ensure_ascii=False) if key in settings else "the default"


def _delete_run(folder: Path) -> None:
    for name in (RESULTS, SETTINGS):
        (folder / name).unlink(missing_ok=True)
    order = [folder / ORDER_FOLDER] if (folder / ORDER_FOLDER).exists() else []
    for seed in [*seed_folders(folder), *order]:
        if seed.is_symlink() or seed.is_file():
            seed.unlink()
        else:
            shutil.rmtree(seed)
