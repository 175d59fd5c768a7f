"""Corpora by their converters, metrics and the demo as Spaces: pushed, loaded from a clean cache, and without network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.hub.children import REPOSITORY, environment, run_child
from tests.hub.outcomes import Outcomes
from tests.hub.scripts.push_data import INSTANCES
from tests.hub.server import LocalHub, running_hub


SCRIPTS = sorted(path.stem for path in (REPOSITORY / "dataset_scripts").glob("*.py"))
METRICS = {
    "bcubed": {"bcubed_precision": 0.626667, "bcubed_recall": 0.666667, "bcubed_f1": 0.646048},
    "v_measure": {"v_measure": 0.530022, "homogeneity": 0.515603, "completeness": 0.545271},
    "adjusted_rand_index": {"ari": 0.244604},
    "triple_f1": {"triple_precision": 1.0, "triple_recall": 0.5, "triple_f1": 2 / 3},  # one of two triples found
}


class World(NamedTuple):
    """What three processes did: one pushed, one loaded into a clean cache, one loaded again without network."""

    hub: LocalHub
    pushed: Outcomes
    loaded: dict[str, Outcomes]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hub")
    with running_hub() as hub:
        run_child([REPOSITORY / "tests/hub/scripts/push_data.py", folder], environment(hub, folder / "pusher"))
        script = REPOSITORY / "tests/hub/scripts/load_data.py"
        run_child([script, folder / "online.json"], environment(hub, folder / "user"))
        hub.stop()
        run_child([script, folder / "offline.json", "--offline"], environment(hub, folder / "user", offline=True))
        loaded = {name: Outcomes(folder / f"{name}.json") for name in ("online", "offline")}
        yield World(hub, Outcomes(folder / "pushed.json"), loaded)


@pytest.fixture(params=["online", "offline"])
def loaded(world: World, request: pytest.FixtureRequest) -> Outcomes:
    return world.loaded[request.param]


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


def test_the_app_starts_from_the_downloaded_folder(loaded: Outcomes) -> None:
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    pytest.importorskip("plotly", reason="needs the extra `demo`")
    assert (loaded["space"]["demo"], loaded["space"]["running"]) == ("Blocks", False)
