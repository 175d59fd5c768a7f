"""Encoding a batch in parts of similar length changes the work, not the loss."""

import pytest
import torch

from hf_relation.training import RelationTrainer, RelationTrainingArguments
from hf_relation.training.length_chunks import split_by_length
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("num_chunks", [1, 3, 5, 12, 50])
def test_parts_hold_every_row_once_and_every_token(num_chunks):
    _, processor = tiny_more()
    batch = processor(sample_instances(12))
    parts, order = split_by_length(batch, num_chunks)
    assert sorted(order.tolist()) == list(range(12)) and len(parts) == min(num_chunks, 12)
    ids = [row for part in parts for row in part["input_ids"].tolist()]
    masks = [row for part in parts for row in part["attention_mask"].tolist()]
    for position, row, mask in zip(order.tolist(), ids, masks, strict=True):
        real = batch["attention_mask"][position].bool()
        assert [i for i, m in zip(row, mask, strict=True) if m] == batch["input_ids"][position][real].tolist()
    assert sum(part["input_ids"].numel() for part in parts) <= batch["input_ids"].numel()


@pytest.mark.parametrize("trainable", ["full", "lora"])
def test_loss_and_gradients_are_those_of_the_whole_batch(tmp_path, trainable):
    results = []
    for num_chunks in (1, 4):
        model, processor = tiny_more()
        args = RelationTrainingArguments(
            output_dir=str(tmp_path), use_cpu=True, length_chunks=num_chunks, trainable=trainable, max_steps=1
        )
        trainer = RelationTrainer(model, args, processor)
        trainer.model.eval()  # no dropout: the parts would draw other masks
        batch = {**processor(sample_instances(12)), "labels": LABELS}
        loss = trainer.compute_loss(trainer.model, batch)
        loss.backward()
        gradients = {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}
        results.append((loss.detach(), gradients))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-5, atol=1e-5)
    assert results[0][1].keys() == results[1][1].keys() and results[0][1]
    for name, gradient in results[0][1].items():
        torch.testing.assert_close(gradient, results[1][1][name], rtol=1e-3, atol=1e-4)
