from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from hf_relation.clustering import cluster_centers
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import CheckpointError, UsageError
from tests.common.planted import PLANTED_WORDS, planted_corpus


INSTANCES, EMBEDDINGS, GOLD = planted_corpus((9, 7, 5, 4), noise=0.05)


def fitted(**settings: Any) -> RelationDiscovery:
    return RelationDiscovery(**({"num_relations": 4, "n_init": 3} | settings)).fit(INSTANCES, EMBEDDINGS)


def names(model: RelationDiscovery) -> dict[int, str]:
    return {relation.id: relation.name for relation in model.relations_}


def test_merge_by_hand() -> None:
    model = fitted()
    assert model.labels_.tolist() == GOLD.tolist()
    model.merge([3, 1])
    assert model.labels_.tolist() == np.where(GOLD == 3, 1, GOLD).tolist()
    assert [relation.id for relation in model.relations_] == [0, 1, 2]
    unit = EMBEDDINGS / np.linalg.norm(EMBEDDINGS, axis=1, keepdims=True)
    np.testing.assert_allclose(model.centers_[1], unit[(GOLD == 1) | (GOLD == 3)].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(model.centers_, cluster_centers(EMBEDDINGS, model.labels_), atol=1e-6)
    # What looks like the fourth relation goes where that went, though its own centre is gone.
    assert model.predict(np.eye(12)[[3, 1, 2]]).labels.tolist() == [1, 1, 2]


def test_several_groups_at_once_and_gaps() -> None:
    model = fitted().merge([[0, 2], [1, 3]])
    assert [relation.id for relation in model.relations_] == [0, 1]
    assert model.labels_.tolist() == (GOLD % 2).tolist()
    model = fitted().delete([0, 2])
    assert [relation.id for relation in model.relations_] == [1, 3] and model.result().relation(3).size == 4
    model.split(1, 2)
    assert [relation.id for relation in model.relations_] == [1, 3, 4], "0 and 2 are not used again"


def test_an_id_of_a_deleted_last_relation_is_not_used_again_even_after_saving(tmp_path: Path) -> None:
    model = fitted().delete([3])
    model.save_pretrained(tmp_path)
    loaded = RelationDiscovery.from_pretrained(tmp_path)
    assert [relation.id for relation in loaded.split(0).relations_] == [0, 1, 2, 4]


def test_names_of_ones_own_stay_and_the_others_are_made_anew() -> None:
    model = fitted()
    for id_, word in enumerate(PLANTED_WORDS[:4]):
        assert word in names(model)[id_] and model.relations_[id_].named_by == "text"
    model.set_names({3: "writes"}).merge([1, 3])
    assert names(model)[1] == "writes", "the only name of one's own in the group"
    model = fitted().set_names({1: "founds", 3: "writes"}).merge([1, 3])
    assert names(model)[1] == "founds", "that of the id that stays"
    model = fitted().set_names({2: "plays for", 3: "writes"}).merge([1, 2, 3])
    assert model.relations_[1].named_by == "text", "two names and none of the id that stays"


def test_a_name_of_ones_own_that_the_text_would_give_to_another_stays_unique() -> None:
    plain = fitted()
    taken = names(plain)[1]
    model = fitted().set_names({1: "x", 0: taken}).delete([3])
    model.merge([0, 2])
    assert names(model)[0] == taken and len(set(names(model).values())) == 2
    renamed = fitted().set_names({0: "plays for this"}).split(0)
    assert names(renamed)[0] == "plays for this" and len(set(names(renamed).values())) == 5


def test_results_given_before_an_edit_are_as_they_were() -> None:
    model = fitted()
    before = model.result()
    content = json.dumps(before.to_dict())
    model.merge([0, 1]).delete([2]).split(0)
    model.partial_fit([{**INSTANCES[0], "id": "new"}], EMBEDDINGS[:1])
    assert json.dumps(before.to_dict()) == content


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: m.merge([0]), "at least two ids"),
        (lambda m: m.merge([]), "at least two ids"),
        (lambda m: m.merge([0, 0]), "relation 0 twice"),
        (lambda m: m.merge([[0, 1], [1, 2]]), "relation 1 twice"),
        (lambda m: m.merge([0, 9]), "no relation 9; the ids are 0, 1, 2, 3"),
        (lambda m: m.merge([0, -1]), "no relation -1"),
        (lambda m: m.merge([0, True]), "no relation True"),
        (lambda m: m.merge("01"), "list of relation ids, got '01'"),
        (lambda m: m.merge(3), "list of relation ids, got 3"),
        (lambda m: m.merge([0, "1"]), "no relation '1'"),
        (lambda m: m.delete([]), "at least one id"),
        (lambda m: m.delete([0, 1, 2, 3]), "would leave no relation"),
        (lambda m: m.delete([1, 1]), "relation 1 twice"),
        (lambda m: m.delete(1), "list of relation ids, got 1"),
        (lambda m: m.delete([7]), "no relation 7"),
        (lambda m: m.split(7), "no relation 7"),
        (lambda m: m.split(0, 1), "from 2 up, got 1"),
        (lambda m: m.split(0, True), "from 2 up, got True"),
        (lambda m: m.split(0, 2.0), "from 2 up, got 2.0"),
        (lambda m: m.split(0, "many"), "from 2 up, got 'many'"),
        (lambda m: m.split(3, 5), "4 distinct instances; it cannot be split into 5"),
        (lambda m: m.set_names({0: "a", 9: "b"}), "no relation id"),
        (lambda m: m.set_names({0: "a", 1: "a"}), "both be called 'a'"),
        (lambda m: m.set_names({0: " "}), "not blank"),
    ],
)
def test_refused_edits_change_nothing(edit: Any, message: str) -> None:
    model = fitted()
    before = model.result().to_dict(), model.centers_.tolist()
    with pytest.raises(UsageError, match=message):
        edit(model)
    assert (model.result().to_dict(), model.centers_.tolist()) == before


def test_numpy_ids_are_ids_and_a_single_instance_cannot_be_split() -> None:
    model = fitted().merge(np.array([0, 1])).delete(np.array([3]))
    assert model.split(np.int64(0)).labels_.max() == 4  # type: ignore[arg-type]
    lonely = RelationDiscovery(num_relations=2, n_init=2).fit(np.array([[1.0, 0], [1, 0], [0, 1]]))
    for number in (2, "auto"):
        with pytest.raises(UsageError, match="Relation 0 has 1 distinct instances"):
            lonely.split(0, number)


def test_the_error_for_an_unknown_id_lists_the_ids_with_their_gaps() -> None:
    with pytest.raises(UsageError, match=r"the key 1, which is no relation id; the ids are 0, 2, 3"):
        fitted().delete([1]).set_names({1: "a"})


def test_files_of_the_first_format_load(tmp_path: Path) -> None:
    """Version 1 kept reference rows with their labels (or, after k-means, only centres) and no corpus."""
    for algorithm in ("kmeans", "agglomerative"):
        folder = tmp_path / algorithm
        model = fitted(algorithm=algorithm)
        expected = model.predict(INSTANCES, EMBEDDINGS)
        model.save_pretrained(folder, corpus=False)
        arrays = load_file(folder / "discovery.safetensors")
        tree = {key: arrays.pop(key) for key in list(arrays) if key.startswith("fitted.tree.")}
        del arrays["fitted.unlike"]
        if algorithm != "kmeans":
            arrays["fitted.reference"] = tree["fitted.tree.points"]
            arrays["fitted.reference_labels"] = tree["fitted.tree.targets"]
        save_file(arrays, folder / "discovery.safetensors")
        content = json.loads((folder / "discovery.json").read_text())
        del content["sha256"], content["fitted"]["next_id"], content["pair_weighting"]
        content["format_version"] = 1
        for relation in content["fitted"]["relations"]:
            for key in ("kind", "named_by", "description"):
                del relation[key]
        (folder / "discovery.json").write_text(json.dumps(content))
        loaded = RelationDiscovery.from_pretrained(folder)
        found = loaded.predict(INSTANCES, EMBEDDINGS)
        assert found.labels.tolist() == expected.labels.tolist() and np.array_equal(found.scores, expected.scores)
        with pytest.raises(UsageError, match="by an older version"):
            loaded.merge([0, 1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda arrays, rows: arrays.update({"fitted.vectors": arrays["fitted.vectors"][:-1]}),
        lambda arrays, rows: arrays.update({"fitted.vectors": arrays["fitted.vectors"] * np.nan}),
        lambda arrays, rows: arrays.pop("fitted.vectors"),
        lambda arrays, rows: arrays.update({"fitted.unlike": arrays["fitted.unlike"].astype(np.int64)}),
        lambda arrays, rows: arrays.update({"fitted.tree.targets": arrays["fitted.tree.targets"] - 3}),
        lambda arrays, rows: arrays.update({"fitted.tree.targets": arrays["fitted.tree.targets"] * 0}),
        lambda arrays, rows: arrays.pop("fitted.tree.nodes"),
        lambda arrays, rows: rows.pop(),
        lambda arrays, rows: rows.append({"id": "extra"}),
        lambda arrays, rows: rows[3].pop("text"),
        lambda arrays, rows: rows[3].update(id=rows[2]["id"]),
        lambda arrays, rows: rows[3]["head"].update(end=10_000),
    ],
)
def test_damaged_corpora_and_trees_are_noticed(damage: Any, tmp_path: Path) -> None:
    from hf_relation.data.files import digest_of_file

    fitted().save_pretrained(tmp_path)
    arrays = load_file(tmp_path / "discovery.safetensors")
    rows = [json.loads(line) for line in (tmp_path / "discovery_corpus.jsonl").read_text().splitlines()]
    damage(arrays, rows)
    save_file(arrays, tmp_path / "discovery.safetensors")
    (tmp_path / "discovery_corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    content = json.loads((tmp_path / "discovery.json").read_text())
    with pytest.raises(CheckpointError, match="damaged or was changed"):
        RelationDiscovery.from_pretrained(tmp_path)
    content["sha256"] = {name: digest_of_file(tmp_path / name) for name in content["sha256"]}  # made to fit
    (tmp_path / "discovery.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="damaged"):
        RelationDiscovery.from_pretrained(tmp_path)
