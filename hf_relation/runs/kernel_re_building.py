"""From the options of a KernelRE run to the model at its start, its processor and its trainer."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from transformers import AutoTokenizer

from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.errors import UsageError
from hf_relation.models.kernel_re import KernelREModel
from hf_relation.processing import DocumentProcessor
from hf_relation.runs.extraction_data import ExtractionData
from hf_relation.runs.kernel_re_arguments import KernelREArguments, model_settings
from hf_relation.training import ExtractionDataset, ExtractionTrainer, RelationTrainingArguments, chosen_pairs


def start_name(script: KernelREArguments) -> str:
    """Name what the run starts from, without folders of this machine."""
    return BASE_REPOSITORY if script.model_name_or_path is None else Path(script.model_name_or_path).name


def build(script: KernelREArguments, data: ExtractionData, seed: int) -> tuple[KernelREModel, DocumentProcessor]:
    """Make the model at its start, and its processor.

    Args:
        script ([`KernelREArguments`]): what the run is told.
        data ([`ExtractionData`]): its relations, and the types of its entities.
        seed (`int`): of all weights that start at random.

    Returns:
        `tuple[KernelREModel, DocumentProcessor]`.

    Raises:
        UsageError: a setting is not allowed.
    """
    types = sorted({str(e["type"]) for d in data.train for e in d["entities"] if e["type"] is not None})
    if script.marker_policy == "typed" and not types:
        raise UsageError(
            "`--marker_policy typed` needs entity types, and the training documents have none. Use entity."
        )
    name = str(base_encoder_path() if script.model_name_or_path is None else script.model_name_or_path)
    processor = DocumentProcessor(
        AutoTokenizer.from_pretrained(name, trust_remote_code=False),
        marker_policy=script.marker_policy,
        entity_types=types if script.marker_policy == "typed" else (),
        max_length=script.max_length,
    )
    settings = model_settings(script) | {"id2label": dict(enumerate(data.relations))}
    return KernelREModel.from_backbone(name, processor, seed=seed, **settings), processor


def start_bias(model: KernelREModel, dataset: ExtractionDataset) -> None:
    """Let the biases of the relations start at the log-odds that they have among the training pairs.

    Args:
        model ([`~hf_relation.KernelREModel`]): with `relation_bias`; changed in place.
        dataset ([`~hf_relation.training.ExtractionDataset`]): the training windows.
    """
    counts = torch.zeros(model.config.num_relations)
    pairs = 0
    for row in dataset.windows:
        pairs += len(row.relations)
        for numbers in row.relations:
            counts[numbers] += 1
    share = (counts + 1) / (pairs + 2)
    with torch.no_grad():
        assert model.kernels.relation_bias is not None
        model.kernels.relation_bias.copy_(torch.log(share / (1 - share)).clamp(min=-math.log(1e4)))


def make_trainer(
    script: KernelREArguments, args: RelationTrainingArguments, data: ExtractionData, seed: int
) -> ExtractionTrainer:
    """Make the trainer of one seed.

    Args:
        script ([`KernelREArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.
        data ([`ExtractionData`]): its data.
        seed (`int`): the training seed.

    Returns:
        [`~hf_relation.training.ExtractionTrainer`].
    """
    model, processor = build(script, data, seed)
    dataset = ExtractionDataset(
        data.train,
        processor,
        model.config.label2id,
        pairs=chosen_pairs(data.train, data.pairs),
        tagger_labels=None if model.tagger is None else model.tagger.labels,
    )
    if script.relation_bias:
        start_bias(model, dataset)
    return ExtractionTrainer(
        model, args, processor, dataset, data.validation, eval_pairs=data.pairs, batch_size=script.batch_size
    )
