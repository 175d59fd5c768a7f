"""The card of a model that a trainer pushes to the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import datasets

from hf_relation.cards.generated import write_generated
from hf_relation.cards.training_card import TrainingFacts, training_card
from hf_relation.training.datasets import single_relation
from hf_relation.training.results import changed_settings, library_versions


if TYPE_CHECKING:
    from hf_relation.training.trainer import RelationTrainer


def write_training_card(
    trainer: RelationTrainer,
    model: Any,
    *,
    model_name: str | None = None,
    language: str | list[str] | None = None,
    license: str | None = None,
    tags: str | list[str] | None = None,
    finetuned_from: str | None = None,
    dataset: str | list[str] | None = None,
    dataset_tags: str | list[str] | None = None,
    tasks: str | list[str] | None = None,
    dataset_args: str | list[str] | None = None,
) -> bool:
    """Write the card into the trainer's output folder, unless somebody wrote one.

    Args:
        trainer ([`RelationTrainer`]): after training.
        model (`PreTrainedModel`): inside all wrappers.
        model_name, language, license, tags, finetuned_from, dataset, dataset_tags: as for `Trainer.create_model_card`;
            `dataset_tags`, ids of the Hub, win over `dataset`, names for readers.
        tasks, dataset_args: accepted, and not used.

    Returns:
        `bool`: whether it was written.
    """
    header, body = training_card(
        model.config,
        training_facts(trainer),
        name=model_name,
        license=license,
        languages=_several(language),
        tags=_several(tags),
        base_model=finetuned_from,
        datasets=_several(dataset_tags) or _several(dataset),
        parameters=model.num_parameters(),
        dtype=str(model.dtype).removeprefix("torch."),
    )
    return write_generated(trainer.args.output_dir, header, body)


def training_facts(trainer: RelationTrainer) -> TrainingFacts:
    """What a trainer knows of its run.

    Args:
        trainer ([`RelationTrainer`]): after training.

    Returns:
        [`~hf_relation.cards.training_card.TrainingFacts`].
    """
    args, state = trainer.args, trainer.state
    none = getattr(getattr(trainer.model, "config", None), "na_relation", None)
    known = [name for name in getattr(trainer.train_dataset, "label2id", {}) if name != none]
    evaluated = _rows(trainer.eval_dataset)
    names = {name for row in evaluated if isinstance(row, Mapping) and (name := _relation(row)) is not None}
    best = state.best_global_step if args.load_best_model_at_end else None
    scored = [log for log in state.log_history if any(key.startswith("eval_") for key in log)]
    # With a dictionary of evaluation sets, each of them is logged on its own.
    step = best or (scored[-1]["step"] if scored else 0)
    found: dict[str, float] = {}
    for log in scored:
        if log["step"] == step:
            found |= {key.removeprefix("eval_"): value for key, value in log.items() if key.startswith("eval_")}
    return TrainingFacts(
        num_train=0 if trainer.train_dataset is None else len(trainer.train_dataset),
        num_eval=len(evaluated),
        known=known,
        held_out=sorted(names - set(known)),
        shared=sorted(names & set(known)),
        metrics=found,
        metrics_step=step,
        step=best or state.global_step,
        seed=args.seed,
        cluster_seeds=args.eval_num_seeds,
        settings=changed_settings(args),
        versions=library_versions(),
    )


def _rows(dataset: Any) -> list[Any]:
    if dataset is None:
        return []
    if isinstance(dataset, Mapping) and not isinstance(dataset, datasets.Dataset):
        return [row for part in dataset.values() for row in _rows(part)]
    return list(dataset)


def _relation(row: Mapping[str, Any]) -> str | None:
    relations = row.get("relations") or []  # rows for pre-training are encoded already
    return single_relation(row) if relations and all(isinstance(each, str) for each in relations) else None


def _several(given: str | list[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or [])
