"""A checkpoint whose nested settings name code, kernels, pickles or other repositories is loaded as if they were not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.security.poison import COMPOSITES


CLASSES = (
    *("more", "more_cnn", "rocore", "siamese_ure", "kernel_re", "finecl", "pair_classification"),
    *("multitask", "relation_cnn"),
)
TASKS = ("open-relation-discovery", "relation-extraction")
ENCODERS = ("from_backbone", "TextEncoder", "load_model")


@pytest.mark.timeout(300)
def test_fault_28_no_loader_runs_code_opens_a_pickle_or_asks_for_a_socket(attacked: dict[str, Any]) -> None:
    ran = {name: what for name, what in attacked["results"].items() if "RAN CODE" in what}
    assert sorted(ran) == ["control code", "control pickle"]
    assert attacked["attempts"] == [] and attacked["control"] > 0


@pytest.mark.parametrize("name", CLASSES)
def test_fault_28_every_model_class_loads_its_weights_and_follows_no_setting(
    name: str, attacked: dict[str, Any]
) -> None:
    results = attacked["results"]
    loaders = ("AutoModel", "AutoModel trusting", "own class", "load_model")
    assert {loader: results[f"{name} {loader}"] for loader in loaders} == dict.fromkeys(loaders, "same")
    assert results[f"{name} AutoConfig"] == "loaded"
    if name not in ("multitask", "relation_cnn"):
        assert results[f"{name} AutoProcessor"] == "loaded"


@pytest.mark.parametrize("kind", COMPOSITES)
@pytest.mark.parametrize("name", [name for name in CLASSES if name != "relation_cnn"])
def test_fault_28_models_made_of_models_are_no_encoders(name: str, kind: str, attacked: dict[str, Any]) -> None:
    refused = attacked["results"][f"{name} in it {kind}"]
    assert refused.startswith("UsageError: `backbone_config`") and repr(kind) in refused


@pytest.mark.parametrize("task", TASKS)
def test_fault_28_pipelines_and_loaders_of_both_tasks(task: str, attacked: dict[str, Any]) -> None:
    results = attacked["results"]
    assert results[f"{task} pipeline"] == "same"
    assert results[f"{task} loader"] == ("same" if task == "relation-extraction" else "loaded")
    beside, part = ("extraction.json", "thresholds") if task == "relation-extraction" else ("discovery.json", "gate")
    for what in (beside, part):
        assert results[f"{task} {what}"].startswith("CheckpointError"), results[f"{task} {what}"]


def test_fault_28_plain_encoders_and_what_starts_from_them(attacked: dict[str, Any]) -> None:
    results = attacked["results"]
    for loader in ("from_backbone", "TextEncoder", "load_pruned"):
        assert results[f"bert {loader}"] == "same"
    assert results["multitask heads"] == results["kernel_re from_backbone"] == "same"
    assert results["bert cnn_from_encoder"] == results["bert AutoTokenizer"] == "loaded"
    for kind in COMPOSITES:
        for loader in ENCODERS:
            refused = results[f"bert as {kind} {loader}"]
            assert refused.startswith(("UsageError", "CheckpointError")), (kind, loader, refused)
        refused = results[f"kernel_re in it {kind} from_backbone"]
        assert refused.startswith("UsageError"), (kind, refused)


@pytest.mark.parametrize("name", ["adapter PeftModel", "adapter load_adapter", "adapter AutoModel"])
def test_fault_28_adapters_load_without_following_their_config(name: str, attacked: dict[str, Any]) -> None:
    assert attacked["results"][name] == "loaded"


def test_fault_28_a_foreign_base_of_an_adapter_is_not_fetched_where_there_is_one(attacked: dict[str, Any]) -> None:
    results = attacked["results"]
    for loader in ("foreign adapter PeftModel", "foreign adapter load_adapter", "foreign adapter inside a model"):
        assert results[loader] == "loaded", loader
