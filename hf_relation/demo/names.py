"""The list of names that a visitor pastes."""

from __future__ import annotations

from hf_relation.data.entity_dictionary import EntityDictionary
from hf_relation.errors import InvalidRowError


_PLACE = "the names"


def parse_names(content: str | None) -> list[tuple[str, str | None]]:
    """Read names of entities, one a line, alone or with a type behind a tab. Nothing here is a path.

    Args:
        content (`str`, *optional*): the lines; blank ones are passed over.

    Returns:
        `list[tuple[str, str or None]]`: names and types, for [`~hf_relation.data.EntityDictionary`]; empty where none are given.

    Raises:
        InvalidRowError: a bad line, with its number.

    Example:

    ```python
    >>> from hf_relation.demo.names import parse_names
    >>> parse_names("Ada Brenner\\tPERSON\\nLindau\\n")
    [('Ada Brenner', 'PERSON'), ('Lindau', None)]

    ```
    """
    names: list[tuple[str, str | None]] = []
    lines: list[int] = []
    for line, row in enumerate((content or "").split("\n"), start=1):
        if not row.strip():
            continue
        name, tab, kind = row.rstrip("\r").partition("\t")
        if "\t" in kind:
            raise InvalidRowError(
                "there is more than one tab. It must be a name, or a name, a tab and a type.", line=line, file=_PLACE
            )
        names.append((name.strip(), kind.strip() if tab else None))
        lines.append(line)
    try:
        if names:
            EntityDictionary(names)
    except InvalidRowError as error:
        raise InvalidRowError(error.reason, line=lines[error.index or 0], file=_PLACE) from None
    return names
