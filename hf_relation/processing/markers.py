"""The marker tokens that stand around the two mentions of an instance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from hf_relation.errors import UsageError


MarkerPolicy = Literal["none", "entity", "typed"]

HEAD_ROLE = "E1"
TAIL_ROLE = "E2"


def normalize_entity_type(name: str) -> str:
    """Bring an entity type into the one form in which types are compared and written into markers.

    Upper case, and each run of white space becomes one underscore, so `"Person"` and `"PERSON"` are one type.

    Args:
        name (`str`): a type as it stands in the data or in a declaration.

    Returns:
        `str`: the normalised name; empty when `name` is blank.

    Example:

    ```python
    >>> from hf_relation.processing.markers import normalize_entity_type
    >>> normalize_entity_type(" Geo political ")
    'GEO_POLITICAL'

    ```
    """
    return "_".join(name.upper().split())


def declared_entity_types(entity_types: Sequence[str]) -> tuple[str, ...]:
    """Check and normalise a declared list of entity types; the order stays, repeated names are kept once.

    Args:
        entity_types (`Sequence[str]`): names without square brackets.

    Returns:
        `tuple[str, ...]`: the normalised names.

    Raises:
        UsageError: not a sequence of strings, or a name that is blank or holds `[` or `]`.

    Example:

    ```python
    >>> from hf_relation.processing.markers import declared_entity_types
    >>> declared_entity_types(["Person", "ORG", "person"])
    ('PERSON', 'ORG')

    ```
    """
    if isinstance(entity_types, str) or not isinstance(entity_types, Sequence):
        raise UsageError(
            f"`entity_types` must be a list of strings, got {entity_types!r}. Pass for example ['PERSON', 'ORG']."
        )
    names: dict[str, None] = {}
    for name in entity_types:
        if not isinstance(name, str):
            raise UsageError(f"`entity_types` must hold strings, got {name!r} ({type(name).__name__}).")
        normalized = normalize_entity_type(name)
        if not normalized or "[" in normalized or "]" in normalized:
            raise UsageError(f"An entity type must be a name without square brackets, got {name!r}. Rename the type.")
        names[normalized] = None
    return tuple(names)


def check_marker_policy(marker_policy: str, entity_types: Sequence[str]) -> None:
    """Refuse an unknown policy, and types that contradict the policy.

    Args:
        marker_policy (`str`): `"none"`, `"entity"` or `"typed"`.
        entity_types (`Sequence[str]`): the declared types.

    Raises:
        UsageError: unknown policy; `"typed"` without types; types with another policy.

    Example:

    ```python
    >>> from hf_relation.processing.markers import check_marker_policy
    >>> check_marker_policy("typed", ["PERSON"])

    ```
    """
    policies = get_args(MarkerPolicy)
    if marker_policy not in policies:
        raise UsageError(f"`marker_policy` must be one of {', '.join(map(repr, policies))}, got {marker_policy!r}.")
    if marker_policy == "typed" and not entity_types:
        raise UsageError(
            "`marker_policy='typed'` needs the types it may write: pass for example entity_types=['PERSON', 'ORG']."
        )
    if marker_policy != "typed" and entity_types:
        raise UsageError(
            f"`entity_types` is read with marker_policy='typed' alone, got marker_policy={marker_policy!r}. "
            "Leave `entity_types` out or use marker_policy='typed'."
        )


def marker_tokens(marker_policy: MarkerPolicy, entity_types: Sequence[str] = ()) -> list[str]:
    """The marker strings of a policy, in the order in which they are added to a tokenizer.

    Args:
        marker_policy (`str`): `"none"` has no markers, `"entity"` four, `"typed"` four plain ones and four for each type.
        entity_types (`Sequence[str]`): normalised type names, used by `"typed"`.

    Returns:
        `list[str]`: for each of head (`E1`) and tail (`E2`) the start and the end marker.

    Example:

    ```python
    >>> from hf_relation.processing.markers import marker_tokens
    >>> marker_tokens("entity")
    ['[E1]', '[/E1]', '[E2]', '[/E2]']
    >>> marker_tokens("typed", ["ORG"])[4:]
    ['[E1:ORG]', '[/E1:ORG]', '[E2:ORG]', '[/E2:ORG]']

    ```
    """
    if marker_policy == "none":
        return []
    types: list[str | None] = [None, *entity_types]
    return [token for type_name in types for role in (HEAD_ROLE, TAIL_ROLE) for token in marker_pair(role, type_name)]


def marker_pair(role: str, type_name: str | None) -> tuple[str, str]:
    """The start and end marker of a role (`"E1"` for the head, `"E2"` for the tail), plain or with a type.

    Example:

    ```python
    >>> from hf_relation.processing.markers import marker_pair
    >>> marker_pair("E2", "PERSON")
    ('[E2:PERSON]', '[/E2:PERSON]')

    ```
    """
    name = role if type_name is None else f"{role}:{type_name}"
    return f"[{name}]", f"[/{name}]"
