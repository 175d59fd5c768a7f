from __future__ import annotations

import copy
from typing import Any

import pytest

from hf_relation.demo.views import instance_rows, relation_map, relation_rows, summary


EVIL = "<img src=x onerror=alert(1)>"
INSTANCES: list[Any] = [
    {"id": "a", "text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}},
    {"id": "b", "text": f"{EVIL} met $x$ & co.", "head": {"start": 0, "end": 28}, "tail": {"start": 33, "end": 36}},
    {"id": "c", "text": "Eve saw Dan.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}},
]
FOUND: dict[str, Any] = {
    "relations": [
        {
            "id": 0,
            "name": "met",
            "size": 1,
            "cohesion": 0.98765,
            "keywords": list("abcdefgh"),
            "examples": [{"id": "a", "head": "Ada", "tail": "Bob", "text": "Ada met Bob.", "score": 1.0}] * 4,
        },
        {"id": 4, "name": EVIL, "size": 1, "cohesion": 1.0, "keywords": [], "examples": []},
    ],
    "instances": [
        {"id": "a", "label": 0, "score": 0.123456},
        {"id": "b", "label": 4, "score": 1.0},
        {"id": "c", "label": -1, "score": 0.0},
    ],
    "points": [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]],
    "num_relations": {"found": 2, "low": None, "high": None},
}


def test_tables_hold_texts_as_they_are_and_ids_may_have_gaps() -> None:
    assert relation_rows(FOUND) == [
        [0, "met", 1, 0.99, "a, b, c, d, e, f", "Ada → Bob; Ada → Bob; Ada → Bob"],
        [4, EVIL, 1, 1.0, "", ""],
    ]
    assert instance_rows(INSTANCES, FOUND) == [
        ["met", "Ada", "Bob", 0.123, "Ada met Bob.", "a"],
        [EVIL, EVIL, "$x$", 1.0, f"{EVIL} met $x$ & co.", "b"],
        ["(left out)", "Eve", "Dan", 0.0, "Eve saw Dan.", "c"],
    ]


def test_the_map_has_one_trace_a_relation_and_no_html_from_the_corpus() -> None:
    pytest.importorskip("plotly", reason="needs the extra `demo`")
    traces = relation_map(INSTANCES, FOUND).data
    assert [trace.name for trace in traces] == ["met", "&lt;img src=x onerror=alert(1)&gt;", "(left out)"]
    assert [(list(trace.x), list(trace.y)) for trace in traces] == [([0.0], [1.0]), ([1.0], [0.0]), ([0.5], [0.5])]
    assert traces[0].hovertext == ("met<br>Ada → Bob<br>Ada met Bob.",)
    hover = traces[1].hovertext[0]
    assert hover.count("<br>") == 2 and "<" not in hover.replace("<br>", "") and "$x$ &amp; co." in hover
    assert {trace.hoverinfo for trace in traces} == {"text"}
    assert len({trace.marker.color for trace in traces}) == 3


def test_more_relations_than_colours_and_markers_are_still_drawn() -> None:
    pytest.importorskip("plotly", reason="needs the extra `demo`")
    found = copy.deepcopy(FOUND)
    found["relations"] = [FOUND["relations"][0] | {"id": id, "name": f"relation {id}"} for id in range(60)]
    found["instances"] = [{"id": str(id), "label": id, "score": 1.0} for id in range(60)]
    found["points"] = [[id, id] for id in range(60)]
    traces = relation_map(INSTANCES[:1] * 60, found).data
    assert len(traces) == 60
    assert len({(trace.marker.color, trace.marker.symbol) for trace in traces[:48]}) == 48


def test_summary() -> None:
    assert summary(FOUND) == "2 relations in 3 sentences. 1 sentence was left out."
    assert summary(FOUND | {"notes": ["2 texts: ..."]}) == "2 relations in 3 pairs. 1 pair was left out."
    one = {"instances": [{"label": 0}], "num_relations": {"found": 1, "low": 1, "high": 1}}
    assert summary(one) == "1 relation in 1 sentence. Their number was estimated; 1 to 1 are plausible."
