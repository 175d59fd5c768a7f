"""Files that are not on this machine: in memory, and on a local Hub."""

from __future__ import annotations

import hashlib
import io

import fsspec
import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.sharded import ShardedSettings, discover_sharded
from hf_relation.sharded.stages.embedding import open_embeddings
from hf_relation.sharded.urls import RemoteRows, version_of
from tests.hub.children import environment, run_child
from tests.hub.server import running_hub


def _put(name: str, content: bytes) -> str:
    fsspec.filesystem("memory").pipe_file(f"/urls/{name}", content)
    return f"memory://urls/{name}"


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_a_file_system_that_says_nothing_of_contents_is_read():
    url = _put("rows.jsonl", b"one\n")
    assert version_of(url) == hashlib.sha256(b"one\n").hexdigest()
    with pytest.raises(UsageError, match="none.jsonl does not exist"):
        version_of("memory://urls/none.jsonl")
    with pytest.raises(UsageError, match="is a folder"):
        version_of("memory://urls")
    with pytest.raises(UsageError, match="no URL that fsspec opens"):
        version_of("nosuch://a")


def test_an_object_store_is_asked_for_its_tag(monkeypatch):
    url = _put("tagged.jsonl", b"one\n")
    system = type(fsspec.filesystem("memory"))
    info = system.info
    monkeypatch.setattr(system, "info", lambda self, path: info(self, path) | {"ETag": '"5f1e"'})
    monkeypatch.setattr(system, "open", lambda *args, **options: pytest.fail("the file was read"))
    assert version_of(url) == "ETag:5f1e+4"


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ">f8"])
def test_rows_of_a_matrix_elsewhere(dtype):
    array = np.arange(70, dtype=np.float64).reshape(10, 7).astype(dtype)
    found = open_embeddings(_put("rows.npy", _npy(array)))
    assert isinstance(found, RemoteRows) and len(found) == 10 and found.shape == (10, 7)
    for rows in (slice(0, 10), slice(3, 5), slice(9, 20), slice(4, 4)):
        np.testing.assert_array_equal(found[rows], array[rows])
        assert found[rows].dtype == array.dtype


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no npy", "is no .npy file"),
        (_npy(np.zeros(3)), r"got shape \(3,\)"),
        (_npy(np.asfortranarray(np.ones((3, 2)))), "column by column"),
    ],
)
def test_what_is_no_matrix_is_refused(content, message):
    with pytest.raises(UsageError, match=message):
        open_embeddings(_put("bad.npy", content))


def test_a_folder_elsewhere_is_refused_where_only_one_here_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="must be a folder of this machine"):
        discover_sharded(["a"], "memory://run", settings=ShardedSettings(model="m"))
    assert not list(tmp_path.iterdir())


CHILD = """
import sys
from pathlib import Path
import numpy as np
from hf_relation.sharded.stages.splitting import split_file
from hf_relation.sharded.urls import RemoteRows, version_of

for name in ("rows.jsonl", "rows.npy"):
    print(version_of(f"hf://datasets/user/data/{name}"))
out = Path(sys.argv[1]) / "run/unfinished/out"
out.mkdir(parents=True)
split_file([], out, "0000", {"path": "hf://datasets/user/data/rows.jsonl", "shard_rows": 2, "plain_text": False})
print([path.read_text() for path in sorted(out.iterdir())])
print(RemoteRows("hf://datasets/user/data/rows.npy")[1:3].tolist())
try:
    version_of("hf://datasets/user/data/none.jsonl")
except Exception as error:
    print(type(error).__name__)
print([name for name in ("torch", "transformers") if name in sys.modules])
"""


def test_inputs_on_the_hub(tmp_path):
    with running_hub() as hub:
        _inputs_on(hub, tmp_path)


def _inputs_on(hub, tmp_path):
    files = {"rows.jsonl": b'{"a": 1}\n{"a": 2}\n{"a": 3}\n', "rows.npy": _npy(np.arange(8.0).reshape(4, 2))}
    hub.add("user/data", files, kind="dataset")
    (tmp_path / "child.py").write_text(CHILD)
    done = run_child([str(tmp_path / "child.py"), str(tmp_path)], environment(hub, tmp_path / "home"))
    first, second, parts, rows, missing, heavy = done.stdout.splitlines()
    # git's digest of a small file, and the sha256 of a large one
    content = files["rows.jsonl"]
    assert (
        first == f"blob_id:{hashlib.sha1(b'blob %d' % len(content) + bytes(1) + content).hexdigest()}+{len(content)}"
    )
    assert second == hashlib.sha256(files["rows.npy"]).hexdigest()
    assert parts == str(['{"a": 1}\n{"a": 2}\n', '{"a": 3}\n'])
    assert rows == "[[2.0, 3.0], [4.0, 5.0]]" and missing == "UsageError" and heavy == "[]"
