"""Models as ONNX files in the cache, made once for the same weights."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hf_relation.checkpoints import cache_dir
from hf_relation.embedding.exporting import export_onnx
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.processing import EncodedInstance, RelationProcessor
from hf_relation.version import __version__


logger = logging.getLogger(__name__)

GRAPH_FILE = "model.onnx"
_MAKERS = ("torch", "onnxscript", "transformers")


def graph_of(model: nn.Module, processor: RelationProcessor) -> Path:
    """The ONNX file of a model: from the cache, or made now.

    It lies in the folder `graphs` of the cache (`HF_RELATION_CACHE`), under a name made of the weights, the settings and the
    versions of what makes it. The folder may be deleted at any time.

    Args:
        model (`nn.Module`): the model.
        processor ([`RelationProcessor`]): its processor, which makes the example.

    Returns:
        `Path`: the file.

    Raises:
        UsageError: the model cannot be made a graph; the message says why.
        MissingPackageError: onnx or onnxscript is not installed (extra `onnx`).
    """
    place = cache_dir() / "graphs" / graph_name(model, processor)
    if not (place / GRAPH_FILE).is_file():
        make_graph(model, processor, place)
    return place / GRAPH_FILE


def make_graph(model: nn.Module, processor: RelationProcessor, place: Path) -> None:
    """Export a model to the file `model.onnx` in a folder, which appears whole; one that is there is replaced."""
    example = dict(processor.pad(probe_rows(processor)))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    except OSError as error:
        raise _not_written(place.parent, error) from error
    try:
        with _quiet_export():
            export_onnx(model, example, part / GRAPH_FILE, outputs=["embeddings"])
        shutil.rmtree(place, ignore_errors=True)
        try:
            os.replace(part, place)
        except OSError:  # another process was faster
            if not (place / GRAPH_FILE).is_file():
                raise
    except HfRelationError:
        raise
    except OSError as error:
        raise _not_written(place.parent, error) from error
    except Exception as error:
        raise UsageError(
            f"{type(model).__name__} cannot be made a graph, which this back end needs ({type(error).__name__}: "
            f"{(str(error).strip() or 'no message').splitlines()[0][:300]}). Use backend='torch'."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _not_written(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"The graph of the model cannot be written to {folder} ({error}). Make room there, or name another folder in the environment "
        "variable HF_RELATION_CACHE."
    )


def graph_name(model: nn.Module, processor: RelationProcessor) -> str:
    """A digest of all that decides what the graph of a model computes: weights, settings, layers, columns, versions."""
    digest = hashlib.sha256()
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _MAKERS if _installed(name)]
    config: Any = getattr(model, "config", None)
    settings = config.to_json_string() if hasattr(config, "to_json_string") else ""
    for text in (__version__, *versions, settings, repr(model), *processor.model_input_names):
        digest.update(f"{text}\n".encode())
    for name, tensor in sorted({**dict(model.named_buffers()), **model.state_dict()}.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def probe_rows(processor: RelationProcessor) -> list[EncodedInstance]:
    """Texts of words of the tokenizer's own, from the shortest to the longest that fit: to make a graph of, and to check it."""
    words = sorted(word for word in processor.tokenizer.get_vocab() if word.isalpha() and word.isascii()) or ["a", "b"]
    words = words[:: max(len(words) // 60, 1)]
    rows: list[dict[str, Any]] = []
    for count in (2, 7, 23, processor.max_length):
        chosen = [words[(3 * count + i) % len(words)] for i in range(count)]
        # The mentions stand next to each other at the end, with nothing between, or a few words apart.
        last = min(count - 1, 1 + count // 4)
        starts = [len(" ".join(chosen[:i])) + (i > 0) for i in range(count)]
        mentions = [{"start": starts[i], "end": starts[i] + len(chosen[i])} for i in (last, 0)]
        rows.append({"text": " ".join(chosen), "head": mentions[0], "tail": mentions[1]})
    return processor.encode(rows)


@contextmanager
def _quiet_export() -> Iterator[None]:
    """The exporter warns of what is missing for other models (torchvision) and of its own old calls."""
    exporter = logging.getLogger("torch.onnx")
    before = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(before)


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
