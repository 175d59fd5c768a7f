"""What is checked before anything is sent; sending itself is tested against a Hub, in tests/hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from hf_relation.errors import UsageError
from hf_relation.pushing import check_base_of_adapter, tag_card


def test_an_adapter_must_name_a_model_that_others_can_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_base_of_adapter(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({"base_model_name_or_path": "user/base"}))
    check_base_of_adapter(tmp_path)
    for base in ("/home/me/runs/mine", "./runs", "~/mine", "runs/mine", "mine", "", None):
        path.write_text(json.dumps({"base_model_name_or_path": base}))
        with pytest.raises(UsageError, match=r"base model is not on the Hub.*merge_and_unload"):
            check_base_of_adapter(tmp_path)


def test_tags_are_added_to_the_card_and_its_text_stays(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "---\nlicense: mit\ntags:\n- a\n---\n# Mine\n\n---\nBy hand: ä.\n", encoding="utf-8"
    )
    tag_card(tmp_path, ["b", "a"])
    header, _, text = (tmp_path / "README.md").read_text(encoding="utf-8")[4:].partition("---\n")
    assert yaml.safe_load(header) == {"license": "mit", "tags": ["a", "b"]}
    assert text.lstrip() == "# Mine\n\n---\nBy hand: ä.\n"


def test_without_a_card_there_are_the_tags_and_no_made_up_text(tmp_path: Path) -> None:
    tag_card(tmp_path, ["b"])
    header, _, text = (tmp_path / "README.md").read_text(encoding="utf-8")[4:].partition("---\n")
    assert yaml.safe_load(header) == {"library_name": "hf_relation", "tags": ["b"]} and not text.strip()
