"""Rows 28 and 29: config files that are no strict JSON, or ask for sizes and numbers that no model has."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, ModernBertConfig, PreTrainedModel, pipeline

from hf_relation import RelationDiscovery
from hf_relation.errors import CheckpointError, HfRelationError, UsageError
from hf_relation.models.loading import load_model
from hf_relation.models.more import MOREConfig, MOREModel
from hf_relation.models.plain_config import plain_config
from hf_relation.models.rocore import RoCOREModel
from hf_relation.models.untrusted_settings import settings_from_file, without_code
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_models import (
    tiny_finecl,
    tiny_kernel_re,
    tiny_more_cnn,
    tiny_multitask,
    tiny_pair_classification,
    tiny_rocore,
    tiny_siamese_ure,
)
from tests.common.tiny_runs import save_tiny_encoder
from tests.common.tiny_tokenizers import sample_instances
from tests.security.poison import copied


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clean")
    save_tiny_checkpoint(root / "more")
    makers = (tiny_rocore, tiny_siamese_ure, tiny_kernel_re, tiny_multitask, tiny_more_cnn)
    for make in (*makers, tiny_finecl, tiny_pair_classification):
        make()[0].save_pretrained(root / make.__name__.removeprefix("tiny_"))
    save_tiny_encoder(root / "bert")
    return root


def edited(folder: Path, target: Path, **changes: Any) -> Path:
    """A copy with other settings; `part__name` is one of the encoder's."""
    copied(folder, target)
    config = json.loads((target / "config.json").read_text())
    for key, value in changes.items():
        *parts, name = key.split("__")
        place = config
        for part in parts:
            place = place[part]
        place[name] = value
    (target / "config.json").write_text(json.dumps(config))
    return target


BAD_JSON: dict[str, Callable[[str], bytes]] = {
    "not UTF-8": lambda text: text.encode("utf-16"),
    "NaN": lambda text: text.replace('"initializer_range": 0.02', '"initializer_range": NaN').encode(),
    "a key twice": lambda text: text.replace("{", '{"layer": 0,', 1).encode(),
    "deep": lambda text: b"[" * 5_000_000,
    "deep inside": lambda text: text.replace("{", '{"extra": ' + "[" * 200_000 + "]" * 200_000 + ",", 1).encode(),
    "cut off": lambda text: text[:-20].encode(),
    "a list": lambda text: b"[]",
    "no bytes": lambda text: b"",
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_fault_29_a_config_that_is_no_strict_json_is_named(name: str, clean: Path, tmp_path: Path) -> None:
    folder = copied(clean / "more", tmp_path / "more")
    path = folder / "config.json"
    path.write_bytes(BAD_JSON[name](path.read_text()))
    for load in (
        load_model,
        MOREModel.from_pretrained,
        lambda folder: RelationDiscovery.from_pretrained(folder).fit(sample_instances(20)),
    ):
        with pytest.raises(CheckpointError, match=re.escape(str(path))):
            load(folder)


@pytest.mark.parametrize("name", BAD_JSON)
def test_fault_29_auto_classes_and_pipelines_refuse_it_in_their_own_words(
    name: str, clean: Path, tmp_path: Path
) -> None:
    folder = copied(clean / "more", tmp_path / "more")
    path = folder / "config.json"
    path.write_bytes(BAD_JSON[name](path.read_text()))
    # transformers reads the file before this package is asked
    for load in (AutoModel.from_pretrained, lambda folder: pipeline("open-relation-discovery", str(folder))):
        with pytest.raises((OSError, ValueError, RecursionError, TypeError, AttributeError)) as caught:
            load(folder)
        if name in ("a key twice", "NaN"):
            assert "CheckpointError" in repr(caught.value) + str(caught.value) or isinstance(caught.value, UsageError)


HUGE: list[tuple[str, dict[str, Any], str]] = [
    ("more", {"projection_dim": 10**12}, "projection_dim"),
    ("more", {"layer": 10**12}, "layer"),
    ("more", {"loss_kwargs": {"alpha": [10**12]}}, "loss_kwargs"),
    ("more", {"backbone_config__hidden_size": 10**12}, "hidden_size"),
    ("more", {"backbone_config__intermediate_size": 10**12}, "intermediate_size"),
    ("more", {"backbone_config__num_hidden_layers": 10**6}, "num_hidden_layers"),
    ("more", {"backbone_config__vocab_size": 9 * 10**6, "backbone_config__hidden_size": 9 * 10**6}, "vocab_size"),
    ("more", {"backbone_config__layer_norm_eps": float("nan")}, "layer_norm_eps|NaN is not JSON"),
    ("more", {"initializer_range": float("inf")}, "initializer_range|Infinity is not JSON"),
    ("more", {"dtype": "load"}, "dtype"),
    ("rocore", {"autoencoder_dims": [10**12]}, "autoencoder_dims"),
    ("rocore", {"num_novel_relations": 10**12}, "num_novel_relations"),
    ("siamese_ure", {"projector_dims": [10**12] * 3}, "projector_dims"),
    ("siamese_ure", {"num_clusters": 10**12}, "num_clusters"),
    ("kernel_re", {"kernel_rank": 10**12}, "kernel_rank"),
    ("kernel_re", {"tagger_lstm_dim": 10**12}, "tagger_lstm_dim"),
    ("finecl", {"num_negatives": 10**12}, "num_negatives"),
    ("finecl", {"alpha": float("nan")}, "alpha|NaN is not JSON"),
    ("finecl", {"backbone_config__vocab_size": 10**12}, "vocab_size"),
    ("pair_classification", {"hidden_dim": 10**12}, "hidden_dim"),
    ("pair_classification", {"dropout": float("inf")}, "dropout|Infinity is not JSON"),
    ("multitask", {"head_dropout": float("nan")}, "head_dropout|NaN is not JSON"),
    ("more_cnn", {"backbone_config__kernel_size": 10**12}, "kernel_size"),
    ("more_cnn", {"backbone_config__max_distance": 10**12}, "max_distance"),
]


@pytest.mark.parametrize(("kind", "changes", "named"), HUGE, ids=[f"{kind} {named}" for kind, _, named in HUGE])
def test_fault_28_sizes_and_numbers_that_no_model_has(
    kind: str, changes: dict[str, Any], named: str, clean: Path, tmp_path: Path
) -> None:
    folder = edited(clean / kind, tmp_path / kind, **changes)
    for load in (AutoConfig.from_pretrained, AutoModel.from_pretrained, load_model):
        with pytest.raises(HfRelationError, match=named):
            load(folder)


@pytest.mark.parametrize(
    ("kind", "changes", "named"),
    [
        (
            "more",
            {"backbone_config__intermediate_size": 9 * 10**6, "backbone_config__hidden_size": 9 * 10**4},
            "shape",
        ),
        ("more", {"backbone_config__num_hidden_layers": 1000, "backbone_config__intermediate_size": 10**7}, "shape"),
        ("rocore", {"autoencoder_dims": [10**7, 10**7, 16]}, "shape"),
        ("siamese_ure", {"projector_dims": [10**7, 10**7, 10**7]}, "shape"),
        ("more_cnn", {"backbone_config__word_embedding_dim": 10**7, "backbone_config__vocab_size": 10**3}, "shape"),
        ("pair_classification", {"combination": "bilinear", "hidden_dim": 10**6}, "shape"),
    ],
)
def test_fault_28_products_of_allowed_sizes_take_no_memory(
    kind: str, changes: dict[str, Any], named: str, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocate(*_: Any, **__: Any) -> None:
        raise AssertionError("memory was taken before the check")

    monkeypatch.setattr(PreTrainedModel, "_load_pretrained_model", allocate)
    folder = edited(clean / kind, tmp_path / kind, **changes)
    for load in (AutoModel.from_pretrained, load_model):
        with pytest.raises(CheckpointError, match=named) as caught:
            load(folder)
        assert "model.safetensors" in str(caught.value)


def test_fault_28_missing_weights_that_would_be_huge_take_no_memory(clean: Path, tmp_path: Path) -> None:
    folder = edited(clean / "bert", tmp_path / "bert", intermediate_size=10**7, num_hidden_layers=900)
    with pytest.raises(CheckpointError, match="shape"):
        MOREModel.from_backbone(folder)
    other = edited(clean / "bert", tmp_path / "other", num_hidden_layers=900, hidden_size=32 * 10**4)
    for file in other.glob("*.safetensors"):
        from safetensors.torch import save_file

        save_file({"of.nobody": torch.zeros(3)}, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"holds 3 numbers; config.json asks for [\d,]+ more"):
        MOREModel.from_backbone(other)


@pytest.mark.parametrize("value", ["evil/kernel", {"": "evil/kernel"}, {"backbone_config": "evil/kernel"}, 3])
def test_fault_28_a_kernel_of_the_hub_is_no_setting_of_a_config(value: Any) -> None:
    with pytest.raises(UsageError, match="attn_implementation"):
        MOREConfig(backbone_config={"model_type": "bert"}, attn_implementation=value)


def test_an_attention_that_the_caller_asks_for_is_used(clean: Path) -> None:
    for asked in ("eager", {"": "sdpa", "backbone_config": "eager"}):
        config = AutoConfig.from_pretrained(clean / "more", attn_implementation=asked)
        assert config.backbone_config._attn_implementation == "eager"
        model = AutoModel.from_pretrained(clean / "more", attn_implementation=asked)
        assert model.backbone.config._attn_implementation == "eager"


def test_what_older_configs_call_by_another_name_is_understood() -> None:
    """The settings of ModernBERT on the Hub, against what transformers itself makes of them."""
    old = {
        "model_type": "modernbert",
        "global_rope_theta": 160000.0,
        "local_rope_theta": 12345.0,
        "pad_token_id": 1,
        "vocab_size": 50,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    expected = ModernBertConfig.from_dict(dict(old)).rope_parameters
    assert "12345" in str(expected)
    assert plain_config(old).rope_parameters == expected
    assert MOREConfig(backbone_config=plain_config(old)).backbone_config.rope_parameters == expected


def test_settings_keep_their_values_without_what_names_code() -> None:
    deep = {"a": [{"b": 1, "auto_map": {}, "_private": 2}, 3], "c": {"trust_remote_code": True, "d": (4, "x")}}
    assert without_code(deep) == {"a": [{"b": 1}, 3], "c": {"d": [4, "x"]}}


def test_unknown_settings_are_dropped_and_a_model_type_of_nobody_is_refused(clean: Path, tmp_path: Path) -> None:
    folder = edited(clean / "more", tmp_path / "more", of_nobody={"a": 1})
    assert not hasattr(AutoConfig.from_pretrained(folder), "of_nobody")
    folder = edited(clean / "siamese_ure", tmp_path / "siamese_ure", model_type="more")
    with pytest.raises(CheckpointError, match="lack .*'projection.bias'"):
        AutoModel.from_pretrained(folder)
    with pytest.raises(UsageError, match="of a 'more' model"):
        RoCOREModel.from_pretrained(folder)


def test_what_trainers_write_into_every_config_is_dropped_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", logger="hf_relation"):
        assert settings_from_file(MOREConfig, {"model_type": "more", "use_cache": False}) == {"model_type": "more"}
        assert not caplog.records
        settings_from_file(MOREConfig, {"model_type": "more", "use_cash": False})
        assert "use_cash" in caplog.text
