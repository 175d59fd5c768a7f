"""Tiny random-weight models of every kind the library supports, built in memory."""

from __future__ import annotations

from typing import Any

import torch

from hf_relation.models.finecl import FineCLConfig, FineCLForPreTraining, FineCLModel
from hf_relation.models.kernel_re import KernelREConfig, KernelREModel
from hf_relation.models.more import MOREConfig, MOREModel
from hf_relation.models.multitask import MultiTaskConfig, MultiTaskModel
from hf_relation.models.pair_classification import PairClassificationConfig, PairClassificationModel
from hf_relation.models.rocore import RoCOREConfig, RoCOREModel
from hf_relation.models.siamese_ure import SiameseUREConfig, SiameseUREModel
from hf_relation.processing import DocumentProcessor, RelationProcessor, build_word_tokenizer, count_words
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


KINDS = ("bert", "roberta", "xlm-roberta")
# Every encoder that the families are checked with; what concerns texts and tokens alone needs the tokenizers of `KINDS`.
ENCODER_KINDS = (*KINDS, "distilbert", "electra", "modernbert")
WITH_POOLER = KINDS
# The CNN has one architecture; what differs is the tokenizer: whole words, or the pieces of a transformer (whose padding
# token is not number 0, for RoBERTa).
CNN_KINDS = ("words", "bert", "roberta")

_SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 37,
    "max_position_embeddings": 130,
}
_BERT_LIKE = _SIZES | {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
_ROBERTA_LIKE = _BERT_LIKE | {"pad_token_id": 1, "type_vocab_size": 1}
_SETTINGS: dict[str, dict[str, Any]] = {
    "bert": _BERT_LIKE,
    "roberta": _ROBERTA_LIKE,
    "xlm-roberta": _ROBERTA_LIKE,
    "electra": _BERT_LIKE | {"embedding_size": 24},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 37, "max_position_embeddings": 130},
    # The second layer sees four tokens on either side.
    "modernbert": _SIZES
    | dict.fromkeys(("attention_dropout", "embedding_dropout", "mlp_dropout"), 0.1)
    | {
        "local_attention": 8,
        "cls_token_id": 1,
        "bos_token_id": 1,
        "sep_token_id": 2,
        "eos_token_id": 2,
        "pad_token_id": 3,
    },
}


def tiny_backbone(kind: str, vocab_size: int, **changes: Any) -> dict[str, Any]:
    """Settings of a two-layer encoder, 32 wide."""
    return {"model_type": kind, "vocab_size": vocab_size} | _SETTINGS[kind] | changes


def tiny_more(kind: str = "bert", *, seed: int = 0, marker_policy: str = "entity", **settings: Any):
    """A MORE model with random weights, in eval mode, and the processor that feeds it."""
    processor = RelationProcessor(tiny_tokenizer(kind), marker_policy=marker_policy, max_length=128)
    torch.manual_seed(seed)
    config = MOREConfig(
        backbone_config=tiny_backbone(kind, processor.vocab_size),
        **({"projection_dim": 16, "pooling": ["head_mean", "tail_mean", "between_mean"]} | settings),
    )
    return MOREModel(config).eval(), processor


def tiny_more_cnn(kind: str = "words", *, seed: int = 0, **settings: Any):
    """MORE over a CNN encoder with random weights, in eval mode, and the processor that feeds it."""
    if kind == "words":
        tokenizer = build_word_tokenizer(count_words((row["text"] for row in sample_instances(20)), min_count=2))
    else:
        tokenizer = tiny_tokenizer(kind)
    processor = RelationProcessor(tokenizer, marker_policy="none", max_length=120)
    backbone = {
        "model_type": "relation_cnn",
        "vocab_size": processor.vocab_size,
        "pad_token_id": tokenizer.pad_token_id,
        "word_embedding_dim": 12,
        "position_embedding_dim": 4,
        "hidden_size": 32,
    }
    torch.manual_seed(seed)
    config = MOREConfig(backbone_config=backbone, **({"projection_dim": 16, "pooling": ["sentence_max"]} | settings))
    return MOREModel(config).eval(), processor


def labelled_batch(processor: RelationProcessor, instances: list[dict[str, Any]], labels: torch.Tensor):
    """What a model with a loss over labels is given."""
    return {**processor(instances), "labels": labels}


def tiny_rocore(kind: str = "bert", *, seed: int = 0, marker_policy: str = "entity", **settings: Any):
    """A RoCORE model with random weights, in eval mode, and the processor that feeds it."""
    processor = RelationProcessor(tiny_tokenizer(kind), marker_policy=marker_policy, max_length=128)
    sizes = {"autoencoder_dims": [24, 24, 16], "num_known_relations": 12, "num_novel_relations": 3}
    torch.manual_seed(seed)
    config = RoCOREConfig(backbone_config=tiny_backbone(kind, processor.vocab_size), **(sizes | settings))
    return RoCOREModel(config).eval(), processor


def half_novel_batch(processor: RelationProcessor, instances: list[dict[str, Any]], labels: torch.Tensor):
    """Every second of the sample instances is novel: its label becomes a pseudo label."""
    samples = sample_instances(20)
    novel = torch.tensor([samples.index(instance) % 2 == 1 for instance in instances])
    return {
        **processor(instances),
        "labels": labels.masked_fill(novel, -100),
        "pseudo_labels": labels.masked_fill(~novel, -100),
    }


def tiny_siamese_ure(kind: str = "bert", *, seed: int = 0, marker_policy: str = "entity", **settings: Any):
    """A Siamese-URE model with random weights, in eval mode, and the processor that feeds it."""
    processor = RelationProcessor(tiny_tokenizer(kind), marker_policy=marker_policy, max_length=128)
    sizes = {"projector_dims": [24, 24, 16], "predictor_dim": 8, "num_clusters": 4}
    torch.manual_seed(seed)
    config = SiameseUREConfig(backbone_config=tiny_backbone(kind, processor.vocab_size), **(sizes | settings))
    return SiameseUREModel(config).eval(), processor


def neighbor_columns(processor: RelationProcessor, neighbors: list[list[dict[str, Any]]]):
    """The `neighbor_` columns of rows with as many neighbours each."""
    columns = processor([neighbor for row in neighbors for neighbor in row])
    return {f"neighbor_{name}": column.unflatten(0, (len(neighbors), -1)) for name, column in columns.items()}


def neighbor_batch(processor: RelationProcessor, instances: list[dict[str, Any]], labels: torch.Tensor):
    """No labels; the two neighbours of a sample instance are those three and six places on, of its relation."""
    samples = sample_instances(20)
    places = [samples.index(instance) for instance in instances]
    neighbors = [[samples[(place + 3) % 12], samples[(place + 6) % 12]] for place in places]
    return {**processor(instances), **neighbor_columns(processor, neighbors), "return_loss": True}


def tiny_kernel_re(kind: str = "bert", *, seed: int = 0, marker_policy: str = "none", **settings: Any):
    """A KernelRE model with random weights, in eval mode, and the processor that feeds it."""
    processor = DocumentProcessor(tiny_tokenizer(kind), marker_policy=marker_policy, max_length=128)
    torch.manual_seed(seed)
    config = KernelREConfig(
        backbone_config=tiny_backbone(kind, processor.vocab_size),
        **({"id2label": dict(enumerate(("born_in", "founded_by", "flows_into")))} | settings),
    )
    return KernelREModel(config).eval(), processor


def tiny_pair_classification(encoder: str = "bert", *, seed: int = 0, mention_entities: bool = True, **settings: Any):
    """A pair classifier with random weights, in eval mode, and the processor that feeds it."""
    processor = DocumentProcessor(tiny_tokenizer(encoder), max_length=128, mention_entities=mention_entities)
    torch.manual_seed(seed)
    config = PairClassificationConfig(
        backbone_config=tiny_backbone(encoder, processor.vocab_size),
        **({"id2label": dict(enumerate(("born_in", "founded_by", "flows_into")))} | settings),
    )
    return PairClassificationModel(config).eval(), processor


def tiny_finecl(kind: str = "bert", *, seed: int = 0, pretraining: bool = False, **settings: Any):
    """FineCL with random weights, with its heads for pre-training or without, in eval mode, and the processor that feeds it."""
    processor = DocumentProcessor(tiny_tokenizer(kind), max_length=128, mention_entities=True)
    named = {"id2label": dict(enumerate(("born_in", "founded_by", "flows_into", "none"))), "na_relation": "none"}
    torch.manual_seed(seed)
    config = FineCLConfig(
        backbone_config=tiny_backbone(kind, processor.vocab_size),
        **(named | {"first_epoch": 1, "last_epoch": 4, "temperature": 0.3} | settings),
    )
    return (FineCLForPreTraining if pretraining else FineCLModel)(config).eval(), processor


TASKS = {
    "topic": {"kind": "classification", "labels": ["river", "person", "firm"]},
    "length": {"kind": "regression"},
    "words": {"kind": "tokens", "labels": ["O", "B-NAME", "I-NAME"], "dropout": 0.2},
}


def tiny_multitask(kind: str = "bert", *, seed: int = 0, **settings: Any):
    """A multi-task model with random weights, in eval mode, and the tokenizer that feeds it."""
    tokenizer = tiny_tokenizer(kind)
    torch.manual_seed(seed)
    config = MultiTaskConfig(
        backbone_config=tiny_backbone(kind, len(tokenizer)), **({"tasks": TASKS, "head_dropout": 0.1} | settings)
    )
    return MultiTaskModel(config).eval(), tokenizer


def task_rows(tokenizer: Any, task: str, number: int = 12) -> list[dict[str, Any]]:
    """Encoded sample sentences, labelled for a task of `TASKS`: by relation, by length, and words by their first letter."""
    rows = []
    for place, instance in enumerate(sample_instances(20)[:number]):
        text = instance["text"][: 20 + 15 * (place % 4)]
        encoded = tokenizer(text, return_offsets_mapping=True)
        labels: Any = {"topic": place % 3, "length": len(encoded["input_ids"]) / 20}.get(task)
        if task == "words":
            offsets = encoded["offset_mapping"]
            labels = [-100 if start == end else int(text[start:end].strip().istitle()) for start, end in offsets]
        rows.append({"input_ids": encoded["input_ids"], "labels": labels})
    return rows
