"""What runs write down: what determines them, what they are made of, what they found."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from hf_relation.runs.output_folder import claimed
from hf_relation.training import (
    ExperimentArguments,
    ExperimentData,
    RelationTrainingArguments,
    changed_settings,
    data_names,
    library_versions,
    single_relation,
)


if TYPE_CHECKING:
    from hf_relation.data import Instance


RUN_FILE = "run.json"

# Settings that do not change what a run computes, or that may change when it is resumed.
FREE_WHEN_RESUMED = frozenset(
    {
        "dataloader_num_workers",
        "dataloader_pin_memory",
        "disable_tqdm",
        "logging_first_step",
        "logging_steps",
        "logging_strategy",
        "num_seeds",
        "num_threads",
        "overwrite",
        "preset",
        "report_to",
        "resume",
        "save_total_limit",
        "use_cpu",
    }
)


def finished_run(folder: Path, resume: bool, console: Console) -> dict[str, Any] | None:
    """Read the figures of a seed that an earlier run has finished.

    Args:
        folder (`Path`): folder of the seed.
        resume (`bool`): whether to go on with that run.
        console (`Console`): told about it.

    Returns:
        `dict` or `None`: the content of its `run.json`.
    """
    path = folder / RUN_FILE
    if not resume or not path.is_file():
        return None
    console.print(f"Finished before; its figures are taken from {path}.")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def describe_data(data: ExperimentData, console: Console) -> None:
    """Print what is trained on, and what is odd about it.

    Args:
        data ([`~hf_relation.training.ExperimentData`]): the parts.
        console (`Console`): where to print.
    """
    console.print("Data:", ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in data.counts.items()))
    sizes = Counter(single_relation(row) for row in data.train)
    if single := sorted(str(name) for name, size in sizes.items() if size == 1):
        console.print(
            f"Warning: {len(single)} known relation(s) have one training instance, for example {single[0]!r}. It is "
            "repeated in batches, and teaches nothing about what instances of that relation share.",
            markup=False,
        )


def run_settings(
    script: ExperimentArguments, args: RelationTrainingArguments, data: ExperimentData, *sources: str
) -> dict[str, Any]:
    """Collect what determines the figures of a run: changed settings, what it starts from, and its data.

    Args:
        script ([`~hf_relation.training.ExperimentArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]):
            what the run is told.
        data ([`~hf_relation.training.ExperimentData`]): its data.
        *sources (`str`): options that name what it starts from.

    Returns:
        `dict[str, Any]`: JSON-able.
    """
    settings = changed_settings(script, args)
    kept = {key: value for key, value in settings.items() if key not in FREE_WHEN_RESUMED}
    parts: dict[str, Sequence[Instance]] = {
        "train": data.train,
        "validation": data.validation,
        "test": data.test,
        **({"unlabeled": data.unlabeled} if data.unlabeled else {}),
    }
    return (
        kept
        | {name: getattr(script, name) for name in sources}
        | {"num_processes": args.world_size}
        | {name: fingerprint(part) for name, part in parts.items()}
    )


def claimed_run(
    script: Any, args: RelationTrainingArguments, parts: Mapping[str, Sequence[Any]], **more: Any
) -> AbstractContextManager[None]:
    """Hold the output folder of a run of extraction or pre-training, see [`~hf_relation.runs.output_folder.claimed`].

    Args:
        script (dataclass): what the run is told, with `resume` and `overwrite`.
        args ([`~hf_relation.training.RelationTrainingArguments`]): of training.
        parts (`Mapping[str, Sequence]`): its texts by name.
        **more: what else determines the run, such as what it starts from.

    Returns:
        Context manager.

    Raises:
        UsageError, CheckpointError: as `claimed`.
    """
    kept = {key: value for key, value in changed_settings(script, args).items() if key not in FREE_WHEN_RESUMED}
    settings = kept | more | {"num_processes": args.world_size}
    return claimed(
        args.output_dir,
        settings | {name: fingerprint(part) for name, part in parts.items()},
        resume=script.resume,
        overwrite=script.overwrite,
        process_index=args.process_index,
        num_processes=args.world_size,
    )


def fingerprint(instances: Sequence[Instance]) -> str:
    """Give a short checksum of instances in their order."""
    digest = hashlib.sha256()

    for row in instances:
        digest.update(json.dumps(row, sort_keys=True).encode("utf-8"))
    return f"{len(instances)} instances, {digest.hexdigest()[:16]}"


def run_results(
    script: ExperimentArguments,
    args: RelationTrainingArguments,
    data: ExperimentData,
    runs: Sequence[Mapping[str, Any]],
    summary: Mapping[str, Any],
    *,
    method: str,
    encoder: str,
    evaluation: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Collect the content of `results.json`, which cards are made of.

    Args:
        script, args, data: what the run was told, and its data.
        runs (`Sequence[Mapping]`): one entry a training seed.
        summary (`Mapping`): as [`~hf_relation.training.summarize_runs`] gives it.
        method (`str`): `"MORE"`, `"RoCORE"`, ...
        encoder (`str`): what it started from, in words.
        evaluation (`Mapping`, *optional*): how it was scored, beside seeds, restarts and precision.
        **more: further entries.

    Returns:
        `dict[str, Any]`: JSON-able.
    """
    return {
        "method": method,
        **data_names(script),
        "encoder": encoder,
        **more,
        "counts": data.counts,
        "relations": {
            "known": data.known_relations,
            "held_out": data.held_out_relations,
            "novel": data.novel_relations,
        },
        "summary": summary,
        "runs": list(runs),
        "evaluation": {
            "cluster_seeds": list(range(script.num_cluster_seeds)),
            "n_init": script.n_init,
            "dtype": "float32",
            "algorithm": script.algorithm,
            **(evaluation or {}),
        },
        "settings": changed_settings(script, args),
        "versions": library_versions(),
    }


def mean_and_sd(values: Sequence[float]) -> dict[str, float]:
    """Mean and sample standard deviation (0 of one value).

    Example:

    ```python
    >>> from hf_relation.runs.records import mean_and_sd
    >>> mean_and_sd([0.5, 0.7])["mean"]
    0.6

    ```
    """
    return {
        "mean": statistics.fmean(values),
        "sd": statistics.stdev(values) if len(values) > 1 else 0.0,
    }
