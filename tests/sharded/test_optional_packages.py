"""Without the extras: an error that says what to install, from the call that needs it."""

from __future__ import annotations

import sys

import pytest

from hf_relation.compat import optional_base
from hf_relation.errors import MissingPackageError
from hf_relation.sharded.datatrove import sharded_executors
from hf_relation.sharded.datatrove.ray_executor import ShardsRayExecutor


def test_what_to_install_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datatrove", None)
    monkeypatch.setitem(sys.modules, "datatrove.pipeline.base", None)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r'pip install "hf_relation\[scale\]"'):
        sharded_executors([tmp_path / "rows.jsonl"], tmp_path / "work")
    assert not list(tmp_path.iterdir())

    class Step(optional_base("datatrove.pipeline.base", "PipelineStep", extra="scale")):
        def __init__(self, number):
            super().__init__(number)

    with pytest.raises(MissingPackageError, match=r'pip install "hf_relation\[scale\]"'):
        Step(1)
    with pytest.raises(MissingPackageError, match=r'pip install "hf_relation\[scale,ray\]"'):
        ShardsRayExecutor([])
