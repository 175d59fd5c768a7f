"""From tagged sentences and labelled texts to the encoded rows of a multi-task model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.models.multitask.task_heads import Task
from hf_relation.processing.tokenizing import checked_max_length, probe_wrapping, tokenize_texts
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
    found: list[dict[str, Any]] = []
    num_cut = num_unlabelled = 0
    for index, row in enumerate(rows):
        label = row["label"]
        if label is None:
            num_unlabelled += 1
            continue
        columns, cut = _encode_text(tokenizer, row["text"], row["text_pair"], limit)
        num_cut += cut
        gold: int | float = float(label) if task.kind == "regression" else _number(label, task, numbers, index)
        found.append({**columns, "labels": gold})
    return EncodedTask(found, num_cut=num_cut, num_unlabelled=num_unlabelled)


def _encode_text(
    tokenizer: PreTrainedTokenizerBase, text: str, pair: str | None, limit: int
) -> tuple[dict[str, list[int]], bool]:
    """The columns of a text or a pair, and whether it was too long and lost its end."""
    options: dict[str, Any] = {"split_special_tokens": True, "verbose": False}
    encoded = tokenizer(text, pair, **options)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    parts = encoded.sequence_ids(0)  # None at the special tokens around the texts
    if any(part is not None and number in special for number, part in zip(encoded["input_ids"], parts, strict=True)):
        return _in_letters(tokenizer, encoded, [text] if pair is None else [text, pair], limit)
    cut = len(parts) > limit
    if cut:
        encoded = tokenizer(text, pair, truncation=True, max_length=limit, **options)
    return {name: encoded[name] for name in ("input_ids", "token_type_ids") if name in encoded}, cut


def _in_letters(
    tokenizer: PreTrainedTokenizerBase, encoded: Any, texts: Sequence[str], limit: int
) -> tuple[dict[str, list[int]], bool]:
    """Put texts that spell special tokens between the special tokens around them, letter by letter.

    Unigram tokenizers make the token itself of such letters, whatever they are told.
    """
    pieces = [tokens.ids for tokens in tokenize_texts(tokenizer, texts)]
    parts = encoded.sequence_ids(0)
    room = limit - parts.count(None)
    cut = sum(map(len, pieces)) > room
    while sum(map(len, pieces)) > room:
        max(pieces, key=len).pop()
    columns: dict[str, list[int]] = {name: [] for name in ("input_ids", "token_type_ids") if name in encoded}
    for place, part in enumerate(parts):
        if part is None or part not in parts[:place]:  # a special token, or where a text begins
            inside = [encoded["input_ids"][place]] if part is None else pieces[part]
            columns["input_ids"] += inside
            if "token_type_ids" in columns:
                columns["token_type_ids"] += [encoded["token_type_ids"][place]] * len(inside)
    return columns, cut
