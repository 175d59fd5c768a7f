"""Discover relations in more sentences than one machine can embed: on a Slurm cluster, on Ray, on several machines, on several GPUs.

The stages are those of `hf_relation.sharded.discover_sharded`: lines -> instances -> embeddings -> steps and centres on a sample ->
nearest centre of every row -> relations -> labels -> names. Stages with many shards are cut into --tasks tasks, which may run
anywhere; the others are one task. What is done is written into the folder of the run (--workdir), shard by shard: stop it at any
time and give the same command again, also with other --tasks or another --executor, and only what is left is done. The result is
the same to the last byte.

--workdir and the inputs may be URLs of fsspec: s3://bucket/run (pip install s3fs), hf://datasets/user/name/rows.jsonl to read from the
Hub. Needs `pip install 'hf_relation[scale]'`, with Ray `pip install 'hf_relation[scale,ray]'`.

Examples:
  This machine, to try the pipeline before a cluster runs it:
    python examples/discover_cluster.py rows.jsonl --workdir run --model more-minilm-fewrel --num_relations 50 --tasks 4 --workers 2

  Several machines that share a folder, none of which knows of the others (this is the first of two):
    python examples/discover_cluster.py rows.jsonl --workdir /shared/run --model more-minilm-fewrel --tasks 16 --node 0 --nodes 2

  Slurm: submits one job for each stage, each after the one before; GPUs for the embedding only. Run it where sbatch works:
    python examples/discover_cluster.py /shared/rows.jsonl --workdir /shared/run --model more-minilm-fewrel --device cuda \\
      --executor slurm --tasks 200 --workers 50 --option partition=cpu time=04:00:00 mem_per_cpu_gb=4 \\
      --stage_option embed.partition=gpu embed.gpus_per_task=1

  Ray, on the cluster that RAY_ADDRESS names, or on this machine:
    python examples/discover_cluster.py rows.jsonl --workdir /shared/run --model more-minilm-fewrel --executor ray --tasks 64

  All GPUs of this machine, one process each:
    accelerate launch --num_processes 4 examples/discover_cluster.py rows.jsonl --workdir run --model more-minilm-fewrel \\
      --device cuda --executor accelerate

  When it is done, the result:
    python examples/discover_cluster.py --workdir /shared/run --save relations
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.sharded import ShardedSettings, discover_launched


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "inputs", nargs="*", help="JSON lines of instances, documents or texts, or .txt: paths or URLs"
    )
    parser.add_argument("--workdir", required=True, help="folder of the run, or its URL; all machines must see it")
    what = parser.add_argument_group("what is discovered")
    what.add_argument("--model", help="name or folder of the encoder's checkpoint")
    what.add_argument("--embeddings", nargs="+", help="ready embeddings instead: a .npy file for each input")
    what.add_argument("--num_relations", default="auto", help='a number, or "auto" (default)')
    what.add_argument(
        "--settings",
        default="{}",
        help="more of hf_relation.sharded.ShardedSettings, as JSON: '{\"shard_rows\": 50000}'",
    )
    what.add_argument("--device", help="where sentences are embedded: cpu, cuda")
    what.add_argument(
        "--redo", action="store_true", help="inputs or settings have changed: make anew what depends on them"
    )
    where = parser.add_argument_group("where it runs")
    where.add_argument("--executor", choices=("local", "slurm", "ray", "accelerate"), default="local")
    where.add_argument("--tasks", type=int, default=1, help="tasks of a stage with many shards (default: 1)")
    where.add_argument("--workers", type=int, default=-1, help="tasks at a time (default: all)")
    where.add_argument("--node", type=int, default=0, help="with --executor local: which machine this is, from 0")
    where.add_argument("--nodes", type=int, default=1, help="... of how many")
    where.add_argument("--wait", type=float, help="seconds without progress of others after which to give up")
    where.add_argument("--logs", help="where datatrove writes its logs (default: logs in the folder of the run)")
    where.add_argument(
        "--option",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="arguments of datatrove's executor: partition=cpu",
    )
    where.add_argument(
        "--stage_option",
        nargs="+",
        default=[],
        metavar="STAGE.NAME=VALUE",
        help="the same for one stage: embed.gpus_per_task=1",
    )
    parser.add_argument("--save", help="write the result of a run that is done into this folder")
    return parser.parse_args(argv)


def named(pairs: Sequence[str]) -> dict[str, Any]:
    """`NAME=VALUE` as a dict; numbers, true, false and null are read as JSON has them, all else is text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"{pair}: NAME=VALUE is needed.")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def named_by_stage(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`STAGE.NAME=VALUE` as a dict of dicts."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in named(pairs).items():
        stage, dot, option = name.partition(".")
        if not dot:
            raise UsageError(f"{name}: STAGE.NAME=VALUE is needed.")
        found.setdefault(stage, {})[option] = value
    return found


def run(arguments: argparse.Namespace) -> None:
    try:
        more = json.loads(arguments.settings)
    except json.JSONDecodeError as error:
        raise UsageError(f"--settings is no JSON ({error}).") from None
    number = arguments.num_relations
    settings = ShardedSettings(
        model=arguments.model,
        num_relations=int(number) if str(number).isdigit() else number,
        device=arguments.device,
        **more,
    )
    on_change = "redo" if arguments.redo else "error"
    if arguments.executor == "accelerate":
        waiting = {} if arguments.wait is None else {"wait": arguments.wait}
        discover_launched(
            arguments.inputs,
            arguments.workdir,
            settings=settings,
            embeddings=arguments.embeddings,
            on_change=on_change,
            **waiting,
        )
        return
    from hf_relation.sharded.datatrove import sharded_executors

    executors = sharded_executors(
        arguments.inputs,
        arguments.workdir,
        executor=arguments.executor,
        tasks=arguments.tasks,
        workers=arguments.workers,
        settings=settings,
        embeddings=arguments.embeddings,
        on_change=on_change,
        node=arguments.node,
        nodes=arguments.nodes,
        wait=arguments.wait,
        logs=arguments.logs,
        options=named(arguments.option),
        stage_options=named_by_stage(arguments.stage_option),
    )
    executors[-1].run()


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse(argv)
    try:
        if arguments.inputs:
            run(arguments)
        elif not arguments.save:
            raise UsageError("Name the inputs; or --save, to write the result of a run that is done.")
        if arguments.save:
            from hf_relation.sharded.datatrove import open_result

            result = open_result(
                arguments.workdir, copy=f"{arguments.save}-run" if "://" in arguments.workdir else None
            )
            result.save(arguments.save)
            print(f"{len(result):,} instances, {len(result.relations)} relations: {arguments.save}")
    except HfRelationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
