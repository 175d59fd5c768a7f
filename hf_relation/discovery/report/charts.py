"""The report's figures, as plotly figures without colours and without texts of the corpus but for escaped labels.

The page colours them by its theme (`meta` says which colour of the palette), and shows texts itself: what plotly writes on a
figure it reads as a kind of HTML.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.compat import import_optional
from hf_relation.discovery.entity_graph import EntityGraph
from hf_relation.discovery.projection import Projection
from hf_relation.discovery.report.marks import clean
from hf_relation.plots.palette import COLORS


if TYPE_CHECKING:
    from hf_relation.clustering.num_relations import NumRelationsEstimate
    from hf_relation.discovery.result import DiscoveryResult

_SYMBOLS = ("circle", "triangle-up", "square", "diamond", "x", "triangle-down")
_LABEL = 34
BINS = 25
_NAMED = 60  # more names on the graph cover one another


def label(text: str, width: int = _LABEL) -> str:
    """A label that plotly shows letter for letter: shortened, and escaped, as plotly reads tags and entities."""
    line = " ".join(clean(text).split())
    return html.escape(line if len(line) <= width else line[: width - 1].rstrip() + "…", quote=False)


def style(place: int) -> dict[str, Any]:
    """Palette colour (as its number) and plotly symbol of the relation at a place; they come again after 48."""
    return {"color": place % len(COLORS), "symbol": _SYMBOLS[place // len(COLORS) % len(_SYMBOLS)]}


def figure_json(traces: list[Any], **layout: Any) -> dict[str, Any]:
    """A checked figure in plain Python values; arrays in plotly's own coding."""
    objects = import_optional("plotly.graph_objects", extra="report")
    figure = objects.Figure(traces, layout=layout)
    figure.layout.template = None
    content: dict[str, Any] = json.loads(figure.to_json())
    return content


def map_figure(result: DiscoveryResult, projection: Projection) -> dict[str, Any]:
    """The instances as points, a trace per relation; `customdata` is the position among the points shown."""
    objects = import_optional("plotly.graph_objects", extra="report")
    labels = result.labels[projection.rows]
    size = float(np.clip(60 / max(len(labels), 1) ** 0.3, 3.5, 10))
    traces = []
    places = [(-1, None), *((relation.id, place) for place, relation in enumerate(result.relations))]
    for id_, place in places:
        rows = np.flatnonzero(labels == id_)
        if not len(rows):
            continue
        look = {"color": None, "symbol": "circle"} if place is None else style(place)
        traces.append(
            objects.Scattergl(
                x=projection.points[rows, 0],
                y=projection.points[rows, 1],
                customdata=rows.astype(np.int32),
                mode="markers",
                hoverinfo="none",
                marker={"size": size, "symbol": look["symbol"]},
                meta={"relation": int(id_), "color": look["color"]},
            )
        )
    hidden = {"visible": False, "range": [-1.06, 1.06]}
    return figure_json(traces, xaxis=hidden, yaxis=hidden, dragmode="pan", showlegend=False)


def curve_figure(estimate: NumRelationsEstimate, found: int) -> dict[str, Any]:
    """The score of every number of relations that was tried, the plausible range and the one that was taken."""
    objects = import_optional("plotly.graph_objects", extra="report")
    numbers, scores = list(estimate.candidates), [round(float(score), 5) for score in estimate.scores]
    tip = "%{x} relations: %{y:.3f}<extra></extra>"
    traces = [
        objects.Scatter(
            x=numbers, y=scores, mode="lines+markers", hovertemplate=tip, meta={"color": 0}, marker={"size": 6}
        )
    ]
    if estimate.best in numbers:
        best = scores[numbers.index(estimate.best)]
        traces.append(
            objects.Scatter(
                x=[estimate.best],
                y=[best],
                mode="markers+text",
                text=[f"{estimate.best}"],
                textposition="top center",
                marker={"size": 12},
                hovertemplate=tip,
                meta={"color": 1},
            )
        )
    band = {"type": "rect", "xref": "x", "yref": "paper", "x0": estimate.low, "x1": estimate.high, "y0": 0, "y1": 1}
    spread = max(scores) - min(scores) or 0.1
    return figure_json(
        traces,
        shapes=[band | {"line": {"width": 0}, "layer": "below"}],
        xaxis={"title": {"text": "number of relations"}},
        yaxis={
            "title": {"text": label(estimate.criterion.replace("_", " "))},
            "range": [min(scores) - 0.08 * spread, max(scores) + 0.2 * spread],
        },
        showlegend=False,
    )


def dendrogram_figure(result: DiscoveryResult) -> dict[str, Any]:
    """Which relations are alike: a tree over their centres, a leaf per relation that has instances."""
    from scipy.cluster.hierarchy import dendrogram

    objects = import_optional("plotly.graph_objects", extra="report")
    hierarchy = result.hierarchy()
    tree = dendrogram(hierarchy.scaled_linkage(), no_plot=True)
    x: list[float | None] = []
    y: list[float | None] = []
    for heights, places in zip(tree["dcoord"], tree["icoord"], strict=True):
        x += [*(round(float(height), 5) for height in heights), None]
        y += [*(float(place) for place in places), None]
    leaves = [result.relation(hierarchy.ids[leaf]) for leaf in tree["leaves"]]
    ticks = [5.0 + 10 * place for place in range(len(leaves))]
    return figure_json(
        [
            objects.Scatter(x=x, y=y, mode="lines", hoverinfo="skip", line={"width": 1.5}, meta={"color": 0}),
            objects.Scatter(
                x=[0.0] * len(leaves),
                y=ticks,
                mode="markers",
                hoverinfo="none",
                customdata=[leaf.id for leaf in leaves],
                marker={"size": 9},
                cliponaxis=False,
                meta={"colors": [style(result.relations.index(leaf))["color"] for leaf in leaves]},
            ),
        ],
        xaxis={"title": {"text": "distance (Ward)"}, "rangemode": "tozero", "zeroline": False},
        yaxis={
            "tickvals": ticks,
            "ticktext": [label(leaf.name) for leaf in leaves],
            "range": [-2, 10 * len(leaves) + 2],
            "showgrid": False,
            "zeroline": False,
            "ticklabelstandoff": 10,
        },
        height=max(260, 24 * len(leaves) + 90),
        showlegend=False,
    )


def confidence_figure(values: np.ndarray, axis: str) -> dict[str, Any]:
    """How many instances have which score."""
    objects = import_optional("plotly.graph_objects", extra="report")
    counts, edges = np.histogram(values, bins=BINS, range=(0.0, 1.0))
    tips = [f"{low:.2f} to {high:.2f}: {count:,}" for low, high, count in zip(edges, edges[1:], counts, strict=False)]
    return figure_json(
        [
            objects.Bar(
                x=((edges[:-1] + edges[1:]) / 2).round(4).tolist(),
                y=counts.tolist(),
                width=0.9 / BINS,
                hovertext=tips,
                hoverinfo="text",
                meta={"color": 0},
            )
        ],
        xaxis={"title": {"text": axis}, "range": [0, 1]},
        yaxis={"title": {"text": "instances"}, "rangemode": "tozero"},
        bargap=0,
        showlegend=False,
    )


def graph_figure(result: DiscoveryResult, graph: EntityGraph) -> dict[str, Any]:
    """Entities as points joined by relations; `customdata` of the edges' midpoints is the position of the edge."""
    objects = import_optional("plotly.graph_objects", extra="report")
    traces = []
    for place, relation in enumerate(result.relations):
        edges = [(number, edge) for number, edge in enumerate(graph.edges) if edge[2] == relation.id]
        if not edges:
            continue
        x: list[float | None] = []
        y: list[float | None] = []
        middles = []
        for number, (head, tail, _, _) in edges:
            (x0, y0), (x1, y1) = graph.places[head], graph.places[tail]
            x += [round(x0, 4), round(x1, 4), None]
            y += [round(y0, 4), round(y1, 4), None]
            # Nearer to the tail, and an arrow head: the direction can be seen.
            middles.append(
                (0.42 * x0 + 0.58 * x1, 0.42 * y0 + 0.58 * y1, number, np.degrees(np.arctan2(x1 - x0, y1 - y0)))
            )
        meta = {"relation": relation.id, **style(place)}
        traces.append(objects.Scatter(x=x, y=y, mode="lines", hoverinfo="skip", line={"width": 1.4}, meta=meta))
        traces.append(
            objects.Scatter(
                x=[round(middle[0], 4) for middle in middles],
                y=[round(middle[1], 4) for middle in middles],
                mode="markers",
                hoverinfo="none",
                customdata=[middle[2] for middle in middles],
                marker={"size": 10, "symbol": "arrow", "angle": [round(float(middle[3]), 1) for middle in middles]},
                meta=meta | {"edges": True},
            )
        )
    named = set(sorted(range(len(graph.names)), key=lambda node: -graph.degrees[node])[:_NAMED])
    traces.append(
        objects.Scatter(
            x=[round(place[0], 4) for place in graph.places],
            y=[round(place[1], 4) for place in graph.places],
            mode="markers+text",
            text=[label(name, 22) if node in named else "" for node, name in enumerate(graph.names)],
            textposition="top center",
            hoverinfo="none",
            customdata=list(range(len(graph.names))),
            marker={"size": [round(6 + 2.2 * degree**0.5, 1) for degree in graph.degrees]},
            meta={"nodes": True},
        )
    )
    hidden = {"visible": False}
    return figure_json(traces, xaxis=hidden, yaxis=hidden, dragmode="pan", showlegend=False)
