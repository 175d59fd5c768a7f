"""One shard of one stage: whether it is done, and how it is done so that a stop at any moment leaves nothing half made."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_relation.data.files import digest_of_file
from hf_relation.errors import CheckpointError
from hf_relation.sharded.manifest import Entry, config_digest, entry_path, read_entry, write_entry
from hf_relation.sharded.stages import STAGE_FUNCTIONS
from hf_relation.sharded.unfinished import unfinished_folder
from hf_relation.sharded.versions import code_versions


@dataclass(frozen=True)
class ShardTask:
    """One shard of one stage: a pure function of the contents of its inputs and its settings.

    Args:
        stage (`str`), shard (`str`): which.
        inputs (`Mapping[str, str]`): sha256 of the files it reads, by path in the folder of the run, in the order the stage takes them.
        settings (`Mapping`): JSON-able.
    """

    stage: str
    shard: str
    inputs: Mapping[str, str]
    settings: Mapping[str, Any]

    @property
    def config(self) -> str:
        """`str`: digest of all that decides the outputs."""
        return config_digest([self.stage, self.shard, dict(self.settings), list(self.inputs.items()), code_versions()])


def fault_of_file(workdir: Path, name: str, output: Mapping[str, Any]) -> str | None:
    """What is wrong with an output of a shard that is done.

    Args:
        workdir (`Path`): the folder of the run.
        name (`str`): path in it.
        output (`Mapping`): what the manifest says of it.

    Returns:
        `str` or `None`.
    """
    place = workdir / name
    if not place.is_file():
        return f"{name} is missing"
    if place.stat().st_size != output["bytes"] or digest_of_file(place) != output["sha256"]:
        return f"{name} is damaged: it is not what was written"
    return None


def fault_of(
    workdir: Path, task: ShardTask, *, look: Callable[[Path, str, Mapping[str, Any]], str | None] = fault_of_file
) -> str | None:
    """Why a shard has to be done.

    Args:
        workdir (`Path`): the folder of the run.
        task ([`ShardTask`]): which shard.
        look (`Callable`, *optional*): looks at one output, as [`fault_of_file`].

    Returns:
        `str` or `None`: `None` where it is done; `""` where it has never been done; else what was found wrong with what is there.
    """
    try:
        entry = read_entry(workdir, task.stage, task.shard)
    except CheckpointError as error:
        return str(error)
    if entry is None:
        return ""
    if entry.config != task.config:
        return "it was made from other inputs, with other settings or by another version"
    for name, output in entry.outputs.items():
        fault = look(workdir, name, output)
        if fault is not None:
            return fault
    return None


def run_task(workdir: Path, task: ShardTask) -> Entry:
    """Do one shard: into a temporary folder, then into place, then into the manifest.

    Args:
        workdir (`Path`): the folder of the run.
        task ([`ShardTask`]): which shard.

    Returns:
        [`Entry`]: as written.

    Raises:
        CheckpointError: an input is missing or damaged.
        HfRelationError: what the stage raises.
    """
    for name, digest in task.inputs.items():
        place = workdir / name
        if not place.is_file() or digest_of_file(place) != digest:
            raise CheckpointError(
                f"{name} is missing or damaged: it is not what was written. Start again to have it made anew."
            )
    # The old entry would vouch for files that are about to be replaced.
    entry_path(workdir, task.stage, task.shard).unlink(missing_ok=True)
    with unfinished_folder(workdir) as work:
        sources = [workdir / name for name in task.inputs]
        rows, counts = STAGE_FUNCTIONS[task.stage.partition("-")[0]](sources, work, task.shard, dict(task.settings))
        outputs = {}
        (workdir / task.stage).mkdir(exist_ok=True)
        for path in sorted(work.iterdir()):
            name = f"{task.stage}/{path.name}"
            outputs[name] = {"sha256": digest_of_file(path), "bytes": path.stat().st_size}
            with open(path, "r+b") as stream:
                os.fsync(stream.fileno())
            os.replace(path, workdir / name)
    entry = Entry(
        task.stage,
        task.shard,
        rows,
        task.config,
        dict(task.settings),
        code_versions(),
        dict(task.inputs),
        outputs,
        counts,
    )
    write_entry(workdir, entry)
    return entry
