"""Folders of models: loaded whole, or refused as a damaged checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers.utils.logging import disable_progress_bar

from hf_relation.errors import CheckpointError
from hf_relation.models.loading import load_model
from hf_relation.models.more import MOREConfig, MOREModel
from tests.fuzz.targets.configs import settings_of
from tests.fuzz.targets.source import folder_of


logging.getLogger("transformers").setLevel(logging.CRITICAL)
disable_progress_bar()

_SIZES = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 12}


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@cache
def _folders() -> tuple[dict[str, bytes], dict[str, bytes], Path]:
    """Files of a model, files of an adapter to it, and the folder of the model, which the adapter names."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {"model_type": "bert", "max_position_embeddings": 16, **_SIZES}
    base = folder_of({}, "model-base")
    MOREModel(MOREConfig(backbone_config=settings, projection_dim=4)).save_pretrained(base)
    model: Any = MOREModel.from_pretrained(base)
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=["query", "value"]))
    made = folder_of({}, "adapter-made")
    adapted.save_pretrained(made)
    return _content(base), _content(made), base


def _load(folder: Path) -> None:
    try:
        model = load_model(folder)
    except CheckpointError as error:
        assert str(folder) in str(error)
        return
    with torch.no_grad():
        for parameter in model.parameters():
            assert parameter.device.type == "cpu"


def model_config(content: bytes) -> None:
    """`config.json` beside good weights."""
    if settings_of(content) is not None:
        _load(folder_of(_folders()[0] | {"config.json": content}, "model"))


def adapter_config(content: bytes) -> None:
    """`adapter_config.json` beside good weights of an adapter."""
    if settings_of(content) is not None:
        _, adapter, _ = _folders()
        _load(folder_of(adapter | {"adapter_config.json": content}, "adapter"))


MODEL_TARGETS: dict[str, Callable[[bytes], None]] = {"model-config": model_config, "adapter-config": adapter_config}


@cache
def model_seeds() -> dict[str, list[bytes]]:
    """The files as they are written."""
    model, adapter, _ = _folders()
    return {"model-config": [model["config.json"]], "adapter-config": [adapter["adapter_config.json"]]}
