"""Options of commands that take plain text, and what they do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hf_relation.cli.console import messages, printable
from hf_relation.errors import InvalidRowError, UsageError


if TYPE_CHECKING:
    from hf_relation.data.schema import Instance
    from hf_relation.discovery import RelationDiscovery, TextReport

PlainText = Annotated[
    bool,
    typer.Option(
        "--text", help="Every line of INPUT is a text, as it stands. Taken as given for names that end in .txt."
    ),
]
WholeFile = Annotated[bool, typer.Option("--whole-file", help="Every INPUT is one text, for instance a book.")]
TextColumn = Annotated[str, typer.Option("--text-column", help="Column of a .csv or .tsv file that holds the texts.")]
Entities = Annotated[
    str | None,
    typer.Option(
        "--entities",
        metavar="SOURCE",
        help="What finds the entities of texts: dictionary:FILE (lines of name, tab, type), spacy:NAME, or a folder or Hub id of a "
        "token-classification or KernelRE model. Co-reference (she, the company) is not resolved.",
    ),
]
SentencesOption = Annotated[
    str,
    typer.Option(
        "--sentences",
        help="How texts are split: a language code, 'lines' (every line is a sentence) or 'text' (not at all).",
    ),
]
Window = Annotated[int, typer.Option("--window", min=1, help="Both mentions lie within so many sentences.")]
BothDirections = Annotated[
    bool,
    typer.Option(
        "--both-directions",
        help="Make two instances of a pair, one each way. Default: the head is the mention that comes first.",
    ),
]
MaxDistance = Annotated[
    int | None,
    typer.Option("--max-distance", min=0, help="Leave out pairs with more characters between their mentions."),
]
MaxPairs = Annotated[
    int | None, typer.Option("--max-pairs-per-text", min=1, help="At most so many pairs of a text, the nearest first.")
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--types", metavar="HEAD:TAIL", help="Entity types of a pair, * for any; may be repeated. Default: all."
    ),
]


__all__ = ["TextInput", "fit_to_model", "parse_types", "read_rows", "texts_content"]


class TextInput:
    """What [`read_rows`] gives.

    Args:
        instances (`list[Instance]`): what discovery works on.
        errors (`list[InvalidRowError]`): rows left out, with line numbers.
        report ([`~hf_relation.discovery.TextReport`]): what became of the texts.
    """

    def __init__(self, instances: list[Instance], errors: list[InvalidRowError], report: TextReport) -> None:
        self.instances, self.errors, self.report = instances, errors, report


def read_rows(
    files: Sequence[Path],
    *,
    plain_text: bool,
    whole_file: bool,
    text_column: str,
    types: list[str] | None,
    skip_bad: bool,
    **options: Any,
) -> TextInput:
    """Read files of instances, documents or texts, and make instances of them.

    Args:
        files (`Sequence[Path]`): rows without an id get their position among the rows of all.
        plain_text, whole_file, text_column, skip_bad: as for [`~hf_relation.discovery.text_files.read_text_file`].
        types (`list[str]`, *optional*): as `"HEAD:TAIL"`.
        **options: as for [`~hf_relation.discovery.instances_from_texts`].

    Returns:
        [`TextInput`].

    Raises:
        UsageError: contradictory options, or no pair of entities was found.
        InvalidRowError: a bad row, with its line number, and its file where there are several; or no rows at all.
    """
    from hf_relation.data.files import naming_file
    from hf_relation.discovery import TextReport, read_discovery_rows
    from hf_relation.discovery.text_files import read_text_file

    pairs = parse_types(types)
    if plain_text and whole_file:
        raise UsageError("--text and --whole-file contradict one another: every line is a text, or the file is one.")
    rows: list[dict[str, Any]] = []
    places: list[tuple[str | None, int]] = []
    bad: list[InvalidRowError] = []
    for file in files:
        name = str(file) if len(files) > 1 else None
        with naming_file(name) if name else nullcontext():
            given = read_text_file(
                file,
                plain_text=plain_text,
                whole_file=whole_file,
                text_column=text_column,
                skip_bad=skip_bad,
                first=len(rows) + len(bad),
            )
        rows += given.rows
        places += [(name, line) for line in given.lines]
        bad += [InvalidRowError(error.reason, line=error.line, file=name) for error in given.errors]
    if not rows:
        left = f"; all {len(bad)} rows are bad, see hf-relation check-data" if bad else ""
        raise InvalidRowError(
            f"{', '.join(map(str, files))} holds no instances{left}. At least 1 instance, document or text is needed."
        )
    later: list[InvalidRowError] = []
    report = TextReport()
    try:
        instances, _ = read_discovery_rows(
            rows, types=pairs, on_error="skip" if skip_bad else "raise", errors=later, report=report, **options
        )
    except InvalidRowError as error:
        raise _placed(error, places) from None
    order = {str(file): number for number, file in enumerate(files)}
    errors = sorted(
        [*bad, *(_placed(error, places) for error in later)],
        key=lambda error: (order.get(error.file or "", 0), error.line or 0),
    )
    return TextInput(instances, errors, report)


def _placed(error: InvalidRowError, places: Sequence[tuple[str | None, int]]) -> InvalidRowError:
    if error.index is None:
        return error
    file, line = places[error.index]
    return InvalidRowError(error.reason, line=line, file=file)


def parse_types(values: Iterable[str] | None) -> list[tuple[str, str]] | None:
    """Pairs of types from `"HEAD:TAIL"`.

    Raises:
        UsageError: one is not of that form.

    Example:

    ```python
    >>> from hf_relation.cli.raw_text import parse_types
    >>> parse_types(["PERSON:ORG", "*:PLACE"])
    [('PERSON', 'ORG'), ('*', 'PLACE')]

    ```
    """
    found = []
    for value in values or []:
        head, colon, tail = value.partition(":")
        if not (colon and head.strip() and tail.strip()) or ":" in tail:
            raise UsageError(f"--types is HEAD:TAIL, such as PERSON:ORG or PERSON:*, got {value!r}.")
        found.append((head.strip(), tail.strip()))
    return found or None


def fit_to_model(read: TextInput, discovery: RelationDiscovery, *, quiet: bool) -> None:
    """Leave out what the model cannot read, and say on stderr what became of the texts; nothing where the file held instances.

    Args:
        read ([`TextInput`]): what was read; its instances and its report are changed.
        discovery ([`~hf_relation.RelationDiscovery`]): with an encoder.
        quiet (`bool`): say nothing.
    """
    if not read.report.texts:
        return
    from hf_relation.discovery import keep_what_fits

    _, processor = discovery._encoder()
    read.instances = keep_what_fits(read.instances, processor, read.report)
    if not quiet:
        tell_of_texts(read.report)


def tell_of_texts(report: TextReport) -> None:
    """Say on stderr what became of the texts; nothing where there were none."""
    for line in report.lines():
        messages().print(printable(line), markup=False, highlight=False, soft_wrap=True)


def texts_content(read: TextInput) -> dict[str, Any]:
    """What `--json` says besides of texts; nothing where the file held instances.

    Args:
        read ([`TextInput`]): what was read.

    Returns:
        `dict`: `"texts"`, the report, and `"mentions"`, for each instance where its mentions stand in the text as it was given.
    """
    if not read.report.texts:
        return {}
    from hf_relation.data.origins import mention_rows

    return {"texts": read.report.to_dict(), "mentions": mention_rows(read.instances)}
