"""Which checkpoint is meant where none is named: by the environment, by the user's config file, else the shipped one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from hf_relation.data.files import parse_json, read_bytes
from hf_relation.errors import InvalidRowError, UsageError


DEFAULT_CHECKPOINT = "more-minilm-fewrel"
MODEL_VARIABLE = "HF_RELATION_MODEL"
REVISION_VARIABLE = "HF_RELATION_REVISION"
CONFIG_VARIABLE = "HF_RELATION_CONFIG"
_KEYS = ("model", "revision")


class DefaultModel(NamedTuple):
    """What [`default_model`] returns.

    Args:
        name (`str`): a shipped name, a folder, or a Hub id.
        revision (`str` or `None`): branch, tag or commit of a Hub id.
        source (`str`): what said so, for people to read.
    """

    name: str
    revision: str | None
    source: str


def config_file() -> Path:
    """The user's config file: `HF_RELATION_CONFIG`, else `hf_relation/config.json` in the user's config folder.

    That folder is `XDG_CONFIG_HOME`, else `~/.config`.

    Example:

    ```python
    >>> from hf_relation.default_model import config_file
    >>> config_file().name
    'config.json'

    ```
    """
    if os.environ.get(CONFIG_VARIABLE):
        return Path(os.environ[CONFIG_VARIABLE]).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "hf_relation" / "config.json"


def default_model() -> DefaultModel:
    """The checkpoint that is meant where an argument names none.

    An argument (`from_pretrained("user/repo")`, `pipeline(..., model="user/repo")`, `--model user/repo`) always wins. Without
    one, the first of these that is there says it:

    1. the environment variables `HF_RELATION_MODEL` and, for a Hub id, `HF_RELATION_REVISION`;
    2. `"model"` and `"revision"` in the config file (see [`config_file`]), for instance
       `{"model": "user/repo", "revision": "v1"}`;
    3. the shipped checkpoint.

    A revision belongs to the model that is named in the same place: it is not mixed with one from another.

    Returns:
        [`DefaultModel`].

    Raises:
        UsageError: the config file cannot be read, or holds something else; a folder in it is no absolute path; a revision stands
            there without a model.

    Example:

    ```python
    >>> from hf_relation.default_model import default_model
    >>> default_model()  # doctest: +SKIP
    DefaultModel(name='more-minilm-fewrel', revision=None, source='the shipped checkpoint')

    ```
    """
    name, revision = (os.environ.get(key) or None for key in (MODEL_VARIABLE, REVISION_VARIABLE))
    if name is not None:
        return DefaultModel(name, revision, f"the environment variable {MODEL_VARIABLE}")
    if revision is not None:
        raise UsageError(
            f"The environment variable {REVISION_VARIABLE} is set, but not {MODEL_VARIABLE}, whose revision it is. Set both or none."
        )
    path = config_file()
    if path.is_file():
        content = _read(path)
        if "model" in content:
            return DefaultModel(content["model"], content.get("revision"), f"the config file {path}")
    elif os.environ.get(CONFIG_VARIABLE):
        raise UsageError(f"There is no file {path}, which the environment variable {CONFIG_VARIABLE} names.")
    return DefaultModel(DEFAULT_CHECKPOINT, None, "the shipped checkpoint")


def _read(path: Path) -> dict[str, Any]:
    example = 'It may hold, for instance, {"model": "user/repo", "revision": "v1"}.'
    try:
        content = parse_json(read_bytes(path), what=str(path))
    except (InvalidRowError, OSError) as error:
        raise UsageError(f"The config file {path} cannot be read: {error} {example}") from error
    if not isinstance(content, dict):
        raise UsageError(f"The config file {path} must hold an object, got {type(content).__name__}. {example}")
    unknown = sorted(set(content) - set(_KEYS))
    if unknown:
        raise UsageError(f"The config file {path} holds '{unknown[0]}'; known are {' and '.join(_KEYS)}. {example}")
    for key, value in content.items():
        if not isinstance(value, str) or not value:
            raise UsageError(f"`{key}` in the config file {path} must be a string, got {value!r}. {example}")
    if "revision" in content and "model" not in content:
        raise UsageError(f"The config file {path} holds a `revision` without the `model` that it is of. {example}")
    if "model" in content:
        content["model"] = os.path.expanduser(content["model"])
        folder = content["model"]
        # Which folder a relative path means would depend on where the program is started.
        if folder.startswith(".") or (folder.count("/") > 1 and not os.path.isabs(folder)):
            raise UsageError(
                f"`model` in the config file {path} is the relative path {folder!r}; write it as an absolute one."
            )
    return dict(content)
