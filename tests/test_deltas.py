"""Low-rank storage of what training changed."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from hf_relation.deltas import apply_delta, factorize_delta
from hf_relation.errors import CheckpointError


@pytest.fixture
def base():
    rng = np.random.default_rng(0)
    return {"table": rng.normal(size=(40, 12)), "wide": rng.normal(size=(6, 30)), "bias": rng.normal(size=7)}


def test_a_change_of_low_rank_comes_back(base):
    rng = np.random.default_rng(1)
    tuned = {k: v.copy() for k, v in base.items()}
    tuned["table"] += rng.normal(size=(40, 2)) @ rng.normal(size=(2, 12))
    tuned["wide"] += rng.normal(size=(6, 2)) @ rng.normal(size=(2, 30))
    tuned["bias"] += 0.5
    tuned["new"] = rng.normal(size=(3, 3))
    back = apply_delta(base, factorize_delta(base, tuned, rank=2))
    for name in tuned:
        np.testing.assert_allclose(back[name], tuned[name], atol=5e-3)


def test_a_change_survives_its_file(base, tmp_path):
    """safetensors stores memory, not values in order: every stored array must be contiguous."""
    rng = np.random.default_rng(3)
    tuned = base | {
        "table": base["table"] + rng.normal(size=(40, 12)),
        "wide": base["wide"] + rng.normal(size=(6, 30)),
    }
    delta = factorize_delta(base, tuned, rank=3)
    save_file(delta, tmp_path / "delta.safetensors")
    before, after = apply_delta(base, delta), apply_delta(base, load_file(tmp_path / "delta.safetensors"))
    for name in tuned:
        np.testing.assert_array_equal(before[name], after[name])
        if name in ("table", "wide"):
            error = np.linalg.norm(after[name] - tuned[name])
            assert error < np.linalg.norm(base[name] - tuned[name])


def test_truncation_equals_numpys_svd(base):
    rng = np.random.default_rng(2)
    change = rng.normal(size=(40, 12))
    delta = factorize_delta(base, base | {"table": base["table"] + change}, rank=3)
    u, s, vt = np.linalg.svd(change, full_matrices=False)
    np.testing.assert_allclose(
        delta["table.left"].astype(float) @ delta["table.right"].astype(float), (u[:, :3] * s[:3]) @ vt[:3], atol=2e-2
    )


def test_a_byte_budget_keeps_what_explains_most_for_its_size(base):
    rng = np.random.default_rng(4)
    strong, weak = rng.normal(size=(40, 12)), 1e-3 * rng.normal(size=(6, 30))
    tuned = base | {"table": base["table"] + strong, "wide": base["wide"] + weak}
    column = 2 * (40 + 12)
    delta = factorize_delta(base, tuned, rank=5, max_bytes=3 * column)
    assert set(delta) == {"table.left", "table.right"} and delta["table.left"].shape == (40, 3)
    same_rank = factorize_delta(base, base | {"table": tuned["table"]}, rank=3)
    np.testing.assert_array_equal(delta["table.left"], same_rank["table.left"])
    stored = factorize_delta(base, tuned, rank=5, max_bytes=10_000)
    assert stored["table.left"].shape[1] == stored["wide.left"].shape[1] == 5


def test_unchanged_tensors_take_no_space_and_appended_rows_are_kept(base):
    rows = np.arange(24.0).reshape(2, 12)
    delta = factorize_delta(base, base | {"table": np.concatenate([base["table"], rows])}, rank=2)
    assert set(delta) == {"table.rows"}
    np.testing.assert_allclose(apply_delta(base, delta)["table"][-2:], rows)


def test_misfits_are_errors(base):
    with pytest.raises(CheckpointError, match="lacks"):
        factorize_delta(base, {"table": base["table"]}, rank=2)
    with pytest.raises(CheckpointError, match="shape"):
        factorize_delta(base, base | {"bias": np.zeros(9)}, rank=2)
    with pytest.raises(CheckpointError, match="does not fit"):
        apply_delta(base, {"table.left": np.zeros((3, 1)), "table.right": np.zeros((1, 12))})
