"""`write_report`: a discovery result as one HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.compat import import_optional
from hf_relation.data.atomic import atomic_file, check_file_place, folder_for
from hf_relation.discovery.entity_graph import entity_graph
from hf_relation.discovery.projection import project
from hf_relation.discovery.report import charts
from hf_relation.discovery.report.content import NO_TEXTS, has_texts, point_texts, relation_entries, summary
from hf_relation.discovery.report.marks import clean
from hf_relation.errors import UsageError
from hf_relation.version import __version__


if TYPE_CHECKING:
    from hf_relation.discovery.result import DiscoveryResult

_ENDINGS = (".html", ".htm")
_MOST_LEAVES = 300
_TRIPLES_LISTED = 100
# What each figure is for, and what is said where there is nothing to draw.
_FIGURES = ("map", "curve", "dendrogram", "confidence", "graph")


def write_report(
    result: DiscoveryResult,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    max_points: int = 20_000,
    max_entities: int = 60,
    seed: int = 0,
) -> Path:
    """Write a discovery result as one HTML file to look at in any browser, without a network.

    The page has the relations in a table to search and sort, with examples, keywords, patterns, entity types and inverse of each; a map
    of the instances; the scores of the numbers of relations that were tried; a tree of the relations; how sure the assignments are; and
    the triples as a graph. What the result cannot show (it was made from embeddings alone, or holds no vectors) is named on the page,
    with the reason. Texts of the corpus are shown as they are, never run.

    The file holds plotly.js (4.8 MB); 10,000 instances make it about 8 MB.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): at least one instance.
        path (`str` or `PathLike`): ends in `.html`; an existing file is replaced, missing parent folders are made.
        title (`str`, *optional*): at the top of the page. Default: `"Discovered relations"`.
        max_points (`int`, defaults to 20,000): the map shows so many instances at most, chosen at random; it says so.
        max_entities (`int`, defaults to 60): the graph shows so many entities at most, those with the most neighbours; it says so.
        seed (`int`, defaults to 0): of map and graph; equal results and seeds give equal files.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: an empty result, a bad file name or a bad number.
        ImportError: plotly or jinja2 is not installed; the message says how to get them.

    Example:

    ```python
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
    >>> from hf_relation.discovery.report import write_report
    >>> row = {"id": "a", "text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> result = DiscoveryResult([row], np.array([0]), np.array([1.0]), [DiscoveredRelation(0, "met", ["met"], 1, 1.0)])
    >>> write_report(result, pathlib.Path(tempfile.mkdtemp()) / "report.html").name
    'report.html'

    ```
    """
    target = check_report(path)
    if not len(result):
        raise UsageError("A report needs at least one instance; the result is empty.")
    if isinstance(max_entities, bool) or not isinstance(max_entities, int) or max_entities < 2:
        raise UsageError(f"`max_entities` must be a whole number from 2 up, got {max_entities!r}.")
    figures, notes, extra = _figures(result, max_points=max_points, max_entities=max_entities, seed=seed)
    entries = relation_entries(result)
    for place, entry in enumerate(entries):
        entry |= charts.style(place)
    content = {"relations": entries, "figures": figures, **extra}
    page = _page(
        {
            "title": clean("Discovered relations" if title is None else title),
            "summary": summary(result),
            "relations": entries,
            "typed": any(entry["types"] is not None for entry in entries),
            "known": any(entry["kind"] == "known" for entry in entries),
            "largest": max((entry["count"] for entry in entries), default=1) or 1,
            "notes": notes,
            "drawn": set(figures),
            "triples": extra["triples"][:_TRIPLES_LISTED],
            "version": __version__,
        },
        content,
    )
    folder_for(target.parent, "the report")
    with atomic_file(target) as stream:
        stream.write(page.encode("utf-8"))
    return target


def check_report(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work, a place that a report cannot be written to, or a missing package.

    Args:
        path (`str` or `PathLike`): as for [`write_report`].

    Returns:
        `Path`.

    Raises:
        UsageError: another ending than `.html`, or a folder of that name.
        ImportError: plotly or jinja2 is not installed.

    Example:

    ```python
    >>> from hf_relation.discovery.report import check_report
    >>> check_report("report.html").name
    'report.html'

    ```
    """
    target = Path(path)
    if target.suffix.lower() not in _ENDINGS:
        raise UsageError(f"A report's file must end in {' or '.join(_ENDINGS)}, got {str(target)!r}.")
    above = next((folder for folder in target.absolute().parents if folder.exists()), None)
    if above is not None and not above.is_dir():
        raise UsageError(f"Cannot write {target}: {above} is a file. Give a name in a folder.")
    if target.parent.is_dir():
        check_file_place(target, overwrite=True)
    for module in ("plotly", "jinja2"):
        import_optional(module, extra="report")
    return target


def _figures(
    result: DiscoveryResult, *, max_points: int, max_entities: int, seed: int
) -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
    """The figures that can be drawn, a note on each (where there is none: why), and the texts that the page shows beside them."""
    figures: dict[str, Any] = {}
    notes = {"texts": "" if has_texts(result) else NO_TEXTS}
    extra: dict[str, Any] = {"points": [], "entities": [], "edges": [], "triples": []}

    if result.vectors is None:
        notes["map"] = (
            "No map: the result holds no vectors (results of `predict`, and loaded ones of old versions, have none)."
        )
    else:
        projection = project(result.vectors, max_points=max_points, seed=seed)
        figures["map"], notes["map"] = charts.map_figure(result, projection), projection.note
        extra["points"] = point_texts(result, projection.rows.tolist())

    if result.estimate is None:
        notes["curve"] = "No curve: the number of relations was not estimated."
        if result.requested != "auto":
            notes["curve"] = f"No curve: the number asked for was {result.requested}, so it was not estimated."
    else:
        figures["curve"] = charts.curve_figure(result.estimate, len(result.relations))
        low, high = result.estimate.low, result.estimate.high
        notes["curve"] = f"Higher is better; {low} to {high} relations score about as well as the best number."

    if result.centers is None:
        notes["dendrogram"] = "No tree: the result holds no relation centres."
    elif not 2 <= (leaves := sum(relation.size > 0 for relation in result.relations)) <= _MOST_LEAVES:
        notes["dendrogram"] = (
            f"No tree: it is drawn for 2 to {_MOST_LEAVES} relations with instances, and there are {leaves}."
        )
    else:
        figures["dendrogram"] = charts.dendrogram_figure(result)
        notes["dendrogram"] = (
            "The further left two branches meet, the more alike the relations (Ward, weighted by size)."
        )

    inside = result.labels >= 0
    if result.confidence is not None:
        figures["confidence"] = charts.confidence_figure(result.confidence, "confidence")
        notes["confidence"] = (
            "How probable it is that the kind (known, novel, none) and a known name are right; calibrated."
        )
    elif inside.any():
        figures["confidence"] = charts.confidence_figure(result.scores[inside], "score")
        notes["confidence"] = "1: at its relation's centre; 0: half way to another one. Not a probability."
    else:
        notes["confidence"] = "No histogram: all instances were left out."

    if not has_texts(result):
        notes["graph"] = f"No graph: {NO_TEXTS[0].lower()}{NO_TEXTS[1:]}"
    else:
        graph = entity_graph(result, max_entities=max_entities, seed=seed)
        if graph.edges:
            figures["graph"], notes["graph"] = charts.graph_figure(result, graph), graph.note
            extra["entities"] = [clean(name) for name in graph.names]
            extra["edges"] = [list(edge) for edge in graph.edges]
            names = {relation.id: clean(relation.name) for relation in result.relations}
            strongest = sorted(graph.edges, key=lambda edge: -edge[3])
            extra["triples"] = [
                (extra["entities"][head], names[id_], extra["entities"][tail], number)
                for head, tail, id_, number in strongest
            ]
        else:
            notes["graph"] = "No graph: no relation joins two different entities."
    return figures, notes, extra


def _page(values: dict[str, Any], content: dict[str, Any]) -> str:
    jinja2 = import_optional("jinja2", extra="report")
    markup: Callable[[str], Any] = import_optional("markupsafe", extra="report").Markup
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    scripts = [_own("theme.js"), _plotly(), _own("page.js")]
    rendered: str = environment.from_string(_own("page.html.j2")).render(
        **values,
        policy=_policy(scripts),
        css=markup(_own("page.css")),
        content=markup(_script_json(content)),
        theme=markup(scripts[0]),
        plotly=markup(scripts[1]),
        script=markup(scripts[2]),
    )
    return rendered


def _own(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _plotly() -> str:
    offline = import_optional("plotly.offline", extra="report")
    code: str = offline.get_plotlyjs().replace("\r\n", "\n").replace("\x00", "\\0")
    # The one string that would end the script element; within a JavaScript string the two are the same.
    return code.replace("</script", "<\\/script")


def _policy(scripts: list[str]) -> str:
    """Only these very scripts may run, and nothing may be fetched.

    plotly's WebGL points are drawn by code that it puts together from its own parts (`unsafe-eval`), never from texts.
    """
    hashes = (base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii") for script in scripts)
    allowed = " ".join(f"'sha256-{hash_}'" for hash_ in hashes)
    return (
        f"default-src 'none'; script-src {allowed} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _script_json(content: dict[str, Any]) -> str:
    """JSON that stays JSON within a script element: no text of it can end the element or open a comment."""

    def plain(value: Any) -> Any:
        return value.item() if isinstance(value, np.generic) else str(value)

    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
