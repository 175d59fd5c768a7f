"""What a run leaves behind for people: figures, settings and versions as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
from collections.abc import Mapping
from enum import Enum
from importlib.metadata import version
from typing import Any

from transformers import TrainingArguments

from hf_relation.data.atomic import atomic_file


_LIBRARIES = ("torch", "transformers", "datasets", "accelerate", "peft", "scikit-learn", "numpy")
_PLACES = ("_dir", "_file", "_path", "word_vectors")
_SECRET = ("_token",)
_SHOWING = {"disable_tqdm"}  # says nothing about the run, and its default depends on what was logged before


def library_versions() -> dict[str, str]:
    """Give the versions of Python, of this package and of the libraries that figures depend on.

    Example:

    ```python
    >>> from hf_relation.training import library_versions
    >>> sorted(library_versions())[:2]
    ['accelerate', 'datasets']

    ```
    """
    from hf_relation.version import __version__

    return {
        "python": platform.python_version(),
        "hf_relation": __version__,
        **{name: version(name) for name in _LIBRARIES},
    }


def changed_settings(*settings: Any) -> dict[str, Any]:
    """Give the fields of dataclasses that differ from their defaults.

    Names of files and folders are left out (they say nothing to others), and so are secrets such as the token of the Hub,
    progress bars and what is not JSON-able.

    Args:
        *settings (dataclass instances): arguments of a run; all their fields have defaults.

    Returns:
        `dict[str, Any]`: name of the field -> value.

    Example:

    ```python
    >>> from dataclasses import dataclass
    >>> from hf_relation.training import changed_settings
    >>> @dataclass
    ... class Settings:
    ...     rate: float = 0.1
    ...     steps: int = 5
    ...     data_dir: str = ""
    >>> changed_settings(Settings(steps=7, data_dir="somewhere"))
    {'steps': 7}

    ```
    """
    changed: dict[str, Any] = {}
    for each in settings:
        # Made like any other, the arguments of Trainer would forget which processes belong together.
        joined = {"accelerator_config": {"use_configured_state": True}} if isinstance(each, TrainingArguments) else {}
        usual = type(each)(**joined)
        for field in dataclasses.fields(each):
            value = getattr(each, field.name)
            plain = value.value if isinstance(value, Enum) else value
            if not field.init or field.name in _SHOWING or field.name.endswith(_PLACES + _SECRET):
                continue
            if value == getattr(usual, field.name):
                continue
            if plain is None or isinstance(plain, (str, int, float, bool, list, dict)):
                changed[field.name] = plain
    return changed


def finite_only(value: Any) -> Any:
    """Copy nested lists and dictionaries with numbers that JSON does not know (NaN, infinity) as text.

    Args:
        value (`Any`): for example the log history of a run.

    Returns:
        `Any`: the same, with `"nan"`, `"inf"` and `"-inf"` in the place of such numbers.

    Example:

    ```python
    >>> from hf_relation.training.results import finite_only
    >>> finite_only([{"grad_norm": float("inf"), "loss": 0.5}])
    [{'grad_norm': 'inf', 'loss': 0.5}]

    ```
    """
    if isinstance(value, dict):
        return {key: finite_only(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite_only(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all.

    Args:
        path (`str` or `PathLike`): the file; its folder exists.
        content (`Mapping`): JSON-able, without NaN or infinity.

    Raises:
        ValueError: a number is not finite.
        TypeError: a value is not JSON-able.
    """
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    with atomic_file(path) as stream:
        stream.write(text.encode("utf-8") + b"\n")
