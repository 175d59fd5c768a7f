"""`hf-relation heads rank MODEL DATA`: how much every attention head of a fine-tuned model matters."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hf_relation.cli.console import messages, printable, results
from hf_relation.cli.options import AsJson, BatchTokens, Debug, Device, Progress


if TYPE_CHECKING:
    from hf_relation.runs.checkpoint_heads import CheckpointRanking

_SHOWN = 12
EPILOG = (
    "Example: hf-relation heads rank runs/tagger dev.jsonl --output heads.json --plot heads.png. Then: hf-relation heads "
    "prune runs/tagger --ranking heads.json --data dev.jsonl --output runs/tagger-pruned"
)

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Folder or Hub id of a fine-tuned model with its tokenizer: a MultiTaskModel, or any ...ForTokenClassification or "
        "...ForSequenceClassification (also a regression), pruned before or not.",
        show_default=False,
    ),
]
TaskName = Annotated[
    str | None, typer.Option("--task", help="Which task the data is of, where a MultiTaskModel has several.")
]


def command(
    model: Model,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            exists=True,
            dir_okay=False,
            readable=True,
            help='JSON lines, plain or .gz: {"tokens": [...], "tags": [...]} for a tagger; {"text": ..., "label": ...} for a '
            'classifier, with "text_pair" where it reads two texts; the label is a number for a regression.',
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="JSON file for the scores, which prune and compare read.", show_default=False
        ),
    ],
    plot: Annotated[Path | None, typer.Option(help="Also draw a heatmap: .png, .svg or .pdf.")] = None,
    method: Annotated[
        Literal["gate", "token", "weights", "relevance"],
        typer.Option(
            help="gate: gradient of the loss by a gate on the head (Michel et al. 2019); token: the same, of single tokens; "
            "weights: gradient of the head's key and value weights (GradTS; with --batch-tokens 1 as published); relevance: "
            "layer-wise relevance propagation."
        ),
    ] = "gate",
    normalize: Annotated[
        Literal["l1", "l2", "none"], typer.Option(help="Norm by which the scores of every layer are divided.")
    ] = "l1",
    task: TaskName = None,
    max_rows: Annotated[int | None, typer.Option(min=1, help="Use the first so many labelled rows only.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    as_json: AsJson = False,
    batch_tokens: BatchTokens = None,
    device: Device = None,
    progress: Progress = None,
    debug: Debug = False,
) -> None:
    """Score all attention heads of a fine-tuned model on labelled rows, with one backward pass a batch.

    Rank on rows that the model was not trained on. Heads with low scores are those to prune first.
    """
    with contextlib.redirect_stdout(sys.stderr):  # nothing a library prints may end up among the results
        _check_places(output, plot, overwrite=overwrite)

        from hf_relation.runs.checkpoint_heads import rank_checkpoint_heads
        from hf_relation.runs.task_training import BATCH_TOKENS

        ranking = rank_checkpoint_heads(
            model,
            data,
            task=task,
            method=method,
            normalize=None if normalize == "none" else normalize,
            max_rows=max_rows,
            max_tokens=batch_tokens or BATCH_TOKENS,
            device=device,
            progress=sys.stderr.isatty() if progress is None else progress,
        )
        if plot is not None:
            ranking.importance.plot(plot)
        ranking.importance.save(output)
        tell([*ranking.notes, f"Wrote {output}{f' and {plot}' if plot else ''}."], quiet=progress is False)
    if as_json:
        typer.echo(json.dumps(_as_json(ranking)))
    else:
        _print(ranking)


def tell(lines: list[str], *, quiet: bool) -> None:
    """Print messages on stderr, unless they are not wanted."""
    for line in [] if quiet else lines:
        messages().print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _check_places(output: Path, plot: Path | None, *, overwrite: bool) -> None:
    """Refuse, before the model is loaded, files that cannot be written."""
    from hf_relation.data.atomic import check_file_place
    from hf_relation.errors import UsageError

    check_file_place(output, overwrite=overwrite)
    if plot is not None:
        from hf_relation.compat import import_optional
        from hf_relation.plots.canvas import check_path

        if check_path(plot).absolute() == output.absolute():
            raise UsageError(f"--output and --plot are both {plot}. Give two files.")
        check_file_place(plot, overwrite=overwrite)
        import_optional("matplotlib.figure", extra="viz")


def _as_json(ranking: CheckpointRanking) -> dict[str, object]:
    found = ranking.importance
    return {
        "method": found.method,
        "normalize": found.normalize,
        "task": ranking.task.name,
        "num_examples": found.num_examples,
        "ranking": [
            {"layer": layer, "head": head, "score": float(found.scores[layer, head])} for layer, head in found.rank()
        ],
        "notes": list(ranking.notes),
    }


def _print(ranking: CheckpointRanking) -> None:
    from rich.table import Table

    found = ranking.importance
    heads, scores = found.rank(), found.scores
    table = Table(title=f"The lowest of {len(heads)} heads")
    for name in ("rank", "layer", "head", "score"):
        table.add_column(name, justify="right")
    for rank, (layer, head) in enumerate(heads[:_SHOWN], 1):
        table.add_row(str(rank), str(layer), str(head), f"{scores[layer, head]:.4f}")
    console = results()
    console.print(table)
    what = f"{found.method}, {found.num_examples:,} examples, {found.normalize or 'no'} norm of layers"
    console.print(
        f"{what}; scores from 0 to 1; rank 1 is pruned first.", markup=False, highlight=False, soft_wrap=True
    )
