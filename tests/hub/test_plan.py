"""What of a folder would be published."""

from __future__ import annotations

import json

import pytest

from hf_relation.errors import UsageError
from hf_relation.hub import plan_push


@pytest.fixture
def folder(tmp_path):
    """What a run leaves: a checkpoint, and much else."""
    for name in ("config.json", "processor_config.json", "trainer_state.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    for name in ("model.safetensors", "README.md", "training_args.bin", "optimizer.pt", ".env", "tokenizer.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    (tmp_path / "checkpoint-20").mkdir()
    (tmp_path / "checkpoint-20/model.safetensors").write_bytes(b"")
    (tmp_path / "discovery_corpus.jsonl").write_text("{}", encoding="utf-8")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    return tmp_path


def test_a_model_is_its_weights_json_tokenizer_and_card_and_the_rest_is_listed(folder):
    plan = plan_push(folder)
    assert plan.repo_type == "model"
    assert sorted(plan.files) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "processor_config.json",
        "tokenizer.json",
    ]
    assert plan.size == sum((folder / name).stat().st_size for name in plan.files)
    assert plan.left_out == {
        ".env": "hidden",
        "checkpoint-20/model.safetensors": "in a sub-folder",
        "discovery_corpus.jsonl": "texts of the corpus",
        "optimizer.pt": "no file of a model",
        "trainer_state.json": "of the training run",
        "training_args.bin": "no file of a model",
    }
    assert json.loads(json.dumps(plan.to_dict()))["files"] == plan.files


def test_the_corpus_goes_along_only_when_asked_for(folder):
    assert not plan_push(folder).corpus and plan_push(folder).without_texts
    plan = plan_push(folder, corpus=True)
    assert plan.corpus and not plan.without_texts and "discovery_corpus.jsonl" in plan.files


@pytest.mark.parametrize("name", ["adapter_config.json", "config.json"])
def test_a_model_with_only_pickles_is_refused(tmp_path, name):
    (tmp_path / name).write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UsageError, match="no weights in safetensors. pytorch_model.bin is a pickle, which is not pub"):
        plan_push(tmp_path)


def test_a_link_out_of_the_folder_is_not_followed_unseen(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.json"
    secret.write_text("{}", encoding="utf-8")
    (folder / "innocent.json").symlink_to(secret)
    (folder / "same.json").symlink_to(folder / "config.json")
    plan = plan_push(folder)
    assert plan.left_out["innocent.json"] == "a link to another folder" and "same.json" in plan.files


def test_a_damaged_config_is_refused_before_anything_is_sent(folder):
    (folder / "config.json").write_text('{"a": NaN}', encoding="utf-8")
    with pytest.raises(UsageError, match="config.json is damaged: .*NaN"):
        plan_push(folder)


def test_datasets_and_spaces_are_told_by_what_they_hold(tmp_path):
    data, space, other = tmp_path / "data", tmp_path / "space", tmp_path / "other"
    for made in (data, space, other):
        (made / "train").mkdir(parents=True)
        (made / "README.md").write_text("", encoding="utf-8")
    (data / "train/0.parquet").write_bytes(b"")
    (space / "app.py").write_text("", encoding="utf-8")
    (space / "__pycache__").mkdir()
    (space / "__pycache__/app.py").write_text("", encoding="utf-8")
    assert (plan_push(data).repo_type, sorted(plan_push(data).files)) == ("dataset", ["README.md", "train/0.parquet"])
    assert (plan_push(space).repo_type, sorted(plan_push(space).files)) == ("space", ["README.md", "app.py"])
    with pytest.raises(UsageError, match="neither a model .* nor a dataset .* nor a Space"):
        plan_push(other)
    assert plan_push(other, repo_type="dataset").files == {"README.md": 0}
    with pytest.raises(UsageError, match="holds no model"):
        plan_push(other, repo_type="model")
    with pytest.raises(UsageError, match="There is no folder"):
        plan_push(tmp_path / "nothing")


def test_example_texts_of_relations_are_texts_too(folder):
    (folder / "discovery_corpus.jsonl").unlink()
    for relations, texts in (([{"examples": []}], False), ([{"examples": ["Ada met Bob."]}], True), ([3], True)):
        (folder / "discovery.json").write_text(json.dumps({"fitted": {"relations": relations}}), encoding="utf-8")
        assert plan_push(folder).without_texts is texts
        assert plan_push(folder, corpus=True).corpus is texts
    (folder / "discovery.json").write_text("{}", encoding="utf-8")
    assert not plan_push(folder).without_texts
