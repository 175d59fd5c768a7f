"""Loading a model of transformers from a folder as safely as one of this package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import PreTrainedModel

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.plain_config import LOCAL
from hf_relation.models.safe_loading import SafeLoadingModel


def all_but_pooler(key: str) -> bool:
    """Whether a weight must be there: any but those of a pooler, which many encoders on the Hub lack."""
    return "pooler." not in key


def load_plain(
    folder: Path,
    auto_class: Any,
    config: Any,
    *,
    required: Callable[[str], bool] = all_but_pooler,
    prepare: Callable[[Any], None] | None = None,
    **settings: Any,
) -> PreTrainedModel:
    """Load a model of transformers: safetensors only, checked before anything is loaded, and no code of the folder.

    Args:
        folder (`Path`): with weights; untrusted.
        auto_class (`type`): a class of Auto models, or a model class.
        config (`PreTrainedConfig`): as [`~hf_relation.models.plain_config.config_of_folder`] reads it.
        required (`Callable`): tells of the name of a weight whether it must be there.
        prepare (`Callable`, *optional*): changes the model after it is made and before its weights are loaded.
        **settings: go to `from_pretrained`.

    Returns:
        `PreTrainedModel`: in eval mode.

    Raises:
        UsageError: `auto_class` has no model of this kind.
        CheckpointError: weights are missing, damaged or do not fit; with file and tensor.
    """
    model_class = model_class_of(auto_class, config)

    # Heads are cut between making the modules and loading their weights. A class of the same name, since transformers
    # chooses the loss by it; the model that is returned has its own class.
    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        model_class.__init__(self, *args, **kwargs)
        if prepare is not None:
            prepare(self)

    bases = (model_class,) if issubclass(model_class, SafeLoadingModel) else (SafeLoadingModel, model_class)
    careful: Any = type(model_class.__name__, bases, {"__init__": make, "__module__": model_class.__module__})
    settings |= {**LOCAL, "output_loading_info": True, "allow_missing_weights": True}
    try:
        model, report = careful.from_pretrained(folder, config=config, **settings)
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, SafetensorError) as error:
        raise CheckpointError(f"The weights in {folder} are damaged or do not fit: {error}") from error
    missing = sorted(key for key in report["missing_keys"] if required(key))
    if missing:
        raise CheckpointError(
            f"The weights in {folder} (model.safetensors) lack {len(missing)} tensors of the model, among them '{missing[0]}'."
        )
    model.__class__ = model_class
    loaded: PreTrainedModel = model
    return loaded


def model_class_of(auto_class: Any, config: Any) -> type[PreTrainedModel]:
    """The model class that an Auto class has for a config; a model class is returned as it is.

    Raises:
        UsageError: there is none.
    """
    if isinstance(auto_class, type) and issubclass(auto_class, PreTrainedModel):
        return auto_class
    mapping = getattr(auto_class, "_model_mapping", None)
    if mapping is None or type(config) not in mapping:
        raise UsageError(
            f"`auto_class` must be an Auto class that has a model for a {config.model_type!r} config, or a model class, got "
            f"{getattr(auto_class, '__name__', auto_class)}."
        )
    found = mapping[type(config)]
    chosen: type[PreTrainedModel] = found[0] if isinstance(found, (tuple, list)) else found
    return chosen
