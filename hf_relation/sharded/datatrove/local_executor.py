"""datatrove's executor for one machine, with the pool of sharded discovery."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from copy import deepcopy
from typing import Any

from hf_relation.compat import optional_base
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.sharded.datatrove.step import ShardStage
from hf_relation.sharded.failures import ShardFailures
from hf_relation.sharded.local import worker_pool
from hf_relation.sharded.run_folder import open_folder


_LocalPipelineExecutor: Any = optional_base("datatrove.executor.local", "LocalPipelineExecutor", extra="scale")


class ShardsLocalExecutor(_LocalPipelineExecutor):
    """datatrove's `LocalPipelineExecutor` whose processes end when it ends, and which ends when one of them is killed.

    datatrove's own waits for ever for a process that was killed, and when it is itself killed it leaves the process of its
    `multiprocess.Manager`. All executors that depend on one another share one pool of spawned processes here, so that libraries are
    imported once. Tasks that fail do not keep others from being done.

    A script that runs it with more than one worker must do so under `if __name__ == "__main__":`.

    Args:
        pipeline, tasks, workers, logging_dir, depends, skip_completed, local_tasks, local_rank_offset: as for `LocalPipelineExecutor`;
            `start_method` is always `"spawn"`. With 1 worker all is done in this process.
    """

    def __init__(self, pipeline: list[Any], tasks: int = 1, workers: int = -1, **options: Any) -> None:
        if options.pop("start_method", "spawn") != "spawn":
            raise UsageError('`start_method` must be "spawn" here.')
        super().__init__(pipeline, tasks, workers, start_method="spawn", **options)

    def run(self) -> Any:
        """Run the executors that this one depends on, then this one.

        Returns:
            `PipelineStats`: of the tasks of this machine.

        Raises:
            ShardFailures: shards failed; all tasks of this executor were run.
            HfRelationError: a process was killed, or a task failed otherwise.
        """
        with worker_pool(0 if self.workers == 1 else self.workers) as pool:
            return self._run_in(pool)

    def _run_in(self, pool: Executor | None) -> Any:
        from datatrove.utils.stats import PipelineStats

        if self.depends is not None and not self.depends._launched:
            self.depends._run_in(pool)
        self._launched = True
        self.save_executor_as_json()
        here = range(self.local_rank_offset, self.local_rank_offset + self.local_tasks)
        statistics, failed = PipelineStats(), []
        for found in self._results(self.get_incomplete_ranks(here), pool):
            if isinstance(found, Exception):
                failed.append(found)
            else:
                statistics += found
        if failed:
            raise self._together(failed)
        with self.logging_dir.open(f"stats-{self.local_rank_offset:05d}.json", "wt") as stream:
            statistics.save_to_disk(stream)
        return statistics

    def _results(self, ranks: list[int], pool: Executor | None) -> Iterator[Any]:
        if pool is None:
            for rank in ranks:
                try:
                    yield self._alone().run_one(rank)
                except Exception as error:
                    yield error
            return
        futures: list[Future[Any]] = [pool.submit(self._alone().run_one, rank) for rank in ranks]
        for future in as_completed(futures):
            failed = future.exception()
            if isinstance(failed, BrokenProcessPool):
                raise HfRelationError(
                    f"{self.pipeline}: a process was ended from outside, most often for want of memory. What is done is kept: start again, "
                    "with fewer workers or smaller shards (`shard_rows`) if the memory was short."
                ) from failed
            if failed is not None and not isinstance(failed, Exception):
                raise failed
            yield future.result() if failed is None else failed

    def _alone(self) -> ShardsLocalExecutor:
        """A copy for one task: without what it depends on, and with steps that have counted nothing."""
        copy: ShardsLocalExecutor = object.__new__(type(self))
        copy.__dict__ = self.__dict__ | {"depends": None, "pipeline": deepcopy(self.pipeline)}
        return copy

    def run_one(self, rank: int) -> Any:
        """Run one task.

        Args:
            rank (`int`): its number.

        Returns:
            `PipelineStats`.
        """
        # Only tasks of number 0 write what they do to the terminal; what fails is raised.
        return self._run_for_rank(rank, local_rank=1)

    def _together(self, failed: list[Exception]) -> Exception:
        of_shards = [error for error in failed if isinstance(error, ShardFailures)]
        stages = [step for step in self.pipeline if isinstance(step, ShardStage)]
        if len(of_shards) < len(failed) or not stages:
            return next(error for error in failed if not isinstance(error, ShardFailures) or not stages)
        with open_folder(stages[-1].workdir) as folder:
            folder.refresh()
            number = len(folder.tasks(stages[-1].stage, folder.record()))
        reasons = {shard: reason for error in of_shards for shard, reason in error.failures.items()}
        return ShardFailures(of_shards[0].stage, reasons, number, of_shards[0].workdir)
