"""What a saved discovery holds of its texts, and what becomes of an earlier one in the same folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import UsageError
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


ROWS = sample_instances()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> RelationDiscovery:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_tiny_checkpoint(folder)
    return RelationDiscovery.from_pretrained(folder, num_relations=3).fit(ROWS)


def files_with_texts(folder: Path) -> list[str]:
    forms = [form for row in ROWS for form in (row["text"], json.dumps(row["text"])[1:-1])]
    found = [path for path in folder.iterdir() if any(form.encode() in path.read_bytes() for form in forms)]
    return sorted(path.name for path in found)


def test_texts_are_saved_as_asked(fitted: RelationDiscovery, tmp_path: Path) -> None:
    expected = {
        (True, True): ["discovery.json", "discovery_corpus.jsonl"],
        (False, True): ["discovery.json"],
        (True, False): ["discovery_corpus.jsonl"],
        (False, False): [],
    }
    for (corpus, examples), names in expected.items():
        fitted.save_pretrained(tmp_path / "same", corpus=corpus, examples=examples)
        assert files_with_texts(tmp_path / "same") == names
        loaded = RelationDiscovery.from_pretrained(tmp_path / "same")
        kept = fitted.relations_ if examples else [replace(relation, examples=[]) for relation in fitted.relations_]
        assert loaded.relations_ == kept and fitted.relations_[0].examples
        np.testing.assert_array_equal(loaded.predict(ROWS).labels, fitted.labels_)


def test_texts_are_pushed_only_as_asked(fitted: RelationDiscovery, monkeypatch, tmp_path) -> None:
    sent = {}

    def push(save, repo_id, **options):
        save(tmp_path / repo_id.replace("/", "-"))
        sent[repo_id] = options

    monkeypatch.setattr("hf_relation.discovery.sharing.push_saved", push)
    fitted.push_to_hub("user/a")
    assert files_with_texts(tmp_path / "user-a") == []
    fitted.push_to_hub("user/b", examples=True)
    assert files_with_texts(tmp_path / "user-b") == ["discovery.json"]
    fitted.push_to_hub("user/c", corpus=True, private=True, replace_card=True)
    assert files_with_texts(tmp_path / "user-c") == ["discovery.json", "discovery_corpus.jsonl"]
    assert sent["user/c"]["private"] is True and sent["user/c"]["replace_card"] is True
    fitted.push_to_hub("user/d", corpus=True, examples=False)
    assert files_with_texts(tmp_path / "user-d") == ["discovery_corpus.jsonl"]


def test_weights_of_an_earlier_checkpoint_are_not_loaded(tmp_path: Path) -> None:
    first, second = (RelationDiscovery(*tiny_more(seed=seed)) for seed in (0, 1))
    expected = second.embed(ROWS)
    assert np.abs(first.embed(ROWS) - expected).max() > 0.01
    for options in ({"max_shard_size": "20KB"}, {}):
        first.save_pretrained(tmp_path)
        second.save_pretrained(tmp_path, **options)
        np.testing.assert_array_equal(RelationDiscovery.from_pretrained(tmp_path).embed(ROWS), expected)
        second.save_pretrained(tmp_path, max_shard_size="20KB")


def test_saving_does_not_push(fitted: RelationDiscovery, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"push_to_hub\('user/name'\)"):
        fitted.save_pretrained(tmp_path / "saved", push_to_hub=True)
    assert not (tmp_path / "saved").exists()
