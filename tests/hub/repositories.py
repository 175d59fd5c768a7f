"""Repositories of the local Hub, in memory: files, commits, branches and tags."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import yaml


# What the Hub's own .gitattributes keeps as large files, of the kinds that occur here.
LARGE_SUFFIXES = {".safetensors", ".bin", ".pt", ".npy", ".npz", ".parquet", ".arrow", ".gz", ".zip", ".png"}
LARGE_SIZE = 10 * 2**20
_ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in sorted(LARGE_SUFFIXES)).encode()


class HubError(Exception):
    """An answer that is no success, with the headers that clients choose their exception by."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})


@dataclass(frozen=True)
class Blob:
    """The content of a file."""

    data: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n".encode()
        )

    @property
    def git_oid(self) -> str:
        stored = self.pointer if self.large else self.data
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.git_oid

    def describe(self, path: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "oid": self.git_oid, "size": len(self.data)}
        if self.large:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        return entry


@dataclass(frozen=True)
class Commit:
    """All files at one moment."""

    files: dict[str, Blob]
    parent: str | None
    title: str
    date: str
    sha: str


@dataclass
class Repository:
    """A model, dataset or Space with its history."""

    kind: str  # "model", "dataset" or "space"
    name: str  # "user/repo"
    private: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.commit("main", {".gitattributes": Blob(_ATTRIBUTES, large=False)}, "initial commit")

    def at(self, revision: str) -> Commit:
        """The commit of a branch, a tag or a full sha."""
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        sha = self.branches.get(name) or self.tags.get(name) or name
        if sha not in self.commits:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[sha]

    def commit(self, branch: str, files: dict[str, Blob], title: str) -> Commit:
        parent = self.branches.get(branch)
        listing = "".join(f"{path} {blob.git_oid}\n" for path, blob in sorted(files.items()))
        sha = hashlib.sha1(
            f"{self.kind} {self.name} {parent} {len(self.commits)} {title}\n{listing}".encode()
        ).hexdigest()
        self.commits[sha] = Commit(files, parent, title, _now(), sha)
        self.branches[branch] = sha
        return self.commits[sha]

    def history(self, revision: str) -> list[Commit]:
        """Newest first."""
        found: list[Commit] = []
        sha: str | None = self.at(revision).sha
        while sha is not None:
            found.append(self.commits[sha])
            sha = self.commits[sha].parent
        return found

    def information(self, revision: str) -> dict[str, Any]:
        """What `/api/models/user/repo` answers."""
        commit = self.at(revision)
        card = card_data(commit.files["README.md"].data) if "README.md" in commit.files else {}
        siblings = [
            {
                "rfilename": path,
                "size": len(blob.data),
                "blobId": blob.git_oid,
                **(
                    {"lfs": {"sha256": blob.sha256, "size": len(blob.data), "pointerSize": len(blob.pointer)}}
                    if blob.large
                    else {}
                ),
            }
            for path, blob in sorted(commit.files.items())
        ]
        answer: dict[str, Any] = {
            "_id": hashlib.sha1(self.name.encode()).hexdigest()[:24],
            "id": self.name,
            "author": self.name.split("/")[0],
            "sha": commit.sha,
            "private": self.private,
            "gated": False,
            "disabled": False,
            "tags": card.get("tags", []),
            "downloads": 0,
            "likes": 0,
            "siblings": siblings,
            "cardData": card,
            "lastModified": commit.date,
            "createdAt": self.history(commit.sha)[-1].date,
        }
        if self.kind == "model":
            answer |= {"modelId": self.name}
            answer |= {key: card[key] for key in ("pipeline_tag", "library_name") if key in card}
        return answer

    def tree(self, revision: str, folder: str, recursive: bool) -> list[dict[str, Any]]:
        files = self.at(revision).files
        start = f"{folder}/" if folder else ""
        if folder and not any(path.startswith(start) for path in files):
            raise HubError(404, f"{folder} does not exist on {revision}", "EntryNotFound")
        entries: list[dict[str, Any]] = []
        folders: set[str] = set()
        for path, blob in sorted(files.items()):
            if not path.startswith(start):
                continue
            inside = PurePosixPath(path[len(start) :])
            for parent in list(inside.parents)[:-1]:
                if (recursive or len(parent.parts) == 1) and str(parent) not in folders:
                    folders.add(str(parent))
                    oid = hashlib.sha1(f"tree {start}{parent}".encode()).hexdigest()
                    entries.append({"type": "directory", "path": f"{start}{parent}", "oid": oid, "size": 0})
            if recursive or len(inside.parts) == 1:
                entries.append(blob.describe(path))
        return entries

    def references(self) -> dict[str, list[dict[str, str]]]:
        def described(names: dict[str, str], kind: str) -> list[dict[str, str]]:
            return [{"name": key, "ref": f"refs/{kind}/{key}", "targetCommit": sha} for key, sha in names.items()]

        return {
            "branches": described(self.branches, "heads"),
            "tags": described(self.tags, "tags"),
            "converts": [],
            "pullRequests": [],
        }


def is_large(path: str, size: int) -> bool:
    return PurePosixPath(path).suffix in LARGE_SUFFIXES or size > LARGE_SIZE


def card_data(readme: bytes) -> dict[str, Any]:
    """The YAML header of a README; empty where there is none.

    Raises:
        ValueError: the header is not valid YAML, or no mapping, or lacks what the Hub insists on.
    """
    text = readme.decode("utf-8").replace("\r\n", "\n")
    if not text.startswith("---\n"):
        return {}
    header, closing, _ = text[4:].partition("\n---\n") if "\n---\n" in text[4:] else text[4:].partition("\n---")
    if not closing:
        raise ValueError("the YAML header is not closed by ---")
    try:
        data = yaml.safe_load(header)
    except yaml.YAMLError as error:
        raise ValueError(f"the YAML header cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise ValueError("the YAML header must be a mapping")
    for model in data.get("model-index") or []:
        if not model.get("name"):
            raise ValueError("model-index: an entry has no name")
        for result in model.get("results", []):
            for path in (("task", "type"), ("dataset", "name"), ("dataset", "type")):
                if not isinstance(result.get(path[0], {}).get(path[1]), str):
                    raise ValueError(f"model-index: {'.'.join(path)} must be a string")
            for metric in result.get("metrics", []):
                if not isinstance(metric.get("type"), str) or "value" not in metric:
                    raise ValueError("model-index: a metric needs a type and a value")
    return data


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
