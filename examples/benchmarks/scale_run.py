"""One run of the benchmark of scale, in a process of its own: reads a job (JSON) from a file, writes what it found as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.sharded import plan
from hf_relation.sharded.run_record import RunRecord
from hf_relation.sharded.stages import STAGE_FUNCTIONS
from hf_relation.sharded.tasks import ShardTask


EMPTY = "empty"


def empty_stage(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """A stage that does nothing with the rows of its shard, for so many seconds a row."""
    time.sleep(settings["seconds"] * settings["rows"])
    return settings["rows"], {}


def empty_tasks(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    """Its shards: those of "split"."""
    seconds = float((workdir / "seconds").read_text(encoding="ascii"))
    for _, _, part, split in plan.parts_of(workdir, record):
        name = f"split/{part['file']}"
        settings = {"seconds": seconds, "rows": part["rows"]}
        yield ShardTask(EMPTY, part["shard"], {name: split.outputs[name]["sha256"]}, settings)


# Spawned processes read this file as well, and so know the stage.
STAGE_FUNCTIONS[EMPTY] = empty_stage
plan.PLANS[EMPTY] = empty_tasks


def sharded(job: dict[str, Any]) -> dict[str, Any]:
    """`discover_sharded` on the rows of a folder; labels are saved."""
    from hf_relation.sharded import ShardedSettings, discover_sharded

    folder, work = Path(job["folder"]), Path(job["work"])
    embeddings = [folder / "rows.npy"] if job["ready"] else None
    settings = ShardedSettings(**job["settings"])
    began = time.time()
    found = discover_sharded(
        [folder / "rows.jsonl"], work, settings=settings, embeddings=embeddings, workers=job["workers"]
    )
    ended = time.time()
    labels = found.labels()
    np.save(job["labels"], labels)
    return {
        "rows": len(labels),
        "names": [relation.name for relation in found.relations],
        "seconds": ended - began,
        "stage_seconds": stage_seconds(work, began),
    }


def stage_seconds(work: Path, began: float) -> dict[str, float]:
    """Seconds on the clock from the end of one stage to that of the next, by when the manifest was written."""
    ends = {
        stage.name: max(entry.stat().st_mtime for entry in stage.glob("*.json"))
        for stage in (work / "manifest").iterdir()
    }
    seconds = {}
    before = began
    for stage, end in sorted(ends.items(), key=lambda item: item[1]):
        seconds[stage] = end - before
        before = end
    return seconds


def whole(job: dict[str, Any]) -> dict[str, Any]:
    """The unsharded discovery on the same embeddings; labels are saved."""
    from hf_relation import RelationDiscovery
    from hf_relation.data import read_jsonl

    began = time.time()
    instances = list(read_jsonl(Path(job["folder"]) / "rows.jsonl"))
    embeddings = np.load(job["embeddings"])
    discovery = RelationDiscovery(num_relations=job["settings"]["num_relations"], n_init=job["settings"]["n_init"])
    found = discovery.fit_predict(instances, embeddings)
    np.save(job["labels"], found.labels)
    return {"rows": len(found.labels), "seconds": time.time() - began}


def empty(job: dict[str, Any]) -> dict[str, Any]:
    """The stage that does nothing, by the pool or by datatrove; the seconds begin when its input is cut into shards."""
    from hf_relation.sharded import ShardedSettings
    from hf_relation.sharded.local import run_local
    from hf_relation.sharded.run_record import begin, record_of

    work = Path(job["work"])
    settings = ShardedSettings(shard_rows=job["shard_rows"])
    record = record_of([Path(job["folder"]) / "rows.jsonl"], None, settings, {})
    begin(work, record, redo=False)
    (work / "seconds").write_text(repr(job["seconds_per_row"]), encoding="ascii")
    run_local(work, record, workers=0, stages=["split"])
    rows = sum(part["rows"] for _, _, part, _ in plan.parts_of(work, record))
    before, began = used_seconds(), time.time()
    if job["engine"] == "datatrove":
        _by_datatrove(work, job["workers"])
    else:
        run_local(work, record, workers=job["workers"], stages=[EMPTY])
    return {"rows": rows, "seconds": time.time() - began, "stage_cpu_seconds": used_seconds() - before}


def _by_datatrove(work: Path, workers: int) -> None:
    from hf_relation.sharded.datatrove import ShardsLocalExecutor, ShardStage

    step = ShardStage(EMPTY, str(work))
    logs = str(work / "logs")
    ShardsLocalExecutor([step], tasks=workers, workers=workers, logging_dir=logs, skip_completed=False).run()


def used_seconds() -> float:
    """Processor seconds of this process and of its children that ended."""
    seconds = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        seconds += used.ru_utime + used.ru_stime
    return seconds


KINDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"sharded": sharded, "whole": whole, "empty": empty}


def main(path: Path) -> None:
    job = json.loads(path.read_text(encoding="utf-8"))
    if job.get("address_space"):  # of this process, and of each that it starts
        resource.setrlimit(resource.RLIMIT_AS, (job["address_space"], job["address_space"]))
    result = KINDS[job["kind"]](job)
    found = json.dumps(result | {"cpu_seconds": used_seconds()})
    path.with_suffix(".result").write_text(found, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
