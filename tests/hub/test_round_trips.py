"""Round trips: everything is pushed to a Hub, loaded into a clean cache, and loaded again without network.

Models of every family, processors, adapters, discoveries, extractors, a training run; corpora, metrics, the Space.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.hub.children import REPOSITORY, environment, run_child
from tests.hub.outcomes import Outcomes
from tests.hub.scripts.families import EARLIER, FAMILIES, LATER
from tests.hub.scripts.push_data import INSTANCES
from tests.hub.server import LocalHub, Request, running_hub


CLASSES = {
    "more": "MOREModel",
    "more-cnn": "MOREModel",
    "rocore": "RoCOREModel",
    "siamese-ure": "SiameseUREModel",
    "kernel-re": "KernelREModel",
    "pair-classification": "PairClassificationModel",
    "finecl": "FineCLModel",
    "multitask": "MultiTaskModel",
}
SCRIPTS = sorted(path.stem for path in (REPOSITORY / "dataset_scripts").glob("*.py"))
METRICS = {
    "bcubed": {"bcubed_precision": 0.626667, "bcubed_recall": 0.666667, "bcubed_f1": 0.646048},
    "v_measure": {"v_measure": 0.530022, "homogeneity": 0.515603, "completeness": 0.545271},
    "adjusted_rand_index": {"ari": 0.244604},
    "triple_f1": {"triple_precision": 1.0, "triple_recall": 0.5, "triple_f1": 2 / 3},  # one of two triples found
    "relation_f1": {
        "micro_precision": 1.0,
        "micro_recall": 0.5,
        "micro_f1": 2 / 3,
        "macro_f1": 2 / 3,
        "weighted_f1": 2 / 3,
    },
}


class World(NamedTuple):
    """What three processes did: one pushed, one loaded into a clean cache, one loaded again without network."""

    hub: LocalHub
    folder: Path
    pushed: Outcomes
    loaded: dict[str, Outcomes]
    requests: list[Request]  # of the second


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hub")
    with running_hub() as hub:
        run_child([REPOSITORY / "tests/hub/scripts/push.py", folder], environment(hub, folder / "pusher"))
        save_tiny_checkpoint(folder / "private")
        files = {path.name: path.read_bytes() for path in (folder / "private").iterdir()}
        hub.add("other/private", files, private=True)
        sent = len(hub.requests)
        arguments = [REPOSITORY / "tests/hub/scripts/load.py", folder]
        run_child([*arguments, "online"], environment(hub, folder / "user"))
        requests = hub.requests[sent:]
        hub.stop()
        run_child([*arguments, "offline"], environment(hub, folder / "user", offline=True))
        loaded = {name: Outcomes(folder / f"{name}.json") for name in ("online", "offline")}
        yield World(hub, folder, Outcomes(folder / "pushed.json"), loaded, requests)


@pytest.fixture(params=["online", "offline"])
def loaded(world: World, request: pytest.FixtureRequest) -> Outcomes:
    return world.loaded[request.param]


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_model_and_processor_of_every_family_are_pushed(world: World, name: str) -> None:
    earlier, later = world.pushed[name]["answers"]
    assert np.abs(np.subtract(earlier, later)).max() > 0.01, "two versions that differ"
    files = world.hub.files(f"user/{name}")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= files.keys()
    assert ("processor_config.json" in files) is (name != "multitask")


@pytest.mark.parametrize("name", FAMILIES)
def test_auto_classes_load_what_was_pushed(world: World, loaded: Outcomes, name: str) -> None:
    found = loaded[f"{name} now"]
    assert (found["class"], found["range"], found["longest"]) == (CLASSES[name], 0.5, LATER)
    close(found["answers"], world.pushed[name]["answers"][1])


@pytest.mark.parametrize("name", FAMILIES)
def test_an_earlier_revision_gives_the_earlier_weights_config_and_processor(
    world: World, loaded: Outcomes, name: str
) -> None:
    found = loaded[f"{name} before"]
    assert (found["class"], found["range"], found["longest"]) == (CLASSES[name], 0.02, EARLIER)
    close(found["answers"], world.pushed[name]["answers"][0])


def test_the_encoder_of_a_pushed_model_is_the_start_of_another(loaded: Outcomes) -> None:
    assert loaded["started from kernel-re"] == {"same": True, "class": "MORE"}
    ((kind, message),) = loaded["started from an adapter"]
    assert kind == "UsageError" and "user/adapter holds an adapter" in message


@pytest.mark.parametrize("way", ["peft", "auto", "pipeline"])
def test_adapters_load_onto_their_base(world: World, loaded: Outcomes, way: str) -> None:
    expected = world.pushed["adapter"]["answers"]
    assert np.abs(np.subtract(expected, world.pushed["more"]["answers"][1])).max() > 0.01, "they change something"
    close(loaded[f"adapter by {way}"], expected)
    files = world.hub.files("user/adapter")
    assert "adapter_model.safetensors" in files and "model.safetensors" not in files


@pytest.mark.parametrize("repository", ["discovery", "discovery-corpus"])
@pytest.mark.parametrize(("version", "place"), [("before", 0), ("now", 1)])
def test_a_discovery_predicts_what_it_found_before_it_was_pushed(
    world: World, loaded: Outcomes, repository: str, version: str, place: int
) -> None:
    expected = world.pushed[repository]["found"][place]
    assert len(set(expected["labels"])) == 3 + place
    assert loaded[f"{repository} {version}"] == expected
    assert ("discovery_corpus.jsonl" in world.hub.files(f"user/{repository}")) is (repository == "discovery-corpus")


@pytest.mark.parametrize(("version", "place"), [("before", 0), ("now", 1)])
def test_the_pipeline_has_the_settings_stored_on_the_hub(
    world: World, loaded: Outcomes, version: str, place: int
) -> None:
    """As the estimator that was pushed: with its number of relations and its whitening, of the same revision."""
    assert loaded[f"pipeline {version}"] == world.pushed["discovery"]["found"][place]


@pytest.mark.parametrize(("version", "place"), [("before", 0), ("now", 1)])
def test_extractor_and_pipeline_decide_by_the_rules_of_the_revision(
    world: World, loaded: Outcomes, version: str, place: int
) -> None:
    found = loaded[f"extractor {version}"]
    counts = [sum(len(document["triples"]) for document in rows) for rows in world.pushed["extractor"]["found"]]
    assert counts[0] > counts[1] > 0, "a higher threshold finds less"
    assert found["threshold"] == (0.25, 0.5)[place]
    assert [same(rows) for rows in found["found"]] == [same(world.pushed["extractor"]["found"][place])] * 2


def same(rows: list[dict[str, Any]]) -> Any:
    return [[(t["head"], t["relation"], t["tail"], round(t["score"], 5)) for t in row["triples"]] for row in rows]


def test_every_file_of_a_model_is_of_its_commit(world: World) -> None:
    """No file is asked for by the name of a branch, which could move between two files (but by peft's own loader)."""
    others = ("/user/adapter/", "/datasets/", "/spaces/")
    paths = [request.path for request in world.requests if "/resolve/" in request.path]
    asked = {path.split("/resolve/")[1].split("/")[0] for path in paths if not path.startswith(others)}
    commits = {sha for repository in world.hub.repositories.values() for sha in repository.commits}
    assert len(asked) > 2 * len(FAMILIES) and asked <= commits


def test_a_token_given_to_a_call_opens_all_files_of_a_private_model(world: World) -> None:
    found = world.loaded["online"]["with a token"]
    assert found["pipeline"] == found["estimator"] and len(set(found["pipeline"])) == 3
    assert found["kept"] == [True, True] and not found["token in the pickle"]


def test_without_network_unknown_settings_are_an_error_not_the_defaults(world: World) -> None:
    said = world.loaded["offline"]["only loaded"]
    assert "'user/siamese-ure' has discovery.json" in said and "Load it once with network" in said


def test_fault_42_without_network_no_connection_is_tried(world: World) -> None:
    """Models, processors, adapters, discoveries, extractors and pipelines come from the cache; sockets would refuse."""
    assert world.loaded["offline"]["attempts"] == []


def test_fault_42_a_name_that_is_not_in_the_cache_is_a_clear_error_at_once(world: World) -> None:
    (kind, message), *causes = world.loaded["offline"]["never loaded"]
    assert kind == "CheckpointError" and "'user/none'" in message and "pass a local folder" in message
    assert "offline" in message.lower() and "LocalEntryNotFoundError" in [name for name, _ in causes]


def test_training_pushes_what_it_trained(world: World, loaded: Outcomes) -> None:
    found = loaded["trained"]
    assert found["class"] == "MOREModel"
    close(found["answers"], world.pushed["trained"]["answers"])
    titles = [commit.title for commit in world.hub.repository("user/trained").history("main")]
    assert "Training in progress, step 1" in titles and titles[0] == "End of training"


@pytest.mark.skipif(
    importlib.util.find_spec("hf_relation.training.pushed_card") is None, reason="trainers write no card of their own"
)
def test_training_pushes_our_card_and_not_that_of_trainer(world: World) -> None:
    header, body = world.hub.files("user/trained")["README.md"].decode().split("---\n", 2)[1:]
    assert yaml.safe_load(header)["library_name"] == "hf_relation"
    assert "| training | 12 |" in body and "from hf_relation import RelationDiscovery" in body
    assert "More Information Needed" not in body and "fine-tuned version of" not in body


def test_nothing_pushed_names_this_machine_or_is_a_pickle(world: World) -> None:
    places = [str(world.folder).encode(), str(REPOSITORY).encode(), str(Path.home()).encode() + b"/"]
    for (_, name), repository in world.hub.repositories.items():
        for path, blob in repository.at("main").files.items():
            if (
                path == "training_args.bin"
            ):  # transformers' own with `hub_strategy="every_save"`; never read by this package
                assert b"hf_local" not in blob.data, "no token"
                continue
            assert not path.endswith((".bin", ".pt", ".pth", ".pkl", ".pickle")), f"{name}/{path}"
            assert not any(place in blob.data for place in places), f"{name}/{path}"
            if path.endswith(".json"):
                json.loads(blob.data)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_converter_pushes_its_files_and_a_card_that_the_hub_takes(world: World, name: str) -> None:
    assert f"{world.hub.endpoint}/datasets/user/{name}/commit/" in world.pushed[name]
    files = world.hub.files(f"user/{name}", "dataset")
    header = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
    patterns = [part["path"] for configuration in header["configs"] for part in configuration["data_files"]]
    tables = [path for path in files if path.endswith(".parquet")]
    assert len(patterns) == len(tables) > 0
    assert all(any(path.startswith(pattern.removesuffix("*")) for pattern in patterns) for path in tables)
    assert files.keys() - set(tables) == {".gitattributes", "README.md"}


def test_rows_come_back_as_they_were_sent(loaded: Outcomes) -> None:
    assert loaded["jsonl"] == INSTANCES


def test_rows_stream_without_a_download(world: World) -> None:
    assert world.loaded["online"]["jsonl streamed"] == INSTANCES


def test_every_kind_of_row_is_read_with_its_configuration(loaded: Outcomes) -> None:
    """Documents, tagged sentences and labelled texts: as `tests.common.tiny_corpora` and the recipes' tests wrote them."""
    documents = loaded["redocred"]
    assert documents[1]["text"] == "Holm 1 is in Norland and Sel ."
    assert documents[1]["relations"] == [
        {"head": 0, "tail": 1, "label": "P17"},
        {"head": 1, "tail": 2, "label": "P131"},
    ]
    assert [(row["tokens"], row["tags"]) for row in loaded["ud"]] == [(["or"], ["CCONJ"])]
    assert sorted(row["label"] for row in loaded["snips"])[:2] == ["AddToPlaylist", "BookRestaurant"]
    assert {row["text"] for row in loaded["snips"]} == {"in Upper Holm"}


@pytest.mark.parametrize("name", METRICS)
def test_metrics_load_from_their_spaces(loaded: Outcomes, name: str) -> None:
    """With the worked values of `tests/evaluate_modules`."""
    assert loaded[name] == pytest.approx(METRICS[name], abs=1e-6)


def test_every_metric_is_loaded_from_a_space() -> None:
    assert set(METRICS) == {path.name for path in (REPOSITORY / "metrics").iterdir() if (path / "app.py").is_file()}


def test_the_space_serves_the_files_of_the_repository(world: World, loaded: Outcomes) -> None:
    source = REPOSITORY / "examples/space"
    expected = {path.name: path.read_bytes() for path in source.iterdir() if path.is_file()}
    folder = Path(loaded["space"]["folder"])
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".gitattributes"} == expected
    served = world.hub.files("user/relation-discovery", "space")
    assert {name: data for name, data in served.items() if name != ".gitattributes"} == expected


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("gradio", "plotly")), reason="needs the extra `demo`"
)
def test_the_app_starts_from_the_downloaded_folder(loaded: Outcomes) -> None:
    assert (loaded["space"]["demo"], loaded["space"]["running"]) == ("Blocks", False)
