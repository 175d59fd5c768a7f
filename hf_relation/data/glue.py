"""Tasks of GLUE from their files: CoLA, SST-2, WNLI, QNLI and STS-B."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..errors import InvalidRowError, UsageError
from .files import read_text_lines, stem_of
from .task_checks import check_labelled_text
from .task_schema import LabelledText


GlueTask = Literal["cola", "sst2", "wnli", "qnli"]


@dataclass(frozen=True)
class _Form:
    """The columns of a file without a header, which of them count, and what labels are called."""

    columns: tuple[str, ...]
    text: str
    pair: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ("index",)


_FORMS: Mapping[str, _Form] = {
    "cola": _Form(("source", "label", "mark", "sentence"), "sentence", names={"0": "unacceptable", "1": "acceptable"}),
    "sst2": _Form(("sentence", "label"), "sentence", names={"0": "negative", "1": "positive"}),
    "wnli": _Form(
        ("index", "sentence1", "sentence2", "label"),
        "sentence1",
        "sentence2",
        {"0": "not_entailment", "1": "entailment"},
    ),
    "qnli": _Form(
        ("index", "question", "sentence", "label"),
        "question",
        "sentence",
        {name: name for name in ("entailment", "not_entailment")},
    ),
}

GLUE_LABELS: Mapping[str, tuple[str, ...]] = {
    task: tuple(dict.fromkeys(form.names.values())) for task, form in _FORMS.items()
}
"""The names of each task's labels; where files have numbers, a label's position is its number."""

_STSB_COLUMNS = ("genre", "file", "year", "id", "score", "sentence1", "sentence2")
_MOST_SIMILAR = 5.0


def read_glue(path: str | os.PathLike[str], task: GlueTask) -> Iterator[LabelledText]:
    """Read a TSV file of GLUE. Quotes are characters like any other; white space around a text is left out.

    | task | columns | text, text_pair | labels |
    |---|---|---|---|
    | `"cola"` | source, label, mark, sentence (no header); test: index, sentence | sentence | unacceptable, acceptable |
    | `"sst2"` | sentence, label; test: index, sentence | sentence | negative, positive |
    | `"wnli"` | index, sentence1, sentence2, label | sentence1, sentence2 | not_entailment, entailment |
    | `"qnli"` | index, question, sentence, label | question, sentence | entailment, not_entailment |

    A header is known by its names, and may be absent; a test file without labels has none in its header.

    Args:
        path (`str` or `PathLike`): the file, UTF-8; `.gz` is unpacked.
        task (`str`): one of the above.

    Yields:
        `LabelledText`: with an id such as `"cola/dev/12"`: task, file, line number; the label's name, `None` where the file has
        no labels.

    Raises:
        UsageError: the file does not exist, or `task` is unknown.
        InvalidRowError: a line has other columns or another label; the message has its number.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data import read_glue
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "dev.tsv"
    >>> _ = path.write_text("sentence\\tlabel\\na fine film \\t1\\n")
    >>> list(read_glue(path, "sst2"))
    [{'id': 'sst2/dev/2', 'text': 'a fine film', 'text_pair': None, 'label': 'positive'}]

    ```

    Reference:
        Wang et al., "GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language Understanding", ICLR 2019.
    """
    if task not in _FORMS:
        raise UsageError(f"`task` must be {' or '.join(map(repr, _FORMS))}, got {task!r}.")
    return _glue_rows(path, task, _FORMS[task])


def read_stsb(path: str | os.PathLike[str]) -> Iterator[LabelledText]:
    """Read a file of the STS benchmark: genre, file, year, id, score, two sentences, with tabs between them.

    Quotes are characters like any other. Columns behind the seventh (sources, licences) are passed over.

    Args:
        path (`str` or `PathLike`): such as `sts-train.csv`, UTF-8; `.gz` is unpacked.

    Yields:
        `LabelledText`: with the similarity as label, 0 (nothing in common) to 5 (the same), and an id such as
        `"stsb/sts-dev/12"`: file, line number.

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: a line has other columns, or a score that is no number in [0, 5]; the message has its number.

    Reference:
        Cer et al., "SemEval-2017 Task 1: Semantic Textual Similarity Multilingual and Crosslingual Focused Evaluation",
        SemEval 2017.
    """
    prefix = f"stsb/{stem_of(path)}"
    for line, text in read_text_lines(path):
        if not text.strip():
            continue
        columns = text.split("\t")
        if len(columns) < len(_STSB_COLUMNS):
            raise _wrong_columns(columns, _STSB_COLUMNS, line)
        row = dict(zip(_STSB_COLUMNS, columns, strict=False))
        yield _row(f"{prefix}/{line}", row["sentence1"], row["sentence2"], _score(row["score"], line), line)


def _glue_rows(path: str | os.PathLike[str], task: str, form: _Form) -> Iterator[LabelledText]:
    prefix = f"{task}/{stem_of(path)}"
    names: tuple[str, ...] | None = None
    for line, text in read_text_lines(path):
        if not text.strip():
            continue
        columns = text.split("\t")
        if names is None:
            header = form.text in columns and set(columns) <= {*form.columns, *form.others}
            names = tuple(columns) if header else form.columns
            if form.pair is not None and form.pair not in names:
                raise _wrong_columns(columns, form.columns, line)
            if header:
                continue
        if len(columns) != len(names):
            raise _wrong_columns(columns, names, line)
        row = dict(zip(names, columns, strict=True))
        label = None
        if "label" in row:
            label = form.names.get(row["label"].strip())
            if label is None:
                raise InvalidRowError(
                    f"the label {row['label'][:40]!r} is none of {', '.join(map(repr, form.names))}.", line=line
                )
        yield _row(f"{prefix}/{line}", row[form.text], None if form.pair is None else row[form.pair], label, line)


def _row(row_id: str, text: str, pair: str | None, label: str | float | None, line: int) -> LabelledText:
    row = {"id": row_id, "text": text.strip(), "text_pair": None if pair is None else pair.strip(), "label": label}
    return check_labelled_text(row, line=line)


def _score(text: str, line: int) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not 0 <= score <= _MOST_SIMILAR:
        raise InvalidRowError(f"the score {text[:40]!r} is no number between 0 and {_MOST_SIMILAR:g}.", line=line)
    return score


def _wrong_columns(columns: list[str], names: tuple[str, ...], line: int) -> InvalidRowError:
    return InvalidRowError(
        f"the columns {', '.join(names)} are needed, with tabs between them; the line has {len(columns)}: "
        f"{' | '.join(columns)[:60]!r}.",
        line=line,
    )
