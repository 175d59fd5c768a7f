"""SemEval-2010 Task 8: nine directed relations between nominals, and `Other`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

from ..errors import InvalidRowError, UsageError
from .files import read_text_lines
from .schema import Instance, Mention
from .semeval_labels import SEMEVAL_OTHER, is_semeval_label
from .validation import check_instance


SEMEVAL_SOURCE = "the task's data release, SemEval2010_task8_all_data.zip (training/, testing/)"

_TAGS = ("<e1>", "</e1>", "<e2>", "</e2>")


def read_semeval2010_task8(
    path: str | os.PathLike[str], *, labels: Literal["directed", "undirected", "oriented"] = "directed"
) -> Iterator[Instance]:
    """Read blocks of a tagged sentence, its label and a comment.

    `<e1>` is the head and `<e2>` the tail. Only the tags and the quotes around the sentence are taken out of the text.
    `"Other"` stays an ordinary label: which label means "no relation" is for the user of the data to say.

    Args:
        path (`str` or `PathLike`): `TRAIN_FILE.TXT`, `TEST_FILE_FULL.TXT`, or `TEST_FILE.TXT`, which has no labels.
        labels (`str`): `"directed"`: the 19 labels as they stand, such as `"Cause-Effect(e2,e1)"`; `"undirected"`: the
            same mentions with the 10 names; `"oriented"`: the 10 names, with head and tail exchanged where the label
            says `(e2,e1)`, so that the head always is the relation's first argument.

    Yields:
        `Instance`: with an id such as `"semeval2010_task8/8001"`; numbers are unique over training and test file.

    Raises:
        UsageError: the file does not exist, or `labels` is unknown.
        InvalidRowError: a block is not of this format; the message has the line number.

    Reference:
        Hendrickx et al., "SemEval-2010 Task 8: Multi-Way Classification of Semantic Relations Between Pairs of
        Nominals", SemEval 2010.
    """
    if labels not in ("directed", "undirected", "oriented"):
        raise UsageError(f"`labels` must be 'directed', 'undirected' or 'oriented', got {labels!r}.")
    return _blocks(path, labels)


def _blocks(path: str | os.PathLike[str], labels: str) -> Iterator[Instance]:
    pending: tuple[int, str, str] | None = None
    label: str | None = None
    for line, content in read_text_lines(path):
        text = content.strip()
        if not text or text.startswith("Comment:"):
            continue
        number, tab, sentence = text.partition("\t")
        if tab and number.isdecimal():
            if pending is not None:
                yield _instance(*pending, label, labels)
            pending, label = (line, number, sentence), None
        elif pending is not None and label is None and is_semeval_label(text):
            label = text
        else:
            raise InvalidRowError(
                f"{text[:40]!r} is neither `number<TAB>sentence` nor one of the task's labels.", line=line
            )
    if pending is not None:
        yield _instance(*pending, label, labels)


def _instance(line: int, number: str, sentence: str, label: str | None, labels: str) -> Instance:
    if len(sentence) < 2 or sentence[0] != '"' or sentence[-1] != '"':
        raise InvalidRowError("the sentence is not between double quotes.", line=line)
    text, spans = _untag(sentence[1:-1], line)
    head: Mention = {"start": spans[0], "end": spans[1], "type": None}
    tail: Mention = {"start": spans[2], "end": spans[3], "type": None}
    if label is not None and labels != "directed" and label != SEMEVAL_OTHER:
        if labels == "oriented" and label.endswith("(e2,e1)"):
            head, tail = tail, head
        label = label[:-7]
    return check_instance(
        {
            "id": f"semeval2010_task8/{number}",
            "text": text,
            "head": head,
            "tail": tail,
            "relations": [] if label is None else [label],
        },
        line=line,
    )


def _untag(tagged: str, line: int) -> tuple[str, list[int]]:
    offsets = {}
    for tag in _TAGS:
        if tagged.count(tag) != 1:
            raise InvalidRowError(
                f"the sentence must hold {tag} exactly once, not {tagged.count(tag)} times.", line=line
            )
        offsets[tag] = tagged.index(tag)
    # The offset of a tag in the plain text is its offset here less the tags before it.
    plain = [offsets[tag] - sum(len(other) for other in _TAGS if offsets[other] < offsets[tag]) for tag in _TAGS]
    pieces, read = [], 0
    for tag in sorted(
        _TAGS, key=offsets.__getitem__
    ):  # by place: what is left on both sides of a tag may look like another
        pieces.append(tagged[read : offsets[tag]])
        read = offsets[tag] + len(tag)
    return "".join(pieces) + tagged[read:], plain
