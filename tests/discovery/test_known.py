from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hf_relation.discovery import KnownRelations, OpenWorldGate, RelationDiscovery
from hf_relation.discovery.known import read_known
from hf_relation.discovery.state import DiscoveryState, read_state, write_state
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError


NAMES = ("born in", "capital of", "founder", "spouse")
NO_RELATION = 11  # the axis that pairs without a relation point along
Rows = tuple[list[dict[str, Any]], np.ndarray]


def rows(axis: int, number: int, prefix: str, *, seed: int = 0) -> Rows:
    generator = np.random.default_rng((seed, axis, number))
    instances = [
        {
            "id": f"{prefix}{axis}-{i}",
            "text": f"Ada{axis} verb{axis} Bob{i}",
            "head": {"start": 0, "end": 3 + len(str(axis))},
            "tail": {"start": 9 + 2 * len(str(axis)), "end": 12 + 2 * len(str(axis)) + len(str(i))},
        }
        for i in range(number)
    ]
    return instances, np.eye(12)[[axis] * number] + 0.08 * generator.normal(size=(number, 12))


def joined(*parts: Rows) -> Rows:
    return [row for part in parts for row in part[0]], np.concatenate([part[1] for part in parts])


def known(number: int = 8, names: tuple[str, ...] = NAMES) -> KnownRelations:
    instances, embeddings = joined(*(rows(axis, number, "k") for axis in range(len(names))))
    labelled = [{**row, "relations": [names[place // number]]} for place, row in enumerate(instances)]
    negatives, unrelated = rows(NO_RELATION, 20, "n")
    return KnownRelations(labelled, embeddings, negatives, unrelated)


CORPUS = joined(
    rows(1, 20, "c", seed=1),  # capital of
    rows(5, 30, "c", seed=1),  # novel
    rows(6, 24, "c", seed=1),  # novel
    rows(NO_RELATION, 9, "c", seed=1),
    rows(3, 6, "c", seed=1),  # spouse
)
GOLD = np.repeat([1, 4, 5, -1, 3], [20, 30, 24, 9, 6])


def fitted(**settings: Any) -> RelationDiscovery:
    return RelationDiscovery(**({"num_relations": 2} | settings)).fit(*CORPUS, known=known())


@pytest.mark.parametrize("algorithm", ["kmeans", "agglomerative"])
def test_known_relations_have_the_first_ids_novel_ones_follow_and_the_rest_is_left_out(algorithm: str) -> None:
    discovery = fitted(algorithm=algorithm)
    result = discovery.result()
    assert result.labels.tolist() == GOLD.tolist()
    assert [(r.id, r.kind, r.size) for r in result.relations] == [
        *((0, "known", 0), (1, "known", 20), (2, "known", 0), (3, "known", 6)),
        *((4, "novel", 30), (5, "novel", 24)),
    ]
    assert [relation.name for relation in result.relations[:4]] == list(NAMES)
    assert {relation.named_by for relation in result.relations[:4]} == {"known"}
    assert result.kinds is not None and result.probabilities is not None and result.confidence is not None
    assert result.kinds.tolist() == ["known"] * 20 + ["novel"] * 54 + ["none"] * 9 + ["known"] * 6
    assert np.allclose(result.probabilities.sum(axis=1), 1, atol=1e-5)
    column = {"known": 0, "novel": 1, "none": 2}
    of_kind = result.probabilities[np.arange(len(GOLD)), [column[kind] for kind in result.kinds]]
    novel = result.kinds == "novel"
    assert np.allclose(result.confidence[novel], of_kind[novel])
    assert (result.confidence <= of_kind + 1e-6).all() and (result.confidence[~novel] > 0.3).all()


def test_predict_gives_what_fit_gave_and_loading_changes_nothing(tmp_path: Path) -> None:
    discovery = fitted(pca_components=8)
    before = discovery.result()
    discovery.save_pretrained(tmp_path)
    for model in (discovery, RelationDiscovery.from_pretrained(tmp_path)):
        found = model.predict(*CORPUS)
        assert np.array_equal(found.labels, before.labels) and np.array_equal(found.scores, before.scores)
        assert np.array_equal(found.kinds, before.kinds) and np.array_equal(found.confidence, before.confidence)
        part = model.predict(CORPUS[0][18:33], CORPUS[1][18:33])
        assert np.array_equal(part.labels, before.labels[18:33])
        assert np.array_equal(part.probabilities, before.probabilities[18:33])
    loaded = RelationDiscovery.from_pretrained(tmp_path)
    assert loaded.split(4).delete([5]).result().labels.tolist() == discovery.split(4).delete([5]).labels_.tolist()


def test_edits_of_novel_relations_leave_known_ones_alone_and_known_ones_cannot_be_edited() -> None:
    discovery = fitted().split(4, 2)
    assert sorted(set(discovery.labels_.tolist())) == [-1, 1, 3, 4, 5, 6]
    discovery.merge([4, 6]).delete([5])
    assert discovery.labels_.tolist() == np.where(GOLD == 5, -1, GOLD).tolist()
    assert np.array_equal(discovery.predict(*CORPUS).labels, discovery.labels_)
    assert [r.name for r in discovery.relations_[:4]] == list(NAMES)
    for edit in (
        lambda: discovery.merge([0, 4]),
        lambda: discovery.merge([0, 1]),
        lambda: discovery.split(1),
        lambda: discovery.delete([3]),
    ):
        with pytest.raises(UsageError, match="known relation, whose id and meaning are fixed"):
            edit()


def test_instances_that_come_later_are_judged_by_the_gate_and_can_open_a_relation() -> None:
    discovery = fitted()
    later = joined(rows(3, 5, "l", seed=2), rows(NO_RELATION, 4, "l", seed=2), rows(8, 25, "l", seed=2))
    expected = discovery.predict(*later)
    assert expected.labels[:9].tolist() == [3] * 5 + [-1] * 4
    novel = int((expected.kinds[9:] == "novel").sum())
    discovery.partial_fit(*later, min_new_relation=novel)
    assert [event.relation for event in discovery.events_] == [6]
    assert discovery.labels_[: len(GOLD)].tolist() == GOLD.tolist()
    assert discovery.labels_[len(GOLD) :].tolist() == np.where(expected.labels >= 4, 6, expected.labels).tolist()
    assert np.array_equal(discovery.predict(*joined(CORPUS, later)).labels, discovery.labels_)


def test_another_discovery_is_taken_over_through_the_gate() -> None:
    here = fitted()
    there = RelationDiscovery(num_relations=3).fit(
        *joined(rows(1, 15, "t", seed=3), rows(5, 12, "t", seed=3), rows(9, 11, "t", seed=3))
    )
    there.set_names({0: "seat of government", 2: "ninth"})
    assert here.merge_with(there, there.result().vectors) == {0: 1, 1: 4, 2: 6}
    assert [(r.id, r.name) for r in here.relations_ if r.id in (1, 6)] == [(1, "capital of"), (6, "ninth")]
    assert len(here.labels_) == len(GOLD) + 38


def test_the_order_of_the_corpus_does_not_matter() -> None:
    order = np.random.default_rng(5).permutation(len(GOLD))
    shuffled = RelationDiscovery(num_relations=2).fit(
        [CORPUS[0][place] for place in order], CORPUS[1][order], known=known()
    )
    assert shuffled.labels_.tolist() == GOLD[order].tolist()


def test_without_novel_instances_there_are_known_relations_only() -> None:
    corpus = joined(rows(1, 20, "c", seed=1), rows(3, 6, "c", seed=1))
    discovery = RelationDiscovery().fit(*corpus, known=known())
    assert discovery.labels_.tolist() == [1] * 20 + [3] * 6
    assert [relation.kind for relation in discovery.relations_] == ["known"] * 4
    assert discovery.predict(*CORPUS).labels.tolist() == np.where(GOLD > 3, -1, GOLD).tolist()
    with pytest.raises(UsageError, match="0 of 26 instances are of novel relations; `num_relations` is 2"):
        RelationDiscovery(num_relations=2).fit(*corpus, known=known())


def test_gold_labels_of_the_corpus_are_not_read() -> None:
    wrong = [{**row, "relations": ["spouse"]} for row in CORPUS[0]]
    assert RelationDiscovery(num_relations=2).fit(wrong, CORPUS[1], known=known()).labels_.tolist() == GOLD.tolist()


def test_known_relations_of_a_checkpoint(tmp_path: Path) -> None:
    gate = fitted()._fitted.gated.gate  # type: ignore[union-attr]
    write_state(tmp_path, DiscoveryState({"num_relations": 2}, gate=gate))
    stored = read_state(tmp_path)
    assert stored is not None and stored.gate is not None and stored.gate.relations == list(NAMES)
    discovery = RelationDiscovery.from_pretrained(tmp_path)
    with pytest.raises(UsageError, match="No known relations are stored"):
        RelationDiscovery().fit(*CORPUS, known="checkpoint")
    with pytest.raises(UsageError, match='or "checkpoint", got "?\'?other'):
        discovery.fit(*CORPUS, known="other")
    content = json.loads((tmp_path / "discovery.json").read_text())
    content["gate"]["relations"] = content["gate"]["relations"][:2]
    (tmp_path / "discovery.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError):
        read_state(tmp_path)


def test_what_known_may_be() -> None:
    row = CORPUS[0][0]
    assert [r["relations"] for r in read_known([{**row, "relations": ["a"]}]).instances] == [["a"]]
    by_name = read_known({"a": [{**row, "relations": ["ignored"]}], "b": CORPUS[0][1:3]})
    assert [r["relations"] for r in by_name.instances] == [["a"], ["b"], ["b"]]
    for wrong, message in (
        ([], "holds no instance"),
        ({}, "holds no instance"),
        ([row], r"Row 0 of `known` has the relations \[\]"),
        ([{**row, "relations": ["a", "b"]}], "must have exactly one"),
        ({" ": [row]}, "names of relations"),
        (KnownRelations([{**row, "relations": ["a"]}], negatives="some"), '"shuffled", instances or None'),
    ):
        with pytest.raises(UsageError, match=message):
            read_known(wrong)
    with pytest.raises(InvalidRowError, match="row 0"):
        read_known([{"id": "a"}])


def test_known_rows_need_embeddings_or_an_encoder() -> None:
    given = known()
    with pytest.raises(UsageError, match="no encoder to embed the known instances"):
        RelationDiscovery(num_relations=2).fit(*CORPUS, known=list(given.instances))
    with pytest.raises(UsageError, match="32 instances, 5 rows"):
        RelationDiscovery(num_relations=2).fit(*CORPUS, known=KnownRelations(given.instances, given.embeddings[:5]))


def test_kind_and_confidence_are_written_down(tmp_path: Path) -> None:
    result = fitted().merge([4, 5]).result()
    table = result.to_pandas()
    assert table["kind"].tolist() == result.kinds.tolist() and table["relation"].tolist()[-1] == "spouse"  # type: ignore[union-attr]
    lines = (result.export(tmp_path / "found.jsonl")).read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["kind"] for row in rows] == table["kind"].tolist()
    assert [row["relation"] for row in rows] == [name if isinstance(name, str) else None for name in table["relation"]]
    assert rows[0]["confidence"] == pytest.approx(float(result.confidence[0]))  # type: ignore[index]
    csv_lines = result.export(tmp_path / "found.csv").read_text().splitlines()
    assert csv_lines[0].endswith(",tail_end,kind,confidence") and ",known,0." in csv_lines[1]
    frame = pd.read_parquet(result.export(tmp_path / "found.parquet"))
    assert frame["kind"].tolist() == table["kind"].tolist()
    assert result.to_dict()["instances"][25]["kind"] == "novel"


def test_the_gate_is_told_from_which_sentence_a_pair_without_a_relation_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    fit = OpenWorldGate.fit

    def noted(self: OpenWorldGate, *args: Any, **more: Any) -> OpenWorldGate:
        told.append(more["negative_sources"])
        return fit(self, *args, **more)

    monkeypatch.setattr(OpenWorldGate, "fit", noted)
    labelled, embeddings = rows(0, 6, "a")
    pairs = [{**labelled[2], "id": "x"}, *rows(7, 1, "y")[0], {**labelled[5], "id": "z"}]
    labelled = [{**row, "relations": ["a"]} for row in labelled]
    RelationDiscovery(num_relations=1).fit(*CORPUS, known=KnownRelations(labelled, embeddings, pairs, embeddings[:3]))
    assert told == [[2, -1, 5]]
