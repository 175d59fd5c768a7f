"""Turning nested backbone settings, which come from files and are untrusted, into an encoder config and an encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import logging

from hf_relation.errors import UsageError


logger = logging.get_logger(__name__)

T = TypeVar("T")

# Settings that name code, files or other repositories; none is needed to build an encoder from its sizes.
_NEVER = {"auto_map", "trust_remote_code", "custom_pipelines", "quantization_config", "name_or_path"}
# Saved by transformers with every config, harmless, and not part of the architecture: dropped without a word.
_QUIET = {
    "architectures",
    "dtype",
    "gradient_checkpointing",
    "id2label",
    "label2id",
    "output_attentions",
    "position_embedding_type",
    "torch_dtype",
    "transformers_version",
}
# No published encoder comes near; a file that asks for more must not reach an allocation.
LARGEST_SIZE = 10_000_000


def build_backbone_config(value: Mapping[str, Any] | PreTrainedConfig | None) -> PreTrainedConfig:
    """Build an encoder config from untrusted settings.

    Only keys that are fields of the config class of `model_type` are kept: keys that name code (`auto_map`,
    `trust_remote_code`) and private keys (`_...`) are dropped, other unknown keys are dropped with one warning.

    Args:
        value (`Mapping`, `PreTrainedConfig` or `None`): settings with a `model_type` that transformers knows; `None`
            means BERT with its default sizes.

    Returns:
        `PreTrainedConfig`: the encoder's config, holding no path of the machine it was made on.

    Raises:
        UsageError: `model_type` is missing or unknown, a size is beyond 10,000,000, or the settings are damaged.
        StrictDataclassError: transformers refuses a value, by its type for instance.

    Example:

    ```python
    >>> from hf_relation.models.backbone import build_backbone_config
    >>> config = build_backbone_config({"model_type": "bert", "hidden_size": 32, "auto_map": {"AutoModel": "x.Y"}})
    >>> config.hidden_size, hasattr(config, "auto_map")
    (32, False)

    ```
    """
    if value is None:
        value = {"model_type": "bert"}
    settings = value.to_dict() if isinstance(value, PreTrainedConfig) else dict(value)
    model_type = settings.pop("model_type", None)
    if not isinstance(model_type, str) or model_type not in CONFIG_MAPPING:
        raise UsageError(
            f"`backbone_config` needs the `model_type` of an encoder that transformers knows (e.g. 'bert', 'roberta', "
            f"'xlm-roberta'), got {model_type!r}."
        )
    config_class = CONFIG_MAPPING[model_type]
    fields = {field.name for field in dataclasses.fields(config_class)} | set(
        getattr(config_class, "attribute_map", {})
    )
    kept, unknown = {}, []
    for key, setting in settings.items():
        if key in _NEVER or key in _QUIET or key.startswith("_"):
            continue
        if key in fields:
            _check_size(key, setting)
            kept[key] = setting
        else:
            unknown.append(key)
    if unknown:
        logger.warning_once(f"Unknown settings in `backbone_config` were ignored: {', '.join(sorted(unknown))}.")
    config = damaged_settings(partial(config_class, **kept), f"`backbone_config` of a {model_type!r} encoder")
    config._name_or_path = ""
    return config


def damaged_settings(make: Callable[[], T], what: str) -> T:
    """Make a config out of settings from a file, and say so where they are damaged.

    Most values are checked by transformers, which says what is wrong with them; some it takes apart first and fails on.

    Args:
        make (`Callable`): makes the config.
        what (`str`): whose settings they are, for the message.

    Returns:
        What `make` gives.

    Raises:
        UsageError: the settings cannot be taken apart. Errors by which transformers refuses a value are left as they are.
    """
    try:
        return make()
    except UsageError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise UsageError(
            f"The settings in {what} are damaged: {str(error)[:200]} ({type(error).__name__}). Get or save the checkpoint again."
        ) from error


def _check_size(key: str, setting: Any) -> None:
    if isinstance(setting, int) and not isinstance(setting, bool) and abs(setting) > LARGEST_SIZE:
        raise UsageError(
            f"`backbone_config.{key}` is {setting}, beyond the largest size allowed ({LARGEST_SIZE}). "
            "The file is damaged or hostile; do not load it."
        )
