"""From the options of a RoCORE run to the model at its start and the processor that feeds it."""

from __future__ import annotations

import dataclasses
from typing import Any

from transformers import AutoTokenizer

from hf_relation.checkpoints import base_encoder_path
from hf_relation.discovery.encoder import load_encoder
from hf_relation.errors import UsageError
from hf_relation.models.pair_config import PairEncoderConfig
from hf_relation.models.rocore import RoCOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.runs.rocore_arguments import RoCOREArguments, model_settings
from hf_relation.training import ExperimentData, RelationTrainingArguments


def novel_count(script: RoCOREArguments, data: ExperimentData) -> int:
    """How many relations the run looks for.

    Raises:
        UsageError: nothing says how many.
    """
    if script.num_novel_relations is not None:
        return script.num_novel_relations
    if len(data.novel_relations) < 2:
        raise UsageError(
            f"The test has {len(data.novel_relations)} novel relation(s), so it does not say how many to look for. Give "
            "--num_novel_relations (hf_relation.clustering.estimate_num_relations suggests a range)."
        )
    return len(data.novel_relations)


def choose_layers(model: RoCOREModel, args: RelationTrainingArguments) -> RelationTrainingArguments:
    """Fill in which layers train where nothing says it, the pooled one alone; refuse layers that no loss reaches.

    Args:
        model ([`RoCOREModel`]): its config says which layer is pooled.
        args ([`~hf_relation.training.RelationTrainingArguments`]): `trainable`, `trained_layers`.

    Returns:
        [`~hf_relation.training.RelationTrainingArguments`]: with `trained_layers`, where `trainable` is `"layers"`.

    Raises:
        UsageError: a layer above the pooled one is to train.

    Reference: Zhao et al., EMNLP 2021, section 4.3: "we only fine-tune the parameters of the output layer".
    """
    if args.trainable != "layers":
        return args
    config = model.config
    used = config.pooled_layer if config.pooled_layer >= 0 else config.depth + 1 + config.pooled_layer
    if args.trained_layers is None:
        return dataclasses.replace(args, trained_layers=[used - 1] if used else [])
    above = [number for number in args.trained_layers if (number if number >= 0 else config.depth + number) >= used]
    if above:
        raise UsageError(
            f"`--trained_layers` {above[0]} lies above the hidden states that are pooled (those after {used} of "
            f"{config.depth} layers), so that nothing would train it. Give layers from 0 to {used - 1}, or another --layer."
        )
    return args


def build(script: RoCOREArguments, data: ExperimentData, seed: int) -> tuple[RoCOREModel, RelationProcessor]:
    """Make the model at its start, and its processor.

    Args:
        script ([`RoCOREArguments`]): what the run is told.
        data ([`~hf_relation.training.ExperimentData`]): how many relations there are.
        seed (`int`): of all weights that start at random.

    Returns:
        `tuple[RoCOREModel, RelationProcessor]`.

    Raises:
        UsageError: a setting is not allowed, or `init` is no pair encoder.
        CheckpointError: there is no such checkpoint.
    """
    settings = model_settings(script) | {
        "num_known_relations": len(data.known_relations),
        "num_novel_relations": novel_count(script, data),
    }
    given = {
        name: value
        for name in ("pooling", "normalize_blocks", "layer")
        if (value := getattr(script, name)) is not None
    }
    if script.init is not None:
        start, processor = load_encoder(script.init)
        if not isinstance(start.config, PairEncoderConfig):
            raise UsageError(
                f"`--init` must be a checkpoint of this package, {script.init} is a {type(start).__name__}."
            )
        config = start.config
        # RoCORE's own rule for the layer is in a property; the other models have plain fields.
        layer = getattr(config, "pooled_layer", None) or getattr(config, "layer", -1)
        taken: dict[str, Any] = {
            "pooling": config.pooling,
            "normalize_blocks": config.normalize_blocks,
            "layer": layer,
        }
        return RoCOREModel.from_encoder(start.backbone, processor, seed=seed, **(settings | taken | given)), processor
    name = str(base_encoder_path() if script.model_name_or_path is None else script.model_name_or_path)
    processor = RelationProcessor(
        AutoTokenizer.from_pretrained(name, trust_remote_code=False),
        marker_policy=script.marker_policy,
        entity_types=script.entity_types,
        max_length=script.max_length,
    )
    return RoCOREModel.from_backbone(name, processor, seed=seed, **(settings | given)), processor
