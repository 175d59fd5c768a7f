"""Encoders with random weights of every family whose attention heads are known, and batches for them."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)


NUM_LAYERS, NUM_HEADS, HIDDEN, VOCAB = 2, 4, 32, 40
_BERT_LIKE: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": HIDDEN,
    "num_hidden_layers": NUM_LAYERS,
    "num_attention_heads": NUM_HEADS,
    "intermediate_size": 37,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
}
_DECODER = {**_BERT_LIKE, "intermediate_size": 40, "head_dim": 8}
_DISTILBERT = {"vocab_size": VOCAB, "dim": HIDDEN, "n_layers": NUM_LAYERS, "n_heads": NUM_HEADS, "hidden_dim": 37}
_DEBERTA = {**_BERT_LIKE, "relative_attention": True, "position_buckets": 8, "type_vocab_size": 0}
_MODERNBERT = {**_BERT_LIKE, "cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}

# Name of a case: its `model_type` and settings. Every layout is here, those with branches of their own more than once.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("bert", _BERT_LIKE),
    "roberta": ("roberta", _BERT_LIKE),
    "xlm-roberta": ("xlm-roberta", _BERT_LIKE),
    "camembert": ("camembert", _BERT_LIKE),
    "electra": ("electra", {**_BERT_LIKE, "embedding_size": 24}),
    "distilbert": ("distilbert", _DISTILBERT),
    "mpnet": ("mpnet", _BERT_LIKE),
    "deberta-v2": ("deberta-v2", {**_DEBERTA, "pos_att_type": ["p2c", "c2p"]}),
    "deberta-v3": ("deberta-v2", {**_DEBERTA, "pos_att_type": ["p2c", "c2p"], "share_att_key": True}),
    "modernbert": ("modernbert", _MODERNBERT),
    "modernbert-bias": ("modernbert", {**_MODERNBERT, "attention_bias": True, "local_attention": 4}),
    "llama": ("llama", {**_DECODER, "num_key_value_heads": 4}),
    "llama-grouped": ("llama", {**_DECODER, "num_key_value_heads": 2, "attention_bias": True}),
    "mistral": ("mistral", {**_DECODER, "num_key_value_heads": 1}),
    "qwen2": ("qwen2", {**_DECODER, "num_key_value_heads": 2}),
    "qwen3": ("qwen3", {**_DECODER, "num_key_value_heads": 2}),
    "gemma": ("gemma", {**_DECODER, "num_key_value_heads": 2, "head_dim": 16}),
}
_AUTO = {"tokens": AutoModelForTokenClassification, "texts": AutoModelForSequenceClassification}


def tiny_headed(
    family: str, task: str | None = None, *, attention: str | None = None, seed: int = 0
) -> PreTrainedModel:
    """A model in eval mode whose weights are large enough for its heads to matter.

    Args:
        family: a key of `FAMILIES`.
        task: `"tokens"` or `"texts"` for a head with three classes, `None` for the encoder alone.
        attention: `"sdpa"` or `"eager"`; default: the model's own choice.
        seed: of the weights.
    """
    model_type, settings = FAMILIES[family]
    config = AutoConfig.for_model(model_type, **settings, num_labels=3)
    chosen = {} if attention is None else {"attn_implementation": attention}
    torch.manual_seed(seed)
    model = (AutoModel if task is None else _AUTO[task]).from_config(config, **chosen)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.25)
            elif "norm" not in name.lower():
                parameter.normal_(std=0.1)
    return model.eval()


def tiny_batch(rows: int = 3, *, seed: int = 0, labels: str | None = None) -> dict[str, torch.Tensor]:
    """A padded batch: `rows` texts of 5 to 8 tokens; `labels` as for the task of [`tiny_headed`]."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCAB, (rows, 8), generator=generator)
    mask = torch.ones_like(ids)
    for row in range(rows):
        mask[row, 8 - (row * 2 + seed) % 4 :] = 0
    batch = {"input_ids": ids * mask, "attention_mask": mask}
    if labels == "texts":
        batch["labels"] = torch.randint(0, 3, (rows,), generator=generator)
    elif labels == "tokens":
        given = torch.randint(0, 3, ids.shape, generator=generator)
        batch["labels"] = given.masked_fill(mask == 0, -100)
    return batch
