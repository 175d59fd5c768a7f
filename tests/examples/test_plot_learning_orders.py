"""examples/plot_learning_orders.py: figures of files by hand, pictures where they can be drawn, wrong use told plainly."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from hf_relation.errors import InvalidRowError, UsageError


pytest.importorskip("matplotlib")
SCRIPT = Path(__file__).parents[2] / "examples" / "plot_learning_orders.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("plot_learning_orders", SCRIPT)
    module = sys.modules["plot_learning_orders"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("plot_learning_orders")


def written(path, *orders, label="met"):
    """A document for every list of epochs, with so many relations of one pair."""
    rows = [
        {
            "id": f"d{number}",
            "text": "Ada met Bob.",
            "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}],
            "entities": [{"id": None, "type": None, "mentions": [0]}, {"id": None, "type": None, "mentions": [1]}],
            "relations": [{"head": 0, "tail": 1, "label": f"{label} {place}"} for place in range(len(order))],
            "learning_order": order,
        }
        for number, order in enumerate(orders)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_two_files_give_two_pictures_and_a_table(script, tmp_path, capsys):
    files = [
        written(tmp_path / "a.jsonl", [2, None], [], [3, 2]),
        written(tmp_path / "b.jsonl", [3, None], [], [None, 2]),
    ]
    found = script.main([*files, "--names", "[red]", "B", "--output", str(tmp_path / "x"), "--num_epochs", "4"])
    assert {name: share.tolist() for name, share in found["shares"].items()} == {"[red]": [0, 0.5, 0.75, 0.75], "B": [0, 0.25, 0.5, 0.5]}  # fmt: skip
    assert np.isnan(found["overlap"][0]) and found["overlap"][1:].tolist() == [1 / 2, 2 / 3, 2 / 3]
    assert sorted(path.name for path in tmp_path.glob("x*")) == ["x-learned.png", "x-overlap.png"]
    text = capsys.readouterr().out
    assert "[red]" in text and "50.0" in text and "0.667" in text and "x-overlap.png" in text.replace("\n", "")


def test_any_number_of_files_is_drawn_and_epochs_are_those_that_taught(script, tmp_path):
    files = [written(tmp_path / f"{name}.jsonl", [1, 3][: number + 1]) for number, name in enumerate("abc")]
    found = script.main([*files, "--output", str(tmp_path / "x"), "--format", "svg"])
    assert found["overlap"] is None and list(found["shares"]) == ["a", "b", "c"]
    assert found["shares"]["a"].tolist() == [1, 1, 1]  # other documents than b: only an overlap needs the same
    assert [path.name for path in tmp_path.glob("x*")] == ["x-learned.svg"]


def test_two_models_that_never_learned_anything(script, tmp_path):
    files = [written(tmp_path / f"{name}.jsonl", [None, None]) for name in "ab"]
    found = script.main([*files, "--output", str(tmp_path / "x")])
    assert found["shares"]["a"].tolist() == [0] and np.isnan(found["overlap"]).all()
    assert [path.name for path in tmp_path.glob("x*")] == ["x-learned.png"]


@pytest.mark.parametrize(
    ("second", "more", "error", "message"),
    [
        (dict(orders=[[1, 2]]), [], UsageError, "has 2 documents, .* 1; an overlap needs the same ones"),
        (dict(orders=[[1], [1]]), [], UsageError, "Document 0 is 'd0' in .* or has other relations there"),
        (dict(orders=[[1, 2], [1]], label="saw"), [], UsageError, "or has other relations there"),
        (dict(orders=[[1, 0], [1]]), [], InvalidRowError, "holds 0; it holds epochs from 1"),
        (dict(orders=[[], []]), [], UsageError, "has no relation"),
        (dict(orders=[[1, 2], [1]]), ["--names", "A"], UsageError, "must be 2 different names"),
        (dict(orders=[[1, 2], [1]]), ["--names", "A", "A"], UsageError, "must be 2 different names"),
        (dict(orders=[[1, 5], [1]]), ["--num_epochs", "4"], UsageError, "the epoch 5 in row 1; it goes from 1 to 4"),
        (dict(orders=[[1, 2], [1]]), ["--num_epochs", "0"], UsageError, "`--num_epochs` must be at least 1, got 0"),
        (dict(orders=[[1, 2], [1]]), ["--output", "/nowhere/x"], UsageError, "does not exist"),
    ],
)
def test_wrong_use_is_told_plainly(script, tmp_path, second, more, error, message):
    files = [
        written(tmp_path / "a.jsonl", [1, 2], [1]),
        written(tmp_path / "b.jsonl", *second.pop("orders"), **second),
    ]
    with pytest.raises(error, match=message):
        script.main([*files, "--output", str(tmp_path / "x"), *more])
    assert not list(tmp_path.glob("x*"))


def test_help_teaches(script, capsys):
    with pytest.raises(SystemExit) as stop:
        script.main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and "python examples/plot_learning_orders.py minilm.jsonl bert.jsonl" in text
