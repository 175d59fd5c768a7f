"""Gradients of two processes, and weights that are spread over two processes (FSDP 2)."""

import numpy as np
import pytest
import torch
from accelerate import debug_launcher
from accelerate.state import PartialState
from accelerate.utils import DistributedType, patch_environment
from safetensors.torch import load_file, save_file

from hf_relation.errors import UsageError
from hf_relation.training import RelationTrainer, RelationTrainingArguments, is_complete
from hf_relation.training.sharding import check_sharded_run
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "BertLayer",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
    "FSDP_OFFLOAD_PARAMS": "false",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "false",
}


# One step of plain SGD moves the weights by the gradient, times the learning rate.
PLAIN_STEP = {"max_steps": 1, "optim": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0, "save_strategy": "no"}


@pytest.fixture(autouse=True)
def same_tokenizer_everywhere():
    tiny_tokenizer("bert")  # trained here, before the processes part ways


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def trainer_in(folder, *, fsdp=False, **settings):
    model, processor = tiny_more("bert", loss="sup_con")
    without_dropout(model)
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        classes_per_batch=2,
        instances_per_class=3,
        lr_scheduler_type="constant",
        logging_steps=1,
        eval_num_seeds=1,
        dataloader_pin_memory=False,
        **({"eval_dtype": "float32"} | PLAIN_STEP | settings),
    )
    if fsdp:
        args.device  # noqa: B018 - joins the processes
        # On CPU accelerate leaves FSDP out without a word; FSDP itself runs there.
        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    rows = sample_instances(20)
    return RelationTrainer(model, args, processor, train_dataset=rows[:12], eval_dataset=rows[1:])


def step_in_two_processes(folder, *runs):
    for number, settings in enumerate(runs):
        trainer = trainer_in(folder / f"run{number or ''}", **settings)
        trainer.train()
        weights = {k: v.contiguous() for k, v in trainer.model.state_dict().items()}
        save_file(weights, folder / f"{trainer.args.process_index}{f'-{number}' if number else ''}")


def assert_one_process_is_the_same(folder, settings):
    """Two processes, and one that accumulates the gradients of two batches: the same weights to 1e-5."""
    trainer = trainer_in(folder / "alone", gradient_accumulation_steps=2, **settings)
    start = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    first, second = load_file(folder / "0-1"), load_file(folder / "1-1")
    moved = 0.0
    for name, weight in trainer.model.named_parameters():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], weight.detach(), rtol=0, atol=1e-5, msg=name)
        moved = max(moved, float((weight.detach() - start[name]).abs().max()))
    assert moved > 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{"gradient_cache_rows": 3}, {"gradient_cache_rows": 2, "gradient_accumulation_steps": 2}],
    ids=["one batch", "two batches"],
)
def test_with_the_gradient_cache_two_processes_step_by_the_mean_of_their_gradients(tmp_path, settings):
    # Once a plain run as well, in the same processes: starting them is what takes long.
    plain = [] if "gradient_accumulation_steps" in settings else [{"max_steps": 3}]
    debug_launcher(step_in_two_processes, args=(tmp_path, settings, *plain), num_processes=2)
    for other in plain:
        assert_one_process_is_the_same(tmp_path, other)
    number = 2 * settings.get("gradient_accumulation_steps", 1)
    # The same batches in this process, whole, one after another.
    trainer = trainer_in(tmp_path / "single", max_steps=number)
    trainer.get_train_dataloader()
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    for rows in trainer.batch_sampler:
        batch = trainer.data_collator([trainer.train_dataset[row] for row in rows])
        (trainer.model.train()(**batch).loss / number).backward()
    first, second = load_file(tmp_path / "0"), load_file(tmp_path / "1")
    moved = 0.0
    for name, weight in trainer.model.named_parameters():
        assert torch.equal(first[name], second[name])
        if weight.grad is not None:
            moved = max(moved, float(weight.grad.abs().max()))
            torch.testing.assert_close(first[name], before[name] - 0.1 * weight.grad, rtol=1e-4, atol=1e-5, msg=name)
    assert moved > 0.1


def sharded_run(folder, name, settings):
    with patch_environment(**FSDP):
        trainer = trainer_in(folder / name, fsdp=True, **settings)
        assert trainer.is_fsdp_enabled
        trainer.train(resume_from_checkpoint=settings.get("max_steps") == 4 and name == "resumed")
        rank = trainer.args.process_index
        state = {key: value.contiguous() for key, value in trainer.model.state_dict().items()}
        save_file(state, folder / f"{name}-{rank}")
        np.save(folder / f"{name}-{rank}.npy", trainer._embed(sample_instances(7)))
        assert type(trainer.model).__name__ == "MOREModel"


@pytest.mark.slow
def test_spread_weights_train_as_whole_ones_and_resume(tmp_path):
    settings = {"max_steps": 4, "gradient_cache_rows": 3, "optim": "adamw_torch", "learning_rate": 1e-3}
    debug_launcher(step_in_two_processes, args=(tmp_path, settings), num_processes=2)
    # Evaluated in bfloat16 while the weights are spread, which cannot be copied.
    saving = settings | {"save_strategy": "steps", "save_steps": 2, "eval_strategy": "steps", "eval_steps": 2}
    saving |= {"eval_dtype": "bfloat16"}
    debug_launcher(sharded_run, args=(tmp_path, "whole", saving), num_processes=2)
    expected = load_file(tmp_path / "0")
    first, second = load_file(tmp_path / "whole-0"), load_file(tmp_path / "whole-1")
    assert first.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], value, rtol=1e-3, atol=1e-4, msg=name)
    rows = [np.load(tmp_path / f"whole-{rank}.npy") for rank in (0, 1)]
    assert rows[0].shape == (7, 16) and np.array_equal(*rows)

    assert is_complete(tmp_path / "whole" / "checkpoint-2") and is_complete(tmp_path / "whole" / "checkpoint-4")
    (tmp_path / "resumed").mkdir()
    (tmp_path / "whole" / "checkpoint-2").rename(tmp_path / "resumed" / "checkpoint-2")
    debug_launcher(sharded_run, args=(tmp_path, "resumed", saving), num_processes=2)
    for name, value in load_file(tmp_path / "resumed-0").items():
        assert torch.equal(value, first[name]), name


@pytest.mark.parametrize("settings", [{"trainable": "lora"}, {"ema_decay": 0.9}, {"base_weight_average": 0.1}])
def test_what_needs_whole_weights_is_refused(tmp_path, settings):
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, **settings)
    (name,) = settings
    with pytest.raises(UsageError, match=f"With FSDP, {name}=.* is not supported"):
        check_sharded_run(args, 2)
    with pytest.raises(UsageError, match="version 2"):
        check_sharded_run(args, 1)


def test_virtual_adversarial_training_is_refused(tmp_path):
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    check_sharded_run(args, 2)
    with pytest.raises(UsageError, match="adversarial_weight=0.5 is not supported"):
        check_sharded_run(args, 2, adversarial_weight=0.5)
