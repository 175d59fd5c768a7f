"""JSON files that stand beside the weights of a checkpoint: a format number, and checksums of what they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hf_relation.data.files import digest_of_file, parse_json
from hf_relation.errors import CheckpointError, InvalidRowError


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
