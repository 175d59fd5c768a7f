"""What a folder was begun with: inputs, settings and versions, compared when it is gone on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_relation.data.files import digest_of_file, read_json
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.sharded.manifest import FORMAT, json_bytes
from hf_relation.sharded.settings import ShardedSettings
from hf_relation.sharded.unfinished import UNFINISHED, remove_unfinished, write_whole
from hf_relation.sharded.urls import version_of
from hf_relation.sharded.versions import code_versions


RECORD = "manifest.json"


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Args:
        inputs (`list[dict]`): `path` and `sha256` of every input; of a URL what its file system says of its contents, such as `ETag:...`,
            where it does.
        embeddings (`list[dict]`, *optional*): the same of ready embeddings, one file for each input.
        settings (`dict`): of [`~hf_relation.sharded.ShardedSettings`].
        model (`dict[str, str]`): sha256 of the encoder's files, by name.
        versions (`dict[str, str]`): of the code.
        many_rows_dtype (`str`, *optional*): what `dtype="auto"` means for many rows: decided by the machine that begins the run, for all that
            go on with it.
    """

    inputs: list[dict[str, str]]
    embeddings: list[dict[str, str]] | None
    settings: dict[str, Any]
    model: dict[str, str]
    versions: dict[str, str]
    many_rows_dtype: str | None = None


def record_of(
    inputs: Sequence[Path | str],
    embeddings: Sequence[Path | str] | None,
    settings: ShardedSettings,
    model: Mapping[str, str],
    many_rows_dtype: str | None = None,
) -> RunRecord:
    """Look at the inputs of a run.

    Args:
        inputs (`Sequence` of `Path`, or `str` for a URL), embeddings (the same, *optional*): files.
        settings ([`~hf_relation.sharded.ShardedSettings`]): the settings.
        model (`Mapping[str, str]`): sha256 of the encoder's files.
        many_rows_dtype (`str`, *optional*): see [`RunRecord`].

    Returns:
        [`RunRecord`].

    Raises:
        UsageError: a file is not there.
    """
    return RunRecord(
        [_seen(path) for path in inputs],
        None if embeddings is None else [_seen(path) for path in embeddings],
        settings.to_dict(),
        dict(model),
        code_versions(),
        many_rows_dtype,
    )


def begin(workdir: Path, record: RunRecord, *, redo: bool) -> None:
    """Begin a run in a folder, or go on with the one that is there.

    Args:
        workdir (`Path`): the folder; made where missing.
        record ([`RunRecord`]): the run.
        redo (`bool`): go on although something was changed: what depends on it is made anew.

    Raises:
        UsageError: the folder holds something else, or was begun with other inputs, settings or versions; all are named.
        CheckpointError: what says so is damaged.
    """
    place = workdir / RECORD
    if workdir.exists() and not workdir.is_dir():
        raise UsageError(f"{workdir} is a file. Name a folder for the run.")
    remove_unfinished(workdir)
    if place.is_file():
        changes = _changes(_read(place), record)
        if changes and not redo:
            raise UsageError(
                f"{workdir} was begun otherwise: {'; '.join(changes)}. Give what it was begun with, name another folder, or ask to "
                'redo what depends on it (on_change="redo"; --redo on the command line).'
            )
        if not changes:
            return
    elif workdir.is_dir() and any(path.name != UNFINISHED for path in workdir.iterdir()):
        raise UsageError(f"{workdir} is not empty, and holds no sharded discovery ({RECORD}). Name another folder.")
    workdir.mkdir(parents=True, exist_ok=True)
    write_whole(workdir, place, json_bytes({"format": FORMAT, **record.__dict__}))


def read_record(workdir: Path) -> RunRecord:
    """What a folder was begun with.

    Args:
        workdir (`Path`): the folder of the run.

    Returns:
        [`RunRecord`].

    Raises:
        UsageError: no run was begun there.
        CheckpointError: what says so is damaged, or of a newer version.
    """
    place = workdir / RECORD
    if not place.is_file():
        raise UsageError(
            f"No sharded discovery was begun in {workdir}: there is no {RECORD}. Check the name of the folder."
        )
    return _read(place)


def check_versions(record: RunRecord) -> None:
    """Refuse to go on with a run on a machine that has other versions than the one where it was begun.

    Args:
        record ([`RunRecord`]): the run.

    Raises:
        UsageError: versions differ; all are named.
    """
    here = code_versions()
    differ = [
        f"{name} {here.get(name)}, not {found}" for name, found in record.versions.items() if here.get(name) != found
    ]
    if differ:
        raise UsageError(
            f"This machine has other versions than the one where the run was begun: {'; '.join(differ)}. Install the same on all."
        )


def _read(place: Path) -> RunRecord:
    try:
        content = read_json(place)
        if content.pop("format") > FORMAT:
            raise CheckpointError(f"{place} is of a newer version of hf_relation. Upgrade it, or name another folder.")
        return RunRecord(**content)
    except (InvalidRowError, AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{place} is damaged ({error}). Delete this file: what is done is checked by its own entries, and kept."
        ) from error


def _changes(old: RunRecord, new: RunRecord) -> list[str]:
    found = []
    for name in ("settings", "versions", "model"):
        before, after = getattr(old, name), _plain(getattr(new, name))
        found += [
            f"{key} {before.get(key)!r}, now {after.get(key)!r}"
            for key in sorted({*before, *after})
            if before.get(key) != after.get(key)
        ]
    for name in ("inputs", "embeddings"):
        before, after = getattr(old, name) or [], getattr(new, name) or []
        if len(before) != len(after):
            found.append(f"{len(before)} files of {name}, now {len(after)}")
            continue
        found += [
            f"{now['path']} has other contents" if was["path"] == now["path"] else f"{was['path']}, now {now['path']}"
            for was, now in zip(before, after, strict=True)
            if was != now
        ]
    return found


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _seen(path: Path | str) -> dict[str, str]:
    if isinstance(path, str):
        return {"path": path, "sha256": version_of(path)}
    if not path.is_file():
        raise UsageError(f"the file {path} does not exist. Check the path.")
    return {"path": str(path.absolute()), "sha256": digest_of_file(path)}
