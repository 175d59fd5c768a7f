"""`hf-relation label`: documents labelled by a list of facts about their entities (distant supervision)."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hf_relation.cli import raw_text
from hf_relation.cli.console import is_utf8, messages, printable, report_bad_rows, results
from hf_relation.cli.options import AsJson, Debug, Device, Progress, SkipBad
from hf_relation.errors import InvalidRowError, UsageError


if TYPE_CHECKING:
    from rich.table import Table

    from hf_relation.data import DistantLabeller, Document
    from hf_relation.extraction.files import InputFile

_UNUSED_SHOWN = 5


def command(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...",
            help="JSON lines: documents (text, mentions, entities), instances (text, head, tail) or just text. .txt: a text a "
            "line; .csv, .tsv: a column of texts. All as .gz as well. Of several files, ids get the file's name in front.",
            show_default=False,
        ),
    ],
    facts: Annotated[
        Path,
        typer.Option(
            "--facts",
            metavar="FACTS",
            help="Lines of head, relation and tail with tabs between; .jsonl: objects with these names.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="JSON lines of labelled documents; packed as .gz.",
            show_default=False,
        ),
    ],
    match: Annotated[
        Literal["name", "id"],
        typer.Option(help="What of an entity the facts name: any of its mentions as they are spelled, or its id."),
    ] = "name",
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case/--match-case", help="Compare names without upper and lower case.")
    ] = True,
    keep_unlabelled: Annotated[
        bool, typer.Option("--keep-unlabelled", help="Also write documents in which no fact was found.")
    ] = False,
    plain_text: raw_text.PlainText = False,
    whole_file: raw_text.WholeFile = False,
    text_column: raw_text.TextColumn = "text",
    entities: Annotated[
        str | None,
        typer.Option(
            "--entities",
            metavar="SOURCE",
            help="What finds the entities of texts: dictionary:FILE (lines of name, tab, type), spacy:NAME, or a folder or Hub id of "
            "a token-classification or KernelRE model. Default: the names in FACTS.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it is there.")] = False,
    as_json: AsJson = False,
    device: Device = None,
    progress: Progress = None,
    skip_bad: SkipBad = False,
    debug: Debug = False,
) -> None:
    """Label documents with the facts of a file: every pair of entities gets each relation that a fact has between them.

    Many such labels are wrong, as a text that names two entities need not state what is known of them. Labels that rows have are left
    behind.
    """
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # nothing a library prints may end up among the results
        if plain_text and whole_file:
            raise UsageError(
                "--text and --whole-file contradict one another: every line is a text, or the file is one."
            )
        _check_output(output, [*files, facts, *_dictionary(entities)], overwrite)

        from hf_relation.data import DistantLabeller, read_facts, write_jsonl
        from hf_relation.data.files import naming_file

        with naming_file(facts):
            labeller = DistantLabeller(read_facts(facts), match=match, ignore_case=ignore_case)
        given = _read(files, plain_text=plain_text, whole_file=whole_file, text_column=text_column, skip_bad=skip_bad)
        bad = [_placed(error, error.line, str(path)) for path, one in given for error in one.errors]
        shown = sys.stderr.isatty() if progress is None else progress
        written = write_jsonl(
            output,
            _labelled(
                given,
                labeller,
                bad,
                skip_bad,
                shown,
                entities=entities,
                keep_unlabelled=keep_unlabelled,
                device=device,
            ),
        )
        report_bad_rows(bad, quiet=progress is False)
        _say(labeller, written, output, quiet=progress is False)
    with contextlib.redirect_stdout(stdout):
        if as_json:
            typer.echo(json.dumps(_content(labeller, written, bad), ensure_ascii=not is_utf8(stdout)))
        else:
            console = results()
            console.print(labels_table(labeller))
            for line in _summary(labeller):
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def _check_output(output: Path, read: list[Path], overwrite: bool) -> None:
    from hf_relation.data.atomic import check_file_place

    for path in read:
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"--output {output} would overwrite what is read. Give another name.")
    check_file_place(output, overwrite=True)
    if output.exists() and not overwrite:
        raise UsageError(f"the file {output} exists. Give another name, or --overwrite.")


def _dictionary(entities: str | None) -> list[Path]:
    name = (entities or "").removeprefix("dictionary:")
    return [Path(name)] if name != (entities or "") else []


def _read(files: list[Path], *, whole_file: bool, skip_bad: bool, **options: Any) -> list[tuple[Path, InputFile]]:
    """The rows of every file, with ids that differ."""
    from hf_relation.data.files import naming_file
    from hf_relation.discovery.text_files import read_text_file

    names = [path.name for path in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two files are named {twice}, so that their rows would have the same ids. Rename one.")
    found: list[tuple[Path, InputFile]] = []
    for path in files:
        with naming_file(path):
            given = read_text_file(path, whole_file=whole_file, skip_bad=skip_bad, **options)
        if len(files) > 1 and not whole_file:  # there the file's name is the id
            for row in given.rows:
                row["id"] = f"{path.name}/{row['id']}"
        found.append((path, given))
    if not any(given.rows for _, given in found):
        bad = [error for _, given in found for error in given.errors]
        left = f"; all {len(bad)} rows are bad: {bad[0]}" if bad else ""
        where = ", ".join(map(str, files))
        raise InvalidRowError(f"{where}: no documents, instances or texts{left}. At least 1 is needed.")
    return found


def _labelled(
    given: list[tuple[Path, InputFile]],
    labeller: DistantLabeller,
    bad: list[InvalidRowError],
    skip_bad: bool,
    progress: bool,
    **options: Any,
) -> Iterator[Document]:
    """Labelled documents; bad rows that only labelling finds are put into `bad`, or raised with their line."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    from hf_relation.extraction import distant_documents

    places = [(line, str(path)) for path, one in given for line in one.lines]
    rows = (row for _, one in given for row in one.rows)
    later: list[InvalidRowError] | None = [] if skip_bad else None
    with tqdm(rows, total=len(places), unit="row", desc="Labelling", disable=not progress) as bar:
        try:
            yield from distant_documents(bar, labeller, errors=later, **options)
        except InvalidRowError as error:
            raise error if error.index is None else _placed(error, *places[error.index]) from None
    bad += [_placed(error, *places[error.index or 0]) for error in later or []]


def _placed(error: InvalidRowError, line: int | None, file: str) -> InvalidRowError:
    return InvalidRowError(error.reason, line=line, file=file)


def _say(labeller: DistantLabeller, written: int, output: Path, *, quiet: bool) -> None:
    report, unused = labeller.report, labeller.unused_facts
    console = messages()

    def say(text: str, style: str | None = None) -> None:
        console.print(printable(text), markup=False, highlight=False, soft_wrap=True, style=style)

    if not report.labels:
        say(
            f"Warning: nothing was labelled: no two entities of one document are head and tail of a fact ({report.rows:,} documents, "
            f"{report.pairs:,} pairs, {len(labeller.facts):,} facts). Compare the names in the facts with those in the texts; --match, "
            "--match-case and --entities say how they are looked for.",
            "yellow",
        )
    if quiet:
        return
    if labeller.repeated_facts or labeller.reflexive_facts:
        say(
            f"Left out {labeller.repeated_facts:,} facts that were there before, and {labeller.reflexive_facts:,} of an entity with "
            "itself."
        )
    if unused:
        first = "; ".join(" | ".join(fact) for fact in unused[:_UNUSED_SHOWN])
        more = "; ..." if len(unused) > _UNUSED_SHOWN else ""
        say(f"{len(unused):,} facts labelled nothing: {first}{more}")
    say(f"Wrote {written:,} documents to {output}.")


def _content(labeller: DistantLabeller, written: int, bad: list[InvalidRowError]) -> dict[str, Any]:
    report = labeller.report
    return {
        "rows": report.rows,
        "labelled_rows": report.labelled_rows,
        "rows_without_pairs": report.without_pairs,
        "written": written,
        "pairs": report.pairs,
        "labels": dict(_by_number(labeller)),
        "facts": len(labeller.facts),
        "repeated_facts": labeller.repeated_facts,
        "reflexive_facts": labeller.reflexive_facts,
        "unused_facts": [fact._asdict() for fact in labeller.unused_facts],
        "skipped": [{"file": error.file, "line": error.line, "reason": error.reason} for error in bad],
    }


def _by_number(labeller: DistantLabeller) -> list[tuple[str, int]]:
    return sorted(labeller.report.labels.items(), key=lambda item: (-item[1], item[0]))


def _summary(labeller: DistantLabeller) -> list[str]:
    report = labeller.report
    return [
        f"{sum(report.labels.values()):,} labels in {report.labelled_rows:,} of {report.rows:,} documents, of which "
        f"{report.without_pairs:,} have no pair of entities; {report.pairs:,} pairs.",
        f"{len(report.used_facts):,} of {len(labeller.facts):,} facts labelled something.",
    ]


def labels_table(labeller: DistantLabeller) -> Table:
    """The relations with the number of their labels and facts.

    Args:
        labeller ([`~hf_relation.data.DistantLabeller`]): after its work.

    Returns:
        `rich.table.Table`: names are shown as they are, never as markup.
    """
    from rich.table import Table
    from rich.text import Text

    report = labeller.report
    table = Table()
    table.add_column("relation")
    table.add_column("labels", justify="right", no_wrap=True)
    table.add_column("facts", justify="right", no_wrap=True)
    used = Counter(fact.relation for fact in report.used_facts)
    for relation, number in _by_number(labeller):
        table.add_row(Text(printable(relation)), f"{number:,}", f"{used[relation]:,}")
    return table
