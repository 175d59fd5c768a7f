"""Where a loaded model came from: a folder, or one commit on the Hub; there lie the files that belong to its weights."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.compat import hub_errors
from hf_relation.errors import CheckpointError


# Of the model, not of its config: a file must not be able to say where other files come from.
_ATTRIBUTE = "_hf_relation_origin"
_ADAPTER = "adapter_config.json"


@dataclass(frozen=True)
class ModelOrigin:
    """A folder, or a commit of a repository.

    Args:
        name (`str`): folder or Hub id.
        commit (`str`, *optional*): of the repository; `None` for a folder.
        cache_dir (`str`, *optional*): the cache it was loaded into.
        token (`str` or `bool`, *optional*): Hub token it was loaded with; not copied to other processes or into files.
    """

    name: str
    commit: str | None = None
    cache_dir: str | None = None
    token: str | bool | None = field(default=None, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return ModelOrigin, (self.name, self.commit, self.cache_dir)

    def __deepcopy__(self, memo: dict[int, Any]) -> ModelOrigin:
        return self


def find_origin(name: Any, loading: Mapping[str, Any]) -> tuple[ModelOrigin | None, str | None]:
    """Find out, before a model is loaded, where `from_pretrained` will load it from.

    Args:
        name (`str`, path or `None`): first argument of `from_pretrained`.
        loading (`Mapping`): its further arguments; `revision`, `token`, `cache_dir` and `adapter_kwargs` are read.

    Returns:
        `tuple`: the origin, and the revision to load. The revision is pinned to the commit of the origin, so that a branch that
        moves meanwhile changes nothing. The origin is that of the adapter where there is one, and `None` where the Hub cannot
        say what the revision is; loading will then fail and say why.
    """
    revision = loading.get("revision")
    adapter = loading.get("adapter_kwargs") or {}
    if "_adapter_model_path" in adapter:  # by AutoModel, which has replaced the name by that of the base model
        origin, _ = find_origin(adapter["_adapter_model_path"], {**loading, **adapter, "adapter_kwargs": None})
        return origin, revision
    if name is None:
        return None, revision
    if os.path.isdir(name):
        return ModelOrigin(str(name)), revision
    from huggingface_hub import resolve_revision

    where = {key: loading.get(key) for key in ("token", "cache_dir")}
    try:
        pinned = resolve_revision(
            str(name), revision=revision, local_files_only=bool(loading.get("local_files_only")), **where
        )
    except hub_errors():
        return None, revision
    return ModelOrigin(str(name), pinned.resolved, **where), pinned


def set_origin(model: Any, origin: ModelOrigin | None) -> None:
    """Note where a model came from; `None`: from nowhere that has more files for it."""
    setattr(model, _ATTRIBUTE, origin)


def folder_of_model(model: Any, needed: str, files: Sequence[str] = ()) -> Path | None:
    """The folder that a loaded model came from, with the given files of its checkpoint.

    Args:
        model (`PreTrainedModel`): as transformers loaded it, or made in memory.
        needed (`str`): the file that is wanted.
        files (`Sequence[str]`): patterns of files that are needed where there is that one. Of a Hub model all are fetched, at
            its commit.

    Returns:
        `Path` or `None`: none where the model came from no checkpoint, or from one on the Hub without `needed`; or where it has an
        adapter that came from elsewhere, as what was stored beside its base model does not hold for it.

    Raises:
        CheckpointError: the Hub did not give the files, or it cannot be asked (offline) and the cache does not know whether
            the checkpoint has `needed`.
    """
    folder = _folder_of_origin(model, needed, [*files, _ADAPTER]) if model.name_or_path else None
    if folder is not None and getattr(model, "peft_config", None) and not (folder / _ADAPTER).is_file():
        return None
    return folder


def _folder_of_origin(model: Any, needed: str, files: Sequence[str]) -> Path | None:
    origin: ModelOrigin | None = getattr(model, _ATTRIBUTE, None)
    if origin is None:
        return Path(model.name_or_path) if os.path.isdir(model.name_or_path) else None
    if origin.commit is None:
        return Path(origin.name)
    if not _has(origin, needed):
        return None
    return checkpoint_folder(
        origin.name, revision=origin.commit, token=origin.token, cache_dir=origin.cache_dir, files=(needed, *files)
    )


def _has(origin: ModelOrigin, file: str) -> bool:
    from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError

    where: dict[str, Any] = {"revision": origin.commit, "cache_dir": origin.cache_dir}
    found = try_to_load_from_cache(origin.name, file, **where)
    if found is not None:
        return found is not _CACHED_NO_EXIST
    try:
        hf_hub_download(origin.name, file, token=origin.token, **where)
    except RemoteEntryNotFoundError:
        return False
    except LocalEntryNotFoundError as error:
        raise CheckpointError(
            f"The Hub cannot be asked now whether '{origin.name}' has {file} at {origin.commit}, and the cache does not know: "
            f"{error} Load it once with network; or, for the bare model, load it from a folder."
        ) from error
    except hub_errors() as error:
        raise CheckpointError(f"The Hub did not give {file} of '{origin.name}' at {origin.commit}: {error}") from error
    return True
