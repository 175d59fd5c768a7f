"""Rows 32, 33 and 38 of the fault plan: places that cannot be written, and a save or a run that fails midway.

Saves that are killed: `tests/common/test_fault_saving.py`; full and read-only disks: `tests/common/test_fault_disks.py`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import HfRelationError
from tests.common.faces import command_on
from tests.common.tiny_tokenizers import sample_instances


pytestmark = pytest.mark.timeout(180)
OLD, NEW = np.eye(4)[[0, 0, 0, 1, 1]], np.eye(4)[[0, 0, 1, 1, 1, 2]]


def fitted(rows: np.ndarray) -> RelationDiscovery:
    return RelationDiscovery(num_relations=2, n_init=2).fit(rows)


def what_loads(folder: Path) -> str:
    """`"old"`, `"new"` or `"nothing"`; anything else fails."""
    if not folder.exists():
        return "nothing"
    labels = RelationDiscovery.from_pretrained(folder).result().labels.tolist()
    return {json.dumps(fitted(rows).labels_.tolist()): name for rows, name in ((OLD, "old"), (NEW, "new"))}[
        json.dumps(labels)
    ]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in (*folder.parent.iterdir(), *folder.iterdir()) if path.name.startswith("."))


def test_fault_32_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(HfRelationError, match="file"):
        fitted(OLD).save_pretrained(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    fitted(OLD).save_pretrained(tmp_path / "old")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for name in ("old", "fresh"):
        with pytest.raises(OSError, match="No space"):
            fitted(NEW).save_pretrained(tmp_path / name)
    assert what_loads(tmp_path / "old") == "old" and not (tmp_path / "fresh").exists()
    assert leftovers(tmp_path / "old") == []


@pytest.mark.parametrize("step", range(8))
@pytest.mark.parametrize("exists", [True, False])
def test_fault_33_a_save_that_fails_at_any_step(
    step: int, exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "saved"
    if exists:
        fitted(OLD).save_pretrained(folder)
    replace, calls = os.replace, iter(range(100))

    def failing(*arguments: Any, **options: Any) -> None:
        if next(calls) == step:
            raise OSError("the disk is gone")
        replace(*arguments, **options)

    model = fitted(NEW)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing)
        try:
            model.save_pretrained(folder)
        except OSError as error:
            assert "the disk is gone" in str(error)
            assert what_loads(folder) in (("old", "new") if exists else ("nothing",))
        else:
            assert what_loads(folder) == "new"
    if folder.exists():
        assert leftovers(folder) == []
    model.save_pretrained(folder)  # saving again repairs it
    assert what_loads(folder) == "new"


def test_fault_38_an_interrupt_while_writing_leaves_no_half_file(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in sample_instances()))

    def interrupted(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    outcome = command_on(tiny_checkpoint, file, "--output", str(tmp_path / "out"))
    assert outcome.code == 130 and outcome.content is None
    assert not (tmp_path / "out").exists() and sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]
