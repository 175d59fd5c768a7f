"""Folders of pruned models whose config has no place for pruned heads: a JSON file beside what transformers saves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from transformers import AutoModel, PreTrainedModel

from hf_relation.data.atomic import atomic_file, atomic_folder
from hf_relation.data.files import parse_json
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.models.head_selection import read_heads, stored_heads
from hf_relation.models.head_surgery import keeps_pruned_heads, prune_heads, pruned_heads
from hf_relation.models.model_heads import head_layout
from hf_relation.models.plain_config import config_of_folder
from hf_relation.models.plain_loading import all_but_pooler, load_plain


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
    made: list[str] = []  # how the names of the encoder's weights begin; heads above it may be new

    def prepare(model: Any) -> None:
        prune_heads(model, heads)
        head_layout(model)
        made.append("" if model.base_model is model else f"{model.base_model_prefix}.")

    try:
        return load_plain(
            source,
            auto_class,
            config,
            required=lambda key: all_but_pooler(key) and key.startswith(made[0]),
            prepare=prepare,
            **settings,
        )
    except CheckpointError as error:
        raise CheckpointError(f"With the heads in {source / PRUNED_FILE} gone: {error}") from error


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
