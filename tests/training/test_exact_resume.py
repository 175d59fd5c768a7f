"""A run that was interrupted in the middle of an epoch ends with the very same weights as one that was not."""

import json
import shutil

import numpy as np
import pytest
import torch
from accelerate import debug_launcher
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from hf_relation.training import ClassBalancedBatchSampler, RelationTrainer, RelationTrainingArguments
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


class SaveAt(TrainerCallback):
    def __init__(self, *steps):
        self.steps = steps

    def on_step_end(self, args, state, control, **kwargs):
        control.should_save = state.global_step in self.steps


def trainer_in(folder, save_at=(), **settings):
    """Everything that draws random numbers or keeps a state is on: dropout of units, words and mentions, a moving average,
    accumulated gradients, the virtual adversarial loss and its warm-up."""
    model, processor = tiny_more("bert", loss="ranked_list", adversarial_weight=0.5)
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        classes_per_batch=2,
        instances_per_class=2,
        gradient_accumulation_steps=2,
        num_train_epochs=2,
        learning_rate=2e-3,
        weight_decay=0.01,
        warmup_steps=2,
        ema_decay=0.9,
        mention_dropout=0.3,
        word_dropout=0.2,
        adversarial_start_step=1,
        adversarial_warmup_steps=0.5,
        logging_steps=1,
        save_strategy="no",
        eval_strategy="steps",
        eval_steps=3,
        eval_dtype="float32",
        eval_num_seeds=1,
        dataloader_pin_memory=False,
        **settings,
    )
    rows = sample_instances(20) + [dict(row, id=f"again-{row['id']}") for row in sample_instances(20)]
    trainer = RelationTrainer(model, args, processor, train_dataset=rows, eval_dataset=sample_instances(12))
    trainer.add_callback(SaveAt(*save_at))
    return trainer


def history(trainer):
    """What the log says of every step, without the clock."""
    kept = ("loss", "relation_loss", "adversarial_loss", "grad_norm", "learning_rate", "eval_ari")
    return [
        {"step": entry["step"]} | {key: entry[key] for key in kept if key in entry}
        for entry in trainer.state.log_history
        if "train_runtime" not in entry
    ]


def assert_same_weights(found, expected):
    assert found.keys() == expected.keys()
    different = [name for name, value in expected.items() if not torch.equal(found[name], value)]
    assert not different


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A run of two epochs with five steps each, which left checkpoints at the end of the first and inside the second."""
    whole = trainer_in(tmp_path_factory.mktemp("whole"), save_at=(5, 7))
    whole.train()
    assert whole.state.global_step == 10 and whole.batch_sampler.epoch == 1
    assert all("adversarial_loss" in entry for entry in history(whole) if entry["step"] > 2 and "loss" in entry)
    return whole


@pytest.mark.parametrize("step", [5, 7], ids=["between epochs", "inside an epoch"])
def test_resumed_it_ends_with_the_same_bits(uninterrupted, tmp_path, step):
    resumed = trainer_in(tmp_path)
    resumed.train(resume_from_checkpoint=f"{uninterrupted.args.output_dir}/checkpoint-{step}")
    assert resumed.state.global_step == 10 and resumed.batch_sampler.epoch == 1
    assert_same_weights(resumed.model.state_dict(), uninterrupted.model.state_dict())
    assert history(resumed) == history(uninterrupted)


@pytest.mark.parametrize(
    "settings",
    [
        {"gradient_cache_rows": 3},
        {"trainable": "lora", "base_weight_average": 0.2, "lora_dropout": 0.1},
        {"bf16": True, "length_chunks": 1},
    ],
    ids=["gradient cache", "adapters", "bfloat16"],
)
def test_with_other_settings_too(tmp_path, settings):
    whole = trainer_in(tmp_path, save_at=(7,), **settings)
    whole.train()
    resumed = trainer_in(tmp_path, **settings)
    resumed.train(resume_from_checkpoint=True)
    assert_same_weights(resumed.model.state_dict(), whole.model.state_dict())
    assert history(resumed) == history(whole)


def test_what_a_checkpoint_keeps_is_needed(uninterrupted, tmp_path):
    # Without the state of the generators the end is another: the tests above would notice.
    checkpoint = tmp_path / "checkpoint-7"
    shutil.copytree(f"{uninterrupted.args.output_dir}/checkpoint-7", checkpoint)
    (checkpoint / "rng_state.pth").unlink()
    (checkpoint / "complete.json").unlink()
    resumed = trainer_in(tmp_path)
    resumed.train(resume_from_checkpoint=str(checkpoint))
    after = uninterrupted.model.state_dict()
    assert any(not torch.equal(value, after[name]) for name, value in resumed.model.state_dict().items())


def work(folder, settings):
    whole = trainer_in(folder / "run", save_at=(4,), **settings)
    whole.train()
    rank = whole.args.process_index
    steps = whole.state.global_step
    whole.accelerator.wait_for_everyone()
    resumed = trainer_in(folder / "run", **settings)
    resumed.train(resume_from_checkpoint=True)
    for name, trainer in (("whole", whole), ("resumed", resumed)):
        save_file({key: v.contiguous() for key, v in trainer.model.state_dict().items()}, folder / f"{name}-{rank}")
    seen = {"steps": steps, "epoch": resumed.batch_sampler.epoch, "whole": history(whole), "resumed": history(resumed)}
    (folder / f"rank{rank}.json").write_text(json.dumps(seen))


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{}, {"gradient_cache_rows": 3, "bf16": True}], ids=["plain", "gradient cache, bfloat16"]
)
def test_two_processes_end_with_the_same_bits(tmp_path, settings):
    tiny_tokenizer("bert")  # trained here, before the processes part ways
    debug_launcher(work, args=(tmp_path, settings), num_processes=2)
    expected = load_file(tmp_path / "whole-0")
    for name in ("whole-1", "resumed-0", "resumed-1"):
        assert_same_weights(load_file(tmp_path / name), expected)
    files = json.loads((tmp_path / "run" / "checkpoint-4" / "complete.json").read_text())["files"]
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= files.keys()  # it was written after both had finished
    for rank in (0, 1):
        seen = json.loads((tmp_path / f"rank{rank}.json").read_text())
        assert seen["steps"] == 6 and seen["epoch"] == 1  # five batches each, of which the last makes a step alone
        assert seen["resumed"] == seen["whole"]


def test_the_order_of_an_epoch_is_a_function_of_seed_and_epoch_alone():
    labels = np.random.default_rng(0).integers(0, 7, 100).tolist()

    def order(seed, epoch, *, before=()):
        sampler = ClassBalancedBatchSampler(labels, classes_per_batch=3, instances_per_class=4, seed=seed)
        for earlier in before:
            sampler.set_epoch(earlier)
            next(iter(sampler))
        torch.rand(3), np.random.rand(3)  # the state of other generators is no part of it
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2, before=(0, 1)) == order(1, 2, before=(5,))
    assert len({str(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1, 2)}) == 6


def test_what_dropout_hides_depends_on_the_batch_and_the_seed_alone(tmp_path):
    trainer = trainer_in(tmp_path)
    rows = [trainer.train_dataset[row] for row in (3, 17, 8)]
    first = trainer.data_collator(rows)["input_ids"]
    torch.rand(1), np.random.rand(1)
    trainer.data_collator(rows[:2])
    assert torch.equal(first, trainer_in(tmp_path).data_collator(rows)["input_ids"])
