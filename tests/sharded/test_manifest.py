"""Entries of the manifest are not trusted: what they name is of their shard."""

from __future__ import annotations

import json

import pytest

from hf_relation.errors import CheckpointError
from hf_relation.sharded.manifest import Entry, entry_path, read_entry, write_entry


def _entry(output: str) -> Entry:
    outputs = {output: {"sha256": "0" * 64, "bytes": 3}}
    return Entry("embed", "0000-00001", 1, "c", {}, {}, {}, outputs)


def test_an_entry_comes_back_as_it_was_written(tmp_path):
    entry = _entry("embed/0000-00001.npy")
    write_entry(tmp_path, entry)
    assert read_entry(tmp_path, "embed", "0000-00001") == entry
    assert read_entry(tmp_path, "embed", "0000-00002") is None


@pytest.mark.parametrize(
    "name",
    [
        "../embed/0000-00001.npy",
        "/etc/0000-00001.npy",
        "embed/../../0000-00001.npy",
        "embed/0000-00001/../../../home.npy",
        "embed/0000-00001\\..\\x.npy",
        "read/0000-00001.npy",
        "embed/0000-00002.npy",
        "0000-00001.npy",
    ],
)
def test_outputs_outside_the_folder_of_the_stage_are_refused(tmp_path, name):
    write_entry(tmp_path, _entry(name))
    assert json.loads(entry_path(tmp_path, "embed", "0000-00001").read_text(encoding="utf-8"))["outputs"]
    with pytest.raises(CheckpointError, match="is not of its shard"):
        read_entry(tmp_path, "embed", "0000-00001")
