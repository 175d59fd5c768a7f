"""Folders of pruned models whose config has no place for pruned heads: a JSON file beside what transformers saves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn
from transformers import AutoModel, PreTrainedModel

from hf_relation.data.atomic import atomic_file, atomic_folder
from hf_relation.data.files import parse_json
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.models.head_selection import read_heads, stored_heads
from hf_relation.models.head_surgery import keeps_pruned_heads, prune_heads, pruned_heads
from hf_relation.models.model_heads import head_layout
from hf_relation.models.plain_config import config_of_folder


PRUNED_FILE = "pruned_heads.json"
_FORMAT = 1


def save_pruned(model: PreTrainedModel, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Save a model of another library, with or without pruned heads, so that [`load_pruned`] loads it.

    The folder holds what `model.save_pretrained` writes (the config with the unpruned sizes, the sliced weights as
    safetensors) and `pruned_heads.json`. It appears whole or not at all.

    Args:
        model (`PreTrainedModel`): any with a known head layout, but for those of this package, whose `save_pretrained` and
            `from_pretrained` are enough.
        folder (`str` or `PathLike`): where to.
        overwrite (`bool`, defaults to `False`): replace a folder that has something in it.

    Raises:
        UsageError: a model of this package, no known head layout, or a folder that is not empty.

    Example:

    ```python
    >>> import tempfile
    >>> from transformers import BertConfig, BertModel
    >>> from hf_relation.models.head_files import load_pruned, save_pruned
    >>> from hf_relation.models.head_surgery import prune_heads, pruned_heads
    >>> sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16}
    >>> model = BertModel(BertConfig(vocab_size=20, **sizes))
    >>> prune_heads(model, {0: [1, 3]})
    >>> folder = tempfile.mkdtemp() + "/pruned"
    >>> save_pruned(model, folder)
    >>> pruned_heads(load_pruned(folder))
    {0: [1, 3]}

    ```
    """
    if not isinstance(model, PreTrainedModel):
        raise UsageError(f"`model` must be a transformers model, got {type(model).__name__}.")
    if keeps_pruned_heads(model):
        raise UsageError(
            f"{type(model).__name__} saves its pruned heads with its config: use `save_pretrained` and `from_pretrained`."
        )
    head_layout(model)
    content = {"format_version": _FORMAT, "pruned_heads": stored_heads(pruned_heads(model))}
    with atomic_folder(folder, overwrite=overwrite) as target:
        model.save_pretrained(target)
        with atomic_file(target / PRUNED_FILE) as stream:
            stream.write(json.dumps(content, indent=2).encode("utf-8") + b"\n")


def load_pruned(folder: str | os.PathLike[str], auto_class: Any = AutoModel, **settings: Any) -> PreTrainedModel:
    """Load what [`save_pruned`] wrote, without the network: JSON and safetensors, and no code of the folder.

    Args:
        folder (`str` or `PathLike`): the folder.
        auto_class (`type`, defaults to `AutoModel`): a class of Auto models, such as `AutoModelForTokenClassification`, or
            a model class.
        **settings: go to `from_pretrained`: `dtype`, `attn_implementation`, `device_map` and so on.

    Returns:
        `PreTrainedModel`: with its heads pruned, in eval mode.

    Raises:
        UsageError: `folder` is no folder, or `auto_class` has no model of this kind.
        CheckpointError: a file is missing, damaged, from a newer version, or does not fit the others.
    """
    source = Path(folder)
    if not source.is_dir():
        raise UsageError(f"{source} is not a folder. Give the one that `save_pruned` wrote.")
    stored = _read(source / PRUNED_FILE)
    config = config_of_folder(source)
    text_config = config.get_text_config()
    sizes = {
        name: getattr(text_config, attribute, 0)
        for name, attribute in (("num_layers", "num_hidden_layers"), ("num_heads", "num_attention_heads"))
    }
    try:
        heads = read_heads(stored, **sizes, what=str(source / PRUNED_FILE))
    except UsageError as error:
        raise CheckpointError(str(error)) from error
    model_class = _model_class(auto_class, config)

    # Heads go between making the modules and loading their weights. A class of the same name, since transformers chooses
    # the loss by it; the model that is returned has its own class.
    def make(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        model_class.__init__(self, *args, **kwargs)
        prune_heads(self, heads)

    slicing = type(model_class.__name__, (model_class,), {"__init__": make, "__module__": model_class.__module__})
    always = {
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
        "output_loading_info": True,
    }
    try:
        model, report = slicing.from_pretrained(source, config=config, **(settings | always))  # type: ignore[attr-defined]
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"The weights in {source} are missing, damaged or do not fit {PRUNED_FILE}: {error}"
        ) from error
    model.__class__ = model_class
    path = f"{head_layout(model).layout.layers}."
    missing = sorted(key for key in report["missing_keys"] if f".{path}" in f".{key}")
    if missing:
        raise CheckpointError(
            f"The weights in {source} lack {len(missing)} tensors of the layers, {missing[0]} first."
        )
    loaded: PreTrainedModel = model
    return loaded


def _read(path: Path) -> Any:
    try:
        content = parse_json(path.read_bytes(), what=str(path))
    except (OSError, InvalidRowError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("format_version"), int):
        raise CheckpointError(f"{path} is damaged: it must be an object with `format_version` and `pruned_heads`.")
    if content["format_version"] > _FORMAT:
        raise CheckpointError(
            f"{path} has format {content['format_version']}, this version of hf_relation reads up to {_FORMAT}. Upgrade it."
        )
    return content.get("pruned_heads")


def _model_class(auto_class: Any, config: Any) -> type[PreTrainedModel]:
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
