"""Draw learning orders: how many labels were learned by the end of every epoch, and how far two models agree on them.

Reads JSONL documents with the column `learning_order`, as stage 1 of FineCL's pre-training writes them: one entry for every
relation, the epoch at which its label was learned, from 1, and null for never. Each file is one line of the first picture (the paper's
figure 2; files may be of several models, or of right and of corrupted labels). With exactly two files, of the same documents and relations, a second picture shows the overlap: labels that both
have learned over labels that either has (figure 3); epochs by whose end neither has learned anything have none.

Writes OUTPUT-learned.png and OUTPUT-overlap.png (or .svg, .pdf with --format) and prints the figures.

Examples:
  python examples/plot_learning_orders.py runs/finecl/seed-0/learning_order.jsonl --output order
  python examples/plot_learning_orders.py minilm.jsonl bert.jsonl --names MiniLM BERT --num_epochs 15 --output orders
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hf_relation.compat import import_optional
from hf_relation.data.schema import Document
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.metrics import learned_by_epoch, learned_jaccard
from hf_relation.plots import learned_by_epoch_plot, learned_jaccard_plot
from hf_relation.plots.canvas import check_path
from hf_relation.training import read_learning_order


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JSONL documents with `learning_order`")
    parser.add_argument("--names", nargs="+", help="of the files, for the legends; default: their file names")
    parser.add_argument(
        "--num_epochs", type=int, help="epochs of the trainings; default: the last at which anything was learned"
    )
    parser.add_argument(
        "--output", default="learning-orders", help="start of the pictures' names; default: %(default)s"
    )
    parser.add_argument("--format", choices=("png", "svg", "pdf"), default="png", help="default: %(default)s")
    parser.add_argument("--title", help="above the pictures")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    import_optional("matplotlib.figure", extra="viz")
    names = args.names or [path.stem for path in args.files]
    if len(names) != len(args.files) or len(set(names)) != len(names):
        raise UsageError(
            f"`--names` must be {len(args.files)} different names, one a file, got {', '.join(map(repr, names))}. "
            "Files of one name need it."
        )
    if args.num_epochs is not None and args.num_epochs < 1:
        raise UsageError(f"`--num_epochs` must be at least 1, got {args.num_epochs}.")
    pictures = {part: check_path(f"{args.output}-{part}.{args.format}") for part in ("learned", "overlap")}
    read = [read_learning_order(path) for path in args.files]
    orders = [np.array([epoch for column in columns for epoch in column], dtype=np.int64) for _, columns in read]
    for path, order in zip(args.files, orders, strict=True):
        if not len(order):
            raise UsageError(f"{path} has no relation, so there is no label whose learning could be drawn.")
    epochs = args.num_epochs or max(1, *(int(order.max()) for order in orders))
    shares = {name: learned_by_epoch(order, epochs) for name, order in zip(names, orders, strict=True)}
    table = Table(title="Learned by the end of the epoch, % of all labels")
    table.add_column("epoch", justify="right")
    for name in names:
        table.add_column(escape(name), justify="right")
    columns = [[f"{100 * share:.1f}" for share in shares[name]] for name in names]
    overlap = None
    if len(orders) == 2:
        check_same_labels(args.files, [documents for documents, _ in read])
        overlap = learned_jaccard(*orders, epochs)
        table.add_column("overlap (Jaccard)", justify="right")
        columns.append(["" if np.isnan(value) else f"{value:.3f}" for value in overlap])
    for epoch, cells in enumerate(zip(*columns, strict=True), 1):
        table.add_row(str(epoch), *cells)
    learned_by_epoch_plot(shares, pictures["learned"], title=args.title)
    console = Console()
    console.print(table)
    console.print(f"Picture: {pictures['learned']}", markup=False)
    if overlap is not None and not np.isnan(overlap).all():
        learned_jaccard_plot({f"{names[0]}, {names[1]}": overlap}, pictures["overlap"], title=args.title)
        console.print(f"Picture: {pictures['overlap']}", markup=False)
    return {"shares": shares, "overlap": overlap}


def check_same_labels(files: Sequence[Path], documents: Sequence[list[Document]]) -> None:
    """Refuse two files that are not of the same labels, in the same order."""
    first, second = ([(row["id"], row["relations"]) for row in rows] for rows in documents)
    if len(first) != len(second):
        raise UsageError(
            f"{files[0]} has {len(first)} documents, {files[1]} {len(second)}; an overlap needs the same ones."
        )
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        if one != other:
            raise UsageError(
                f"Document {number} is {one[0]!r} in {files[0]} and {other[0]!r} in {files[1]}, or has other relations there; an "
                "overlap needs the same documents and relations, in the same order."
            )


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
