"""The virtual adversarial loss in training: when it counts, how parts of a batch share it, what the log says."""

import pytest
import torch
from torch import nn

from hf_relation.errors import UsageError
from hf_relation.training import AdversarialWarmup, RelationTrainer, RelationTrainingArguments
from hf_relation.training.adversarial import more_model
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])


def trainer_with(tmp_path, model_settings=None, **settings):
    model, processor = tiny_more(**({"loss": "sup_con", "adversarial_weight": 0.5} | (model_settings or {})))
    shape = {"classes_per_batch": 3, "instances_per_class": 4, "save_strategy": "no", "logging_steps": 1}
    args = RelationTrainingArguments(
        output_dir=str(tmp_path), use_cpu=True, disable_tqdm=True, **({"max_steps": 5} | shape | settings)
    )
    return RelationTrainer(model, args, processor, train_dataset=sample_instances(12))


@pytest.mark.parametrize(
    "start, warmup, expected",
    [
        (0, 0, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        (3, 0, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]),
        (0, 4, [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]),
        (2, 4, [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1]),
        (0.2, 0.4, [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1]),
        (0.15, 0, [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]),  # one step and a half: from the third on
    ],
)
def test_the_scale_by_hand(start, warmup, expected):
    callback = AdversarialWarmup(start, warmup)
    assert [callback.scale(step, max_steps=10) for step in range(10)] == expected


@pytest.mark.parametrize("settings", [{}, {"trainable": "lora"}, {"gradient_cache_rows": 5}])
def test_the_model_gets_the_scale_of_every_step_and_its_own_back(tmp_path, settings):
    trainer = trainer_with(tmp_path, adversarial_start_step=1, adversarial_warmup_steps=2, **settings)
    seen = []
    step = trainer.training_step

    def noted(model, inputs, number=None):
        seen.append(more_model(model).adversarial_scale)
        return step(model, inputs, number)

    trainer.training_step = noted
    trainer.train()
    assert seen == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert trainer.model.adversarial_scale == 1.0


def test_the_log_has_both_terms_while_the_adversarial_one_is_at_work(tmp_path):
    trainer = trainer_with(tmp_path, adversarial_start_step=2, gradient_accumulation_steps=2)
    trainer.train()
    entries = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert [("adversarial_loss" in entry, "relation_loss" in entry) for entry in entries] == [(False, False)] * 2 + [
        (True, True)
    ] * 3
    for entry in entries[2:]:
        assert entry["adversarial_loss"] > 0
        assert entry["loss"] == pytest.approx(entry["relation_loss"] + 0.5 * entry["adversarial_loss"], rel=1e-5)


@pytest.mark.parametrize("settings", [{}, {"gradient_cache_rows": 5}], ids=["chunks", "gradient cache"])
def test_a_log_entry_is_the_mean_of_the_steps_since_the_last(tmp_path, settings):
    every = trainer_with(tmp_path, **settings)
    every.train()
    seldom = trainer_with(tmp_path, logging_steps=5, **settings)
    seldom.train()
    for key in ("loss", "relation_loss", "adversarial_loss"):
        values = [entry[key] for entry in every.state.log_history if "loss" in entry]
        (value,) = (entry[key] for entry in seldom.state.log_history if "loss" in entry)
        assert len(values) == 5 and value == pytest.approx(sum(values) / 5, rel=1e-5)


def test_without_weight_there_is_nothing_in_the_log(tmp_path):
    trainer = trainer_with(tmp_path, {"adversarial_weight": 0.0}, max_steps=1)
    trainer.train()
    assert not any("adversarial_loss" in entry or "relation_loss" in entry for entry in trainer.state.log_history)


@pytest.mark.parametrize("num_chunks", [1, 5])
def test_parts_of_unequal_size_share_it_by_rows(tmp_path, num_chunks):
    # Five parts of twelve rows: 3, 3, 2, 2, 2. The losses of the parts are made up here.
    trainer = trainer_with(tmp_path, length_chunks=num_chunks)
    plain = trainer.model
    batch = {**trainer.processing_class(sample_instances(12)), "labels": LABELS}
    calls = []

    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = plain

        def forward(self, **columns):
            output = self.model(**columns)
            calls.append(len(output.embeddings))
            output.adversarial_loss = torch.tensor(float(len(calls)), requires_grad=True)
            return output

    plain.eval()
    trainer._plain = lambda model: plain
    loss = trainer.compute_loss(Fixed(), batch)
    relation = plain(**batch).loss
    expected = sum(number * rows for number, rows in enumerate(calls, start=1)) / 12
    assert calls == ([12] if num_chunks == 1 else [3, 3, 2, 2, 2])
    assert loss.item() == pytest.approx(relation.item() + 0.5 * expected, rel=1e-5)


def test_other_models_have_no_warm_up(tmp_path):
    with pytest.raises(TypeError, match="Linear holds no MOREModel"):
        more_model(nn.Linear(1, 1))


@pytest.mark.parametrize("name", ["adversarial_start_step", "adversarial_warmup_steps"])
@pytest.mark.parametrize("value", [-1, -0.1, 1.5, float("nan"), float("inf"), True, "2"])
def test_neither_steps_nor_a_share_is_refused(tmp_path, name, value):
    with pytest.raises(UsageError, match=f"`{name}` must be a whole number of steps, or a share"):
        RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, **{name: value})
