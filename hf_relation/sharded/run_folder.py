"""The folder of a run for those who work in it: one of this machine (or shared), or one at a URL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hf_relation.data.files import digest_of_file
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.sharded.manifest import FOLDER, Entry, entry_path, read_entry
from hf_relation.sharded.plan import ONE, stage_tasks
from hf_relation.sharded.run_record import RECORD, RunRecord, read_record
from hf_relation.sharded.tasks import ShardTask, fault_of, run_task
from hf_relation.sharded.unfinished import remove_unfinished
from hf_relation.sharded.urls import file_system, is_url


class RunFolder:
    """A folder of this machine, or one that machines share.

    Args:
        path (`Path`): the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)

    def record(self) -> RunRecord:
        """What the run was begun with."""
        return read_record(self.path)

    def refresh(self) -> None:
        """Look anew at what is done."""

    def tasks(self, stage: str, record: RunRecord) -> list[ShardTask]:
        """As [`~hf_relation.sharded.plan.stage_tasks`]."""
        return stage_tasks(stage, self.path, record)

    def is_done(self, task: ShardTask) -> bool:
        """Whether the manifest says that a shard is done, as it is to be done now; its files are not looked at."""
        try:
            entry = read_entry(self.path, task.stage, task.shard)
        except CheckpointError:
            return False
        return entry is not None and entry.config == task.config

    def fault_of(self, task: ShardTask) -> str | None:
        """As [`~hf_relation.sharded.tasks.fault_of`]."""
        return fault_of(self.path, task)

    def run(self, task: ShardTask) -> Entry:
        """As [`~hf_relation.sharded.tasks.run_task`]."""
        return run_task(self.path, task)


class RemoteFolder(RunFolder):
    """A folder at a URL: what a shard reads is downloaded, the shard is done here, what it wrote is uploaded, its entry last.

    No file system has to rename for that: files without an entry do not count. Of outputs that are there only the size is looked at;
    their sha256 is checked when they are read.

    Args:
        url (`str`): the folder.
        scratch (`Path`): an empty folder of this machine.
    """

    def __init__(self, url: str, scratch: Path) -> None:
        super().__init__(scratch)
        self.name = url
        self._system, root = file_system(url)
        self._root = root.rstrip("/")
        self._seen: dict[str, str] = {}

    def record(self) -> RunRecord:
        if not self.holds_run():
            raise UsageError(f"No sharded discovery was begun in {self.name}: there is no {RECORD}. Check the URL.")
        return super().record()

    def holds_run(self) -> bool:
        """Whether a run was begun there."""
        if not (self.path / RECORD).is_file():
            self._system.invalidate_cache()
            try:
                self._download(RECORD)
            except FileNotFoundError:
                return False
        return True

    def refresh(self) -> None:
        """Download entries that are new or changed."""
        self._system.invalidate_cache()
        try:
            found = self._system.find(self._at(FOLDER), detail=True)
        except FileNotFoundError:
            found = {}
        skipped = len(self._root.rstrip("/")) + 1
        now = {path[skipped:]: repr(sorted(info.items())) for path, info in found.items() if path.endswith(".json")}
        for name in now:  # of whoever may write there
            parts = name.split("/")
            if len(parts) != 3 or {*parts} & {"", ".", ".."} or "\\" in name:
                raise CheckpointError(
                    f"{self.name} holds {name!r}, which no run writes. Remove it, or name another folder."
                )
        for name in self._seen.keys() - now.keys():
            (self.path / name).unlink(missing_ok=True)
        changed = [name for name, state in now.items() if self._seen.get(name) != state]
        contents = self._system.cat([self._at(name) for name in changed], on_error="omit") if changed else {}
        for path, content in contents.items():
            place = self.path / path[skipped:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        self._seen = now

    def tasks(self, stage: str, record: RunRecord) -> list[ShardTask]:
        try:
            return super().tasks(stage, record)
        except FileNotFoundError:  # why there is nothing to embed is told from what "read" wrote
            self.download("read")
            return super().tasks(stage, record)

    def fault_of(self, task: ShardTask) -> str | None:
        return fault_of(self.path, task, look=self._fault_of_file)

    def run(self, task: ShardTask) -> Entry:
        for name, digest in task.inputs.items():
            place = self.path / name
            if place.is_file() and digest_of_file(place) == digest:
                continue
            try:
                self._download(name)
            except FileNotFoundError:
                place.unlink(missing_ok=True)
            if not place.is_file() or digest_of_file(place) != digest:
                self._disown(name)
                raise CheckpointError(
                    f"{name} is missing or damaged: it is not what was written. Start again to have it made anew."
                )
        # The old entry would vouch for files that are about to be replaced.
        entry_name = entry_path(Path(), task.stage, task.shard).as_posix()
        self._remove(entry_name)
        entry = run_task(self.path, task)
        for name in entry.outputs:
            self.upload(name)
        self.upload(entry_name)
        for name in (*task.inputs, *entry.outputs):
            if not name.partition("/")[2].startswith(f"{ONE}."):  # those are read for every shard of a stage
                (self.path / name).unlink(missing_ok=True)
        return entry

    def upload(self, name: str) -> None:
        """Copy a file of the scratch folder into the folder of the run.

        Args:
            name (`str`): path in the folder.
        """
        self._system.makedirs(os.path.dirname(self._at(name)), exist_ok=True)
        self._system.put_file(str(self.path / name), self._at(name))

    def is_empty(self) -> bool:
        """Whether there is nothing at the URL."""
        self._system.invalidate_cache()
        try:
            return not self._system.ls(self._root, detail=False)
        except FileNotFoundError:
            return True

    def download(self, *folders: str) -> None:
        """Copy all that is done of some stages into the scratch folder.

        Args:
            folders (`str`): names of stages.
        """
        self.record()
        self.refresh()
        for path in (path for folder in folders for path in (self.path / FOLDER / folder).glob("*.json")):
            entry = read_entry(self.path, path.parent.name, path.stem)
            for name, output in ({} if entry is None else entry.outputs).items():
                self._download(name)
                if digest_of_file(self.path / name) != output["sha256"]:
                    raise CheckpointError(
                        f"{name} of {self.name} is damaged: it is not what was written. Run it again."
                    )

    def _download(self, name: str) -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        self._system.get_file(self._at(name), str(place))

    def _remove(self, name: str) -> None:
        try:
            self._system.rm_file(self._at(name))
        except FileNotFoundError:
            pass

    def _disown(self, name: str) -> None:
        """Remove the entry that vouches for a file, so that it is made anew."""
        for path in (self.path / FOLDER / name.partition("/")[0]).glob("*.json"):
            entry = read_entry(self.path, path.parent.name, path.stem)
            if entry is not None and name in entry.outputs:
                self._remove(path.relative_to(self.path).as_posix())

    def _fault_of_file(self, workdir: Path, name: str, output: Mapping[str, Any]) -> str | None:
        try:
            size = self._system.info(self._at(name))["size"]
        except FileNotFoundError:
            return f"{name} is missing"
        return None if size == output["bytes"] else f"{name} is damaged: it is not what was written"

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"


@contextmanager
def open_folder(workdir: str | os.PathLike[str]) -> Iterator[RunFolder]:
    """The folder of a run.

    Args:
        workdir (`str` or `PathLike`): a path, or a URL of fsspec.

    Returns:
        Context manager giving a [`RunFolder`]; with a URL it holds a temporary folder.
    """
    if is_url(workdir):
        with tempfile.TemporaryDirectory(prefix="hf_relation-") as scratch:
            yield RemoteFolder(os.fspath(workdir), Path(scratch))
        return
    folder = Path(workdir).absolute()
    remove_unfinished(folder)
    yield RunFolder(folder)
