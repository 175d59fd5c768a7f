"""`pull`: a repository of the Hub as a local folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.data.atomic import atomic_folder
from hf_relation.discovery.state import read_state
from hf_relation.errors import CheckpointError


def pull(
    name: str,
    output: str | os.PathLike[str] | None = None,
    *,
    revision: str | None = None,
    token: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Get a checkpoint, an adapter, a saved discovery or extractor from the Hub.

    Only safetensors, JSON, tokenizer files and cards are downloaded, all of one revision; where the files carry checksums,
    these are verified. Afterwards the name works without network (`HF_HUB_OFFLINE=1`), and so does the folder.

    Args:
        name (`str`): `"user/name"`, or a shipped checkpoint.
        output (`str` or `PathLike`, *optional*): folder for a copy of the files; it appears whole or not at all. By default
            they stay in the cache.
        revision (`str`, *optional*): branch, tag or commit.
        token (`str`, *optional*): Hub token.
        overwrite (`bool`, defaults to `False`): replace an output folder that is not empty.

    Returns:
        `Path`: the folder.

    Raises:
        CheckpointError: there is no such checkpoint, the Hub did not give it, or its files are damaged.
        UsageError: the output folder is not empty, or cannot be made.
    """
    folder = checkpoint_folder(name, revision=revision, token=token)
    if not any((folder / file).is_file() for file in ("config.json", "adapter_config.json", "discovery.json")):
        raise CheckpointError(
            f"'{name}' is no model: it has neither config.json, nor adapter_config.json, nor discovery.json."
        )
    read_state(folder)
    if output is None:
        return folder
    with atomic_folder(output, overwrite=overwrite) as target:
        for file in sorted(folder.iterdir()):
            if file.is_file():  # links of the cache are followed
                shutil.copyfile(file, target / file.name)
    return Path(output)
