"""The stages on this machine: in this process, or in a pool of spawned ones that never outlive it."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from hf_relation.errors import HfRelationError
from hf_relation.sharded.children import end_with_parent
from hf_relation.sharded.devices import number_process
from hf_relation.sharded.failures import ShardFailures, reason_of
from hf_relation.sharded.plan import stage_tasks, stages_of, with_files
from hf_relation.sharded.run_record import RunRecord
from hf_relation.sharded.tasks import ShardTask, fault_of, run_task
from hf_relation.sharded.unfinished import remove_unfinished


logger = logging.getLogger(__name__)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_local(
    workdir: Path, record: RunRecord, *, workers: int, progress: bool = False, stages: Sequence[str] | None = None
) -> None:
    """Do all shards of all stages that are not done.

    Args:
        workdir (`Path`): the folder of the run.
        record ([`~hf_relation.sharded.run_record.RunRecord`]): the run.
        workers (`int`): processes, of one thread each; 0 for this one.
        progress (`bool`, defaults to `False`): a bar for each stage, on stderr.
        stages (`Sequence[str]`, *optional*): only these; by default [`~hf_relation.sharded.plan.stages_of`] the run.

    Raises:
        ShardFailures: shards that failed; the others of their stage are done.
        HfRelationError: a process of the pool was killed.
    """
    remove_unfinished(workdir)
    with worker_pool(workers) as pool:
        for stage in stages_of(record) if stages is None else stages:
            tasks = stage_tasks(stage, workdir, record)
            failures = _run_stage(stage, workdir, tasks, pool, progress=progress)
            if failures:
                raise ShardFailures(stage, with_files(failures, workdir, record), len(tasks), str(workdir))


def _run_stage(
    stage: str, workdir: Path, tasks: Sequence[ShardTask], pool: Executor | None, *, progress: bool
) -> dict[str, str]:
    waiting = []
    for task in tasks:
        fault = fault_of(workdir, task)
        if fault:
            logger.warning('Shard %s of stage "%s" is made anew: %s.', task.shard, stage, fault)
        if fault is not None:
            waiting.append(task)
    failures: dict[str, str] = {}
    with _bar(stage, len(tasks), len(tasks) - len(waiting), shown=progress) as bar:
        for task, error in _results(workdir, waiting, pool):
            if error is not None:
                failures[task.shard] = reason_of(error)
            bar.update(1)
    return failures


def _results(
    workdir: Path, tasks: Sequence[ShardTask], pool: Executor | None
) -> Iterator[tuple[ShardTask, Exception | None]]:
    if pool is None:
        for task in tasks:
            try:
                run_task(workdir, task)
            except Exception as error:
                yield task, error
            else:
                yield task, None
        return
    futures: dict[Future[Any], ShardTask] = {}
    try:
        futures = {pool.submit(_run, str(workdir), task): task for task in tasks}
        for future in as_completed(futures):
            failed = future.exception()
            if isinstance(failed, BrokenProcessPool):
                raise failed
            yield (
                futures[future],
                failed if failed is None or isinstance(failed, Exception) else RuntimeError(f"{failed!r}"),
            )
    except BrokenProcessPool as broken:
        remove_unfinished(workdir)
        left = sorted(task.shard for future, task in futures.items() if not _succeeded(future))
        stage = tasks[0].stage
        raise HfRelationError(
            f'Stage "{stage}": a process was ended from outside, most often for want of memory; {len(left)} shards are left, the first '
            f"is {left[0] if left else tasks[0].shard}. What is done is kept in {workdir}: start again with the same arguments, with "
            "fewer workers or smaller shards (`shard_rows`) if the memory was short."
        ) from broken


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _run(workdir: str, task: ShardTask) -> None:
    run_task(Path(workdir), task)


@contextmanager
def worker_pool(workers: int) -> Iterator[Executor | None]:
    """Spawned processes with one thread each, which never outlive this one.

    Args:
        workers (`int`): how many; 0 for none.

    Returns:
        Context manager giving a pool, or `None`.
    """
    if not workers:
        yield None
        return
    # Children read these when they load their libraries.
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(context.Value("i"),))
    try:
        yield pool
    finally:
        processes = list((pool._processes or {}).values())
        manager: Any = pool._executor_manager_thread  # its stub says it is something else
        pool.shutdown(wait=False, cancel_futures=True)
        if sys.exc_info()[0] is not None:  # stopped in the middle: nobody waits for what is being done
            for process in processes:
                process.terminate()
        if manager is not None:  # a second `shutdown` would not wait for it
            manager.join()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _begin_worker(started: Any) -> None:
    # Ctrl-C reaches all processes of a terminal; the parent ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    with started.get_lock():
        number_process(started.value)
        started.value += 1


class _Silent:
    def update(self, number: int) -> None:
        """Show nothing."""


@contextmanager
def _bar(stage: str, total: int, done: int, *, shown: bool) -> Iterator[Any]:
    if not shown:
        yield _Silent()
        return
    from tqdm import tqdm  # type: ignore[import-untyped]

    with tqdm(total=total, initial=done, unit="shard", desc=stage) as bar:
        yield bar
