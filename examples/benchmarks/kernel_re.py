"""KernelRE's kernels over mention tokens (`RelationKernels`) beside the dense form of the paper, forward and backward: time and
peak memory, at 24, 53 and 171 relations (NYT, FewRel-sized, WebNLG), texts of 128 and 512 tokens, 20 texts in a batch.

The dense form is the paper's equations as they stand: every token is projected, all length x length x relations scores are made,
and a mask picks the cells of the pairs. Ours projects and scores the tokens of mentions alone. Both get the same states, weights,
four entities of two or three tokens a text, all twelve ordered pairs, and labels; that both give the same loss, pair scores and
gradients is checked before anything is timed.

Where the dense form of 20 texts would take more than --most_gigabytes, both are measured on fewer texts (column "texts"), and
what 20 would take is computed from that, texts times as much (but for the gradients of the weights, which do not grow); such
figures are marked, and never measured. Beside it stands what ours takes for 20.

With one thread the seconds are processor time of this process, which other processes hardly change; contestants take turns in
every round. Memory is the most that torch's tensors take at one time beyond states and weights: projections, scores, and the
gradients of weights and states. Nothing is downloaded; no encoder is needed, as the kernels stand above it.

Examples:
  OMP_NUM_THREADS=1 python examples/benchmarks/kernel_re.py --markdown kernel_re.md --output kernel_re.json
  python examples/benchmarks/kernel_re.py --relations 171 --lengths 128 --ranks 64 --rounds 5
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from reporting import QUICK, environment, write_files
from rich.console import Console
from timing import Part, interleave, peak_allocated, processor_name, ratios, shown_ratio, shown_time
from torch import Tensor
from torch.nn import functional

from hf_relation.errors import HfRelationError
from hf_relation.losses.token_pairs import CellLoss, cell_loss
from hf_relation.models.kernel_re import RelationKernels, mention_tokens


ENTITIES = 4
TIME_TARGET, MEMORY_TARGET = 5.0, 10.0  # at 171 relations
_PLACES = ("--output", "--markdown")


class Batch(NamedTuple):
    """What both contestants are given.

    Args:
        kernels ([`RelationKernels`]): the weights of both.
        head, tail (`Tensor` of shape `(texts, tokens, width)`): the states.
        spans (`Tensor` of shape `(texts, 4, 2)`): tokens of the entities.
        pair_mask (`Tensor` of shape `(texts, 4, 4)`): all ordered pairs of two entities.
        targets (`Tensor` of shape `(texts, 4, 4, relations)`): two pairs of a text have one relation each.
    """

    kernels: RelationKernels
    head: Tensor
    tail: Tensor
    spans: Tensor
    pair_mask: Tensor
    targets: Tensor

    def first(self, texts: int) -> Batch:
        return Batch(self.kernels, *(part[:texts] for part in self[1:]))


def make_batch(relations: int, length: int, rank: int, width: int, texts: int) -> Batch:
    """Random states, and entities spread over the text."""
    generator = torch.Generator().manual_seed(0)
    kernels = RelationKernels(width, relations, rank)
    with torch.no_grad():
        for weight in kernels.parameters():
            weight.normal_(std=0.02, generator=generator)
    starts = torch.linspace(1, length - 4, ENTITIES).long().expand(texts, -1)
    lengths = torch.randint(2, 4, (texts, ENTITIES), generator=generator)
    pair_mask = (~torch.eye(ENTITIES, dtype=torch.bool)).expand(texts, -1, -1)
    targets = torch.zeros(texts, ENTITIES, ENTITIES, relations)
    chosen = torch.randint(0, relations, (2, texts), generator=generator)
    targets[torch.arange(texts), 0, 1, chosen[0]] = 1
    targets[torch.arange(texts), 3, 2, chosen[1]] = 1
    head, tail = (torch.randn(texts, length, width, generator=generator) for _ in range(2))
    return Batch(kernels, head, tail, torch.stack([starts, starts + lengths], dim=-1), pair_mask, targets)


def sparse_form(batch: Batch) -> tuple[Tensor, Tensor]:
    """Ours: loss `(texts, relations)` and mean probabilities `(texts, 4, 4, relations)`."""
    tokens = mention_tokens(batch.spans, batch.head.shape[1])
    found = batch.kernels(
        batch.head, batch.tail, tokens, pair_mask=batch.pair_mask, targets=batch.targets, loss=CellLoss()
    )
    return found.cells, found.log_positive.exp()


def dense_form(batch: Batch) -> tuple[Tensor, Tensor]:
    """Equations 3 to 9 over all tokens: the same two results, by way of `(texts, relations, tokens, tokens)`."""
    kernels = batch.kernels
    texts, length, _ = batch.head.shape
    sides = [
        functional.linear(states, weight.flatten(0, 1)).view(texts, length, kernels.num_relations, -1).transpose(1, 2)
        for states, weight in ((batch.head, kernels.head_weight), (batch.tail, kernels.tail_weight))
    ]
    scores = sides[0] @ sides[1].transpose(-1, -2)
    position = torch.arange(length)
    inside = ((position >= batch.spans[..., :1]) & (position < batch.spans[..., 1:])).float()  # (texts, 4, tokens)
    cells = torch.einsum("bmx,bmnr,bny->brxy", inside, batch.targets, inside)
    mask = torch.einsum("bmx,bmn,bny->bxy", inside, batch.pair_mask.float(), inside).unsqueeze(1)
    loss = cell_loss(scores, cells, mask, CellLoss())
    with torch.no_grad():  # as pairs are scored: nothing flows back from there
        average = inside / inside.sum(dim=-1, keepdim=True)
        means = average.unsqueeze(1) @ torch.sigmoid(scores) @ average.unsqueeze(1).transpose(-1, -2)
    return loss, means.movedim(1, -1)


def forward_backward(form: Callable[[Batch], tuple[Tensor, Tensor]], batch: Batch) -> tuple[Tensor, ...]:
    """Loss, pair scores, and the gradients of states and weights."""
    leaves = [batch.head.detach().requires_grad_(), batch.tail.detach().requires_grad_()]
    loss, means = form(batch._replace(head=leaves[0], tail=leaves[1]))
    total = loss.sum(dim=1).mean()
    gradients = torch.autograd.grad(total, [*leaves, *batch.kernels.parameters()])
    return total.detach(), means.detach(), *gradients


def largest_difference(batch: Batch) -> float:
    """How far the two are apart: the largest over loss, pair scores and gradients, relative to the largest value of each."""
    apart = 0.0
    for ours, theirs in zip(forward_backward(sparse_form, batch), forward_backward(dense_form, batch), strict=True):
        apart = max(apart, ((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-30)).item())
    return apart


def dense_bytes(relations: int, length: int, rank: int) -> int:
    """About what the dense form takes for one text: projections and scores with their gradients and the loss's parts."""
    return 4 * relations * length * (4 * rank + 6 * length)


def measure(args: argparse.Namespace, clock: str) -> Part:
    part = Part(
        "KernelRE: mention tokens against the dense form",
        ["relations", "tokens", "rank", "texts", "ours", "dense", "times as fast", "memory", "dense memory"]
        + ["times less", f"ours, {args.batch_size} texts", f"dense, {args.batch_size} texts"],
        text_columns=0,
    )
    worst = 0.0
    missed: list[str] = []
    for relations, length, rank in ((r, n, k) for k in args.ranks for n in args.lengths for r in args.relations):
        texts = int(args.most_gigabytes * 1e9 / dense_bytes(relations, length, rank))
        texts = max(1, min(args.batch_size, texts))
        whole = make_batch(relations, length, rank, args.width, args.batch_size)
        batch = whole.first(texts)
        difference = largest_difference(batch.first(1))
        worst = max(worst, difference)
        if difference > 1e-3:
            raise HfRelationError(f"The two forms do not compute the same: {difference:.0e} apart.")
        calls: dict[str, Callable[[], object]] = {
            "ours": lambda batch=batch: forward_backward(sparse_form, batch),
            "dense": lambda batch=batch: forward_backward(dense_form, batch),
            "ours whole": lambda batch=whole: forward_backward(sparse_form, batch),
        }
        if texts == args.batch_size:
            del calls["ours whole"]
        # The check above was the first call of both; this one warms up for these sizes.
        memory = {name: peak_allocated(call, warm_up=False) for name, call in calls.items()}
        samples = interleave(calls, args.rounds, least_seconds=0)
        seconds = {name: sample.seconds(clock) for name, sample in samples.items()}
        faster, less = ratios(seconds["dense"], seconds["ours"]), memory["dense"] / memory["ours"]
        of_all = "ours" if texts == args.batch_size else "ours whole"
        factor = args.batch_size / texts
        mark = "" if factor == 1 else " (computed)"
        of_weights = sum(weight.numel() * weight.element_size() for weight in batch.kernels.parameters())
        part.rows.append(
            [
                *(str(number) for number in (relations, length, rank, texts)),
                shown_time(seconds["ours"]),
                shown_time(seconds["dense"]),
                shown_ratio(faster),
                shown_bytes(memory["ours"]),
                shown_bytes(memory["dense"]),
                f"{less:.3g}x",
                f"{shown_time(seconds[of_all])}, {shown_bytes(memory[of_all])}",
                f"{shown_time([value * factor for value in seconds['dense']])}, "
                f"{shown_bytes(of_weights + (memory['dense'] - of_weights) * factor)}{mark}",
            ]
        )
        part.raw[f"{relations} relations, {length} tokens, rank {rank}"] = {
            "texts": texts,
            "difference": difference,
            "times": {name: sample.to_dict() for name, sample in samples.items()},
            "ratios": faster,
            "peak_bytes": memory,
        }
        if relations == 171 and (statistics.median(faster) < TIME_TARGET or less < MEMORY_TARGET):
            missed.append(f"{length} tokens at rank {rank} (measured on {texts} texts)")
    part.notes = [
        f"Forward and backward, width {args.width}, float32, {ENTITIES} entities of two or three tokens a text. Loss, pair "
        f"scores and gradients of both are the same, to {worst:.0e} of the largest value (checked before timing).",
        'Both are measured on "texts" texts. "(computed)": 20 texts of the dense form were not measured; it is what was '
        "measured, times as many texts; the gradients of the weights once.".replace("20", str(args.batch_size)),
        "Memory: the most that torch's tensors took at one time beyond states and weights (torch.profiler); the gradients of "
        "the weights, as large as they, are in both.",
    ]
    if 171 in args.relations:
        part.notes.append(
            f"Target at 171 relations: at least {TIME_TARGET:g}x as fast and {MEMORY_TARGET:g}x less memory: "
            + ("reached." if not missed else f"MISSED for {', '.join(missed)}.")
        )
    return part


def shown_bytes(number: float) -> str:
    return f"{number / 1e9:.3g} GB" if number >= 1e9 else f"{number / 1e6:.3g} MB"


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--relations", type=int, nargs="+", help="numbers of kernels; default: 24 53 171")
    parser.add_argument("--lengths", type=int, nargs="+", help="tokens of a text; default: 128 512")
    parser.add_argument("--ranks", type=int, nargs="+", help="widths of the projections; default: the width, and 64")
    parser.add_argument("--width", type=int, help="width of the states; default: 384 (MiniLM)")
    parser.add_argument("--batch_size", type=int, help="texts in a batch; default: 20")
    parser.add_argument("--most_gigabytes", type=float, default=4.5, help="for the dense form; default: 4.5")
    parser.add_argument("--rounds", type=int, help="rounds of the timings; default: 3")
    parser.add_argument("--num_threads", type=int, default=1, help="threads of both; default: 1")
    parser.add_argument("--output", type=Path, help="JSON file for every raw time, versions and the processor")
    parser.add_argument("--markdown", type=Path, help="Markdown file for the table")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all runs; not for quoting")
    args = parser.parse_args(argv)
    tiny = args.quick
    args.width = args.width if args.width is not None else 16 if tiny else 384
    args.relations = args.relations or ([3, 5] if tiny else [24, 53, 171])
    args.lengths = args.lengths or ([24, 48] if tiny else [128, 512])
    args.ranks = args.ranks or ([args.width, 4] if tiny else [args.width, 64])
    args.batch_size = args.batch_size if args.batch_size is not None else 4 if tiny else 20
    args.rounds = args.rounds if args.rounds is not None else 2 if tiny else 3
    for name in ("width", "batch_size", "rounds", "num_threads", "relations", "ranks", "most_gigabytes"):
        value = getattr(args, name)
        if min(value if isinstance(value, list) else [value]) <= 0:
            parser.error(f"--{name} must be above 0, got {value}")
    if min(args.lengths) < 5 * ENTITIES:
        parser.error(f"--lengths must be at least {5 * ENTITIES}, for {ENTITIES} entities; got {args.lengths}")
    return args


def main(argv: list[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    torch.set_num_threads(args.num_threads)
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # torch.profiler announces on stderr that it starts
    console = Console()
    if not console.is_terminal:
        console = Console(width=170)
    clock = "cpu" if args.num_threads == 1 else "wall"
    part = measure(args, clock)
    console.print(part.rich())
    words = ["python examples/benchmarks/kernel_re.py", *(sys.argv[1:] if argv is None else argv)]
    command = " ".join(
        "FILE" if before in _PLACES else word for before, word in zip(["", *words], words, strict=False)
    )
    machine = environment()
    machine["machine"] |= {"processor_name": processor_name(), "clock": clock, "load": os.getloadavg()}
    results = {"command": command, "quick": args.quick, "notes": part.notes, "cells": part.raw, **machine}
    about = (
        f"`{command}`: {processor_name()}, {args.num_threads} thread(s), {args.rounds} rounds; "
        + ("processor time" if clock == "cpu" else "time on the clock")
        + (f" ({QUICK})" if args.quick else "")
    )
    write_files(args.output, args.markdown, results, [f"{about}.", part.markdown()])
    return results


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
