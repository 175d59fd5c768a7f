"""A loss or a gradient that is not finite stops the run before it spoils the weights."""

import json

import pytest
import torch
from accelerate import debug_launcher
from transformers import PreTrainedModel

from hf_relation.errors import TrainingError
from hf_relation.models.more import MOREConfig
from hf_relation.training import RelationTrainer, RelationTrainingArguments
from hf_relation.training.failures import FiniteGuard
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


def trainer_in(folder, **settings):
    model, processor = tiny_more(loss="sup_con")
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        classes_per_batch=2,
        instances_per_class=2,
        dataloader_pin_memory=False,
        **({"max_steps": 4, "save_strategy": "steps", "save_steps": 1} | settings),
    )
    return RelationTrainer(model, args, processor, train_dataset=sample_instances(12))


def spoil(trainer, step, rows=slice(0, 1), value=float("nan")):
    """From the given training step on, put `value` into the embeddings of some rows."""
    model = trainer.model
    embed = model._embed

    def spoiled(*args):
        embeddings, *rest = embed(*args)
        if model.training and trainer.state.global_step + 1 >= step:
            embeddings = embeddings.clone()
            embeddings[rows] = value
        return embeddings, *rest

    model._embed = spoiled


def weights(trainer):
    return {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}


@pytest.mark.parametrize(  # the first row of every part of a batch is spoiled
    "settings, num_bad", [({"length_chunks": 1}, 1), ({"length_chunks": 2}, 2), ({"gradient_cache_rows": 1}, 4)]
)
def test_it_names_step_rows_and_the_last_checkpoint_and_changes_nothing(tmp_path, settings, num_bad):
    trainer = trainer_in(tmp_path, **settings)
    spoil(trainer, 3)
    with pytest.raises(TrainingError) as stop:
        trainer.train()
    message, batch = str(stop.value), stop.value.instance_ids
    assert stop.value.step == 3 and message.startswith("Training stopped before step 3: the loss is not finite.")
    order = list(trainer.batch_sampler)
    assert batch == [trainer.train_dataset.instance_ids[row] for row in order[2]]
    assert f"Instances of the step: {', '.join(batch)}." in message
    assert f"embeddings not finite for {num_bad} of 4 rows" in message
    assert f"The last complete checkpoint is {tmp_path / 'checkpoint-2'}." in message and "learning_rate" in message
    saved = torch.load(tmp_path / "checkpoint-2" / "optimizer.pt", weights_only=True)["state"]
    assert {int(state["step"]) for state in saved.values()} == {2}
    assert all(weight.isfinite().all() for weight in weights(trainer).values())
    assert trainer.state.global_step == 2


class Other(PreTrainedModel):
    """A model of one's own, which gives a loss and embeddings."""

    config_class = MOREConfig
    _supports_sdpa = True

    def __init__(self, inner):
        super().__init__(inner.config)
        self.inner = inner
        self.broken = False

    def forward(self, **batch):
        output = self.inner(**batch)
        return {"loss": output.loss * (float("nan") if self.broken else 1.0), "embeddings": output.embeddings}


def test_other_models_train_and_are_stopped_too(tmp_path):
    inner, processor = tiny_more(loss="sup_con")
    args = trainer_in(tmp_path).args
    trainer = RelationTrainer(Other(inner), args, processor, train_dataset=sample_instances(12))
    trainer.train()
    assert trainer.state.global_step == 4
    trainer.model.broken = True
    with pytest.raises(TrainingError, match=r"loss nan; .*Instances of the step: s\d\d, s\d\d") as stop:
        trainer.train()
    assert len(stop.value.instance_ids) == 4


def test_with_accumulated_gradients_all_batches_of_the_step_are_named(tmp_path):
    trainer = trainer_in(tmp_path, gradient_accumulation_steps=2, save_strategy="no", length_chunks=1)
    spoil(trainer, 2)
    with pytest.raises(TrainingError, match="embeddings not finite for 2 of 8 rows") as stop:
        trainer.train()
    order = list(trainer.batch_sampler)
    assert stop.value.instance_ids == [trainer.train_dataset.instance_ids[row] for row in order[2] + order[3]]
    assert "There is no complete checkpoint" in str(stop.value)


def test_a_gradient_that_is_not_finite_stops_the_run_though_the_loss_is(tmp_path):
    trainer = trainer_in(tmp_path, save_strategy="no")
    before = weights(trainer)
    weight = trainer.model.projection.weight
    weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match="(?s)before step 1: the gradient is not finite.*gradient norm (nan|inf)"):
        trainer.train()
    assert all(torch.equal(value, before[name]) for name, value in weights(trainer).items())


def test_without_clipping_it_stops_as_well(tmp_path):
    trainer = trainer_in(tmp_path, save_strategy="no", max_grad_norm=0.0)
    trainer.model.projection.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(TrainingError, match="the gradient is not finite"):
        trainer.train()


def test_a_gradient_scaler_deals_with_infinite_gradients_itself(tmp_path):
    model = torch.nn.Linear(1, 1)
    (model(torch.ones(1)).sum() * float("inf")).backward()
    guard = FiniteGuard(["a"])
    guard.note(torch.tensor([0]), torch.tensor(1.0))
    guard.check(model, step=1, output_dir=tmp_path, scaled=True)
    guard.note(torch.tensor([0]), torch.tensor(float("nan")))
    with pytest.raises(TrainingError, match="the loss is not finite"):
        guard.check(model, step=2, output_dir=tmp_path, scaled=True)


def test_weights_that_are_spoiled_already_are_named(tmp_path):
    model = torch.nn.Linear(2, 1)
    with torch.no_grad():
        model.weight[0, 1] = float("inf")
    model(torch.ones(2)).sum().backward()
    guard = FiniteGuard(["a", "b"])
    guard.note(torch.tensor([1]), torch.tensor(float("inf")), torch.tensor([False]))
    with pytest.raises(TrainingError, match=r"loss inf; .*1 of 1 rows: b; weights .*already: weight \(1\)"):
        guard.check(model, step=1, output_dir=tmp_path)


def test_long_lists_say_what_they_leave_out(tmp_path):
    guard = FiniteGuard([f"id{row}" for row in range(70)])
    guard.note(torch.arange(70), torch.tensor(float("nan")))
    with pytest.raises(TrainingError, match=r"id49 and 20 more \(all are in the error's `instance_ids`\)") as stop:
        guard.check(torch.nn.Linear(1, 1), step=1, output_dir=tmp_path)
    assert len(stop.value.instance_ids) == 70


def work(folder):
    trainer = trainer_in(folder / "run")
    rank = trainer.args.process_index
    if rank == 1:
        spoil(trainer, 2)
    try:
        trainer.train()
        message, ids = "", []
    except TrainingError as error:
        message, ids = str(error), error.instance_ids
    (folder / f"{rank}.json").write_text(json.dumps([message, ids, trainer.state.global_step]))


@pytest.mark.slow
def test_all_processes_stop_with_one_message(tmp_path):
    tiny_tokenizer("bert")
    debug_launcher(work, args=(tmp_path,), num_processes=2)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    message, ids, step = first
    assert step == 1 and "process 1 of 2: loss nan" in message and "process 0 of 2" not in message
    order = list(_order(tmp_path))
    assert ids == order[2] + order[3]
    assert f"Instances of the step: {', '.join(order[3])}." in message


def _order(folder):
    trainer = trainer_in(folder / "order", max_steps=8)
    trainer.get_train_dataloader()
    for batch in trainer.batch_sampler:
        yield [trainer.train_dataset.instance_ids[row] for row in batch]
