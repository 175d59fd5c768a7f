"""`hf-relation discover` in shards: when it does so, where it works, and what cannot be done then."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hf_relation.cli.console import messages, printable, report_bad_rows
from hf_relation.errors import InvalidRowError, UsageError


if TYPE_CHECKING:
    from hf_relation.discovery import RelationInventory
    from hf_relation.sharded import ShardedResult

MOST_IN_MEMORY = 100_000
"""More lines than this are discovered in shards, where the options allow it."""

_MOST_WORKERS = 4
_PANEL = "Shards: more instances than the memory holds"

Workdir = Annotated[
    Path | None,
    typer.Option(
        "--workdir",
        metavar="DIR",
        file_okay=False,
        rich_help_panel=_PANEL,
        help="Work in shards, in this folder: stopped at any moment and started again, only what is unfinished is done. Above "
        f"{MOST_IN_MEMORY:,} lines this is done by itself, in OUTPUT.shards beside --output, else beside the first INPUT. The folder "
        "takes the embeddings and two copies of the texts; it may be deleted afterwards.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        metavar="N",
        rich_help_panel=_PANEL,
        help=f"Processes, of one thread each; 0: this one. Default: one for each core, at most {_MOST_WORKERS}. The result does not "
        "depend on it.",
    ),
]
ShardRows = Annotated[
    int | None,
    typer.Option(
        "--shard-rows",
        min=1,
        metavar="N",
        rich_help_panel=_PANEL,
        help="Lines in a shard. Default: 20,000; fewer need less memory.",
    ),
]
KMeansRounds = Annotated[
    int | None,
    typer.Option(
        "--kmeans-rounds",
        min=0,
        metavar="N",
        rich_help_panel=_PANEL,
        help="With kmeans: so many rounds over all rows after the relations were found on a sample, each of which reads all embeddings "
        "once. Default: 0.",
    ),
]
Redo = Annotated[
    bool,
    typer.Option(
        "--redo",
        rich_help_panel=_PANEL,
        help="The folder was begun with other inputs, settings or versions: make anew what depends on them. Without it that is an error.",
    ),
]
InMemory = Annotated[
    bool,
    typer.Option("--in-memory", rich_help_panel=_PANEL, help="Never work in shards, however many lines there are."),
]

_NOT_IN_SHARDS = {
    "--mode": "goes on from relations that were saved, with all instances at once",
    "--known": "fits a gate on all instances at once",
    "--prior": "goes with --known",
    "--pair-weighting": "looks for near-duplicates among all instances at once",
    "--min-score": "changes the relations of all instances at once; the scores are in instances.jsonl of --output",
    "--export": "is written from all instances at once; --output writes instances.jsonl, relations.json and relations.csv",
    "--report": "shows the vectors of all instances at once",
    "--plot": "shows the vectors of all instances at once",
    "--whole-file": "makes one text of a file",
}


def choose(
    files: Sequence[Path],
    *,
    workdir: Path | None,
    in_memory: bool,
    output: Path | None,
    used: Mapping[str, bool],
    only_in_shards: Mapping[str, bool],
    quiet: bool,
) -> Path | None:
    """Whether to work in shards, and where.

    Args:
        files (`Sequence[Path]`): the inputs.
        workdir, in_memory, output: the options.
        used (`Mapping[str, bool]`): whether each of the options was given that do not go with shards.
        only_in_shards (`Mapping[str, bool]`): the same of those that go with nothing else.
        quiet (`bool`): do not say what was chosen.

    Returns:
        `Path`: the folder to work in; `None` where all is done in memory.

    Raises:
        UsageError: options that do not go together.
    """
    not_in_shards = [name for name, given in used.items() if given]
    shards = [name for name, given in only_in_shards.items() if given]
    if workdir is not None:
        if in_memory:
            raise UsageError("--in-memory and --workdir contradict one another.")
        for name in not_in_shards:
            raise UsageError(
                f"{name} does not go with --workdir: it {_NOT_IN_SHARDS[name]}. Leave one of them out"
                + ("; --save keeps relations that --mode predict can use." if name == "--mode" else ".")
            )
        return workdir
    # A pipe can be read only once.
    countable = not in_memory and all(file.is_file() for file in files)
    number = _lines(files, MOST_IN_MEMORY) if countable else 0
    if number <= MOST_IN_MEMORY or not_in_shards:
        if shards:
            raise UsageError(f"{shards[0]} goes with --workdir: without it, this is done in memory.")
        if number > MOST_IN_MEMORY and not quiet:
            _say(
                f"More than {MOST_IN_MEMORY:,} lines, all held in memory: {not_in_shards[0]} {_NOT_IN_SHARDS[not_in_shards[0]]}."
            )
        return None
    beside = files[0] if output is None else output
    folder = beside.parent / f"{beside.name}.shards"
    if not quiet:
        _say(
            f"More than {MOST_IN_MEMORY:,} lines: discovering in shards, in {folder}. Stopped and started again, only what is unfinished "
            "is done. (--workdir names another folder, --in-memory holds all in memory.)"
        )
    return folder


def _lines(files: Sequence[Path], most: int) -> int:
    """Lines of the files; counting ends above `most`."""
    from hf_relation.data.files import DAMAGED_GZIP, open_binary

    number = 0
    for file in files:
        with open_binary(file) as stream:
            try:
                while number <= most and (block := stream.read(2**20)):
                    number += block.count(b"\n")
            except DAMAGED_GZIP:  # whoever reads it says so
                return 0
    return number


def run(
    files: Sequence[Path],
    workdir: Path,
    model: str | None,
    settings: dict[str, Any],
    *,
    texts: dict[str, Any],
    workers: int | None,
    redo: bool,
    names: Path | None,
    save: Path | None,
    output: Path | None,
    quiet: bool,
) -> ShardedResult:
    """Discover in shards.

    Args:
        files (`Sequence[Path]`), workdir (`Path`): inputs, and where to work.
        model (`str`, *optional*), settings (`dict`): as for [`~hf_relation.sharded.ShardedSettings.from_pretrained`], and `progress`.
        texts (`dict`): what makes pairs of texts, as for [`~hf_relation.discovery.instances_from_texts`].
        workers, redo, names, save, output: the options.
        quiet (`bool`): say nothing of texts and of what was written.

    Returns:
        [`~hf_relation.sharded.ShardedResult`].

    Raises:
        UsageError: settings that are not done in shards, or a folder that was begun with others.
        ShardFailures: some shards failed; the others are done.
    """
    for file in files:
        if not file.is_file():
            raise UsageError(
                f"{file} is no regular file: shards are read again when a run is gone on with. Write it to a file first."
            )
    from hf_relation.cli.raw_text import tell_of_texts
    from hf_relation.sharded import ShardedSettings, discover_sharded

    progress = settings.pop("progress")
    inventory = None if names is None else _inventory(names)
    workers = _cores() if workers is None else workers
    if not workers or inventory is not None or save is not None:
        _quiet_transformers()  # else only the workers import it
    result = discover_sharded(
        files,
        workdir,
        settings=ShardedSettings.from_pretrained(model, text_options=texts, **settings),
        workers=workers,
        on_change="redo" if redo else "error",
        progress=progress,
    )
    bad = [InvalidRowError(row["reason"], line=row["line"], file=row["file"]) for row in result.skipped]
    report_bad_rows(bad, quiet=quiet)
    if not quiet:
        tell_of_texts(result.text_report())
    if inventory is not None or save is not None:
        discovery = result.to_discovery()
        if inventory is not None:
            discovery.name_relations(inventory)
        if save is not None:
            discovery.save_pretrained(save)
            if not quiet:
                _say(f"Wrote {save}.")
    if output is not None:
        result.save(output)
        if not quiet:
            _say(f"Wrote {output}/instances.jsonl, relations.json and relations.csv.")
    return result


def _quiet_transformers() -> None:
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _inventory(names: Path) -> RelationInventory:
    from hf_relation.discovery import RelationInventory

    return RelationInventory.from_file(names)


def _cores() -> int:
    try:
        number = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        number = os.cpu_count() or 1
    return min(number, _MOST_WORKERS)


def _say(text: str) -> None:
    messages().print(printable(text), markup=False, highlight=False, soft_wrap=True)
