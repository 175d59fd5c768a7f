"""The cards of the shipped checkpoints: there is one for each, and it says what the checkpoint's own files say."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from hf_relation.checkpoints import BASE_PACKAGE, BASE_REPOSITORY, checkpoint_folder, shipped_checkpoints
from hf_relation.data import FEWREL_NOVEL
from tests.cards.markdown_reader import snippets, split, tables


ROOT = Path(__file__).resolve().parents[2]
CARDS = ROOT / "model_cards"
SHIPPED = ROOT / "hf_relation" / "shipped"
COLUMNS = {
    "bcubed_precision": "B³ P",
    "bcubed_recall": "B³ R",
    "bcubed_f1": "B³ F1",
    "v_measure": "V",
    "ari": "ARI",
}


def test_every_shipped_checkpoint_has_a_card_and_every_card_a_checkpoint() -> None:
    assert sorted(path.stem for path in CARDS.glob("*.md")) == shipped_checkpoints()


@pytest.fixture(params=shipped_checkpoints())
def name(request) -> str:
    return request.param


def test_the_metadata_has_the_figures_of_the_tables(name: str) -> None:
    card = ModelCard.load(CARDS / f"{name}.md")
    header, body = split(card.content)
    assert card.data.license == "apache-2.0" and card.data.base_model == BASE_REPOSITORY
    assert card.data.library_name == "hf_relation" and card.data.datasets == ["fewrel"]
    found: dict[str, dict[str, float]] = {}
    for result in card.data.eval_results:
        assert result.task_type == "open-relation-discovery"
        found.setdefault(result.dataset_type, {})[result.metric_type] = result.metric_value
    rows = {
        (row[0] if table[0][0] == "corpus" else "FewRel"): dict(zip(table[0], row, strict=True))
        for table in tables(body)
        for row in table[1:]
        if "B³ F1" in table[0] and any("what ships" in cell for cell in row)
    }
    corpora = {"fewrel": "FewRel", "semeval2010_task8": "SemEval-2010 Task 8", "redocred": "Re-DocRED pairs"}
    assert set(found) == set(corpora) and set(rows) == set(corpora.values())
    for kind, corpus in corpora.items():
        assert found[kind] == {key: float(rows[corpus][column].split(" ± ")[0]) for key, column in COLUMNS.items()}


def test_the_text_says_what_the_files_say(name: str) -> None:
    _, body = split((CARDS / f"{name}.md").read_text(encoding="utf-8"))
    config = json.loads((SHIPPED / name / "config.json").read_text())
    stored = json.loads((SHIPPED / name / "discovery.json").read_text())
    width = len(config["pooling"]) * config["backbone_config"]["hidden_size"]
    assert f"{width:,}-d unit vector" in body
    assert f"({stored['num_relations_calibration']}, learned" in body
    assert f"each of its {len(stored['gate']['relations'])} relations" in body
    size = sum(path.stat().st_size for path in (SHIPPED / name).iterdir())
    stated = float(re.search(r"small \(([\d.]+) MB\)", body)[1])
    assert abs(size / 1e6 - stated) < 0.3, size
    known, novel = (re.search(rf"\*\*{kind} \([^)]*\):\*\*([P\d;\s]+)", body)[1] for kind in ("Known", "Novel"))
    known, novel = (set(re.findall(r"P\d+", part)) for part in (known, novel))
    assert novel == set(FEWREL_NOVEL) and len(known) == len(stored["gate"]["relations"]) and not known & novel
    headings = re.findall(r"^## (.*)$", body, re.MULTILINE)
    assert {"Use", "Figures", "Relations", "How it was trained", "Limits", "Licence", "Citation"} <= set(headings)
    assert body.count(", published |") == 3, "published figures stand beside ours"


@pytest.mark.base_encoder
@pytest.mark.skipif(importlib.util.find_spec(BASE_PACKAGE) is None, reason="needs the extra minilm")
def test_the_snippet_runs_where_the_checkpoint_is(name: str, monkeypatch, capsys) -> None:
    (code,) = snippets(split((CARDS / f"{name}.md").read_text(encoding="utf-8"))[1])
    monkeypatch.chdir(checkpoint_folder(name))
    exec(compile(code, f"{name}.md", "exec"), {"__name__": "snippet"})
    assert capsys.readouterr().out.strip() in ("[0 0 1 1]", "[1 1 0 0]"), "two were born, two have headquarters"
