"""The local Hub answers the real client as the Hub would."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.hub.children import environment, run_child
from tests.hub.server import LocalHub


CLIENT = """
import hashlib, os
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import *

def raises(kind, call):
    try:
        call()
    except kind as error:
        assert type(error) is kind, type(error)
        return str(error)
    raise AssertionError(kind)

api = HfApi()
assert api.whoami()["name"] == "user"
api.create_repo("user/a"); api.create_repo("user/a", exist_ok=True)
assert raises(HfHubHTTPError, lambda: api.create_repo("user/a")).startswith("Client error '409")
assert "403" in raises(HfHubHTTPError, lambda: api.create_repo("other/a"))
os.makedirs("up/sub dir"); big = os.urandom(100_000)
open("up/model.safetensors", "wb").write(big); open("up/sub dir/é.json", "w").write("{}"); open("up/empty.txt", "w")
first = api.upload_folder(repo_id="user/a", folder_path="up").oid
names = [".gitattributes", "empty.txt", "model.safetensors", "sub dir/é.json"]
assert sorted(api.list_repo_files("user/a")) == names
operations = [CommitOperationAdd("empty.txt", b"two"), CommitOperationDelete("sub dir/", is_folder=True)]
second = api.create_commit("user/a", operations, commit_message="change", parent_commit=first).oid
assert "412" in raises(HfHubHTTPError, lambda: api.create_commit("user/a", [CommitOperationAdd("x", b"x")], commit_message="late", parent_commit=first))
assert [c.commit_id for c in api.list_repo_commits("user/a")][:2] == [second, first]
api.create_tag("user/a", tag="v1", revision=first); api.create_branch("user/a", branch="x/y")
refs = api.list_repo_refs("user/a")
assert {r.name: r.target_commit for r in refs.branches} == {"main": second, "x/y": second}
assert {r.name: r.target_commit for r in refs.tags} == {"v1": first}
api.upload_file(path_or_fileobj=b"branch", path_in_repo="empty.txt", repo_id="user/a", revision="x/y")
read = lambda revision: open(hf_hub_download("user/a", "empty.txt", revision=revision)).read()
assert [read(r) for r in ("main", "v1", first, second, "x/y")] == ["two", "", "", "two", "branch"]
folder = snapshot_download("user/a", revision="v1")
assert open(folder + "/model.safetensors", "rb").read() == big and open(folder + "/sub dir/é.json").read() == "{}"
info = api.get_paths_info("user/a", ["model.safetensors", "sub dir", "nothing"], revision="v1")
assert [i.path for i in info] == ["model.safetensors", "sub dir"] and info[0].lfs.sha256 == hashlib.sha256(big).hexdigest()
with HfFileSystem().open("user/a/model.safetensors", block_size=1000) as stream:
    stream.seek(50_000); assert stream.read(10) == big[50_000:50_010]
    stream.seek(-5, 2); assert stream.read() == big[-5:]
assert HfFileSystem().ls("user/a@v1/sub dir", detail=False) == ["user/a@v1/sub dir/é.json"]

raises(RepositoryNotFoundError, lambda: api.model_info("user/none"))
raises(RevisionNotFoundError, lambda: api.model_info("user/a", revision="none"))
raises(RemoteEntryNotFoundError, lambda: hf_hub_download("user/a", "none"))
raises(RepositoryNotFoundError, lambda: api.dataset_info("user/a"))
assert "Invalid credentials" in raises(HfHubHTTPError, lambda: HfApi(token="hf_wrong").model_info("user/a"))
api.create_repo("user/secret", private=True)
assert api.model_info("user/secret").private
raises(RepositoryNotFoundError, lambda: HfApi(token=False).model_info("user/secret"))
raises(RepositoryNotFoundError, lambda: HfApi(token="hf_other").model_info("user/secret"))
assert HfApi(token=False).model_info("user/a").sha == second
card = b"---\\nmodel-index:\\n- name: x\\n  results: [{task: {type: t}, dataset: {name: d}}]\\n---\\n"
raises(ValueError, lambda: api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id="user/a"))
api.delete_tag("user/a", tag="v1"); api.delete_branch("user/a", branch="x/y"); api.delete_repo("user/secret")
raises(RepositoryNotFoundError, lambda: api.model_info("user/secret"))
"""

SPOILED = """
import hashlib
from huggingface_hub import hf_hub_download

for name in ("cut", "short", "altered"):
    try:
        data = open(hf_hub_download("user/a", name + ".safetensors"), "rb").read()
        print(name, len(data), hashlib.sha256(data).hexdigest())
    except Exception as error:
        print(name, type(error).__name__)
"""


def test_the_client_of_the_hub_gets_what_it_expects(hub: LocalHub, tmp_path: Path) -> None:
    run_child(CLIENT, environment(hub, tmp_path))
    assert {(kind, name) for kind, name in hub.repositories} == {("model", "user/a")}
    assert len([request for request in hub.requests_for("/upload/") if request.status == 200]) == 1
    assert {request.user for request in hub.requests} == {"user", "other", None}


def test_downloads_go_wrong_as_told(hub: LocalHub, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    hub.add("user/a", {f"{name}.safetensors": data for name in ("cut", "short", "altered")})
    hub.spoiled |= {f"user/a/{name}.safetensors": name for name in ("cut", "short", "altered")}
    lines = dict(line.split(" ", 1) for line in run_child(SPOILED, environment(hub, tmp_path)).stdout.splitlines())
    altered = data[:-1] + bytes([data[-1] ^ 1])
    assert lines == {
        "cut": "RemoteProtocolError",
        "short": "OSError",
        # The client compares no checksums.
        "altered": f"{len(data)} {hashlib.sha256(altered).hexdigest()}",
    }
