"""Pre-training learns, resumes to the same bits, caches gradients exactly, and runs in two processes."""

from __future__ import annotations

import pytest
import torch
from accelerate import debug_launcher

from hf_relation.errors import UsageError
from hf_relation.models.finecl import FineCLConfig, FineCLForPreTraining
from hf_relation.processing import DocumentProcessor
from hf_relation.training import PretrainingDataset, RelationPretrainer, RelationTrainingArguments
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_backbone, tiny_kernel_re
from tests.common.tiny_tokenizers import tiny_tokenizer


DOCUMENTS = sample_documents()
LABELS = {"born_in": 0, "founded_by": 1, "flows_into": 2, "none": 3}
ORDERS = [
    [1 + (row + place) % 4 for place in range(len(document["relations"]))] for row, document in enumerate(DOCUMENTS)
]


WEIGHTS = [[0.1 + 0.3 * epoch for epoch in order] for order in ORDERS]


def trainer_in(folder, *, dropout=0.1, config=None, batch_size=3, weighed=False, **settings):
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=128, mention_entities=True)
    torch.manual_seed(0)
    model = FineCLForPreTraining(
        FineCLConfig(
            backbone_config=tiny_backbone(
                "bert", processor.vocab_size, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout
            ),
            id2label={number: name for name, number in LABELS.items()},
            na_relation="none",
            **({"first_epoch": 1, "last_epoch": 4, "temperature": 0.2} | (config or {})),
        )
    )
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        logging_steps=1,
        dataloader_pin_memory=False,
        metric_for_best_model="loss",
        **({"save_strategy": "no", "max_steps": 4, "learning_rate": 1e-3, "lr_scheduler_type": "constant"} | settings),
    )
    trusted = {"weights": WEIGHTS} if weighed else {"learning_order": ORDERS}
    rows = PretrainingDataset(DOCUMENTS, processor, LABELS, na_relation="none", na_pairs=2, **trusted)
    return RelationPretrainer(model, args, processor, rows, rows, batch_size=batch_size)


def weights(trainer):
    return torch.cat([weight.detach().flatten() for weight in trainer.model.parameters()])


def test_it_learns_all_three_parts(tmp_path):
    trainer = trainer_in(tmp_path, max_steps=60, batch_size=7, learning_rate=3e-3, dropout=0.0)
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    for name in ("loss", "relation_loss", "entity_loss", "mlm_loss"):
        assert after[f"eval_{name}"] < 0.9 * before[f"eval_{name}"], name
    assert before["eval_loss"] == pytest.approx(
        sum(before[f"eval_{name}_loss"] for name in ("relation", "entity", "mlm")), rel=1e-5
    )
    logged = [entry for entry in trainer.state.log_history if "mlm_loss" in entry]
    assert len(logged) == 60 and logged[0]["relation_loss"] > 0


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"reduction": "mean", "entity_weight": 0.5, "mlm_weight": 2.0},
        {"reduction": "anchors", "entity_weight": 0.0},
    ],
)
@pytest.mark.parametrize(("rows", "weighed"), [(1, False), (3, True)])
def test_gradients_of_few_documents_at_a_time_are_those_of_the_batch(tmp_path, rows, weighed, config):
    gradients, values = [], []
    for cached in (None, rows):
        more = {"weighed": weighed, "gradient_cache_rows": cached}
        trainer = trainer_in(tmp_path, dropout=0.0, config=config, batch_size=7, **more)
        batch = trainer.data_collator([trainer.train_dataset[row] for row in range(len(trainer.train_dataset))])
        trainer.model.train()
        loss = trainer.compute_loss(trainer.model, dict(batch))
        loss.backward()
        values.append((loss.detach(), trainer._named_terms.values, trainer._named_terms.finite_rows))
        gradients.append([p.grad for p in trainer.model.parameters()])
    torch.testing.assert_close(values[1][0], values[0][0])
    assert values[1][1].keys() == values[0][1].keys()
    for name, value in values[0][1].items():
        torch.testing.assert_close(values[1][1][name], value)
    assert torch.equal(values[0][2], values[1][2])
    for plain, cached in zip(*gradients, strict=True):
        assert (plain is None) == (cached is None)
        if plain is not None:
            torch.testing.assert_close(cached, plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cached", [None, 2])
def test_a_run_that_was_interrupted_ends_with_the_same_bits(tmp_path, cached):
    whole = trainer_in(tmp_path / "whole", max_steps=6, gradient_cache_rows=cached)
    whole.train()
    settings = {"save_strategy": "steps", "save_steps": 3, "gradient_cache_rows": cached}
    trainer_in(tmp_path / "cut", max_steps=3, **settings).train()
    again = trainer_in(tmp_path / "cut", max_steps=6, **settings)
    again.train(resume_from_checkpoint=True)
    assert torch.equal(weights(again), weights(whole))


def in_two(folder):
    trainer = trainer_in(folder, max_steps=2, gradient_cache_rows=1)
    scores = trainer.evaluate()
    trainer.train()
    assert torch.isfinite(weights(trainer)).all() and scores["eval_loss"] > 0


def test_two_processes_train_and_evaluate(tmp_path):
    debug_launcher(in_two, args=(tmp_path,), num_processes=2)


def test_wrong_use_is_refused(tmp_path):
    trainer = trainer_in(tmp_path)
    model, processor = tiny_kernel_re()
    with pytest.raises(UsageError, match="needs a FineCLForPreTraining, got a KernelREModel"):
        RelationPretrainer(model, trainer.args, processor, trainer.train_dataset)
    with pytest.raises(UsageError, match="needs a `train_dataset`"):
        RelationPretrainer(trainer.model, trainer.args, trainer.processing_class)
    with pytest.raises(UsageError, match="PretrainingDataset of documents set aside"):
        trainer.evaluate(DOCUMENTS)


def test_its_card_says_what_was_learned_and_gives_the_losses(tmp_path):
    trainer = trainer_in(tmp_path, max_steps=1)
    trainer.train()
    scores = trainer.evaluate()
    trainer.create_model_card(dataset="mine")
    card = (tmp_path / "README.md").read_text()
    assert "trained on (3):** born\\_in; founded\\_by; flows\\_into" in card, "no relation is none of them"
    assert f"| relation loss | {scores['eval_relation_loss']:.4f} |" in card and "hogan2022fine" in card
    assert "type: feature-extraction" in card and "names none that it was not trained on" in card
