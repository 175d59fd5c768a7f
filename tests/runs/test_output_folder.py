"""One run at a time in a folder, and no run is lost by accident."""

import json
import os
import signal
import subprocess
import sys

import pytest
from accelerate import debug_launcher

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.runs.output_folder import claimed, find_run


def finish_run(folder, seed=0):
    (folder / f"seed-{seed}").mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{seed}" / "run.json").write_text("{}")
    (folder / "results.json").write_text("{}")


def claim(folder, settings=None, **options):
    with claimed(folder, settings or {}, **options):
        pass


def test_a_second_run_is_told_to_wait_and_the_folder_is_free_again_afterwards(tmp_path):
    with claimed(tmp_path / "new" / "run", {}):
        with pytest.raises(
            UsageError, match=r"Another run is writing to .*new/run. Wait until it ends, or .*--output_dir"
        ):
            claim(tmp_path / "new" / "run")
    claim(tmp_path / "new" / "run")


def test_the_lock_is_free_after_an_error_and_after_kill_9(tmp_path):
    with pytest.raises(KeyError), claimed(tmp_path, {}):
        raise KeyError
    code = f"import filelock, time; lock = filelock.FileLock({str(tmp_path / '.lock')!r})\nlock.acquire(); print(1, flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        with pytest.raises(UsageError, match="Another run"):
            claim(tmp_path)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        claim(tmp_path)
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


@pytest.mark.parametrize(
    ("trace", "named"),
    [
        ("results.json", "results.json"),
        ("seed-3/run.json", "seed-3/run.json"),
        ("seed-0/checkpoint-20/config.json", "seed-0/checkpoint-20"),
        ("seed-0/config.json", "seed-0/config.json"),
        ("seed-0/de/unpruned/config.json", "seed-0/de/unpruned"),
        ("seed-0/de/importance_en.json", "seed-0/de/importance_en.json"),
    ],
)
def test_a_folder_with_a_run_is_refused_and_the_file_is_named(tmp_path, trace, named):
    (tmp_path / trace).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / trace).write_text("{}")
    assert find_run(tmp_path) == tmp_path / named
    with pytest.raises(UsageError, match=f"holds a run already: {named} is there.*--resume.*--overwrite"):
        claim(tmp_path)
    assert not (tmp_path / "settings.json").exists()
    claim(tmp_path, resume=True)


def test_folders_without_a_run_are_taken(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "seed-x").mkdir()
    (tmp_path / "seed-0").mkdir()  # made, and killed before the first checkpoint
    claim(tmp_path, {"a": 1})
    assert json.loads((tmp_path / "settings.json").read_text()) == {"a": 1}
    claim(tmp_path, {"a": 2})  # nothing was computed with the first settings


def test_overwrite_deletes_the_run_and_nothing_else(tmp_path):
    mine = tmp_path / "elsewhere"
    mine.mkdir()
    (mine / "weights").write_text("keep")
    folder = tmp_path / "run"
    for seed in (0, 12):
        finish_run(folder, seed)
    (folder / "seed-7").symlink_to(mine)
    for name in ("notes.txt", "seed-old", "results.json.bak"):
        (folder / name).write_text("keep")
    claim(folder, {"a": 1}, overwrite=True)
    left = {path.name for path in folder.iterdir()} - {".lock"}
    assert left == {"settings.json", "notes.txt", "seed-old", "results.json.bak"}
    assert (mine / "weights").read_text() == "keep"


def test_resuming_with_other_settings_lists_them_and_changes_nothing(tmp_path):
    claim(tmp_path, {"learning_rate": 0.1, "seed": 1, "loss": "sup_con"})
    finish_run(tmp_path)
    with pytest.raises(UsageError, match="started with other settings") as error:
        claim(tmp_path, {"learning_rate": 0.2, "seed": 1, "max_steps": 5}, resume=True)
    message = str(error.value)
    assert "learning_rate: 0.1 then, 0.2 now" in message and "seed" not in message
    assert "max_steps: the default then, 5 now" in message and 'loss: "sup_con" then, the default now' in message
    assert json.loads((tmp_path / "settings.json").read_text())["learning_rate"] == 0.1
    claim(tmp_path, {"learning_rate": 0.1, "seed": 1, "loss": "sup_con"}, resume=True)


def test_contradictions_and_damage_are_errors(tmp_path):
    with pytest.raises(UsageError, match="contradict"):
        claim(tmp_path, resume=True, overwrite=True)
    finish_run(tmp_path)
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(CheckpointError, match="settings.json is damaged"):
        claim(tmp_path, resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        claim(tmp_path / "file")


def claim_in_two_processes(folder):
    from accelerate import PartialState

    PartialState._reset_state()  # earlier tests have left that of one process, which a fork inherits
    state = PartialState(cpu=True)
    place = {"process_index": state.process_index, "num_processes": state.num_processes}
    outcomes = []
    for output in (folder / "used", folder / "free"):
        try:
            with claimed(output, {}, **place):
                outcomes.append("claimed")
                state.wait_for_everyone()
        except UsageError as error:
            outcomes.append(str(error))
    (folder / f"outcome-{state.process_index}.json").write_text(json.dumps(outcomes))


def test_all_processes_stop_when_the_main_one_is_refused(tmp_path):
    finish_run(tmp_path / "used")
    debug_launcher(claim_in_two_processes, args=(tmp_path,), num_processes=2)
    outcomes = [json.loads((tmp_path / f"outcome-{rank}.json").read_text()) for rank in range(2)]
    assert outcomes[0] == outcomes[1] and len(outcomes[0]) == 2
    assert "holds a run already" in outcomes[0][0] and outcomes[0][1] == "claimed"
