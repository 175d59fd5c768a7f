"""Part of speed.py: sentences to embeddings beside sentence-transformers, and beside what the processor can do at most."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import Part, Samples, interleave, ratios, shown_ratio, timed
from torch import nn
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedModel

from hf_relation.checkpoints import base_encoder_path
from hf_relation.compat import import_optional
from hf_relation.data import read_jsonl
from hf_relation.data.schema import Instance
from hf_relation.embedding import embed_instances
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
ST = "sentence-transformers"
ST_DEFAULT_BATCH = 32
ST_BATCHES = (8, 16, 32, 64, 128)
MATRIX_SIZES = (512, 1024, 2048)
QUICK_MATRIX_SIZES = (256,)
_TOKENISING = "hf_relation: checking, tokenising, padding"


@dataclass
class Contestant:
    """One way to encode the sentences.

    Args:
        title (`str`): for the table.
        dtype (`str`): `"float32"` or `"bfloat16"`.
        encode (`Callable`): encodes all sentences; gives an array with a row for each.
        config (`PreTrainedConfig`): of the transformer inside, to count operations.
        counted (`nn.Module`): called with each batch's `input_ids` and `attention_mask`, as keywords or in a dict.
        lengths (`list[int]`): tokens of each sentence.
        padded (`int`): tokens of all batches, padding included.
    """

    title: str
    dtype: str
    encode: Callable[[], np.ndarray]
    config: PreTrainedConfig
    counted: nn.Module
    lengths: list[int] = field(default_factory=list)
    padded: int = 0

    @property
    def padding_share(self) -> float:
        return 1 - sum(self.lengths) / self.padded


def read_sentences(path: Path, num_sentences: int) -> list[Instance]:
    """The file's instances in a mixed order, repeated until there are enough."""
    instances = list(read_jsonl(path))
    order = np.random.default_rng(0).permutation(num_sentences) % len(instances)
    return [instances[i] for i in order]


def encoder_operations(config: PreTrainedConfig, lengths: Sequence[int]) -> int:
    """Floating-point operations of a BERT-like encoder on sentences without padding.

    Two for each weight of the linear layers and token (the four projections of attention and the two layers after it), and
    four for each pair of tokens and hidden unit (scores, weighted sum). Biases, norms, softmax and activations, which are
    few, are left out.

    Args:
        config (`PreTrainedConfig`): with `hidden_size`, `intermediate_size` and `num_hidden_layers`.
        lengths (`Sequence[int]`): tokens of each sentence.
    """
    hidden, tokens, pairs = config.hidden_size, sum(lengths), sum(length**2 for length in lengths)
    linear = 2 * tokens * (4 * hidden**2 + 2 * hidden * config.intermediate_size)
    return int(config.num_hidden_layers * (linear + 4 * pairs * hidden))


@contextmanager
def _counting_tokens(contestant: Contestant) -> Iterator[None]:
    contestant.lengths, contestant.padded = [], 0

    def count(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        batch = kwargs if "input_ids" in kwargs else args[0]
        contestant.padded += batch["input_ids"].numel()
        contestant.lengths += batch["attention_mask"].sum(1).tolist()

    handle = contestant.counted.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def our_contestants(base: Path, sentences: list[Instance]) -> list[Contestant]:
    """MORE over the encoder: mentions pooled, 64 dimensions; without markers (the tokens of the others) and with them."""
    contestants = []
    for policy, title in (("none", "hf_relation"), ("entity", "hf_relation, four markers a sentence more")):
        processor = RelationProcessor(AutoTokenizer.from_pretrained(base), marker_policy=policy, max_length=128)
        model = MOREModel.from_backbone(base, processor, pooling=["head_mean", "tail_mean"]).eval()
        for dtype in DTYPES:
            contestants.append(
                Contestant(
                    title,
                    dtype,
                    lambda m=model, p=processor, d=dtype: embed_instances(m, p, sentences, dtype=d),
                    model.config.backbone_config,
                    model.backbone,
                )
            )
    return contestants


def their_contestants(base: Path, sentences: list[Instance]) -> list[Contestant]:
    """sentence-transformers with the batch size it takes by itself, and with the fastest of several."""
    library = import_optional("sentence_transformers", extra="benchmark")
    texts = [row["text"] for row in sentences]
    contestants = []
    for name, dtype in DTYPES.items():
        model = library.SentenceTransformer(str(base), device="cpu", model_kwargs={"dtype": dtype})

        config = next(module.config for module in model[0].modules() if isinstance(module, PreTrainedModel))

        def encode(some: list[str], size: int, model: Any = model) -> np.ndarray:
            vectors: np.ndarray = model.encode(some, batch_size=size, show_progress_bar=False, convert_to_numpy=True)
            return vectors

        encode(texts[:ST_DEFAULT_BATCH], ST_DEFAULT_BATCH)
        tried = {size: timed(lambda s=size, e=encode: e(texts, s), 1)[0] for size in ST_BATCHES}
        best = min(tried, key=lambda size: tried[size])
        for size, how in ((ST_DEFAULT_BATCH, "default"), (best, f"fastest of {ST_BATCHES[0]} to {ST_BATCHES[-1]}")):
            title = f"{ST}, batches of {size} ({how})"
            contestants.append(Contestant(title, name, lambda s=size, e=encode: e(texts, s), config, counted=model[0]))
    return contestants


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


def measure_encoding(*, data: Path, num_sentences: int, quick: bool, rounds: int, clock: str) -> Part:
    """Time all contestants and the matrix products in turn."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if torch.get_num_threads() == 1 else "true"
    part = Part(
        "Encoding",
        ["dtype", "who", "sentences a second", "times hf_relation", "padding", "GFLOP/s, real tokens", "of the peak"],
        text_columns=2,
    )
    sentences, base = read_sentences(data, num_sentences), base_encoder_path()
    contestants = our_contestants(base, sentences)
    try:
        contestants = their_contestants(base, sentences) + contestants
    except ImportError as error:
        part.notes.append(f"Rows of {ST} are left out: {error}")
    contestants.sort(key=lambda contestant: list(DTYPES).index(contestant.dtype))
    vectors: dict[str, np.ndarray] = {}
    for contestant in contestants:
        with _counting_tokens(contestant):
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
    part.notes += _notes(contestants, samples, vectors, peak, clock)
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
        "" if contestant.title == "hf_relation" else shown_ratio(ratios(seconds, ours)),
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
            f"({_mean_cosine(vectors, theirs['float32'].title):.5f}; its weights are bfloat16, hf_relation's stay float32 "
            "and autocast converts them). What is us: the column `times hf_relation`."
        )
    else:
        notes[-1] += "."
    return notes


def _mean_cosine(vectors: Mapping[str, np.ndarray], title: str) -> float:
    one, other = (np.asarray(vectors[f"{dtype} {title}"], dtype=np.float64) for dtype in DTYPES)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(1) / lengths).mean())
