"""From tagged sentences and labelled texts to the encoded rows of a multi-task model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.models.multitask.task_heads import Task
from hf_relation.processing.tokenizing import checked_max_length, probe_wrapping
from hf_relation.processing.word_labels import align_word_labels


if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from hf_relation.data.kinds import Kind


# What a row of the data room is to a multi-task model.
TASK_KIND_OF: Mapping[str, str] = {"tagged": "tokens", "text": "classification", "score": "regression"}


@dataclass(frozen=True)
class EncodedTask:
    """Rows for a [`MultiTaskDataset`].

    Args:
        rows (`list[dict]`): `input_ids`, perhaps `token_type_ids`, and `labels`.
        num_cut (`int`): texts that were longer than the encoder takes and lost their end. Sentences in tokens do not: they
            become several rows, and only single words that alone are longer lose their end.
        num_extra (`int`): rows more than there are sentences, for that reason.
        num_unlabelled (`int`): texts without a label, which are left out.
    """

    rows: list[dict[str, Any]]
    num_cut: int = 0
    num_extra: int = 0
    num_unlabelled: int = 0


def task_settings(rows: Iterable[Mapping[str, Any]], kind: Kind) -> dict[str, Any]:
    """What a [`~hf_relation.MultiTaskConfig`] must know of a task: its kind and the labels of some rows.

    Args:
        rows (`Iterable[Mapping]`): tagged sentences or labelled texts, of all parts that are trained on or scored.
        kind (`str`): `"tagged"`, `"text"` or `"score"`, as [`hf_relation.data`] names kinds of rows.

    Returns:
        `dict`: `kind` and `labels`, sorted. Spans have both `B-x` and `I-x` for every type that occurs, and `O`.

    Raises:
        UsageError: another kind of rows, no label at all, or only one.

    Example:

    ```python
    >>> from hf_relation.training.task_rows import task_settings
    >>> task_settings([{"tokens": ["Ada", "ran"], "tags": ["B-PER", "O"]}], "tagged")
    {'kind': 'tokens', 'labels': ['B-PER', 'I-PER', 'O']}

    ```
    """
    if kind not in TASK_KIND_OF:
        raise UsageError(f"A task has rows of kind {', '.join(TASK_KIND_OF)}; got {kind!r}.")
    if kind == "score":
        return {"kind": "regression", "labels": []}
    found: set[str] = set()
    for row in rows:
        found.update(row["tags"] if kind == "tagged" else () if row["label"] is None else (row["label"],))
    if kind == "tagged" and any(label.startswith(("B-", "I-")) for label in found):
        types = {label[2:] for label in found if label.startswith(("B-", "I-"))}
        if found <= {"O", *(f"{prefix}-{name}" for name in types for prefix in "BI")}:
            found = {"O", *(f"{prefix}-{name}" for name in types for prefix in "BI")}
    if len(found) < 2:
        shown = f"only {found.pop()!r}" if found else "none"
        raise UsageError(
            f"A task needs at least two different labels to be learned, the rows have {shown}. Look at the label column of the file, "
            "or use more rows."
        )
    return {"kind": TASK_KIND_OF[kind], "labels": sorted(found)}


def encode_task_rows(
    rows: Sequence[Mapping[str, Any]],
    task: Task,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int | None = None,
) -> EncodedTask:
    """Encode rows of one task.

    Args:
        rows (`Sequence[Mapping]`): tagged sentences, for a task of `"tokens"`, else labelled texts or pairs of texts.
        task ([`~hf_relation.models.multitask.task_heads.Task`]): whose labels they have.
        tokenizer (`PreTrainedTokenizerBase`): a fast tokenizer.
        max_length (`int`, *optional*): longest row in pieces; default: what the tokenizer says its model takes, at most 512.

    Returns:
        [`EncodedTask`].

    Raises:
        InvalidRowError: a label that the task does not have; `.index` is the row's position.
        UsageError: `max_length` is out of range.

    Example:

    ```python
    >>> from hf_relation.models.multitask.task_heads import read_tasks
    >>> from hf_relation.training.task_rows import encode_task_rows
    >>> from transformers import BertTokenizerFast
    >>> vocab = {token: i for i, token in enumerate("[PAD] [UNK] [CLS] [SEP] [MASK] ada ran".split())}
    >>> task = read_tasks({"pos": {"kind": "tokens", "labels": ["PROPN", "VERB"]}}, 0.1)["pos"]
    >>> rows = [{"tokens": ["Ada", "ran"], "tags": ["PROPN", "VERB"]}]
    >>> encode_task_rows(rows, task, BertTokenizerFast(vocab=vocab)).rows[0]["labels"]
    [-100, 0, 1, -100]

    ```
    """
    numbers = {label: number for number, label in enumerate(task.labels)}
    encode = _encode_tagged if task.kind == "tokens" else _encode_texts
    return encode(rows, task, numbers, tokenizer, max_length)


def _number(label: str, task: Task, numbers: Mapping[str, int], index: int) -> int:
    if label not in numbers:
        raise InvalidRowError(
            f"task {task.name!r} has no label {label!r}; it has {', '.join(list(task.labels)[:20])}.", index=index
        )
    return numbers[label]


def _encode_tagged(
    rows: Sequence[Mapping[str, Any]],
    task: Task,
    numbers: Mapping[str, int],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int | None,
) -> EncodedTask:
    found: list[dict[str, Any]] = []
    num_cut = 0
    for index, row in enumerate(rows):
        labels = [_number(tag, task, numbers, index) for tag in row["tags"]]
        windows = align_word_labels(tokenizer, row["tokens"], labels, max_length=max_length, cut_long_words=True)
        num_cut += sum(window.num_cut for window in windows)
        for window in windows:
            types = {} if window.token_type_ids is None else {"token_type_ids": window.token_type_ids}
            found.append({"input_ids": window.input_ids, "labels": window.labels, **types})
    return EncodedTask(found, num_cut=num_cut, num_extra=len(found) - len(rows))


def _encode_texts(
    rows: Sequence[Mapping[str, Any]],
    task: Task,
    numbers: Mapping[str, int],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int | None,
) -> EncodedTask:
    limit = checked_max_length(max_length, tokenizer.model_max_length, probe_wrapping(tokenizer).size + 2)
    options: dict[str, Any] = {"split_special_tokens": True, "verbose": False}
    found: list[dict[str, Any]] = []
    num_cut = num_unlabelled = 0
    for index, row in enumerate(rows):
        label = row["label"]
        if label is None:
            num_unlabelled += 1
            continue
        encoded = tokenizer(row["text"], row["text_pair"], **options)
        if len(encoded["input_ids"]) > limit:
            num_cut += 1
            encoded = tokenizer(row["text"], row["text_pair"], truncation=True, max_length=limit, **options)
        types = {"token_type_ids": encoded["token_type_ids"]} if "token_type_ids" in encoded else {}
        gold: int | float = float(label) if task.kind == "regression" else _number(label, task, numbers, index)
        found.append({"input_ids": encoded["input_ids"], "labels": gold, **types})
    return EncodedTask(found, num_cut=num_cut, num_unlabelled=num_unlabelled)
