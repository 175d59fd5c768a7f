"""What `from_backbone` starts from: a plain encoder, or the encoder inside a saved model of this package."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub.errors import StrictDataclassError
from transformers import AutoModel, PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import cached_file

from hf_relation.errors import UsageError
from hf_relation.models.pair_config import EncoderConfig
from hf_relation.models.plain_config import plain_config


_BACKBONE = "backbone."


class BackboneSource(NamedTuple):
    """Where an encoder's weights are, and what they are.

    Args:
        config (`PreTrainedConfig`): the encoder's settings.
        pruned_heads (`dict[str, list[int]]`, *optional*): attention heads that the stored weights lack already.
        key_mapping (`dict[str, str]`, *optional*): what becomes of the names of the stored weights.
    """

    config: PreTrainedConfig
    pruned_heads: dict[str, list[int]] | None
    key_mapping: dict[str, str] | None


def read_source(settings: Mapping[str, Any], where: str) -> BackboneSource:
    """Say what a `config.json` describes, as the start of a new model.

    Args:
        settings (`Mapping`): its content; untrusted.
        where (`str`): what to call it in messages.

    Returns:
        [`BackboneSource`]: of a model of this package (FineCL, MORE, ...) its encoder alone, without what lies above.

    Raises:
        UsageError: the settings are of no encoder of texts, and of no model over one; or damaged.

    Example:

    ```python
    >>> from hf_relation.models.backbone_source import read_source
    >>> inside = {"model_type": "bert", "vocab_size": 30}
    >>> source = read_source({"model_type": "finecl", "backbone_config": inside}, "config.json")
    >>> source.config.model_type, source.config.vocab_size
    ('bert', 30)

    ```
    """
    model_type = settings.get("model_type")
    known = isinstance(model_type, str) and model_type in CONFIG_MAPPING
    config_class = CONFIG_MAPPING[model_type] if known else None
    if config_class is not None and issubclass(config_class, EncoderConfig):
        own = _checked(lambda: config_class.from_dict(dict(settings)), where)
        return BackboneSource(own.backbone_config, own.pruned_heads, None)
    config = _checked(lambda: plain_config(settings, where), where)
    return BackboneSource(config, None, _encoder_keys(config))


def _checked(make: Callable[[], Any], where: str) -> Any:
    try:
        return make()
    except StrictDataclassError as error:
        raise UsageError(f"{where} is damaged: {error} Get or save the checkpoint again.") from error


def refuse_adapter(name_or_path: str | Path, loading: Mapping[str, Any]) -> None:
    """Refuse a folder or repository with an adapter, which holds changes of weights and not the weights.

    Args:
        name_or_path (`str` or `Path`): folder or Hub id.
        loading (`Mapping`): where on the Hub, as `from_pretrained` takes it.

    Raises:
        UsageError: with what to do.
    """
    quiet = {
        "_raise_exceptions_for_missing_entries": False,
        "_raise_exceptions_for_gated_repo": False,
        "_raise_exceptions_for_connection_errors": False,
    }
    if cached_file(str(name_or_path), "adapter_config.json", **loading, **quiet) is not None:
        raise UsageError(
            f"{name_or_path} holds an adapter (adapter_config.json), and no whole weights to start from. Merge it first, with the "
            "model it belongs to: hf_relation.models.loading.load_model(folder) gives the merged model; save that and start from "
            "it."
        )


def _encoder_keys(config: PreTrainedConfig) -> dict[str, str] | None:
    """What becomes of the names of weights: a model with a head on the encoder, as most on the Hub are, has a prefix."""
    encoder_class = AutoModel._model_mapping.get(type(config), None)
    prefix = getattr(encoder_class, "base_model_prefix", "")
    return {rf"^{re.escape(prefix)}\.": _BACKBONE} if prefix else None
