"""Which shards a stage has, what each reads, and with which settings: made of the manifest of the stages before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_relation.data.files import read_json
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.sharded.manifest import Entry, read_entry
from hf_relation.sharded.run_record import RunRecord
from hf_relation.sharded.stages import STAGES
from hf_relation.sharded.tasks import ShardTask


if TYPE_CHECKING:
    from hf_relation.discovery.text_report import TextReport

ONE = "all"  # the name of the shard in stages that have one
AUTO_BFLOAT16_ROWS = 20_000  # as in embed_instances, over all shards
WHITENING = "given/whitening.safetensors"
ENTITIES = "entities/"  # before the names of files that say what the entities of texts are


def stages_of(record: RunRecord) -> tuple[str, ...]:
    """The stages of a run, in order: with `kmeans_rounds`, "assign-1", "mean-1" and so on stand between "merge" and "label".

    Args:
        record ([`~hf_relation.sharded.run_record.RunRecord`]): the run.
    """
    rounds = record.settings["kmeans_rounds"]
    if not rounds:
        return STAGES
    after = STAGES.index("merge") + 1
    more = [name for number in range(1, rounds + 1) for name in (f"assign-{number}", f"mean-{number}")]
    # One more "assign" than means, so that labels are those of the nearest centres.
    return (*STAGES[:after], *more, f"assign-{rounds + 1}", "settle", *STAGES[after:])


def stage_tasks(stage: str, workdir: Path, record: RunRecord) -> list[ShardTask]:
    """The shards of a stage; all stages before it must be done.

    Args:
        stage (`str`): one of [`stages_of`].
        workdir (`Path`): the folder of the run.
        record ([`~hf_relation.sharded.run_record.RunRecord`]): the run.

    Returns:
        `list[ShardTask]`: in an order that depends on the inputs only.

    Raises:
        CheckpointError: a stage before is not done.
        UsageError: ready embeddings that do not match the inputs.
    """
    if stage in PLANS:
        return list(PLANS[stage](workdir, record))
    return list(_round(workdir, record, stage))


def parts_of(workdir: Path, record: RunRecord) -> Iterator[tuple[int, int, dict[str, Any], Entry]]:
    """All shards in order: number of the input, rows of all inputs before it, the part, and the entry of its split."""
    before = 0
    for number in range(len(record.inputs)):
        split = _done(workdir, "split", f"{number:04d}")
        for part in split.counts["parts"]:
            yield number, before, part, split
        before += split.rows


def with_files(failures: Mapping[str, str], workdir: Path, record: RunRecord) -> dict[str, str]:
    """Reasons of failed shards, each with the lines of the input that its shard is made of, unless it names the input itself."""
    places = {f"{number:04d}": seen["path"] for number, seen in enumerate(record.inputs)}
    if not failures.keys() <= places.keys():
        for number, _, part, _ in parts_of(workdir, record):
            path = record.inputs[number]["path"]
            places[part["shard"]] = f"{path}, {part['rows']} rows from line {part['first_line']}"
    named = {}
    for shard, reason in failures.items():
        place = places.get(shard)
        named[shard] = reason if place is None or place.partition(", ")[0] in reason else f"{place}: {reason}"
    return named


def entries(workdir: Path, record: RunRecord, stage: str) -> list[Entry]:
    """The entries of a stage with many shards, in order."""
    return [_done(workdir, stage, part["shard"]) for _, _, part, _ in parts_of(workdir, record)]


def _done(workdir: Path, stage: str, shard: str) -> Entry:
    entry = read_entry(workdir, stage, shard)
    if entry is None:
        raise CheckpointError(f'Shard {shard} of stage "{stage}" is not done in {workdir}.')
    return entry


def _split(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    for number, given in enumerate(record.inputs):
        yield ShardTask("split", f"{number:04d}", {}, given | _some(record, "shard_rows", "plain_text", "text_column"))


def _read(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    # What decides which pairs of texts the encoder can read, and what the entities of texts are.
    of_model: dict[str, Any] = {"model": None, "files": {}}
    if record.embeddings is None:
        files = {
            name: digest
            for name, digest in record.model.items()
            if name.startswith(ENTITIES) or not name.endswith(".safetensors")
        }
        of_model = {"model": record.settings["model"], "files": files}
    for number, before, part, split in parts_of(workdir, record):
        name = f"split/{part['file']}"
        settings = {
            "path": record.inputs[number]["path"],
            "first_line": part["first_line"],
            "first_row": before + part["first_row"],
            "only_instances": record.embeddings is not None,
            **_some(record, "skip_bad", "text_options", "device"),
        } | of_model
        yield ShardTask("read", part["shard"], {name: split.outputs[name]["sha256"]}, settings)


def _embed(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    if record.embeddings is not None:
        _check_embeddings(workdir, record)
    read = entries(workdir, record, "read")
    total = sum(entry.rows for entry in read)
    if not total and any(entry.counts["texts"] for entry in read):
        raise UsageError(_why_nothing(workdir, record))
    settings = _some(record, "backend", "dtype", "max_tokens_per_batch", "device")
    if settings["dtype"] == "auto":
        settings["dtype"] = record.many_rows_dtype if total >= AUTO_BFLOAT16_ROWS else "float32"
    for number, _, part, _ in parts_of(workdir, record):
        done = _done(workdir, "read", part["shard"])
        if record.embeddings is not None:
            given = record.embeddings[number]
            settings = {"embeddings": given["path"], "sha256": given["sha256"], "first_row": part["first_row"]}
            settings["rows"] = part["rows"]
        else:
            files = {name: digest for name, digest in record.model.items() if not name.startswith(ENTITIES)}
            settings |= {"model": record.settings["model"], "files": files}
        yield ShardTask("embed", part["shard"], done.digests(".jsonl"), dict(settings))


def text_report(workdir: Path, record: RunRecord) -> TextReport:
    """What became of all texts: the sum over the shards, in their order."""
    from hf_relation.discovery.text_report import TextReport

    report = TextReport()
    for entry in entries(workdir, record, "read"):
        report.merge(TextReport(**read_json(workdir / entry.output(".report.json"))))
    return report


def _why_nothing(workdir: Path, record: RunRecord) -> str:
    from hf_relation.discovery.raw_text import TEXT_OPTIONS

    options = record.settings["text_options"]
    return text_report(workdir, record).why_nothing(**{name: options.get(name) for name in TEXT_OPTIONS})


def _check_embeddings(workdir: Path, record: RunRecord) -> None:
    from hf_relation.sharded.stages.embedding import open_embeddings

    for number, given in enumerate(record.embeddings or []):
        rows, wanted = len(open_embeddings(given["path"])), _done(workdir, "split", f"{number:04d}").rows
        if rows != wanted:
            raise UsageError(
                f"{given['path']} has {rows} rows for the {wanted} of {record.inputs[number]['path']}. One row an instance is needed."
            )


def _draw(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    settings = _some(record, "sample_rows") | {"rows": sum(entry.rows for entry in entries(workdir, record, "read"))}
    for read, embed in zip(entries(workdir, record, "read"), entries(workdir, record, "embed"), strict=True):
        yield ShardTask("draw", read.shard, read.digests(".keys.npy") | embed.digests(".npy"), settings)


def _sample(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    inputs: dict[str, str] = {}
    rows, columns = 0, set()
    for read, draw in zip(entries(workdir, record, "read"), entries(workdir, record, "draw"), strict=True):
        inputs |= draw.digests(".sorted.npy", ".keys.npy", ".npy") | read.digests(".jsonl")
        rows += read.rows
        if read.rows:
            columns.add(draw.counts["columns"])
    settings = _some(record, "sample_rows") | {"rows": rows, "columns": sorted(columns)}
    yield ShardTask("sample", ONE, inputs, settings)


def _fit(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    from hf_relation.clustering.algorithms import finds_number

    inputs = _done(workdir, "sample", ONE).digests(".npy")
    if record.settings["whitening"]:
        inputs |= {WHITENING: record.model[WHITENING]}
    settings = _some(record, "num_relations", "pca_components", "num_relations_calibration", "num_centers", "seed") | {
        "estimate": not finds_number(record.settings["algorithm"], record.settings["algorithm_kwargs"])
    }
    yield ShardTask("fit", ONE, inputs, settings)


def _assign(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    yield from _assign_to(workdir, record, "assign", _done(workdir, "fit", ONE).digests(".centers.npy"))


def _assign_to(workdir: Path, record: RunRecord, stage: str, centers: dict[str, str]) -> Iterator[ShardTask]:
    fitted = _done(workdir, "fit", ONE).digests(".steps.safetensors") | centers
    for read, embed in zip(entries(workdir, record, "read"), entries(workdir, record, "embed"), strict=True):
        yield ShardTask(stage, read.shard, fitted | embed.digests(".npy") | read.digests(".ids.json"), {})


def _merge(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    settings = _some(record, "algorithm", "algorithm_kwargs", "n_init", "seed") | {
        "number": _done(workdir, "fit", ONE).counts["number"]
    }
    yield ShardTask("merge", ONE, _assigned(workdir, record, "assign", ".safetensors", ".first_ids.json"), settings)


def _assigned(workdir: Path, record: RunRecord, stage: str, *suffixes: str) -> dict[str, str]:
    inputs: dict[str, str] = {}
    for entry in entries(workdir, record, stage):
        inputs |= entry.digests(*suffixes)
    return inputs


def _round(workdir: Path, record: RunRecord, stage: str) -> Iterator[ShardTask]:
    """Stages "assign-1", "mean-1", "assign-2", ... and "settle"; none where an earlier round changed nothing."""
    name, _, number = stage.partition("-")
    last = _last_assign(workdir, record, int(number or record.settings["kmeans_rounds"] + 1))
    if stage == "settle":
        inputs = _assigned(workdir, record, last, ".safetensors", ".first_ids.json")
        yield ShardTask(stage, ONE, inputs, {})
    elif last == f"assign-{number}":
        centers = _centers_before(workdir, int(number))
        if name == "assign":
            yield from _assign_to(workdir, record, stage, centers)
        else:
            yield ShardTask(stage, ONE, centers | _assigned(workdir, record, last, ".safetensors"), {})


def _last_assign(workdir: Path, record: RunRecord, most: int) -> str:
    """The stage whose nearest centres count, of the rounds up to `most`."""
    for number in range(1, most):
        if not _done(workdir, f"mean-{number}", ONE).counts["moved"]:
            return f"assign-{number}"
    return f"assign-{most}"


def _centers_before(workdir: Path, number: int) -> dict[str, str]:
    if number == 1:
        return _done(workdir, "merge", ONE).digests(".safetensors")
    return _done(workdir, f"mean-{number - 1}", ONE).digests(".npy")


def _label(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    assign, merge = _last_stages(workdir, record)
    merged = _done(workdir, merge, ONE).digests(".safetensors")
    steps = _done(workdir, "fit", ONE).digests(".steps.safetensors")
    for part in (part for _, _, part, _ in parts_of(workdir, record)):
        read, embed, assigned = (_done(workdir, stage, part["shard"]) for stage in ("read", "embed", assign))
        inputs = (
            merged
            | assigned.digests(".safetensors")
            | embed.digests(".npy")
            | read.digests(".keys.npy", ".ids.json", ".jsonl")
        )
        yield ShardTask("label", part["shard"], inputs | steps, _some(record, "described_rows"))


def _last_stages(workdir: Path, record: RunRecord) -> tuple[str, str]:
    rounds = record.settings["kmeans_rounds"]
    return (_last_assign(workdir, record, rounds + 1), "settle") if rounds else ("assign", "merge")


def _describe(workdir: Path, record: RunRecord) -> Iterator[ShardTask]:
    inputs = _done(workdir, _last_stages(workdir, record)[1], ONE).digests(".safetensors")
    for entry in entries(workdir, record, "label"):
        inputs |= entry.digests(".described.safetensors", ".near.jsonl", ".sampled.jsonl")
    yield ShardTask("describe", ONE, inputs, _some(record, "described_rows"))


def _some(record: RunRecord, *names: str) -> dict[str, Any]:
    return {name: record.settings[name] for name in names}


# How the shards of every stage are found; those of the rounds of k-means are in `_round`.
PLANS: dict[str, Callable[[Path, RunRecord], Iterator[ShardTask]]] = {
    "split": _split,
    "read": _read,
    "embed": _embed,
    "draw": _draw,
    "sample": _sample,
    "fit": _fit,
    "assign": _assign,
    "merge": _merge,
    "label": _label,
    "describe": _describe,
}
