"""What the benchmark scripts share in writing: means and deviations, Markdown tables, finished parts, report files."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_relation.cards import table_row
from hf_relation.data.atomic import atomic_file
from hf_relation.errors import CheckpointError
from hf_relation.training import library_versions, write_json


QUICK = "quick: not for quoting"
# Options that name places; in a report they stand as DATA, FILE and so on.
_PLACES = {
    "data_dir": "DATA",
    "output": "OUT",
    "train_file": "FILE",
    "validation_file": "FILE",
    "test_file": "FILE",
    "model_name_or_path": "ENCODER",
    "word_vectors": "VECTORS",
    "embeddings": "FILE",
    "held_out_run": "RUN",
    "inventory": "FILE",
    "sentence_encoder": "ENCODER",
    "checkpoint": "CHECKPOINT",
    "cache_dir": "CACHE",
    "file": "FILE",
    "bertopic_python": "PYTHON",
    "markdown": "FILE",
    "work": "FOLDER",
    "model": "CHECKPOINT",
}


def mean_sd(values: Iterable[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (0.0 for one value)."""
    values = list(values)
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, 0.0
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def shown(mean: float | None, sd: float | None = None, *, digits: int = 3, sign: bool = False) -> str:
    """A figure as text, `0.738 ± 0.017`; nothing for `None`."""
    if mean is None:
        return ""
    text = f"{mean:{'+' if sign else ''}.{digits}f}"
    return text if sd is None else f"{text} ± {sd:.{digits}f}"


def shown_seconds(seconds: float | None) -> str:
    """A duration as text, with as many digits as it deserves."""
    return "" if seconds is None else f"{seconds:.1f}" if seconds < 10 else f"{seconds:,.0f}"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, text_columns: int = 1) -> str:
    """A Markdown table, every cell escaped.

    Args:
        columns: names of the columns.
        rows: as many cells each.
        text_columns: so many columns are aligned to the left; the others hold figures.
    """
    rule = "|" + "".join("---|" if i < text_columns else "---:|" for i in range(len(columns)))
    lines = [table_row(columns), rule]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"A row has {len(row)} cells, the table {len(columns)} columns: {row}.")
        lines.append(table_row(row))
    return "\n".join(lines)


def digest(settings: Mapping[str, Any]) -> str:
    """A short checksum of JSON-able settings; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode("utf-8")).hexdigest()[:12]


class Finished:
    """Finished parts of a benchmark: one JSON file each, found again as long as its settings are the same.

    Args:
        folder (`Path`): where they lie; made at the first one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, settings: Mapping[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Give the part as it was kept, or make and keep it.

        Args:
            name: for people; it begins the file's name.
            settings: what determines the part. With others it is made anew, beside the old one.
            make: gives the part, JSON-able.
        """
        path = self.folder / f"{name}-{digest(settings)}.json"
        if path.is_file():
            try:
                return dict(json.loads(path.read_text(encoding="utf-8"))["result"])
            except (ValueError, KeyError, TypeError) as error:
                raise CheckpointError(
                    f"{path} is damaged ({error!r}). Delete it; that part is then made again."
                ) from None
        # Through JSON, so that a part is the same whether it was made or read.
        result: dict[str, Any] = json.loads(json.dumps(make(), allow_nan=False))
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(path, {"settings": dict(settings), "result": result})
        return result


def command_line(script: str, argv: Sequence[str]) -> str:
    """The command that makes a report, without places of this machine."""
    words: list[str] = []
    place = ""
    for word in argv:
        option, equals, _ = word.partition("=")
        if word.startswith("--"):
            place = _PLACES.get(option[2:], "")
            words.append(f"{option}={place}" if equals and place else word)
            place = "" if equals else place
        else:
            words.append(place or word)
    return " ".join([f"python {script}", *map(shlex.quote, words)])


def environment() -> dict[str, Any]:
    """Versions and the machine, as far as seconds depend on it."""
    import torch

    return {
        "versions": library_versions(),
        "machine": {
            "processor": platform.machine(),
            "cpu_count": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        },
    }


def write_report(folder: Path, name: str, sections: Sequence[str], content: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write `name.md` and `name.json`, each whole or not at all.

    Args:
        folder: made where missing.
        sections: of the Markdown file, without the empty lines between them; empty ones are left out.
        content: JSON-able; [`environment`] is added.
    """
    markdown, output = folder / f"{name}.md", folder / f"{name}.json"
    write_files(output, markdown, {**content, **environment()}, sections)
    return markdown, output


def write_files(
    output: Path | None, markdown: Path | None, content: Mapping[str, Any], sections: Sequence[str]
) -> None:
    """Write the figures and the tables of a benchmark, each whole or not at all; folders are made where missing.

    Args:
        output: JSON file; none where it is `None`.
        markdown: Markdown file; none where it is `None`.
        content: JSON-able, into the first.
        sections: of the second, without the empty lines between them; empty ones are left out.
    """
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, dict(content))
    if markdown is not None:
        markdown.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(markdown) as stream:
            stream.write(("\n\n".join(section for section in sections if section) + "\n").encode("utf-8"))
