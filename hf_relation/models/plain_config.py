"""Configs of other libraries' models, read from files that are not trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from hf_relation.beside_weights import read_folder_json
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.untrusted_settings import (
    UntrustedConfig,
    check_dtype,
    check_values,
    fields_of,
    names_code,
    without_code,
)
from hf_relation.models.weight_files import check_weight_files


# How files in a folder are opened: no code of it is run, and nothing is fetched.
LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def check_one_encoder(model_type: Any, where: str) -> type[PreTrainedConfig]:
    """The config class of a model that is not made of others, whose configs transformers would build and follow.

    Raises:
        UsageError: `model_type` is missing, unknown, or of a model made of others.
    """
    if not isinstance(model_type, str) or model_type not in CONFIG_MAPPING:
        raise UsageError(
            f"{where} needs the `model_type` of an encoder that transformers knows (e.g. 'bert', 'roberta', "
            f"'xlm-roberta'), got {model_type!r}."
        )
    config_class: type[PreTrainedConfig] = CONFIG_MAPPING[model_type]
    if config_class.sub_configs or fields_of(config_class).isdisjoint(("vocab_size", "num_hidden_layers")):
        raise UsageError(
            f"{where}: a {model_type!r} model is made of other models, or is none for texts. Take an encoder of texts, such as "
            "'bert', 'roberta' or 'modernbert'."
        )
    return config_class


def plain_config(settings: Mapping[str, Any], where: str = "config.json") -> PreTrainedConfig:
    """Build the config of an encoder from the content of its `config.json`, without what names code or other repositories.

    Unlike [`~hf_relation.models.backbone.build_backbone_config`] it understands what older versions of transformers wrote.

    Args:
        settings (`Mapping`): the content; untrusted.
        where (`str`): what to call it in messages.

    Returns:
        `PreTrainedConfig`.

    Raises:
        UsageError: `model_type` is missing, unknown or of a model made of several, or a value that no model has.

    Example:

    ```python
    >>> from hf_relation.models.plain_config import plain_config
    >>> config = plain_config({"model_type": "bert", "vocab_size": 30, "auto_map": {"AutoModel": "x.Y"}})
    >>> config.vocab_size, hasattr(config, "auto_map")
    (30, False)

    ```
    """
    config_class = check_one_encoder(settings.get("model_type"), where)
    kept = {key: without_code(value) for key, value in settings.items() if not names_code(key)}
    check_values(kept, where)
    for key in ("dtype", "torch_dtype"):
        check_dtype(key, kept.get(key))
    config: PreTrainedConfig = config_class.from_dict(kept)
    return config


def config_of_folder(folder: Path) -> PreTrainedConfig:
    """The config of a model in a folder, as [`plain_config`]; a model of this package has that of its own class.

    The weights are looked at as well: transformers loads them, with this config, as whole safetensors.

    Args:
        folder (`Path`): with `config.json` and weights; untrusted.

    Returns:
        `PreTrainedConfig`.

    Raises:
        CheckpointError: a file is missing or damaged, names other files or a model that cannot be loaded, or there are
            pickled weights only.
    """
    path = folder / "config.json"
    settings = read_folder_json(path)
    config_class = CONFIG_MAPPING[settings["model_type"]] if settings.get("model_type") in CONFIG_MAPPING else None
    check_weight_files(folder)
    try:
        if config_class is not None and issubclass(config_class, UntrustedConfig):
            own: PreTrainedConfig = config_class.from_dict(settings)
            return own
        return plain_config(settings, str(path))
    except (UsageError, TypeError, KeyError, AttributeError, StrictDataclassError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error} Get or save the checkpoint again.") from error
