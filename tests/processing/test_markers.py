from __future__ import annotations

import pytest

from hf_relation.errors import UsageError
from hf_relation.processing.markers import check_marker_policy, declared_entity_types, marker_tokens


def test_markers_of_each_policy():
    assert marker_tokens("none") == []
    assert marker_tokens("entity") == ["[E1]", "[/E1]", "[E2]", "[/E2]"]
    assert marker_tokens("typed", ("LOC",)) == [
        "[E1]", "[/E1]", "[E2]", "[/E2]",
        "[E1:LOC]", "[/E1:LOC]", "[E2:LOC]", "[/E2:LOC]",
    ]  # fmt: skip


def test_types_are_normalised_and_kept_once_in_order():
    assert declared_entity_types(["org", " Geo  political", "ORG"]) == ("ORG", "GEO_POLITICAL")


@pytest.mark.parametrize("types", ["PERSON", [1], ["  "], ["A[B"], ["A]"], {"PERSON"}, None])
def test_bad_types_are_refused(types):
    with pytest.raises(UsageError, match="entity type|entity_types"):
        declared_entity_types(types)


@pytest.mark.parametrize(
    ("policy", "types", "message"),
    [("both", (), "got 'both'"), ("typed", (), "needs the types"), ("entity", ("ORG",), "read with marker_policy")],
)
def test_contradictions_are_refused(policy, types, message):
    with pytest.raises(UsageError, match=message):
        check_marker_policy(policy, types)
