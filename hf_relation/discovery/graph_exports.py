"""A discovery result as a graph: entities joined by relations, for networkx, N-Triples and Neo4j."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from hf_relation.data.spreadsheets import csv_text
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    import networkx  # type: ignore[import-untyped]

    from hf_relation.discovery.result import DiscoveryResult

DEFAULT_BASE = "urn:hf-relation:"
_RDFS_LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
_ABSOLUTE_IRI = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>"{}|^`\\\ud800-\udfff]*')
# Must be escaped: quotes, backslashes, line feeds, carriage returns. The other control characters and the line separators
# of Unicode may stand as they are; they are escaped so that a line is a line to every tool.
_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


@dataclass
class GraphEdge:
    """All instances that join one entity to another by one relation.

    Args:
        scores (`list[float]`): one for each instance, in [0, 1].
        instance_ids (`list[str]`): one for each instance, in the order of the result.
    """

    scores: list[float] = field(default_factory=list)
    instance_ids: list[str] = field(default_factory=list)

    @property
    def score(self) -> float:
        """`float`: the mean score."""
        return math.fsum(self.scores) / len(self.scores)


@dataclass
class RelationGraph:
    """The graph of a result.

    Args:
        entities (`dict[str, Counter[str]]`): for each entity key, how often the entity is spelled how; in the order of the
            result.
        relations (`dict[int, str]`): names of the relations that have edges, by relation id.
        edges (`dict[tuple[str, int, str], GraphEdge]`): by key of the head, relation id and key of the tail.
    """

    entities: dict[str, Counter[str]] = field(default_factory=dict)
    relations: dict[int, str] = field(default_factory=dict)
    edges: dict[tuple[str, int, str], GraphEdge] = field(default_factory=dict)

    def name(self, key: str) -> str:
        """The commonest spelling of an entity; of equally common ones the first."""
        return self.entities[key].most_common(1)[0][0]


def entity_key(mention: str) -> str:
    """What mentions of one entity have in common: the words, whatever the case and the white space between them.

    This is the one rule by which exports merge mentions. Accents, punctuation and word forms tell entities apart; two
    people of the same name are one entity.

    Args:
        mention (`str`): a mention as it stands in a text.

    Returns:
        `str`.

    Example:

    ```python
    >>> from hf_relation.discovery.graph_exports import entity_key
    >>> entity_key("New  York") == entity_key("NEW\\nYORK"), entity_key("Zoë") == entity_key("Zoe")
    (True, False)

    ```
    """
    return _one_line(mention.casefold())


def relation_graph(result: DiscoveryResult) -> RelationGraph:
    """Put the triples of a result together to a graph.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): with mentions.

    Returns:
        [`RelationGraph`]: without instances left out, and without entities that only they have.

    Raises:
        UsageError: the result was made from embeddings alone, so there are no mentions.
    """
    graph = RelationGraph()
    labels = [label for label in result.labels.tolist() if label >= 0]
    for triple, label in zip(result.to_triples(), labels, strict=True):
        keys = []
        for mention in (triple["head"], triple["tail"]):
            key = entity_key(mention)
            graph.entities.setdefault(key, Counter())[_one_line(mention)] += 1
            keys.append(key)
        edge = graph.edges.setdefault((keys[0], label, keys[1]), GraphEdge())
        edge.scores.append(triple["score"])
        edge.instance_ids.append(str(triple["id"]))
        graph.relations[label] = triple["relation"]
    return graph


def networkx_graph(result: DiscoveryResult) -> networkx.MultiDiGraph:
    """The graph of a result; see [`~hf_relation.discovery.DiscoveryResult.to_networkx`]."""
    import networkx

    graph = relation_graph(result)
    made = networkx.MultiDiGraph()
    for key, spellings in graph.entities.items():
        made.add_node(key, name=graph.name(key), count=spellings.total())
    for (head, relation, tail), edge in graph.edges.items():
        made.add_edge(
            head,
            tail,
            key=relation,
            name=graph.relations[relation],
            count=len(edge.instance_ids),
            score=edge.score,
            instance_ids=list(edge.instance_ids),
        )
    return made


def ntriples_lines(result: DiscoveryResult, *, base: str = DEFAULT_BASE) -> Iterator[str]:
    """The graph of a result in RDF 1.1 N-Triples (https://www.w3.org/TR/n-triples/), ASCII but for the labels.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): with mentions.
        base (`str`, defaults to `"urn:hf-relation:"`): what every IRI begins with: `<base>entity/<key of the entity>` and
            `<base>relation/<name of the relation>`, both percent-encoded UTF-8.

    Yields:
        `str`: lines with their line feed: an `rdfs:label` for every entity and every relation that has edges, then one
        triple for every distinct (head, relation, tail). Relations of the same name are one.

    Raises:
        UsageError: `base` is not the beginning of an absolute IRI, or there are no mentions.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
    >>> from hf_relation.discovery.graph_exports import ntriples_lines
    >>> row = {"id": "a", "text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> met = DiscoveredRelation(0, "met", ["met"], 1, 1.0)
    >>> *_, last = ntriples_lines(DiscoveryResult([row], np.array([0]), np.array([1.0]), [met]))
    >>> print(last.strip())
    <urn:hf-relation:entity/ada> <urn:hf-relation:relation/met> <urn:hf-relation:entity/bob> .

    ```
    """
    _check_base(base)
    graph = relation_graph(result)
    for key in graph.entities:
        yield f"{_iri(base, 'entity', key)} {_RDFS_LABEL} {_literal(graph.name(key))} .\n"
    for name in dict.fromkeys(graph.relations[relation] for relation in sorted(graph.relations)):
        yield f"{_iri(base, 'relation', name)} {_RDFS_LABEL} {_literal(name)} .\n"
    for head, name, tail in dict.fromkeys((head, graph.relations[id_], tail) for head, id_, tail in graph.edges):
        yield f"{_iri(base, 'entity', head)} {_iri(base, 'relation', name)} {_iri(base, 'entity', tail)} .\n"


def neo4j_tables(result: DiscoveryResult, *, raw: bool = False) -> dict[str, str]:
    """The graph of a result in the two CSV files that `neo4j-admin database import full --nodes=... --relationships=...` takes.

    Names lose their line breaks, which the importer refuses unless told otherwise; `instance_ids` is a JSON list.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): with mentions.
        raw (`bool`, defaults to `False`): as for [`~hf_relation.data.spreadsheets.csv_text`].

    Returns:
        `dict[str, str]`: `"nodes.csv"` (`:ID,name,:LABEL`, one row an entity, labelled `Entity`) and `"relationships.csv"`
        (`:START_ID,:END_ID,:TYPE,score:float,count:int,instance_ids`, one row for each head, relation and tail).

    Raises:
        UsageError: there are no mentions.
    """
    graph = relation_graph(result)
    numbers = {key: f"e{number}" for number, key in enumerate(graph.entities)}
    nodes = ([number, graph.name(key), "Entity"] for key, number in numbers.items())
    relationships = (
        [
            numbers[head],
            numbers[tail],
            _one_line(graph.relations[relation]),
            edge.score,
            len(edge.instance_ids),
            json.dumps(edge.instance_ids, ensure_ascii=False),
        ]
        for (head, relation, tail), edge in graph.edges.items()
    )
    header = [":START_ID", ":END_ID", ":TYPE", "score:float", "count:int", "instance_ids"]
    return {
        "nodes.csv": csv_text([":ID", "name", ":LABEL"], nodes, raw=raw),
        "relationships.csv": csv_text(header, relationships, raw=raw),
    }


def _check_base(base: str) -> None:
    if not isinstance(base, str) or not _ABSOLUTE_IRI.fullmatch(base):
        raise UsageError(
            f"`base` must be the beginning of an absolute IRI, such as '{DEFAULT_BASE}' or 'https://example.org/', without "
            f'white space and the characters <>"{{}}|^`\\, got {base!r}.'
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _iri(base: str, kind: str, name: str) -> str:
    return f"<{base}{kind}/{quote(name, safe='')}>"


def _literal(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        character = match.group()
        return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04X}"

    return '"' + _ESCAPED.sub(escape, text) + '"'
