"""Part of speed.py: sentences to embeddings beside sentence-transformers, and beside what the processor can do at most."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from speed_contestants import (
    DTYPES,
    FORWARD,
    OPENVINO,
    OURS,
    ST,
    ST_DEFAULT_BATCH,
    Contestant,
    counting_tokens,
    encoder_operations,
    our_contestants,
    read_sentences,
    their_contestants,
)
from timing import Part, Samples, interleave, ratios, shown_ratio
from transformers import AutoTokenizer

from hf_relation.checkpoints import base_encoder_path
from hf_relation.data.schema import Instance
from hf_relation.embedding.precision import bfloat16_is_fast
from hf_relation.processing import RelationProcessor


MATRIX_SIZES = (512, 1024, 2048)
QUICK_MATRIX_SIZES = (256,)
_TOKENISING = "hf_relation: checking, tokenising, padding"


def tokenising(base: Path, sentences: list[Instance]) -> Callable[[], object]:
    """Everything before the encoder in hf_relation: checking, tokenising, finding the mentions, padding."""
    processor = RelationProcessor(AutoTokenizer.from_pretrained(base), marker_policy="none", max_length=128)

    def call() -> None:
        encoded = processor.encode(sentences)
        for start in range(0, len(encoded), ST_DEFAULT_BATCH):
            processor.pad(encoded[start : start + ST_DEFAULT_BATCH])

    return call


def matrix_products(sizes: Sequence[int]) -> dict[str, tuple[str, int, Callable[[], object]]]:
    """Square matrix products of both dtypes, repeated to some 10 GFLOP: name to dtype, operations and call."""
    products: dict[str, tuple[str, int, Callable[[], object]]] = {}
    for name, dtype in DTYPES.items():
        for size in sizes:
            one, other = torch.randn(2, size, size).to(dtype)
            times = max(round(10e9 / (2 * size**3)), 1)

            def call(one: torch.Tensor = one, other: torch.Tensor = other, times: int = times) -> None:
                for _ in range(times):
                    torch.mm(one, other)

            products[f"{name} {size}"] = (name, 2 * size**3 * times, call)
    return products


def measure_encoding(
    *, data: Path, num_sentences: int, backends: Sequence[str], quick: bool, rounds: int, clock: str
) -> Part:
    """Time all contestants and the matrix products in turn."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if torch.get_num_threads() == 1 else "true"
    part = Part(
        "Encoding",
        ["dtype", "who", "sentences a second", "times hf_relation", "padding", "GFLOP/s, real tokens", "of the peak"],
        text_columns=2,
    )
    sentences, base = read_sentences(data, num_sentences), base_encoder_path()
    contestants, left_out = our_contestants(base, sentences, backends)
    try:
        contestants = their_contestants(base, sentences) + contestants
    except ImportError as error:
        part.notes.append(f"Rows of {ST} are left out: {error}")
    contestants.sort(key=lambda contestant: list(DTYPES).index(contestant.dtype))
    vectors: dict[str, np.ndarray] = {}
    for contestant in contestants:
        with counting_tokens(contestant):
            vectors[_key(contestant)] = contestant.encode()
    products = matrix_products(QUICK_MATRIX_SIZES if quick else MATRIX_SIZES)
    calls: dict[str, Callable[[], object]] = {_key(contestant): contestant.encode for contestant in contestants}
    calls[_TOKENISING] = tokenising(base, sentences)
    calls |= {name: call for name, (_, _, call) in products.items()}
    samples = interleave(calls, rounds, least_seconds=0)
    peak = {
        dtype: max(
            operations / seconds
            for name, (its, operations, _) in products.items()
            if its == dtype
            for seconds in samples[name].seconds(clock)
        )
        for dtype in DTYPES
    }
    for contestant in contestants:
        part.rows.append(_row(part, contestant, samples, peak[contestant.dtype], len(sentences), clock))
    part.notes += (
        left_out + _notes(contestants, samples, vectors, peak, clock) + _targets(contestants, samples, peak, clock)
    )
    part.raw |= {
        "peak_flops_per_second": peak,
        "matrix_products": {name: samples[name].to_dict() for name in products},
        "tokenising": samples[_TOKENISING].to_dict(),
        "num_sentences": len(sentences),
    }
    return part


def _key(contestant: Contestant) -> str:
    return f"{contestant.dtype} {contestant.title}"


def _row(
    part: Part, contestant: Contestant, samples: Mapping[str, Samples], peak: float, num_sentences: int, clock: str
) -> list[str]:
    seconds = samples[_key(contestant)].seconds(clock)
    ours = samples[f"{contestant.dtype} hf_relation"].seconds(clock)
    speed = encoder_operations(contestant.config, contestant.lengths) / statistics.median(seconds)
    part.raw.setdefault("contestants", {})[_key(contestant)] = {
        "times": samples[_key(contestant)].to_dict(),
        "tokens": sum(contestant.lengths),
        "padded_tokens": contestant.padded,
        "flops_per_second": speed,
        "share_of_peak": speed / peak,
    }
    return [
        contestant.dtype,
        contestant.title,
        f"{num_sentences / statistics.median(seconds):.4g}",
        "" if contestant.title == OURS else shown_ratio(ratios(seconds, ours)),
        f"{contestant.padding_share:.1%}",
        f"{speed / 1e9:.3g}",
        f"{speed / peak:.0%}",
    ]


def _notes(
    contestants: Sequence[Contestant],
    samples: Mapping[str, Samples],
    vectors: Mapping[str, np.ndarray],
    peak: Mapping[str, float],
    clock: str,
) -> list[str]:
    ours = {dtype: samples[f"{dtype} hf_relation"].seconds(clock) for dtype in DTYPES}
    plain = next(contestant for contestant in contestants if contestant.title == "hf_relation")
    theirs = {
        dtype: next((c for c in contestants if c.dtype == dtype and c.title.startswith(ST)), None) for dtype in DTYPES
    }
    notes = [
        "`times hf_relation`: how many times as long as hf_relation without markers takes in the same dtype: median and range "
        "over the rounds.",
        f"{len(plain.lengths)} sentences of {statistics.mean(plain.lengths):.1f} tokens ({min(plain.lengths)} to "
        f"{max(plain.lengths)}, special tokens included), from text to array. hf_relation pools two mentions and projects "
        "to 64 dimensions, with its default batches; sentence-transformers takes the mean of all tokens.",
        "Peak: the fastest of this run's square matrix products in the same dtype, "
        + ", ".join(f"{value / 1e9:.3g} GFLOP/s in {dtype}" for dtype, value in peak.items())
        + ". Operations of linear layers and attention are counted for real tokens alone.",
        f"What is dtype: bfloat16 is {shown_ratio(ratios(ours['float32'], ours['bfloat16']))} as fast as float32 in hf_relation "
        f"(mean cosine of the embeddings {_mean_cosine(vectors, 'hf_relation'):.5f})",
    ]
    before = statistics.median(samples[_TOKENISING].seconds(clock))
    shares = [f"{before / statistics.median(seconds):.1%} in {dtype}" for dtype, seconds in ours.items()]
    notes.insert(-1, f"Checking, tokenising and padding take {' and '.join(shares)} of hf_relation's time.")
    if theirs["float32"] is not None and theirs["bfloat16"] is not None:
        their_times = {
            dtype: samples[_key(contestant)].seconds(clock) for dtype, contestant in theirs.items() if contestant
        }
        notes[-1] += (
            f", {shown_ratio(ratios(their_times['float32'], their_times['bfloat16']))} in sentence-transformers "
            f"({_mean_cosine(vectors, theirs['float32'].title):.5f}; both keep their weights in bfloat16; hf_relation's are float32 before "
            "and are converted once, in a copy). What is us: the column `times hf_relation`."
        )
    else:
        notes[-1] += "."
    return notes


def _targets(
    contestants: Sequence[Contestant], samples: Mapping[str, Samples], peak: Mapping[str, float], clock: str
) -> list[str]:
    """What the project wants to reach on a processor that is made for bfloat16, and what this one does."""
    there = {_key(contestant): contestant for contestant in contestants}
    shipped = {dtype: f"{dtype} {ST}, batches of {ST_DEFAULT_BATCH} (default)" for dtype in DTYPES}
    wanted = [
        ("torch in bfloat16 beside sentence-transformers as shipped (float32)", f"bfloat16 {OURS}", "float32", 2.0),
        ("OpenVINO in bfloat16 beside sentence-transformers as shipped", f"bfloat16 {OPENVINO}", "float32", 2.5),
        ("torch in bfloat16 beside sentence-transformers in bfloat16", f"bfloat16 {OURS}", "bfloat16", 1.15),
    ]
    texts = []
    for text, ours, their_dtype, target in wanted:
        if ours in there and shipped[their_dtype] in there:
            factor = ratios(samples[shipped[their_dtype]].seconds(clock), samples[ours].seconds(clock))
            reached = "reached" if statistics.median(factor) >= target else "missed"
            texts.append(f"{text}: {shown_ratio(factor)} as fast (wanted: {target:g}x, {reached})")
    for dtype in DTYPES:
        forward = there[f"{dtype} {FORWARD}"]
        seconds = statistics.median(samples[_key(forward)].seconds(clock))
        share, of_real = (
            encoder_operations(forward.config, lengths) / seconds / peak[dtype]
            for lengths in (forward.padded_lengths, forward.lengths)
        )
        texts.append(
            f"forward pass in {dtype} at the lengths of its batches: {share:.0%} of the peak (wanted: 65%, "
            f"{'reached' if share >= 0.65 else 'missed'}; {of_real:.0%} without padding)"
        )
    fast = bfloat16_is_fast(torch.device("cpu"))
    return [
        "Wanted on a processor with matrix units for bfloat16, "
        + (
            "such as this one: "
            if fast
            else "which this one is not (its bfloat16 products are no faster than float32): "
        )
        + "; ".join(texts)
        + "."
    ]


def _mean_cosine(vectors: Mapping[str, np.ndarray], title: str) -> float:
    one, other = (np.asarray(vectors[f"{dtype} {title}"], dtype=np.float64) for dtype in DTYPES)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(1) / lengths).mean())
