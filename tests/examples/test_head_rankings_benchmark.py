"""examples/benchmarks/head_rankings.py: the command lines of its seven runs, who wins, the table."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from hf_relation.runs.prune_heads_arguments import parse
from tests.common.tiny_runs import save_tiny_encoder
from tests.common.tiny_tasks import tagged_words, write_conllu


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture
def script():
    sys.path.insert(0, str(FOLDER))
    threads, variables = torch.get_num_threads(), dict(os.environ)
    try:
        import head_rankings

        yield head_rankings
    finally:
        sys.path.remove(str(FOLDER))
        sys.modules.pop("head_rankings", None)
        torch.set_num_threads(threads)
        os.environ.clear()
        os.environ.update(variables)


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


@pytest.mark.slow
def test_quick_mode_runs_one_task_and_its_figures_are_those_of_the_run(script, tmp_path):
    pytest.importorskip("matplotlib")
    for place, part in enumerate(("train", "dev", "test")):
        rows = tagged_words(70, first=100 * place)  # of which quick mode takes 64 and 40
        write_conllu(tmp_path / "data" / "ud" / f"en_ewt-ud-{part}.conllu", rows)
    encoder = save_tiny_encoder(tmp_path / "encoder", num_hidden_layers=4)
    output = tmp_path / "out"
    argv = ["--quick", "--output", str(output), "--data_dir", str(tmp_path / "data"), "--runs", "ud-en"]
    argv += ["--model_name_or_path", str(encoder)]
    found = script.main(argv)
    stored = json.loads((output / "ud-en" / "results.json").read_text(encoding="utf-8"))
    assert stored["corpora"]["en"]["counts"] == {"train": 64, "validation": 40, "test": 40}
    (job,) = stored["runs"][0]["jobs"]
    before = job["unpruned"]["test"]["en"]
    for order in ("lowest", "random", "highest"):
        figures, score = found["ud-en"]["orders"][order], job["curves"][order]["12"]["en"]
        assert figures["at"]["mean"] == score and figures["kept"]["mean"] == pytest.approx(score / before)
        assert figures["search"]["mean"] == job["searches"][order]["test"]["en"]
        assert figures["heads"]["mean"] == job["searches"][order]["num_heads"]
    report = json.loads((output / "head_rankings.json").read_text(encoding="utf-8"))
    assert report["quick"] and report["runs"] == json.loads(json.dumps(found))
    assert report["won"] == (["ud-en"] if found["ud-en"]["won"] else [])
    text = (output / "head_rankings.md").read_text(encoding="utf-8")
    assert script.table(found) in text and "not for quoting" in text and str(tmp_path) not in text
    finished = (output / "ud-en" / "seed-0" / "run.json").stat().st_mtime_ns
    assert script.main(argv) == json.loads(json.dumps(found))  # what has ended is not run again
    assert (output / "ud-en" / "seed-0" / "run.json").stat().st_mtime_ns == finished


@pytest.mark.parametrize("given", ["--runs mnli", "--num_seeds few", ""])
def test_bad_options_are_told(script, tmp_path, given, capsys):
    with pytest.raises(SystemExit):
        script.parse([*given.split(), *(["--output", str(tmp_path)] if given else [])])
    assert (given or "--output").split()[0] in capsys.readouterr().err


def test_an_encoder_with_fewer_heads_is_shown_at_the_most_that_it_has(script):
    found = results((0.9, 0.8, 0.7))
    curves = found["summary"]["cross-lingual"]["curves"]
    for order in curves:
        curves[order] = {"6": {"en": {"mean": 0.6, "sd": 0.0}}, "8": {"en": {"mean": 0.4, "sd": 0.0}}}
    assert script.figures(found)["orders"]["lowest"]["at"]["mean"] == 0.4
