"""What one of several processes or machines does of a stage: every so many-th shard."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence

from hf_relation.errors import HfRelationError
from hf_relation.sharded.failures import ShardFailures, reason_of
from hf_relation.sharded.manifest import Entry, config_digest, json_bytes
from hf_relation.sharded.plan import stages_of, with_files
from hf_relation.sharded.run_folder import RunFolder
from hf_relation.sharded.run_record import RunRecord, check_versions
from hf_relation.sharded.tasks import ShardTask


logger = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 10.0
_complete: set[tuple[str, str]] = set()  # stages of runs that this process saw done


def run_rank(folder: RunFolder, stage: str, rank: int = 0, world: int = 1, *, wait: float = 0.0) -> Iterator[Entry]:
    """Do the shards of a stage that fall to this one and are not done: number `rank`, `rank + world` and so on.

    What is done is known from the manifest alone, so that `world` may be another one at the next start.

    Args:
        folder ([`~hf_relation.sharded.run_folder.RunFolder`]): the folder of a run that was begun.
        stage (`str`): the stage.
        rank (`int`, defaults to 0), world (`int`, defaults to 1): which of how many.
        wait (`float`, defaults to 0): seconds without any progress of the others in a stage before, after which to give up.

    Yields:
        [`~hf_relation.sharded.manifest.Entry`]: of every shard that was done here.

    Raises:
        UsageError: this machine has other versions of the code than the run.
        HfRelationError: the stage before is not done, and nobody goes on with it.
        ShardFailures: shards failed; all others of this rank are done.
    """
    record = folder.record()
    check_versions(record)
    stages = stages_of(record)
    # A stage that only a caller knows waits for none.
    before = stages[: stages.index(stage)] if stage in stages else ()
    wait_for_stages(folder, record, before, f'stage "{stage}"', wait)
    mine = folder.tasks(stage, record)[rank::world]
    failures: dict[str, str] = {}
    for task in mine:
        fault = folder.fault_of(task)
        if fault is None:
            continue
        if fault:
            logger.warning('Shard %s of stage "%s" is made anew: %s.', task.shard, stage, fault)
        try:
            entry = folder.run(task)
        except Exception as error:
            failures[task.shard] = reason_of(error)
            continue
        yield entry
    if failures:
        raise ShardFailures(stage, with_files(failures, folder.path, record), len(mine), folder.name)


def wait_for_stages(folder: RunFolder, record: RunRecord, stages: Sequence[str], what: str, wait: float) -> None:
    """Wait until stages are done, by whomever.

    Args:
        folder ([`~hf_relation.sharded.run_folder.RunFolder`]), record ([`~hf_relation.sharded.run_record.RunRecord`]): the run.
        stages (`Sequence[str]`): all stages up to one, in order: an entry of an earlier run, with other settings, may fit the
            entries before it, although they are to be made anew.
        what (`str`): what waits for them, for the message.
        wait (`float`): seconds without any progress, after which to give up.

    Raises:
        HfRelationError: shards are not done.
    """
    run = config_digest([folder.name, json.loads(json_bytes(record.__dict__))])
    folder.refresh()
    for stage in stages:
        if (run, stage) not in _complete:
            _wait_for(folder, record, stage, what, wait)
            _complete.add((run, stage))


def unfinished_tasks(folder: RunFolder, record: RunRecord, stage: str) -> list[ShardTask]:
    """The shards of a stage that the manifest does not say to be done; all stages before it must be.

    Args:
        folder ([`~hf_relation.sharded.run_folder.RunFolder`]), record ([`~hf_relation.sharded.run_record.RunRecord`]): the run.
        stage (`str`): the stage.

    Returns:
        `list[ShardTask]`.
    """
    return [task for task in folder.tasks(stage, record) if not folder.is_done(task)]


def _wait_for(folder: RunFolder, record: RunRecord, stage: str, what: str, wait: float) -> None:
    pause, since, last = _FIRST_PAUSE, time.monotonic(), -1
    while left := unfinished_tasks(folder, record, stage):
        if len(left) != last:
            since, last = time.monotonic(), len(left)
        if time.monotonic() - since >= wait:
            raise HfRelationError(
                f'Before {what}, {len(left)} shards of stage "{stage}" are to be done, the first is {left[0].shard}.'
                + (f" Nobody finished one for {wait:g} seconds." if wait else "")
                + " Start again what was to do them; what is done is kept."
            )
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        folder.refresh()
