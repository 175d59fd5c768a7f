from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.base import clone

from hf_relation.clustering import ALGORITHMS, WithinClassWhitening
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.state import DiscoveryState, read_state, write_state
from hf_relation.errors import CheckpointError, UsageError
from tests.common.planted import planted_corpus


FILES = ("discovery.json", "discovery.safetensors", "discovery_corpus.jsonl")
SETTINGS: dict[str, dict[str, Any]] = {
    "kmeans": {"num_relations": "auto", "n_init": 3},
    "agglomerative": {"num_relations": 3, "algorithm_kwargs": {"linkage": "average"}},
    "adaptive": {"num_relations": 3, "n_init": 3, "algorithm_kwargs": {"alpha": 0.5}},
    "mean_shift": {"algorithm_kwargs": {"bandwidth": 0.7}},
    "hdbscan": {"algorithm_kwargs": {"min_cluster_size": 4}},
}


def fitted(algorithm: str = "kmeans", **changes: Any) -> tuple[RelationDiscovery, list[dict[str, Any]], np.ndarray]:
    instances, embeddings, gold = planted_corpus((12, 9, 6), noise=0.2)
    settings = {"pca_components": 4, "transform": WithinClassWhitening().fit(embeddings, gold)}
    model = RelationDiscovery(algorithm=algorithm, **(settings | SETTINGS[algorithm] | changes))  # type: ignore[arg-type]
    return model.fit(instances, embeddings), instances, embeddings


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_public_method_works_after_loading_and_gives_the_same(algorithm: str, tmp_path: Path) -> None:
    model, instances, embeddings = fitted(algorithm)
    model.relations_[0].name = "my name"
    model.save_pretrained(tmp_path / "saved")
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == ["README.md", *FILES]
    loaded = RelationDiscovery.from_pretrained(tmp_path / "saved")
    assert loaded.predict(instances, embeddings).to_dict() == model.predict(instances, embeddings).to_dict()
    assert np.array_equal(loaded.labels_, model.labels_)
    assert np.array_equal(loaded.scores_, model.scores_)
    assert np.array_equal(loaded.centers_, model.centers_)
    assert loaded.relations_ == model.relations_ and loaded.relations_[0].name == "my name"
    assert loaded.score(instances, embeddings) == model.score(instances, embeddings)
    assert loaded.estimate_ == model.estimate_ and (loaded.estimate_ is not None) == (algorithm == "kmeans")
    plain = {key: value for key, value in model.get_params(deep=False).items() if key != "transform"}
    assert {key: loaded.get_params()[key] for key in plain} == plain
    loaded.save_pretrained(tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "saved" / name).read_bytes()
    refitted = clone(loaded)
    refitted.set_params(model=None, transform=None)
    assert (
        refitted.fit(instances, embeddings).labels_.tolist()
        == model.set_params(transform=None).fit(instances, embeddings).labels_.tolist()
    )


def test_whitening_of_a_loaded_folder_is_used_by_fit(tmp_path: Path) -> None:
    model, instances, embeddings = fitted()
    model.save_pretrained(tmp_path)
    loaded = RelationDiscovery.from_pretrained(tmp_path)
    assert loaded.transform == "whitening"
    assert np.array_equal(loaded.fit(instances, embeddings).centers_, model.centers_)


def test_stored_settings_are_defaults_and_arguments_win(tmp_path: Path) -> None:
    settings = {"algorithm": "agglomerative", "n_init": 7, "transform": None, "pca_components": 9}
    write_state(tmp_path, DiscoveryState(settings))
    assert not (tmp_path / "discovery.safetensors").exists()
    model = RelationDiscovery.from_pretrained(tmp_path, n_init=8, seed=3)
    assert (model.algorithm, model.n_init, model.pca_components, model.seed) == ("agglomerative", 8, 9, 3)
    assert json.loads((tmp_path / "discovery.json").read_text())["format_version"] == 2


def test_saving_over_an_old_one_keeps_other_files_and_leaves_nothing_behind(tmp_path: Path) -> None:
    model, instances, embeddings = fitted("agglomerative")
    model.save_pretrained(tmp_path)
    (tmp_path / "README.md").write_text("mine")
    model.set_params(num_relations=2).fit(instances, embeddings).save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", *FILES]
    assert (tmp_path / "README.md").read_text() == "mine"
    assert len(RelationDiscovery.from_pretrained(tmp_path).relations_) == 2


def test_a_failed_save_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _, _ = fitted()
    model.save_pretrained(tmp_path / "old")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    model.algorithm_kwargs = {"memory": "/some/folder"}
    for target in ("old", "new"):
        with pytest.raises(UsageError, match="may not hold 'memory'"):
            model.save_pretrained(tmp_path / target)
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    (tmp_path / "file").write_text("mine")
    model.algorithm_kwargs = None
    with pytest.raises(UsageError, match="file"):
        model.save_pretrained(tmp_path / "file")


def test_what_older_versions_saved_is_loaded(tmp_path: Path) -> None:
    model, instances, embeddings = fitted()
    model.save_pretrained(tmp_path)
    path = tmp_path / "discovery.json"
    content = json.loads(path.read_text())
    for relation in content["fitted"]["relations"]:
        for key in ("patterns", "signature", "inverse_of"):
            del relation[key]
    path.write_text(json.dumps(content))
    loaded = RelationDiscovery.from_pretrained(tmp_path)
    assert [relation.name for relation in loaded.relations_] == [relation.name for relation in model.relations_]
    assert {(len(r.patterns), r.signature, r.inverse_of) for r in loaded.relations_} == {(0, None, None)}
    assert np.array_equal(loaded.predict(instances, embeddings).labels, model.labels_)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("patterns", bad) for bad in (3, None, ["X in Y"], [{"pattern": "X in Y"}], [{"pattern": 1, "x": 2}])),
        *(("signature", bad) for bad in (3, "A -> B", {"head": "A"})),
        *(("inverse_of", bad) for bad in (-1, 99, 1.0, True, "0")),
        ("unknown", 1),
    ],
)
def test_damaged_descriptions_are_noticed(field: str, value: Any, tmp_path: Path) -> None:
    fitted()[0].save_pretrained(tmp_path)
    path = tmp_path / "discovery.json"
    content = json.loads(path.read_text())
    content["fitted"]["relations"][0][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="damaged"):
        RelationDiscovery.from_pretrained(tmp_path)


def test_settings_from_a_file_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "discovery.json"
    for content, message in [
        (b"{", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b'{"format_version": 1, "seed": NaN}', "damaged"),
        (b'{"format_version": 1, "format_version": 1}', "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"[]", "no `format_version`"),
        (b'{"format_version": "1"}', "no `format_version`"),
        (b'{"format_version": 3}', "pip install -U hf_relation"),
        (b'{"format_version": 1, "trust_remote_code": true}', "unknown setting 'trust_remote_code'"),
        (b'{"format_version": 1, "model": "user/other"}', "unknown setting 'model'"),
        (b'{"format_version": 1, "transform": "pickle"}', "transform"),
        (b'{"format_version": 1, "algorithm_kwargs": {"memory": "/tmp/x"}}', "may not hold 'memory'"),
        (b'{"format_version": 1, "algorithm_kwargs": 3}', "algorithm_kwargs"),
        (b'{"format_version": 1, "sha256": 3}', "sha256"),
        (b'{"format_version": 1, "sha256": {"model.safetensors": "00"}}', "not in the folder"),
        (b'{"format_version": 1, "sha256": {"../discovery.json": "00"}}', "not in the folder"),
        (b'{"format_version": 1, "fitted": 3}', "fitted"),
        (b'{"format_version": 1, "fitted": {}}', "incomplete"),
    ]:
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=message):
            RelationDiscovery.from_pretrained(tmp_path)


def test_damaged_arrays_are_noticed(tmp_path: Path) -> None:
    fitted()[0].save_pretrained(tmp_path)
    path, record = tmp_path / "discovery.safetensors", tmp_path / "discovery.json"
    good, good_record = path.read_bytes(), record.read_bytes()
    flipped = bytearray(good)
    flipped[-1] ^= 1
    for bad in (b"", good[:-5], bytes(flipped), b"\xff" * 8 + good[8:]):
        path.write_bytes(bad)
        with pytest.raises(CheckpointError, match="discovery.safetensors"):
            RelationDiscovery.from_pretrained(tmp_path)
    path.unlink()
    with pytest.raises(CheckpointError, match="not in the folder"):
        RelationDiscovery.from_pretrained(tmp_path)
    # Without the checksums, which a hand-made file may lack, the arrays must still fit.
    content = json.loads(good_record)
    del content["sha256"]
    record.write_text(json.dumps(content))
    path.write_bytes(good)
    arrays = load_file(path)
    for name, value in [
        ("fitted.labels", np.array([0, 99])),
        ("fitted.labels", arrays["fitted.labels"].astype(np.float32)),
        ("fitted.centers", arrays["fitted.centers"][:, :2]),
        ("fitted.centers", arrays["fitted.centers"] * np.nan),
        ("fitted.steps.pca.mean", np.zeros(3)),
        ("whitening.mean", np.zeros(3, dtype=np.float32)),
        ("fitted.scores", None),
    ]:
        changed = {key: array for key, array in (arrays | {name: value}).items() if array is not None}
        save_file(changed, path)
        with pytest.raises(CheckpointError):
            RelationDiscovery.from_pretrained(tmp_path)
    path.write_bytes(b"\xff" * 8 + good[8:])
    with pytest.raises(CheckpointError, match="discovery.safetensors is damaged"):
        RelationDiscovery.from_pretrained(tmp_path)


def test_a_changed_model_is_noticed(tmp_path: Path) -> None:
    save_file({"w": np.zeros(3)}, tmp_path / "model.safetensors")
    write_state(tmp_path, DiscoveryState({"seed": 1}))
    assert read_state(tmp_path) is not None
    save_file({"w": np.ones(3)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="model.safetensors is damaged or was changed"):
        read_state(tmp_path)


def test_folders_without_anything_and_names_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a model"):
        RelationDiscovery.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="No checkpoint"):
        RelationDiscovery.from_pretrained(tmp_path / "missing")
