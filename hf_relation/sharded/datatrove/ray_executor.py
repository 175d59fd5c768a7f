"""datatrove's executor for Ray, with an error where shards failed."""

from __future__ import annotations

from typing import Any

from hf_relation.compat import import_optional, optional_base
from hf_relation.sharded.datatrove.step import ShardStage
from hf_relation.sharded.failures import ShardFailures
from hf_relation.sharded.ranks import unfinished_tasks
from hf_relation.sharded.run_folder import open_folder


_RayPipelineExecutor: Any = optional_base("datatrove.executor.ray", "RayPipelineExecutor", extra="scale")


class ShardsRayExecutor(_RayPipelineExecutor):
    """datatrove's `RayPipelineExecutor`, which itself only warns of tasks that failed, and goes on with the next stage.

    It runs on the cluster that `ray.init` was called for, or on this machine.

    Args:
        pipeline, tasks, workers, logging_dir, depends, ...: as for `RayPipelineExecutor`.

    Raises:
        MissingPackageError: datatrove or Ray is not installed.
    """

    def __init__(self, pipeline: list[Any], **options: Any) -> None:
        import_optional("ray", extra="scale,ray")
        super().__init__(pipeline, **options)

    def run(self) -> None:
        """Run the executors that this one depends on, then this one.

        Raises:
            ShardFailures: shards are not done; datatrove's logs say why.
        """
        super().run()
        for step in (step for step in self.pipeline if isinstance(step, ShardStage)):
            with open_folder(step.workdir) as folder:
                folder.refresh()
                record = folder.record()
                left = unfinished_tasks(folder, record, step.stage)
                if left:
                    why = f"not done; see the logs in {self.logging_dir.resolve_paths('logs')}"
                    number = len(folder.tasks(step.stage, record))
                    raise ShardFailures(step.stage, {task.shard: why for task in left}, number, step.workdir)
