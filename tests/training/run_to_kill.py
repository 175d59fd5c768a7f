"""A tiny run that stops at a chosen moment, makes a file to say so, and waits to be killed (see test_kill.py)."""

import sys
import time
from pathlib import Path

import torch

from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.training import RelationTrainer, RelationTrainingArguments
from tests.common.tiny_tokenizers import sample_instances


def trainer_in(folder):
    """Two epochs of five steps, a checkpoint every third step; from the model in the folder `start` beside."""
    start = Path(folder).parent / "start"
    model, processor = MOREModel.from_pretrained(start), RelationProcessor.from_pretrained(start)
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        classes_per_batch=2,
        instances_per_class=2,
        num_train_epochs=2,
        learning_rate=2e-3,
        ema_decay=0.9,
        word_dropout=0.2,
        gradient_cache_rows=3,
        logging_steps=1,
        save_strategy="steps",
        save_steps=3,
        save_total_limit=1,
        dataloader_pin_memory=False,
    )
    return RelationTrainer(model, args, processor, train_dataset=sample_instances(20))


def wait_to_be_killed(marker):
    marker.touch()
    time.sleep(600)


def stop_inside_a_step(trainer, marker):
    """In the middle of step 8: the gradients are there, the weights are those of step 7."""
    step = trainer.training_step

    def slow(*args, **kwargs):
        loss = step(*args, **kwargs)
        if trainer.state.global_step == 7:
            wait_to_be_killed(marker)
        return loss

    trainer.training_step = slow


def stop_inside_a_file(trainer, marker):
    """In the middle of the checkpoint of step 9: half of the optimizer's state is written."""
    save = torch.save

    def slow(content, path, *args, **kwargs):
        save(content, path, *args, **kwargs)
        if trainer.state.global_step == 9 and Path(path).name == "optimizer.pt":
            whole = Path(path).read_bytes()
            Path(path).write_bytes(whole[: len(whole) // 2])
            wait_to_be_killed(marker)

    torch.save = slow


if __name__ == "__main__":
    output, moment, marker = sys.argv[1:]
    trainer = trainer_in(output)
    {"step": stop_inside_a_step, "file": stop_inside_a_file}[moment](trainer, Path(marker))
    trainer.train()
