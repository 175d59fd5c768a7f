from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hf_relation.data.atomic import atomic_file, atomic_folder, check_file_place, check_folder_place
from hf_relation.errors import UsageError


def test_file_modes_follow_the_umask(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    with atomic_file(tmp_path / "atomic") as stream:
        stream.write(b"x")
    assert (tmp_path / "atomic").stat().st_mode == plain.stat().st_mode


def test_a_folder_with_something_in_it_is_kept_unless_asked(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="is not empty"), atomic_folder(target):
        pass
    assert (target / "mine.txt").read_text() == "keep"
    with atomic_folder(target, overwrite=True) as folder:
        (folder / "new.txt").write_text("new")
    assert os.listdir(target) == ["new.txt"] and os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("exists", [True, False])
def test_after_an_error_everything_is_as_before(tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "out"
    if exists:
        target.mkdir()
        (target / "old.txt").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(target, overwrite=True) as folder:
        (folder / "half.txt").write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path) == (["out"] if exists else [])
    assert not exists or os.listdir(target) == ["old.txt"]


def test_a_file_with_the_name_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="a file has that name"), atomic_folder(tmp_path / "out", overwrite=True):
        pass
    assert (tmp_path / "out").read_text() == "a file"


def test_places_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("keep")
    for bad, message in (
        (tmp_path, "a folder has"),
        (tmp_path / "no" / "a", "does not exist"),
        (tmp_path / "there", "exists"),
    ):
        with pytest.raises(UsageError, match=message):
            check_file_place(bad)
    assert check_file_place(tmp_path / "there", overwrite=True) == tmp_path / "there"
    with pytest.raises(UsageError, match="a file has that name"):
        check_folder_place(tmp_path / "there", overwrite=True)
    with pytest.raises(UsageError, match="is not empty"):
        check_folder_place(tmp_path)
    assert check_folder_place(tmp_path, overwrite=True) == check_folder_place(tmp_path / "new").parent
    assert os.listdir(tmp_path) == ["there"]


def test_fault_36_a_folder_that_another_process_makes_in_the_meantime_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(UsageError, match="is not empty"), atomic_folder(target) as folder:
        (folder / "mine.txt").write_text("mine")
        with atomic_folder(target) as others:
            (others / "theirs.txt").write_text("theirs")
    assert os.listdir(target) == ["theirs.txt"] and os.listdir(tmp_path) == ["out"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere two renames are needed")
def test_fault_33_a_folder_that_is_replaced_is_there_at_every_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    seen = []

    def looking(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "open"):
            seen.append(os.path.exists(target / "a.txt"))

    watching = False
    with atomic_folder(target) as folder:
        (folder / "a.txt").write_text("old")
    sys.addaudithook(looking)
    watching = True
    with atomic_folder(target, overwrite=True) as folder:
        (folder / "a.txt").write_text("new")
    watching = False
    assert len(seen) > 4 and all(seen) and (target / "a.txt").read_text() == "new"
    # Where folders cannot be exchanged, an error between the two renames brings the older one back.
    monkeypatch.setattr("hf_relation.data.atomic.exchange", lambda *paths: False)
    replace, calls = os.replace, iter(range(9))

    def failing(*paths: Path) -> None:
        if next(calls) == 1:
            raise OSError("the disk is gone")
        replace(*paths)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="the disk is gone"), atomic_folder(target, overwrite=True) as folder:
        (folder / "a.txt").write_text("newer")
    assert (target / "a.txt").read_text() == "new" and os.listdir(tmp_path) == ["out"]
    with atomic_folder(target, overwrite=True) as folder:
        (folder / "a.txt").write_text("newest")
    assert (target / "a.txt").read_text() == "newest" and os.listdir(tmp_path) == ["out"]
