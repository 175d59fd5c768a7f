"""The part of a result's graph that fits a picture: entities with many triples, and their neighbours."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hf_relation.discovery.graph_exports import relation_graph


if TYPE_CHECKING:
    from hf_relation.discovery.result import DiscoveryResult

_NEIGHBORS = 8


@dataclass(frozen=True)
class EntityGraph:
    """Entities on a plane, joined by relations.

    Args:
        names (`list[str]`): the commonest spelling of each entity.
        degrees (`list[int]`): with how many of the entities shown each is joined.
        places (`list[tuple[float, float]]`): where each stands.
        edges (`list[tuple[int, int, int, int]]`): position of the head, of the tail, relation id, number of instances.
        note (`str`): how many of how many are shown, for the reader.
    """

    names: list[str]
    degrees: list[int]
    places: list[tuple[float, float]]
    edges: list[tuple[int, int, int, int]]
    note: str


def entity_graph(result: DiscoveryResult, *, max_entities: int = 60, seed: int = 0) -> EntityGraph:
    """Choose the entities with the most neighbours and up to eight neighbours of each, and lay them out by forces.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): with mentions.
        max_entities (`int`, defaults to 60): at most so many are chosen.
        seed (`int`, defaults to 0): of the layout.

    Returns:
        [`EntityGraph`]: without relations that join an entity to itself.

    Raises:
        UsageError: the result was made from embeddings alone, so there are no mentions.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
    >>> from hf_relation.discovery.entity_graph import entity_graph
    >>> row = {"id": "a", "text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> met = DiscoveredRelation(0, "met", ["met"], 1, 1.0)
    >>> graph = entity_graph(DiscoveryResult([row], np.array([0]), np.array([1.0]), [met]))
    >>> graph.names, graph.edges, graph.note
    (['Ada', 'Bob'], [(0, 1, 0, 1)], 'All 2 entities and 1 edge.')

    ```

    Reference:
        Fruchterman and Reingold, Graph drawing by force-directed placement, 1991 (networkx's `spring_layout`).
    """
    import networkx  # type: ignore[import-untyped]

    whole = relation_graph(result)
    edges = {key: len(edge.scores) for key, edge in whole.edges.items() if key[0] != key[2]}
    joined: dict[str, Counter[str]] = defaultdict(Counter)
    for (head, _, tail), number in edges.items():
        joined[head][tail] += number
        joined[tail][head] += number
    chosen: dict[str, int] = {}
    for hub in sorted(joined, key=lambda key: (-len(joined[key]), -joined[key].total(), key)):
        if hub in chosen:
            continue
        wanted = sorted(joined[hub], key=lambda key: (-len(joined[key]), -joined[hub][key], key))[:_NEIGHBORS]
        fresh = [hub, *(key for key in wanted if key not in chosen)]
        if len(chosen) + min(len(fresh), 2) > max_entities:
            break
        for key in fresh[: max_entities - len(chosen)]:
            chosen.setdefault(key, len(chosen))
    shown = [
        (chosen[head], chosen[tail], relation, number)
        for (head, relation, tail), number in edges.items()
        if head in chosen and tail in chosen
    ]
    picture = networkx.Graph()
    picture.add_nodes_from(range(len(chosen)))
    picture.add_edges_from((head, tail) for head, tail, _, _ in shown)
    places = _places(picture, seed)
    degrees = [picture.degree(node) for node in range(len(chosen))]
    note = _note(len(chosen), len(joined), len(shown), len(edges))
    return EntityGraph([whole.name(key) for key in chosen], degrees, places, shown, note)


def _places(picture: Any, seed: int) -> list[tuple[float, float]]:
    """Each connected part by itself, the parts from the largest to the smallest in rows of about the same width."""
    import networkx

    parts = sorted(
        (sorted(part) for part in networkx.connected_components(picture)), key=lambda part: (-len(part), part)
    )
    sides = [2.4 * len(part) ** 0.5 for part in parts]
    width = max([1.5 * sum(side**2 for side in sides) ** 0.5, *sides])
    places: dict[int, tuple[float, float]] = {}
    left = top = height = 0.0
    for part, side in zip(parts, sides, strict=True):
        if left + side > width and left:
            left, top, height = 0.0, top - height, 0.0
        if len(part) == 2:  # one above the other, so that their names do not touch
            inside = {part[0]: (0.0, 1.0), part[1]: (0.0, -1.0)}
        else:
            start = networkx.circular_layout(picture.subgraph(part))
            inside = networkx.spring_layout(picture.subgraph(part), pos=start, seed=seed, iterations=300)
        reach = max(abs(value) for place in inside.values() for value in place) or 1.0
        for node, (x, y) in inside.items():
            scale = 0.36 * side / reach
            places[node] = (left + side / 2 + scale * float(x), top - side / 2 + scale * float(y))
        left, height = left + side, max(height, side)
    return [places[node] for node in range(len(places))]


def _note(entities: int, all_entities: int, edges: int, all_edges: int) -> str:
    def many(number: int, one: str, more: str) -> str:
        return f"{number:,} {one if number == 1 else more}"

    if (entities, edges) == (all_entities, all_edges):
        return f"All {many(entities, 'entity', 'entities')} and {many(edges, 'edge', 'edges')}."
    return (
        f"{entities:,} of {many(all_entities, 'entity', 'entities')} and {edges:,} of {many(all_edges, 'edge', 'edges')}: "
        "those with the most neighbours."
    )
