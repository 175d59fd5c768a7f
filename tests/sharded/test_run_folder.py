"""A run in a folder at a URL: downloaded, done here, uploaded, the entry last."""

from __future__ import annotations

from collections import deque

import fsspec
import pytest

from hf_relation.errors import CheckpointError, HfRelationError, UsageError
from hf_relation.sharded import ShardFailures, discover_sharded
from hf_relation.sharded.discover import prepare
from hf_relation.sharded.plan import stages_of
from hf_relation.sharded.ranks import run_rank
from hf_relation.sharded.run_folder import RemoteFolder, open_folder
from tests.sharded.planted_files import settings, snapshot, write_planted


SYSTEM = fsspec.filesystem("memory")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    inputs, arrays, *_ = write_planted(folder / "in", parts=(30,))
    discover_sharded(inputs, folder / "work", settings=settings(), embeddings=arrays, workers=0)
    return inputs, arrays, snapshot(folder / "work")


@pytest.fixture
def begun(whole, tmp_path, request):
    """The URL of a run that was begun."""
    inputs, arrays, _ = whole
    url = f"memory://runs/{abs(hash(request.node.name))}"
    prepare(inputs, tmp_path / "begun", settings=settings(), embeddings=arrays, on_change="error")
    SYSTEM.pipe_file(f"{url.removeprefix('memory:/')}/manifest.json", (tmp_path / "begun/manifest.json").read_bytes())
    yield url
    SYSTEM.rm(url.removeprefix("memory:/"), recursive=True)


def _run(url: str, world: int = 2) -> list[str]:
    """All stages, each in `world` parts; the shards that were done."""
    done = []
    with open_folder(url) as folder:
        stages = stages_of(folder.record())
    for stage in stages:
        for rank in range(world):
            with open_folder(url) as folder:
                done += [f"{entry.stage}/{entry.shard}" for entry in run_rank(folder, stage, rank, world)]
    return done


def _files(url: str) -> dict[str, bytes]:
    root = url.removeprefix("memory:/")
    return {path.removeprefix(f"{root}/"): SYSTEM.cat_file(path) for path in SYSTEM.find(root)}


def test_the_same_bytes_as_in_a_folder_of_this_machine(whole, begun):
    _run(begun)
    assert _files(begun) == whole[2]
    assert _run(begun, world=3) == []


def test_outputs_are_uploaded_before_the_entry_that_vouches_for_them(begun, monkeypatch):
    written = []
    put, remove = SYSTEM.put_file, SYSTEM.rm_file
    monkeypatch.setattr(SYSTEM, "put_file", lambda here, there: (written.append(there), put(here, there)))
    monkeypatch.setattr(SYSTEM, "rm_file", lambda path: (written.append(f"-{path}"), remove(path)))
    with open_folder(begun) as folder:
        deque(run_rank(folder, "split"), maxlen=0)
        root = begun.removeprefix("memory:/")
        names = [name.replace(f"{root}/", "") for name in written]
    number = [place for place, name in enumerate(names) if name.startswith("manifest/")]
    assert [names[place] for place in number] == ["manifest/split/0000.json", "manifest/split/0001.json"]
    for entry, place in zip(("0000", "0001"), number, strict=True):
        outputs = [place for place, name in enumerate(names) if name.startswith(f"split/{entry}")]
        assert outputs and max(outputs) < place
        assert names.index(f"-manifest/split/{entry}.json") < min(outputs)


@pytest.mark.parametrize("part", ["embed/0001-00001.npy", "manifest/assign/0000-00001.json"])
def test_an_upload_that_fails_leaves_that_shard_to_do(whole, begun, monkeypatch, part):
    put = SYSTEM.put_file

    def cut(here, there):
        if there.endswith(part):
            SYSTEM.pipe_file(there, b"half")  # a store that does not write whole files
            raise OSError("the connection broke")
        put(here, there)

    with monkeypatch.context() as patch:
        patch.setattr(SYSTEM, "put_file", cut)
        with pytest.raises(ShardFailures, match="the connection broke"):
            _run(begun)
    before = _files(begun)
    again = _run(begun)
    done = {name for name in before if name.startswith("manifest/") and before[name] != b"half"}
    every = {name for name in whole[2] if name.startswith("manifest/")}
    assert sorted(f"manifest/{name}.json" for name in again) == sorted(every - done) and every - done < every
    assert _files(begun) == whole[2]


@pytest.mark.parametrize("damage", ["other", "gone"])
def test_a_damaged_file_is_named_and_made_anew(whole, begun, damage):
    _run(begun)
    place = f"{begun.removeprefix('memory:/')}/embed/0000-00001.npy"
    content = SYSTEM.cat_file(place)
    if damage == "gone":
        SYSTEM.rm_file(place)
    else:
        SYSTEM.pipe_file(place, content[:-1] + b"x")
    SYSTEM.rm_file(f"{begun.removeprefix('memory:/')}/manifest/assign/0000-00001.json")  # it is to be read again
    if damage == "other":  # not seen by its size; seen when it is read, and then forgotten
        with pytest.raises(ShardFailures, match="embed/0000-00001.npy is missing or damaged"):
            _run(begun)
    assert _run(begun) == ["embed/0000-00001", "assign/0000-00001"]
    assert _files(begun) == whole[2]


def test_a_url_where_nothing_was_begun(tmp_path):
    folder = RemoteFolder("memory://nothing", tmp_path)
    assert folder.is_empty() and not folder.holds_run()
    with pytest.raises(UsageError, match="No sharded discovery was begun in memory://nothing"):
        folder.record()


def test_a_damaged_copy_of_a_result_is_refused(whole, begun, tmp_path):
    _run(begun)
    place = f"{begun.removeprefix('memory:/')}/label/0000-00000.safetensors"
    SYSTEM.pipe_file(place, SYSTEM.cat_file(place)[:-1] + b"x")
    with pytest.raises(CheckpointError, match="label/0000-00000.safetensors .*is damaged"):
        RemoteFolder(begun, tmp_path).download("label")


def test_a_stage_before_that_nobody_goes_on_with(begun):
    with open_folder(begun) as folder:
        deque(run_rank(folder, "split", 0, 2), maxlen=0)
        with pytest.raises(HfRelationError, match='stage "read", 1 shards of stage "split" .* the first is 0001'):
            deque(run_rank(folder, "read", 0, 2), maxlen=0)


@pytest.mark.parametrize("name", ["manifest/../../outside.json", "manifest/embed/more/0000.json"])
def test_names_that_no_run_writes_are_refused_before_anything_is_written(begun, name):
    SYSTEM.store[f"{begun.removeprefix('memory:/')}/{name}"] = SYSTEM.store[
        f"{begun.removeprefix('memory:/')}/manifest.json"
    ]
    with open_folder(begun) as folder:
        before = sorted(path for path in folder.path.parent.iterdir() if path.name.startswith("outside"))
        with pytest.raises(CheckpointError, match="which no run writes"):
            folder.refresh()
        assert sorted(path for path in folder.path.parent.iterdir() if path.name.startswith("outside")) == before
        assert not (folder.path / "manifest").exists()
