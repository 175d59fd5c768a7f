"""`discover_sharded`: files of instances to relations, in a folder that can be gone on with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from hf_relation.data.files import digest_of_file
from hf_relation.errors import UsageError
from hf_relation.sharded.devices import many_rows_dtype
from hf_relation.sharded.local import run_local
from hf_relation.sharded.manifest import FOLDER
from hf_relation.sharded.plan import ENTITIES, WHITENING
from hf_relation.sharded.result import ShardedResult
from hf_relation.sharded.run_record import RECORD, RunRecord, begin, read_record, record_of
from hf_relation.sharded.settings import ShardedSettings
from hf_relation.sharded.unfinished import write_whole
from hf_relation.sharded.urls import is_url


_LARGEST_POOL = 512


def discover_sharded(
    inputs: Sequence[str | os.PathLike[str]],
    workdir: str | os.PathLike[str],
    *,
    settings: ShardedSettings | None = None,
    embeddings: Sequence[str | os.PathLike[str]] | None = None,
    workers: int = 1,
    on_change: Literal["error", "redo"] = "error",
    progress: bool = False,
) -> ShardedResult:
    """Discover relations in files that need not fit into the memory.

    Shards of lines are read, embedded and assigned one by one; the steps and many centres are fitted on a sample; the centres are
    merged into relations. Killed at any moment and started again with the same arguments, it does only the shards that are not
    done. The result is the same to the last byte for the same inputs and settings, whatever the number of workers.

    A script that calls this with workers must do so under `if __name__ == "__main__":`, as they are started anew.

    Args:
        inputs (`Sequence` of paths): JSON lines of instances, documents or texts, or `.txt`; also as `.gz`. Ids are distinct over all.
            URLs of fsspec as well (`hf://datasets/...`, `s3://...`).
        workdir (`str` or `PathLike`): folder of the run; made where missing. It takes the embeddings and two copies of the texts.
        settings ([`~hf_relation.sharded.ShardedSettings`], *optional*): all else that decides the result;
            [`~hf_relation.sharded.ShardedSettings.from_pretrained`] gives those of a checkpoint.
        embeddings (`Sequence` of paths, *optional*): a `.npy` file of ready embeddings for each input, a row an instance.
        workers (`int`, defaults to 1): processes with one thread each; 0 does all in this process.
        on_change (`"error"` or `"redo"`): what to do where the folder was begun with other inputs, settings or versions: refuse, naming
            them, or make anew what depends on them.
        progress (`bool`, defaults to `False`): bars on stderr.

    Returns:
        [`~hf_relation.sharded.ShardedResult`].

    Raises:
        UsageError: an argument is out of range, a file is missing, or the folder was begun otherwise.
        ShardFailures: some shards failed, each with its reason; the others are done.
        HfRelationError: a worker was killed.

    Example:

    ```python
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from hf_relation.data import write_jsonl
    >>> from hf_relation.sharded import ShardedSettings, discover_sharded
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> row = {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> _ = write_jsonl(folder / "rows.jsonl", [row, row, row])
    >>> np.save(folder / "rows.npy", np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]], dtype=np.float32))
    >>> found = discover_sharded([folder / "rows.jsonl"], folder / "work", embeddings=[folder / "rows.npy"],
    ...                          settings=ShardedSettings(num_relations=2, shard_rows=2), workers=0)
    >>> found.labels().tolist(), [relation.size for relation in found.relations]
    ([0, 1, 0], [2, 1])

    ```
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or not 0 <= workers <= _LARGEST_POOL:
        raise UsageError(f"`workers` must be an integer from 0 to {_LARGEST_POOL}, got {workers!r}.")
    if is_url(workdir):
        raise UsageError(
            f"`workdir` is {os.fspath(workdir)}: here it must be a folder of this machine. Runs in a folder elsewhere are made by "
            "hf_relation.sharded.datatrove.sharded_executors."
        )
    folder = Path(workdir).absolute()
    record = prepare(inputs, folder, settings=settings, embeddings=embeddings, on_change=on_change)
    run_local(folder, record, workers=workers, progress=progress)
    return ShardedResult(folder, record)


def prepare(
    inputs: Sequence[str | os.PathLike[str]],
    folder: Path,
    *,
    settings: ShardedSettings | None,
    embeddings: Sequence[str | os.PathLike[str]] | None,
    on_change: str,
) -> RunRecord:
    """Check the arguments of a run, and begin it in its folder, or go on with the one that is there.

    Args:
        inputs, settings, embeddings, on_change: as for [`discover_sharded`].
        folder (`Path`): the folder of the run.

    Returns:
        [`~hf_relation.sharded.run_record.RunRecord`].

    Raises:
        UsageError: as [`discover_sharded`].
    """
    settings = ShardedSettings() if settings is None else settings
    files = _files(inputs, "inputs")
    ready = None if embeddings is None else _files(embeddings, "embeddings")
    if on_change not in ("error", "redo"):
        raise UsageError(f'`on_change` must be "error" or "redo", got {on_change!r}.')
    if ready is None and settings.model is None:
        raise UsageError("Name the encoder's checkpoint (`model` of the settings), or give ready `embeddings`.")
    if ready is not None and len(ready) != len(files):
        raise UsageError(f"`embeddings` must be one file for each input: {len(files)} inputs, {len(ready)} files.")
    if ready is not None and settings.skip_bad:
        raise UsageError("`skip_bad` would part rows from their ready embeddings. Repair the rows, or leave it out.")
    model = {} if settings.model is None else model_files(settings.model)
    model |= _entity_files(settings.text_options.get("entities"))
    whitening = _whitening(settings.model) if settings.whitening and settings.model is not None else None
    if whitening is not None:
        model[WHITENING] = hashlib.sha256(whitening).hexdigest()
    dtype = None  # what "auto" means for many rows
    if ready is None and settings.dtype == "auto":
        before = read_record(folder).many_rows_dtype if (folder / RECORD).is_file() else None
        dtype = before or many_rows_dtype(settings.device, settings.backend)
    record = record_of(files, ready, settings, model, dtype)
    begin(folder, record, redo=on_change == "redo")
    (folder / FOLDER).mkdir(exist_ok=True)
    if whitening is not None:
        (folder / WHITENING).parent.mkdir(exist_ok=True)
        write_whole(folder, folder / WHITENING, whitening)
    return record


def _files(paths: Sequence[str | os.PathLike[str]], name: str) -> list[Path | str]:
    if isinstance(paths, (str, os.PathLike)) or not paths:
        raise UsageError(f"`{name}` must be a list of at least one file, got {paths!r}.")
    return [os.fspath(path) if is_url(path) else Path(path) for path in paths]


def model_files(model: str) -> dict[str, str]:
    """sha256 of the files of a checkpoint, by name: of all that its encoder is made of."""
    from hf_relation.checkpoints import checkpoint_folder

    return _files_of(checkpoint_folder(model))


def _entity_files(source: object) -> dict[str, str]:
    if not isinstance(source, str):
        return {}
    path = Path(source.removeprefix("dictionary:"))
    if source.startswith("dictionary:"):
        return {f"{ENTITIES}dictionary": digest_of_file(path)} if path.is_file() else {}
    return {f"{ENTITIES}{name}": digest for name, digest in _files_of(path).items()} if path.is_dir() else {}


def _files_of(folder: Path) -> dict[str, str]:
    found = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".txt", ".model"))
    return {path.name: digest_of_file(path) for path in found}


def _whitening(model: str) -> bytes:
    from safetensors.numpy import save

    from hf_relation.checkpoints import checkpoint_folder
    from hf_relation.discovery.state import read_state
    from hf_relation.discovery.steps import whitening_state

    state = read_state(checkpoint_folder(model))
    if state is None or state.whitening is None:
        raise UsageError(
            f"No whitening is stored with {model}. Name a checkpoint that has one, or leave `whitening` out."
        )
    content: bytes = save(
        {key: np.ascontiguousarray(value) for key, value in whitening_state(state.whitening).items()}
    )
    return content
