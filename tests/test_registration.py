"""The import hook that waits for transformers, with a small module in the place of transformers."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

import pytest

from hf_relation import _registration


class Elsewhere(importlib.abc.MetaPathFinder):
    """Finds a `transformers` of its own, whose first import fails."""

    def __init__(self) -> None:
        self.executed = 0

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, FailingFirst(self)) if name == "transformers" else None


class FailingFirst(importlib.abc.Loader):
    def __init__(self, finder: Elsewhere) -> None:
        self.finder = finder

    def exec_module(self, module: ModuleType) -> None:
        self.finder.executed += 1
        if self.finder.executed == 1:
            raise RuntimeError("the first import fails")
        module.here = True  # type: ignore[attr-defined]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was done: `"registered"`, once for each time; transformers is not imported yet, and lies elsewhere."""
    done: list[str] = []
    monkeypatch.setattr(_registration, "register", lambda: done.append("registered"))
    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    waiting = [finder for finder in sys.meta_path if not isinstance(finder, _registration._AfterTransformers)]
    monkeypatch.setattr(sys, "meta_path", [Elsewhere(), *waiting])
    _registration.register_when_imported()
    yield done


def hooks() -> int:
    return sum(isinstance(finder, _registration._AfterTransformers) for finder in sys.meta_path)


def test_it_waits_for_an_import_that_succeeds_and_goes(registered: list[str]) -> None:
    assert hooks() == 1 and not registered
    assert importlib.util.find_spec("transformers") is not None
    assert hooks() == 1 and not registered  # looked for is not imported
    with pytest.raises(RuntimeError, match="the first import fails"):
        importlib.import_module("transformers")
    assert hooks() == 1 and not registered
    assert importlib.import_module("transformers").here  # found by a finder of its own
    assert hooks() == 0 and registered == ["registered"]


def test_it_is_there_once(registered: list[str]) -> None:
    _registration.register_when_imported()
    assert hooks() == 1


def test_finders_of_the_old_kind_are_passed_over(registered: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [sys.meta_path[0], object(), *sys.meta_path[1:]])
    assert importlib.util.find_spec("transformers") is not None


def test_what_is_not_installed_is_not_found(registered: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:1])
    assert importlib.util.find_spec("transformers") is None
