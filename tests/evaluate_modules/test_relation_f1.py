"""The `evaluate` module of relations: values beside scikit-learn's, documented examples, batches, refused input, card and demo."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import evaluate
import pytest
from sklearn.metrics import precision_recall_fscore_support

from tests.evaluate_modules.test_triple_f1 import examples_are_true


ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "metrics" / "relation_f1"
# A pair in each of four documents; indicators of the relations r, s, t on either side.
GOLD = [[1, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1]]
PRED = [[1, 0, 0], [1, 1, 1], [0, 1, 1], [0, 0, 1]]
NAMES = ("micro_precision", "micro_recall", "micro_f1", "macro_f1", "weighted_f1")


def triples(rows, head="Ada"):
    return [[[head, relation, 7] for relation, there in zip("rst", row, strict=True) if there] for row in rows]


def expected(**settings):
    micro, macro, weighted = (precision_recall_fscore_support(GOLD, PRED, average=average, zero_division=0, **settings) for average in ("micro", "macro", "weighted"))  # fmt: skip
    return dict(zip(NAMES, [*micro[:3], macro[2], weighted[2]], strict=True))


@pytest.fixture
def module(tmp_path) -> evaluate.EvaluationModule:
    return evaluate.load(str(FOLDER), cache_dir=str(tmp_path))


def test_values_are_scikit_learns_and_plain_documented_floats(module):
    scores = module.compute(references=triples(GOLD), predictions=triples(PRED))
    assert scores == pytest.approx(expected()) and module.name == "relation_f1"
    assert len(set(scores.values())) == 5 and all(type(value) is float for value in scores.values())
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for key in scores:
        assert re.search(rf"^    {key} \(`float`\): in .*higher is better", module.inputs_description, re.MULTILINE)
        assert f"**{key}**" in card


def test_macro_is_averaged_over_the_relations_that_are_named(module):
    scores = module.compute(references=triples(GOLD), predictions=triples(PRED), relations=["r", "t"])
    assert scores == pytest.approx(expected() | {"macro_f1": expected(labels=[0, 2])["macro_f1"]})
    with pytest.raises(ValueError, match="`relations` must be a list"):
        module.compute(references=triples(GOLD), predictions=triples(PRED), relations="rt")


def test_batches_and_single_documents_add_up(module):
    module.add_batch(references=triples(GOLD)[:3], predictions=triples(PRED)[:3])
    module.add(reference=triples(GOLD)[3], prediction=triples(PRED)[3])
    assert module.compute() == pytest.approx(expected())


def test_heads_are_compared_too(module):
    assert set(module.compute(references=triples(GOLD), predictions=triples(GOLD, head="Bob")).values()) == {0.0}


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        ([[]], [[], []], "got 1 documents in `references` and 2 in `predictions`"),
        ([[("a", "r")]], [[]], r"`references` 0: .* is no \[head, relation, tail\]"),
        ([None], [[]], "`references` 0 must be a list of triples, got NoneType"),
    ],
)
def test_wrong_input_is_refused(module, references, predictions, message):
    with pytest.raises(ValueError, match=message):
        module.compute(references=references, predictions=predictions)


def test_documented_examples_are_true(module, monkeypatch):
    monkeypatch.chdir(ROOT)
    examples_are_true(module.inputs_description)


def test_imports_stand_on_lines_of_their_own():
    # The loader reads imports line by line and takes `import a, b` for one module called "a,".
    assert not re.search(r"^import .*,", (FOLDER / "relation_f1.py").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_demo_scores_pasted_triples():
    spec = importlib.util.spec_from_file_location("demo_relation_f1", FOLDER / "app.py")
    assert spec is not None and spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    texts = ["\n\n".join("\n".join(f"Ada | {relation} | 7" for _, relation, _ in document) for document in triples(rows)) for rows in (GOLD, PRED)]  # fmt: skip
    assert page.score(*texts) == pytest.approx(expected())
