"""kill -9, and then on from the last complete checkpoint as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from hf_relation.training import is_complete
from tests.common.tiny_models import tiny_more
from tests.training.run_to_kill import trainer_in


ROOT = Path(__file__).parents[2]


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def train_and_kill(folder, moment):
    marker = folder / f"{moment}.ready"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.training.run_to_kill", str(folder / moment), moment, str(marker)]
    log = open(folder / f"{moment}.log", "w+b")
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    return process, marker, log


def kill(process, marker, log):
    with log:
        deadline = time.monotonic() + 200
        while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        log.seek(0)
        assert code == -signal.SIGKILL and marker.exists(), log.read().decode()


def losses(trainer):
    return [(entry["step"], entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_not_been(tmp_path, one_thread):
    for part in tiny_more(loss="sup_con", adversarial_weight=0.5):
        part.save_pretrained(tmp_path / "start")  # the tiny tokenizers of two processes are not the same
    started = {moment: train_and_kill(tmp_path, moment) for moment in ("step", "file")}
    whole = trainer_in(tmp_path / "whole")
    whole.train()
    expected = whole.model.state_dict()
    for process in started.values():
        kill(*process)
    assert [path.name for path in (tmp_path / "step").iterdir()] == ["checkpoint-6"]
    assert not is_complete(tmp_path / "file" / "checkpoint-9") and is_complete(tmp_path / "file" / "checkpoint-6")
    for moment in started:
        resumed = trainer_in(tmp_path / moment)
        resumed.train(resume_from_checkpoint=True)
        assert resumed.state.global_step == 10
        assert losses(resumed) == losses(whole)  # the first six from the checkpoint, the others run again
        for name, value in resumed.model.state_dict().items():
            assert torch.equal(value, expected[name]), name
        # The last checkpoint is there and whole; nothing of the unfinished one is left.
        (last,) = (tmp_path / moment).iterdir()
        assert last.name == "checkpoint-10" and is_complete(last)
