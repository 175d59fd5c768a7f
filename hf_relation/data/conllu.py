"""Universal Dependencies: words and their parts of speech out of CoNLL-U files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from ..errors import InvalidRowError, UsageError
from .files import read_text_lines, stem_of
from .task_checks import check_tagged_sentence
from .task_schema import TaggedSentence


UD_TAGS: tuple[str, ...] = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip
"""The 17 universal parts of speech of version 2."""

UD_V1_RENAMED: dict[str, str] = {"CONJ": "CCONJ"}
"""The one tag that version 2 renamed."""

_COLUMNS = 10
_RANGE = re.compile(r"([1-9][0-9]{0,8})-([1-9][0-9]{0,8})")  # numbers of words, which Python can read
_EMPTY_NODE = re.compile(r"[0-9]+\.[1-9][0-9]*")


def read_conllu(
    path: str | os.PathLike[str], *, version: Literal[1, 2] = 2, prefix: str = "ud"
) -> Iterator[TaggedSentence]:
    """Read the words (FORM) of a CoNLL-U file and their universal parts of speech (UPOS).

    Tags belong to *syntactic words*, so those are the tokens: lines of a multiword token (`3-4 don't`) and of empty nodes
    (`8.1`) are passed over, the words that a multiword token consists of (`do`, `n't`) are kept. Comments are passed over,
    but for `# sent_id`.

    Args:
        path (`str` or `PathLike`): the file, UTF-8; `.gz` is unpacked.
        version (`1` or `2`): of the guidelines; tags of version 1 are renamed by [`map_ud_v1_tags`].
        prefix (`str`): how ids begin.

    Yields:
        `TaggedSentence`: with an id such as `"ud/en_ewt-ud-dev/<sent_id>"`: prefix, file and `sent_id`, or the number of the
        sentence's first line where there is none. Where a `sent_id` occurs again, `@` and that line number stand behind it.

    Raises:
        UsageError: the file does not exist, or `version` is unknown.
        InvalidRowError: a line is not of this format, or a tag is none of the version's; the message has its number.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data import read_conllu
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "xx-ud-dev.conllu"
    >>> rows = ["1-2 don't _", "1 do AUX", "2 n't PART", "2.1 go VERB"]
    >>> lines = ["{} {} _ {} _ _ _ _ _ _".format(*row.split()).replace(" ", chr(9)) for row in rows]
    >>> _ = path.write_text(chr(10).join(["# sent_id = a", *lines, ""]))
    >>> list(read_conllu(path))
    [{'id': 'ud/xx-ud-dev/a', 'tokens': ['do', "n't"], 'tags': ['AUX', 'PART']}]

    ```

    Reference:
        Nivre et al., "Universal Dependencies v2: An Evergrowing Multilingual Treebank Collection", LREC 2020;
        https://universaldependencies.org/format.html
    """
    if version not in (1, 2):
        raise UsageError(f"`version` must be 1 or 2, got {version!r}.")
    return _sentences(path, version, f"{prefix}/{stem_of(path)}")


def map_ud_v1_tags(tags: Sequence[str]) -> list[str]:
    """Rename parts of speech of Universal Dependencies version 1 as in version 2: `CONJ` becomes `CCONJ`.

    That is the only rename; `SCONJ` and all others stay. What else differs is annotation, which no rename brings over: in
    version 2 copulas and markers of tense and aspect are `AUX` (often `VERB` or `PART` in version 1), `PART` and `PRON`
    against `DET` are drawn more narrowly, and a treebank may use a tag that it had not used before. The Chinese GSD files of
    version 1 have no `SCONJ` at all (version 2 has it where they have `ADV` and `PART`), so a tagger trained on them cannot
    learn it: evaluate it on files of version 1.

    Args:
        tags (`Sequence[str]`): of version 1.

    Returns:
        `list[str]`: as many.

    Example:

    ```python
    >>> from hf_relation.data import map_ud_v1_tags
    >>> map_ud_v1_tags(["NOUN", "CONJ", "SCONJ"])
    ['NOUN', 'CCONJ', 'SCONJ']

    ```

    Reference: https://universaldependencies.org/v2/summary.html
    """
    return [UD_V1_RENAMED.get(tag, tag) for tag in tags]


def _sentences(path: str | os.PathLike[str], version: int, prefix: str) -> Iterator[TaggedSentence]:
    seen: set[str] = set()
    tokens: list[str] = []
    tags: list[str] = []
    name: str | None = None
    first = 0

    def finish() -> TaggedSentence:
        row_id = f"{prefix}/{first if name is None else name}"
        if row_id in seen:
            row_id += f"@{first}"
        seen.add(row_id)
        found = map_ud_v1_tags(tags) if version == 1 else tags
        return check_tagged_sentence({"id": row_id, "tokens": tokens, "tags": found}, line=first)

    for line, text in read_text_lines(path):
        if not text.strip():
            if tokens:
                yield finish()
            tokens, tags, name = [], [], None
        elif text.startswith("#"):
            key, equals, value = text[1:].partition("=")
            if equals and key.strip() == "sent_id" and value.strip():
                name = value.strip()
        else:
            word = _word(text, len(tokens) + 1, version, line)
            if word is not None:
                first = first if tokens else line
                tokens.append(word[0])
                tags.append(word[1])
    if tokens:
        yield finish()


def _word(text: str, number: int, version: int, line: int) -> tuple[str, str] | None:
    """Form and tag; `None` for a multiword token or an empty node."""
    columns = text.split("\t")
    if len(columns) != _COLUMNS:
        raise InvalidRowError(
            f"a line of CoNLL-U has {_COLUMNS} columns with tabs between them, this one {len(columns)}: {text[:40]!r}.",
            line=line,
        )
    place, form, _, tag, *_ = columns
    if place != str(number):
        covered = _RANGE.fullmatch(place)
        if covered is not None and number <= int(covered[1]) < int(covered[2]):
            return None
        if _EMPTY_NODE.fullmatch(place):
            return None
        raise InvalidRowError(
            f"the first column is {place[:20]!r}, where word {number}, a range of words such as "
            f"'{number}-{number + 1}' or an empty node such as '{number - 1}.1' must stand.",
            line=line,
        )
    allowed = tag in UD_TAGS if version == 2 else tag in UD_V1_RENAMED or (tag in UD_TAGS and tag != "CCONJ")
    if not allowed:
        hint = " It is one of version 1: read the file with version=1." if tag in UD_V1_RENAMED else ""
        raise InvalidRowError(f"{tag[:20]!r} is no part of speech of UD version {version}.{hint}", line=line)
    return form, tag
