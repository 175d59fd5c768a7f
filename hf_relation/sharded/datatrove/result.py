"""`open_result`: the result of a run that is done, wherever it is."""

from __future__ import annotations

import os
from pathlib import Path

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.sharded.plan import stages_of
from hf_relation.sharded.ranks import unfinished_tasks
from hf_relation.sharded.result import ShardedResult
from hf_relation.sharded.run_folder import RemoteFolder, RunFolder
from hf_relation.sharded.urls import is_url


# Large, and not needed to read the result.
_LEFT_THERE = ("split", "embed", "draw", "sample")


def open_result(workdir: str | os.PathLike[str], *, copy: str | os.PathLike[str] | None = None) -> ShardedResult:
    """Open the result of a run that [`sharded_executors`] or [`~hf_relation.sharded.discover_sharded`] made.

    Args:
        workdir (`str` or `PathLike`): the folder of the run, or its URL.
        copy (`str` or `PathLike`, *optional*): with a URL: a new folder of this machine, into which what a result is read from is
            downloaded (no embeddings).

    Returns:
        [`~hf_relation.sharded.ShardedResult`].

    Raises:
        UsageError: there is no run, or no `copy` is named.
        HfRelationError: the run is not done; the message names the stage.
    """
    if is_url(workdir):
        if copy is None:
            raise UsageError(
                f"{os.fspath(workdir)} is not on this machine: name a folder to copy the result into (`copy`)."
            )
        target = Path(copy).absolute()
        if target.exists() and any(target.iterdir()):
            raise UsageError(f"{target} is not empty. Name a new folder for the copy.")
        target.mkdir(parents=True, exist_ok=True)
        folder: RunFolder = RemoteFolder(os.fspath(workdir), target)
    else:
        folder = RunFolder(Path(workdir).absolute())
    record = folder.record()
    folder.refresh()
    for stage in stages_of(record):
        left = unfinished_tasks(folder, record, stage)
        if left:
            raise HfRelationError(
                f'{folder.name} is not done: {len(left)} shards of stage "{stage}" are left, the first is {left[0].shard}.'
            )
    if isinstance(folder, RemoteFolder):
        folder.download(*(stage for stage in stages_of(record) if stage not in _LEFT_THERE))
    return ShardedResult(folder.path, record)
