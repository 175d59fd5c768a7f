"""Folders of tiny fine-tuned models with their tokenizers, and files of rows for their tasks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification

from hf_relation.cli import app
from tests.common.tiny_models import TASKS, tiny_backbone, tiny_multitask
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


AUTO = {"words": AutoModelForTokenClassification, "topic": AutoModelForSequenceClassification}
AUTO["length"] = AUTO["topic"]


def stir(model: Any) -> Any:
    """Weights large enough for heads to matter."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.25)
    return model.eval()


def save_foreign(folder: Path, task: str, kind: str = "bert", **settings: Any) -> Any:
    """A model of transformers for one of `TASKS`, with its tokenizer; gives the model."""
    tokenizer = tiny_tokenizer(kind)
    labels = TASKS[task].get("labels")
    names: dict[str, Any] = {"num_labels": 1}
    if labels:
        names = {"id2label": dict(enumerate(labels)), "label2id": {label: n for n, label in enumerate(labels)}}
    backbone = tiny_backbone(kind, len(tokenizer)) | settings
    config = AutoConfig.for_model(backbone.pop("model_type"), **(names | backbone))
    torch.manual_seed(0)
    model = stir(AUTO[task].from_config(config))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def save_multitask(folder: Path, kind: str = "bert") -> Any:
    """A model with all of `TASKS`, with its tokenizer; gives the model."""
    model, tokenizer = tiny_multitask(kind)
    stir(model).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def rows_of(task: str, number: int = 8) -> list[dict[str, Any]]:
    """Rows for one of `TASKS`: words by their first letter; pairs of texts by relation; texts by length."""
    texts = [instance["text"] for instance in sample_instances(20)]
    if task == "words":
        split = [text.split() for text in texts[:number]]
        return [
            {"tokens": words, "tags": ["B-NAME" if word[0].isupper() else "O" for word in words]} for words in split
        ]
    labels = TASKS["topic"]["labels"]
    return [
        {
            "text": texts[n],
            "text_pair": texts[-n - 1],
            "label": labels[n % 3] if task == "topic" else len(texts[n]) / 50,
        }
        for n in range(number)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def runner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *command: str
) -> Callable[..., tuple[int, str, str]]:
    """Calls `hf-relation COMMAND ...` and gives exit code, stdout and stderr."""

    def call(*arguments: Any) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hf-relation", *command, *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            app.main()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return call
