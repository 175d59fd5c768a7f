"""ExtractionTrainer: it learns, evaluates triples in both modes, resumes to the same bits, in one and in two processes."""

import json

import pytest
import torch
from accelerate import debug_launcher

from hf_relation.errors import TrainingError, UsageError
from hf_relation.extraction import score_documents
from hf_relation.training import ExtractionDataset, ExtractionTrainer, RelationTrainingArguments
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_kernel_re


DOCUMENTS = sample_documents()


def trainer_in(folder, model=None, documents=DOCUMENTS, **settings):
    made, processor = tiny_kernel_re(
        loss="pairs", normalizer="none", relation_bias=True, entity_types=["X"], state_dropout=0.1
    )
    model = model or made
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        logging_steps=1,
        eval_dtype="float32",
        dataloader_pin_memory=False,
        metric_for_best_model="f1",
        **({"save_strategy": "no", "max_steps": 4, "learning_rate": 1e-3, "lr_scheduler_type": "constant"} | settings),
    )
    rows = ExtractionDataset(documents, processor, model.config.label2id, tagger_labels=model.tagger.labels)
    return ExtractionTrainer(model, args, processor, rows, documents, batch_size=3)


def weights(trainer):
    return torch.cat([weight.detach().flatten() for weight in trainer.model.parameters()])


def test_it_learns_the_triples_of_its_documents(tmp_path):
    trainer = trainer_in(tmp_path, documents=DOCUMENTS[:3], max_steps=80, learning_rate=5e-3)
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    assert before["eval_f1"] < 0.5 < 0.9 < after["eval_f1"]
    assert after["eval_gold_pairs_precision"] >= after["eval_precision"]
    assert after["eval_gold_pairs_recall"] == after["eval_recall"]
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert logged[0]["loss"] == pytest.approx(logged[0]["relation_loss"] + logged[0]["tagger_loss"], rel=1e-3)


def test_scores_are_those_of_the_plain_loop(tmp_path):
    trainer = trainer_in(tmp_path)
    found = trainer.score(DOCUMENTS)
    plain = score_documents(trainer.plain_model, trainer.processing_class, DOCUMENTS)
    for one, other in zip(found, plain, strict=True):
        assert one.pairs == other.pairs and abs(one.logits - other.logits).max(initial=0) < 1e-5


def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path):
    whole = trainer_in(tmp_path / "whole", max_steps=6)
    whole.train()
    trainer_in(tmp_path / "cut", max_steps=6, save_strategy="steps", save_steps=3).train()
    again = trainer_in(tmp_path / "cut", max_steps=6, save_strategy="steps", save_steps=3)
    again.train(resume_from_checkpoint=str(tmp_path / "cut" / "checkpoint-3"))
    assert torch.equal(weights(whole), weights(again))


def test_adapters_are_merged_and_the_kernels_train_in_full(tmp_path):
    trainer = trainer_in(tmp_path, trainable="lora", lora_r=2)
    before = {
        name: weight.detach().clone()
        for name, weight in tiny_kernel_re(
            loss="pairs", normalizer="none", relation_bias=True, entity_types=["X"], state_dropout=0.1
        )[0].named_parameters()
    }
    trainer.train()
    after = dict(trainer.model.named_parameters())
    assert after.keys() == before.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name].detach())}
    assert "kernels.head_weight" in changed and "tagger.emit.weight" in changed
    assert "backbone.embeddings.word_embeddings.weight" not in changed


def test_a_loss_that_is_not_finite_stops_the_run_with_the_documents(tmp_path):
    trainer = trainer_in(tmp_path)
    with torch.no_grad():
        trainer.model.kernels.head_weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="step 1"):
        trainer.train()


def test_what_cannot_be_trained_is_refused(tmp_path):
    model, processor = tiny_kernel_re()
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    with pytest.raises(UsageError, match="at least one document"):
        ExtractionTrainer(model, args, processor, None)


def test_documents_without_any_pair_are_no_trouble(tmp_path):
    trainer = trainer_in(tmp_path, documents=[DOCUMENTS[3], DOCUMENTS[4]], max_steps=2)
    trainer.train()
    assert torch.isfinite(weights(trainer)).all()
    assert trainer.evaluate()["eval_f1"] == 0


def work(folder):
    trainer = trainer_in(folder / "run")
    trainer.train()
    rank = trainer.args.process_index
    found = {
        "world": trainer.args.world_size,
        "weights": weights(trainer).double().sum().item(),
        "metrics": trainer.evaluate(),
        "first": [scores.logits.sum().item() for scores in trainer.score(DOCUMENTS)],
    }
    trainer.accelerator.wait_for_everyone()
    (folder / f"{rank}.json").write_text(json.dumps(found))


def test_two_processes_train_the_same_weights_and_score_all_documents(tmp_path):
    debug_launcher(work, args=(tmp_path,), num_processes=2)
    one, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert one["world"] == 2 and one["weights"] == other["weights"] and one["first"] == other["first"]
    assert one["metrics"]["eval_f1"] == other["metrics"]["eval_f1"] and len(one["first"]) == len(DOCUMENTS)
