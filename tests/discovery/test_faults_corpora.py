"""Rows 1 to 10 of the fault plan, by estimator, pipeline and command line (`discover`): odd corpora, repeated runs, batches."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.common.faces import Outcome
from tests.common.tiny_tokenizers import make_instance, sample_instances


Discover = Callable[..., Outcome]
pytestmark = pytest.mark.timeout(120)


def test_fault_01_nothing_is_an_error(discover: Discover) -> None:
    outcome = discover([])
    assert outcome.content is None and outcome.code in (None, 1)
    assert "at least 1 instance" in outcome.message or "no instance" in outcome.message.lower()


@pytest.mark.timeout(60)
def test_fault_02_one_instance_and_two_identical_ones(discover: Discover) -> None:
    row = sample_instances()[0]
    for rows in ([row], [row, {**row, "id": "again"}]):
        outcome = discover(rows, num_relations=1)
        assert set(outcome.labels.values()) == {0} and len(outcome.labels) == len(rows)
        auto = discover(rows, num_relations="auto")
        assert auto.labels == outcome.labels
    refused = discover([row, {**row, "id": "again"}], num_relations=2)
    assert "1" in refused.message and "2" in refused.message and refused.code in (None, 2)


def test_fault_03_identical_rows_are_one_relation_without_warning(discover: Discover) -> None:
    rows = [{**sample_instances()[0], "id": f"{i}"} for i in range(8)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numpy's warnings of division and overflow
        outcome = discover(rows, num_relations="auto")
    assert set(outcome.labels.values()) == {0} and outcome.content is not None
    assert json.loads(json.dumps(outcome.content, allow_nan=False)) == outcome.content
    assert outcome.content["relations"][0]["size"] == 8


def test_fault_04_fewer_rows_than_relations_names_both_numbers(discover: Discover) -> None:
    outcome = discover(sample_instances()[:2], num_relations=5)
    assert "(2), got 5" in outcome.message and outcome.code in (None, 2)


def test_fault_06_duplicates_share_a_label_and_count(discover: Discover) -> None:
    rows = sample_instances()
    twice = [*rows, *({**row, "id": row["id"] + "-again"} for row in rows)]
    outcome = discover(twice)
    assert all(outcome.labels[row["id"]] == outcome.labels[row["id"] + "-again"] for row in rows)
    assert outcome.content is not None and sum(one["size"] for one in outcome.content["relations"]) == 24


def test_fault_07_row_order_changes_nothing(discover: Discover) -> None:
    rows = sample_instances()
    order = np.random.default_rng(0).permutation(len(rows))
    assert discover([rows[i] for i in order], dtype="float32").labels == discover(rows, dtype="float32").labels


def test_fault_08_twice_is_the_same(discover: Discover) -> None:
    first, second = (discover(sample_instances(), seed=3) for _ in range(2))
    assert first.content == second.content


def test_fault_08_a_new_process_with_other_threads_gives_the_same_labels(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    from tests.common.faces import command

    here = command(tiny_checkpoint, sample_instances(), tmp_path, seed=3)
    program = "import sys; from hf_relation.cli.app import main; sys.exit(main())"
    arguments = ["discover", str(tmp_path / "rows.jsonl"), "--model", str(tiny_checkpoint), "--json", "--seed", "3"]
    for threads in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={
                "OMP_NUM_THREADS": threads,
                "HF_HUB_OFFLINE": "1",
                "PYTHONPATH": ":".join(sys.path),
                "PATH": "/usr/bin",
            },
        )
        assert {row["id"]: row["label"] for row in json.loads(found.stdout)["instances"]} == here.labels


@pytest.mark.parametrize("tokens", [1, 40, 100_000])
def test_fault_09_and_10_one_label_a_row_whatever_the_batch(discover: Discover, tokens: int) -> None:
    rows = [*sample_instances(), make_instance("<h>Ada</h> " + "met " * 40 + "<t>Bob</t>", id="long")]
    plain = discover(rows, dtype="float32")
    outcome = discover(rows, dtype="float32", max_tokens_per_batch=tokens)
    assert list(outcome.labels) == [row["id"] for row in rows] and outcome.labels == plain.labels
    assert outcome.content is not None and plain.content is not None
    for one, other in zip(outcome.content["instances"], plain.content["instances"], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)
