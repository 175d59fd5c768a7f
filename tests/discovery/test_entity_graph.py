from __future__ import annotations

import numpy as np
import pytest

from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
from hf_relation.discovery.entity_graph import entity_graph
from hf_relation.errors import UsageError
from tests.common.tiny_reports import bare_result
from tests.common.tiny_tokenizers import make_instance


def _result(pairs: list[tuple[str, str, int]]) -> DiscoveryResult:
    rows = [make_instance(f"<h>{head}</h> and <t>{tail}</t>", id=str(i)) for i, (head, tail, _) in enumerate(pairs)]
    labels = np.array([label for _, _, label in pairs])
    relations = [DiscoveredRelation(id_, f"r{id_}", [], 1, 1.0) for id_ in sorted({*labels.tolist()} - {-1})]
    return DiscoveryResult(rows, labels, np.ones(len(rows)), relations)


def test_entities_edges_and_counts() -> None:
    graph = entity_graph(_result([("a", "b", 0), ("A", "b", 0), ("b", "c", 3), ("d", "e", -1), ("c", "c", 0)]))
    named = {(graph.names[head], graph.names[tail], id_, count) for head, tail, id_, count in graph.edges}
    assert named == {("a", "b", 0, 2), ("b", "c", 3, 1)}
    assert dict(zip(graph.names, graph.degrees, strict=True)) == {"a": 1, "b": 2, "c": 1}
    assert graph.note == "All 3 entities and 2 edges."


def test_of_many_those_with_most_neighbours_are_shown() -> None:
    star = [("hub", f"leaf{i}", 0) for i in range(6)]
    pairs = [(f"x{i}", f"y{i}", 0) for i in range(20)]
    graph = entity_graph(_result(pairs + star), max_entities=7)
    assert sorted(graph.names) == ["hub", *(f"leaf{i}" for i in range(6))]
    assert graph.note == "7 of 47 entities and 6 of 26 edges: those with the most neighbours."


def test_places_do_not_fall_together_and_stay() -> None:
    result = _result([(f"a{i % 5}", f"b{i}", 0) for i in range(20)])
    graph, again = entity_graph(result), entity_graph(result)
    places = np.array(graph.places)
    apart = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2)) + 9 * np.eye(len(places))
    assert apart.min() > 0.05 and graph == again


def test_no_texts_and_no_edges() -> None:
    with pytest.raises(UsageError, match="mentions"):
        entity_graph(bare_result())
    assert entity_graph(_result([("a", "a", 0)])).edges == []
