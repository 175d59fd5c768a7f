"""What the page shows of a run: rows of the two tables, a line of summary, the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from hf_relation.compat import import_optional
from hf_relation.data.schema import Instance
from hf_relation.plots.canvas import plain_text
from hf_relation.plots.palette import COLORS, MARKERS, REST_COLOR


RELATION_COLUMNS = ("id", "relation", "size", "cohesion", "keywords", "examples: head → tail")
INSTANCE_COLUMNS = ("relation", "head", "tail", "score", "text", "id")
LEFT_OUT = "(left out)"

_EXAMPLES_SHOWN = 3
_WORDS_SHOWN = 6
# plotly's names of the markers of the palette, in its order.
_SYMBOLS = dict(zip(MARKERS, ("circle", "triangle-up", "square", "diamond", "x", "triangle-down"), strict=True))


def relation_rows(found: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of the table of relations.

    Args:
        found (`Mapping`): what [`~hf_relation.demo.run.DemoModel.discover`] returns.

    Returns:
        `list[list]`: cells in the order of `RELATION_COLUMNS`, by size.
    """
    rows = []
    for relation in found["relations"]:
        pairs = [f"{example['head']} → {example['tail']}" for example in relation["examples"][:_EXAMPLES_SHOWN]]
        words = ", ".join(relation["keywords"][:_WORDS_SHOWN])
        numbers = [relation["size"], round(relation["cohesion"], 2)]
        rows.append([relation["id"], relation["name"], *numbers, words, "; ".join(pairs)])
    return rows


def instance_rows(instances: Sequence[Instance], found: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of the table of instances.

    Args:
        instances (`Sequence[Instance]`): what relations were discovered in.
        found (`Mapping`): what [`~hf_relation.demo.run.DemoModel.discover`] returns.

    Returns:
        `list[list]`: cells in the order of `INSTANCE_COLUMNS`, in the order of the instances.
    """
    names = _names(found)
    return [
        [
            names[row["label"]],
            _mention(instance, "head"),
            _mention(instance, "tail"),
            round(row["score"], 3),
            instance["text"],
            instance["id"],
        ]
        for instance, row in zip(instances, found["instances"], strict=True)
    ]


def summary(found: Mapping[str, Any]) -> str:
    """One line on the run, of nothing but numbers and words of ours.

    Args:
        found (`Mapping`): what [`~hf_relation.demo.run.DemoModel.discover`] returns.

    Returns:
        `str`.

    Example:

    ```python
    >>> from hf_relation.demo.views import summary
    >>> number = {"found": 2, "low": 2, "high": 3}
    >>> summary({"instances": [{"label": 0}, {"label": 1}, {"label": -1}], "num_relations": number})
    '2 relations in 3 sentences. Their number was estimated; 2 to 3 are plausible. 1 sentence was left out.'

    ```
    """
    number, labels = found["num_relations"], [row["label"] for row in found["instances"]]
    what = "pair" if found.get("notes") else "sentence"  # a sentence of a text can hold several pairs
    parts = [f"{_count(number['found'], 'relation')} in {_count(len(labels), what)}."]
    if number["low"] is not None:
        parts.append(f"Their number was estimated; {number['low']} to {number['high']} are plausible.")
    left_out = sum(label < 0 for label in labels)
    if left_out:
        parts.append(f"{_count(left_out, what)} {'was' if left_out == 1 else 'were'} left out.")
    return " ".join(parts)


def relation_map(instances: Sequence[Instance], found: Mapping[str, Any]) -> Any:
    """The map of the instances, coloured by relation, with the sentence of each under the pointer.

    Args:
        instances (`Sequence[Instance]`): what relations were discovered in.
        found (`Mapping`): what [`~hf_relation.demo.run.DemoModel.discover`] returns.

    Returns:
        `plotly.graph_objects.Figure`: one trace a relation. Colours and markers come again after the 48th.

    Raises:
        ImportError: plotly is not installed; the message says how to get it.
    """
    graph_objects = import_optional("plotly.graph_objects", extra="demo")
    names = _names(found)
    members: dict[int, list[int]] = {}
    for position, row in enumerate(found["instances"]):
        members.setdefault(row["label"], []).append(position)
    figure = graph_objects.Figure()
    for order, label in enumerate(label for label in names if label in members):
        rows = members[label]
        name = plain_text(names[label], width=34, lines=1)
        marker = {
            "color": REST_COLOR if label < 0 else COLORS[order % len(COLORS)],
            "symbol": _SYMBOLS["o" if label < 0 else MARKERS[order // len(COLORS) % len(MARKERS)]],
            "size": 8,
            "opacity": 0.85,
            "line": {"width": 0.5, "color": "white"},
        }
        figure.add_trace(
            graph_objects.Scatter(
                x=[found["points"][row][0] for row in rows],
                y=[found["points"][row][1] for row in rows],
                mode="markers",
                name=escape(name, quote=False),
                marker=marker,
                hovertext=[_hover(name, instances[row]) for row in rows],
                hoverinfo="text",
            )
        )
    axis = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    figure.update_layout(
        template="plotly_white",
        xaxis=axis,
        yaxis=axis,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "yanchor": "top", "y": -0.02, "xanchor": "left", "x": 0},
        hoverlabel={"align": "left"},
        showlegend=True,
        autosize=True,
        height=560,
    )
    return figure


def _names(found: Mapping[str, Any]) -> dict[int, str]:
    return {relation["id"]: relation["name"] for relation in found["relations"]} | {-1: LEFT_OUT}


def _mention(instance: Instance, side: str) -> str:
    mention = instance["head"] if side == "head" else instance["tail"]
    return instance["text"][mention["start"] : mention["end"]]


def _hover(name: str, instance: Instance) -> str:
    """plotly takes a few HTML tags in these texts, so what comes from the corpus is escaped."""
    pair = plain_text(f"{_mention(instance, 'head')} → {_mention(instance, 'tail')}", width=60, lines=1)
    text = plain_text(instance["text"], width=60, lines=4)
    return "<br>".join(escape(part, quote=False).replace("\n", "<br>") for part in (name, pair, text))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
