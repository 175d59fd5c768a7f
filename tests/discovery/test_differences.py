from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from hf_relation.discovery import DiscoveredRelation, DiscoveryResult, RelationDiscovery, compare_results
from hf_relation.errors import UsageError
from tests.common.planted import planted_corpus


def result(labels: dict[str, int], names: dict[int, str]) -> DiscoveryResult:
    values = np.array(list(labels.values()), dtype=np.int64)
    relations = [
        DiscoveredRelation(id_, name, [], int((values == id_).sum()), 1.0) for id_, name in sorted(names.items())
    ]
    return DiscoveryResult([{"id": id_} for id_ in labels], values, np.zeros(len(values)), relations)


BEFORE = result(
    {"a": 0, "b": 0, "c": 0, "d": 1, "e": 1, "f": 4, "g": -1, "x": 4},
    {0: "born in", 1: "founded", 4: "near | of"},
)
AFTER = result(
    {"y": 7, "f": 7, "e": 1, "d": 0, "c": 3, "b": 3, "a": 3, "g": 3, "z": 3},
    {0: "leads", 1: "founded", 3: "birth", 7: "beside"},
)


def test_every_kind_of_change_by_hand() -> None:
    difference = compare_results(BEFORE, AFTER)
    # 0 and 3 share a, b, c; 4 and 7 share f; 1 shares d with 0 and e with 1, and keeps its id.
    assert [(m.before, m.after, m.size_before, m.size_after, m.shared) for m in difference.matched] == [
        (0, 3, 3, 5, 3),
        (1, 1, 2, 1, 1),
        (4, 7, 2, 2, 1),
    ]
    assert (difference.new, difference.gone) == ({0: "leads"}, {})
    assert [(m.name_before, m.name_after) for m in difference.renamed] == [
        ("born in", "birth"),
        ("near | of", "beside"),
    ]
    assert [m.before for m in difference.grown] == [0] and [m.before for m in difference.shrunk] == [1]
    assert [(m.id, m.before, m.after, m.name_before, m.name_after) for m in difference.moved] == [
        ("d", 1, 0, "founded", "leads"),
        ("g", -1, 3, None, "birth"),
    ]
    assert (difference.added, difference.removed, difference.num_shared) == (["y", "z"], ["x"], 7)
    assert difference.adjusted_rand_index == adjusted_rand_score([0, 0, 0, 1, 1, 4, -1], [3, 3, 3, 0, 1, 7, 3])
    assert json.loads(json.dumps(difference.to_dict()))["new"] == [{"id": 0, "name": "leads"}]
    assert str(difference).splitlines() == [
        f"7 instances in both, 2 moved, 2 added, 1 removed; adjusted Rand index {difference.adjusted_rand_index:.3f}",
        "change          before       after      size",
        "new                          0 leads",
        "renamed, grown  0 born in    3 birth    3 -> 5",
        "shrunk          1 founded    1 founded  2 -> 1",
        "renamed         4 near | of  7 beside   2 -> 2",
    ]


def test_a_result_and_itself_do_not_differ_whatever_the_order_of_its_rows() -> None:
    order = [3, 1, 0, 2, 7, 6, 5, 4]
    rows = [BEFORE.instances[i] for i in order]
    shuffled = DiscoveryResult(rows, BEFORE.labels[order], BEFORE.scores[order], BEFORE.relations)
    for other in (BEFORE, shuffled):
        same = compare_results(BEFORE, other)
        assert same.adjusted_rand_index == 1
        assert not any(
            (same.new, same.gone, same.renamed, same.grown, same.shrunk, same.moved, same.added, same.removed)
        )
        assert str(same).count("\n") == 0


def test_the_match_shares_as_many_instances_as_possible() -> None:
    # Greedily 0-5 (4 shared) would be taken first, which leaves 1-6 with none: 4 in all. The best is 3 + 3.
    labels = {f"i{i}": label for i, label in enumerate([0] * 7 + [1] * 3)}
    new = {f"i{i}": label for i, label in enumerate([5] * 4 + [6] * 3 + [5] * 3)}
    matched = compare_results(result(labels, {0: "a", 1: "b"}), result(new, {5: "c", 6: "d"})).matched
    assert [(m.before, m.after, m.shared) for m in matched] == [(0, 6, 3), (1, 5, 3)]


def test_edits_and_growth_of_a_discovery() -> None:
    instances, embeddings, _ = planted_corpus((12, 9, 6))
    discovery = RelationDiscovery(num_relations=3, n_init=3).fit(instances[:20], embeddings[:20])
    start = discovery.result()
    grown = compare_results(start, discovery.partial_fit(instances[20:], embeddings[20:]).result())
    assert grown.added == [row["id"] for row in instances[20:]] and not grown.moved and not grown.removed
    full = discovery.result()
    deleted = compare_results(full, discovery.delete([2]).result())
    assert list(deleted.gone) == [2] and {move.after for move in deleted.moved} == {-1}
    assert len(deleted.moved) == full.relation(2).size


def test_nothing_in_common_and_empty_results() -> None:
    empty = result({}, {})
    assert compare_results(empty, empty).adjusted_rand_index is None
    assert str(compare_results(empty, empty)).endswith("adjusted Rand index -")
    apart = compare_results(result({"a": 0}, {0: "x", 1: "y"}), result({"b": 0}, {0: "x", 1: "z"}))
    assert [m.before for m in apart.matched] == [0], "one id and one name is one relation"
    assert (apart.gone, apart.new) == ({1: "y"}, {1: "z"})
    assert list(compare_results(BEFORE, empty).gone) == [0, 1, 4]


def test_an_id_twice_is_refused() -> None:
    twice = DiscoveryResult([{"id": "a"}] * 2, np.array([0, 0]), np.zeros(2), [DiscoveredRelation(0, "x", [], 2, 1.0)])
    with pytest.raises(UsageError, match=r"`after` has the id 'a' twice \(rows 0 and 1\)"):
        compare_results(BEFORE, twice)
