"""Ranking and pruning the attention heads of a checkpoint by files: what `hf-relation heads rank` and `prune` do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hf_relation.data.atomic import check_folder_place
from hf_relation.embedding.devices import resolve_device
from hf_relation.errors import UsageError
from hf_relation.heads import HeadImportance, head_importance, head_layout, prune_heads
from hf_relation.heads.normalizing import Norm
from hf_relation.heads.result import Method
from hf_relation.models.head_selection import check_heads
from hf_relation.models.multitask.task_heads import Task
from hf_relation.runs.task_checkpoint import TaskCheckpoint, load_task_checkpoint
from hf_relation.runs.task_training import BATCH_TOKENS, metric_name
from hf_relation.selection import PruningResult, PruningSearch
from hf_relation.selection.pruning_result import grouped
from hf_relation.selection.trials import Stop
from hf_relation.training.task_rows import EncodedTask


File = str | os.PathLike[str]


@dataclass(frozen=True)
class CheckpointRanking:
    """How much the heads of a checkpoint matter on a file.

    Args:
        importance ([`~hf_relation.heads.HeadImportance`]): the scores.
        task ([`~hf_relation.models.multitask.task_heads.Task`]): for which task.
        notes (`tuple[str, ...]`): what is worth knowing of the rows: texts cut, rows left out.
    """

    importance: HeadImportance
    task: Task
    notes: tuple[str, ...]


@dataclass(frozen=True)
class CheckpointPruning:
    """What was pruned.

    Args:
        heads (`dict[int, list[int]]`): layer -> heads pruned now; empty where no head could go.
        parameters_before, parameters_after (`int`): of the model.
        search ([`~hf_relation.selection.PruningResult`], *optional*): the scores, where a development set was given.
        metric (`str`, *optional*): which score that is.
        notes (`tuple[str, ...]`): what is worth knowing of the development set.
    """

    heads: dict[int, list[int]]
    parameters_before: int
    parameters_after: int
    search: PruningResult | None
    metric: str | None
    notes: tuple[str, ...]


def rank_checkpoint_heads(
    model: File,
    data: File,
    *,
    task: str | None = None,
    method: Method = "gate",
    normalize: Norm | None = "l1",
    max_rows: int | None = None,
    max_tokens: int = BATCH_TOKENS,
    device: str | None = None,
    progress: bool = False,
) -> CheckpointRanking:
    """Score the attention heads of a fine-tuned checkpoint on a file of labelled rows.

    Args:
        model (`str` or `PathLike`): see [`~hf_relation.runs.task_checkpoint.load_task_checkpoint`].
        data (`str` or `PathLike`): JSON lines: `{"tokens": [...], "tags": [...]}` for a tagger, else `{"text": ...,
            "text_pair": ..., "label": ...}`, the pair optional, the label a number for a regression.
        task (`str`, *optional*): which one, where the model has several.
        method (`str`), normalize (`str`, *optional*): see [`~hf_relation.heads.head_importance`].
        max_rows (`int`, *optional*): use the first so many labelled rows.
        max_tokens (`int`, defaults to 2048): tokens of a padded batch; 1 for batches of one row.
        device (`str`, *optional*): where to run; default: the CPU.
        progress (`bool`, defaults to `False`): a progress bar on stderr.

    Returns:
        [`CheckpointRanking`].

    Raises:
        UsageError: an argument that is not allowed, no such file or task, or a model of another kind.
        CheckpointError: the model cannot be loaded.
        InvalidRowError: a bad row, or a label that the model does not know, with file and line.
        TrainingError: a loss or a gradient is not finite.

    Example:

    ```python
    >>> import json, pathlib, tempfile
    >>> from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast
    >>> from hf_relation.runs.checkpoint_heads import prune_checkpoint_heads, rank_checkpoint_heads
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16}
    >>> labels = {"id2label": {0: "NOUN", 1: "VERB"}, "label2id": {"NOUN": 0, "VERB": 1}}
    >>> BertForTokenClassification(BertConfig(vocab_size=7, **sizes, **labels)).save_pretrained(folder / "tagger")
    >>> vocab = {token: i for i, token in enumerate("[PAD] [UNK] [CLS] [SEP] [MASK] ada ran".split())}
    >>> _ = BertTokenizerFast(vocab=vocab).save_pretrained(folder / "tagger")
    >>> row = {"tokens": ["Ada", "ran"], "tags": ["NOUN", "VERB"]}
    >>> _ = (folder / "dev.jsonl").write_text(json.dumps(row))
    >>> ranking = rank_checkpoint_heads(folder / "tagger", folder / "dev.jsonl").importance
    >>> ranking.scores.shape, ranking.num_examples
    ((2, 4), 1)
    >>> pruned = prune_checkpoint_heads(folder / "tagger", folder / "smaller", ranking=ranking, num_heads=3)
    >>> sum(len(heads) for heads in pruned.heads.values()), pruned.parameters_before - pruned.parameters_after
    (3, 804)

    ```
    """
    if max_rows is not None and (isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 1):
        raise UsageError(f"`max_rows` must be None or an integer of at least 1, got {max_rows!r}.")
    checkpoint = load_task_checkpoint(model)
    chosen = checkpoint.task(task)
    encoded = checkpoint.read(data, chosen, max_rows=max_rows)
    importance = head_importance(
        checkpoint.model,
        checkpoint.batches(encoded, chosen, max_tokens=max_tokens),
        method=method,
        normalize=normalize,
        device=device,
        progress=progress,
    )
    return CheckpointRanking(importance, chosen, _notes(encoded))


def prune_checkpoint_heads(
    model: File,
    output: File,
    *,
    ranking: HeadImportance | File | None = None,
    heads: Mapping[int, Iterable[int]] | None = None,
    num_heads: int | None = None,
    data: File | None = None,
    order: str = "lowest",
    stop: Stop = "first_drop",
    max_heads: int = 12,
    seed: int = 42,
    task: str | None = None,
    max_tokens: int = BATCH_TOKENS,
    device: str | None = None,
    overwrite: bool = False,
) -> CheckpointPruning:
    """Remove attention heads from a checkpoint and write it, with its tokenizer, to a new folder.

    Either `heads` go, or the first of a `ranking`: `num_heads` of them, or as many as [`~hf_relation.selection.PruningSearch`]
    finds to be harmless on a development set, `data`.

    Args:
        model (`str` or `PathLike`): see [`~hf_relation.runs.task_checkpoint.load_task_checkpoint`]; heads may be gone already.
        output (`str` or `PathLike`): folder, written whole or not at all.
        ranking ([`~hf_relation.heads.HeadImportance`], `str` or `PathLike`, *optional*): scores of this model's heads, or
            their file.
        heads (`Mapping[int, Iterable[int]]`, *optional*): layer -> heads, both from 0, as in the unpruned model.
        num_heads (`int`, *optional*): prune so many.
        data (`str` or `PathLike`, *optional*): JSON lines as for [`rank_checkpoint_heads`].
        order (`str`, defaults to `"lowest"`): which heads of the ranking go first: `"lowest"`, `"highest"` or `"random"`.
        stop (`str`), max_heads (`int`): of the search on `data`, see [`~hf_relation.selection.PruningSearch`].
        seed (`int`, defaults to 42): of the random order.
        task (`str`, *optional*): which task `data` is of, where the model has several.
        max_tokens (`int`, defaults to 2048): tokens of a padded batch.
        device (`str`, *optional*): where to run; default: the CPU.
        overwrite (`bool`, defaults to `False`): replace a folder that has something in it.

    Returns:
        [`CheckpointPruning`].

    Raises:
        UsageError: arguments that contradict one another, heads that the model does not have or has no longer, a ranking of
            other heads, or an output folder that is not empty or holds the inputs.
        CheckpointError: the model or the ranking cannot be read.
        InvalidRowError: a bad row, or a label that the model does not know, with file and line.
        TrainingError: a score is not a finite number.
    """
    if (ranking is None) == (heads is None):
        raise UsageError("Say which heads to prune: by a `ranking` or as `heads`, one of the two.")
    if ranking is None and (num_heads is not None or data is not None):
        raise UsageError("`num_heads` and `data` go with a `ranking`: `heads` says already which ones to prune.")
    if ranking is not None and (num_heads is None) == (data is None):
        raise UsageError("Say how many heads to prune: `num_heads`, or a development set, `data`; one of the two.")
    check_folder_place(output, overwrite=overwrite)
    for given in (model, ranking, data):
        if isinstance(given, (str, os.PathLike)) and Path(given).exists():
            _check_outside(Path(given), Path(output))
    importance = HeadImportance.load(ranking) if isinstance(ranking, (str, os.PathLike)) else ranking
    checkpoint = load_task_checkpoint(model)
    if device is not None:
        checkpoint.model.to(resolve_device(device))
    search: PruningResult | None = None
    metric: str | None = None
    notes: tuple[str, ...] = ()
    if importance is not None:
        most = max_heads if num_heads is None else _checked_number(num_heads, importance)
        plan = PruningSearch(importance, ranking=order, stop=stop, max_heads=most, seed=seed)
        plan.check(checkpoint.model)
        heads = grouped(plan.order)
        if data is not None:
            chosen = checkpoint.task(task)
            encoded = checkpoint.read(data, chosen)
            search = _search(plan, checkpoint, encoded, chosen, max_tokens)
            heads, metric, notes = search.heads, metric_name(chosen, None), _notes(encoded)
    going = check_heads(head_layout(checkpoint.model), heads or {})
    if not going and search is None:
        raise UsageError("`heads` names no head to prune.")
    before = _num_parameters(checkpoint)
    prune_heads(checkpoint.model, going)
    checkpoint.save(output, overwrite=overwrite)
    return CheckpointPruning(going, before, _num_parameters(checkpoint), search, metric, notes)


def _search(
    plan: PruningSearch, checkpoint: TaskCheckpoint, encoded: EncodedTask, task: Task, max_tokens: int
) -> PruningResult:
    return plan.run(
        checkpoint.model, score=lambda model: checkpoint.score(model, encoded, task, max_tokens=max_tokens)
    )


def _checked_number(num_heads: int, importance: HeadImportance) -> int:
    ranked = len(importance.rank())
    if isinstance(num_heads, bool) or not isinstance(num_heads, int) or not 1 <= num_heads <= ranked:
        raise UsageError(f"`num_heads` must be from 1 to {ranked}, the heads of the ranking, got {num_heads!r}.")
    return num_heads


def _check_outside(given: Path, output: Path) -> None:
    if given.resolve().is_relative_to(output.resolve()):
        raise UsageError(f"The output folder {output} holds {given}, which would be lost. Give another folder.")


def _num_parameters(checkpoint: TaskCheckpoint) -> int:
    return sum(parameter.numel() for parameter in checkpoint.model.parameters())


def _notes(encoded: EncodedTask) -> tuple[str, ...]:
    counted = (
        (encoded.num_cut, "texts are longer than the model takes and lose their end."),
        (encoded.num_extra, "more inputs than sentences: long ones are read in several parts."),
        (encoded.num_unlabelled, "rows without a label are left out."),
    )
    return tuple(f"{number:,} {what}" for number, what in counted if number)
