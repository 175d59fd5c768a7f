"""Rows of our own for the data tests, and the folder of real corpora where there is one."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest


REPOSITORY = Path(__file__).resolve().parents[2]

# Tokens with a no-break space and line breaks as tokens of their own, as upstream has them.
TOKENS = ["The", "Old", "Ferry", "\u00a0", "Bridge", "crosses", "the", "\n\n", "River", "Lun", "near", "Tarn", "."]
TEXT = "The Old Ferry Bridge crosses the River Lun near Tarn ."


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """The folder of real corpora; a test that asks for it is skipped where there is none."""
    named = os.environ.get("HF_RELATION_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real corpora: {folder} does not exist (set HF_RELATION_DATA to the folder that holds them)")
    return folder


@pytest.fixture
def row() -> dict[str, Any]:
    """One good instance, in normal form."""
    return {
        "id": "a",
        "text": "Marta Lind founded Nordkraft in 1998.",
        "head": {"start": 0, "end": 10, "type": "PERSON"},
        "tail": {"start": 19, "end": 28, "type": None},
        "relations": ["founded"],
    }


@pytest.fixture
def document() -> dict[str, Any]:
    """One good document of two sentences, in normal form; entity 0 has two mentions, entity 2 lies within entity 3."""
    text = "Marta Lind lives in Oslo .\nLind founded Oslo Energy ."
    mentions = [(0, 10), (20, 24), (27, 31), (40, 44), (40, 51)]
    return {
        "id": "d",
        "text": text,
        "mentions": [{"start": start, "end": end} for start, end in mentions],
        "entities": [
            {"id": None, "type": "PER", "mentions": [0, 2]},
            {"id": None, "type": "LOC", "mentions": [1]},
            {"id": "Q585", "type": "LOC", "mentions": [3]},
            {"id": None, "type": "ORG", "mentions": [4]},
        ],
        "relations": [
            {"head": 0, "tail": 1, "label": "residence"},
            {"head": 0, "tail": 3, "label": "founded"},
            {"head": 1, "tail": 3, "label": "seat of"},
            {"head": 3, "tail": 2, "label": "named after"},
        ],
    }


@pytest.fixture
def fewrel_instance() -> dict[str, Any]:
    """One instance of FewRel's format; the head has two mentions, of which the first counts."""
    return {
        "tokens": list(TOKENS),
        "h": ["old ferry bridge", "Q1", [[1, 2, 3, 4], [6]]],
        "t": ["river lun", "Q2", [[8, 9]]],
    }


@pytest.fixture
def fewrel_dir(tmp_path: Path, fewrel_instance: dict[str, Any]) -> Path:
    """A folder with a small `train_wiki.json` and `pid2name.json` (but no `val_wiki.json`)."""
    folder = tmp_path / "fewrel"
    folder.mkdir()
    second = copy.deepcopy(fewrel_instance)
    second["tokens"][11] = "Holm"
    second["src"] = "cfrl"
    (folder / "train_wiki.json").write_text(json.dumps({"P6": [fewrel_instance, second], "P31": [fewrel_instance]}))
    (folder / "pid2name.json").write_text(json.dumps({"P6": ["head of government", "who heads it"]}))
    return folder
