from __future__ import annotations

import os
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
