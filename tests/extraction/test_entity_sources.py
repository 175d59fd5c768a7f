"""Names of sources of entities where relations are extracted."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_relation import RelationExtractor
from hf_relation.data import EntityDictionary
from hf_relation.errors import InvalidRowError
from hf_relation.extraction import entity_source
from tests.common.tiny_models import tiny_kernel_re


def test_a_dictionary_by_name(tmp_path: Path) -> None:
    path = tmp_path / "names.tsv"
    path.write_text("Ada\tPERSON\nLindau\tPLACE\n", encoding="utf-8")
    extractor = RelationExtractor(*tiny_kernel_re())
    (found,) = extractor.extract(["Ada of Lindau, Adam."], entities=f"dictionary:{path}", keep_none=True)
    assert [(entity["type"], entity["mentions"][0]["text"]) for entity in found["entities"]] == [
        ("PERSON", "Ada"),
        ("PLACE", "Lindau"),
    ]
    path.write_text("\tPERSON\n", encoding="utf-8")
    with pytest.raises(InvalidRowError, match="line 1"):
        extractor.extract(["Ada."], entities=f"dictionary:{path}")


def test_what_is_a_source_already_is_given_back() -> None:
    names = EntityDictionary([("Ada", None)])
    assert entity_source(names) is names and entity_source(None) is None
