"""Pipelines, adapters and code on a Hub: pushed by real clients, loaded from a clean cache, and from the cache alone."""

from __future__ import annotations

from pathlib import Path

from tests.hub.children import environment, run_child
from tests.hub.server import LocalHub


# Every function runs in a fork of a process that has imported transformers, and not hf_relation.
FORKS = """
import json, os, sys
from pathlib import Path
from transformers import AutoModel, AutoProcessor, pipeline

def check(function):
    if os.fork() == 0:
        try:
            function()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    assert os.wait()[1] == 0, function.__name__

def rows():
    from tests.common.tiny_tokenizers import sample_instances
    return sample_instances()

def documents():
    from tests.common.tiny_documents import sample_documents
    return sample_documents()

def expected(name, value=None):
    if value is not None:
        Path(name).write_text(json.dumps(value))
    return json.loads(Path(name).read_text())
"""
# Without HF_TOKEN: the token is an argument, also for what lies beside the weights of a private repository.
PUSH = (
    FORKS
    + """
token = "hf_local"

@check
def push():
    import hf_relation
    from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor

    save_tiny_checkpoint(Path("more"), pca_components=8)
    discover = pipeline("open-relation-discovery", model="more", device="cpu")
    first = discover.push_to_hub("user/more", private=True, token=token, commit_message="first")
    Path("first").write_text(first.oid)
    expected("three.json", discover(rows()))
    two = pipeline("open-relation-discovery", model="more", device="cpu", num_relations=2)
    two.push_to_hub("user/more", token=token, max_shard_size="20KB")
    expected("two.json", two(rows()))
    discover.push_to_hub("user/code", token=token, remote_code=True)
    discover.push_to_hub("user/carded", token=token)
    discover.push_to_hub("user/branches", token=token, revision="dev")

    save_tiny_extractor(Path("kernel"), entity_types=["PERSON", "PLACE"])
    extract = pipeline("relation-extraction", model="kernel", device="cpu")
    extract.push_to_hub("user/kernel", token=token, remote_code=True)
    expected("triples.json", extract(documents()))

    model = AutoModel.from_pretrained("more")
    model.push_to_hub("user/parts", token=token)
    processor = AutoProcessor.from_pretrained("more")
    processor.push_to_hub("user/parts", token=token)
    processor.push_to_hub("user/processor", token=token, tags=["mine"])

    import torch
    from hf_relation import MOREModel, RelationDiscovery, RelationProcessor
    from hf_relation.errors import UsageError
    from hf_relation.training import add_adapters

    adapted = add_adapters(MOREModel.from_pretrained("more"))
    for name, weights in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.constant_(weights, 0.2)
    adapted.peft_config["default"].base_model_name_or_path = "user/parts"
    adapted.save_pretrained("adapter")
    adapted.push_to_hub("user/adapter", token=token)
    processor = RelationProcessor.from_pretrained("more")
    settings = {"num_relations": 3, "n_init": 3}
    expected("adapted.json", RelationDiscovery(adapted, processor, **settings).fit_predict(rows()).to_dict())
    local = RelationDiscovery(adapted, processor, **settings)
    adapted.peft_config["default"].base_model_name_or_path = str(Path("more").resolve())
    try:
        local.push_to_hub("user/nothing", token=token)
    except UsageError as error:
        assert "base model is not on the Hub" in str(error)
    else:
        raise AssertionError

@check
def clean_cache():
    import hf_relation

    assert pipeline("open-relation-discovery", model="user/more", device="cpu", token=token)(rows()) == expected("two.json")
    first = pipeline("open-relation-discovery", model="user/more", revision=Path("first").read_text(), token=token, device="cpu")
    assert first(rows()) == expected("three.json")
    assert pipeline("open-relation-discovery", model="user/code", device="cpu")(rows()) == expected("three.json")
    dev = pipeline("open-relation-discovery", model="user/branches", revision="dev", device="cpu")
    assert dev(rows()) == expected("three.json")
    assert pipeline("relation-extraction", model="user/kernel", device="cpu")(documents()) == expected("triples.json")
    assert type(AutoProcessor.from_pretrained("user/parts")).__name__ == "RelationProcessor"

    from hf_relation.discovery import RelationDiscovery

    settings = {"num_relations": 3, "n_init": 3}
    found = RelationDiscovery.from_pretrained("user/adapter", **settings).fit_predict(rows())
    labels = [row["label"] for row in expected("adapted.json")["instances"]]
    assert found.labels.tolist() == labels
    again = pipeline("open-relation-discovery", model="user/adapter", device="cpu")(rows(), **settings)
    assert [row["label"] for row in again["instances"]] == labels

@check
def plain_transformers():
    assert not any(name.startswith("hf_relation") for name in sys.modules)
    found = pipeline("open-relation-discovery", model="user/code", trust_remote_code=True, device="cpu")
    assert "hf_relation" in sys.modules and found(rows()) == expected("three.json")
"""
)
OFFLINE = (
    FORKS
    + """
import hf_relation

assert pipeline("open-relation-discovery", model="user/more", device="cpu")(rows()) == expected("two.json")
assert pipeline("relation-extraction", model="user/kernel", device="cpu")(documents()) == expected("triples.json")
adapted = pipeline("open-relation-discovery", model="user/adapter", device="cpu")(rows(), num_relations=3, n_init=3)
assert adapted == expected("adapted.json")
"""
)


def test_pipelines_and_adapters_by_name(hub: LocalHub, tmp_path: Path) -> None:
    hub.add("user/carded", {"README.md": b"---\nlicense: mit\n---\nBy hand.\n"})
    run_child(PUSH, environment(hub, tmp_path, token=None))

    assert hub.repository("user/more").private
    titles = [commit.title for commit in hub.repository("user/more").history("main")]
    assert titles == ["Upload OpenRelationDiscoveryPipeline", "first", "initial commit"]
    shards = [name for name in hub.files("user/more") if name.startswith("model")]
    assert "model.safetensors.index.json" in shards and len(shards) > 2
    assert "model.safetensors" not in shards, "the weights of the first push would be loaded"
    assert hub.files("user/carded")["README.md"].endswith(b"By hand.\n")
    assert "model.safetensors" not in hub.files("user/branches") and hub.files("user/branches", revision="dev")
    for (_, name), repository in hub.repositories.items():
        files = hub.files(name, revision="dev" if "dev" in repository.branches else "main")
        code = [file for file in files if file.endswith((".py", ".bin", ".pkl"))]
        assert code == (["hf_relation_hub.py"] if name in ("user/code", "user/kernel") else [])
        assert not any(str(tmp_path).encode() in data for data in files.values()), name
        if name not in ("user/adapter", "user/parts"):  # peft and transformers push these
            assert b"automatically generated" not in files.get("README.md", b"")
    processor = hub.files("user/processor")
    assert (
        processor["README.md"] == b"---\nlibrary_name: hf_relation\ntags:\n- mine\n---\n"
        and "tokenizer.json" in processor
    )

    hub.stop()
    run_child(OFFLINE, environment(hub, tmp_path, offline=True))
