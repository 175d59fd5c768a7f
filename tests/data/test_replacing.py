"""Rows 32, 33 and 36 of the fault plan, for folders of several files: one version or the other, at every moment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data.replacing import fill_folder, finish_saving
from hf_relation.errors import CheckpointError


# Content by file; the new version has other shards, and no rows of a corpus.
OLD = {
    "config.json": "old",
    "tokenizer.json": "same",
    "model-00001-of-00002.safetensors": "old 1",
    "model-00002-of-00002.safetensors": "old 2",
    "model.safetensors.index.json": "old index",
    "discovery_corpus.jsonl": "old rows",
    "discovery.json": "old",
}
NEW = {
    "config.json": "new",
    "tokenizer.json": "same",
    "model.safetensors": "new",
    "discovery.json": "new",
    "templates/a.jinja": "new",
}
STEPS = ("replace", "unlink", "link", "mkdir")


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process loses nothing that it wrote; only a machine without power would."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def save(folder: Path, version: dict[str, str]) -> None:
    def fill(work: Path) -> None:
        for name, content in version.items():
            (work / name).parent.mkdir(exist_ok=True)
            (work / name).write_text(content)

    fill_folder(folder, fill, last="config.json")


# What a process may leave that is killed, or interrupted while it tidies up; the next save removes it.
LEFT = (".saving-", ".replaced-")


def content_of(folder: Path, without: tuple[str, ...] = ()) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    found = {path.relative_to(folder).as_posix(): path.read_text() for path in paths}
    return {name: content for name, content in found.items() if not name.startswith(without)}


def stop_at(
    step: int, stop: Callable[[], Any], patch: pytest.MonkeyPatch, steps: tuple[str, ...] = STEPS
) -> list[str]:
    """Call `stop` in the place of the step of that number; gives the names of the steps that were begun."""
    begun: list[str] = []

    def stopping(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            begun.append(name)
            if len(begun) == step + 1:
                stop()
            return real(*arguments, **options)

        return call

    for name in steps:
        patch.setattr(os, name, stopping(name, getattr(os, name)))
    return begun


def number_of_steps(start: dict[str, str] | None, folder: Path, steps: tuple[str, ...] = STEPS) -> int:
    if start is not None:
        save(folder, start)
    with pytest.MonkeyPatch.context() as patch:
        begun = stop_at(-1, lambda: None, patch, steps)
        save(folder, NEW)
    assert {"replace", "mkdir"} <= set(begun)
    return len(begun)


def in_child(work: Callable[[], Any]) -> int:
    """Run it in a fork of this process; how that ended."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("start", [OLD, None], ids=["over another", "fresh"])
def test_fault_33_killed_at_any_step_the_old_version_or_the_new_one_is_there(
    start: dict[str, str] | None, tmp_path: Path
) -> None:
    seen = set()
    for step in range(number_of_steps(start, tmp_path / "counted")):
        folder = tmp_path / str(step) / "saved"
        folder.parent.mkdir()
        if start is not None:
            save(folder, start)
            (folder / "mine.txt").write_text("stays")
        mine = {} if start is None else {"mine.txt": "stays"}

        def killed(step: int = step, folder: Path = folder) -> None:
            with pytest.MonkeyPatch.context() as patch:
                stop_at(step, lambda: os.kill(os.getpid(), signal.SIGKILL), patch)
                save(folder, NEW)

        assert in_child(killed) == signal.SIGKILL
        if start is None and not folder.exists():
            seen.add("nothing")
            continue
        plain = content_of(folder, without=(".",))
        # A reader that knows nothing of this finds one version, or no config.json.
        if "config.json" in plain:
            assert plain in [(start or NEW) | mine, NEW | mine]
        else:
            seen.add("refused")
        finish_saving(folder)
        found = content_of(folder, without=LEFT)
        assert found in [(start or NEW) | mine, NEW | mine]
        seen.add(found["config.json"])
        save(folder, NEW)
        assert content_of(folder) == NEW | mine, "what a killed process left is gone"
    assert seen == ({"old", "refused", "new"} if start else {"nothing"})


@pytest.mark.parametrize("start", [OLD, None], ids=["over another", "fresh"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=str)
def test_fault_32_and_38_an_error_at_any_step_leaves_one_version_and_nothing_else(
    start: dict[str, str] | None, error: BaseException, tmp_path: Path
) -> None:
    seen, steps = set(), (*STEPS, "fsync")
    for step in range(number_of_steps(start, tmp_path / "counted", steps)):
        folder = tmp_path / str(step) / "saved"
        folder.parent.mkdir()
        if start is not None:
            save(folder, start)

        def fail() -> None:
            raise error

        with pytest.MonkeyPatch.context() as patch:
            stop_at(step, fail, patch, steps)
            try:
                save(folder, NEW)
            except BaseException as caught:
                assert caught is error
        if folder.exists():
            finish_saving(folder)
            assert content_of(folder, without=LEFT[1:]) in ([start, NEW] if start else [NEW])
            seen.add(content_of(folder)["config.json"])
        assert [path.name for path in folder.parent.iterdir()] == ["saved"] * folder.exists()
    assert seen == {"old", "new"} if start else seen <= {"new"}


def test_weights_of_the_older_version_never_stay_beside_the_new_ones(tmp_path: Path) -> None:
    single = {"config.json": "", "model.safetensors": "single"}
    sharded = {name: content for name, content in OLD.items() if name.startswith(("config", "model"))}
    for first, second in ((single, sharded), (sharded, single)):
        save(tmp_path / "saved", first)
        save(tmp_path / "saved", second)
        assert content_of(tmp_path / "saved") == second


def test_what_did_not_change_is_not_touched(tmp_path: Path) -> None:
    save(tmp_path / "saved", OLD)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "saved").iterdir()}
    save(tmp_path / "saved", OLD | {"discovery.json": "other"})
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "saved").iterdir()}
    assert [name for name in after if after[name] != before[name]] == ["discovery.json"]


@pytest.mark.parametrize("there", [True, False])
def test_fault_36_processes_and_threads_that_save_at_once_leave_one_whole_version(there: bool, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    if there:
        folder.mkdir()
    versions = [
        {"config.json": str(number), "model.safetensors": str(number), f"{number}.json": ""} for number in range(4)
    ]

    def many(number: int) -> None:
        for _ in range(10):
            save(folder, versions[number])

    children = []
    for number in (0, 1):
        children.append(os.fork())
        if not children[-1]:
            code = 1
            try:
                many(number)
                code = 0
            finally:
                os._exit(code)
    threads = [threading.Thread(target=many, args=(number,)) for number in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    found = content_of(folder)
    assert found["config.json"] == found["model.safetensors"] and len(found) == 6
    assert os.listdir(tmp_path) == ["saved"]


def test_a_save_that_cannot_be_completed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "saved"
    save(folder, OLD)
    staged = folder / ".saved"
    shutil.copytree(folder, staged)
    for order in (None, "{}", json.dumps({"last": "config.json", "outdated": ["../mine.txt"]}), '{"last": 3'):
        if order is not None:
            (staged / ".order.json").write_text(order)
        with pytest.raises(CheckpointError, match="delete that folder"):
            finish_saving(folder)
    (staged / ".order.json").write_text(json.dumps({"last": "config.json", "outdated": []}))
    (staged / "config.json").write_text("new")

    def read_only(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", read_only)
        with pytest.raises(CheckpointError, match="cut short, and cannot be completed: .*Read-only"):
            finish_saving(folder)
    finish_saving(folder)
    assert content_of(folder) == OLD | {"config.json": "new"}
    (tmp_path / "outside").write_text("")
    staged.mkdir()
    (staged / ".order.json").write_text(json.dumps({"last": "config.json", "outdated": []}))
    (staged / "model.safetensors").symlink_to(tmp_path / "outside")
    with pytest.raises(CheckpointError, match="is a link"):
        finish_saving(folder)
