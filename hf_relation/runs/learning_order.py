"""The learning order of a run's training labels: from a file, or from a classifier that is trained on them first."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import AutoTokenizer

from hf_relation.checkpoints import base_encoder_path
from hf_relation.data import Document, Instance, fold_instances
from hf_relation.data.files import parse_json, read_lines
from hf_relation.data.jsonl import write_jsonl
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.losses import NEVER_LEARNED
from hf_relation.metrics import learned_by_epoch
from hf_relation.models.pair_classification import PairClassificationModel
from hf_relation.processing import DocumentProcessor
from hf_relation.runs.learning_order_arguments import AUTO, LearningOrderArguments
from hf_relation.runs.output_folder import ORDER_FILE, ORDER_FOLDER
from hf_relation.training import (
    ExtractionDataset,
    LearningOrderTrainer,
    RelationTrainingArguments,
    chosen_pairs,
    has_complete_checkpoint,
    row_weights,
)
from hf_relation.training.resuming import checkpoint_folders


@dataclass(frozen=True)
class LearnedLabels:
    """When the labels of training instances were learned, and what they weigh.

    Args:
        orders (`list[int]`): of every instance the epoch; -1 for never.
        weights (`list[float]`): of every instance.
        num_epochs (`int`): epochs of the classifier, or the last one that the file names.
    """

    orders: list[int]
    weights: list[float]
    num_epochs: int

    def about(self, wrong: Sequence[bool] | None = None) -> dict[str, Any]:
        """Shares for results and console.

        Args:
            wrong (`Sequence[bool]`, *optional*): of every instance whether its label is known to be wrong, where noise was put in.

        Returns:
            `dict[str, Any]`: `num_epochs`, `learned_by_epoch` and `mean_weight`; with `wrong` the same for `right` and `wrong` labels.
        """
        found: dict[str, Any] = {"num_epochs": self.num_epochs} | self._shares([True] * len(self.orders))
        if wrong is not None and any(wrong) and not all(wrong):
            found["wrong"] = self._shares(wrong)
            found["right"] = self._shares([not each for each in wrong])
        return found

    def _shares(self, chosen: Sequence[bool]) -> dict[str, Any]:
        rows = [row for row, take in enumerate(chosen) if take]
        shares = learned_by_epoch([self.orders[row] for row in rows], self.num_epochs)
        return {
            "learned_by_epoch": [round(float(share), 4) for share in shares],
            "mean_weight": round(sum(self.weights[row] for row in rows) / len(rows), 4),
        }


def learned_labels(
    script: LearningOrderArguments,
    args: RelationTrainingArguments,
    train: Sequence[Instance],
    *,
    model_name_or_path: str | None,
    max_length: int,
    resume: bool,
    console: Console,
) -> LearnedLabels:
    """Read the learning order of training instances, or train the classifier that gives it.

    With `"auto"` the classifier lies in `output_dir/learning-order` while it is trained, and what it found in
    `learning_order.jsonl` there: the instances with the column.

    Args:
        script ([`LearningOrderArguments`]): what the run is told.
        args ([`~hf_relation.training.RelationTrainingArguments`]): where the run writes, on what it computes, its seed.
        train (`Sequence[Instance]`): the training instances, each with a single relation.
        model_name_or_path (`str`, *optional*): what the classifier starts from; by default the MiniLM-L6 base encoder.
        max_length (`int`): its longest input in tokens.
        resume (`bool`): take over what an earlier run has found, or go on with its training.
        console (`Console`): told about it.

    Returns:
        [`LearnedLabels`].

    Raises:
        UsageError: the file is missing, or lacks an instance.
        InvalidRowError: a row of the file is damaged, lacks the column, or has another label than the instance.
    """
    if script.learning_order != AUTO:
        rows, num_epochs = _from_file(Path(str(script.learning_order)), train), None
    else:
        num_epochs = script.learning_order_epochs
        path = Path(args.output_dir) / ORDER_FOLDER / ORDER_FILE
        if resume and path.is_file():
            console.print(f"Learned before; the order is taken from {path}.", markup=False)
        else:
            _train(script, args, train, path, model_name_or_path, max_length, resume)
        rows = _from_file(path, train)
    orders = [NEVER_LEARNED if row["learning_order"][0] is None else row["learning_order"][0] for row in rows]
    # k_max is the last epoch at which anything was learned, as a file shows it: the same order weighs the same from both.
    weights = row_weights(rows, alpha=script.learning_order_alpha, never_weight=script.learning_order_never_weight)
    return LearnedLabels(orders, weights, num_epochs or max(1, *orders))


def documents_of(instances: Sequence[Instance]) -> list[Document]:
    """One document for every instance: two entities of one mention each, head and tail."""
    return [fold_instances([row])[0] for row in instances]


def _train(
    script: LearningOrderArguments,
    args: RelationTrainingArguments,
    train: Sequence[Instance],
    path: Path,
    model_name_or_path: str | None,
    max_length: int,
    resume: bool,
) -> None:
    """Train the classifier, and write what it learned when."""
    documents = documents_of(train)
    names = sorted({row["relations"][0] for row in train})
    name = str(base_encoder_path() if model_name_or_path is None else model_name_or_path)
    processor = DocumentProcessor(
        AutoTokenizer.from_pretrained(name, trust_remote_code=False), max_length=max_length, mention_entities=True
    )
    model = PairClassificationModel.from_backbone(
        name, processor, seed=args.seed, kind="single_label", id2label=dict(enumerate(names))
    )
    dataset = ExtractionDataset(documents, processor, model.config.label2id, pairs=chosen_pairs(documents, "first"))
    trainer = LearningOrderTrainer(
        model,
        classifier_arguments(
            args,
            path.parent,
            epochs=script.learning_order_epochs,
            learning_rate=script.learning_order_learning_rate,
        ),
        processor,
        dataset,
        record=script.learning_order_record,  # type: ignore[arg-type]
        batch_size=script.learning_order_batch_size,
    )
    trainer.train(resume_from_checkpoint=resume and has_complete_checkpoint(path.parent))
    columns = trainer.learning_order.columns(documents)
    if trainer.is_world_process_zero():
        write_jsonl(path, (row | {"learning_order": column} for row, column in zip(train, columns, strict=True)))
        for folder in checkpoint_folders(path.parent):
            shutil.rmtree(folder)
    trainer.accelerator.wait_for_everyone()


def classifier_arguments(
    args: RelationTrainingArguments,
    folder: Path,
    *,
    epochs: int,
    learning_rate: float,
    head_learning_rate: float | None = None,
) -> RelationTrainingArguments:
    """The training arguments of a classifier that labels are looked at with: none of the run's that say how the run itself learns.

    Args:
        args ([`~hf_relation.training.RelationTrainingArguments`]): of the run: on what it computes, its seed, what it shows.
        folder (`Path`): where its checkpoints go.
        epochs (`int`), learning_rate (`float`), head_learning_rate (`float`, *optional*): how it learns.

    Returns:
        [`~hf_relation.training.RelationTrainingArguments`].
    """
    same = ("seed", "use_cpu", "bf16", "fp16", "disable_tqdm", "report_to", "dataloader_pin_memory", "logging_steps")
    return RelationTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        head_learning_rate=head_learning_rate,
        warmup_steps=0.1,
        weight_decay=0.01,
        save_strategy="epoch",
        save_total_limit=1,
        eval_strategy="no",
        **{name: getattr(args, name) for name in same},
    )


def _from_file(path: Path, train: Sequence[Instance]) -> list[dict[str, Any]]:
    """The rows of a file with the column `learning_order`, a list of one, in the order of the training instances."""
    if not path.is_file():
        raise UsageError(f"`--learning_order` must be '{AUTO}' or a JSONL file; there is no file {path}.")
    found: dict[tuple[Any, ...], tuple[int, dict[str, Any]]] = {}
    for line, content in read_lines(path):
        if content and not content.isspace():
            row = parse_json(content, line=line)
            found[_key(row, line)] = line, row
    rows = []
    for instance in train:
        line, row = found.get(_key(instance, None), (0, {}))
        if not row:
            raise UsageError(
                f"{path} lacks the training instance {instance['id']!r} (the same id, text and places of head and tail). It must "
                "hold all training instances of the run."
            )
        if row.get("relations", [row.get("relation")]) != instance["relations"]:
            raise InvalidRowError(
                f"{path}: the row of {instance['id']!r} has the relations {row.get('relations', row.get('relation'))!r}, the run "
                f"has {instance['relations']!r}. A learning order is one of labels: make it anew.",
                line=line,
            )
        if "learning_order" not in row:
            raise InvalidRowError(f"{path}: the row lacks the column `learning_order`.", line=line)
        order = row["learning_order"] if isinstance(row["learning_order"], list) else [row["learning_order"]]
        rows.append({"relations": instance["relations"], "learning_order": order})
    row_weights(rows)  # refuses what is no epoch
    return rows


def _key(row: Any, line: int | None) -> tuple[Any, ...]:
    try:
        return str(row["id"]), row["text"], row["head"]["start"], row["tail"]["start"]
    except (KeyError, TypeError) as error:
        raise InvalidRowError(f"the row is no instance with an `id` ({error}).", line=line) from None
