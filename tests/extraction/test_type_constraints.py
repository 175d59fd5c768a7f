"""Type constraints: learned, applied, in a file, and files that are damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hf_relation.data import check_document, check_instance
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction import TypeConstraints


def instance(head_type, tail_type, *relations):
    return check_instance(
        {
            "text": "Ada met Bob.",
            "head": {"start": 0, "end": 3, "type": head_type},
            "tail": {"start": 8, "end": 11, "type": tail_type},
            "relations": list(relations),
        },
        index=0,
    )


ROWS = [
    instance("PER", "ORG", "works for", "member of"),
    instance("PER", "ORG", "works for"),
    instance("PER", "LOC", "works for"),
    instance(None, "ORG", "works for"),
    instance("PER", None, "knows"),
    instance("LOC", "LOC", "NA"),
    instance("ORG", "ORG"),
]


def test_learned_from_instances():
    assert TypeConstraints.from_instances(ROWS, na_label="NA").to_dict() == {
        "knows": None,  # never seen with both types
        "member of": [["PER", "ORG"]],
        "works for": [["PER", "LOC"], ["PER", "ORG"]],
    }
    assert TypeConstraints.from_instances(ROWS, min_count=2).to_dict() == {
        "NA": None,
        "knows": None,
        "member of": None,  # seen too seldom to tell
        "works for": [["PER", "ORG"]],
    }


def test_learned_from_documents():
    document = check_document(
        {
            "text": "Ada met Bob.",
            "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}],
            "entities": [{"type": "PER", "mentions": [0]}, {"type": "ORG", "mentions": [1]}, {"mentions": [1]}],
            "relations": [
                {"head": 0, "tail": 1, "label": "works for"},
                {"head": 0, "tail": 1, "label": "works for"},  # the same label once more
                {"head": 0, "tail": 2, "label": "knows"},
                {"head": 1, "tail": 0, "label": "NA"},
            ],
        }
    )
    found = TypeConstraints.from_documents([document], na_label="NA")
    assert found == TypeConstraints({"knows": None, "works for": [("PER", "ORG")]})
    assert TypeConstraints.from_documents([document], min_count=2).to_dict()["works for"] is None


@pytest.mark.parametrize(
    ("relation", "head", "tail", "expected"),
    [
        ("works for", "PER", "ORG", True),
        ("works for", "ORG", "PER", False),
        ("works for", "per", "ORG", False),
        ("works for", None, None, True),
        ("works for", None, "ORG", True),
        ("works for", None, "LOC", False),  # what is known still counts
        ("works for", "PER", None, True),
        ("works for", "LOC", None, False),
        ("based in", "ORG", "LOC", True),
        ("based in", "X", "LOC", True),
        ("based in", "ORG", "ORG", False),
        ("any", "X", "Y", True),
        ("not among them", "X", "Y", True),
    ],
)
def test_what_is_allowed(relation, head, tail, expected):
    constraints = TypeConstraints({"works for": [("PER", "ORG")], "based in": [[None, "LOC"]], "any": None})
    assert constraints.allows(relation, head, tail) is expected
    mask = constraints.mask(["PER", head], ["ORG", tail], ["any", relation])
    assert mask.dtype == np.bool_ and mask.shape == (2, 2) and mask[1].tolist() == [True, expected]


def test_masks_of_nothing():
    constraints = TypeConstraints({})
    assert constraints.mask([], [], ["a", "b"]).shape == (0, 2)
    assert constraints.mask(["X"], ["Y"], []).shape == (1, 0)
    with pytest.raises(UsageError, match="have 1 and 0 entries"):
        constraints.mask(["X"], [], ["a"])


@pytest.mark.parametrize("allowed", [{}, {'a "quoted" </script> é': [["A", "B"], [None, "C"]], "b": None}])
def test_file_comes_back(tmp_path, allowed):
    constraints = TypeConstraints(allowed)
    path = constraints.save_json(tmp_path / "types.json")
    assert TypeConstraints.from_json(path) == constraints
    assert json.loads(path.read_text()) == allowed == constraints.to_dict()
    assert [item.name for item in tmp_path.iterdir()] == ["types.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "types.json: Type constraints must be an object of relations"),
        ('{"r": "PER"}', "'r' must be a list of type pairs, or null for any, got 'PER'"),
        ('{"r": {"PER": "ORG"}}', "must be a list of type pairs"),
        ('{"r": 3}', "must be a list of type pairs"),
        ('{"r": ["AB"]}', "each a string or null, got AB"),
        ('{"r": [["A"]]}', "a type pair is"),
        ('{"r": [["A", 1]]}', "a type pair is"),
        ('{"r": [["A", "B", "C"]]}', "a type pair is"),
        ('{"r": []}', "could never be predicted. Use null"),
    ],
)
def test_other_files_are_told_plainly(tmp_path, content, message):
    (tmp_path / "types.json").write_text(content)
    with pytest.raises(UsageError, match=message):
        TypeConstraints.from_json(tmp_path / "types.json")


@pytest.mark.parametrize("content", ["{", '{"r": null, "r": null}', "[" * 100000, '{"r": NaN}'])
def test_what_is_not_strict_json_is_told_plainly(tmp_path, content):
    (tmp_path / "types.json").write_text(content)
    with pytest.raises(InvalidRowError):
        TypeConstraints.from_json(tmp_path / "types.json")


def test_bad_settings_are_told_plainly(tmp_path):
    with pytest.raises(UsageError, match="`min_count` must be at least 1, got 0"):
        TypeConstraints.from_instances(ROWS, min_count=0)
    with pytest.raises(UsageError, match="by the relation's name, a string, got 3"):
        TypeConstraints({3: None})
    with pytest.raises(UsageError, match="does not exist"):
        TypeConstraints.from_json(tmp_path / "none.json")
