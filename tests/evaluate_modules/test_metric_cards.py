"""The cards of all metrics: metadata that makes a Space of the folder, and text that says what the metric takes and gives."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import evaluate
import numpy as np
import pytest
from huggingface_hub import SpaceCard

from tests.cards.markdown_reader import parse, split


ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "metrics").glob("*/README.md"))
# https://huggingface.co/docs/hub/spaces-config-reference
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
OUTPUT = re.compile(
    r"^- \*\*(\w+)\*\* \(`float`\): in ([\[(])(-?[\d.]+), (-?[\d.]+)\], higher is better", re.MULTILINE
)
INPUT = re.compile(r"^- \*\*(\w+)\*\* \(", re.MULTILINE)


def card_of(folder: Path) -> tuple[dict, str]:
    return split((folder / "README.md").read_text(encoding="utf-8"))


def inputs(name: str, generator: np.random.Generator) -> dict[str, list]:
    number = int(generator.integers(1, 12))
    if name not in ("relation_f1", "triple_f1"):
        return {key: generator.integers(0, 4, number).tolist() for key in ("references", "predictions")}

    def triples() -> list:
        rows = generator.integers(0, 3, (int(generator.integers(0, 4)), 3))
        return [[str(value) for value in row] for row in rows]

    return {key: [triples() for _ in range(number)] for key in ("references", "predictions")}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_header_makes_a_space(folder: Path) -> None:
    header, _ = card_of(folder)
    card = SpaceCard.load(folder / "README.md")
    assert card.data.sdk == "gradio" and (folder / card.data.app_file).is_file()
    assert {header["colorFrom"], header["colorTo"]} <= COLOURS
    assert header["title"] and len(header["emoji"]) <= 2 and header["pinned"] is False
    assert header["license"] == "apache-2.0" and {"evaluate", "metric"} <= set(header["tags"])
    assert header["description"].strip() and "\n" not in header["description"].strip()
    of_demo, _ = card_of(ROOT / "examples" / "space")
    assert header["sdk_version"] == of_demo["sdk_version"], "the version of gradio that the page is tested with"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_text_says_what_goes_in_and_what_comes_out(folder: Path) -> None:
    _, body = card_of(folder)
    headings = [parse(body)[i + 1].content for i, token in enumerate(parse(body)) if token.type == "heading_open"]
    assert headings[1:] == ["Description", "How to use", "Inputs", "Output", "Limits", "Citation"]
    taken = body[body.index("### Inputs") : body.index("### Output")]
    given = OUTPUT.findall(body[body.index("### Output") :])
    metric = evaluate.load(str(folder))
    assert set(INPUT.findall(taken)) >= {"predictions", "references"}
    generator = np.random.default_rng(0)
    seen: dict[str, list[float]] = {name: [] for name, *_ in given}
    for _ in range(60):
        values = metric.compute(**inputs(folder.name, generator))
        assert set(values) == set(seen), "the card names every value, and no other"
        for name, value in values.items():
            seen[name].append(value)
    for name, opening, low, high in given:
        assert min(seen[name]) >= float(low) and max(seen[name]) <= float(high)
        assert opening == "[" or min(seen[name]) > float(low)
        assert max(seen[name]) > min(seen[name])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_examples_are_true_and_the_papers_are_bibtex(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    _, body = card_of(folder)
    code = [token for token in parse(body) if token.type == "fence"]
    (examples,) = [token.content for token in code if token.info == "python"]
    test = doctest.DocTestParser().get_doctest(examples, {}, folder.name, None, None)
    assert test.examples and doctest.DocTestRunner(verbose=False).run(test).failed == 0
    (papers,) = [token.content for token in code if token.info == "bibtex"]
    assert papers.startswith("@") and papers.count("{") == papers.count("}")
    assert papers.count("\n@") + 1 == papers.count("\n  title={") == papers.count("author={") == papers.count("year={")
