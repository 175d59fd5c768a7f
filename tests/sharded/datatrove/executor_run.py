"""A run on an executor of datatrove, in a process of its own: FOLDER EXECUTOR TASKS WORKERS [NODE NODES]."""

from __future__ import annotations

import sys
from pathlib import Path

from hf_relation.errors import HfRelationError
from hf_relation.sharded import ShardedSettings
from hf_relation.sharded.datatrove import ShardStage, sharded_executors
from hf_relation.sharded.discover import prepare
from hf_relation.sharded.plan import stages_of


def main(folder: Path, executor: str, tasks: int, workers: int, node: int = 0, nodes: int = 1) -> int:
    inputs, arrays = ([folder / f"part{number}.{ending}" for number in (0, 1)] for ending in ("jsonl", "npy"))
    settings = ShardedSettings(shard_rows=20, num_relations=3, num_centers=12, n_init=3)
    work = folder / "work"
    try:
        if executor == "stock":
            last = _stock(
                prepare(inputs, work, settings=settings, embeddings=arrays, on_change="error"), work, tasks, workers
            )
        else:
            if executor == "ray":
                _start_ray(workers)
            options = {"options": {"mem_per_cpu_gb": 0.1}} if executor == "ray" else {}
            last = sharded_executors(
                inputs,
                work,
                executor=executor,
                tasks=tasks,
                workers=workers,
                settings=settings,
                embeddings=arrays,
                node=node,
                nodes=nodes,
                **options,
            )[-1]
        last.run()
    except HfRelationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _stock(record, work: Path, tasks: int, workers: int):
    from datatrove.executor import LocalPipelineExecutor

    last = None
    for stage in stages_of(record):
        last = LocalPipelineExecutor(
            [ShardStage(stage, str(work))],
            tasks=tasks,
            workers=workers,
            logging_dir=str(work / "logs" / stage),
            depends=last,
            skip_completed=False,
        )
    return last


def _start_ray(workers: int) -> None:
    import ray

    ray.init(num_cpus=workers, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])))
