"""The spread of outputs beside that of outputs that point everywhere, and one warning when little is left."""

import logging

import pytest
import torch
from torch.nn import functional
from transformers import TrainerControl, TrainerState

from hf_relation.errors import UsageError
from hf_relation.training import CollapseMonitor


def log(monitor, *values, **entry):
    state = TrainerState()
    state.is_world_process_zero = True
    for value in values:
        state.global_step += 10
        logs = {"loss": 1.0} if value is None else {"loss": 1.0, "output_std": value}
        state.log_history.append(logs | {"step": state.global_step})
        monitor.on_log(None, state, TrainerControl(), logs)
    return state.log_history


def test_random_directions_have_a_share_of_one_and_equal_rows_of_none():
    rows = functional.normalize(torch.randn(4000, 64, generator=torch.Generator().manual_seed(0)))
    monitor = CollapseMonitor(64**-0.5)
    history = log(
        monitor, rows.std(0, correction=0).mean().item(), rows[:1].repeat(5, 1).std(0, correction=0).mean().item()
    )
    assert history[0]["output_spread"] == pytest.approx(1, abs=0.01) and history[1]["output_spread"] == 0
    assert monitor.lowest == 0


def test_it_warns_once_after_several_low_logs_in_a_row(caplog):
    monitor = CollapseMonitor(1.0, least=0.2, patience=3)
    with caplog.at_level(logging.WARNING):
        log(monitor, 0.1, 0.1, 0.3, 0.1, None, 0.1)  # never three in a row; logs without the figure do not count
        assert not monitor.collapsed and not caplog.records
        log(monitor, 0.15, 0.1, 0.1, 0.5, 0.1, 0.1, 0.1)
    assert monitor.collapsed and len(caplog.records) == 1
    assert "Step 10: the outputs are collapsing" in caplog.text and "15 % of the 1.0000" in caplog.text
    assert monitor.lowest == 0.1


@pytest.mark.parametrize(
    "settings, message",
    [({"uncollapsed_std": 0}, "above 0"), ({"least": 1.0}, "`least`"), ({"patience": 0}, "`patience`")],
)
def test_wrong_settings(settings, message):
    with pytest.raises(UsageError, match=message):
        CollapseMonitor(**({"uncollapsed_std": 1.0} | settings))
