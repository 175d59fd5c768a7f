"""Faults 42, 43 and 45: no network, a Hub that refuses, and downloads that are not what was announced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.hub.children import REPOSITORY, environment, run_child
from tests.hub.outcomes import Outcomes
from tests.hub.server import LocalHub, running_hub


SPOILED = ("cut", "short", "altered", "altered-bare")


class World(NamedTuple):
    hub: LocalHub
    home: Path
    online: Outcomes
    offline: Outcomes


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hub")
    save_tiny_checkpoint(folder / "model")
    save_tiny_extractor(folder / "extractor")
    files = {path.name: path.read_bytes() for path in (folder / "model").iterdir()}
    bare = {name: data for name, data in files.items() if not name.startswith("discovery")}
    with running_hub() as hub:
        hub.add("user/model", files)
        hub.add("user/secret", files, private=True)
        hub.add("user/no-weights", {name: data for name, data in files.items() if name != "model.safetensors"})
        hub.add("user/no-weights-bare", {name: data for name, data in bare.items() if name != "model.safetensors"})
        hub.add("user/no-tokenizer", {name: data for name, data in bare.items() if not name.startswith("tokenizer")})
        hub.add("user/empty", {"README.md": b"Nothing here."})
        for name in SPOILED:
            hub.add(f"user/{name}", bare if name.endswith("bare") else files)
            hub.spoiled[f"user/{name}/model.safetensors"] = name.removesuffix("-bare")
        script = [REPOSITORY / "tests/hub/scripts/faults.py", folder]
        run_child([*script, "online"], environment(hub, folder / "home"))
        run_child([*script, "offline"], environment(hub, folder / "empty", offline=True))
        yield World(hub, folder / "home", Outcomes(folder / "online.json"), Outcomes(folder / "offline.json"))


def test_fault_42_a_local_path_tries_no_connection(world: World) -> None:
    """Whether or not `HF_HUB_OFFLINE` is set: models, processors, adapters, discoveries, extractors and pipelines."""
    assert world.online["local"] == [] and world.offline["local"] == []


def test_fault_42_a_name_that_is_not_in_the_cache_is_a_clear_error_at_once(world: World) -> None:
    (kind, message), *causes = world.offline["repository"]
    assert kind == "CheckpointError" and "'user/none'" in message and "pass a local folder" in message
    assert "offline" in message.lower() and "LocalEntryNotFoundError" in [name for name, _ in causes]
    assert world.offline["attempts"] == []


@pytest.mark.parametrize(
    ("name", "cause", "said"),
    [
        ("token", "HfHubHTTPError", "Invalid credentials"),
        ("private", "RepositoryNotFoundError", "'user/secret'"),
        ("repository", "RepositoryNotFoundError", "'user/none'"),
        ("repository, extractor", "RepositoryNotFoundError", "'user/none'"),
        ("revision", "RevisionNotFoundError", "'user/model' at revision v9"),
        ("weights, bare", "OSError", "model.safetensors"),
        ("malformed 0", "HFValidationError", "user/ñame"),
        ("malformed 1", "HFValidationError", "user/--a"),
        ("malformed 2", "HFValidationError", "user/a..b"),
        ("malformed 3", "HFValidationError", "maximum length is 96"),
        ("malformed 4", "HFValidationError", "user/a b"),
    ],
)
def test_fault_43_our_error_keeps_what_the_hub_said(world: World, name: str, cause: str, said: str) -> None:
    (kind, message), (of_hub, original), *_ = world.online[name]
    assert (kind, of_hub) == ("CheckpointError", cause)
    assert said in message and original in message


def test_fault_43_a_missing_file_is_named(world: World) -> None:
    assert (
        world.online["weights"][0][0] == "CheckpointError" and "'model.safetensors'" in world.online["weights"][0][1]
    )
    assert world.online["tokenizer"][0][0] == "CheckpointError" and "processor" in world.online["tokenizer"][0][1]
    kind, message = world.online["no model"][0]
    assert kind == "CheckpointError" and "neither a model (config.json) nor a discovery" in message


def test_fault_43_the_pipeline_says_what_transformers_says(world: World) -> None:
    kinds = [kind for kind, _ in world.online["repository, pipeline"]]
    assert kinds[:2] == ["OSError", "RepositoryNotFoundError"]


@pytest.mark.parametrize(("name", "cause"), [("cut", "RemoteProtocolError"), ("short", "OSError")])
def test_fault_45_half_a_file_is_an_error_and_never_used(world: World, name: str, cause: str) -> None:
    (kind, message), (original, _), *_ = world.online[name]
    assert (kind, original) == ("CheckpointError", cause) and f"'user/{name}'" in message
    assert not weights_in_cache(world.home, name)


@pytest.mark.parametrize("name", ["altered", "altered, bare"])
def test_fault_45_a_file_with_a_wrong_checksum_is_deleted_and_an_error(world: World, name: str) -> None:
    """The client of the Hub itself does not notice: `tests/hub/test_server.py`."""
    kind, message = world.online[name][0]
    assert kind == "CheckpointError" and re.search(r"model\.safetensors is damaged: its sha256 is \w+\.\.\.", message)
    assert not weights_in_cache(world.home, name.replace(", ", "-"))


def weights_in_cache(home: Path, name: str) -> list[Path]:
    cache = home / f"hf/hub/models--user--{name}"
    assert cache.is_dir()
    large = [path for path in (cache / "blobs").iterdir() if len(path.name) == 64 and path.stat().st_size > 100_000]
    return [*cache.glob("snapshots/*/model.safetensors"), *large]
