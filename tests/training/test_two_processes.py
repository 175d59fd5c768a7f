"""Training in two processes: whole batches each, the same weights, complete evaluation."""

import json

import numpy as np
import pytest
import torch
from accelerate import debug_launcher

from hf_relation.training import RelationTrainer, RelationTrainingArguments
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


def trainer_in(folder, **settings):
    model, processor = tiny_more("bert", loss="sup_con")
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        classes_per_batch=2,
        instances_per_class=3,
        learning_rate=1e-3,
        logging_steps=1,
        eval_dtype="float32",
        eval_num_seeds=1,
        dataloader_pin_memory=False,
        **({"save_strategy": "no", "max_steps": 4} | settings),
    )
    rows = sample_instances(20)
    return RelationTrainer(model, args, processor, train_dataset=rows[:12], eval_dataset=rows[1:])


def total(model):
    return sum(weight.detach().double().sum().item() for weight in model.parameters())


class Recorder:
    """Stands before the collator and keeps the rows of every batch."""

    def __init__(self, collator):
        self.collator, self.batches = collator, []

    def __call__(self, rows):
        self.batches.append([row["input_ids"] for row in rows])
        return self.collator(rows)


def work(folder):
    trainer = trainer_in(folder / "run", save_strategy="steps", save_steps=2)
    recorder = trainer.data_collator = Recorder(trainer.data_collator)
    trainer.train()
    rank = trainer.args.process_index
    seen = {
        "world": trainer.args.world_size,
        "batches": recorder.batches[:4],
        "metrics": trainer.evaluate(),
        "weights": total(trainer.model),
    }
    trainer.accelerator.wait_for_everyone()
    resumed = trainer_in(folder / "run", save_strategy="steps", save_steps=2)
    resumed.train(resume_from_checkpoint=str(folder / "run" / "checkpoint-2"))
    seen["resumed"] = total(resumed.model)
    (folder / f"rank{rank}.json").write_text(json.dumps(seen))


@pytest.fixture(autouse=True)
def same_tokenizer_everywhere():
    tiny_tokenizer("bert")  # trained here, before the processes part ways


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path):
    debug_launcher(work, args=(tmp_path,), num_processes=2)
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert first["world"] == second["world"] == 2

    # The processes take turns in the one order that a single process would see.
    single = trainer_in(tmp_path / "single", max_steps=8)
    single.get_train_dataloader()
    order = [[single.train_dataset[row]["input_ids"] for row in batch] for batch in single.batch_sampler]
    assert first["batches"] == order[0::2] and second["batches"] == order[1::2]

    assert first["weights"] == second["weights"] != total(single.model)
    assert first["resumed"] == second["resumed"] == first["weights"]

    scores = {
        key: value for key, value in first["metrics"].items() if "per_second" not in key and "runtime" not in key
    }
    assert scores == {key: second["metrics"][key] for key in scores}
    assert scores["eval_num_instances"] == 19


@pytest.mark.slow
def test_two_processes_embed_every_row_once_and_in_order(tmp_path):
    debug_launcher(embed, args=(tmp_path,), num_processes=2)
    trainer = trainer_in(tmp_path)
    expected = torch.from_numpy(trainer._embed(sample_instances(19)))
    for rank in (0, 1):
        torch.testing.assert_close(
            torch.from_numpy(np.load(tmp_path / f"rank{rank}.npy")), expected, atol=1e-5, rtol=1e-5
        )


def embed(folder):
    trainer = trainer_in(folder)
    np.save(folder / f"rank{trainer.args.process_index}.npy", trainer._embed(sample_instances(19)))
