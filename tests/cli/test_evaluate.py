"""`hf-relation evaluate`: scores by id, messages apart from results, exit codes."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import get_args

import pytest

from hf_relation.cli import app
from hf_relation.cli.evaluate import NoisePolicy, read_labels
from hf_relation.errors import InvalidRowError
from hf_relation.metrics.contingency import NOISE_POLICIES


TEXT = "Ada met Bob."
GOLD = ["born", "born", "born", "born", "wife", "wife", "wife", "work", "work", "work"]
PRED = [0, 0, 1, 1, 1, 1, 1, 2, 2, 0]


def instance(identifier: str, **fields) -> dict:
    return {"id": identifier, "text": TEXT, "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}, **fields}


def lines(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.jsonl"
    path.write_text(lines(instance(f"i{n}", relations=[relation]) for n, relation in enumerate(GOLD)))
    return path


@pytest.fixture
def pred(tmp_path: Path) -> Path:
    path = tmp_path / "instances.jsonl"
    rows = [{"id": f"i{n}", "label": label, "score": 0.5} for n, label in enumerate(PRED)]
    path.write_text(lines(reversed(rows)))  # matched by id, not by place
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hf-relation", "evaluate", *map(str, arguments)])
        try:
            app.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_json_is_one_object_with_the_worked_scores(run, gold, pred):
    code, out, err = run(gold, pred, "--json")
    report = json.loads(out)
    assert code == 0 and err == ""
    assert report["bcubed_precision"] == pytest.approx(0.626667, abs=1e-6)
    assert report["bcubed_recall"] == pytest.approx(0.666667, abs=1e-6)
    assert report["bcubed_f1"] == pytest.approx(0.646048, abs=1e-6)
    assert report["v_measure"] == pytest.approx(0.530022, abs=1e-6)
    assert report["ari"] == pytest.approx(0.244604, abs=1e-6)
    assert report["hungarian_accuracy"] == pytest.approx(0.7)
    assert (report["num_instances"], report["num_gold"], report["num_clusters"]) == (10, 3, 3)
    assert report["noise"] == "cluster"


def test_table_shows_scores_and_counts_on_stdout(run, gold, pred):
    code, out, err = run(gold, pred)
    assert code == 0 and err == ""
    assert "B-cubed F1" in out and "0.6460" in out and "0.5300" in out and "0.2446" in out
    assert "10 instances, 3 gold relations, 3 clusters; 0 left out (noise: cluster)." in out


@pytest.mark.parametrize("form", ["object", "indented object", "list", "gzip", "byte-order mark", "one line"])
def test_every_form_of_predictions_scores_the_same(run, gold, pred, tmp_path, form):
    rows = [json.loads(line) for line in pred.read_text().splitlines()]
    path = tmp_path / ("p.jsonl.gz" if form == "gzip" else "p.json")
    if form == "gzip":
        path.write_bytes(gzip.compress(lines(rows).encode()))
    else:
        text = {
            "object": json.dumps({"instances": rows, "relations": []}),
            "indented object": json.dumps({"relations": [], "instances": rows}, indent=2),
            "list": json.dumps(rows, indent=1),
            "byte-order mark": "\ufeff" + lines(rows),
            "one line": json.dumps(rows),
        }[form]
        path.write_text(text, encoding="utf-8")
    assert run(gold, path, "--json")[1] == run(gold, pred, "--json")[1]


def test_noise_policy_changes_the_scores_and_is_reported(run, gold, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(lines({"id": f"i{n}", "label": 0 if n < 4 else -1} for n in range(10)))
    precision = {}
    for noise in get_args(NoisePolicy):
        code, out, _ = run(gold, path, "--noise", noise, "--json")
        report = json.loads(out)
        assert (code, report["noise"], report["num_left_out"]) == (0, noise, 6)
        precision[noise] = report["bcubed_precision"]
    # Four right, and six of two relations in one cluster, alone, or not counted.
    assert precision == pytest.approx({"cluster": (4 + 6 * 0.5) / 10, "singletons": 1.0, "drop": 1.0})


def test_policies_are_those_of_the_metrics():
    assert get_args(NoisePolicy) == NOISE_POLICIES


def test_text_labels_are_accepted(run, gold, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(lines({"id": f"i{n}", "label": relation} for n, relation in enumerate(GOLD)))
    assert json.loads(run(gold, path, "--json")[1])["bcubed_f1"] == 1.0


def test_what_is_left_out_is_counted_on_stderr(run, tmp_path):
    gold, pred = tmp_path / "g.jsonl", tmp_path / "p.jsonl"
    gold.write_text(
        lines(
            [
                instance("a", relation="x"),
                instance("b"),
                instance("c", relations=["x", "y"]),
                instance("d", relation="y"),
            ]
        )
    )
    pred.write_text(lines({"id": identifier, "label": 0} for identifier in "abcdef"))
    code, out, err = run(gold, pred, "--json", "--skip-multiple")
    report = json.loads(out)
    assert code == 0
    assert (report["num_instances"], report["num_unlabelled"], report["num_multiple"], report["num_without_gold"]) == (
        2,
        1,
        1,
        4,
    )
    assert "1 gold instances without a relation" in err and "1 gold instances with several relations" in err
    assert "4 predicted labels have no gold relation" in err


def test_several_gold_relations_are_an_error_without_the_option(run, tmp_path, pred):
    gold = tmp_path / "g.jsonl"
    gold.write_text(lines([instance("i0", relation="x"), instance("i1", relations=["x", "y"])]))
    code, out, err = run(gold, pred)
    assert code == 1 and out == ""
    assert "row 1" in err and "'i1' has 2 relations" in err and "--skip-multiple" in err


@pytest.mark.parametrize("prediction", [[], [{"id": "i0", "label": 0}]])
def test_instances_without_a_prediction_are_an_error(run, gold, tmp_path, prediction):
    path = tmp_path / "p.jsonl"
    path.write_text(lines(prediction))
    code, out, err = run(gold, path, "--json")
    assert code == 1 and out == ""
    assert f"{10 - len(prediction)} of the 10 labelled instances" in err and f"'i{len(prediction)}'" in err


def test_gold_without_relations_is_an_error(run, tmp_path, pred):
    gold = tmp_path / "g.jsonl"
    gold.write_text(lines([instance("i0")]))
    code, _, err = run(gold, pred)
    assert code == 1 and "no instance in" in err


def test_everything_left_out_and_dropped_is_a_usage_error(run, gold, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(lines({"id": f"i{n}", "label": -1} for n in range(10)))
    code, out, err = run(gold, path, "--noise", "drop")
    assert code == 2 and out == "" and "nothing to score" in err


@pytest.mark.parametrize(
    "arguments",
    [[], ["missing.jsonl", "missing.jsonl"], ["GOLD", "PRED", "--noise", "keep"], ["GOLD", "PRED", "--beta"]],
)
def test_wrong_usage_exits_with_two(run, gold, pred, arguments):
    names = {"GOLD": gold, "PRED": pred}
    code, out, _ = run(*[names.get(argument, argument) for argument in arguments])
    assert code == 2 and out == ""


def test_bad_gold_row_names_its_line(run, gold, pred):
    gold.write_text(gold.read_text() + '{"id": "z", "text": 3}\n')
    code, out, err = run(gold, pred)
    assert code == 1 and out == "" and "line 11" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": "a", "label": 1.5}', "line 1: `label` in .* whole number or a string, got float"),
        ('{"id": "a", "label": true}', "got bool"),
        ('{"id": "a", "label": null}', "got NoneType.*-1"),
        ('{"id": "a"}', "line 1: .*`id` and `label`"),
        ('{"id": null, "label": 1}', "`id` in .* must be a string, got NoneType"),
        ('{"id": "a", "label": 1}\n\n{"id": "a", "label": 1}', "line 3: the id 'a' occurs twice"),
        (
            '{"id": "a", "label": 1}\n{"id": "b", "label": "x"}',
            "line 2: `label` in .* 'x', but earlier labels are int",
        ),
        ('{"id": "a", "label": 1}\n{"id": ', "line 2: .*not valid JSON"),
        ('{"id": \n{"id": "b", "label": 1}', "line 1: .*not valid JSON"),
        ('{"id": "a", "label": 1, "label": 2}', "'label' occurs twice"),
        ('[{"id": "a", "label": 1}, 3]', "row 1: .*`id` and `label`"),
        ('{"instances": 3}', "holds no predictions"),
        ('{\n"relations": []\n}', "holds no predictions"),
        ("3", "holds no predictions"),
        ("[" * 100_000, "nested too deeply|not valid JSON"),
    ],
)
def test_bad_predictions_are_refused_with_the_place(tmp_path, content, message):
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(InvalidRowError, match=message):
        read_labels(path)


def test_whole_numbers_as_ids_are_their_digits(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": 7, "label": 0}\n{"id": "8", "label": 1}\n')
    assert read_labels(path) == {"7": 0, "8": 1}
