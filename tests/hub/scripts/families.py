"""The model families of the round trips, what is asked of them, and an earlier version of each."""

from __future__ import annotations

from typing import Any

import torch

from tests.common.test_common_multitask import batch_of
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import (
    TASKS,
    tiny_finecl,
    tiny_kernel_re,
    tiny_more,
    tiny_more_cnn,
    tiny_multitask,
    tiny_pair_classification,
    tiny_rocore,
    tiny_siamese_ure,
)
from tests.common.tiny_tokenizers import sample_instances


FAMILIES = {
    "more": tiny_more,
    "more-cnn": tiny_more_cnn,
    "rocore": tiny_rocore,
    "siamese-ure": tiny_siamese_ure,
    "kernel-re": tiny_kernel_re,
    "pair-classification": tiny_pair_classification,
    "finecl": tiny_finecl,
    "multitask": tiny_multitask,
}
EARLIER, LATER = 100, 90  # the longest text that the processor takes


@torch.inference_mode()
def answers(name: str, model: Any, processor: Any) -> list[float]:
    """What the model says of sample texts: embeddings, vectors or scores of pairs, or logits of every task."""
    model.eval()
    if name == "multitask":
        found = [model(**batch_of(model, processor, task)).logits.flatten() for task in TASKS]
    elif name in ("kernel-re", "pair-classification", "finecl"):
        batch = processor(sample_documents()[:2])
        output = model(**batch)
        rows = output.relations if name == "finecl" else output.logits
        found = [rows[(batch["pairs"] >= 0).all(-1)].flatten()]
    else:
        found = [model(**processor(sample_instances(20)[:3])).embeddings.flatten()]
    return torch.cat(found).tolist()


def longest(processor: Any) -> int:
    return processor.max_length if hasattr(processor, "max_length") else processor.model_max_length


def set_longest(processor: Any, length: int) -> None:
    setattr(processor, "max_length" if hasattr(processor, "max_length") else "model_max_length", length)


def change(model: Any) -> None:
    """Another version: other weights, and another setting in the config."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    model.config.initializer_range = 0.5
