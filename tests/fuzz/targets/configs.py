"""Settings of models from files: taken, or refused by an error of this package or of transformers' own checks."""

from __future__ import annotations

import json
import logging
from typing import Any

from huggingface_hub.errors import StrictDataclassError

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.backbone import build_backbone_config
from hf_relation.models.finecl import FineCLConfig
from hf_relation.models.kernel_re import KernelREConfig
from hf_relation.models.more import MOREConfig
from hf_relation.models.multitask import MultiTaskConfig
from hf_relation.models.pair_classification import PairClassificationConfig
from hf_relation.models.pair_config import EncoderConfig
from hf_relation.models.relation_cnn import RelationCNNConfig
from hf_relation.models.rocore import RoCOREConfig
from hf_relation.models.siamese_ure import SiameseUREConfig


logging.getLogger("transformers").setLevel(logging.CRITICAL)  # what is ignored is said, thousands of times

TYPED = (CheckpointError, UsageError, StrictDataclassError)
_SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 8,
    "vocab_size": 40,
}
_BERT = {"model_type": "bert", **_SIZES}
_FAMILIES: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "finecl": (
        FineCLConfig,
        {
            "id2label": {"0": "born_in", "1": "none"},
            "na_relation": "none",
            "alpha": 2.0,
            "last_epoch": 4,
            "late_from": 3,
            "never_weight": 0.5,
            "num_negatives": 8,
        },
    ),
    "kernel-re": (
        KernelREConfig,
        {
            "id2label": {"0": "born_in", "1": "founded_by"},
            "kernel_rank": 8,
            "entity_types": ["PER", "ORG"],
            "tagger_lstm_dim": 4,
        },
    ),
    "more": (
        MOREConfig,
        {"projection_dim": 8, "loss_kwargs": {"margin": 0.4}, "adversarial_kwargs": {"epsilon": 0.1}},
    ),
    "multitask": (
        MultiTaskConfig,
        {"tasks": {"a": {"kind": "tokens", "labels": ["O", "B-x"], "dropout": 0.2}, "b": {"kind": "regression"}}},
    ),
    "pair-classification": (
        PairClassificationConfig,
        {"id2label": {"0": "born_in"}, "kind": "single_label", "na_relation": "none", "hidden_dim": 4, "text": "mean"},
    ),
    "rocore": (
        RoCOREConfig,
        {"autoencoder_dims": [8, 8, 4], "num_known_relations": 3, "num_novel_relations": 2, "layer": 1},
    ),
    "siamese-ure": (
        SiameseUREConfig,
        {"projector_dims": [8, 8, 4], "predictor_dim": 4, "num_clusters": 3, "layer": -1},
    ),
    "relation-cnn": (
        RelationCNNConfig,
        {"vocab_size": 40, "hidden_size": 8, "word_vectors": "learned", "dropout": 0.1},
    ),
}
_BACKBONES = {
    "bert": _BERT,
    "roberta": {"model_type": "roberta", "pad_token_id": 1, "type_vocab_size": 1, **_SIZES},
    "xlm-roberta": {"model_type": "xlm-roberta", "pad_token_id": 1, **_SIZES},
    "distilbert": {
        "model_type": "distilbert",
        "dim": 16,
        "n_layers": 2,
        "n_heads": 4,
        "hidden_dim": 8,
        "vocab_size": 40,
    },
    "electra": {"model_type": "electra", "embedding_size": 8, **_SIZES},
    "modernbert": {"model_type": "modernbert", "global_attn_every_n_layers": 2, **_SIZES},
    "relation_cnn": {"model_type": "relation_cnn", "vocab_size": 40, "hidden_size": 8},
}


def _seed(family: str, backbone: dict[str, Any]) -> bytes:
    config_class, settings = _FAMILIES[family]
    content = {
        "model_type": config_class.model_type,
        **settings,
        "architectures": ["X"],
        "transformers_version": "5.0",
    }
    if issubclass(config_class, EncoderConfig):
        content |= {
            "backbone_config": backbone,
            "initializer_range": 0.02,
            "pruned_heads": {"0": [1]},
            "dtype": "float32",
        }
        if backbone["model_type"] == "relation_cnn":
            content["pruned_heads"] = None
    return json.dumps(content).encode("utf-8")


CONFIG_SEEDS = {f"config-{name}": [_seed(name, _BERT), _seed(name, _BACKBONES["roberta"])] for name in _FAMILIES} | {
    "backbone": [json.dumps(settings).encode("utf-8") for settings in _BACKBONES.values()]
}


def settings_of(content: bytes) -> dict[str, Any] | None:
    """The JSON object, or `None`: what transformers reads before it asks the class."""
    try:
        value = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def config(content: bytes, family: str) -> None:
    """A config is taken, and equal when it is written and read again; or it is refused by name."""
    settings = settings_of(content)
    if settings is None:
        return
    config_class = _FAMILIES[family][0]
    try:
        found = config_class.from_dict(settings)
    except TYPED as error:
        assert str(error)
        return
    assert type(found) is config_class
    if isinstance(found, EncoderConfig):
        _check_backbone(found.backbone_config)
        assert found.depth >= 0 and found.hidden_size > 0
    found.dtype = None  # transformers reads any word as one, and refuses some when they are written
    written = json.loads(found.to_json_string(use_diff=False))
    again = config_class.from_dict(written)
    assert json.loads(again.to_json_string(use_diff=False)) == written


def backbone(content: bytes) -> None:
    """The encoder's settings: no code, no path, no private keys."""
    settings = settings_of(content)
    if settings is None:
        return
    try:
        found = build_backbone_config(settings)
    except TYPED as error:
        assert str(error)
        return
    _check_backbone(found)


def _check_backbone(found: Any) -> None:
    written = found.to_dict()
    assert not {"auto_map", "trust_remote_code", "custom_pipelines", "quantization_config"} & set(written)
    assert not found._name_or_path
    json.dumps(written)


def _make(family: str) -> Any:
    return lambda content: config(content, family)


CONFIG_TARGETS = {f"config-{name}": _make(name) for name in _FAMILIES} | {"backbone": backbone}
