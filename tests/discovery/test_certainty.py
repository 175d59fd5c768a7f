from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
from hf_relation.errors import UsageError


ROWS = [
    {"id": id_, "text": f"Ada met {id_}", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 9}}
    for id_ in "cabde"
]
RELATIONS = [DiscoveredRelation(0, "met", [], 3, 1.0), DiscoveredRelation(5, "saw", [], 1, 1.0)]
RESULT = DiscoveryResult(ROWS, np.array([0, 0, 5, -1, 0]), np.array([0.5, 0.5, 0.9, 0.0, 0.25], np.float32), RELATIONS)


def ids(rows: list[dict[str, Any]]) -> str:
    return "".join(row["id"] for row in rows)


def test_highest_and_lowest_scores_by_hand() -> None:
    assert ids(RESULT.most_certain()) == "bace" and ids(RESULT.least_certain()) == "eacb", "d is left out"
    assert ids(RESULT.most_certain(2)) == "ba" and ids(RESULT.least_certain(np.int64(1))) == "e"
    assert ids(RESULT.most_certain(relation=0)) == "ace" and ids(RESULT.least_certain(1, relation=5)) == "b"
    assert RESULT.most_certain(0) == [] and RESULT.most_certain(100, relation=5) == [
        {
            "id": "b",
            "label": 5,
            "relation": "saw",
            "score": pytest.approx(0.9),
            "head": "Ada",
            "tail": "b",
            "text": "Ada met b",
        }
    ]


def test_only_ids_where_there_are_no_texts() -> None:
    bare = DiscoveryResult([{"id": "0"}], np.array([0]), np.array([1.0]), RELATIONS)
    assert bare.most_certain() == [{"id": "0", "label": 0, "relation": "met", "score": 1.0}]
    assert DiscoveryResult([], np.empty(0, np.int64), np.empty(0), []).least_certain() == []


@pytest.mark.parametrize("n", [-1, 1.5, True, "3", None])
def test_a_number_out_of_range_is_refused(n: Any) -> None:
    for method in (RESULT.most_certain, RESULT.least_certain):
        with pytest.raises(UsageError, match="`n` must be an integer from 0 up"):
            method(n)
        with pytest.raises(UsageError, match="no relation 3; the ids are 0, 5"):
            method(1, relation=3)
