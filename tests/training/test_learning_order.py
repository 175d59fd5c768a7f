"""Which epoch is recorded for which label, against predictions made outside; resumed and in two processes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from accelerate import debug_launcher
from transformers import TrainerCallback

from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.models.pair_classification import PairClassificationConfig, PairClassificationModel
from hf_relation.processing import DocumentProcessor
from hf_relation.training import (
    ExtractionDataset,
    LearningOrder,
    LearningOrderTrainer,
    RelationDataset,
    RelationTrainer,
    RelationTrainingArguments,
    orders_of,
    read_learning_order,
    row_weights,
)
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_backbone, tiny_kernel_re, tiny_siamese_ure
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


DOCUMENTS = sample_documents()
NAMES = ["born_in", "founded_by", "flows_into"]


def trainer_in(folder, record="batch", batch_size=2, **settings):
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=128, mention_entities=True)
    torch.manual_seed(0)
    config = PairClassificationConfig(
        backbone_config=tiny_backbone(
            "bert", processor.vocab_size, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        ),
        kind="single_label",
        na_relation="none",
        id2label=dict(enumerate(NAMES)),
        dropout=0.0,
    )
    args = RelationTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **(
            {"save_strategy": "no", "num_train_epochs": 6, "learning_rate": 3e-3, "lr_scheduler_type": "constant"}
            | settings
        ),
    )
    # A pair with two relations has no one label.
    documents = [row for row in DOCUMENTS if row["relations"]]
    rows = ExtractionDataset(documents, processor, config.label2id, pairs="labelled")
    return LearningOrderTrainer(
        PairClassificationModel(config), args, processor, rows, record=record, batch_size=batch_size
    ), documents


def predicted(trainer):
    """Of every label of the training set whether its class has the highest score."""
    model, dataset = trainer.plain_model.eval(), trainer.train_dataset
    found = []
    with torch.no_grad():
        for row in range(len(dataset)):
            batch = trainer.data_collator([dataset[row]])
            scores = model(**{name: value for name, value in batch.items() if name != "labels"}).class_logits[0]
            for pair, numbers in enumerate(dataset.windows[row].relations):
                found += [int(scores[pair].argmax()) == number for number in numbers]
    model.train()
    return np.array(found)


class AfterEveryEpoch(TrainerCallback):
    def __init__(self, trainer):
        self.trainer, self.found = trainer, []

    def on_epoch_end(self, args, state, control, **kwargs):
        self.found.append(predicted(self.trainer))


def first_epoch(found):
    stacked = np.stack(found)
    return np.where(stacked.any(0), stacked.argmax(0) + 1, -1)


def test_at_the_end_of_epochs_what_is_predicted_then_is_recorded(tmp_path):
    trainer, documents = trainer_in(tmp_path, record="epoch")
    after = AfterEveryEpoch(trainer)
    trainer.add_callback(after)
    trainer.train()
    expected = first_epoch(after.found)
    assert len(set(expected.tolist())) > 1, "something is learned late, or never"
    assert trainer.learning_order.epochs.tolist() == expected.tolist()
    columns = trainer.learning_order.columns(documents)
    assert [len(column) for column in columns] == [len(row["relations"]) for row in documents]
    assert orders_of([{**row, "learning_order": column} for row, column in zip(documents, columns, strict=True)]) == [
        [-1 if value is None else value for value in column] for column in columns
    ]


def test_while_training_what_is_predicted_before_each_step_is_recorded(tmp_path):
    trainer, _ = trainer_in(tmp_path, batch_size=5, learning_rate=0.0, num_train_epochs=2)
    before = predicted(trainer)
    trainer.train()
    assert trainer.learning_order.epochs.tolist() == np.where(before, 1, -1).tolist(), (
        "nothing is learned without steps"
    )
    trainer, _ = trainer_in(tmp_path, num_train_epochs=30)
    trainer.train()
    order = trainer.learning_order.epochs
    assert (order > 1).any() and order.max() <= 30 and (order > 0).mean() > 0.8


def test_of_a_pair_with_two_labels_both_can_be_learned():
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=128)
    document = {**DOCUMENTS[1], "relations": [{"head": 0, "tail": 1, "label": name} for name in NAMES[:2]]}
    order = LearningOrder(
        ExtractionDataset([document], processor, dict(zip(NAMES, range(3), strict=True)), pairs="labelled")
    )
    order.record([0], torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 1)
    assert order.epochs.tolist() == [-1, 1]
    order.record([0], torch.tensor([[[3.0, 2.0, 1.0, 0.0]]]), 2)
    assert order.epochs.tolist() == [2, 1]
    assert order.columns([document]) == [[2, 1]]


def test_a_run_that_was_interrupted_ends_with_the_same_order(tmp_path):
    whole, _ = trainer_in(tmp_path / "whole")
    whole.train()
    settings = {"save_strategy": "steps", "save_steps": 5}
    trainer_in(tmp_path / "cut", max_steps=10, **settings)[0].train()
    again, _ = trainer_in(tmp_path / "cut", **settings)
    again.train(resume_from_checkpoint=str(tmp_path / "cut/checkpoint-10"))
    assert again.learning_order.epochs.tolist() == whole.learning_order.epochs.tolist()
    assert len(set(whole.learning_order.epochs.tolist())) > 1
    (tmp_path / "cut/checkpoint-10/learning_order.json").write_text('{"epochs": [1]}', encoding="utf-8")
    with pytest.raises(CheckpointError):
        trainer_in(tmp_path / "cut", **settings)[0].train(resume_from_checkpoint=str(tmp_path / "cut/checkpoint-10"))


def in_two(folder):
    trainer, _ = trainer_in(folder, record="epoch", num_train_epochs=2)
    after = AfterEveryEpoch(trainer)
    trainer.add_callback(after)
    trainer.train()
    assert trainer.learning_order.epochs.tolist() == first_epoch(after.found).tolist(), trainer.args.process_index


def test_two_processes_join_what_each_has_seen(tmp_path):
    debug_launcher(in_two, args=(tmp_path,), num_processes=2)


def test_wrong_use_is_refused(tmp_path):
    with pytest.raises(UsageError, match="`record` must be one of 'batch', 'epoch', got 'step'"):
        trainer_in(tmp_path, record="step")
    model, processor = tiny_kernel_re()
    rows = ExtractionDataset(DOCUMENTS, processor, model.config.label2id)
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, max_steps=1, save_strategy="no")
    with pytest.raises(UsageError, match="needs a model whose output has `class_logits`"):
        LearningOrderTrainer(model, args, processor, rows).train()
    rows = [
        {"relations": [{}, {}], "learning_order": [1]},
        {"relations": [{}]},
        {"relations": [{}], "learning_order": [0]},
    ]
    for row in rows:
        with pytest.raises(InvalidRowError, match="row 0: `learning_order`"):
            orders_of([row])


@pytest.mark.parametrize("column, said", [(None, "must be a list"), ([1, 2], "must be a list"), ([0], "holds 0")])
def test_a_file_that_does_not_fit_is_refused_with_its_line(tmp_path, column, said):
    row = next({**document, "id": "d"} for document in DOCUMENTS if len(document["relations"]) == 1)
    good = {**row, "learning_order": [None]}
    bad = row if column is None else {**row, "learning_order": column}
    path = tmp_path / "order.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in (good, bad)), encoding="utf-8")
    with pytest.raises(InvalidRowError, match=said) as refused:
        read_learning_order(path)
    assert refused.value.line == 2
    path.write_text(json.dumps(good) + "\n", encoding="utf-8")
    assert read_learning_order(path)[1] == [[-1]]


def weighed(orders, **settings):
    return row_weights([{"relations": ["a"], "learning_order": order} for order in orders], **settings)


def test_weights_of_instances_by_hand():
    assert weighed([1, [2], [5], None, [None]], alpha=16.0) == [16.0, 8.0, 1.0, 1.0, 1.0]
    assert weighed([1, 3, None], alpha=16.0, num_epochs=5, never_weight=0.1) == pytest.approx([16.0, 4.0, 0.1])
    assert weighed([2, 4, 6], alpha=9.0) == [9.0, 3.0, 1.0]  # from the first epoch at which anything was learned
    assert weighed([2, 4, 6], alpha=9.0, late_from=4) == [9.0, 1.0, 1.0]
    assert weighed([None, None]) == weighed([3, 3]) == [1.0, 1.0]
    assert weighed([None], never_weight=0.5, num_epochs=4) == [0.5]
    several = {"relations": ["a", "b"], "learning_order": [1, 2]}
    none = {"relations": [], "learning_order": []}
    single = [{"relations": ["a"], "learning_order": [order]} for order in (1, 2)]
    assert row_weights([several, single[0], none, single[1]], alpha=2.0) == [1.0, 2.0, 1.0, 1.0]


def test_what_is_no_learning_order_of_instances_is_refused():
    for row in ({"relations": ["a"]}, {"relations": ["a"], "learning_order": [1, 1]}):
        with pytest.raises(InvalidRowError, match="row 0: `learning_order` must be a list with one entry"):
            row_weights([row])
    with pytest.raises(InvalidRowError, match="holds 0"):
        weighed([0])
    with pytest.raises(UsageError, match="holds the epoch 4, and there were 3"):
        weighed([1, 4], num_epochs=3)
    with pytest.raises(UsageError, match="`never_weight`"):
        weighed([1, 4], never_weight=-1.0)


def test_weights_need_a_model_that_takes_them(tmp_path):
    model, processor = tiny_siamese_ure()
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, max_steps=1, save_strategy="no")
    with pytest.raises(UsageError, match="Weights of rows work with MOREModel"):
        RelationTrainer(model, args, processor, RelationDataset(sample_instances(20), processor, weights=[1.0] * 20))
