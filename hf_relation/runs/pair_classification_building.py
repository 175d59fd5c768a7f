"""From the options of a fine-tuning run to the classifier at its start, its processor and its trainer."""

from __future__ import annotations

from typing import Any

from transformers import AutoTokenizer, PreTrainedConfig

from hf_relation.checkpoints import base_encoder_path
from hf_relation.data.schema import Document
from hf_relation.errors import UsageError
from hf_relation.models.backbone_source import read_source
from hf_relation.models.pair_classification import PairClassificationModel
from hf_relation.processing import DocumentProcessor
from hf_relation.runs.extraction_data import ExtractionData
from hf_relation.runs.pair_classification_arguments import PairClassificationArguments
from hf_relation.training import ExtractionDataset, ExtractionTrainer, RelationTrainingArguments, chosen_pairs


def classifier_settings(script: PairClassificationArguments, data: ExtractionData) -> dict[str, Any]:
    """The fields of [`~hf_relation.PairClassificationConfig`] for some data.

    Args:
        script ([`PairClassificationArguments`]): what the run is told.
        data ([`ExtractionData`]): its relations, and whether texts have one pair with at most one.

    Returns:
        `dict[str, Any]`.

    Raises:
        UsageError: `--kind single_label` with a pair that has several relations.
    """
    kind = script.kind
    several = next(
        (d for d in data.train if len({(r["head"], r["tail"]) for r in d["relations"]}) < len(d["relations"])), None
    )
    if kind == "auto":
        kind = "single_label" if data.pairs == "first" and several is None else "multi_label"
    if kind == "single_label" and several is not None:
        raise UsageError(
            f"`--kind single_label`: the training text {several['id']!r} has a pair with several relations. Use multi_label."
        )
    without = data.pairs != "first" or any(not document["relations"] for document in data.train)
    return {
        "kind": kind,
        "na_relation": data.na_relation if kind == "single_label" and without else None,
        "id2label": dict(enumerate(data.relations)),
        "combination": script.combination,
        "text": script.text,
        "hidden_dim": script.hidden_dim,
        "dropout": script.dropout,
        "positive_weight": script.positive_weight,
    }


def check_encoders(script: PairClassificationArguments) -> None:
    """Look whether all encoders are there, before the first of them is trained.

    Args:
        script ([`PairClassificationArguments`]): what the run is told.

    Raises:
        UsageError: one is neither a folder nor to be had from the Hub, or is no encoder of texts.
    """
    for place in script.starts.values():
        if place is not None:
            try:
                settings, _ = PreTrainedConfig.get_config_dict(place)
            except OSError as error:
                raise UsageError(f"`--encoders`: {place!r} cannot be had, from a folder or the Hub: {error}") from None
            read_source(settings, f"config.json of {place}")


def build(
    script: PairClassificationArguments, data: ExtractionData, encoder: str | None, seed: int
) -> tuple[PairClassificationModel, DocumentProcessor]:
    """Make the classifier at its start, and its processor.

    Args:
        script ([`PairClassificationArguments`]): what the run is told.
        data ([`ExtractionData`]): its relations, and the types of its entities.
        encoder (`str`, *optional*): folder or Hub id; by default the base encoder.
        seed (`int`): of all weights that start at random.

    Returns:
        `tuple[PairClassificationModel, DocumentProcessor]`.

    Raises:
        UsageError: a setting is not allowed.
    """
    types = sorted({str(e["type"]) for d in data.train for e in d["entities"] if e["type"] is not None})
    if script.marker_policy == "typed" and not types:
        raise UsageError(
            "`--marker_policy typed` needs entity types, and the training documents have none. Use entity."
        )
    name = str(base_encoder_path() if encoder is None else encoder)
    processor = DocumentProcessor(
        AutoTokenizer.from_pretrained(name, trust_remote_code=False),
        marker_policy=script.marker_policy,
        entity_types=types if script.marker_policy == "typed" else (),
        max_length=script.max_length,
        mention_entities=data.pairs != "first",
    )
    return PairClassificationModel.from_backbone(
        name, processor, seed=seed, **classifier_settings(script, data)
    ), processor


def make_trainer(
    script: PairClassificationArguments,
    args: RelationTrainingArguments,
    data: ExtractionData,
    train: list[Document],
    encoder: str | None,
    seed: int,
) -> ExtractionTrainer:
    """Make the trainer of one seed, encoder and share.

    Args:
        script ([`PairClassificationArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.
        data ([`ExtractionData`]): its relations and validation documents.
        train (`list[Document]`): the share of the training documents.
        encoder (`str`, *optional*): what to start from; by default the base encoder.
        seed (`int`): the training seed.

    Returns:
        [`~hf_relation.training.ExtractionTrainer`].
    """
    model, processor = build(script, data, encoder, seed)
    dataset = ExtractionDataset(train, processor, model.config.label2id, pairs=chosen_pairs(train, data.pairs))
    return ExtractionTrainer(
        model, args, processor, dataset, data.validation, eval_pairs=data.pairs, batch_size=script.batch_size
    )
