"""Part of speed.py: who encodes the sentences, hf_relation in every back end and sentence-transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import timed
from torch import nn
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedModel

from hf_relation.compat import import_optional
from hf_relation.data import read_jsonl
from hf_relation.data.schema import Instance
from hf_relation.embedding import make_encoder, token_budget_batches
from hf_relation.embedding.forward import inference_state, torch_run
from hf_relation.embedding.precision import in_bfloat16
from hf_relation.errors import HfRelationError
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
ST = "sentence-transformers"
ST_DEFAULT_BATCH = 32
ST_BATCHES = (8, 16, 32, 64, 128)
OURS = "hf_relation"
FORWARD = "hf_relation, forward pass alone"
OPENVINO = "hf_relation, backend='openvino'"
ONNX = "hf_relation, backend='onnx'"
_CPU_BATCH_TOKENS = 1_024  # the default


@dataclass
class Contestant:
    """One way to encode the sentences.

    Args:
        title (`str`): for the table.
        dtype (`str`): `"float32"` or `"bfloat16"`.
        encode (`Callable`): encodes all sentences; gives an array with a row for each.
        config (`PreTrainedConfig`): of the transformer inside, to count operations.
        counted (`nn.Module`, *optional*): called with each batch's `input_ids` and `attention_mask`, as keywords or in a dict;
            `None` where `lengths` and `padded` are known.
        lengths (`list[int]`): tokens of each sentence.
        padded (`int`): tokens of all batches, padding included.
        padded_lengths (`list[int]`): tokens of each row as it goes through the model, padding included, where that is known.
    """

    title: str
    dtype: str
    encode: Callable[[], np.ndarray]
    config: PreTrainedConfig
    counted: nn.Module | None = None
    lengths: list[int] = field(default_factory=list)
    padded: int = 0
    padded_lengths: list[int] = field(default_factory=list)

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
def counting_tokens(contestant: Contestant) -> Iterator[None]:
    if contestant.counted is None:
        yield
        return
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


def our_contestants(
    base: Path, sentences: list[Instance], backends: Sequence[str]
) -> tuple[list[Contestant], list[str]]:
    """MORE over the encoder: mentions pooled, 64 dimensions; without markers (the tokens of the others) and with them.

    Args:
        base (`Path`): the encoder.
        sentences (`list[Instance]`): what is encoded.
        backends (`Sequence[str]`): those besides torch; what is not possible here is left out.

    Returns:
        `tuple`: the contestants, and what is left out, with the reason.
    """
    contestants, left_out = [], []
    for policy, title in (("none", OURS), ("entity", f"{OURS}, four markers a sentence more")):
        processor = RelationProcessor(AutoTokenizer.from_pretrained(base), marker_policy=policy, max_length=128)
        model = MOREModel.from_backbone(base, processor, pooling=["head_mean", "tail_mean"]).eval()
        encoded = processor.encode(sentences)
        lengths = [row.length for row in encoded]
        batches = token_budget_batches(lengths, _CPU_BATCH_TOKENS)
        padded_lengths = [max(lengths[row] for row in rows) for rows in batches for _ in rows]
        padded = sum(padded_lengths)
        more = {"onnx": ONNX, "openvino": OPENVINO} if policy == "none" else {}
        for backend, name in [("torch", title), *((one, more[one]) for one in backends if one in more)]:
            for dtype in DTYPES:
                try:
                    encoder = make_encoder(model, processor, backend=backend, dtype=dtype)
                    encoder.embed(sentences[:1])  # what is made once: a copy of the weights, a graph
                except HfRelationError as error:
                    left_out.append(f"{name} in {dtype} is left out: {error}")
                    continue
                config = model.config.backbone_config
                embed = partial(encoder.embed, sentences)
                contestants.append(Contestant(name, dtype, embed, config, lengths=lengths, padded=padded))
        if policy == "none":
            columns = [processor.pad([encoded[row] for row in rows], return_tensors="np") for rows in batches]
            for dtype in DTYPES:
                run = partial(_forward, in_bfloat16(model) if dtype == "bfloat16" else model, columns)
                config = model.config.backbone_config
                made = Contestant(FORWARD, dtype, run, config, None, lengths, padded, padded_lengths)
                contestants.append(made)
    return contestants, left_out


def _forward(model: nn.Module, columns: Sequence[Mapping[str, np.ndarray]]) -> np.ndarray:
    """Batches that are padded already, the longest first."""
    cpu = torch.device("cpu")
    with inference_state(model, cpu):
        return np.concatenate([torch_run(model, cpu)(batch) for batch in columns])


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
