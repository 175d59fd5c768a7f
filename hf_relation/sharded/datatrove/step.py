"""`ShardStage`: one stage of a sharded discovery as a step of a datatrove pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hf_relation.compat import optional_base
from hf_relation.sharded.children import end_with_parent
from hf_relation.sharded.ranks import run_rank
from hf_relation.sharded.run_folder import open_folder


_PipelineStep: Any = optional_base("datatrove.pipeline.base", "PipelineStep", extra="scale")


class ShardStage(_PipelineStep):
    """One stage, for any executor of datatrove: task `rank` of `world_size` does every `world_size`-th shard that is not done.

    The manifest in the folder of the run says what is done, and not datatrove's marks of completion: give the executor
    `skip_completed=False`, and it may have another number of tasks at every start. A stage with one shard is done by task 0. No
    documents pass through; rows and shards done are counted in datatrove's statistics.

    Args:
        stage (`str`): the stage.
        workdir (`str`): the folder of a run that was begun, as a path that all machines see, or a URL of fsspec.
        wait (`float`, defaults to 60): seconds to wait, without any progress, for shards of the stage before that others do.

    Raises:
        MissingPackageError: datatrove is not installed.
    """

    name = "stage"
    type = "hf_relation"

    def __init__(self, stage: str, workdir: str, wait: float = 60.0) -> None:
        self.name = stage  # statistics are called by it
        super().__init__()
        self.stage, self.workdir, self.wait = stage, workdir, wait

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Do the shards of a task.

        Args:
            data (`Iterable`, *optional*): documents of a step before; passed on.
            rank (`int`, defaults to 0), world_size (`int`, defaults to 1): which task of how many.

        Raises:
            ShardFailures: shards failed; the others of the task are done.
            HfRelationError: as [`~hf_relation.sharded.ranks.run_rank`].
        """
        if data:
            yield from data
        end_with_parent()
        with open_folder(self.workdir) as folder:
            done = run_rank(folder, self.stage, rank, world_size, wait=self.wait)
            while True:
                with self.track_time("shard"):
                    entry = next(done, None)
                if entry is None:
                    return
                self.stat_update("shards", unit="task")
                self.stat_update("rows", value=entry.rows, unit="shard")
