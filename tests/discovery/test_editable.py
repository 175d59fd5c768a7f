"""Random sequences of edits on small corpora: what must hold after every one of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from hf_relation.clustering import WithinClassWhitening
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import HfRelationError, UsageError
from tests.common.planted import planted_corpus


ALGORITHMS: dict[str, dict[str, Any]] = {
    "kmeans": {"num_relations": 4, "n_init": 2},
    "agglomerative": {"num_relations": 4},
    "adaptive": {"num_relations": 4, "n_init": 2},
    "mean_shift": {"algorithm_kwargs": {"bandwidth": 0.7}},
    "hdbscan": {"algorithm_kwargs": {"min_cluster_size": 4}},
}
INSTANCES, EMBEDDINGS, GOLD = planted_corpus((14, 11, 8, 6, 5), noise=0.25, dim=8)
FIRST = 30  # the rest comes later


def fitted(algorithm: str, rows: int = FIRST, **settings: Any) -> RelationDiscovery:
    model = RelationDiscovery(algorithm=algorithm, **(ALGORITHMS[algorithm] | settings))  # type: ignore[arg-type]
    return model.fit(INSTANCES[:rows], EMBEDDINGS[:rows])


def check(model: RelationDiscovery, seen: set[int]) -> None:
    """`seen` holds all ids there ever were; it is added to."""
    rows = len(model.labels_)
    corpus = INSTANCES[:rows], EMBEDDINGS[:rows]
    again = model.predict(*corpus)
    assert again.labels.tolist() == model.labels_.tolist(), "predict on the corpus is the corpus"
    np.testing.assert_allclose(again.scores, model.scores_, atol=2e-6)
    result = model.result()
    assert result.to_dict()["instances"] == [
        {"id": INSTANCES[i]["id"], "label": label, "score": score}
        for i, (label, score) in enumerate(zip(model.labels_.tolist(), model.scores_.tolist(), strict=True))
    ]
    ids = [relation.id for relation in model.relations_]
    assert ids == sorted(set(ids)) and set(model.labels_.tolist()) <= {-1, *ids}
    assert [relation.size for relation in model.relations_] == [int((model.labels_ == id_).sum()) for id_ in ids]
    assert model.centers_.shape[0] == len(ids) and np.isfinite(model.centers_).all()
    names = [relation.name for relation in model.relations_]
    assert len(set(names)) == len(names) and all(name.strip() for name in names)
    assert ((model.scores_ >= 0) & (model.scores_ <= 1)).all() and not model.scores_[model.labels_ < 0].any()
    for relation in model.relations_:
        assert {example["id"] for example in relation.examples} <= {
            INSTANCES[i]["id"] for i in np.flatnonzero(model.labels_ == relation.id)
        }
        assert relation.inverse_of in (None, *ids)
    seen |= set(ids)


def snapshot(model: RelationDiscovery) -> Any:
    return copy.deepcopy(
        (model.result().to_dict(), model.centers_.tolist(), model._fitted.next_id, len(model.events_))
    )  # type: ignore[union-attr]


EDIT = st.tuples(st.sampled_from(["merge", "split", "delete", "grow", "name", "nonsense"]), st.integers(0, 10_000))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@example(edits=[("merge", 225), ("split", 0), ("merge", 0), ("merge", 0), ("split", 0)])
@given(edits=st.lists(EDIT, min_size=1, max_size=6))
def test_after_any_edits_predict_is_the_corpus_and_ids_are_never_used_again(
    algorithm: str, edits: list[tuple[str, int]]
) -> None:
    model = fitted(algorithm)
    seen: set[int] = set()
    given_names: dict[int, str] = {}
    check(model, seen)
    for edit, number in edits:
        ids = [relation.id for relation in model.relations_]
        rng = np.random.default_rng(number)
        before, known_before = snapshot(model), set(seen)
        old = {relation.id: np.flatnonzero(model.labels_ == relation.id) for relation in model.relations_}
        chosen = rng.permutation(ids)[: 2 + number % 2].tolist()
        done = True
        try:
            if edit == "merge":
                model.merge(chosen)
            elif edit == "split":
                model.split(chosen[0] if chosen else 0, 2 + number % 2)
            elif edit == "delete":
                model.delete(chosen[:1])
            elif edit == "grow":
                more = slice(len(model.labels_), len(model.labels_) + number % 9)
                model.partial_fit(INSTANCES[more], EMBEDDINGS[more], min_new_relation=3)
            elif edit == "name":
                model.set_names({chosen[0] if chosen else 0: f"mine {number}"})
            else:
                model.delete([max([*seen, 0]) + 1])
        except HfRelationError:
            done = False
            assert snapshot(model) == before, "a refused edit changes nothing"
        check(model, seen)
        now = {relation.id: relation for relation in model.relations_}
        if done and edit == "merge":
            kept = min(chosen)
            assert set(now) == set(ids) - set(chosen) | {kept}
            members = np.sort(np.concatenate([old[id_] for id_ in chosen]))
            assert np.flatnonzero(model.labels_ == kept).tolist() == members.tolist()
            held = [given_names[id_] for id_ in chosen if id_ in given_names]
            mine = given_names.get(kept, held[0] if len(held) == 1 else None)
            given_names = {id_: name for id_, name in given_names.items() if id_ not in chosen}
            if mine is not None:
                given_names[kept] = mine
        elif done and edit == "delete":
            assert set(now) == set(ids) - {chosen[0]}
            assert (model.labels_[old[chosen[0]]] == -1).all()
            given_names.pop(chosen[0], None)
        elif done and edit == "split":
            parts = sorted({*model.labels_[old[chosen[0]]].tolist()})
            assert len(parts) == 2 + number % 2 and parts[0] >= 0 and chosen[0] in parts
            assert not (set(parts) - {chosen[0]}) & known_before, "new ids are new"
            assert now[chosen[0]].size == max(now[part].size for part in parts)
        elif done and edit == "name":
            given_names[chosen[0]] = f"mine {number}"
        if done and edit in ("merge", "delete", "split"):
            for id_ in set(ids) - set(chosen if edit == "merge" else chosen[:1]):
                assert np.flatnonzero(model.labels_ == id_).tolist() == old[id_].tolist(), "others are left alone"
        for id_, name in given_names.items():
            assert (now[id_].name, now[id_].named_by) == (name, "user")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_edits_go_on_after_loading_as_they_would_have_without(algorithm: str, tmp_path: Path) -> None:
    whitening = WithinClassWhitening().fit(EMBEDDINGS, GOLD)
    model = fitted(algorithm, transform=whitening, pca_components=4)
    ids = [relation.id for relation in model.relations_]
    model.set_names({ids[-1]: "mine"}).partial_fit(INSTANCES[FIRST:40], EMBEDDINGS[FIRST:40], min_new_relation=3)
    if model.relations_[0].size > 3:
        model.split(ids[0])
    if len(model.relations_) > 2:
        model.merge(ids[:2])
    model.save_pretrained(tmp_path / "one")
    loaded = RelationDiscovery.from_pretrained(tmp_path / "one")
    assert snapshot(loaded)[:3] == snapshot(model)[:3]
    for one in (model, loaded):
        one.partial_fit(INSTANCES[40:], EMBEDDINGS[40:], min_new_relation=3)
        if len(one.relations_) > 1:
            one.delete([one.relations_[-1].id])
        if len(one.relations_) > 1:
            one.merge([one.relations_[0].id, one.relations_[-1].id])
        check(one, set())
    assert snapshot(loaded)[:3] == snapshot(model)[:3]
    for name, one in (("two", model), ("three", loaded)):
        one.save_pretrained(tmp_path / name)
    for path in (tmp_path / "two").iterdir():
        assert path.read_bytes() == (tmp_path / "three" / path.name).read_bytes()


def test_without_the_corpus_prediction_works_and_edits_say_what_is_missing(tmp_path: Path) -> None:
    model = fitted("kmeans").delete([3])
    model.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path, corpus=False)  # the instances of the first time go
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "README.md",
        "discovery.json",
        "discovery.safetensors",
    ]
    loaded = RelationDiscovery.from_pretrained(tmp_path)
    expected = model.predict(INSTANCES, EMBEDDINGS)
    assert loaded.predict(INSTANCES, EMBEDDINGS).to_dict() == expected.to_dict()
    assert loaded.labels_.tolist() == model.labels_.tolist()
    for edit in (
        lambda: loaded.merge([0, 1]),
        lambda: loaded.split(0),
        lambda: loaded.delete([0]),
        lambda: loaded.partial_fit(INSTANCES[FIRST:], EMBEDDINGS[FIRST:]),
        loaded.result,
    ):
        with pytest.raises(
            UsageError, match=r"saved with corpus=False or by an older version, or is a sharded one. Fit again"
        ):
            edit()
    assert loaded.set_names({0: "mine"}).predict(INSTANCES[:1], EMBEDDINGS[:1]).relation(0).name == "mine"
    loaded.save_pretrained(tmp_path / "again")
    assert not (tmp_path / "again" / "discovery_corpus.jsonl").exists()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_order_of_rows_does_not_matter_to_edits(algorithm: str) -> None:
    order = np.random.default_rng(3).permutation(FIRST)
    one = fitted(algorithm)
    other = RelationDiscovery(algorithm=algorithm, **ALGORITHMS[algorithm])  # type: ignore[arg-type]
    other.fit([INSTANCES[i] for i in order], EMBEDDINGS[order])
    late = np.arange(FIRST, len(INSTANCES))
    for model, later in ((one, late), (other, late[::-1])):
        ids = [relation.id for relation in model.relations_]
        model.split(ids[0]).merge(ids[1:3])
        model.partial_fit([INSTANCES[i] for i in later], EMBEDDINGS[later], min_new_relation=3)
        model.delete([ids[0]])
    assert other.labels_[: len(order)].tolist() == one.labels_[order].tolist()
    assert other.labels_[len(order) :].tolist() == one.labels_[FIRST:][::-1].tolist()
    assert [(r.id, r.name, r.size) for r in other.relations_] == [(r.id, r.name, r.size) for r in one.relations_]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_duplicates_share_a_label_through_all_edits(algorithm: str) -> None:
    twice = [{**row, "id": row["id"] + mark} for mark in ("", "-again") for row in INSTANCES[:FIRST]]
    model = RelationDiscovery(algorithm=algorithm, **ALGORITHMS[algorithm])  # type: ignore[arg-type]
    model.fit(twice, np.concatenate([EMBEDDINGS[:FIRST]] * 2))
    ids = [relation.id for relation in model.relations_]
    for edit in (
        lambda: model.split(ids[0]),
        lambda: model.merge(ids[:2]),
        lambda: model.delete([ids[0]]),
        lambda: model.partial_fit([{**row, "id": row["id"] + "-3"} for row in INSTANCES], EMBEDDINGS),
    ):
        edit()
        assert model.labels_[:FIRST].tolist() == model.labels_[FIRST : 2 * FIRST].tolist()
        assert model.scores_[:FIRST].tolist() == model.scores_[FIRST : 2 * FIRST].tolist()
    assert model.labels_[2 * FIRST : 3 * FIRST].tolist() == model.labels_[:FIRST].tolist()


def test_nothing_is_edited_before_fit() -> None:
    from sklearn.exceptions import NotFittedError

    model = RelationDiscovery()
    for edit in (
        lambda: model.merge([0, 1]),
        lambda: model.split(0),
        lambda: model.delete([0]),
        lambda: model.set_names({0: "a"}),
        model.result,
    ):
        with pytest.raises(NotFittedError):
            edit()
