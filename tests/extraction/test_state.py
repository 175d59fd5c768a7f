"""extraction.json: every rule comes back; what is damaged, newer or of other weights is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_relation.errors import CheckpointError
from hf_relation.extraction import (
    DecisionRules,
    IsotonicCalibration,
    SymmetricRelations,
    TemperatureCalibration,
    Thresholds,
    TypeConstraints,
)
from hf_relation.extraction.state import JSON_FILE, read_rules, write_rules


CONTENT = b"weights"


def folder_with(tmp_path: Path, rules: DecisionRules) -> Path:
    (tmp_path / "model.safetensors").write_bytes(CONTENT)
    write_rules(tmp_path, rules)
    return tmp_path


@pytest.mark.parametrize(
    "calibration",
    [
        None,
        TemperatureCalibration().fit([2.0, -1.0, 0.5, -0.5], [1, 0, 0, 1]),
        IsotonicCalibration(per_relation=True, min_positives=1).fit([[2.0, 1.0], [-1.0, 0.0]], [[1, 0], [0, 1]]),
    ],
)
def test_all_rules_come_back(tmp_path: Path, calibration: Any) -> None:
    rules = DecisionRules(
        Thresholds(0.4, {"born in": 0.7}, f1=0.9),
        calibration=calibration,
        type_constraints=TypeConstraints({"born in": [("PERSON", None)], "spouse": None}),
        symmetric=SymmetricRelations(["spouse"], inverses=[("parent of", "child of")]),
        top_k=2,
        reflexive_pairs=True,
    )
    found = read_rules(folder_with(tmp_path, rules))
    assert found.thresholds == rules.thresholds and found.type_constraints == rules.type_constraints
    assert found.symmetric is not None and found.symmetric.to_dict() == rules.symmetric.to_dict()
    assert (found.top_k, found.reflexive_pairs) == (2, True)
    if calibration is None:
        assert found.calibration is None
    else:
        assert found.calibration is not None and found.calibration.to_dict() == calibration.to_dict()


def test_no_file_is_the_default_rules(tmp_path: Path) -> None:
    assert read_rules(tmp_path) == DecisionRules()
    assert read_rules(folder_with(tmp_path, DecisionRules())) == DecisionRules()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format_version": 2}, "Upgrade"),
        ({"format_version": None}, "no `format_version`"),
        ({"format_version": True}, "no `format_version`"),
        ({"thresholds": {"value": 2, "per_relation": {}, "f1": None}}, "from 0 to 1"),
        ({"thresholds": []}, "keys value, per_relation, f1"),
        ({"thresholds": "high"}, "keys value, per_relation, f1"),
        ({"calibration": {"kind": "pickle"}}, "temperature"),
        ({"type_constraints": {"born in": "PERSON"}}, "list of type pairs"),
        ({"symmetric": {"symmetric": "spouse", "inverses": []}}, "must be lists"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": "3"}, "top_k"),
        ({"top_k": 1.5}, "top_k"),
        ({"reflexive_pairs": None}, "reflexive_pairs"),
        ({"code": "import os"}, "no rule 'code'"),
        ({"sha256": None}, "`sha256`"),
        ({"sha256": {}}, "`sha256`"),
        ({"sha256": ["model.safetensors"]}, "`sha256`"),
        ({"sha256": {"model.safetensors": "0" * 64}}, "changed after"),
        ({"sha256": {"model.safetensors": None}}, "changed after"),
        ({"sha256": {"../model.safetensors": "0" * 64}}, "not in the folder"),
        ({"sha256": {"": "0" * 64}}, "not in the folder"),
        ({"sha256": {"other.safetensors": "0" * 64}}, "not in the folder"),
    ],
)
def test_what_was_altered_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = folder_with(tmp_path, DecisionRules(top_k=2)) / JSON_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=message) as caught:
        read_rules(tmp_path)
    assert JSON_FILE in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"format_version": NaN}', b"[" * 9999]
)
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    folder_with(tmp_path, DecisionRules())
    (tmp_path / JSON_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        read_rules(tmp_path)


def test_other_weights_are_noticed(tmp_path: Path) -> None:
    folder_with(tmp_path, DecisionRules())
    (tmp_path / "model.safetensors").write_bytes(b"others")
    with pytest.raises(CheckpointError, match="changed after"):
        read_rules(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="not in the folder"):
        read_rules(tmp_path)
