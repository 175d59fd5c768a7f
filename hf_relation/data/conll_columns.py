"""One token a line with its tag in a column, blank lines between sentences: CoNLL's entity files and their kin."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Literal

from ..errors import InvalidRowError, UsageError
from .files import read_text_lines, stem_of
from .iob import to_iob2
from .task_checks import check_tagged_sentence
from .task_schema import TaggedSentence


_DOCUMENT_START = "-DOCSTART-"


def read_conll_columns(
    path: str | os.PathLike[str],
    *,
    tag_column: int = -1,
    token_column: int = 0,
    scheme: Literal["iob", "plain"] = "iob",
    prefix: str = "conll",
    token: Callable[[str], str] | None = None,
) -> Iterator[TaggedSentence]:
    """Read a file with one token a line, its tag in a column, and blank lines between sentences.

    Columns are separated by tabs where a line has one, otherwise by spaces. A line of white space alone is blank. Lines that
    begin with `-DOCSTART-` end a sentence and are left out. There are no comments: `#` is a token like any other.

    Args:
        path (`str` or `PathLike`): the file, UTF-8; `.gz` is unpacked.
        tag_column (`int`, defaults to -1): of the tag; negative numbers count from the end of the line.
        token_column (`int`, defaults to 0): of the token.
        scheme (`"iob"` or `"plain"`): IOB1, IOB2 and BIO, normalised to IOB2 (see [`to_iob2`]), or tags that stay as they are,
            such as parts of speech.
        prefix (`str`): how ids begin.
        token (`Callable`, *optional*): what to make of each token; a `ValueError` of it becomes an `InvalidRowError`.

    Yields:
        `TaggedSentence`: with an id such as `"conll/train/12"`: prefix, file, number of the sentence's first line.

    Raises:
        UsageError: the file does not exist, or `scheme` is unknown.
        InvalidRowError: a line lacks a column, or has a tag that is not IOB; the message has its number.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data import read_conll_columns
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "train.txt"
    >>> _ = path.write_text("-DOCSTART- -X- O O\\n\\nAda NNP I-NP I-PER\\nran VBD I-VP O\\n")
    >>> list(read_conll_columns(path))
    [{'id': 'conll/train/3', 'tokens': ['Ada', 'ran'], 'tags': ['B-PER', 'O']}]

    ```

    Reference: Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task", 2003.
    """
    if scheme not in ("iob", "plain"):
        raise UsageError(f"`scheme` must be 'iob' or 'plain', got {scheme!r}.")
    return _sentences(path, tag_column, token_column, scheme == "iob", f"{prefix}/{stem_of(path)}", token)


def _sentences(
    path: str | os.PathLike[str],
    tag_column: int,
    token_column: int,
    iob: bool,
    prefix: str,
    token_of: Callable[[str], str] | None,
) -> Iterator[TaggedSentence]:
    tokens: list[str] = []
    tags: list[str] = []
    lines: list[int] = []

    def finish() -> TaggedSentence:
        try:
            found = to_iob2(tags) if iob else tags
        except InvalidRowError as error:
            raise InvalidRowError(
                f"{error.reason} Name the column with `tag_column`, or read tags of another kind with scheme='plain'.",
                line=lines[error.index or 0],
            ) from None
        return check_tagged_sentence({"id": f"{prefix}/{lines[0]}", "tokens": tokens, "tags": found}, line=lines[0])

    for line, text in read_text_lines(path):
        if text.strip() and not text.startswith(_DOCUMENT_START):
            token, tag = _columns(text, token_column, tag_column, line)
            try:
                tokens.append(token if token_of is None else token_of(token))
            except ValueError as error:
                raise InvalidRowError(str(error), line=line) from None
            tags.append(tag)
            lines.append(line)
        elif tokens:
            yield finish()
            tokens, tags, lines = [], [], []
    if tokens:
        yield finish()


def _columns(text: str, token_column: int, tag_column: int, line: int) -> tuple[str, str]:
    columns = text.split("\t") if "\t" in text else [column for column in text.split(" ") if column]
    count = len(columns)
    places = []
    for what, column in (("token", token_column), ("tag", tag_column)):
        if not -count <= column < count:
            raise InvalidRowError(
                f"there is no column {column} for the {what}; the line {text[:40]!r} has {count}.", line=line
            )
        places.append(column % count)
    if places[0] == places[1]:
        raise InvalidRowError(
            f"token and tag are the same column; the line {text[:40]!r} has {count}. A line needs a token and its tag.",
            line=line,
        )
    token, tag = (columns[place] for place in places)
    if not token or not tag.strip():
        raise InvalidRowError(f"the {'tag' if token else 'token'} is blank in the line {text[:40]!r}.", line=line)
    return token, tag.strip()
