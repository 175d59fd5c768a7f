"""SNIPS: what people ask of a voice assistant, with slots and intents."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, overload

from ..errors import InvalidRowError, UsageError
from .files import parse_json, read_bytes, stem_of
from .task_checks import check_labelled_text, check_tagged_sentence
from .task_schema import LabelledText, TaggedSentence


SNIPS_INTENTS: tuple[str, ...] = (
    "AddToPlaylist",
    "BookRestaurant",
    "GetWeather",
    "PlayMusic",
    "RateBook",
    "SearchCreativeWork",
    "SearchScreeningEvent",
)
"""The seven intents of the 2017-06 release."""


@overload
def read_snips(path: str | os.PathLike[str], *, task: Literal["slots"] = "slots") -> Iterator[TaggedSentence]: ...


@overload
def read_snips(path: str | os.PathLike[str], *, task: Literal["intent"]) -> Iterator[LabelledText]: ...


def read_snips(
    path: str | os.PathLike[str], *, task: Literal["slots", "intent"] = "slots"
) -> Iterator[TaggedSentence] | Iterator[LabelledText]:
    """Read `{"<intent>": [{"data": [{"text": ...}, {"text": ..., "entity": <slot>}, ...]}, ...]}`.

    White space separates tokens, and so do the edges of slots: in `"the selektor?"` the slot `the selektor` ends before the
    question mark, which is a token of its own. The file is one JSON object and is held in memory.

    Upstream's files are UTF-8, but for `train_PlayMusic_full.json`, where an emoji stands as two encoded surrogates (CESU-8);
    it is put right. A file that is neither is read as Latin-1.

    Args:
        path (`str` or `PathLike`): such as `train_PlayMusic_full.json` or `validate_GetWeather.json`; `.gz` is unpacked.
        task (`"slots"` or `"intent"`): tokens with slots as IOB2, or the text with its intent as label.

    Yields:
        `TaggedSentence` or `LabelledText`: with an id such as `"snips/validate_GetWeather/12"`: file, position in the list.

    Raises:
        UsageError: the file does not exist, or `task` is unknown.
        InvalidRowError: it is not of this format; the message has the utterance's position (`.index`).

    Example:

    ```python
    >>> import json, tempfile, pathlib
    >>> from hf_relation.data import read_snips
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "validate_GetWeather.json"
    >>> data = [{"text": "rain in "}, {"text": "Upper Holm", "entity": "city"}, {"text": "?"}]
    >>> _ = path.write_text(json.dumps({"GetWeather": [{"data": data}]}))
    >>> next(read_snips(path))["tags"], next(read_snips(path, task="intent"))["text"]
    (['O', 'O', 'B-city', 'I-city', 'O'], 'rain in Upper Holm?')

    ```

    Reference:
        Coucke et al., "Snips Voice Platform: an embedded Spoken Language Understanding system for private-by-design voice
        interfaces", 2018, arXiv:1805.10190.
    """
    if task not in ("slots", "intent"):
        raise UsageError(f"`task` must be 'slots' or 'intent', got {task!r}.")
    return _slots(path) if task == "slots" else _intents(path)


def _slots(path: str | os.PathLike[str]) -> Iterator[TaggedSentence]:
    for index, row_id, _, parts in _utterances(path):
        tokens: list[str] = []
        tags: list[str] = []
        for text, slot in parts:
            words = text.split()
            if slot is not None and not words:
                raise InvalidRowError(f"the slot {slot[:40]!r} has no text.", index=index)
            tokens += words
            tags += ["O"] * len(words) if slot is None else [f"B-{slot}", *[f"I-{slot}"] * (len(words) - 1)]
        yield check_tagged_sentence({"id": row_id, "tokens": tokens, "tags": tags}, index=index)


def _intents(path: str | os.PathLike[str]) -> Iterator[LabelledText]:
    for index, row_id, intent, parts in _utterances(path):
        text = "".join(text for text, _ in parts).strip()
        yield check_labelled_text({"id": row_id, "text": text, "label": intent}, index=index)


def _utterances(path: str | os.PathLike[str]) -> Iterator[tuple[int, str, str, list[tuple[str, str | None]]]]:
    content = parse_json(_decoded(read_bytes(path)).encode("utf-8"), what=str(path))
    if not isinstance(content, Mapping) or len(content) != 1:
        raise InvalidRowError(f"{path} must be one object with one intent as its only key.")
    (intent, rows), *_ = content.items()
    if not isinstance(rows, list):
        raise InvalidRowError(f"{path}: the value of {intent[:40]!r} must be a list of utterances.")
    prefix = f"snips/{stem_of(path)}"
    for index, row in enumerate(rows):
        data = row.get("data") if isinstance(row, Mapping) else None
        if not isinstance(data, list):
            raise InvalidRowError('an utterance must be {"data": [...]}.', index=index)
        yield index, f"{prefix}/{index}", intent, [_part(part, index) for part in data]


def _part(part: Any, index: int) -> tuple[str, str | None]:
    text, slot = (part.get("text"), part.get("entity")) if isinstance(part, Mapping) else (None, None)
    if not isinstance(text, str) or not (slot is None or (isinstance(slot, str) and slot.strip())):
        raise InvalidRowError(
            f'{str(part)[:60]!r} is not {{"text": string}} or {{"text": string, "entity": slot}}.', index=index
        )
    return text, slot


def _decoded(content: bytes) -> str:
    try:
        # Two encoded surrogates come back as one character; half of one alone stays an error.
        text = content.decode("utf-8", "surrogatepass")
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return content.decode("latin-1")
