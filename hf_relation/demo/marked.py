"""Sentences with two marked mentions, the form of input that people write by hand."""

from __future__ import annotations

import re

from hf_relation.data.schema import Instance
from hf_relation.data.validation import check_instance
from hf_relation.errors import InvalidRowError


_TAG = re.compile(r"<(/?)(head|tail)>")
_RULE = "Mark one <head>...</head> and one <tail>...</tail> in every sentence."
_OR_NAMES = " Or give plain text with a list of names."


def parse_marked(sentence: str, *, index: int | None = None, line: int | None = None) -> Instance:
    """Turn `<head>Ada</head> was born in <tail>Rome</tail>.` into an instance.

    Args:
        sentence (`str`): one text with one head and one tail, in any order, not within one another. All other characters,
            `<` and `&` among them, stay as they are: this is no HTML.
        index (`int`, *optional*): zero-based position, for the `id` and for messages.
        line (`int`, *optional*): one-based line number, for messages.

    Returns:
        `Instance`: the text without the marks, and the two mentions.

    Raises:
        InvalidRowError: a mark is missing, doubled, not closed or within another; or nothing is marked between two.

    Example:

    ```python
    >>> from hf_relation.demo import parse_marked
    >>> instance = parse_marked("<head>Ada</head> was born in <tail>Rome</tail>.", index=0)
    >>> instance["text"], instance["tail"]
    ('Ada was born in Rome.', {'start': 16, 'end': 20, 'type': None})

    ```
    """
    pieces: list[str] = []
    spans: dict[str, dict[str, int]] = {}
    opened: str | None = None
    read = length = 0
    for tag in _TAG.finditer(sentence):
        pieces.append(sentence[read : tag.start()])
        length += len(pieces[-1])
        read = tag.end()
        closing, name = tag.groups()
        if not closing:
            if opened is not None:
                raise _error(f"<{name}> stands within <{opened}>", index, line)
            if name in spans:
                raise _error(f"there is a second <{name}>", index, line)
            opened, spans[name] = name, {"start": length}
        elif opened != name:
            raise _error(f"</{name}> closes nothing", index, line)
        else:
            opened, spans[name]["end"] = None, length
    if opened is not None:
        raise _error(f"<{opened}> is not closed", index, line)
    for name in ("head", "tail"):
        if name not in spans:
            raise _error(f"there is no <{name}>", index, line, _RULE + _OR_NAMES)
    text = "".join(pieces) + sentence[read:]
    return check_instance({"text": text} | spans, index=index, line=line)


def has_marks(text: str) -> bool:
    """Whether a text holds one of the marks that [`parse_marked`] reads.

    Args:
        text (`str`): any text.

    Returns:
        `bool`.

    Example:

    ```python
    >>> from hf_relation.demo.marked import has_marks
    >>> has_marks("<head>Ada</head> sings."), has_marks("Ada sings.")
    (True, False)

    ```
    """
    return _TAG.search(text) is not None


def _error(what: str, index: int | None, line: int | None, rule: str = _RULE) -> InvalidRowError:
    return InvalidRowError(f"{what}. {rule}", index=index, line=line)
