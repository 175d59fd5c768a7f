"""The YAML header of a card: written, read, and signed, so that a card that nobody touched can be told from one that is somebody's."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]

from hf_relation.data.markdown import one_line


MARK = "hf_relation_card"
_HEADER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
# What peft and transformers write into a card that is there already, without being asked.
_NOT_SIGNED = (MARK, "tags", "base_model", "library_name")
_VERSIONS = re.compile(r"\n### Framework versions\s+- PEFT [\w.+-]+\s*\Z")
_LARGEST = 1_000_000


def yaml_header(content: Mapping[str, Any]) -> str:
    """Write the header of a card.

    Args:
        content (`Mapping`): its fields, in this order; strings in it become valid lines of text, fields that are `None` or
            empty are left out.

    Returns:
        `str`: YAML between two lines of dashes.

    Example:

    ```python
    >>> from hf_relation.cards.header import yaml_header
    >>> print(yaml_header({"license": None, "tags": ["a: b", "c"]}))
    ---
    tags:
    - 'a: b'
    - c
    ---

    ```
    """
    kept = {key: _plain(value) for key, value in content.items() if value not in (None, "", [], {})}
    return "---\n" + yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=1000) + "---"


def read_card(text: str) -> tuple[dict[str, Any], str] | None:
    """Split a card into its header and its text.

    Args:
        text (`str`): the card; untrusted.

    Returns:
        `tuple` or `None`: fields of the header (none where it has no header) and the text below it; `None` where the header is
        not YAML, or the card is larger than a megabyte.
    """
    if len(text) > _LARGEST:
        return None
    found = _HEADER.match(text)
    if found is None:
        return {}, text
    try:
        header = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return (header, text[found.end() :]) if isinstance(header, dict) else None


def signed(header: Mapping[str, Any], body: str) -> str:
    """Put header and text of a generated card together, with a mark that says so.

    The mark is a digest of the card: [`is_generated`] tells whether anybody changed the card since.

    Args:
        header (`Mapping`): fields of the header.
        body (`str`): the text below it.

    Returns:
        `str`: the card.

    Example:

    ```python
    >>> from hf_relation.cards.header import is_generated, signed
    >>> card = signed({"tags": ["a"]}, "# Title")
    >>> is_generated(card), is_generated(card.replace("Title", "My title"))
    (True, False)

    ```
    """
    read = read_card(yaml_header(header) + "\n\n" + body.strip() + "\n")
    if read is None:  # pragma: no cover - a header that was just dumped can be read
        raise ValueError("the header of a generated card must be YAML")
    content = {**header, MARK: _digest(*read)}
    return yaml_header(content) + "\n\n" + body.strip() + "\n"


def is_generated(text: str) -> bool:
    """Whether a card is one that [`signed`] made and nobody changed since.

    Tags, `base_model` and `library_name` may differ, as peft and transformers write these.

    Args:
        text (`str`): the card.
    """
    read = read_card(text)
    return read is not None and isinstance(read[0].get(MARK), str) and read[0][MARK] == _digest(*read)


def without_versions(body: str) -> str:
    """The text of a card without the version of peft, which peft writes at the end of a card that it finds."""
    return _VERSIONS.sub("", body)


def _digest(header: Mapping[str, Any], body: str) -> str:
    fields = {key: value for key, value in header.items() if key not in _NOT_SIGNED}
    text = without_versions(body).strip().splitlines()
    content = json.dumps(fields, sort_keys=True, default=str) + "\n" + "\n".join(text)
    return hashlib.sha256(content.encode("utf-8", errors="replace")).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {one_line(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (bool, int, float)) else one_line(value)
