"""Wiki80 and other files of OpenNRE's format: one JSON object per line, spans with exclusive ends."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidRowError, UsageError
from .files import parse_json, read_lines, rows_naming_file, stem_of
from .hygiene import drop_benchmark_sentences, drop_overlapping
from .locations import corpus_dir, corpus_file
from .schema import Instance
from .tokens import characters_of_tokens, join_tokens
from .validation import check_instance


logger = logging.getLogger(__name__)

WIKI80_SOURCE = "https://github.com/thunlp/OpenNRE (benchmark/download_wiki80.sh)"

WIKI80_NOVEL_NAMES: tuple[str, ...] = (
    "crosses",
    "original language of film or TV show",
    "competition class",
    "part of",
    "sport",
    "constellation",
    "position played on team / speciality",
    "located in or next to body of water",
    "voice type",
    "follows",
    "spouse",
    "military rank",
    "mother",
    "member of",
    "child",
    "main subject",
)
"""Wiki80's names of FewRel's 16 novel relations, in the order of `FEWREL_NOVEL`; they must not enter training."""

WIKI80_FILES: Mapping[str, tuple[str, ...]] = {
    "train": ("wiki80_train.txt", "wiki80_train_42rel.derived.txt"),
    "validation": ("wiki80_val.txt",),
}


def read_wiki80(path: str | os.PathLike[str]) -> Iterator[Instance]:
    """Read lines of `{"token": [...], "h": {"pos": [start, end]}, "t": ..., "relation": ...}`.

    `pos` are token indices, end exclusive. Lines with a string `text` in place of `token` (OpenNRE allows both) have
    character offsets and are taken as they are.

    Args:
        path (`str` or `PathLike`): the file; `.gz` is unpacked.

    Yields:
        `Instance`: with the relation's name as label and an id such as `"wiki80/wiki80_val/12"`: file, line number.

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: a line is not of this format; the message has its number.

    Reference:
        Han et al., "OpenNRE: An Open and Extensible Toolkit for Neural Relation Extraction", EMNLP 2019.
    """
    prefix = f"wiki80/{stem_of(path)}"
    for line, content in read_lines(path):
        if content and not content.isspace():
            yield opennre_instance(parse_json(content, line=line), f"{prefix}/{line}", line)


def load_wiki80_known(
    data_dir: str | os.PathLike[str] | None, split: str, *, drop_evaluation_sentences: bool | None = None
) -> list[Instance]:
    """Load wiki80 without FewRel's 16 novel relations, so that it can be labelled data in relation discovery.

    Wiki80 is a part of FewRel: its rows are rows of FewRel's training file (and of `val_wiki.json`, which is left out).

    Args:
        data_dir (`str`, `PathLike` or `None`): folder with the files, or with a folder `wiki80` that has them; `None`
            takes `find_data_dir()`.
        split (`str`): `"train"` (`wiki80_train.txt`, or `wiki80_train_42rel.derived.txt`: 26 known relations) or
            `"validation"` (`wiki80_val.txt`: 64 known relations x 70).
        drop_evaluation_sentences (`bool`, *optional*): leave out rows whose sentence is one of
            `drop_benchmark_sentences` or, with `"train"`, one of the validation rows; on by default for `"train"`.

    Returns:
        `list[Instance]`: with relation names as labels.

    Raises:
        UsageError: unknown split, or a file is missing.
    """
    if split not in WIKI80_FILES:
        raise UsageError(f"wiki80's split must be one of {', '.join(WIKI80_FILES)}, got {split!r}.")
    rows = _known(data_dir, split)
    if not (split == "train" if drop_evaluation_sentences is None else drop_evaluation_sentences):
        return rows
    kept, dropped = drop_benchmark_sentences(rows)
    if split == "train":
        kept, more = drop_overlapping(kept, [_known(data_dir, "validation")])
        dropped += more
    logger.info("wiki80 %s: %d instances dropped, their sentence is in an evaluation set.", split, len(dropped))
    return kept


def wiki80_file(folder: Path, split: str) -> Path:
    """The file of one split in a folder.

    Args:
        folder (`Path`): where to look.
        split (`str`): `"train"` or `"validation"`.

    Returns:
        `Path`: an existing file.

    Raises:
        UsageError: it is not there.
    """
    return corpus_file(folder, *WIKI80_FILES[split], source=WIKI80_SOURCE)


def _known(data_dir: str | os.PathLike[str] | None, split: str) -> list[Instance]:
    path = wiki80_file(corpus_dir(data_dir, "wiki80"), split)
    rows = rows_naming_file(path, read_wiki80)
    return [row for row in rows if row["relations"][0] not in WIKI80_NOVEL_NAMES]


def opennre_instance(row: Any, row_id: str, line: int | None) -> Instance:
    """One row of OpenNRE's format, see `read_wiki80`.

    Args:
        row (`Mapping`): the parsed line.
        row_id (`str`): id of the instance.
        line (`int`, *optional*): line number, for messages.

    Returns:
        `Instance`: with the row's relation as its label.

    Raises:
        InvalidRowError: the row is not of this format, or its mentions are no two separate places.
    """
    try:
        if "token" in row:
            text, spans = join_tokens(row["token"])
            head, tail = (characters_of_tokens(spans, *_inclusive(row[key]["pos"])) for key in ("h", "t"))
        else:
            text = row["text"]
            head, tail = tuple(row["h"]["pos"]), tuple(row["t"]["pos"])
        return check_instance(
            {
                "id": row_id,
                "text": text,
                "head": {"start": head[0], "end": head[1]},
                "tail": {"start": tail[0], "end": tail[1]},
                "relations": [row["relation"]],
            },
            line=line,
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        reason = error.reason if isinstance(error, InvalidRowError) else f"not a line of OpenNRE's format ({error!r})."
        raise InvalidRowError(reason, line=line) from error


def _inclusive(position: Sequence[int]) -> tuple[int, int]:
    start, end = position
    return start, end - 1
