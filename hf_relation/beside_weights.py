"""Files of a checkpoint that belong together: saved as one, and JSON beside the weights with a format number and checksums."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hf_relation.data.files import digest_of_file, parse_json
from hf_relation.data.replacing import fill_folder, finish_saving
from hf_relation.errors import CheckpointError, InvalidRowError


class SavedWhole:
    """Mixin in front of a model or processor class of transformers: a save that is killed leaves the old version or the new.

    `save_pretrained` of transformers writes its files one after another over those of an older version. With this mixin they
    take their places when all are written (see [`~hf_relation.data.replacing.fill_folder`]). What several processes save
    together, and what is pushed at once, is written as transformers does.
    """

    _last_file = "config.json"  # nothing loads the folder without it
    _read_while_saving = ("README.md",)  # a card that somebody wrote stays, and one of ours is renewed

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Any:
        """Save as transformers does, all files at once.

        Args:
            save_directory (`str` or `PathLike`): made where missing; other files in it are left alone.
            *args, **kwargs: those of the class of transformers, e.g. `max_shard_size`.

        Raises:
            UsageError: `save_directory` is a file.
        """
        save: Any = super().save_pretrained  # type: ignore[misc]
        given = inspect.signature(save).bind(save_directory, *args, **kwargs).arguments
        if given.get("push_to_hub") or not given.get("is_main_process", True) or _several_processes():
            return save(save_directory, *args, **kwargs)
        found: list[Any] = []

        def fill(work: Path) -> None:
            for name in self._read_while_saving:
                if Path(save_directory, name).is_file():
                    shutil.copyfile(Path(save_directory, name), work / name)
            written = save(str(work), *args, **kwargs)
            found.append([str(Path(save_directory, Path(file).name)) for file in written] if written else written)

        fill_folder(save_directory, fill, last=self._last_file)
        return found[0]

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load as transformers does; a save into that folder that was killed is completed first."""
        if pretrained_model_name_or_path is not None and Path(pretrained_model_name_or_path).is_dir():
            finish_saving(pretrained_model_name_or_path)
        return super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)  # type: ignore[misc]


def _several_processes() -> bool:
    torch = sys.modules.get("torch")
    distributed = None if torch is None else torch.distributed
    return distributed is not None and distributed.is_available() and distributed.is_initialized()


def read_folder_json(path: Path) -> dict[str, Any]:
    """Parse a JSON object beside weights, strictly.

    Raises:
        CheckpointError: it is missing, not UTF-8, not strict JSON, or no object.
    """
    try:
        content = parse_json(path.read_bytes(), what=str(path))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path} is missing or damaged: there is no such file. Get or save the checkpoint again."
        ) from error
    except InvalidRowError as error:
        raise CheckpointError(f"{path} is damaged: {error} Get or save the checkpoint again.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is damaged: it must hold an object. Get or save the checkpoint again.")
    return content


def read_versioned_json(path: Path, newest: int) -> dict[str, Any]:
    """Read a JSON object that says its format.

    Args:
        path (`Path`): the file; untrusted.
        newest (`int`): the newest `format_version` that this version of the package reads.

    Returns:
        `dict`: its content, `format_version` included.

    Raises:
        CheckpointError: the file is damaged, or from a newer version.
    """
    try:
        content = parse_json(path.read_bytes(), what=str(path))
    except InvalidRowError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise CheckpointError(f"{path} is damaged: it has no `format_version`.")
    if version > newest:
        raise CheckpointError(
            f"{path} has format {version}; this version of hf_relation reads up to {newest}. "
            "Upgrade: pip install -U hf_relation"
        )
    found: dict[str, Any] = content
    return found


def check_digests(path: Path, digests: Any, *, remedy: str) -> None:
    """Refuse a file whose neighbours are not those it was written with.

    Args:
        path (`Path`): the file that holds the checksums.
        digests: what stands there; should be file name -> sha256.
        remedy (`str`): what to do when a file differs, for the message.

    Raises:
        CheckpointError: a file is missing or differs, or the checksums are damaged.
    """
    if not isinstance(digests, dict):
        raise CheckpointError(f"{path} is damaged: `sha256` must be an object.")
    for name, expected in digests.items():
        file = path.parent / name
        if Path(name).name != name or not file.is_file():
            raise CheckpointError(f"{path} names the file '{name}', which is not in the folder.")
        if digest_of_file(file) != expected:
            raise CheckpointError(
                f"{file} is damaged or was changed after {path.name} was written (its sha256 differs). {remedy}"
            )
