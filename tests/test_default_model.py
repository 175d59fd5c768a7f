"""Which checkpoint is the default: argument, then environment, then config file, then the shipped one."""

from __future__ import annotations

import json

import pytest

from hf_relation import checkpoints, default_model
from hf_relation.default_model import DEFAULT_CHECKPOINT
from hf_relation.errors import CheckpointError, UsageError
from tests.common.tiny_models import tiny_more


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user without settings."""
    for name in ("HF_RELATION_MODEL", "HF_RELATION_REVISION", "HF_RELATION_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path


def write_config(home, content):
    file = home / "settings/hf_relation/config.json"
    file.parent.mkdir(parents=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def test_the_shipped_checkpoint_is_the_default_of_a_user_without_settings():
    assert default_model.default_model() == (DEFAULT_CHECKPOINT, None, "the shipped checkpoint")


def test_the_order_is_argument_environment_config_file_shipped(home, monkeypatch):
    file = write_config(home, {"model": "user/of-the-file", "revision": "v1"})
    assert default_model.default_model() == ("user/of-the-file", "v1", f"the config file {file}")
    monkeypatch.setenv("HF_RELATION_MODEL", "user/of-the-environment")
    found = default_model.default_model()
    assert found == ("user/of-the-environment", None, "the environment variable HF_RELATION_MODEL"), (
        "no mixed revision"
    )
    monkeypatch.setenv("HF_RELATION_REVISION", "v2")
    assert default_model.default_model().revision == "v2"
    assert checkpoints.resolve() == "user/of-the-environment"
    assert checkpoints.resolve("user/of-the-argument") == "user/of-the-argument"


def test_the_config_file_can_be_elsewhere(home, monkeypatch):
    (home / "mine.json").write_text('{"model": "user/mine"}', encoding="utf-8")
    monkeypatch.setenv("HF_RELATION_CONFIG", str(home / "mine.json"))
    assert default_model.default_model().name == "user/mine"
    monkeypatch.setenv("HF_RELATION_CONFIG", str(home / "missing.json"))
    with pytest.raises(
        UsageError, match="There is no file .*missing.json, which the environment variable HF_RELATION"
    ):
        default_model.default_model()


def test_an_empty_variable_and_a_config_file_without_model_say_nothing(home, monkeypatch):
    write_config(home, {})
    monkeypatch.setenv("HF_RELATION_MODEL", "")
    assert default_model.default_model().name == DEFAULT_CHECKPOINT


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "config.json is not valid JSON"),
        ("[]", "must hold an object, got list"),
        ({"modell": "user/x"}, "holds 'modell'; known are model and revision"),
        ({"model": 3}, "`model` in .* must be a string, got 3"),
        ({"model": "./mine"}, "relative path './mine'; write it as an absolute one"),
        ({"model": "a/b/c"}, "relative path 'a/b/c'"),
        ({"revision": "v1"}, "a `revision` without the `model`"),
    ],
)
def test_a_wrong_config_file_is_refused_with_its_name(home, content, said):
    write_config(home, content)
    with pytest.raises(UsageError, match=said):
        default_model.default_model()


def test_a_revision_without_its_model_is_refused(monkeypatch):
    monkeypatch.setenv("HF_RELATION_REVISION", "v1")
    with pytest.raises(UsageError, match="HF_RELATION_REVISION is set, but not HF_RELATION_MODEL"):
        default_model.default_model()


def test_a_default_that_does_not_exist_says_who_asked_for_it(home):
    file = write_config(home, {"model": "/no/such/folder"})
    with pytest.raises(CheckpointError, match=f"No checkpoint '/no/such/folder'.*default by the config file {file}"):
        checkpoints.resolve()


def test_the_estimator_the_pipeline_and_the_command_line_take_the_default(home, monkeypatch, capsys):
    from transformers import pipeline

    from hf_relation import RelationDiscovery
    from hf_relation.cli.app import app

    model, processor = tiny_more()
    model.save_pretrained(home / "tiny")
    processor.save_pretrained(home / "tiny")
    write_config(home, {"model": str(home / "tiny")})
    assert RelationDiscovery.from_pretrained().model == str(home / "tiny")
    assert pipeline("open-relation-discovery").model.config.hidden_size == model.config.hidden_size == 32
    app(["env", "--json"], standalone_mode=False)
    shown = json.loads(capsys.readouterr().out)
    assert shown["default model"] == str(home / "tiny") and shown["default model by"].startswith("the config file")
    monkeypatch.setenv("HF_RELATION_MODEL", "user/other")
    app(["env"], standalone_mode=False)
    assert "user/other" in capsys.readouterr().out
