"""The manifest: one small JSON file for every shard of every stage that is done, so that machines need no lock to share a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hf_relation.data.files import read_json
from hf_relation.errors import CheckpointError, InvalidRowError
from hf_relation.sharded.unfinished import write_whole


FORMAT = 1
FOLDER = "manifest"


@dataclass(frozen=True)
class Entry:
    """What the manifest says of one shard of a stage that is done.

    Args:
        stage (`str`), shard (`str`): which.
        rows (`int`): rows that went out.
        config (`str`): digest of stage, settings, versions and the contents of the inputs: of all that decides the outputs.
        settings (`dict`), versions (`dict`): what `config` was made of, to be read by people.
        inputs (`dict[str, str]`): sha256 by path in the folder.
        outputs (`dict[str, dict]`): `sha256` and `bytes` by path in the folder.
        counts (`dict`): what else the stage says of its shard.
    """

    stage: str
    shard: str
    rows: int
    config: str
    settings: dict[str, Any]
    versions: dict[str, str]
    inputs: dict[str, str]
    outputs: dict[str, dict[str, Any]]
    counts: dict[str, Any] = field(default_factory=dict)

    def output(self, suffix: str) -> str:
        """The path of the output that is called `SHARD` + `suffix`."""
        return f"{self.stage}/{self.shard}{suffix}"

    def digests(self, *suffixes: str) -> dict[str, str]:
        """sha256 by path of some outputs, as inputs of a later stage."""
        return {name: self.outputs[name]["sha256"] for name in map(self.output, suffixes)}


def write_entry(workdir: Path, entry: Entry) -> None:
    """Write an entry, whole or not at all; from then on its shard is done.

    Args:
        workdir (`Path`): the folder of the run.
        entry ([`Entry`]): what is done.
    """
    place = entry_path(workdir, entry.stage, entry.shard)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_whole(workdir, place, json_bytes({"format": FORMAT, **asdict(entry)}))


def read_entry(workdir: Path, stage: str, shard: str) -> Entry | None:
    """The entry of a shard.

    Args:
        workdir (`Path`): the folder of the run.
        stage (`str`), shard (`str`): which.

    Returns:
        [`Entry`] or `None` where the shard is not done.

    Raises:
        CheckpointError: the entry is damaged, or of a newer version.
    """
    place = entry_path(workdir, stage, shard)
    if not place.is_file():
        return None
    try:
        content = read_json(place)
        number = content.pop("format")
        if number > FORMAT:
            raise CheckpointError(f"{place} has format {number}; this version knows {FORMAT}. Upgrade hf_relation.")
        entry = Entry(**content)
        if (entry.stage, entry.shard) != (stage, shard) or not all(
            isinstance(output["sha256"], str) and isinstance(output["bytes"], int) for output in entry.outputs.values()
        ):
            raise ValueError("it does not fit its name")
        for name in entry.outputs:
            # These are paths to read, and with a folder at a URL to write: none may lead out of the stage's folder.
            folder, _, file = name.partition("/")
            if folder != stage or not file.startswith(shard) or "/" in file or "\\" in file:
                raise ValueError(f"it names the file {name!r}, which is not of its shard")
    except (InvalidRowError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{place} is damaged ({error}).") from error
    return entry


def entry_path(workdir: Path, stage: str, shard: str) -> Path:
    """Where the entry of a shard is."""
    return workdir / FOLDER / stage / f"{shard}.json"


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """JSON with keys in order."""
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False).encode("ascii") + b"\n"


def config_digest(content: Any) -> str:
    """A digest of JSON-able values that does not depend on the order of keys.

    Example:

    ```python
    >>> from hf_relation.sharded.manifest import config_digest
    >>> config_digest({"a": 1, "b": 2}) == config_digest({"b": 2, "a": 1})
    True

    ```
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
