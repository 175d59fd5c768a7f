"""RelationTrainer end to end on tiny random encoders."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hf_relation.embedding import embed_instances
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.training import RelationDataset, RelationTrainer, RelationTrainingArguments
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import make_instance, sample_instances


SETTINGS = {
    "use_cpu": True,
    "disable_tqdm": True,
    "classes_per_batch": 3,
    "instances_per_class": 4,
    "learning_rate": 2e-3,
    "logging_steps": 1,
    "save_strategy": "no",
    "eval_dtype": "float32",
    "eval_num_seeds": 2,
    "dataloader_pin_memory": False,
}


def make_trainer(output_dir, *, kind="bert", model_settings=None, train=None, evaluate=None, **settings):
    model, processor = tiny_more(kind, **({"loss": "sup_con"} | (model_settings or {})))
    args = RelationTrainingArguments(output_dir=str(output_dir), **(SETTINGS | settings))
    return RelationTrainer(
        model,
        args,
        processor,
        train_dataset=sample_instances(12) if train is None else train,
        eval_dataset=sample_instances(20)[12:] if evaluate is None else evaluate,
    )


def losses(trainer):
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def weights(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def test_loss_falls(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=20)
    trainer.train()
    history = losses(trainer)
    assert len(history) == 20
    assert np.mean(history[-5:]) < 0.8 * np.mean(history[:3])


@pytest.mark.parametrize("loss", ["ranked_list", "sup_con"])
def test_bfloat16_trains_with_finite_loss_and_float32_weights(tmp_path, loss):
    trainer = make_trainer(tmp_path, max_steps=3, bf16=True, model_settings={"loss": loss})
    trainer.train()
    assert all(math.isfinite(value) for value in losses(trainer))
    assert all(weight.dtype == torch.float32 and weight.isfinite().all() for weight in trainer.model.parameters())


def test_after_bfloat16_training_the_model_computes_in_float32(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=1, bf16=True)
    trainer.train()
    trainer.model.save_pretrained(tmp_path / "model")
    reloaded = MOREModel.from_pretrained(tmp_path / "model")
    batch = trainer.processing_class(sample_instances(6))
    with torch.inference_mode():
        assert torch.equal(trainer.model.eval()(**batch).embeddings, reloaded.eval()(**batch).embeddings)


def test_accumulating_gradients_does_not_scale_the_loss(tmp_path):
    one = make_trainer(tmp_path / "1", max_steps=1, learning_rate=0.0)
    one.train()
    four = make_trainer(tmp_path / "4", max_steps=1, learning_rate=0.0, gradient_accumulation_steps=4)
    four.train()
    # The same weights and the same kind of batch: about the same loss, not four times it.
    assert losses(four)[0] == pytest.approx(losses(one)[0], rel=0.25)


def test_accumulated_gradient_is_the_mean_over_the_batches(tmp_path):
    # Plain SGD without dropout: one step on two batches moves the weights by the mean of the two batches' steps.
    def moved(**settings):
        trainer = make_trainer(tmp_path, optim="sgd", lr_scheduler_type="constant", max_grad_norm=0.0, **settings)
        for module in trainer.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        before = weights(trainer.model)
        return trainer, before

    trainer, before = moved(max_steps=1, gradient_accumulation_steps=2, learning_rate=0.1)
    batches = [
        trainer.data_collator([trainer.train_dataset[row] for row in rows]) for rows in _first_batches(trainer, 2)
    ]
    steps = []
    for batch in batches:
        trainer.model.zero_grad()
        trainer.model.train()(**batch).loss.backward()
        steps.append(
            {name: weight.grad for name, weight in trainer.model.named_parameters() if weight.grad is not None}
        )
        trainer.model.zero_grad()
    trainer.train()
    after = weights(trainer.model)
    for name in steps[0]:
        expected = before[name] - 0.1 * (steps[0][name] + steps[1][name]) / 2
        torch.testing.assert_close(after[name], expected, atol=1e-6, rtol=1e-4)


def _first_batches(trainer, number):
    trainer.get_train_dataloader()
    trainer.batch_sampler.set_epoch(0)
    return [batch for batch, _ in zip(trainer.batch_sampler, range(number), strict=False)]


def test_a_model_with_free_keyword_arguments_is_not_handed_the_number_of_items(tmp_path):
    class Greedy(MOREModel):
        accepts_loss_kwargs = None

        def forward(self, labels=None, **kwargs):
            assert "num_items_in_batch" not in kwargs
            return super().forward(labels=labels, **kwargs)

    tiny, processor = tiny_more("bert", loss="sup_con")
    model = Greedy(tiny.config)
    args = RelationTrainingArguments(output_dir=str(tmp_path), max_steps=1, gradient_accumulation_steps=2, **SETTINGS)
    RelationTrainer(model, args, processor, train_dataset=sample_instances(12)).train()


def test_evaluation_has_the_scores_and_changes_nothing(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=1)
    before = weights(trainer.model)
    trainer.model.train()
    metrics = trainer.evaluate()
    assert trainer.model.training
    assert {"eval_bcubed_f1", "eval_bcubed_f1_sd", "eval_v_measure", "eval_ari", "eval_runtime"} <= metrics.keys()
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items())


def test_several_evaluation_sets_have_names(tmp_path):
    rows = sample_instances(20)
    trainer = make_trainer(tmp_path, evaluate={"one": rows[:12], "two": rows[12:]})
    assert {"eval_one_ari", "eval_two_ari"} <= trainer.evaluate().keys()


def test_the_best_checkpoint_is_the_one_that_scored_best(tmp_path, monkeypatch):
    trainer = make_trainer(
        tmp_path,
        max_steps=4,
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        load_best_model_at_end=True,
    )
    scores = iter([0.3, 0.9, 0.5, 0.4])
    monkeypatch.setattr(
        "hf_relation.training.held_out.evaluate_by_clustering", lambda *args, **kwargs: {"bcubed_f1": next(scores)}
    )
    trainer.train()
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-2")
    best = load_file(tmp_path / "checkpoint-2" / "model.safetensors")
    assert all(torch.equal(value, best[name]) for name, value in trainer.model.state_dict().items())


def test_saved_model_and_processor_give_the_same_embeddings(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=2)
    trainer.train()
    trainer.save_model(str(tmp_path / "model"))
    reloaded = MOREModel.from_pretrained(tmp_path / "model")
    processor = RelationProcessor.from_pretrained(tmp_path / "model")
    rows = sample_instances(20)
    np.testing.assert_array_equal(
        embed_instances(reloaded, processor, rows), embed_instances(trainer.model, trainer.processing_class, rows)
    )


@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.9, "base_weight_average": 0.2}, {"trainable": "lora"}])
def test_a_resumed_run_ends_where_the_uninterrupted_one_does(tmp_path, settings):
    common = {
        "save_strategy": "steps",
        "save_steps": 2,
        "max_steps": 4,
        "mention_dropout": 0.3,
        "word_dropout": 0.1,
        "eval_strategy": "steps",
        "eval_steps": 1,
    } | settings
    whole = make_trainer(tmp_path / "whole", **common)
    whole.train()
    (tmp_path / "whole" / "checkpoint-4" / "trainer_state.json").unlink()  # as if killed while it was being written
    resumed = make_trainer(tmp_path / "whole", **common)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == 4
    after = whole.model.state_dict()
    for name, value in resumed.model.state_dict().items():
        assert torch.equal(value, after[name]), name
    assert losses(resumed) == losses(whole)


def test_resuming_without_a_checkpoint_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="no complete checkpoint"):
        make_trainer(tmp_path, max_steps=1).train(resume_from_checkpoint=True)


def test_averaged_weights_are_evaluated_and_kept(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=3, base_weight_average=1.0, eval_strategy="steps", eval_steps=1)
    start = weights(trainer.model)
    scores_at_start = trainer.evaluate()
    trainer.train()
    # With the whole weight on the start, every evaluation and the result are those of the untrained model.
    assert all(torch.equal(value, start[name]) for name, value in trainer.model.state_dict().items())
    for entry in trainer.state.log_history:
        if "eval_ari" in entry:
            assert entry["eval_ari"] == scores_at_start["eval_ari"]
    assert len(set(losses(trainer))) == 3  # and yet training went on below


def test_best_checkpoint_brings_its_own_moving_average(tmp_path, monkeypatch):
    trainer = make_trainer(
        tmp_path,
        max_steps=3,
        ema_decay=0.9,
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        load_best_model_at_end=True,
    )
    scores = iter([0.3, 0.9, 0.5])
    monkeypatch.setattr(
        "hf_relation.training.held_out.evaluate_by_clustering", lambda *args, **kwargs: {"bcubed_f1": next(scores)}
    )
    trainer.train()
    average = load_file(tmp_path / "checkpoint-2" / "averaged_weights.safetensors")
    trained = load_file(tmp_path / "checkpoint-2" / "model.safetensors")
    for name, value in trainer.model.named_parameters():
        assert torch.equal(value, average[name]), name
    assert any(not torch.equal(average[name], trained[name]) for name in trained)


def test_checkpoint_holds_processor_and_no_average_when_off(tmp_path):
    trainer = make_trainer(tmp_path, max_steps=1, save_strategy="steps", save_steps=1)
    trainer.train()
    files = {path.name for path in (tmp_path / "checkpoint-1").iterdir()}
    assert {"model.safetensors", "config.json", "processor_config.json", "tokenizer.json"} <= files
    assert "averaged_weights.safetensors" not in files


def test_epochs_give_new_batches_and_max_steps_makes_one_epoch(tmp_path):
    by_epochs = make_trainer(tmp_path, num_train_epochs=3, max_steps=-1)
    by_epochs.train()
    assert by_epochs.state.global_step == 3  # 12 rows are one batch
    assert by_epochs.batch_sampler.epoch == 2
    by_steps = make_trainer(tmp_path, max_steps=5)
    by_steps.train()
    assert by_steps.state.global_step == 5 and by_steps.batch_sampler.epoch == 0


@pytest.mark.parametrize("loss", ["ranked_list", "sup_con"])
def test_relations_with_a_single_instance_train_and_are_named(tmp_path, loss, caplog):
    rows = [*sample_instances(12), make_instance("<h>Lena</h> wed <t>Karl</t>.", id="x", label="spouse_of")]
    trainer = make_trainer(
        tmp_path, train=rows, max_steps=4, classes_per_batch=4, instances_per_class=2, model_settings={"loss": loss}
    )
    trainer.train()
    assert "1 relation(s) have fewer than 2 instances; they repeat inside a batch: spouse_of (1)" in caplog.text
    assert len(losses(trainer)) == 4 and all(math.isfinite(value) for value in losses(trainer))
    assert all(weight.isfinite().all() for weight in trainer.model.parameters())
    for batch in trainer.batch_sampler:
        assert batch.count(12) == 2  # all four relations are in every batch, the one instance twice


@pytest.mark.parametrize("number", [0, 1])
def test_too_few_known_relations_are_an_error_with_both_numbers(tmp_path, number):
    rows = [row for row in sample_instances(12) if row["relations"] == ["born_in"]]
    if number == 0:
        for row in rows:
            row["relations"] = []
    trainer = make_trainer(tmp_path, train=rows, max_steps=1, classes_per_batch=2)
    with pytest.raises(UsageError, match=rf"`classes_per_batch`=2 relations, but the training data has {number} "):
        trainer.train()


def test_unlabelled_rows_do_not_train(tmp_path):
    rows = sample_instances(12) + [dict(row, id=f"u{i}", relations=[]) for i, row in enumerate(sample_instances(12))]
    with_unlabelled = make_trainer(tmp_path, train=rows, max_steps=2)
    with_unlabelled.train()
    without = make_trainer(tmp_path, max_steps=2)
    without.train()
    assert losses(with_unlabelled) == losses(without)


def test_datasets_of_the_schema_are_taken_as_they_are(tmp_path):
    datasets = pytest.importorskip("datasets")
    from hf_relation.data import instance_features

    rows = datasets.Dataset.from_list(sample_instances(12), features=instance_features())
    trainer = make_trainer(tmp_path, train=rows, evaluate=rows, max_steps=1)
    trainer.train()
    plain = make_trainer(tmp_path, evaluate=sample_instances(12), max_steps=1)
    plain.train()
    assert losses(trainer) == losses(plain)
    assert trainer.evaluate()["eval_ari"] == plain.evaluate()["eval_ari"]


def test_encoded_rows_can_be_shared_by_runs(tmp_path):
    _, processor = tiny_more("bert")
    shared = RelationDataset(sample_instances(12), processor)
    trainer = make_trainer(tmp_path, train=shared, max_steps=1)
    trainer.train()
    assert trainer.train_dataset is shared


def test_several_gpus_in_one_process_are_refused(tmp_path):
    # torch.nn.DataParallel would cut a batch by relation, and take the loss of every piece by itself.
    args = RelationTrainingArguments(output_dir=str(tmp_path), **SETTINGS)
    args._n_gpu = 2
    model, processor = tiny_more("bert")
    with pytest.raises(UsageError, match="sees 2 GPUs .*accelerate_ddp.yaml"):
        RelationTrainer(model, args, processor)


def test_evaluation_without_data_is_an_error(tmp_path):
    model, processor = tiny_more("bert")
    trainer = RelationTrainer(model, RelationTrainingArguments(output_dir=str(tmp_path), **SETTINGS), processor)
    with pytest.raises(UsageError, match="eval_dataset"):
        trainer.evaluate()
    with pytest.raises(UsageError, match="train_dataset"):
        trainer.train()


def test_gradient_checkpointing_gives_the_same_run(tmp_path):
    plain = make_trainer(tmp_path, max_steps=2)
    plain.train()
    checkpointing = make_trainer(tmp_path, max_steps=2, activation_checkpointing=True)
    checkpointing.train()
    assert losses(checkpointing) == pytest.approx(losses(plain), abs=1e-5)


@pytest.mark.slow
def test_state_files_are_json_and_complete(tmp_path):
    trainer = make_trainer(
        tmp_path, max_steps=2, save_strategy="steps", save_steps=1, eval_strategy="steps", eval_steps=1
    )
    trainer.train()
    state = json.loads((tmp_path / "checkpoint-2" / "trainer_state.json").read_text())
    assert state["global_step"] == 2 and any("eval_bcubed_f1" in entry for entry in state["log_history"])
