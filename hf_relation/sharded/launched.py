"""`discover_launched`: sharded discovery under `accelerate launch`, one process a device."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hf_relation.errors import UsageError
from hf_relation.sharded.devices import number_process
from hf_relation.sharded.discover import prepare
from hf_relation.sharded.plan import stages_of
from hf_relation.sharded.ranks import run_rank, wait_for_stages
from hf_relation.sharded.result import ShardedResult
from hf_relation.sharded.run_folder import open_folder
from hf_relation.sharded.settings import ShardedSettings
from hf_relation.sharded.urls import is_url


def discover_launched(
    inputs: Sequence[str | os.PathLike[str]],
    workdir: str | os.PathLike[str],
    *,
    settings: ShardedSettings | None = None,
    embeddings: Sequence[str | os.PathLike[str]] | None = None,
    on_change: Literal["error", "redo"] = "error",
    wait: float = 3600.0,
) -> ShardedResult:
    """[`~hf_relation.sharded.discover_sharded`] in the processes that `accelerate launch` started, on one machine or several.

    Process `r` of `n` does every `n`-th shard of a stage; with `device="cuda"` in the settings it embeds on the device that accelerate
    gives it. Folder and result are those of `discover_sharded`. Without a launcher it is one process that does all.

    Args:
        inputs, settings, embeddings, on_change: as for `discover_sharded`.
        workdir (`str` or `PathLike`): folder of the run, which all machines see.
        wait (`float`, defaults to 3600): seconds without any progress of other processes in a stage, after which to give up.

    Returns:
        [`~hf_relation.sharded.ShardedResult`]: in every process.

    Raises:
        UsageError, HfRelationError: as `discover_sharded`.
        ShardFailures: shards failed; the others of this process are done.
    """
    from accelerate import PartialState

    if is_url(workdir):
        raise UsageError(f"`workdir` is {os.fspath(workdir)}: here it must be a folder that all processes see.")
    state = PartialState()
    number_process(state.local_process_index)
    path = Path(workdir).absolute()
    if state.is_main_process:
        prepare(inputs, path, settings=settings, embeddings=embeddings, on_change=on_change)
    state.wait_for_everyone()
    # From here on the manifest says what others have done: a stage may take longer than any time limit of collective operations.
    with open_folder(path) as folder:
        record = folder.record()
        stages = stages_of(record)
        for stage in stages:
            deque(run_rank(folder, stage, state.process_index, state.num_processes, wait=wait), maxlen=0)
        wait_for_stages(folder, record, stages, "the result", wait)
    return ShardedResult(path, record)
