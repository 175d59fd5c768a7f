"""Rows 37 and 39 of the fault plan for the faces of extraction: threads, and a memory that does not hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import pipeline

from hf_relation.errors import HfRelationError
from hf_relation.extraction import RelationExtractor
from hf_relation.models.kernel_re import KernelREModel
from tests.common.faces import run_command
from tests.common.tiny_checkpoints import save_tiny_extractor
from tests.common.tiny_tokenizers import sample_instances


ROWS = [{name: row[name] for name in ("id", "text", "head", "tail")} for row in sample_instances(20)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extractor")
    save_tiny_extractor(folder)
    return folder


def by_extractor(checkpoint: Path, folder: Path) -> list[dict[str, Any]]:
    return RelationExtractor.from_pretrained(checkpoint).extract(ROWS, threshold=0.0)


def by_pipeline(checkpoint: Path, folder: Path) -> list[dict[str, Any]]:
    pipe: Any = pipeline("relation-extraction", model=str(checkpoint), device="cpu")
    return pipe(ROWS, threshold=0.0)


def by_command(checkpoint: Path, folder: Path) -> list[dict[str, Any]]:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    outcome = run_command(["extract", str(file), "--model", str(checkpoint), "--threshold", "0", "--json", "--quiet"])
    if outcome.content is None:
        assert outcome.code == 1
        raise HfRelationError(outcome.message)
    documents: list[dict[str, Any]] = outcome.content["documents"]
    return documents


FACES: list[Callable[[Path, Path], list[dict[str, Any]]]] = [by_extractor, by_pipeline, by_command]


def limited(rows: int) -> tuple[Any, list[int]]:
    """A forward pass whose memory holds so many rows, and how many it was given each time."""
    original, given = KernelREModel.forward, []

    def forward(self: Any, input_ids: Any = None, *arguments: Any, **options: Any) -> Any:
        given.append(len(input_ids))
        if len(input_ids) > rows:
            raise torch.OutOfMemoryError("out of memory (made up)")
        return original(self, input_ids, *arguments, **options)

    return forward, given


def triples(answers: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (answer["id"], [(found["relation"], pytest.approx(found["score"], abs=1e-5)) for found in answer["triples"]])
        for answer in answers
    ]


@pytest.mark.parametrize("face", FACES)
def test_fault_39_batches_that_do_not_fit_are_halved_and_the_order_is_kept(
    face: Callable[..., Any], checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = face(checkpoint, tmp_path)
    forward, given = limited(1)
    monkeypatch.setattr(KernelREModel, "forward", forward)
    found = face(checkpoint, tmp_path)
    assert [answer["id"] for answer in found] == [row["id"] for row in ROWS]
    assert triples(expected) == triples(found) and any(answer["triples"] for answer in found)
    assert max(given) > 1 and given.count(1) == 20


@pytest.mark.parametrize("face", FACES)
def test_fault_39_a_text_that_never_fits_is_an_error_with_advice(
    face: Callable[..., Any], checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KernelREModel, "forward", limited(0)[0])
    with pytest.raises(HfRelationError, match=r"row \d+: out of memory on cpu.*max_length"):
        face(checkpoint, tmp_path)


def test_fault_37_threads_that_call_a_pipeline_get_the_serial_results(checkpoint: Path) -> None:
    pipe: Any = pipeline("relation-extraction", model=str(checkpoint), device="cpu")
    parts = [ROWS[start:] for start in range(6)]
    serial = [pipe(part, threshold=0.0) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda part: pipe(part, threshold=0.0), parts)) == serial
