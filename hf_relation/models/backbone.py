"""Turning nested backbone settings, which come from files and are untrusted, into an encoder config and an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedConfig
from transformers.utils import logging

from hf_relation.errors import UsageError
from hf_relation.models.plain_config import check_one_encoder
from hf_relation.models.untrusted_settings import (
    LARGEST_SIZE,
    QUIET_SETTINGS,
    check_values,
    damaged_settings,
    fields_of,
    names_code,
    without_code,
)


logger = logging.get_logger(__name__)

__all__ = ["LARGEST_SIZE", "build_backbone_config"]

# More layers than any encoder has; each costs time and memory before a single weight is read.
_MOST_LAYERS = 1_000
# The largest table of embeddings that is made: 2.5 times that of a vocabulary of a million with 4,096 dimensions.
_LARGEST_TABLE = 10**10
# What a model above the encoder has to know of it.
_NEEDED = ("vocab_size", "hidden_size", "num_hidden_layers")


def build_backbone_config(value: Mapping[str, Any] | PreTrainedConfig | None) -> PreTrainedConfig:
    """Build an encoder config from untrusted settings.

    Only keys that are fields of the config class of `model_type` are kept, at every depth without keys that name code
    (`auto_map`, `trust_remote_code`) and private keys (`_...`); other unknown keys are dropped with one warning.

    Args:
        value (`Mapping`, `PreTrainedConfig` or `None`): settings with a `model_type` that transformers knows; `None`
            means BERT with its default sizes.

    Returns:
        `PreTrainedConfig`: the encoder's config, holding no path of the machine it was made on.

    Raises:
        UsageError: `model_type` is missing, unknown or that of a model made of several, a size is beyond 10,000,000, a
            number is not finite, or the settings are damaged.
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
    config_class = check_one_encoder(model_type, "`backbone_config`")
    fields = fields_of(config_class)
    if not fields.issuperset(_NEEDED):
        raise UsageError(
            f"`backbone_config`: a {model_type!r} model is no encoder of texts (with {', '.join(_NEEDED)}). Take an "
            "encoder such as 'bert', 'roberta' or 'modernbert'."
        )
    kept, unknown = {}, []
    for key, setting in settings.items():
        if names_code(key) or key in QUIET_SETTINGS:
            continue
        if key in fields:
            kept[key] = without_code(setting)
        else:
            unknown.append(str(key))
    if unknown:
        logger.warning_once(f"Unknown settings in `backbone_config` were ignored: {', '.join(sorted(unknown))}.")
    check_values(kept, "backbone_config")
    config = damaged_settings(lambda: config_class(**kept), f"`backbone_config` of a {model_type!r} encoder")
    config._name_or_path = ""
    _check_sizes(config)
    return config


def _check_sizes(config: PreTrainedConfig) -> None:
    layers, words, width = (getattr(config, name) for name in ("num_hidden_layers", "vocab_size", "hidden_size"))
    if isinstance(layers, int) and layers > _MOST_LAYERS:
        raise UsageError(f"`backbone_config.num_hidden_layers` is {layers}; at most {_MOST_LAYERS} are allowed.")
    if isinstance(words, int) and isinstance(width, int) and words * width > _LARGEST_TABLE:
        raise UsageError(
            f"`backbone_config` has a vocab_size of {words} and a hidden_size of {width}: a table beyond {_LARGEST_TABLE} "
            "numbers. The file is damaged or hostile; do not load it."
        )
