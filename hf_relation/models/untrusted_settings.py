"""Settings of models from files: what names code, files or other repositories, and values that no model has."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from transformers import PreTrainedConfig
from transformers.utils import logging

from hf_relation.errors import UsageError


logger = logging.get_logger(__name__)
T = TypeVar("T")

# No published encoder comes near; a file that asks for more must not reach an allocation.
LARGEST_SIZE = 10_000_000
# Settings that name code, files, packages or other repositories; none is needed to build a model from its sizes.
_NAMES_CODE = frozenset(
    """attn_implementation auto_map backbone backbone_kwargs base_model_name_or_path configuration_files custom_pipelines
    experts_implementation fusion_config kernel_config name_or_path quantization_config transformers_weights
    trust_remote_code use_kernels use_pretrained_backbone use_timm_backbone""".split()
)
# Saved by transformers with every config, harmless, and not part of the architecture: dropped without a word.
QUIET_SETTINGS = frozenset(
    """architectures dtype gradient_checkpointing id2label label2id output_attentions position_embedding_type torch_dtype
    transformers_version""".split()
)
# Written into every config by transformers' Trainer; encoders keep no cache.
_OF_TRAINERS = frozenset({"use_cache"})
# Read by transformers in every config.
_OF_EVERY_CONFIG = frozenset({"model_type", "output_attentions", "torch_dtype", "num_labels", "tie_word_embeddings"})


def names_code(key: Any) -> bool:
    """Whether a setting of this name can make transformers run code, open a file or ask the Hub; private ones count."""
    return not isinstance(key, str) or key.startswith("_") or key in _NAMES_CODE


def without_code(value: Any) -> Any:
    """A copy of nested settings without those of [`names_code`], at any depth.

    Example:

    ```python
    >>> from hf_relation.models.untrusted_settings import without_code
    >>> without_code({"rope": {"theta": 10.0, "auto_map": {"AutoModel": "x.Y"}}})
    {'rope': {'theta': 10.0}}

    ```
    """
    if isinstance(value, Mapping):
        # Numbers are keys of label names in configs that were not read from a file.
        return {key: without_code(part) for key, part in value.items() if isinstance(key, int) or not names_code(key)}
    return [without_code(part) for part in value] if isinstance(value, (list, tuple)) else value


def fields_of(config_class: type[PreTrainedConfig]) -> set[str]:
    """Names that a config class has fields for, other names of fields included."""
    fields = {field.name for field in dataclasses.fields(config_class)}
    return fields | set(getattr(config_class, "attribute_map", {}))


def check_values(value: Any, where: str) -> None:
    """Refuse numbers that no model has: beyond `LARGEST_SIZE`, or not finite; at any depth.

    Raises:
        UsageError: with the path of the setting.
    """
    if isinstance(value, Mapping):
        for key, part in value.items():
            check_values(part, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for place, part in enumerate(value):
            check_values(part, f"{where}[{place}]")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_SIZE and not _is_base(where):
        raise UsageError(
            f"`{where}` is {value}, beyond the largest size allowed ({LARGEST_SIZE}). "
            "The file is damaged or hostile; do not load it."
        )
    elif isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"`{where}` is {value}; a finite number is needed. The file is damaged or hostile.")


def _is_base(where: str) -> bool:
    return where.endswith("theta")  # of rotary embeddings: no size, and large where texts are long


def settings_from_file(config_class: type[PreTrainedConfig], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What of the settings in a file a config of this package takes.

    Args:
        config_class (`type`): a config class of this package.
        settings (`Mapping`): the content of `config.json`; untrusted.

    Returns:
        `dict`: fields of the class; what names code is dropped, any other unknown key too, with one warning.

    Raises:
        UsageError: a value that no model has.
    """
    fields = fields_of(config_class) | _OF_EVERY_CONFIG
    kept = {key: value for key, value in settings.items() if key in fields}
    unknown = sorted(str(key) for key in settings if key not in fields | _OF_TRAINERS and not names_code(key))
    if unknown:
        logger.warning_once(f"Unknown settings of {config_class.__name__} were ignored: {', '.join(unknown)}.")
    for key, value in kept.items():
        if key not in ("backbone_config", *QUIET_SETTINGS):  # the encoder's settings are checked by themselves
            check_values(value, key)
    for key in ("dtype", "torch_dtype"):
        check_dtype(key, kept.get(key))
    return kept


class UntrustedConfig(PreTrainedConfig):
    """A config whose file may hold anything: nothing in it names code, files or other repositories for transformers."""

    def __post_init__(self, **kwargs: Any) -> None:
        chosen = kwargs.pop("attn_implementation", None)
        names = chosen.values() if isinstance(chosen, Mapping) else (chosen,)
        if any(name is not None and (not isinstance(name, str) or "/" in name) for name in names):
            raise UsageError(
                f"`attn_implementation` must be a name such as 'sdpa' or 'eager', got {chosen!r}. A kernel of the Hub is "
                "asked for where the model is loaded: from_pretrained(..., attn_implementation=...)."
            )
        name_or_path = str(kwargs.get("name_or_path", ""))
        kwargs = {key: value for key, value in kwargs.items() if not names_code(key)}
        super().__post_init__(**kwargs, name_or_path=name_or_path, attn_implementation=chosen)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As `PreTrainedConfig.from_dict`, from settings in a file; what the caller adds is the caller's.

        Raises:
            UsageError: a value that no model has.
        """
        chosen = kwargs.pop("attn_implementation", None)
        made = super().from_dict(settings_from_file(cls, config_dict), **kwargs)
        if chosen is not None:
            (made[0] if isinstance(made, tuple) else made)._attn_implementation = chosen
        return made


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


def check_dtype(key: str, value: Any) -> None:
    """Refuse a name that is not one of a dtype: transformers would take any attribute of torch.

    Raises:
        UsageError: with the name of the setting.
    """
    name = value.removeprefix("torch.") if isinstance(value, str) else value
    if value is None or isinstance(value, (torch.dtype, Mapping)):
        return
    if not isinstance(name, str) or not isinstance(getattr(torch, name, None), torch.dtype):
        raise UsageError(f"`{key}` must be the name of a torch dtype such as 'float32' or null, got {value!r}.")
