"""Stage 1 of a pre-training run: a classifier on the labels, and what it says of each of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from transformers import AutoTokenizer

from hf_relation.checkpoints import base_encoder_path
from hf_relation.data import write_jsonl
from hf_relation.data.schema import Document
from hf_relation.errors import UsageError
from hf_relation.metrics import learned_by_epoch
from hf_relation.models.pair_classification import PairClassificationModel
from hf_relation.processing import DocumentProcessor
from hf_relation.runs.finecl_arguments import FineCLArguments
from hf_relation.runs.finecl_data import PretrainingData
from hf_relation.runs.learning_order import classifier_arguments
from hf_relation.runs.output_folder import FIRST_STAGE, ORDER_FILE
from hf_relation.training import (
    ExtractionDataset,
    ExtractionTrainer,
    LearningOrderTrainer,
    RelationTrainingArguments,
    has_complete_checkpoint,
    read_learning_order,
)


def learning_order(
    script: FineCLArguments, args: RelationTrainingArguments, data: PretrainingData, folder: Path, console: Console
) -> list[list[int]]:
    """Record when the labels of the training texts are learned, or read what was recorded.

    Args:
        script ([`FineCLArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.
        data ([`PretrainingData`]): the texts.
        folder (`Path`): of the seed; gets `learning_order.jsonl`.
        console (`Console`): told what is done.

    Returns:
        `list[list[int]]`: of every training text one epoch for every entry of `relations`; -1 for never.

    Raises:
        UsageError: `--order_file` is of other texts, or of more epochs than `--order_epochs`.
    """
    recorded = folder / ORDER_FILE
    if script.order_file is not None:
        orders = until(_of_file(Path(script.order_file), data.train), script.order_until)
        last = max((epoch for order in orders for epoch in order), default=0)
        if last > script.order_epochs:
            raise UsageError(
                f"{script.order_file} goes to epoch {last}, `--order_epochs` is {script.order_epochs}. Give --order_epochs {last}, or "
                f"forget what was learned later: --order_until {script.order_epochs}."
            )
        return orders
    if not (script.resume and recorded.is_file()):
        trainer = _classifier(script, args, data, range(len(data.train)), folder / FIRST_STAGE, record=script.record)
        console.print(f"Stage 1: {script.order_epochs} epochs on {len(trainer.learning_order.labels)} labels.")
        trainer.train(resume_from_checkpoint=script.resume and has_complete_checkpoint(folder / FIRST_STAGE))
        if trainer.is_world_process_zero():
            columns = trainer.learning_order.columns(data.train)
            rows = [{**d, "learning_order": column} for d, column in zip(data.train, columns, strict=True)]
            write_jsonl(recorded, rows)
            shutil.rmtree(folder / FIRST_STAGE, ignore_errors=True)
        trainer.accelerator.wait_for_everyone()
    return until(_of_file(recorded, data.train), script.order_until)


def until(orders: Sequence[Sequence[int]], epochs: int | None) -> list[list[int]]:
    """Forget what was learned after an epoch.

    Example:

    ```python
    >>> from hf_relation.runs.finecl_order import until
    >>> until([[1, 4, -1]], 3)
    [[1, -1, -1]]

    ```
    """
    if epochs is None:
        return [list(order) for order in orders]
    return [[epoch if epoch <= epochs else -1 for epoch in order] for order in orders]


def reliabilities(
    script: FineCLArguments, args: RelationTrainingArguments, data: PretrainingData, folder: Path, console: Console
) -> list[list[float]]:
    """The probability that a classifier, trained on the clean texts alone, gives to every label.

    Its last checkpoint stays in the folder, for a run that is resumed.

    Args:
        script, args, data, folder, console: as for [`learning_order`].

    Returns:
        `list[list[float]]`: of every training text one number in (0, 1] for every entry of `relations`; 1 for the clean ones.

    Reference: after Wan et al., "Relation Extraction with Weighted Contrastive Pre-training on Distant Supervision", Findings of
    EACL 2023.
    """
    trainer = _classifier(script, args, data, data.clean, folder / FIRST_STAGE)
    console.print(f"Stage 1: {script.order_epochs} epochs on {len(data.clean)} clean texts.")
    trainer.train(resume_from_checkpoint=script.resume and has_complete_checkpoint(folder / FIRST_STAGE))
    trainer.eval_pairs = "labelled"
    number = {name: place for place, name in enumerate(data.relations)}
    found: list[list[float]] = []
    clean = set(data.clean)
    for row, (document, scores) in enumerate(zip(data.train, trainer.score(data.train), strict=True)):
        place = {pair: index for index, pair in enumerate(scores.pairs)}
        probabilities = scores.probabilities
        found.append(
            [
                1.0
                if row in clean or (r["head"], r["tail"]) not in place
                else max(float(probabilities[place[r["head"], r["tail"]], number[r["label"]]]), 1e-6)
                for r in document["relations"]
            ]
        )
    return found


def describe_order(orders: Sequence[Sequence[int]], data: PretrainingData, epochs: int) -> dict[str, Any]:
    """What was learned by when, in all and, with `--label_noise`, of right and of replaced labels.

    Args:
        orders (`Sequence[Sequence[int]]`): of [`learning_order`].
        data ([`PretrainingData`]): the texts.
        epochs (`int`): of stage 1.

    Returns:
        `dict`: `"all"`, and with noise `"right"` and `"replaced"`: the share learned by the end of every epoch, in [0, 1].
    """
    flat = np.array([epoch for order in orders for epoch in order], dtype=np.int64)
    wrong = np.array([each for row in data.wrong for each in row], dtype=bool)
    parts = {"all": flat}
    if wrong.any() and not wrong.all():
        parts |= {"right": flat[~wrong], "replaced": flat[wrong]}
    return {name: learned_by_epoch(part, epochs).tolist() for name, part in parts.items() if len(part)}


def _classifier(
    script: FineCLArguments,
    args: RelationTrainingArguments,
    data: PretrainingData,
    rows: Sequence[int],
    folder: Path,
    *,
    record: str | None = None,
) -> Any:
    name = str(base_encoder_path() if script.model_name_or_path is None else script.model_name_or_path)
    processor = DocumentProcessor(
        AutoTokenizer.from_pretrained(name, trust_remote_code=False),
        marker_policy=script.marker_policy,
        max_length=script.max_length,
        mention_entities=True,
    )
    model = PairClassificationModel.from_backbone(
        name, processor, seed=args.seed, kind="multi_label", id2label=dict(enumerate(data.relations))
    )
    documents = [data.train[row] for row in rows]
    # The pairs that are labelled, and no others: what is asked is which label, not whether there is one.
    pairs = [sorted({(r["head"], r["tail"]) for r in document["relations"]}) for document in documents]
    dataset = ExtractionDataset(documents, processor, model.config.label2id, pairs=pairs)
    settings = classifier_arguments(
        args,
        folder,
        epochs=script.order_epochs,
        learning_rate=script.order_learning_rate,
        head_learning_rate=script.order_head_learning_rate,
    )
    kind = ExtractionTrainer if record is None else LearningOrderTrainer
    more: dict[str, Any] = {} if record is None else {"record": record}
    return kind(model, settings, processor, dataset, batch_size=script.order_batch_size, **more)


def _of_file(path: Path, documents: Sequence[Document]) -> list[list[int]]:
    found, orders = read_learning_order(path)
    # Texts of several files may have one id.
    known = {
        (document["id"], document["text"]): (document, order) for document, order in zip(found, orders, strict=True)
    }
    matched = []
    for document in documents:
        before, order = known.get((document["id"], document["text"]), (None, []))
        if before is None or before["relations"] != document["relations"]:
            raise UsageError(
                f"{path} has not the labels of the training text {document['id']!r}: it was recorded on other texts. Record the learning "
                "order again (leave out --order_file), or train on the same texts."
            )
        matched.append(order)
    return matched
