"""From the options of a Siamese-URE run to its data, the model at its start and the processor that feeds it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.errors import UsageError
from hf_relation.models.siamese_ure import SiameseUREModel
from hf_relation.processing import RelationProcessor
from hf_relation.runs.siamese_ure_arguments import ScriptArguments, model_settings
from hf_relation.training import ExperimentData, load_experiment_data, load_unsupervised_data


# What encoders call the dropout of hidden states and of attention.
_DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "hidden_dropout",
    "attention_dropout",
    "embedding_dropout",
    "mlp_dropout",
    "dropout",
)


def load_data(script: ScriptArguments) -> ExperimentData:
    """Load the text of a run; what is labelled in it is scored on, or stands beside it for analysis.

    Args:
        script ([`ScriptArguments`]): what the run is told.

    Returns:
        [`~hf_relation.training.ExperimentData`]: with empty `train`.

    Raises:
        UsageError: files are missing, or there is no text to learn from.
        InvalidRowError: a bad row in a JSONL file, with its line.
    """
    if script.novel == "test":
        return load_unsupervised_data(script)
    data = load_experiment_data(script, novel="held-out")
    unlabeled = data.unlabeled
    if script.max_unlabeled_instances is not None:
        unlabeled = unlabeled[:: max(1, -(-len(unlabeled) // script.max_unlabeled_instances))]
    counts = {key: data.counts[key] for key in ("unlabeled_dropped_sentence_in_test", "test")}
    counts["unlabeled"] = len(unlabeled)
    return dataclasses.replace(data, train=[], known_relations=[], unlabeled=unlabeled, counts=counts)


def cluster_count(script: ScriptArguments, data: ExperimentData) -> int:
    """How many clusters the head has.

    Raises:
        UsageError: nothing says how many.
    """
    if script.num_clusters != "true":
        return int(script.num_clusters)
    if len(data.novel_relations) < 2:
        raise UsageError(
            f"The scored text has {len(data.novel_relations)} relation(s), so it does not say how many clusters there are. Give "
            "--num_clusters (hf_relation.clustering.estimate_num_relations suggests a range)."
        )
    return len(data.novel_relations)


def start_name(script: ScriptArguments) -> str:
    """Name what the run starts from, without folders of this machine."""
    return BASE_REPOSITORY if script.model_name_or_path is None else Path(script.model_name_or_path).name


def build(script: ScriptArguments, data: ExperimentData, seed: int) -> tuple[SiameseUREModel, RelationProcessor]:
    """Make the model at its start, and its processor.

    Args:
        script ([`ScriptArguments`]): what the run is told.
        data ([`~hf_relation.training.ExperimentData`]): the number of relations, and types of entities.
        seed (`int`): of all weights that start at random.

    Returns:
        `tuple[SiameseUREModel, RelationProcessor]`.

    Raises:
        UsageError: a setting is not allowed, or typed markers without types in the data.
    """
    name = str(base_encoder_path() if script.model_name_or_path is None else script.model_name_or_path)
    processor = RelationProcessor(
        AutoTokenizer.from_pretrained(name, trust_remote_code=False),
        marker_policy=script.marker_policy,
        entity_types=_entity_types(script, data),
        max_length=script.max_length,
    )
    settings = model_settings(script, cluster_count(script, data))
    model = SiameseUREModel.from_backbone(name, processor, seed=seed, **settings)
    if script.dropout is not None:
        model = with_dropout(model, script.dropout)
    return (without_upper_layers(model) if script.cut_layers else model), processor


def with_dropout(model: SiameseUREModel, dropout: float) -> SiameseUREModel:
    """Give the same model with another dropout in its encoder.

    Args:
        model ([`SiameseUREModel`]): the model; not changed.
        dropout (`float`): of hidden states and of attention, in (0, 1).

    Returns:
        [`SiameseUREModel`].

    Raises:
        UsageError: the encoder's settings name no dropout.
    """
    settings = model.config.to_dict()
    names = [name for name in _DROPOUTS if name in settings["backbone_config"]]
    if not names:
        raise UsageError(
            f"The settings of this encoder ({settings['backbone_config']['model_type']}) name no dropout, so `--dropout` cannot "
            "be set. Leave it out, or use another encoder."
        )
    settings["backbone_config"] |= dict.fromkeys(names, dropout)
    return _with_settings(model, settings)


def without_upper_layers(model: SiameseUREModel) -> SiameseUREModel:
    """Give the same model without the layers of its encoder above the one that is pooled, which only cost time.

    Args:
        model ([`SiameseUREModel`]): the model; not changed.

    Returns:
        [`SiameseUREModel`]: with the same pair representations.

    Raises:
        UsageError: the encoder does more than its layers say (for example, it normalises after the last one).
    """
    depth, layer = model.config.depth, model.config.layer
    used = layer if layer >= 0 else depth + 1 + layer
    if used == depth:
        return model
    settings = model.config.to_dict() | {"layer": used}
    settings["backbone_config"] |= {"num_hidden_layers": used}
    other = _with_settings(model, settings)
    ids = torch.tensor([[2, 3, 4]])
    with torch.inference_mode():
        full = model.backbone.eval()(input_ids=ids, output_hidden_states=True).hidden_states[used]
        cut = other.backbone.eval()(input_ids=ids).last_hidden_state
    if used == 0 or not torch.equal(full, cut):
        raise UsageError(
            f"The last hidden states of this encoder ({settings['backbone_config']['model_type']}) with {used} layers are not "
            f"those after layer {used} of all. Leave out --cut_layers."
        )
    return other


def _with_settings(model: SiameseUREModel, settings: dict[str, Any]) -> SiameseUREModel:
    other = SiameseUREModel(type(model.config)(**settings))
    weights = model.state_dict()
    other.load_state_dict({name: weights[name] for name in other.state_dict()})
    return other


def _entity_types(script: ScriptArguments, data: ExperimentData) -> list[str]:
    if script.marker_policy != "typed" or script.entity_types:
        return script.entity_types
    mentions: list[Any] = [row[end] for row in (*data.unlabeled, *data.test) for end in ("head", "tail")]
    types = sorted({mention["type"] for mention in mentions if mention.get("type")})
    if not types:
        raise UsageError(
            "--marker_policy typed needs entity types, and the text has none (FewRel and SemEval-2010 have none). Use entity "
            "markers, or data with `type` in `head` and `tail`."
        )
    return types
