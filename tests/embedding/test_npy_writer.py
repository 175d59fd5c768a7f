from __future__ import annotations

import numpy as np
import pytest

from hf_relation.embedding.npy_writer import open_npy
from hf_relation.errors import UsageError


@pytest.mark.parametrize("sizes", [[0], [3], [1, 0, 12, 100], [99_999, 1, 1]])
def test_rows_come_back(tmp_path, sizes):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(size, 3)).astype(np.float32) for size in sizes]
    path = tmp_path / "rows.npy"
    with open_npy(path) as writer:
        for part in parts:
            writer.append(part)
        assert not path.exists()
    np.testing.assert_array_equal(np.load(path), np.concatenate(parts))
    assert np.load(path, mmap_mode="r").shape == (sum(sizes), 3)
    assert [file.name for file in tmp_path.iterdir()] == ["rows.npy"]


def test_other_layouts_and_types_are_converted(tmp_path):
    rows = np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3))
    with open_npy(tmp_path / "rows.npy") as writer:
        writer.append(rows)
        writer.append(rows[:, ::-1])
    loaded = np.load(tmp_path / "rows.npy")
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, [[0, 1, 2], [3, 4, 5], [2, 1, 0], [5, 4, 3]])


def test_after_an_error_the_older_file_stays_and_nothing_else(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.ones(2))
    with pytest.raises(KeyError), open_npy(path) as writer:
        writer.append(np.zeros((5, 2), dtype=np.float32))
        raise KeyError
    np.testing.assert_array_equal(np.load(path), np.ones(2))
    assert [file.name for file in tmp_path.iterdir()] == ["rows.npy"]


def test_rows_of_another_dimension_and_no_rows_at_all_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(m, 2\)"), open_npy(tmp_path / "rows.npy") as writer:
        writer.append(np.zeros((1, 2)))
        writer.append(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="No rows were appended"), open_npy(tmp_path / "rows.npy"):
        pass
    assert not list(tmp_path.iterdir())


def test_bad_names_are_refused(tmp_path):
    for name, message in [("rows.bin", "end in '.npy'"), ("no/folder/rows.npy", "does not exist")]:
        with pytest.raises(UsageError, match=message), open_npy(tmp_path / name):
            pass
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(UsageError, match="folder"), open_npy(tmp_path / "folder.npy"):
        pass
