"""Finding a checkpoint that a killed run left whole, and keeping enough of them."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

from hf_relation.errors import CheckpointError
from hf_relation.training.manifest import find_fault


logger = logging.getLogger(__name__)


def is_complete(checkpoint: str | Path) -> bool:
    """Tell whether a checkpoint folder can be resumed from.

    Args:
        checkpoint (`str` or `Path`): folder of the checkpoint.

    Returns:
        `bool`: whether every file of its list `complete.json` is there in full size; for a checkpoint of a plain
        `Trainer`, which has no such list, whether its state, weights and archives are whole.
    """
    return find_fault(checkpoint) is None


def has_complete_checkpoint(output_dir: str | Path) -> bool:
    """Tell whether a run left a checkpoint to resume from.

    Args:
        output_dir (`str` or `Path`): the `output_dir` of the run.

    Returns:
        `bool`.
    """
    return any(is_complete(folder) for folder in checkpoint_folders(output_dir))


def complete_checkpoints(output_dir: str | Path) -> list[Path]:
    """List the checkpoints of a run that were written to their end.

    Args:
        output_dir (`str` or `Path`): the `output_dir` of the run, with folders `checkpoint-<step>`.

    Returns:
        `list[Path]`: the folders, the highest step first.
    """
    return [folder for folder in checkpoint_folders(output_dir) if is_complete(folder)]


def last_complete_checkpoint(output_dir: str | Path) -> Path:
    """Find the latest checkpoint of a run that was written to its end.

    Args:
        output_dir (`str` or `Path`): the `output_dir` of the run, with folders `checkpoint-<step>`.

    Returns:
        `Path`: folder of the checkpoint with the highest step among the complete ones.

    Raises:
        CheckpointError: there is none; the message names incomplete ones that were passed over.
    """
    folders = checkpoint_folders(output_dir)
    for folder in folders:
        if is_complete(folder):
            return folder
    passed = f" Incomplete: {', '.join(path.name for path in folders)}." if folders else ""
    raise CheckpointError(
        f"{output_dir} holds no complete checkpoint to resume from.{passed} Start the run without resuming, or give the "
        "folder of a checkpoint."
    )


def check_resumable(checkpoint: str | Path, num_processes: int = 1) -> Path:
    """Make sure that a run can go on exactly from a checkpoint that the caller names.

    Args:
        checkpoint (`str` or `Path`): folder of the checkpoint.
        num_processes (`int`, defaults to 1): processes of the run that goes on; a warning is logged when the checkpoint was
            written by another number of them.

    Returns:
        `Path`: the folder.

    Raises:
        CheckpointError: a file is missing or cut off (the message names it, and the last complete checkpoint beside it),
            or the checkpoint has weights alone.
    """
    folder = Path(checkpoint)
    fault = find_fault(folder)
    if fault is not None:
        others = [path for path in complete_checkpoints(folder.parent) if path != folder]
        instead = f"The last complete one beside it is {others[0]}." if others else "No complete one is beside it."
        raise CheckpointError(f"{folder} cannot be resumed from: {fault}. {instead}")
    if not any(folder.glob("optimizer*")) or not (folder / "scheduler.pt").is_file():
        raise CheckpointError(
            f"{folder} has no state of the optimizer (it was saved with `save_only_model=True`), so that the run cannot go "
            "on exactly. Load its weights as a model and start a new run from them."
        )
    written_by = len([*folder.glob("rng_state*.pth")])
    if written_by != num_processes:
        logger.warning(
            "%s was written by %d process(es) and is resumed by %d: the run goes on, but not to the same weights.",
            folder,
            written_by,
            num_processes,
        )
    later = [path.name for path in complete_checkpoints(folder.parent) if _step(path) > _step(folder)]
    if later:
        logger.warning(
            "%s is later than %s; resume_from_checkpoint=True would take it even after this run has written others. "
            "Remove it, or give the run another output_dir.",
            later[0],
            folder.name,
        )
    return folder


def remove_old_checkpoints(output_dir: str | Path, limit: int | None, keep: tuple[str | Path | None, ...]) -> None:
    """Keep the latest checkpoints and remove older ones, never the last complete one.

    To be called when the newest checkpoint is complete. Unfinished folders of a killed run that the new one has passed
    count for nothing and are removed.

    Args:
        output_dir (`str` or `Path`): the `output_dir` of the run.
        limit (`int`, *optional*): how many to keep; `None` or 0 keeps all.
        keep (`tuple`): checkpoints never to be removed: the newest, the best (`None` entries are skipped).
    """
    if not limit or limit < 0:
        return
    kept = {Path(folder).resolve() for folder in keep if folder is not None}
    newest = max((_step(folder) for folder in kept), default=0)
    folders = [folder for folder in checkpoint_folders(output_dir) if folder.resolve() not in kept]
    free = max(0, limit - len(kept))
    for folder in folders:
        complete = is_complete(folder)
        if complete and free:
            free -= 1
        elif complete or _step(folder) < newest:
            logger.info("Removing %s: %s", folder, "older than `save_total_limit`" if complete else "unfinished")
            shutil.rmtree(folder, ignore_errors=True)


def checkpoint_folders(output_dir: str | Path) -> list[Path]:
    """List the checkpoint folders of a run, complete or not.

    Args:
        output_dir (`str` or `Path`): the `output_dir` of the run.

    Returns:
        `list[Path]`: folders `checkpoint-<step>`, the highest step first.
    """
    folders = [path for path in Path(output_dir).glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return sorted(folders, key=_step, reverse=True)


def _step(folder: Path) -> int:
    number = folder.name.rpartition("-")[2]
    return int(number) if number.isdigit() else 0  # a checkpoint that was named by hand
