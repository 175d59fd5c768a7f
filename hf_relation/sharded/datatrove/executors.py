"""`sharded_executors`: a run of sharded discovery as executors of datatrove, one for each stage."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from hf_relation.compat import import_optional
from hf_relation.errors import UsageError
from hf_relation.sharded.datatrove.local_executor import ShardsLocalExecutor
from hf_relation.sharded.datatrove.ray_executor import ShardsRayExecutor
from hf_relation.sharded.datatrove.step import ShardStage
from hf_relation.sharded.discover import prepare
from hf_relation.sharded.plan import WHITENING, stages_of
from hf_relation.sharded.run_folder import RemoteFolder
from hf_relation.sharded.run_record import RECORD, RunRecord
from hf_relation.sharded.settings import ShardedSettings
from hf_relation.sharded.urls import is_url


_ONE_SHARD = ("sample", "fit", "merge", "mean", "settle", "describe")
_KINDS = ("local", "slurm", "ray")


def sharded_executors(
    inputs: Sequence[str | os.PathLike[str]],
    workdir: str | os.PathLike[str],
    *,
    executor: Literal["local", "slurm", "ray"] = "local",
    tasks: int = 1,
    workers: int = -1,
    settings: ShardedSettings | None = None,
    embeddings: Sequence[str | os.PathLike[str]] | None = None,
    on_change: Literal["error", "redo"] = "error",
    node: int = 0,
    nodes: int = 1,
    wait: float | None = None,
    logs: str | os.PathLike[str] | None = None,
    options: Mapping[str, Any] | None = None,
    stage_options: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Any]:
    """Begin a run of [`~hf_relation.sharded.discover_sharded`], or go on with one, on an engine that others run as well.

    Gives one executor of datatrove for each stage, each of which depends on the one before: `sharded_executors(...)[-1].run()` runs
    all (on Slurm: submits all). The stages, the files and the result are those of `discover_sharded`, to the last byte, whatever the
    executor and the number of tasks; a folder begun by one is gone on with by another. When all is done, [`open_result`] opens it.

    Args:
        inputs, settings, embeddings, on_change: as for [`~hf_relation.sharded.discover_sharded`].
        workdir (`str` or `PathLike`): folder of the run, which all machines see under this name; or a URL of fsspec (`s3://...`).
        executor (`str`, defaults to `"local"`): `"local"` ([`ShardsLocalExecutor`]), `"slurm"` (datatrove's
            `SlurmPipelineExecutor`) or `"ray"` (`RayPipelineExecutor`, with an error where shards failed).
        tasks (`int`, defaults to 1): tasks of a stage, each of which does every so many-th shard; it may change at every start.
            Stages that have one shard have one task.
        workers (`int`, defaults to -1): tasks at a time; -1 for all.
        node (`int`, defaults to 0), nodes (`int`, defaults to 1): with `"local"`: which of how many machines this is, that each call
            this and share `workdir`.
        wait (`float`, *optional*): seconds without any progress of others in a stage, after which to give up. By default an hour with
            several `nodes`, else a minute, for file systems that show files late.
        logs (`str` or `PathLike`, *optional*): where datatrove writes logs and statistics. Default: `logs` in `workdir`.
        options (`Mapping`, *optional*): further arguments of datatrove's executor, for all stages. With `"slurm"` at least
            `partition` and `time`.
        stage_options (`Mapping[str, Mapping]`, *optional*): the same for some stages, by name: `{"embed": {"gpus_per_task": 1}}`.

    Returns:
        `list`: executors, in the order of the stages.

    Raises:
        MissingPackageError: datatrove, or Ray, is not installed.
        UsageError: as `discover_sharded`, or an argument is out of range.

    Example:

    ```python
    >>> from hf_relation.sharded.datatrove import open_result, sharded_executors  # doctest: +SKIP
    >>> stages = sharded_executors(  # doctest: +SKIP
    ...     ["s3://bucket/rows.jsonl"], "s3://bucket/run", executor="slurm", tasks=200, workers=50,
    ...     settings=ShardedSettings(model="more-minilm-fewrel", num_relations=200, device="cuda"),
    ...     options={"partition": "cpu", "time": "04:00:00"},
    ...     stage_options={"embed": {"partition": "gpu", "gpus_per_task": 1}})
    >>> stages[-1].run()  # submits all, each after the one before  # doctest: +SKIP
    >>> open_result("s3://bucket/run", copy="run").relations[0].name  # when it is done  # doctest: +SKIP

    ```
    """
    import_optional("datatrove", extra="scale")
    if executor not in _KINDS:
        raise UsageError(f"`executor` must be one of {', '.join(_KINDS)}, got {executor!r}.")
    for name, value, least in (("tasks", tasks, 1), ("nodes", nodes, 1), ("node", node, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UsageError(f"`{name}` must be an integer from {least} up, got {value!r}.")
    if node >= nodes or (nodes > 1 and executor != "local"):
        raise UsageError(
            f'`node` counts from 0 to `nodes` - 1, with `executor="local"`; got node {node} of {nodes} with {executor!r}.'
        )
    given = dict(options or {})
    if executor == "slurm" and not {"partition", "time"} <= given.keys():
        raise UsageError(
            'With `executor="slurm"`, `options` must hold `partition` and `time`, as datatrove needs them.'
        )
    where, record = _begin(inputs, workdir, settings=settings, embeddings=embeddings, on_change=on_change)
    stages = stages_of(record)
    unknown = sorted(set(stage_options or {}) - {stage.partition("-")[0] for stage in stages})
    if unknown:
        raise UsageError(f"`stage_options` names {', '.join(unknown)}; stages are {', '.join(stages)}.")
    log_folder = os.fspath(logs) if logs is not None else f"{where.rstrip('/')}/logs"
    if wait is None:
        wait = 3600.0 if nodes > 1 else 60.0
    made: list[Any] = []
    for number, stage in enumerate(stages):
        base = stage.partition("-")[0]
        here = 1 if base in _ONE_SHARD else min(tasks, len(record.inputs)) if base == "split" else tasks
        arguments = {
            "pipeline": [ShardStage(stage, where, wait)],
            "tasks": here,
            "workers": workers if executor == "local" else min(workers, here),
            "logging_dir": f"{log_folder}/{number:02d}-{stage}",
            "depends": made[-1] if made else None,
            # The manifest knows what is done. datatrove's marks do not, as soon as the number of tasks or a setting changes.
            "skip_completed": False,
        }
        arguments |= given | dict((stage_options or {}).get(base, {}))
        if executor == "local":
            first, stop = (-(-here * end // nodes) for end in (node, node + 1))
            arguments |= {"local_rank_offset": first, "local_tasks": stop - first}
        elif executor == "slurm":
            arguments.setdefault("job_name", f"hf-relation-{stage}")
        made.append(_make(executor, arguments))
    return made


def _make(executor: str, arguments: dict[str, Any]) -> Any:
    makers: dict[str, Any] = {"local": ShardsLocalExecutor, "ray": ShardsRayExecutor}
    if executor == "slurm":
        makers["slurm"] = import_optional("datatrove.executor.slurm", extra="scale").SlurmPipelineExecutor
    try:
        return makers[executor](**arguments)
    except TypeError as error:
        raise UsageError(f"datatrove's executor does not take these `options` ({error}).") from error


def _begin(
    inputs: Sequence[str | os.PathLike[str]], workdir: str | os.PathLike[str], **arguments: Any
) -> tuple[str, RunRecord]:
    if not is_url(workdir):
        folder = Path(workdir).absolute()
        return str(folder), prepare(inputs, folder, **arguments)
    url = os.fspath(workdir)
    with tempfile.TemporaryDirectory(prefix="hf_relation-") as name:
        scratch = Path(name)
        remote = RemoteFolder(url, scratch)
        if not remote.holds_run() and not remote.is_empty():
            raise UsageError(f"{url} is not empty, and holds no sharded discovery ({RECORD}). Name another folder.")
        before = (scratch / RECORD).read_bytes() if (scratch / RECORD).is_file() else None
        try:
            record = prepare(inputs, scratch, **arguments)
        except UsageError as error:
            raise UsageError(str(error).replace(name, url)) from None
        if (scratch / WHITENING).is_file():
            remote.upload(WHITENING)
        if (scratch / RECORD).read_bytes() != before:
            remote.upload(RECORD)
        return url, record
