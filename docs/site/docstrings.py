"""A griffe extension: mkdocstrings gets the package's docstrings as Markdown, with links to what they name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import griffe


sys.path.insert(0, str(Path(__file__).parent))

from hf_markdown import as_markdown  # noqa: E402


class HuggingFaceDocstrings(griffe.Extension):
    """Rewrites every docstring of a package once the whole of it is loaded, so that names can be looked up."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        for one in walk(pkg):
            if one.docstring:
                one.docstring.value = as_markdown(
                    one.docstring.value, lambda name, one=one: link_target(pkg, one, name)
                )


def walk(one: griffe.Object) -> list[griffe.Object]:
    """An object and everything defined in it."""
    found = [one]
    for member in one.members.values():
        if not member.is_alias:
            found += walk(member)
    return found


def link_target(pkg: griffe.Module, here: griffe.Object, name: str) -> str | None:
    """The path of what a reference names, where the site has a place for it.

    Args:
        pkg (`griffe.Module`): the package.
        here (`griffe.Object`): whose docstring it is.
        name (`str`): `hf_relation.room.Name`, or a name seen from `here`: of the class, the module, the room, the package.

    Returns:
        `str` or `None`.
    """
    places: list[griffe.Object] = []
    if name.split(".")[0] == pkg.name:
        places, name = [pkg], name.partition(".")[2]
    else:
        scope: griffe.Object | None = here
        while scope is not None:
            places.append(scope)
            scope = scope.parent
    for place in places:
        found = _member(place, name) if name else place
        if found is not None:
            return found.path if is_shown(found) else None
    return None


def _member(place: griffe.Object, name: str) -> griffe.Object | None:
    found: Any = place
    for part in name.split("."):
        if found.is_function or found.is_attribute:
            return None
        members = found.all_members if found.is_class else found.members
        if part not in members:
            return None
        found = members[part]
        try:
            found = found.final_target if found.is_alias else found
        except (griffe.AliasResolutionError, griffe.CyclicAliasError):
            return None
    return found


def is_shown(one: griffe.Object) -> bool:
    """Whether the site has a place for an object: it and all it stands in are public and documented."""
    scope: griffe.Object | None = one
    while scope is not None:
        if scope.name.startswith("_") or not (scope.docstring or scope.is_module):
            return False
        scope = scope.parent
    return True
