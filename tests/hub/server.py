"""A small Hub on the loopback address, in memory, for tests that use the real clients."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.hub.repositories import Blob, HubError, Repository, card_data, is_large


Spoiled = Literal["cut", "short", "altered"]
_KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}


@dataclass(frozen=True)
class Request:
    """One request as it was answered."""

    method: str
    path: str
    status: int
    user: str | None


class LocalHub:
    """The state of the Hub, and its server.

    Two users may write, each in a namespace of the same name: `user` (token `hf_local`) and `other` (`hf_other`).

    Attributes:
        endpoint: what `HF_ENDPOINT` must be.
        repositories: by kind (`"model"`, `"dataset"`, `"space"`) and name (`"user/repo"`).
        requests: all that were answered, oldest first.
        spoiled: by file (`"user/repo/model.safetensors"`), how its download goes wrong: `"cut"` (the connection ends half
            way), `"short"` (half of the file, sent as if it were all), `"altered"` (one byte differs).
    """

    def __init__(self) -> None:
        self.tokens = {"hf_local": "user", "hf_other": "other"}
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.large_files: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.spoiled: dict[str, Spoiled] = {}
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        # To clients another host, as the one that stores the Hub's large files: they send no token there.
        self.storage = f"http://localhost:{port}"

    def stop(self) -> None:
        """From now on connections are refused."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def requests_for(self, part: str) -> list[Request]:
        return [request for request in self.requests if part in request.path]

    def repository(self, name: str, kind: str = "model") -> Repository:
        return self.repositories[kind, name]

    def files(self, name: str, kind: str = "model", revision: str = "main") -> dict[str, bytes]:
        """Content of all files by path."""
        return {path: blob.data for path, blob in self.repository(name, kind).at(revision).files.items()}

    def add(self, name: str, files: dict[str, bytes], *, kind: str = "model", private: bool = False) -> str:
        """Put files into a repository without a client, and return the commit."""
        with self.lock:
            repository = self.repositories.setdefault((kind, name), Repository(kind, name, private))
            blobs = {path: Blob(data, is_large(path, len(data))) for path, data in files.items()}
            self.large_files |= {blob.sha256: blob.data for blob in blobs.values() if blob.large}
            return repository.commit("main", repository.at("main").files | blobs, "added").sha


@contextmanager
def running_hub() -> Iterator[LocalHub]:
    """A fresh, empty Hub that stops at the end."""
    hub = LocalHub()
    try:
        yield hub
    finally:
        hub.stop()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body in one packet
    disable_nagle_algorithm = True
    timeout = 60
    hub: LocalHub

    def _serve(self) -> None:
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        self.user: str | None = None
        body = self._body()
        with self.hub.lock:
            try:
                self._identify()
                self._route(url.path, body)
            except HubError as error:
                self._json({"error": str(error)}, error.status, error.headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def _identify(self) -> None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return
        if scheme != "Bearer" or token not in self.hub.tokens:
            raise HubError(401, "Invalid credentials in Authorization header")
        self.user = self.hub.tokens[token]

    def _route(self, path: str, body: bytes) -> None:
        for methods, pattern, action in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and self.command in methods:
                action(self, body, **{key: unquote(value or "") for key, value in found.groupdict().items()})
                return
        raise HubError(404, f"No such page: {self.command} {path}")

    # Accounts and repositories

    def _who(self, body: bytes) -> None:
        if self.user is None:
            raise HubError(401, "Invalid username or password.")
        token = {"displayName": "tests", "role": "write"}
        self._json(
            {"type": "user", "name": self.user, "fullname": self.user, "orgs": [], "auth": {"accessToken": token}}
        )

    def _create(self, body: bytes) -> None:
        data = json.loads(body)
        name, kind = f"{data.get('organization') or self.user}/{data['name']}", data.get("type", "model")
        self._may_write(name)
        url = f"{self.hub.endpoint}/{'' if kind == 'model' else kind + 's/'}{name}"
        answer = {"url": url, "name": name, "id": name}
        if (kind, name) in self.hub.repositories:
            message = f"You already created this {kind} repo: {name}"
            self._json(answer | {"error": message}, 409, {"X-Error-Message": message})
            return
        private = data.get("visibility") == "private" or bool(data.get("private"))
        self.hub.repositories[kind, name] = Repository(kind, name, private)
        self._json(answer)

    def _delete(self, body: bytes) -> None:
        data = json.loads(body)
        repository = self._repository(
            data.get("type", "model") + "s", f"{data['organization']}/{data['name']}", write=True
        )
        del self.hub.repositories[repository.kind, repository.name]
        self._json({})

    def _validate(self, body: bytes) -> None:
        try:
            data = card_data(json.loads(body)["content"].encode())
        except ValueError as error:
            self._json({"warnings": [], "errors": [{"message": str(error)}]}, 400)
            return
        warnings = [] if data else [{"message": "empty or missing yaml metadata in repo card"}]
        self._json({"warnings": warnings, "errors": []})

    def _information(self, body: bytes, kinds: str, name: str, revision: str = "") -> None:
        self._json(self._repository(kinds, name).information(revision or "main"))

    def _references(self, body: bytes, kinds: str, name: str) -> None:
        self._json(self._repository(kinds, name).references())

    def _commits(self, body: bytes, kinds: str, name: str, revision: str) -> None:
        history = self._repository(kinds, name).history(revision)
        owner = [{"user": name.split("/")[0]}]
        self._json([{"id": c.sha, "title": c.title, "message": "", "date": c.date, "authors": owner} for c in history])

    def _tree(self, body: bytes, kinds: str, name: str, revision: str, folder: str) -> None:
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        self._json(self._repository(kinds, name).tree(revision, folder, recursive))

    def _paths(self, body: bytes, kinds: str, name: str, revision: str) -> None:
        data = parse_qs(body.decode()) if b"=" in body and not body.startswith(b"{") else json.loads(body)
        repository = self._repository(kinds, name)
        files = {path: blob.describe(path) for path, blob in repository.at(revision).files.items()}
        folders = {
            entry["path"]: entry for entry in repository.tree(revision, "", True) if entry["type"] == "directory"
        }
        self._json([(files | folders)[path] for path in data["paths"] if path in files | folders])

    def _branch(self, body: bytes, kinds: str, name: str, reference: str) -> None:
        repository = self._repository(kinds, name, write=True)
        self._change_reference(
            repository, repository.branches, reference, json.loads(body or b"{}").get("startingPoint")
        )

    def _tag(self, body: bytes, kinds: str, name: str, reference: str) -> None:
        repository = self._repository(kinds, name, write=True)
        tag = reference if self.command == "DELETE" else json.loads(body)["tag"]
        self._change_reference(repository, repository.tags, tag, reference)

    def _change_reference(self, repository: Repository, names: dict[str, str], key: str, start: str | None) -> None:
        if self.command == "DELETE":
            names.pop(key, None)
        elif key in names:
            raise HubError(409, f"Reference already exists: {key}")
        else:
            names[key] = repository.at(start or "main").sha
        self._json({})

    # Uploads

    def _before_upload(self, body: bytes, kinds: str, name: str, revision: str) -> None:
        present = self._repository(kinds, name, write=True).at(revision).files
        files = []
        for file in json.loads(body)["files"]:
            mode = "lfs" if is_large(file["path"], file["size"]) else "regular"
            entry = {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
            files.append(entry | ({"oid": present[file["path"]].etag} if file["path"] in present else {}))
        self._json({"files": files})

    def _large_batch(self, body: bytes, kinds: str | None, name: str) -> None:
        self._repository(kinds or "models", name, write=True)
        objects = []
        for entry in json.loads(body)["objects"]:
            answer = {"oid": entry["oid"], "size": entry["size"]}
            if entry["oid"] not in self.hub.large_files:
                href = f"{self.hub.storage}/upload/{entry['oid']}"
                answer["actions"] = {"upload": {"href": href, "header": {}}}
            objects.append(answer)
        self._json({"transfer": "basic", "objects": objects})

    def _upload(self, body: bytes, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise HubError(400, "The content is not what was announced")
        self.hub.large_files[oid] = body
        self._send(200)

    def _commit(self, body: bytes, kinds: str, name: str, revision: str) -> None:
        repository = self._repository(kinds, name, write=True)
        head = repository.at(revision)
        files, title = dict(head.files), ""
        if revision not in repository.branches or "create_pr" in self.query:
            raise HubError(400, "Commits go to branches only")
        for line in body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            if operation["key"] == "header":
                title = value["summary"]
                if value.get("parentCommit", head.sha) != head.sha:
                    raise HubError(412, "A commit has happened since. Please refresh and try again.")
            elif operation["key"] == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), large=False)
            elif operation["key"] == "lfsFile":
                if value["oid"] not in self.hub.large_files:
                    raise HubError(400, f"{value['path']} was not uploaded")
                files[value["path"]] = Blob(self.hub.large_files[value["oid"]], large=True)
            elif operation["key"] == "deletedFile":
                del files[value["path"]]
            elif operation["key"] == "deletedFolder":
                files = {path: blob for path, blob in files.items() if not path.startswith(value["path"] + "/")}
        try:
            card_data(files["README.md"].data if "README.md" in files else b"")
        except ValueError as error:
            raise HubError(400, f"Invalid metadata in README.md: {error}") from error
        sha = repository.commit(revision, files, title).sha
        url = f"{self.hub.endpoint}/{'' if kinds == 'models' else kinds + '/'}{name}/commit/{sha}"
        self._json({"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": "", "pullRequestUrl": None})

    # Downloads

    def _resolve(self, body: bytes, kinds: str | None, name: str, revision: str, file: str) -> None:
        commit = self._repository(kinds or "models", name).at(revision)
        if file not in commit.files:
            error = HubError(404, "Entry not found", "EntryNotFound")
            error.headers["X-Repo-Commit"] = commit.sha
            raise error
        blob = commit.files[file]
        headers = {"ETag": f'"{blob.etag}"', "X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
        if blob.large:
            headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.data))}
            headers["Location"] = f"{self.hub.storage}/large/{blob.sha256}?file={quote(f'{name}/{file}', safe='')}"
            self._send(302, headers=headers)
        else:
            self._send_file(f"{name}/{file}", blob.data, headers)

    def _large(self, body: bytes, oid: str) -> None:
        self._send_file(
            self.query["file"][0], self.hub.large_files[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"}
        )

    def _send_file(self, file: str, data: bytes, headers: dict[str, str]) -> None:
        spoiled = self.hub.spoiled.get(file) if self.command == "GET" else None
        if spoiled == "short":
            data = data[: len(data) // 2]
        elif spoiled == "altered":
            data = data[:-1] + bytes([data[-1] ^ 1])
        status, wanted = 200, re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if wanted and data:
            first, last = wanted.groups()
            start = int(first) if first else max(0, len(data) - int(last))
            end = min(int(last), len(data) - 1) if first and last else len(data) - 1
            if start > end:
                self._send(416, headers={"Content-Range": f"bytes */{len(data)}"})
                return
            headers = headers | {"Content-Range": f"bytes {start}-{end}/{len(data)}"}
            status, data = 206, data[start : end + 1]
        self._send(status, data, headers | {"Content-Type": "application/octet-stream"}, cut=spoiled == "cut")

    # Shared

    def _repository(self, kinds: str, name: str, *, write: bool = False) -> Repository:
        repository = self.hub.repositories.get((_KINDS[kinds], name))
        if write:
            self._may_write(name)
        if repository is None or (repository.private and self.user != name.split("/")[0]):
            # Who is not known learns nothing about what is private.
            raise HubError(404 if self.user else 401, "Repository not found", "RepoNotFound")
        return repository

    def _may_write(self, name: str) -> None:
        if self.user is None:
            raise HubError(401, "Invalid username or password.")
        if self.user != name.split("/")[0]:
            raise HubError(403, f"You don't have the rights to write to the namespace of {name}")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self, data: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(data).encode(), (headers or {}) | {"Content-Type": "application/json"})

    def _send(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, *, cut: bool = False
    ) -> None:
        self.hub.requests.append(Request(self.command, unquote(self.path), status, self.user))
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        self.close_connection = self.close_connection or cut

    def log_message(self, format: str, *args: Any) -> None:
        pass  # the log is LocalHub.requests


_API = r"/api/(?P<kinds>models|datasets|spaces)/(?P<name>[^/]+/[^/]+)"
_PAGE = r"/(?:(?P<kinds>datasets|spaces)/)?(?P<name>[^/]+/[^/]+)"
_ROUTES: list[tuple[tuple[str, ...], str, Callable[..., None]]] = [
    (("GET",), "/api/whoami-v2", _Handler._who),
    (("POST",), "/api/repos/create", _Handler._create),
    (("DELETE",), "/api/repos/delete", _Handler._delete),
    (("POST",), "/api/validate-yaml", _Handler._validate),
    (("GET", "HEAD"), _API + "(?:/revision/(?P<revision>[^/]+))?", _Handler._information),
    (("GET",), _API + "/refs", _Handler._references),
    (("GET",), _API + "/commits/(?P<revision>[^/]+)", _Handler._commits),
    (("GET",), _API + "/tree/(?P<revision>[^/]+)/?(?P<folder>.*)", _Handler._tree),
    (("POST",), _API + "/paths-info/(?P<revision>[^/]+)", _Handler._paths),
    (("POST", "DELETE"), _API + "/branch/(?P<reference>[^/]+)", _Handler._branch),
    (("POST", "DELETE"), _API + "/tag/(?P<reference>[^/]+)", _Handler._tag),
    (("POST",), _API + "/preupload/(?P<revision>[^/]+)", _Handler._before_upload),
    (("POST",), _API + "/commit/(?P<revision>[^/]+)", _Handler._commit),
    (("POST",), _PAGE + r"\.git/info/lfs/objects/batch", _Handler._large_batch),
    (("PUT",), "/upload/(?P<oid>[0-9a-f]{64})", _Handler._upload),
    (("GET", "HEAD"), "/large/(?P<oid>[0-9a-f]{64})", _Handler._large),
    (("GET", "HEAD"), _PAGE + "/resolve/(?P<revision>[^/]+)/(?P<file>.+)", _Handler._resolve),
]
