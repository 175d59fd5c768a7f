"""The targets can fail: each of these faults, planted into the package, is noticed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fuzz.running import fuzz
from tests.fuzz.targets import configs, readers, rows, spans


def lose_a_row(found: Any) -> Any:
    return lambda *args, **kwargs: list(found(*args, **kwargs))[:-1]


def shift(found: Any) -> Any:
    def moved(*args: Any, **kwargs: Any) -> Any:
        row = found(*args, **kwargs)
        return {**row, "head": {**row["head"], "start": row["head"]["start"] + 1, "end": row["head"]["end"] + 1}}

    return moved


def another_error(found: Any) -> Any:
    def read(*args: Any, **kwargs: Any) -> Any:
        try:
            yield from found(*args, **kwargs)
        except ValueError as error:
            raise KeyError("vertexSet") from error

    return read


def without_place(found: Any) -> Any:
    def read(*args: Any, **kwargs: Any) -> Any:
        try:
            yield from found(*args, **kwargs)
        except readers.InvalidRowError as error:
            raise readers.InvalidRowError("something is wrong") from error

    return read


def keep_code(found: Any) -> Any:
    def build(settings: Any) -> Any:
        config = found(settings)
        config.auto_map = settings.get("auto_map", {"AutoModel": "x.Y"})
        return config

    return build


FAULTS = [
    ("rows", "jsonl-instance", rows, "read_jsonl", lose_a_row),
    ("rows", "jsonl-text", rows, "checked_lines", lose_a_row),
    ("readers", "docred", readers, "read_docred", another_error),
    ("readers", "docred", readers, "read_docred", without_place),
    ("readers", "semeval", readers, "read_semeval2010_task8", lose_a_row),
    ("spans", "cropping", spans, "crop_around_mentions", shift),
    ("configs", "backbone", configs, "build_backbone_config", keep_code),
]


@pytest.mark.parametrize(("group", "name", "module", "attribute", "plant"), FAULTS)
def test_a_planted_fault_is_noticed(
    group: str, name: str, module: Any, attribute: str, plant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, attribute, plant(getattr(module, attribute)))
    with pytest.raises((AssertionError, KeyError, ValueError, ExceptionGroup, spans.Invalid)):
        fuzz(group, name, examples=100, shrink=False)
