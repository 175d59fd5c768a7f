"""Files of texts, documents or instances for discovery."""

from __future__ import annotations

import os

from hf_relation.data.files import read_bytes
from hf_relation.data.tables import delimiter_of, read_table
from hf_relation.data.validation import duplicate_id_error
from hf_relation.errors import InvalidRowError
from hf_relation.extraction.files import InputFile, read_input_file
from hf_relation.extraction.inputs import read_input


def read_text_file(
    path: str | os.PathLike[str],
    *,
    plain_text: bool = False,
    whole_file: bool = False,
    text_column: str = "text",
    skip_bad: bool = False,
    first: int = 0,
) -> InputFile:
    """Read rows of [`instances_from_texts`] from a file, by the ending of its name, plain or `.gz`.

    | ending | rows |
    | --- | --- |
    | `.txt` | every line that is not blank is a text, as it stands; its id is its position among them |
    | `.csv`, `.tsv` | every line is a text, in the column `text_column`; a column `id` is its id |
    | any other | JSON lines: documents (text, mentions, entities), instances (text, head, tail), or `text` alone with or without `id` |

    Args:
        path (`str` or `PathLike`): the file, UTF-8.
        plain_text (`bool`, defaults to `False`): read it as `.txt`, whatever its ending.
        whole_file (`bool`, defaults to `False`): the file is one text, with line ends as they stand; its id is the file's name.
        text_column (`str`, defaults to `"text"`): name of the column in a table.
        skip_bad (`bool`, defaults to `False`): leave bad rows out and list them in `errors`.
        first (`int`, defaults to 0): position of the first row, where another file was read before.

    Returns:
        [`~hf_relation.extraction.files.InputFile`]: rows with ids, the line number of each, and what was left out.

    Raises:
        UsageError: there is no such file, or no such column.
        InvalidRowError: a bad row, with its line number, or a damaged file.
    """
    name = os.fspath(path).lower().removesuffix(".gz")
    if whole_file:
        return _whole(path)
    if plain_text or name.endswith(".txt"):
        return read_input_file(path, plain_text=True, skip_bad=skip_bad, first=first)
    delimiter = delimiter_of(path)
    if delimiter is not None:
        return _table(path, delimiter, text_column, skip_bad, first)
    return read_input_file(path, skip_bad=skip_bad, first=first)


def _whole(path: str | os.PathLike[str]) -> InputFile:
    content = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRowError(
            f"{path} is not UTF-8: byte 0x{content[error.start]:02x} at byte offset {error.start}. Save it as UTF-8."
        ) from None
    return InputFile(
        [{"id": os.path.basename(path), "text": text}] if text.strip() else [], [1] if text.strip() else []
    )


def _table(path: str | os.PathLike[str], delimiter: str, column: str, skip_bad: bool, first: int) -> InputFile:
    found = InputFile()
    seen: set[str] = set()
    for index, (line, row) in enumerate(read_table(path, delimiter, column), first):
        try:
            if isinstance(row, str):
                raise InvalidRowError(row, index=index)
            id_ = row["id"] or str(index)
            text = {"text": row["text"], "id": id_}
            read_input(text, index)
            if id_ in seen:
                raise duplicate_id_error(id_, index=index)
        except InvalidRowError as error:
            placed = InvalidRowError(error.reason, line=line)
            if not skip_bad:
                raise placed from None
            found.errors.append(placed)
        else:
            seen.add(id_)
            found.rows.append(text)
            found.lines.append(line)
    return found
