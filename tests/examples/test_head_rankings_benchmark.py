"""examples/benchmarks/head_rankings.py: the command lines of its seven runs, who wins, the table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hf_relation.runs.prune_heads_arguments import parse


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture
def script():
    sys.path.insert(0, str(FOLDER))
    try:
        import head_rankings

        yield head_rankings
    finally:
        sys.path.remove(str(FOLDER))
        sys.modules.pop("head_rankings", None)


def results(kept):
    def figure(mean):
        return {"mean": mean, "sd": 0.01}

    orders = ("lowest", "random", "highest")
    target = {"unpruned": figure(0.9)}
    for order, share in zip(orders, kept, strict=True):
        target[order] = {"kept": figure(share), "pruned": figure(0.89)}
    job = {
        "targets": {"en": target},
        "num_heads": {order: figure(3) for order in orders},
        "curves": {order: {"12": {"en": figure(0.5)}} for order in orders},
    }
    return {"metric": "accuracy", "summary": {"cross-lingual": job}}


@pytest.mark.parametrize(
    ("kept", "won"), [((0.9, 0.8, 0.7), True), ((0.8, 0.9, 0.7), False), ((0.8, 0.7, 0.8), False)]
)
def test_a_run_is_won_against_both_controls(script, kept, won):
    found = script.figures(results(kept))
    assert found["won"] is won and found["orders"]["random"]["kept"]["mean"] == kept[1]


def test_the_table_has_a_row_for_every_order(script):
    text = script.table({"cola": script.figures(results((0.91, 0.8, 0.7)))})
    lines = text.splitlines()
    assert len(lines) == 5 and lines[2].startswith("| CoLA | accuracy | 90.00 ± 1.00 | lowest first | 91.00 ± 1.00 |")


def test_seven_runs_that_the_parser_takes(script, tmp_path):
    assert len(script.RUNS) == 7
    for name in script.RUNS:
        args = script.parse(["--output", str(tmp_path), "--data_dir", "data"])
        told, _ = parse([*script.options(args, name), "--use_cpu", "true"])
        assert told.rankings == ["lowest", "random", "highest"] and told.max_length == 128 and told.num_seeds == 3
    quick = script.parse(["--output", str(tmp_path), "--quick"])
    told, args = parse([*script.options(quick, "weibo"), "--use_cpu", "true"])
    assert told.max_train_rows == 64 and told.num_seeds == 1 and args.num_train_epochs == 1
