"""Nested backbone settings are untrusted: rows 27-28 of the fault plan."""

import pytest
from transformers import BertConfig, RobertaConfig

from hf_relation.errors import UsageError
from hf_relation.models.backbone import build_backbone_config
from hf_relation.models.more import MOREConfig


SIZES = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def test_fault_28_code_naming_and_private_keys_are_dropped():
    hostile = SIZES | {
        "auto_map": {"AutoModel": "evil/repo--modeling.Evil"},
        "trust_remote_code": True,
        "_attn_implementation_internal": "evil/repo",
        "_name_or_path": "/home/somebody/model",
        "quantization_config": {"quant_method": "bitsandbytes"},
    }
    config = MOREConfig(backbone_config=hostile)
    saved = str(config.to_dict())
    assert "evil" not in saved and "somebody" not in saved and "trust_remote_code" not in saved
    assert not hasattr(config.backbone_config, "auto_map")


def test_fault_28_outer_backbone_keyword_never_reaches_the_hub(monkeypatch):
    import transformers.backbone_utils as vision_helper

    monkeypatch.setattr(vision_helper, "hf_api", lambda: pytest.fail("asked the Hub"))
    assert MOREConfig(backbone_config=SIZES, backbone="evil/repo", trust_remote_code=True).hidden_size == 32


@pytest.mark.parametrize("model_type", [None, "no-such-model", 3])
def test_fault_28_unknown_model_type_is_an_error(model_type):
    with pytest.raises(UsageError, match="model_type"):
        build_backbone_config({"model_type": model_type})


@pytest.mark.parametrize("key", ["hidden_size", "vocab_size", "num_hidden_layers"])
def test_fault_28_huge_sizes_are_refused_before_any_allocation(key):
    with pytest.raises(UsageError, match=key):
        MOREConfig(backbone_config=SIZES | {key: 10**12})


def test_settings_survive_for_a_config_object_and_a_dict():
    original = RobertaConfig(hidden_size=24, num_attention_heads=2, layer_norm_eps=1e-7)
    original._name_or_path = "/secret/path"
    for value in (original, original.to_dict()):
        built = build_backbone_config(value)
        assert isinstance(built, RobertaConfig)
        assert (built.hidden_size, built.layer_norm_eps, built._name_or_path) == (24, 1e-7, "")


def test_default_is_bert():
    assert isinstance(build_backbone_config(None), BertConfig)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"pooling": ["head_middle"]}, "pooling"),
        ({"pooling": []}, "pooling"),
        ({"loss": "triplet"}, "loss"),
        ({"projection_dim": 0}, "projection_dim"),
        ({"layer": 7}, "layer"),
    ],
)
def test_bad_settings_name_the_field_and_what_is_allowed(settings, message):
    with pytest.raises(Exception, match=message):
        MOREConfig(backbone_config=SIZES, **settings)
