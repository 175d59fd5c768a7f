"""The `evaluate` modules in `metrics/`: values, documented examples, labels, loading offline, cards and demos."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import evaluate
import numpy as np
import pytest
import torch
import yaml


ROOT = Path(__file__).resolve().parents[2]
GOLD = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
PRED = [0, 0, 1, 1, 1, 1, 1, 2, 2, 0]
EXPECTED = {
    "bcubed": {"bcubed_precision": 0.626667, "bcubed_recall": 0.666667, "bcubed_f1": 0.646048},
    "v_measure": {"v_measure": 0.530022, "homogeneity": 0.515603, "completeness": 0.545271},
    "adjusted_rand_index": {"ari": 0.244604},
}
ALL = {key: value for scores in EXPECTED.values() for key, value in scores.items()}


@pytest.fixture(params=EXPECTED)
def name(request) -> str:
    return request.param


@pytest.fixture
def module(name, tmp_path) -> evaluate.EvaluationModule:
    return evaluate.load(str(ROOT / "metrics" / name), cache_dir=str(tmp_path))


def test_worked_values(module, name):
    assert module.compute(references=GOLD, predictions=PRED) == pytest.approx(EXPECTED[name], abs=1e-6)


def test_name_is_that_of_the_folder(module, name):
    assert module.name == name


def test_every_module_is_tested():
    modules = {path.name for path in (ROOT / "metrics").iterdir() if (path / "README.md").exists()}
    assert modules == {*EXPECTED, "relation_f1", "triple_f1"}  # these take triples and have tests of their own


def test_examples_in_the_docstring_are_true(module, monkeypatch):
    monkeypatch.chdir(ROOT)
    run_examples(module.inputs_description, at_least=5)


def test_examples_in_the_card_are_true(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    card = (ROOT / "metrics" / name / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    run_examples("\n".join(blocks), at_least=5)


def run_examples(text: str, *, at_least: int) -> None:
    test = doctest.DocTestParser().get_doctest(text, {}, "examples", None, 0)
    assert len(test.examples) >= at_least
    report: list[str] = []
    doctest.DocTestRunner().run(test, out=report.append)
    assert not report, "".join(report)


def test_values_are_plain_floats_and_documented(module):
    scores = module.compute(references=GOLD, predictions=PRED)
    for key, value in scores.items():
        assert type(value) is float
        assert re.search(
            rf"^    {key} \(`float`\): in .*higher is better", module.inputs_description, flags=re.MULTILINE
        )


def test_options_are_named_and_documented(module):
    parameters = inspect.signature(module._compute).parameters
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values())
    for option in parameters:
        assert f"    {option} (" in module.inputs_description
    assert module.citation and module.description and module.info.reference_urls


@pytest.mark.parametrize(
    "make", [list, np.array, torch.tensor, lambda x: [f"r{i}" for i in x], lambda x: np.array([str(i) for i in x])]
)
@pytest.mark.parametrize("other", [list, lambda x: [f"c{i}" for i in x]])
def test_numbers_and_text_score_the_same_on_either_side(module, name, make, other):
    for references, predictions in [(make(GOLD), other(PRED)), (other(GOLD), make(PRED))]:
        assert module.compute(references=references, predictions=predictions) == pytest.approx(
            EXPECTED[name], abs=1e-6
        )


def test_batches_and_single_instances_add_up(module, name):
    module.add_batch(references=GOLD[:6], predictions=PRED[:6])
    for reference, prediction in zip(GOLD[6:], PRED[6:], strict=True):
        module.add(reference=reference, prediction=prediction)
    assert module.compute() == pytest.approx(EXPECTED[name], abs=1e-6)


def test_left_out_instances_follow_the_policy(module):
    gold, pred = ["a", "a", "b", "b"], [0, 0, -1, -1]
    assert set(module.compute(references=gold, predictions=pred).values()) == {1.0}
    assert min(module.compute(references=gold, predictions=pred, noise="singletons").values()) < 1.0
    assert set(module.compute(references=gold, predictions=[0, 0, 1, -1], noise="drop").values()) == {1.0}
    with pytest.raises(ValueError, match="`noise` must be one of"):
        module.compute(references=gold, predictions=pred, noise="keep")


def test_beta_is_passed_on(tmp_path):
    bcubed = evaluate.load(str(ROOT / "metrics" / "bcubed"), cache_dir=str(tmp_path))
    assert bcubed.compute(references=GOLD, predictions=PRED, beta=0.5)["bcubed_f1"] == pytest.approx(
        0.634278, abs=1e-6
    )
    v_measure = evaluate.load(str(ROOT / "metrics" / "v_measure"), cache_dir=str(tmp_path))
    scores = v_measure.compute(references=[0, 0, 1, 1], predictions=[0, 1, 2, 3], beta=2.0)
    assert scores["v_measure"] == pytest.approx(3 * 1 * 0.5 / (2 * 1 + 0.5))


@pytest.mark.parametrize(
    ("references", "predictions", "error", "message"),
    [
        ([], [], ValueError, "`references` and `predictions` are empty"),
        ([0, 1], [0], ValueError, "got 2 and 1 labels"),
        ([0, 1.7], [0, 1], TypeError, "`references`.*label 1 is of type float"),
        ([0, 1], [True, False], TypeError, "`predictions`.*of type bool"),
        ([0, 1], ["a", 1], TypeError, "`predictions` mixes int and str"),
        ([0, None], [0, 1], TypeError, "`references`.*of type NoneType"),
        (None, [0, 1], TypeError, "`references` is missing"),
    ],
)
def test_wrong_labels_are_refused_before_they_are_cast(module, references, predictions, error, message):
    with pytest.raises(error, match=message):
        module.compute(references=references, predictions=predictions)


def test_one_wrong_instance_is_refused(module):
    with pytest.raises(TypeError, match="`predictions`.*of type float"):
        module.add(reference=0, prediction=0.5)


def test_combine_keeps_every_key(monkeypatch):
    monkeypatch.chdir(ROOT)
    combined = evaluate.combine([f"metrics/{name}" for name in EXPECTED])
    assert combined.compute(references=GOLD, predictions=PRED) == pytest.approx(ALL, abs=1e-6)
    combined.add_batch(references=GOLD, predictions=PRED)
    assert combined.compute(noise="drop") == pytest.approx(ALL, abs=1e-6)


def test_loading_by_path_needs_no_network(tmp_path):
    script = """
import socket
def refuse(*arguments, **options):
    raise AssertionError("a connection was tried")
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
import evaluate
combined = evaluate.combine(["metrics/bcubed", "./metrics/v_measure", "metrics/adjusted_rand_index/adjusted_rand_index.py"])
scores = combined.compute(references=["a", "a", "b"], predictions=[0, 0, 1])
assert set(scores.values()) == {1.0} and len(scores) == 7, scores
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr


def test_folder_is_complete_and_the_card_has_a_header(name):
    folder = ROOT / "metrics" / name
    assert {path.name for path in folder.iterdir()} >= {f"{name}.py", "README.md", "requirements.txt", "app.py"}
    card = (folder / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["sdk"] == "gradio" and header["app_file"] == "app.py" and header["license"] == "apache-2.0"
    assert {"evaluate", "metric"} <= set(header["tags"])
    assert header["title"] and header["description"]
    for key in EXPECTED[name]:
        assert f"**{key}**" in card
    assert "hf_relation" in (folder / "requirements.txt").read_text()


def test_imports_stand_on_lines_of_their_own(name):
    # The loader reads imports line by line and takes `import a, b` for one module called "a,".
    source = (ROOT / "metrics" / name / f"{name}.py").read_text(encoding="utf-8")
    assert not re.search(r"^import .*,", source, flags=re.MULTILINE)


def test_bcubed_card_warns_about_the_swapped_columns():
    assert "Siamese-URE" in (ROOT / "metrics" / "bcubed" / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def demo(name):
    spec = importlib.util.spec_from_file_location(f"demo_{name}", ROOT / "metrics" / name / "app.py")
    assert spec is not None and spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    return page


def test_demo_scores_pasted_columns(demo, name):
    columns = "\n".join(map(str, GOLD)), " \n".join(map(str, PRED)) + "\n"
    assert demo.score(*columns, "cluster") == pytest.approx(EXPECTED[name], abs=1e-6)
    relations = "\n".join(f"relation {label}" for label in GOLD)
    assert demo.score(relations, columns[1], "drop") == pytest.approx(EXPECTED[name], abs=1e-6)


def test_demo_page_can_be_built(demo):
    pytest.importorskip("gradio", reason="the demo needs the extra `demo`")
    assert demo.build() is not None
