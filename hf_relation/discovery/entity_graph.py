"""The part of a result's graph that fits a picture: entities with many triples, and their neighbours."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    import networkx

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
    places = _places(networkx, picture, seed)
    degrees = [picture.degree(node) for node in range(len(chosen))]
    note = _note(len(chosen), len(joined), len(shown), len(edges))
    return EntityGraph([whole.name(key) for key in chosen], degrees, places, shown, note)


def _places(networkx: object, picture: object, seed: int) -> list[tuple[float, float]]:
    layout = networkx.spring_layout(picture, seed=seed, iterations=300)  # type: ignore[attr-defined]
    return [(float(x), float(y)) for _, (x, y) in sorted(layout.items())]


def _note(entities: int, all_entities: int, edges: int, all_edges: int) -> str:
    def many(number: int, one: str, more: str) -> str:
        return f"{number:,} {one if number == 1 else more}"

    if (entities, edges) == (all_entities, all_edges):
        return f"All {many(entities, 'entity', 'entities')} and {many(edges, 'edge', 'edges')}."
    return (
        f"{entities:,} of {many(all_entities, 'entity', 'entities')} and {edges:,} of {many(all_edges, 'edge', 'edges')}: "
        "those with the most neighbours."
    )
