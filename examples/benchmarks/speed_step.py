"""Part of speed.py: how much of a training step the loss and the sampler take."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from speed_contestants import read_sentences
from timing import Part, interleave, ratios, shown_time
from transformers import AutoTokenizer

from hf_relation.checkpoints import base_encoder_path
from hf_relation.losses import LOSSES, build_loss
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.training import ClassBalancedBatchSampler


TARGET = 0.05
# The default batch, and the number of relations and instances of FewRel's training part.
CLASSES, PER_CLASS = 24, 6
CORPUS_CLASSES, CORPUS_PER_CLASS = 64, 700
QUICK_CLASSES, QUICK_PER_CLASS = 3, 2
_STEP, _SAMPLER = "step", "sampler"


def measure_step(*, data: Path, quick: bool, rounds: int, clock: str) -> Part:
    """Time one step (forward, backward, AdamW), each loss on its embeddings, and drawing its rows, in turn."""
    classes, per_class = (QUICK_CLASSES, QUICK_PER_CLASS) if quick else (CLASSES, PER_CLASS)
    rows = read_sentences(data, classes * per_class)
    base = base_encoder_path()
    processor = RelationProcessor(AutoTokenizer.from_pretrained(base), max_length=128)
    model = MOREModel.from_backbone(base, processor).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    labels = torch.arange(classes).repeat_interleave(per_class)
    batch = {**processor(rows), "labels": labels}

    def step() -> None:
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()

    step()  # AdamW makes its moments
    with torch.no_grad():
        embeddings = model(**processor(rows)).embeddings
    drawing = _epoch(classes, per_class)
    calls: dict[str, Callable[[], object]] = {_SAMPLER: drawing}
    for name in LOSSES:
        calls[name] = partial(_forward_backward, build_loss(name), embeddings, labels)
    samples = interleave(calls, rounds)
    samples |= interleave({_STEP: step}, rounds, least_seconds=0)
    batches = len(drawing())
    samples[_SAMPLER].cpu = [seconds / batches for seconds in samples[_SAMPLER].cpu]
    samples[_SAMPLER].wall = [seconds / batches for seconds in samples[_SAMPLER].wall]
    part = Part("Share of a training step", ["what", "time", "of a step", "target"], text_columns=1)
    whole = samples[_STEP].seconds(clock)
    part.rows.append([f"step: forward, backward, AdamW; {len(rows)} sentences", shown_time(whole), "", ""])
    for name, sample in samples.items():
        if name == _STEP:
            continue
        shares = ratios(sample.seconds(clock), whole)
        share = statistics.median(shares)
        what = "sampler, one batch" if name == _SAMPLER else f"loss {name}, forward + backward"
        reached = "reached" if share < TARGET else "MISSED"
        part.rows.append([what, shown_time(sample.seconds(clock)), f"{share:.3%}", f"< {TARGET:.0%} {reached}"])
        part.raw[name] = {"times": sample.to_dict(), "shares": shares}
    part.raw[_SAMPLER]["batches"] = batches
    part.raw[_STEP] = {"times": samples[_STEP].to_dict(), "rows": len(rows), "tokens": batch["input_ids"].shape[1]}
    part.notes = [
        f"MORE over MiniLM, {classes} relations x {per_class} sentences, padded to {batch['input_ids'].shape[1]} tokens, float32; the "
        "loss of the step is the ranked list loss.",
        f"The sampler draws from {CORPUS_CLASSES} relations x {CORPUS_PER_CLASS} instances (as FewRel's training part); the time is that "
        "of an epoch, making the sampler included, divided by its batches.",
    ]
    return part


def _epoch(classes: int, per_class: int) -> Callable[[], list[list[int]]]:
    """Makes a sampler and draws all batches of an epoch."""
    corpus = torch.arange(CORPUS_CLASSES).repeat_interleave(CORPUS_PER_CLASS).tolist()
    return lambda: list(ClassBalancedBatchSampler(corpus, classes, per_class))


def _forward_backward(loss: torch.nn.Module, embeddings: torch.Tensor, labels: torch.Tensor) -> None:
    leaf = embeddings.detach().clone().requires_grad_()
    torch.autograd.grad(loss(leaf, labels), leaf)
