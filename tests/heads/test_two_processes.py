"""Head importance in two processes: each gives its share, both get the whole; an error in one is raised in both."""

import functools

import numpy as np
import pytest
from accelerate import Accelerator, debug_launcher
from accelerate.state import AcceleratorState

from hf_relation.errors import UsageError
from hf_relation.heads import HeadImportance, head_importance
from tests.common.tiny_heads import tiny_batch, tiny_headed


METHODS = ("gate", "token")


def batches():
    return [tiny_batch(seed=seed, labels="tokens") for seed in range(3)]


def in_two_processes(folder):
    AcceleratorState._reset_state(reset_partial_state=True)  # a test before may have said that there is one process
    rank = Accelerator(cpu=True).process_index
    for method in METHODS:
        importance = head_importance(tiny_headed("bert", "tokens"), batches()[rank::2], method=method)
        importance.save(folder / f"{method}{rank}.json")
    try:  # the first process has no labels; the second must not wait for it for ever
        head_importance(tiny_headed("bert", "tokens"), [batches()[0] if rank else tiny_batch()])
    except UsageError as error:
        (folder / f"error{rank}").write_text(str(error))


@pytest.mark.slow
def test_two_processes_sum_their_shares(tmp_path):
    debug_launcher(functools.partial(in_two_processes, tmp_path), num_processes=2)
    for method in METHODS:
        first, second = ((tmp_path / f"{method}{rank}.json").read_text() for rank in (0, 1))
        loaded = HeadImportance.load(tmp_path / f"{method}0.json")
        alone = head_importance(tiny_headed("bert", "tokens"), batches(), method=method)
        assert first == second and loaded.num_examples == alone.num_examples == 9
        np.testing.assert_allclose(loaded.raw, alone.raw, rtol=1e-6)
    assert all("gave no loss" in (tmp_path / f"error{rank}").read_text() for rank in (0, 1))
