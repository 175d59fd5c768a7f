"""A checkpoint with any file cut off is not resumed from, and a whole one is always there."""

import json
import re
import shutil

import pytest

from hf_relation.errors import CheckpointError
from hf_relation.training import RelationTrainer, RelationTrainingArguments, is_complete, last_complete_checkpoint
from hf_relation.training.manifest import begin_checkpoint, find_fault, finish_checkpoint
from hf_relation.training.resuming import check_resumable, complete_checkpoints, remove_old_checkpoints
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


# The files of a checkpoint, which the tests below cut one after another; a new one must be added here.
FILES = [
    "averaged_weights.safetensors",
    "config.json",
    "model.safetensors",
    "optimizer.pt",
    "processor_config.json",
    "rng_state.pth",
    "scheduler.pt",
    "tokenizer.json",
    "tokenizer_config.json",
    "trainer_state.json",
]


def trainer_in(folder, **settings):
    model, processor = tiny_more(loss="sup_con")
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        classes_per_batch=2,
        instances_per_class=2,
        ema_decay=0.5,
        eval_dtype="float32",
        eval_num_seeds=1,
        eval_n_init=1,
        dataloader_pin_memory=False,
        **({"max_steps": 2, "save_strategy": "steps", "save_steps": 1} | settings),
    )
    rows = sample_instances(12)
    return RelationTrainer(model, args, processor, train_dataset=rows, eval_dataset=rows)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    trainer_in(folder).train()
    return folder


@pytest.fixture
def copy(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def test_these_are_all_files(run):
    checkpoint = run / "checkpoint-2"
    assert sorted(path.name for path in checkpoint.iterdir()) == sorted([*FILES, "complete.json", "README.md"])
    manifest = json.loads((checkpoint / "complete.json").read_text())  # the card may be edited, and is not in it
    assert manifest["files"] == {name: (checkpoint / name).stat().st_size for name in FILES}


@pytest.mark.parametrize("name", [*FILES, "complete.json"])
@pytest.mark.parametrize("damage", ["half", "one byte", "empty", "gone"])
def test_any_file_cut_off_makes_a_checkpoint_incomplete(copy, name, damage):
    path = copy / "checkpoint-2" / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"half": content[: len(content) // 2], "one byte": content[:-1], "empty": b""}[damage])
    if (name, damage) == ("complete.json", "gone"):
        assert is_complete(copy / "checkpoint-2")  # as a plain Trainer would have written it
        return
    assert not is_complete(copy / "checkpoint-2")
    assert last_complete_checkpoint(copy) == copy / "checkpoint-1"
    with pytest.raises(
        CheckpointError, match=f"checkpoint-2 cannot be resumed from: {re.escape(name)} .*checkpoint-1"
    ):
        check_resumable(copy / "checkpoint-2")


@pytest.mark.parametrize("name", FILES)
def test_without_a_list_of_files_half_a_file_is_noticed_too(copy, name):
    checkpoint = copy / "checkpoint-2"
    (checkpoint / "complete.json").unlink()
    assert is_complete(checkpoint)
    content = (checkpoint / name).read_bytes()
    (checkpoint / name).write_bytes(content[: len(content) // 2])
    assert find_fault(checkpoint).startswith(name)


def test_the_trainer_says_what_is_wrong_and_where_to_go_on(copy):
    path = copy / "checkpoint-2" / "optimizer.pt"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(
        CheckpointError,
        match=rf"optimizer.pt has 100 bytes instead of {size}. The last complete one beside it is .*checkpoint-1",
    ):
        trainer_in(copy).train(resume_from_checkpoint=str(copy / "checkpoint-2"))
    resumed = trainer_in(copy)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == 2 and is_complete(copy / "checkpoint-2")  # written anew


def test_a_folder_that_is_not_there_and_one_with_weights_alone(copy):
    with pytest.raises(CheckpointError, match="checkpoint-7 cannot be resumed from: there is no such folder"):
        check_resumable(copy / "checkpoint-7")
    trainer_in(copy / "weights", save_only_model=True, max_steps=1).train()
    with pytest.raises(CheckpointError, match="no state of the optimizer .*save_only_model"):
        trainer_in(copy / "weights").train(resume_from_checkpoint=True)


def test_an_unfinished_folder_is_no_checkpoint_even_with_every_file_of_an_older_one(copy):
    checkpoint = copy / "checkpoint-2"
    begin_checkpoint(checkpoint)  # a run was killed when it was about to write the same step again
    assert find_fault(checkpoint).startswith("the run was stopped while it was being written")
    finish_checkpoint(checkpoint)
    assert is_complete(checkpoint)


def test_a_list_of_a_later_format_is_not_guessed_at(copy):
    path = copy / "checkpoint-2" / "complete.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    assert "format 2" in find_fault(copy / "checkpoint-2")


def test_a_whole_checkpoint_is_there_at_every_moment(tmp_path, monkeypatch):
    import torch

    from hf_relation.training import trainer as module

    trainer = trainer_in(
        tmp_path,
        max_steps=5,
        save_total_limit=1,
        load_best_model_at_end=True,
        eval_strategy="steps",
        eval_steps=1,
    )
    scores = iter([0.5, 0.9, 0.4, 0.3, 0.2])
    monkeypatch.setattr(
        "hf_relation.training.held_out.evaluate_by_clustering", lambda *args, **kwargs: {"bcubed_f1": next(scores)}
    )
    seen = []
    save, remove = torch.save, module.remove_old_checkpoints

    def noted_save(*args, **kwargs):
        seen.append([path.name for path in complete_checkpoints(tmp_path)])
        return save(*args, **kwargs)

    def noted_remove(*args, **kwargs):
        remove(*args, **kwargs)
        seen.append([path.name for path in complete_checkpoints(tmp_path)])

    monkeypatch.setattr(torch, "save", noted_save)
    monkeypatch.setattr(module, "remove_old_checkpoints", noted_remove)
    trainer.train()
    of_step = {1: [], 2: ["checkpoint-1"], 3: ["checkpoint-2"]}
    of_step |= {4: ["checkpoint-3", "checkpoint-2"], 5: ["checkpoint-4", "checkpoint-2"]}  # the latest, and the best
    saves = len(seen) // 5 - 1
    for step, during in of_step.items():
        assert seen[(step - 1) * (saves + 1) :][:saves] == [during] * saves
    assert [path.name for path in complete_checkpoints(tmp_path)] == ["checkpoint-2"]


def folder_with(folder, steps, unfinished=()):
    for step in steps:
        checkpoint = folder / f"checkpoint-{step}"
        begin_checkpoint(checkpoint)
        if step not in unfinished:
            (checkpoint / "some.file").write_text("content")
            finish_checkpoint(checkpoint)


@pytest.mark.parametrize(
    "limit, left",
    [(None, [1, 2, 3, 4, 5, 9]), (0, [1, 2, 3, 4, 5, 9]), (1, [2, 5, 9]), (2, [2, 5, 9]), (3, [2, 3, 5, 9])],
)
def test_what_is_removed(tmp_path, limit, left):
    # 2 is the best and 5 the newest; 9 was being written when an earlier run was killed, and 4 before that.
    folder_with(tmp_path, [1, 2, 3, 4, 5, 9], unfinished=(4, 9))
    remove_old_checkpoints(tmp_path, limit, keep=(tmp_path / "checkpoint-5", str(tmp_path / "checkpoint-2")))
    assert sorted(int(path.name.rpartition("-")[2]) for path in tmp_path.iterdir()) == left


def test_going_back_to_an_earlier_checkpoint_is_said(run, caplog):
    assert check_resumable(run / "checkpoint-1") == run / "checkpoint-1"
    assert "checkpoint-2 is later than checkpoint-1" in caplog.text


def test_another_number_of_processes_is_said(run, caplog):
    check_resumable(run / "checkpoint-2")
    assert caplog.text == ""
    check_resumable(run / "checkpoint-2", num_processes=2)
    assert "was written by 1 process(es) and is resumed by 2" in caplog.text


def test_a_card_may_be_edited(copy):
    (copy / "checkpoint-2" / "README.md").write_text("# By hand")
    assert is_complete(copy / "checkpoint-2")
    (copy / "checkpoint-2" / "README.md").unlink()
    assert last_complete_checkpoint(copy).name == "checkpoint-2"
