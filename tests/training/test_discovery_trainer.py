"""Targets made anew in every epoch: when, from which weights, what a batch gets of them, and what a checkpoint keeps."""

import json
import shutil

import numpy as np
import pytest
import torch
from accelerate import debug_launcher
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from hf_relation.embedding import embed_instances
from hf_relation.errors import CheckpointError, TrainingError, UsageError
from hf_relation.training import DiscoveryTrainer, EpochBatchSampler, EpochTargets, RelationTrainingArguments
from hf_relation.training.targets import TARGETS_FILE, check_state
from tests.common.tiny_models import tiny_rocore
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


ROWS = [row | {"relations": row["relations"] if i < 10 else []} for i, row in enumerate(sample_instances(20))]


class Blocks(EpochBatchSampler):
    """Batches of three labelled and three unlabelled rows, shifted by the epoch."""

    batch_size, num_batches = 6, 3

    def __iter__(self):
        for batch in range(self.num_batches):
            start = (batch + self.epoch) % 3 * 3
            yield [*range(start, start + 3), *range(10 + start, 13 + start)]


class SignTargets(EpochTargets):
    """The pseudo label of a row is the sign of a coordinate of its embedding; draws a random number on the way."""

    def __init__(self):
        self.labels, self.refreshed, self.applied, self.seen = np.full(20, -100), [], [], []

    def refresh(self, trainer, epoch):
        embedded = trainer.embed_rows(range(10, 20))
        column = int(torch.randint(16, (1,)) * 0 + epoch)
        self.labels = np.full(20, -100)
        self.labels[10:] = trainer.on_first_process(lambda: (embedded[:, column] > 0).astype(np.int64))
        self.refreshed.append(epoch)
        return {"positive": float((self.labels[10:] > 0).mean())}

    def apply(self, trainer, epoch):
        self.applied.append(epoch)
        trainer.plain_model.epoch = epoch

    def columns(self, rows):
        self.seen.append(rows.tolist())
        return {"pseudo_labels": torch.from_numpy(self.labels)[rows]}

    def state(self):
        return {"labels": self.labels}

    def load_state(self, state):
        check_state(state, {"labels": (20,)})
        self.labels = state["labels"]


class SaveAt(TrainerCallback):
    def __init__(self, *steps):
        self.steps = steps

    def on_step_end(self, args, state, control, **kwargs):
        control.should_save = state.global_step in self.steps


def trainer_in(folder, save_at=(), rows=ROWS, **settings):
    model, processor = tiny_rocore("bert", incremental=True)
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        num_train_epochs=2,
        learning_rate=2e-3,
        logging_steps=1,
        save_strategy="no",
        eval_dtype="float32",
        dataloader_pin_memory=False,
        **settings,
    )
    trainer = DiscoveryTrainer(
        model, args, processor, rows, sample_instances(9), targets=SignTargets(), batch_sampler=Blocks()
    )
    trainer.add_callback(SaveAt(*save_at))
    return trainer


def history(trainer):
    return [
        {key: value for key, value in entry.items() if "runtime" not in key and "per_second" not in key}
        for entry in trainer.state.log_history
        if "train_runtime" not in entry
    ]


def different(found, expected):
    assert found.keys() == expected.keys()
    return [name for name, value in expected.items() if not torch.equal(found[name], value)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Two epochs of three steps, with checkpoints at the end of the first and inside the second."""
    trainer = trainer_in(tmp_path_factory.mktemp("whole"), save_at=(3, 4))
    trainer.train()
    assert trainer.state.global_step == 6
    return trainer


def test_targets_are_made_once_an_epoch_and_reach_the_rows_they_belong_to(uninterrupted):
    targets = uninterrupted.targets
    assert targets.refreshed == targets.applied == [0, 1]
    assert targets.seen == [rows for epoch in (0, 1) for rows in batches(epoch)]
    assert uninterrupted.batch_sampler.epoch == 1 and uninterrupted.state.train_batch_size == 6
    figures = [entry for entry in history(uninterrupted) if "positive" in entry]
    assert [entry["epoch"] for entry in figures] == [0, 1]


def batches(epoch):
    sampler = Blocks()
    sampler.set_epoch(epoch)
    return list(sampler)


def test_the_first_targets_come_from_the_model_at_its_start(tmp_path):
    trainer = trainer_in(tmp_path)
    model, processor = tiny_rocore("bert", incremental=True)
    expected = embed_instances(model, processor, ROWS)
    np.testing.assert_allclose(trainer.embed_rows(), expected, atol=1e-5)
    np.testing.assert_allclose(trainer.embed_rows([7, 3]), expected[[7, 3]], atol=1e-5)
    with pytest.raises(UsageError, match="no rows"):
        trainer.embed_rows([])


def test_the_terms_of_the_loss_are_logged_beside_it(uninterrupted):
    entries = [entry for entry in history(uninterrupted) if "loss" in entry]
    assert len(entries) == 6
    for entry in entries:
        config = uninterrupted.model.config
        terms = entry["reconstruction_loss"] + config.center_weight * entry["center_loss"]
        terms += entry["pairwise_loss"] + entry["cross_entropy_loss"]
        # mu(t), equation 17 with T = 10, at the epoch that `apply` set
        terms += np.exp(-5 * (1 - int(entry["step"] > 3) / 10) ** 2) * entry["incremental_loss"]
        assert entry["loss"] == pytest.approx(terms, abs=1e-4)


@pytest.mark.parametrize("step", [3, 4], ids=["between epochs", "inside an epoch"])
def test_a_resumed_run_ends_with_the_same_bits(uninterrupted, tmp_path, step):
    resumed = trainer_in(tmp_path)
    resumed.train(resume_from_checkpoint=f"{uninterrupted.args.output_dir}/checkpoint-{step}")
    assert different(resumed.model.state_dict(), uninterrupted.model.state_dict()) == []
    assert history(resumed) == history(uninterrupted)
    # Inside an epoch its targets are there already; the model is told the epoch all the same.
    assert (resumed.targets.refreshed, resumed.targets.applied) == ([1] if step == 3 else [], [1])


def test_with_adapters_averages_and_accumulated_gradients_too(tmp_path):
    settings = {"trainable": "lora", "lora_dropout": 0.1, "ema_decay": 0.9, "gradient_accumulation_steps": 2}
    whole = trainer_in(tmp_path, save_at=(3,), **settings)
    whole.train()
    resumed = trainer_in(tmp_path, **settings)
    resumed.train(resume_from_checkpoint=True)
    assert different(resumed.model.state_dict(), whole.model.state_dict()) == []
    assert history(resumed) == history(whole)


def test_a_checkpoint_without_targets_or_with_those_of_other_rows_is_refused(uninterrupted, tmp_path):
    checkpoint = tmp_path / "checkpoint-4"
    shutil.copytree(f"{uninterrupted.args.output_dir}/checkpoint-4", checkpoint)
    (checkpoint / "complete.json").unlink()
    with pytest.raises(CheckpointError, match=r"should have shape \(20,\), got \(19,\)"):
        save_file({"labels": torch.zeros(19)}, checkpoint / TARGETS_FILE, metadata={"epoch": "1"})
        trainer_in(tmp_path).train(resume_from_checkpoint=str(checkpoint))
    (checkpoint / TARGETS_FILE).unlink()
    with pytest.raises(CheckpointError, match="targets.safetensors is missing"):
        trainer_in(tmp_path).train(resume_from_checkpoint=str(checkpoint))


def test_representations_that_are_not_finite_are_named(tmp_path):
    trainer = trainer_in(tmp_path)
    with torch.no_grad():
        trainer.plain_model.autoencoder_encoder[-1].bias[3] = float("nan")
    with pytest.raises(TrainingError, match=rf"epoch 0 .* for 10 of 10 instances: {ROWS[10]['id']}, ") as caught:
        trainer.train()
    assert caught.value.instance_ids == [row["id"] for row in ROWS[10:]]


def test_an_error_of_one_process_stops_them_all(tmp_path):
    debug_launcher(fail_in_first, args=(tmp_path,), num_processes=2)
    for rank in (0, 1):
        assert (tmp_path / f"rank{rank}").read_text() == "`k` is wrong."


def fail_in_first(folder):
    trainer = trainer_in(folder / "run")

    def work():
        raise UsageError("`k` is wrong.")

    try:
        trainer.on_first_process(work)
    except UsageError as error:
        (folder / f"rank{trainer.args.process_index}").write_text(str(error))


def work(folder):
    whole = trainer_in(folder / "run", save_at=(1,))  # inside the first of two epochs with two steps
    whole.batch_sampler.num_batches = 4
    whole.train()
    rank = whole.args.process_index
    whole.accelerator.wait_for_everyone()
    resumed = trainer_in(folder / "run")
    resumed.batch_sampler.num_batches = 4
    resumed.train(resume_from_checkpoint=True)
    for name, trainer in (("whole", whole), ("resumed", resumed)):
        save_file({key: v.contiguous() for key, v in trainer.model.state_dict().items()}, folder / f"{name}-{rank}")
    seen = {
        "labels": whole.targets.labels.tolist(),
        "seen": whole.targets.seen,
        "embedded": trainer.embed_rows([4, 2, 9]).tolist(),
        "one": trainer.embed_rows([4]).tolist(),
        "whole": history(whole),
        "resumed": history(resumed),
        "refreshed": resumed.targets.refreshed,
    }
    (folder / f"rank{rank}.json").write_text(json.dumps(seen))


@pytest.mark.slow
def test_two_processes_share_the_targets_and_end_with_the_same_bits(tmp_path):
    tiny_tokenizer("bert")  # trained here, before the processes part ways
    debug_launcher(work, args=(tmp_path,), num_processes=2)
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    expected = load_file(tmp_path / "whole-0")
    for name in ("whole-1", "resumed-0", "resumed-1"):
        assert different(load_file(tmp_path / name), expected) == []
    assert first["labels"] == second["labels"]
    order = [rows for epoch in (0, 1) for rows in four_batches(epoch)]
    assert first["seen"] == order[0::2] and second["seen"] == order[1::2]
    assert first["whole"] == first["resumed"] and first["refreshed"] == [1]
    assert first["embedded"] == second["embedded"]
    np.testing.assert_allclose(first["one"][0], first["embedded"][0], atol=1e-5)


def four_batches(epoch):
    sampler = Blocks()
    sampler.num_batches = 4
    sampler.set_epoch(epoch)
    return list(sampler)
