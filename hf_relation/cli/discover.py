"""`hf-relation discover`: relations of files of instances, documents or texts."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hf_relation.cli import discovering, raw_text, sharding
from hf_relation.cli.console import is_utf8, messages, report_bad_rows, results
from hf_relation.cli.options import AsJson, Backend, BatchTokens, Debug, Device, Model, Progress, Revision, SkipBad
from hf_relation.cli.relations_table import relations_table
from hf_relation.cli.sharded_json import write_json
from hf_relation.errors import UsageError


# Spelled out here because the clustering room imports scikit-learn; a test compares the two lists.
AlgorithmName = Literal["kmeans", "agglomerative", "adaptive", "mean_shift", "hdbscan"]


def _check_number(value: str | None) -> str | None:
    if value not in (None, "auto") and not (value.isascii() and value.isdigit() and int(value) >= 1):
        raise typer.BadParameter(f"must be 'auto' or a whole number from 1 up, got '{value}'.")
    return value


def command(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            exists=True,
            dir_okay=False,
            readable=True,
            help='JSON lines: instances {"text": ..., "head": {"start": 0, "end": 3}, "tail": {...}}, documents (text, mentions, '
            "entities) or texts; .txt: a text a line; .csv, .tsv: a column of texts. All as .gz as well. Several "
            "are read as one.",
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
    workdir: sharding.Workdir = None,
    workers: sharding.Workers = None,
    shard_rows: sharding.ShardRows = None,
    kmeans_rounds: sharding.KMeansRounds = None,
    redo: sharding.Redo = False,
    in_memory: sharding.InMemory = False,
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
    """Discover the relations in INPUT, and print them with keywords, size and examples.

    With --known relations that you know are recognised by name, and what belongs to none is left out. With --save the relations can be
    used again: --mode predict labels other files, --mode grow adds them.

    With --workdir, and by itself above 100,000 lines, the work is done in shards by several processes: it can be stopped at any moment,
    and started again with the same command.
    """
    stdout = sys.stdout
    texts = {
        "entities": entities,
        "sentences": sentences,
        "window": window,
        "both_directions": both_directions,
        "max_distance": max_distance,
        "max_pairs_per_text": max_pairs_per_text,
    }
    with contextlib.redirect_stdout(sys.stderr):  # nothing a library prints may end up among the results
        _check_exports(exports or [], files)
        figures = _check_seen(report, plots or [])
        folder = sharding.choose(
            files,
            workdir=workdir,
            in_memory=in_memory,
            output=output,
            used={
                "--mode": mode != "discover",
                "--known": known is not None,
                "--prior": prior is not None,
                "--pair-weighting": bool(pair_weighting),
                "--min-score": min_score is not None,
                "--export": bool(exports),
                "--report": report is not None,
                "--plot": bool(plots),
                "--whole-file": whole_file,
            },
            only_in_shards={
                "--workers": workers is not None,
                "--shard-rows": shard_rows is not None,
                "--kmeans-rounds": kmeans_rounds is not None,
                "--redo": redo,
            },
            quiet=progress is False,
        )
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
        if folder is not None:
            in_shards = sharding.run(
                files,
                folder,
                model,
                settings
                | {"plain_text": plain_text, "text_column": text_column, "skip_bad": skip_bad}
                | _unless_none(shard_rows=shard_rows, kmeans_rounds=kmeans_rounds),
                texts=texts | _unless_none(types=raw_text.parse_types(types)),
                workers=workers,
                redo=redo,
                names=names,
                save=save,
                output=output,
                quiet=progress is False,
            )
            with contextlib.redirect_stdout(stdout):
                if as_json:
                    write_json(in_shards)
                else:
                    results().print(relations_table(in_shards, in_shards.num_relations, in_shards.left_out))
            return
        read = raw_text.read_rows(
            files,
            plain_text=plain_text,
            whole_file=whole_file,
            text_column=text_column,
            types=types,
            skip_bad=skip_bad,
            device=device,
            **texts,
        )
        report_bad_rows(read.errors, quiet=progress is False)
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
            skipped = [
                {"line": error.line, "reason": error.reason} | _unless_none(file=error.file) for error in read.errors
            ]
            content = result.to_dict() | {"skipped": skipped} | raw_text.texts_content(read)
            typer.echo(json.dumps(content, ensure_ascii=not is_utf8(stdout), allow_nan=False))
        else:
            number = result.to_dict()["num_relations"]
            results().print(relations_table(result, number, int((result.labels < 0).sum())))


def _unless_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


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


def _check_exports(exports: list[Path], files: list[Path]) -> None:
    if not exports:
        return
    from hf_relation.discovery.exports import check_export

    for export in exports:
        check_export(export)
        if export.exists() and any(export.samefile(file) for file in files):
            raise UsageError(f"--export {export} would overwrite the instances. Give another name.")
