"""`hf-relation extract`: the triples of a file of documents, instances or texts."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hf_relation.cli.console import is_utf8, messages, printable, report_bad_rows, results
from hf_relation.cli.options import AsJson, BatchTokens, Debug, Device, Progress, Revision, SkipBad
from hf_relation.errors import InvalidRowError, UsageError


if TYPE_CHECKING:
    from rich.table import Table

    from hf_relation.extraction.files import InputFile

_ROWS_SHOWN = 50


def command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="JSON lines, plain or .gz: documents (text, mentions, entities), instances (text, head, tail) or just text.",
        ),
    ],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Folder or Hub id of an extraction checkpoint; needed.")
    ] = None,
    revision: Revision = None,
    plain_text: Annotated[bool, typer.Option("--text", help="Every line of FILE is a text, as it stands.")] = False,
    entities: Annotated[
        str | None,
        typer.Option(
            "--entities",
            metavar="SOURCE",
            help="What finds the entities of texts: a token-classification checkpoint (folder or Hub id), dictionary:FILE or "
            "spacy:NAME. Default: the model's own tagger.",
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", min=0, max=1, help="Default: as stored with the model, else 0.5.")
    ] = None,
    threshold_for: Annotated[
        list[str] | None,
        typer.Option("--threshold-for", metavar="RELATION=NUMBER", help="For one relation; may be repeated."),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, help="At most so many relations of an ordered pair.")
    ] = None,
    type_constraints: Annotated[
        Path | None,
        typer.Option(
            "--type-constraints",
            exists=True,
            dir_okay=False,
            help='JSON file with the types that relations join, in the place of the model\'s: {"born in": [["PERSON", "LOCATION"]]}.',
        ),
    ] = None,
    no_type_constraints: Annotated[
        bool, typer.Option("--no-type-constraints", help="Whatever the types of head and tail are.")
    ] = False,
    keep_none: Annotated[bool, typer.Option("--keep-none", help="List pairs without a relation as well.")] = False,
    max_distance: Annotated[
        int | None,
        typer.Option("--max-distance", min=0, help="Leave out pairs with more characters between their mentions."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", file_okay=False, help="Folder for triples.jsonl and triples.csv."),
    ] = None,
    as_json: AsJson = False,
    dtype: Annotated[
        Literal["float32", "bfloat16"], typer.Option("--dtype", help="Precision of the model.")
    ] = "float32",
    batch_tokens: BatchTokens = None,
    device: Device = None,
    progress: Progress = None,
    skip_bad: SkipBad = False,
    debug: Debug = False,
) -> None:
    """Extract the triples (head, relation, tail) of FILE."""
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # nothing a library prints may end up among the results
        from hf_relation.extraction.files import parse_thresholds, save_triples

        single = parse_thresholds(threshold_for or [])
        if type_constraints is not None and no_type_constraints:
            raise UsageError("--type-constraints and --no-type-constraints contradict one another: give one of them.")
        if output is not None and output.exists() and not output.is_dir():
            raise UsageError(f"Cannot write triples to {output}: it is a file. Name a folder.")
        extractor = _extractor(model, revision=revision, dtype=dtype, max_tokens_per_batch=batch_tokens, device=device)
        extractor.rules = extractor.rules.with_threshold(threshold)
        given = _read(file, plain_text=plain_text, skip_bad=skip_bad)
        report_bad_rows(given.errors, quiet=progress is False)
        try:
            answers = extractor.extract(
                given.rows,
                entities=entities,
                threshold=single or None,
                top_k=top_k,
                type_constraints=type_constraints or not no_type_constraints,
                keep_none=keep_none,
                max_distance=max_distance,
                progress=sys.stderr.isatty() if progress is None else progress,
            )
        except InvalidRowError as error:
            if error.index is None:
                raise
            raise InvalidRowError(error.reason, line=given.lines[error.index]) from None
        if output is not None:
            save_triples(answers, output)
            if progress is not False:
                messages().print(f"Wrote {output}/triples.jsonl and triples.csv.", markup=False)
    with contextlib.redirect_stdout(stdout):
        if as_json:
            skipped = [{"line": error.line, "reason": error.reason} for error in given.errors]
            content = {"documents": answers, "skipped": skipped}
            typer.echo(json.dumps(content, ensure_ascii=not is_utf8(stdout), allow_nan=False))
        else:
            results().print(triples_table(answers))


def _extractor(model: str | None, **settings: Any) -> Any:
    from transformers.utils import logging

    from hf_relation.extraction import RelationExtractor

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return RelationExtractor.from_pretrained(model, **settings)


def _read(file: Path, *, plain_text: bool, skip_bad: bool) -> InputFile:
    from hf_relation.extraction.files import read_input_file

    given = read_input_file(file, plain_text=plain_text, skip_bad=skip_bad)
    if not given.rows:
        left = f"; all {len(given.errors)} rows are bad: {given.errors[0]}" if given.errors else ""
        raise InvalidRowError(f"{file} holds no documents, instances or texts{left}. At least 1 is needed.")
    return given


def triples_table(answers: list[dict[str, Any]]) -> Table:
    """The triples as a table: head, relation, tail, score and the id of the text; the first 50.

    Args:
        answers (`list[dict]`): what [`~hf_relation.RelationExtractor.extract`] returned.

    Returns:
        `rich.table.Table`: texts are shown as they are, never as markup.
    """
    from rich.table import Table
    from rich.text import Text

    triples = [(answer["id"], triple) for answer in answers for triple in answer["triples"]]
    more = f"; {_ROWS_SHOWN} are shown, --output writes all" if len(triples) > _ROWS_SHOWN else ""
    table = Table(caption=f"{len(triples):,} triples in {len(answers):,} texts{more}", caption_justify="left")
    for name in ("head", "relation", "tail"):
        table.add_column(name, ratio=3)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("id", ratio=1)
    for identifier, triple in triples[:_ROWS_SHOWN]:
        relation = "(none)" if triple["relation"] is None else triple["relation"]
        words = (triple["head"]["text"], relation, triple["tail"]["text"])
        cells = [Text(printable(word)) for word in words]
        table.add_row(*cells, f"{triple['score']:.3f}", Text(printable(identifier)))
    return table
