"""MELD: emotions and sentiments of the utterances of dialogues."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from typing import Literal

from ..errors import InvalidRowError, UsageError
from .files import read_text_lines, stem_of
from .task_checks import check_labelled_text
from .task_schema import LabelledText


MELD_LABELS: Mapping[str, tuple[str, ...]] = {
    "emotion": ("neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"),
    "sentiment": ("neutral", "positive", "negative"),
}
"""The names of the labels of both tasks."""

_TEXT = "Utterance"


def read_meld(
    path: str | os.PathLike[str], *, label: Literal["emotion", "sentiment"] = "emotion"
) -> Iterator[LabelledText]:
    """Read a CSV file with a header that has the columns `Utterance`, `Emotion` and `Sentiment`, among others.

    Args:
        path (`str` or `PathLike`): such as `train_sent_emo.csv`, UTF-8; `.gz` is unpacked.
        label (`"emotion"` or `"sentiment"`): which of the two is the label.

    Yields:
        `LabelledText`: with an id such as `"meld/dev_sent_emo/12"`: file, number of the row's (last) line.

    Raises:
        UsageError: the file does not exist, or `label` is unknown.
        InvalidRowError: it is no such CSV, or a label is none of the task's; the message has the line's number.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data import read_meld
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "dev_sent_emo.csv"
    >>> _ = path.write_text('Sr No.,Utterance,Emotion,Sentiment\\n1,"Oh, no!",sadness,negative\\n')
    >>> next(read_meld(path, label="sentiment"))
    {'id': 'meld/dev_sent_emo/2', 'text': 'Oh, no!', 'text_pair': None, 'label': 'negative'}

    ```

    Reference:
        Poria et al., "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations", ACL 2019.
    """
    if label not in MELD_LABELS:
        raise UsageError(f"`label` must be {' or '.join(map(repr, MELD_LABELS))}, got {label!r}.")
    return _rows(path, label.capitalize(), MELD_LABELS[label])


def _rows(path: str | os.PathLike[str], column: str, allowed: tuple[str, ...]) -> Iterator[LabelledText]:
    prefix = f"meld/{stem_of(path)}"
    table = csv.reader((f"{text}\n" for _, text in read_text_lines(path)), strict=True)
    header: list[str] | None = None
    try:
        for row in table:
            line = table.line_num
            if header is None:
                header = row
                if missing := [name for name in (_TEXT, column) if name not in row]:
                    raise InvalidRowError(f"the header has no column {missing[0]!r}: {str(row)[:80]}.", line=line)
                text_place, label_place = row.index(_TEXT), row.index(column)
            elif row:
                if len(row) != len(header):
                    raise InvalidRowError(
                        f"the row has {len(row)} columns, the header {len(header)}: {str(row)[:60]}.", line=line
                    )
                label = row[label_place].strip()
                if label not in allowed:
                    raise InvalidRowError(f"{column} {label[:40]!r} is none of {', '.join(allowed)}.", line=line)
                found = {"id": f"{prefix}/{line}", "text": row[text_place].strip(), "label": label}
                yield check_labelled_text(found, line=line)
    except csv.Error as error:
        raise InvalidRowError(f"{path} is not valid CSV ({error}).", line=table.line_num) from None
