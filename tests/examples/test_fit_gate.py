"""fit_gate.py: a tiny checkpoint is told the names of its relations."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from hf_relation.data import check_instances, shuffled_pair_negatives, write_jsonl
from hf_relation.discovery import OpenWorldGate, RelationDiscovery
from hf_relation.discovery.state import read_state
from hf_relation.errors import CheckpointError, UsageError
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_tokenizers import sample_instances


@pytest.fixture(scope="module")
def script():
    path = Path(__file__).parents[2] / "examples" / "fit_gate.py"
    spec = importlib.util.spec_from_file_location("fit_gate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gate")
    rows = check_instances(sample_instances(20))
    write_jsonl(folder / "known.jsonl", rows)
    save_tiny_checkpoint(folder / "more")
    return folder, rows


def test_the_gate_lies_in_the_checkpoint_and_is_what_the_library_fits(script, files, capsys):
    folder, rows = files
    options = ["--dataset", "jsonl", "--train_file", str(folder / "known.jsonl"), "--dtype", "float32"]
    script.main([str(folder / "more"), *options])
    printed = capsys.readouterr().out
    stored = read_state(folder / "more").gate
    names = sorted({row["relations"][0] for row in rows})
    assert stored.relations == names and printed.startswith(f"{len(names)} relations, {len(rows)} rows")
    discovery = RelationDiscovery.from_pretrained(folder / "more", dtype="float32")
    made = shuffled_pair_negatives(rows, seed=0)
    whitening = read_state(folder / "more").whitening
    expected = OpenWorldGate().fit(
        whitening.transform(discovery.embed(rows)),
        [row["relations"][0] for row in rows],
        negatives=whitening.transform(discovery.embed(made.instances)),
        negative_sources=made.sources,
    )
    for name, array in expected.get_state(space=False)[1].items():
        np.testing.assert_allclose(stored.get_state(space=False)[1][name], array, atol=5e-3)
    assert stored.detects_none_ == expected.detects_none_


def test_wrong_use(script, files, tmp_path):
    folder, _ = files
    with pytest.raises(CheckpointError, match="discovery.json"):
        script.main([str(tmp_path)])
    with pytest.raises(UsageError, match="per_relation"):
        script.main([str(folder / "more"), "--per_relation", "1"])
