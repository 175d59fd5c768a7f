"""`plot_result`: the figures of a discovery for papers, as PNG, SVG or PDF."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from hf_relation.compat import import_optional
from hf_relation.data.atomic import folder_for
from hf_relation.discovery.entity_graph import entity_graph
from hf_relation.discovery.projection import project
from hf_relation.errors import UsageError
from hf_relation.plots import MAX_STYLES, Bar, Line, MapPanel, bar_chart, embedding_map, line_chart
from hf_relation.plots.canvas import FORMATS
from hf_relation.plots.histograms import histogram
from hf_relation.plots.networks import network_chart
from hf_relation.plots.trees import tree_chart


if TYPE_CHECKING:
    from hf_relation.discovery.result import DiscoveryResult

FigureKind = Literal["map", "sizes", "curve", "dendrogram", "confidence", "graph"]


def plot_result(
    result: DiscoveryResult,
    kind: FigureKind,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str | None = None,
    max_points: int = 5000,
    max_entities: int = 40,
    seed: int = 0,
) -> Path:
    """Draw one figure of a discovery, in colours that stay apart for colour-blind readers.

    | kind | what |
    | --- | --- |
    | `"map"` | the instances as points (see [`~hf_relation.discovery.projection.project`]), coloured by relation |
    | `"sizes"` | the number of instances of every relation, as bars |
    | `"curve"` | the score of every number of relations that was tried |
    | `"dendrogram"` | which relations are alike: a tree over their centres (see [`~hf_relation.discovery.RelationHierarchy`]) |
    | `"confidence"` | how many instances have which confidence, or score where there is none |
    | `"graph"` | the triples as a graph: the entities with the most neighbours |

    Where there are more than 48 relations, the map and the bars show the 48 with most instances, and say so.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): at least one instance.
        kind (`str`): one of the table.
        path (`str` or `PathLike`, *optional*): ends in `.png`, `.svg` or `.pdf`; missing parent folders are made. Default: the kind as
            a PNG in the working folder, such as `map.png`.
        title (`str`, *optional*): above the figure.
        max_points (`int`, defaults to 5000): the map shows so many instances at most, chosen at random; it says so.
        max_entities (`int`, defaults to 40): the graph shows so many entities at most; it says so.
        seed (`int`, defaults to 0): of map and graph.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: another kind, a bad file name, or the result lacks what the figure shows; the message says what.
        ImportError: matplotlib is not installed; the message says how to get it.

    Example:

    ```python
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
    >>> from hf_relation.discovery.figures import plot_result
    >>> result = DiscoveryResult([{"id": "a"}], np.array([0]), np.array([1.0]), [DiscoveredRelation(0, "met", ["met"], 1, 1.0)])
    >>> plot_result(result, "sizes", pathlib.Path(tempfile.mkdtemp()) / "sizes.svg").name
    'sizes.svg'

    ```
    """
    target = check_figure(kind, path)
    if not len(result):
        raise UsageError("A figure needs at least one instance; the result is empty.")
    folder_for(target.parent, "the figure")
    if kind == "map":
        return _map(result, target, title, max_points, seed)
    if kind == "sizes":
        return _sizes(result, target, title)
    if kind == "curve":
        return _curve(result, target, title)
    if kind == "dendrogram":
        return _dendrogram(result, target, title)
    if kind == "confidence":
        return _confidence(result, target, title)
    return _graph(result, target, title, max_entities, seed)


def check_figure(kind: str, path: str | os.PathLike[str] | None = None) -> Path:
    """Refuse, before any work, a kind that is not there, a place that a figure cannot be written to, or a missing package.

    Args:
        kind (`str`), path (`str` or `PathLike`, *optional*): as for [`plot_result`].

    Returns:
        `Path`: the file.

    Raises:
        UsageError: another kind or ending, or a folder of that name.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> from hf_relation.discovery.figures import check_figure
    >>> check_figure("map").name
    'map.png'

    ```
    """
    if kind not in get_args(FigureKind):
        raise UsageError(f"`kind` must be one of {', '.join(get_args(FigureKind))}, got {kind!r}.")
    target = Path(f"{kind}.png" if path is None else path)
    if target.suffix.lower() not in FORMATS:
        raise UsageError(f"A figure's file must end in {', '.join(FORMATS)}, got {str(target)!r}.")
    if target.is_dir():
        raise UsageError(f"Cannot write the file {target}: a folder has that name. Give a file name.")
    above = next((folder for folder in target.absolute().parents if folder.exists()), None)
    if above is not None and not above.is_dir():
        raise UsageError(f"Cannot write {target}: {above} is a file. Give a name in a folder.")
    import_optional("matplotlib", extra="viz")
    return target


def _map(result: DiscoveryResult, target: Path, title: str | None, max_points: int, seed: int) -> Path:
    if result.vectors is None:
        raise UsageError(
            'The result holds no vectors, so there is no "map" of it. Results of `fit_predict` hold them.'
        )
    projection = project(result.vectors, max_points=max_points, seed=seed)
    shown = result.relations
    if len(shown) > MAX_STYLES:
        shown = sorted(shown, key=lambda relation: -relation.size)[:MAX_STYLES]
    place = {relation.id: number for number, relation in enumerate(shown)}
    labels = [place.get(label, -1) for label in result.labels[projection.rows].tolist()]
    panel_title = projection.note.split(";")[0]
    if len(shown) < len(result.relations):
        panel_title += f"; the {len(shown)} largest of {len(result.relations)} relations in colour"
    panel = MapPanel(panel_title, projection.points, labels, [relation.name for relation in shown])
    return embedding_map([panel], target, title=title, max_points=len(labels), seed=seed)


def _sizes(result: DiscoveryResult, target: Path, title: str | None) -> Path:
    if not result.relations:
        raise UsageError('The result has no relation, so there is nothing to show as "sizes".')
    shown = sorted(result.relations, key=lambda relation: -relation.size)[:MAX_STYLES]
    both = len({relation.kind for relation in shown}) > 1
    bars = [Bar(relation.name, float(relation.size), group=relation.kind if both else "") for relation in shown]
    note = (
        ""
        if len(shown) == len(result.relations)
        else f"The {len(shown)} largest of {len(result.relations)} relations."
    )
    return bar_chart(bars, target, title=title, axis="instances", note=note, digits=0)


def _curve(result: DiscoveryResult, target: Path, title: str | None) -> Path:
    estimate = result.estimate
    if estimate is None:
        raise UsageError('The number of relations was given, not estimated, so there is no "curve" to show.')
    points = list(zip(map(float, estimate.candidates), map(float, estimate.scores), strict=True))
    best = [point for point in points if point[0] == estimate.best]
    lines = [Line("all numbers tried", points)] + ([Line(f"the best: {estimate.best}", best)] if best else [])
    note = f"{estimate.low} to {estimate.high} relations score about as well as the best number."
    axis = estimate.criterion.replace("_", " ")
    return line_chart(lines, target, title=title, x_axis="number of relations", y_axis=axis, note=note)


def _dendrogram(result: DiscoveryResult, target: Path, title: str | None) -> Path:
    if result.centers is None:
        raise UsageError('The result holds no relation centres, so there is no "dendrogram" of it.')
    number = sum(relation.size > 0 for relation in result.relations)
    if number < 2:
        raise UsageError(f'A "dendrogram" needs at least two relations with instances, and there are {number}.')
    tree = result.hierarchy()
    return tree_chart(tree.scaled_linkage(), tree.names, target, title=title, axis="distance (Ward, weighted by size)")


def _confidence(result: DiscoveryResult, target: Path, title: str | None) -> Path:
    if result.confidence is not None:
        return histogram(result.confidence, target, title=title, x_axis="confidence", y_axis="instances")
    scores = result.scores[result.labels >= 0]
    if not len(scores):
        raise UsageError('All instances were left out, so there is no "confidence" to show.')
    note = "1: at its relation's centre; 0: half way to another one. Not a probability."
    return histogram(scores, target, title=title, x_axis="score", y_axis="instances", note=note)


def _graph(result: DiscoveryResult, target: Path, title: str | None, max_entities: int, seed: int) -> Path:
    graph = entity_graph(result, max_entities=max_entities, seed=seed)
    if not graph.edges:
        raise UsageError('No relation joins two different entities, so there is no "graph" to show.')
    names = {relation.id: relation.name for relation in result.relations}
    edges = [(head, tail, names[relation]) for head, tail, relation, _ in graph.edges]
    return network_chart(graph.names, graph.places, edges, target, title=title, note=graph.note)
