"""`hf_relation.discovery` imports its names when they are used; type checkers and readers of the code see the same ones."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import hf_relation.discovery as room


def _imported_for_type_checkers() -> dict[str, str]:
    tree = ast.parse(Path(room.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {alias.name: node.module for node in block.body for alias in node.names}


def test_names_are_what_type_checkers_see():
    seen = _imported_for_type_checkers()
    assert set(seen) == set(room.__all__)
    for name, module in seen.items():
        assert getattr(room, name) is getattr(importlib.import_module(module), name)
        assert name in dir(room)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'hf_relation.discovery' has no attribute 'nothing'"):
        room.nothing  # noqa: B018
