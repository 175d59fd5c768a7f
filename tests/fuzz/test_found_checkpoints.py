"""What fuzzing found in settings and saved files: each once, as small as it could be made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import StrictDataclassError

from hf_relation.checkpoints import BASE_SHA256, merge
from hf_relation.discovery.relation import DiscoveredRelation
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.backbone import build_backbone_config
from hf_relation.models.loading import load_model
from hf_relation.models.more import MOREConfig, MOREModel
from hf_relation.models.relation_cnn import RelationCNNConfig
from hf_relation.models.rocore import RoCOREConfig
from hf_relation.models.siamese_ure import SiameseUREConfig


BERT = {"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 9}
HUGE = 10**400


def wrote(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode("utf-8"))
    return path


@pytest.mark.parametrize("model_type", [[], {}, ["bert"], None, 3])
def test_an_encoder_whose_kind_is_no_string_is_refused(model_type: Any) -> None:
    with pytest.raises(UsageError, match="needs the `model_type`"):
        build_backbone_config({"model_type": model_type})


@pytest.mark.parametrize(
    "changes",
    [
        {"id2label": {"a": "x"}},
        {"dtype": "float33"},
        {"architectures": json.loads("[" * 900 + "]" * 900)},
        {"initializer_range": float("inf")},
        {"initializer_range": HUGE},
        {"backbone_config": BERT | {"hidden_size": 0}},
        {"backbone_config": BERT | {"num_hidden_layers": -1}},
    ],
)
def test_damaged_settings_of_a_model_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        MOREConfig.from_dict({"model_type": "more", "backbone_config": BERT} | changes)


def test_damaged_settings_of_a_cnn_are_refused() -> None:
    with pytest.raises(UsageError, match="damaged"):
        RelationCNNConfig.from_dict({"id2label": {"a": "x"}})


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (RoCOREConfig, {"layer": 0.5}),
        (RoCOREConfig, {"autoencoder_dims": [8, "8", 4]}),
        (RoCOREConfig, {"autoencoder_dims": 4}),
        (SiameseUREConfig, {"layer": ["1"]}),
        (SiameseUREConfig, {"projector_dims": 4}),
        (SiameseUREConfig, {"num_clusters": 2.5}),
        (SiameseUREConfig, {"use_projection": "no"}),
    ],
)
def test_types_of_all_settings_are_checked(config: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(StrictDataclassError, match=next(iter(changes))):
        config.from_dict({"model_type": config.model_type, "backbone_config": BERT} | changes)
    assert config(backbone_config=BERT, layer=1).layer == 1  # whole numbers are numbers
    assert RoCOREConfig(backbone_config=BERT, sigma=2).sigma == 2


def test_empty_lists_of_pruned_heads_are_none_at_all() -> None:
    assert MOREConfig(backbone_config=BERT, pruned_heads={"0": []}).pruned_heads is None


def test_a_folder_whose_settings_have_another_form_is_a_damaged_checkpoint(tmp_path: Path) -> None:
    MOREModel(MOREConfig(backbone_config=BERT | {"intermediate_size": 8}, projection_dim=4)).save_pretrained(tmp_path)
    good = json.loads((tmp_path / "config.json").read_text())
    for changes in (
        {"projection_dim": "4"},
        {"id2label": 5},
        {"backbone_config": good["backbone_config"] | {"use_cache": [None]}},
    ):
        wrote(tmp_path, "config.json", good | changes)
        with pytest.raises(CheckpointError, match="cannot be loaded"):
            load_model(tmp_path)
    wrote(tmp_path, "config.json", good)
    load_model(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe{\x00}\x00",
        b"{",
        b"[]",
        b'{"a":' * 3000,
        {"format_version": [1]},
        {"prefix": 1},
        {"prefix": "\ud800"},
        {"prefix": None},
        {"added_tokens": None},
        {"added_tokens": {"a": []}},
        {"added_tokens": ["[E1]"]},
    ],
)
def test_a_damaged_description_of_a_shipped_checkpoint_is_refused(tmp_path: Path, content: Any) -> None:
    good = {"format_version": 1, "base_sha256": BASE_SHA256, "prefix": "encoder.", "added_tokens": []}
    wrote(tmp_path, "checkpoint.json", content if isinstance(content, bytes) else good | content)
    with pytest.raises(CheckpointError, match=r"checkpoint\.json"):
        merge(tmp_path, tmp_path, tmp_path)


RELATION = {
    "id": 0,
    "name": "met",
    "keywords": ["met"],
    "size": 2,
    "cohesion": 0.5,
    "examples": [{"id": "a", "score": 0.5}],
}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ["met"]},
        {"name": "\ud800"},
        {"keywords": "met"},
        {"keywords": [None]},
        {"size": "2"},
        {"size": -1},
        {"cohesion": HUGE},
        {"examples": [{"id": "a", "score": float("inf")}]},
        {"examples": [{"id": "a", "score": 0.5, "text": "a"}]},
        {"examples": [["a"]]},
        {"patterns": [{"pattern": "X met Y", "coverage": None, "lift": 1.0}]},
        {"signature": {"head": "A", "tail": "B", "share": "all"}},
        {"description": 3},
    ],
)
def test_fields_of_a_stored_relation_are_checked(changes: dict[str, Any]) -> None:
    assert DiscoveredRelation.from_dict(RELATION).name == "met"
    with pytest.raises(ValueError, match=f"`{next(iter(changes))}` of a relation"):
        DiscoveredRelation.from_dict(RELATION | changes)
