"""The `evaluate` module of triples: values, documented examples, batches, refused input, card and demo."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path

import evaluate
import pytest
import yaml

from hf_relation.metrics import triple_scores


ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "metrics" / "triple_f1"
GOLD = [[("Ada", "born in", "Holm"), ("Ada", "met", "Bob")], [("Eve", "met", "Bob")], []]
PRED = [[("Ada", "born in", "Holm"), ("Bob", "met", "Ada")], [], [("Eve", "met", "Bob")]]
EXPECTED = {"triple_precision": 1 / 3, "triple_recall": 1 / 3, "triple_f1": 1 / 3}


@pytest.fixture
def module(tmp_path) -> evaluate.EvaluationModule:
    return evaluate.load(str(FOLDER), cache_dir=str(tmp_path))


def test_worked_values_are_plain_documented_floats(module):
    scores = module.compute(references=GOLD, predictions=PRED)
    assert scores == pytest.approx(EXPECTED) and module.name == "triple_f1"
    assert all(type(value) is float for value in scores.values())
    for key in scores:
        assert re.search(
            rf"^    {key} \(`float`\): in .*higher is better", module.inputs_description, flags=re.MULTILINE
        )


@pytest.mark.parametrize(
    "part",
    [
        lambda text: text,
        len,
        lambda text: (len(text), 9),
        lambda text: [len(text), 9, text],
        lambda text: (1, 2, None),
    ],
)
def test_parts_of_any_kind_score_as_the_function_does(module, part):
    def made(side):
        return [[(part(head), relation, part(tail)) for head, relation, tail in document] for document in side]

    def hashable(side):
        return [[tuple(tuple(x) if isinstance(x, list) else x for x in triple) for triple in document] for document in side]  # fmt: skip

    expected = triple_scores(hashable(made(GOLD)), hashable(made(PRED)))
    found = module.compute(references=made(GOLD), predictions=made(PRED))
    assert found == {name: expected[name] for name in EXPECTED}


def test_numbers_and_text_are_not_the_same(module):
    assert module.compute(references=[[(1, "r", 2)]], predictions=[[("1", "r", "2")]])["triple_f1"] == 0.0


def test_batches_and_single_documents_add_up(module):
    module.add_batch(references=GOLD[:2], predictions=PRED[:2])
    module.add(reference=set(GOLD[2]), prediction=set(PRED[2]))
    assert module.compute() == pytest.approx(EXPECTED)


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        ([[]], [[], []], "got 1 documents in `references` and 2 in `predictions`"),
        ([[("a", "r")]], [[]], r"`references` 0: .* is no \[head, relation, tail\]"),
        ([[]], [["arb"]], r"`predictions` 0: 'arb' is no \[head, relation, tail\]"),
        ([[]], [[("a", "r", 1.5)]], "of text, whole numbers, or lists of these"),
        ([[]], [[("a", "r", True)]], "of text, whole numbers"),
        ([[]], [[("a", "r", [])]], "of text, whole numbers"),
        ([None], [[]], "`references` 0 must be a list of triples, got NoneType"),
        ("text", [[]], "`references` must be a list with the triples of each document, got str"),
    ],
)
def test_wrong_input_is_refused(module, references, predictions, message):
    with pytest.raises(ValueError, match=message):
        module.compute(references=references, predictions=predictions)


def examples_are_true(text: str) -> None:
    test = doctest.DocTestParser().get_doctest(text, {}, "examples", None, 0)
    report: list[str] = []
    doctest.DocTestRunner().run(test, out=report.append)
    assert len(test.examples) >= 5 and not report, "".join(report)


def test_documented_examples_are_true(module, monkeypatch):
    monkeypatch.chdir(ROOT)
    examples_are_true(module.inputs_description)
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    examples_are_true("\n".join(re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)))


def test_folder_is_complete_and_the_card_has_a_header():
    assert {path.name for path in FOLDER.iterdir()} >= {"triple_f1.py", "README.md", "requirements.txt", "app.py"}
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["sdk"] == "gradio" and header["app_file"] == "app.py" and header["license"] == "apache-2.0"
    assert {"evaluate", "metric"} <= set(header["tags"]) and header["title"] and header["description"]
    assert all(f"**{key}**" in card for key in EXPECTED)
    # The loader reads imports line by line and takes `import a, b` for one module called "a,".
    assert not re.search(r"^import .*,", (FOLDER / "triple_f1.py").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_demo_scores_pasted_triples():
    spec = importlib.util.spec_from_file_location("demo_triple_f1", FOLDER / "app.py")
    assert spec is not None and spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    gold = "Ada | born in | Holm\nAda | met | Bob\n\nEve | met | Bob\n\n-\n"
    predicted = "Ada | born in | Holm\nBob | met | Ada\n\n-\n\nEve | met | Bob\n"
    assert page.score(gold, predicted) == pytest.approx(EXPECTED)
