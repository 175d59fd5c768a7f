"""`hf-relation discover`: relations of a file of instances, documents or texts."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hf_relation.cli import discovering, raw_text
from hf_relation.cli.console import is_utf8, messages, printable, report_bad_rows, results
from hf_relation.cli.options import AsJson, Backend, BatchTokens, Debug, Device, Model, Progress, Revision, SkipBad
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from rich.table import Table

    from hf_relation.discovery import DiscoveryResult

# Spelled out here because the clustering room imports scikit-learn; a test compares the two lists.
AlgorithmName = Literal["kmeans", "agglomerative", "adaptive", "mean_shift", "hdbscan"]
_EXAMPLES_SHOWN = 2
_WORDS_SHOWN = 6


def _check_number(value: str | None) -> str | None:
    if value not in (None, "auto") and not (value.isascii() and value.isdigit() and int(value) >= 1):
        raise typer.BadParameter(f"must be 'auto' or a whole number from 1 up, got '{value}'.")
    return value


def command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help='JSON lines: instances {"text": ..., "head": {"start": 0, "end": 3}, "tail": {...}}, documents (text, mentions, '
            "entities) or texts; .txt: a text a line; .csv, .tsv: a column of texts. All as .gz as well.",
        ),
    ],
    model: Model = None,
    revision: Revision = None,
    num_relations: Annotated[
        str | None,
        typer.Option(
            "--num-relations",
            "-k",
            callback=_check_number,
            help="A number, or 'auto'.",
        ),
    ] = None,
    algorithm: Annotated[
        AlgorithmName | None, typer.Option("--algorithm", help="How to cluster. Default: as stored with the model.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", file_okay=False, help="Folder for instances.jsonl, relations.json and relations.csv."
        ),
    ] = None,
    exports: Annotated[
        list[Path] | None,
        typer.Option(
            "--export",
            metavar="FILE",
            help="Also write the result to FILE, in the format of its ending: .jsonl, .parquet, .csv (one row an instance), .nt "
            "(N-Triples) or .neo4j (a folder with nodes.csv and relationships.csv). May be repeated.",
        ),
    ] = None,
    mode: discovering.Mode = "discover",
    known: discovering.Known = None,
    prior: discovering.Prior = None,
    names: discovering.Names = None,
    pair_weighting: discovering.PairWeighting = None,
    min_score: discovering.MinScore = None,
    save: discovering.Save = None,
    plain_text: raw_text.PlainText = False,
    whole_file: raw_text.WholeFile = False,
    text_column: raw_text.TextColumn = "text",
    entities: raw_text.Entities = None,
    sentences: raw_text.SentencesOption = "en",
    window: raw_text.Window = 1,
    both_directions: raw_text.BothDirections = False,
    max_distance: raw_text.MaxDistance = None,
    max_pairs_per_text: raw_text.MaxPairs = None,
    types: raw_text.Types = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Also write a page to look at in a browser: one .html file."),
    ] = None,
    plots: Annotated[
        list[str] | None,
        typer.Option(
            "--plot",
            metavar="KIND=FILE",
            help="Also draw map, sizes, curve, dendrogram, confidence or graph to FILE (.png, .svg or .pdf). May be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Default: as stored with the model, else 0.")
    ] = None,
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"] | None,
        typer.Option("--dtype", help="Precision of the encoder; 'auto' is float32 for small files."),
    ] = None,
    backend: Backend = None,
    batch_tokens: BatchTokens = None,
    device: Device = None,
    progress: Progress = None,
    skip_bad: SkipBad = False,
    debug: Debug = False,
) -> None:
    """Discover the relations in FILE, and print them with keywords, size and examples.

    With --known relations that you know are recognised by name, and what belongs to none is left out. With --save the relations can be
    used again: --mode predict labels other files, --mode grow adds them.
    """
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # nothing a library prints may end up among the results
        _check_exports(exports or [], file)
        figures = _check_seen(report, plots or [])
        read = raw_text.read_rows(
            file,
            plain_text=plain_text,
            whole_file=whole_file,
            text_column=text_column,
            entities=entities,
            sentences=sentences,
            window=window,
            both_directions=both_directions,
            max_distance=max_distance,
            max_pairs_per_text=max_pairs_per_text,
            types=types,
            skip_bad=skip_bad,
            device=device,
        )
        report_bad_rows(read.errors, quiet=progress is False)
        given = {
            "revision": revision,
            "num_relations": num_relations if num_relations in (None, "auto") else int(num_relations),
            "algorithm": algorithm,
            "pair_weighting": pair_weighting,
            "seed": seed,
            "dtype": dtype,
            "backend": backend,
            "max_tokens_per_batch": batch_tokens,
            "device": device,
            "progress": sys.stderr.isatty() if progress is None else progress,
        }
        settings = {name: value for name, value in given.items() if value is not None}
        result = discovering.run(
            read, model, settings, mode=mode, known=known, prior=prior, names=names, save=save, quiet=progress is False
        )
        if min_score is not None:
            result = result.leave_out(min_score)
        if output is not None:
            result.save(output)
            if progress is not False:
                messages().print(f"Wrote {output}/instances.jsonl, relations.json and relations.csv.", markup=False)
        for export in exports or []:
            result.export(export)
            if progress is not False:
                messages().print(f"Wrote {export}.", markup=False)
        for kind, place in figures:
            result.plot(kind, place)
        if report is not None:
            result.save_report(report)
        if progress is not False:
            for written in [*(place for _, place in figures), *([report] if report else [])]:
                messages().print(f"Wrote {written}.", markup=False)
    with contextlib.redirect_stdout(stdout):
        if as_json:
            skipped = [{"line": error.line, "reason": error.reason} for error in read.errors]
            content = result.to_dict() | {"skipped": skipped} | raw_text.texts_content(read)
            typer.echo(json.dumps(content, ensure_ascii=not is_utf8(stdout), allow_nan=False))
        else:
            results().print(relations_table(result))


def _check_seen(report: Path | None, plots: list[str]) -> list[tuple[Any, Path]]:
    """Kinds and files of the figures; what cannot be written is refused before the work."""
    if report is not None:
        from hf_relation.discovery.report import check_report

        check_report(report)
    figures = []
    for plot in plots:
        from hf_relation.discovery.figures import check_figure

        kind, equals, place = plot.partition("=")
        if not equals or not place:
            raise UsageError(f"--plot must be KIND=FILE, such as map=map.png, got {plot!r}.")
        figures.append((kind, check_figure(kind, place)))
    return figures


def _check_exports(exports: list[Path], file: Path) -> None:
    if not exports:
        return
    from hf_relation.discovery.exports import check_export

    for export in exports:
        check_export(export)
        if export.exists() and export.samefile(file):
            raise UsageError(f"--export {export} would overwrite the instances. Give another name.")


def relations_table(result: DiscoveryResult) -> Table:
    """The relations as a table: id, name and keywords, size, cohesion, example pairs.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): what was found.

    Returns:
        `rich.table.Table`: texts from the corpus are shown as they are, never as markup.
    """
    from rich.table import Table
    from rich.text import Text

    from hf_relation.discovery.keywords import distinct_words

    number = result.to_dict()["num_relations"]
    shown = sum(relation.size > 0 or relation.kind == "novel" for relation in result.relations)
    caption = f"{shown} relation{'s' * (shown != 1)} in {len(result)} instance{'s' * (len(result) != 1)}"
    left_out = int((result.labels < 0).sum())
    if left_out:
        caption += f", {left_out} left out"
    known = [relation for relation in result.relations if relation.kind == "known"]
    if known:
        caption += "; * known before"
        unseen = sum(not relation.size for relation in known)
        caption += f", {unseen} more known ones in no instance" if unseen else ""
    if number["low"] is not None:
        caption += f"; number estimated, {number['low']} to {number['high']} are plausible"
    table = Table(caption=caption, caption_justify="left", show_lines=True)
    table.add_column("id", justify="right", no_wrap=True)
    table.add_column("relation", ratio=3)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("cohesion", justify="right", no_wrap=True)
    table.add_column("examples: head -> tail", ratio=4)
    for relation in result.relations:
        if relation.kind == "known" and not relation.size:
            continue
        pairs = [
            f"{printable(example['head'])} -> {printable(example['tail'])}"
            for example in relation.examples[:_EXAMPLES_SHOWN]
            if "head" in example
        ]
        words = ", ".join(distinct_words(relation.keywords)[:_WORDS_SHOWN])
        lines = [words] if words.startswith(relation.name) else [relation.name, words]
        table.add_row(
            f"{relation.id}*" if relation.kind == "known" else str(relation.id),
            Text("\n".join(printable(line) for line in lines if line)),
            str(relation.size),
            f"{relation.cohesion:.2f}",
            Text("\n".join(pairs)),
        )
    return table
