"""`hf-relation heads prune MODEL --output FOLDER`: remove attention heads from a fine-tuned model."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hf_relation.cli.console import printable, results
from hf_relation.cli.heads_rank import Model, TaskName, tell
from hf_relation.cli.options import AsJson, BatchTokens, Debug, Device, Progress


if TYPE_CHECKING:
    from hf_relation.runs.checkpoint_heads import CheckpointPruning

_MANY = 100_000  # which heads there are is known when the model is loaded
EPILOG = (
    "Examples: hf-relation heads prune runs/tagger --ranking heads.json --num-heads 8 --output runs/tagger-pruned; with "
    "--data dev.jsonl in the place of --num-heads 8 as many go as the score allows; hf-relation heads prune runs/tagger --heads "
    "'{\"0\": [1, 2]}' --output runs/tagger-pruned"
)


def command(
    model: Model,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", file_okay=False, help="Folder for the pruned model.", show_default=False),
    ],
    ranking: Annotated[
        Path | None,
        typer.Option("--ranking", exists=True, dir_okay=False, help="What heads rank wrote, for this model."),
    ] = None,
    heads: Annotated[
        str | None,
        typer.Option(
            "--heads", metavar="JSON", help='In the place of a ranking: layer and heads, from 0, as {"0": [1, 2]}.'
        ),
    ] = None,
    num_heads: Annotated[
        int | None, typer.Option("--num-heads", min=1, help="Prune so many, the lowest of the ranking.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            exists=True,
            dir_okay=False,
            help="Development set, as for heads rank: prune one head after another as long as the score on it does not fall.",
        ),
    ] = None,
    max_heads: Annotated[int, typer.Option("--max-heads", min=1, help="With --data: at most so many.")] = 12,
    stop: Annotated[
        Literal["first_drop", "best"],
        typer.Option(
            "--stop",
            help="With --data: stop where the score falls, or try --max-heads and keep the best (optimistic).",
        ),
    ] = "first_drop",
    order: Annotated[
        Literal["lowest", "highest", "random"],
        typer.Option("--ranking-order", help="Which heads go first; highest and random are controls."),
    ] = "lowest",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the random order.")] = 42,
    task: TaskName = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that is not empty.")] = False,
    as_json: AsJson = False,
    batch_tokens: BatchTokens = None,
    device: Device = None,
    progress: Progress = None,
    debug: Debug = False,
) -> None:
    """Remove attention heads from a fine-tuned model for good: it becomes smaller and faster.

    The folder holds model and tokenizer. A MultiTaskModel is loaded again by from_pretrained; any other by
    hf_relation.heads.load_pruned(FOLDER, AutoModelForTokenClassification) or ...ForSequenceClassification.
    """
    with contextlib.redirect_stdout(sys.stderr):  # nothing a library prints may end up among the results
        from hf_relation.runs.checkpoint_heads import prune_checkpoint_heads
        from hf_relation.runs.task_training import BATCH_TOKENS

        found = prune_checkpoint_heads(
            model,
            output,
            ranking=ranking,
            heads=None if heads is None else parse_heads(heads),
            num_heads=num_heads,
            data=data,
            order=order,
            stop=stop,
            max_heads=max_heads,
            seed=seed,
            task=task,
            max_tokens=batch_tokens or BATCH_TOKENS,
            device=device,
            overwrite=overwrite,
        )
        tell([*found.notes, f"Wrote {output}."], quiet=progress is False)
    if as_json:
        typer.echo(json.dumps(_as_json(found)))
    else:
        _print(found)


def parse_heads(text: str) -> dict[int, list[int]]:
    """Read layers and their heads from JSON.

    Args:
        text (`str`): an object of layer -> list of heads.

    Returns:
        `dict[int, list[int]]`: not yet compared with a model.

    Raises:
        UsageError: something else.

    Example:

    ```python
    >>> from hf_relation.cli.heads_prune import parse_heads
    >>> parse_heads('{"0": [1, 2]}')
    {0: [1, 2]}

    ```
    """
    from hf_relation.data.files import parse_json
    from hf_relation.errors import InvalidRowError, UsageError
    from hf_relation.models.head_selection import read_heads

    try:
        content = parse_json(text.encode("utf-8", "surrogateescape"), what="--heads")
    except InvalidRowError as error:
        raise UsageError(f"{error} Give layer and heads as '{{\"0\": [1, 2]}}'.") from None
    return read_heads(content, num_layers=_MANY, num_heads=_MANY, what="--heads")


def _as_json(found: CheckpointPruning) -> dict[str, Any]:
    search = found.search
    return {
        "heads": {str(layer): heads for layer, heads in found.heads.items()},
        "parameters": {"before": found.parameters_before, "after": found.parameters_after},
        "search": None
        if search is None
        else {"metric": found.metric, "score": search.score, "stop": search.stop, "trials": search.rows()},
        "notes": list(found.notes),
    }


def _print(found: CheckpointPruning) -> None:
    from rich.table import Table

    console = results()
    if found.search is not None:
        table = Table(title=f"{found.metric} on the development set")
        for name in ("head pruned", "score", ""):
            table.add_column(name, justify="right" if name == "score" else "left")
        for row in found.search.rows():
            table.add_row(row["name"], f"{row['score']:.4f}", "chosen" if row["chosen"] else "")
        console.print(table)
    number = sum(len(heads) for heads in found.heads.values())
    share = 1 - found.parameters_after / found.parameters_before
    where = "; ".join(f"layer {layer}: {', '.join(map(str, heads))}" for layer, heads in found.heads.items())
    lines = [
        f"Pruned {number} head{'s' * (number != 1)}: {where}."
        if number
        else "No head can go without a lower score: the model is written as it was.",
        f"Parameters: {found.parameters_before:,} before, {found.parameters_after:,} after ({share:.1%} fewer).",
    ]
    for line in lines:
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
