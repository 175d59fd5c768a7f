"""The trainer of models that say which relations hold between the entities of a document."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedModel

from hf_relation.data.candidates import candidate_pairs
from hf_relation.data.schema import Document
from hf_relation.errors import UsageError
from hf_relation.extraction import DecisionRules, PairScores, score_documents
from hf_relation.extraction.evaluation import MODES, gold_and_predicted
from hf_relation.metrics import triple_scores
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.batch_loss import NamedTerms
from hf_relation.training.datasets import ROW_INDEX
from hf_relation.training.distributed import gather_objects
from hf_relation.training.extraction_dataset import ExtractionCollator, ExtractionDataset
from hf_relation.training.length_sampler import LengthBatchSampler
from hf_relation.training.loading import data_seed, even_batches, numbered_loader
from hf_relation.training.trainer import RelationTrainer


class ExtractionTrainer(RelationTrainer):
    """Train an extraction model, such as [`~hf_relation.KernelREModel`], and evaluate it by its triples.

    A [`RelationTrainer`] (averages of weights, adapters, checkpoints that are resumed to the same bits, runs that stop before
    a step that is not finite) with batches of windows of similar length. `evaluate` gives `eval_f1`, `eval_precision` and
    `eval_recall` over all candidate pairs, and the same with `gold_pairs_` for the pairs that have a relation; the threshold
    is 0.5.

    Args:
        model (`PreTrainedModel`): with `score_pairs` and a config with `relations`.
        args ([`RelationTrainingArguments`]): the settings; `classes_per_batch`, `instances_per_class`, the dropout of mentions
            and words, `length_chunks` and the settings of clustering have no effect.
        processing_class ([`~hf_relation.processing.DocumentProcessor`]): the processor.
        train_dataset ([`ExtractionDataset`]): the training windows.
        eval_dataset (`Sequence[Document]`, *optional*): validation documents.
        eval_pairs (`str`, defaults to `"all"`): their candidate pairs, see `DocumentProcessor.encode`; `"first"`: the first
            entity and the second, for corpora with one marked pair a text.
        batch_size (`int`, defaults to 32): windows of a batch, in every process.
        **kwargs: further arguments of [`RelationTrainer`].

    Raises:
        UsageError: there is no training data, or the run is one of FSDP.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: RelationTrainingArguments,
        processing_class: Any,
        train_dataset: ExtractionDataset | None = None,
        eval_dataset: Sequence[Document] | None = None,
        *,
        eval_pairs: str = "all",
        batch_size: int = 32,
        **kwargs: Any,
    ) -> None:
        if train_dataset is None or not len(train_dataset):
            raise UsageError("Training needs a `train_dataset` with at least one document.")
        if args.label_names is None:
            args.label_names = ["labels"]
        collator = ExtractionCollator(processing_class, model.config.num_relations)
        super().__init__(model, args, processing_class, train_dataset, eval_dataset, data_collator=collator, **kwargs)
        if self.is_fsdp_enabled:
            raise UsageError("Extraction models are not trained with FSDP. Use DDP (examples/accelerate_ddp.yaml).")
        self.eval_pairs = eval_pairs
        sampler = LengthBatchSampler(
            train_dataset.lengths, batch_size, seed=data_seed(args), num_processes=args.world_size
        )
        sampler.num_batches = even_batches(sampler.num_batches, args.world_size)
        self.batch_sampler = sampler
        self._train_batch_size = sampler.batch_size

    @property
    def plain_model(self) -> PreTrainedModel:
        """The model inside the wrappers of accelerate and peft."""
        return cast(PreTrainedModel, self._plain(self.model))

    def get_train_dataloader(self) -> DataLoader:
        """Give the loader of the sampler's batches, prepared for the processes of the run."""
        loader = numbered_loader(
            cast(ExtractionDataset, self.train_dataset),
            cast(LengthBatchSampler, self.batch_sampler),
            self.data_collator,
            self.args,
        )
        return self.accelerator.prepare(loader)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The model's own loss of a batch, as `Trainer.compute_loss`; its parts are logged beside `loss`."""
        inputs = {name: column for name, column in inputs.items() if name != ROW_INDEX}
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        terms = {
            name: value.detach() for name, value in outputs.items() if name.endswith("_loss") and value is not None
        }
        logits = outputs.get("logits")
        finite = None if logits is None else logits.detach().isfinite().flatten(1).all(dim=1)
        if finite is not None:
            self._named_terms = NamedTerms(terms if len(terms) > 1 else {}, finite)
        return (loss, outputs) if return_outputs else loss

    def _scores(self, instances: Sequence[Any], prefix: str, transform: Any) -> dict[str, float]:
        relations = self.plain_model.config.relations
        scores = self.score(instances)
        metrics: dict[str, float] = {}
        for mode in MODES:
            found = gold_and_predicted(instances, scores, relations, DecisionRules(), mode=mode)
            figures = triple_scores(found.gold, found.predicted)
            start = prefix if mode == "all_pairs" else f"{prefix}_{mode}"
            metrics |= {f"{start}_{name}": figures[f"triple_{name}"] for name in ("precision", "recall", "f1")}
        return metrics

    def score(self, documents: Sequence[Document]) -> list[PairScores]:
        """Score the candidate pairs of documents, each process its share; to be called by all processes at once.

        Args:
            documents (`Sequence[Document]`): the same in every process.

        Returns:
            `list[PairScores]`: one a document, in order, in every process.
        """
        rank, world = self.args.process_index, self.args.world_size
        source = self.accelerator.unwrap_model(self.model)
        share = documents[rank::world]
        with self.average.applied(source) if self.is_in_train else contextlib.nullcontext():
            found = list(
                score_documents(
                    self.plain_model,
                    self.processing_class,
                    share,
                    pairs=chosen_pairs(share, self.eval_pairs),
                    dtype="bfloat16" if self.args.eval_dtype == "bfloat16" else "float32",
                    device=self.args.device,
                )
            )
        whole: list[Any] = [None] * len(documents)
        for process, part in enumerate(gather_objects(found, world)):
            whole[process::world] = part
        return whole


def chosen_pairs(documents: Sequence[Document], rule: str) -> Any:
    """Turn a rule for candidate pairs into what [`~hf_relation.processing.DocumentProcessor.encode`] takes.

    Args:
        documents (`Sequence[Document]`): the documents.
        rule (`str`): `"first"` (the first entity and the second), `"all_and_self"` (all ordered pairs, and every entity with
            itself), or what `encode` knows by name.

    Returns:
        `str` or `list`: the candidates.

    Raises:
        UsageError: `"first"` with a document of fewer than two entities.
    """
    if rule == "all_and_self":
        return [candidate_pairs(document, reflexive=True) for document in documents]
    if rule != "first":
        return rule
    short = next((row for row, document in enumerate(documents) if len(document["entities"]) < 2), None)
    if short is not None:
        raise UsageError(f"document {short} has fewer than two entities, so that there is no first pair.")
    return [[(0, 1)]] * len(documents)
