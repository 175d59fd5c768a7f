"""What every pipeline of this package must do; a new one is added to `PIPELINES` and passes the whole suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import pipeline

from hf_relation.errors import InvalidRowError, UsageError
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import KINDS
from tests.common.tiny_tokenizers import sample_instances


@dataclass(frozen=True)
class Case:
    """One pipeline: its task, a checkpoint folder for it, inputs, and what to compare of its output."""

    task: str
    save: Callable[[Path, str], None]
    inputs: Callable[[], list[dict[str, Any]]]
    labels: Callable[[Any], list[Any]]
    scores: Callable[[Any], list[float]]
    bad_row: dict[str, Any]
    other_gold: dict[str, Any]
    wrong_inputs: tuple[Any, ...]


def extraction_inputs() -> list[dict[str, Any]]:
    return [{**row, "id": f"d{place}"} for place, row in enumerate(sample_documents())]


def triples(found: list[dict[str, Any]]) -> list[Any]:
    """The id of every input, with its triples."""
    return [
        (row["id"], [(one["head"]["start"], one["relation"], one["tail"]["start"]) for one in row["triples"]])
        for row in found
    ]


PIPELINES = [
    Case(
        task="open-relation-discovery",
        save=save_tiny_checkpoint,
        inputs=sample_instances,
        labels=lambda found: [(row["id"], row["label"]) for row in found["instances"]],
        scores=lambda found: [row["score"] for row in found["instances"]],
        bad_row={"id": "bad", "text": "Ada", "head": {"start": 0, "end": 3}, "tail": {"start": 3, "end": 9}},
        other_gold={"relations": ["other"]},
        wrong_inputs=(b"text", 7, None),
    ),
    Case(
        task="relation-extraction",
        save=save_tiny_extractor,
        inputs=extraction_inputs,
        labels=triples,
        scores=lambda found: [one["score"] for row in found for one in row["triples"]],
        bad_row={"id": "bad", "text": "Ada", "mentions": [{"start": 0, "end": 9}], "entities": []},
        other_gold={"relations": [{"head": 1, "tail": 0, "label": "other"}]},
        wrong_inputs=(b"text", 7, None),
    ),
]


class MapStyle(torch.utils.data.Dataset):
    """A torch dataset with length and index only."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]


@pytest.fixture(scope="module", params=PIPELINES, ids=lambda case: case.task)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(scope="module")
def folder(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    case.save(path, "bert")
    return path


@pytest.fixture(scope="module")
def pipe(case: Case, folder: Path) -> Any:
    return pipeline(case.task, model=str(folder), device="cpu")


@pytest.fixture(scope="module")
def expected(case: Case, pipe: Any) -> Any:
    return pipe(case.inputs())


def test_output_is_json(case: Case, expected: Any) -> None:
    assert json.loads(json.dumps(expected, allow_nan=False)) == expected
    assert len(case.labels(expected)) == len(case.inputs())
    assert all(0 <= score <= 1 for score in case.scores(expected))


def test_every_kind_of_input_gives_the_same(case: Case, pipe: Any, expected: Any) -> None:
    datasets = pytest.importorskip("datasets")
    rows = case.inputs()
    dataset = datasets.Dataset.from_list(rows)
    for given in (tuple(rows), (row for row in rows), dataset, dataset.to_iterable_dataset(), MapStyle(rows)):
        assert pipe(given) == expected


def test_calling_twice_gives_the_same_and_alters_nothing(case: Case, pipe: Any, expected: Any) -> None:
    rows = case.inputs()
    before = repr(rows)
    assert pipe(rows) == expected
    assert repr(rows) == before


def test_row_order_does_not_matter(case: Case, pipe: Any, expected: Any) -> None:
    assert sorted(case.labels(pipe(case.inputs()[::-1]))) == sorted(case.labels(expected))


def test_gold_labels_are_not_read(case: Case, pipe: Any, expected: Any) -> None:
    assert pipe([row | case.other_gold for row in case.inputs()]) == expected


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 7}, {"max_tokens_per_batch": 40}])
def test_batches_do_not_change_the_result(case: Case, pipe: Any, expected: Any, options: dict[str, int]) -> None:
    found = pipe(case.inputs(), **options)
    assert case.labels(found) == case.labels(expected)
    np.testing.assert_allclose(case.scores(found), case.scores(expected), atol=1e-5)


def test_unknown_options_are_refused_at_call_and_construction(case: Case, pipe: Any, folder: Path) -> None:
    with pytest.raises(UsageError, match="`no_such_option` is no option"):
        pipe(case.inputs(), no_such_option=1)
    with pytest.raises(UsageError, match="`no_such_option` is no option"):
        pipeline(case.task, model=str(folder), no_such_option=1)


def test_bad_rows_are_named_by_position(case: Case, pipe: Any) -> None:
    with pytest.raises(InvalidRowError, match="row 2"):
        pipe([*case.inputs()[:2], case.bad_row])
    for wrong in case.wrong_inputs:
        with pytest.raises(UsageError, match="list"):
            pipe(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_again_without_custom_code(case: Case, kind: str, tmp_path: Path) -> None:
    case.save(tmp_path / "first", kind)
    pipe = pipeline(case.task, model=str(tmp_path / "first"), device="cpu")
    pipe.save_pretrained(tmp_path / "second")
    assert not list((tmp_path / "second").glob("*.py"))
    config = json.loads((tmp_path / "second" / "config.json").read_text())
    assert "custom_pipelines" not in config and "auto_map" not in config
    again = pipeline(case.task, model=str(tmp_path / "second"), device="cpu")
    assert again(case.inputs()) == pipe(case.inputs())
