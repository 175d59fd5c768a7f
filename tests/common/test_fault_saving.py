"""Row 33 of the fault plan for everything that is saved to a folder: killed at any moment, one version or the other is there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import UsageError
from hf_relation.extraction import DecisionRules, RelationExtractor, Thresholds
from hf_relation.models.more import MOREModel
from hf_relation.models.relation_cnn import RelationCNNModel
from hf_relation.processing import DocumentProcessor, RelationProcessor
from tests.common.tiny_models import tiny_kernel_re, tiny_more, tiny_more_cnn


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@dataclass
class Saved:
    """Two versions that share no file but the tokenizer's, perhaps, and what loads them."""

    versions: tuple[Any, Any]
    load: Callable[[Path], Any]
    settings: tuple[dict[str, Any], dict[str, Any]] = ({}, {})

    def save(self, folder: Path, number: int) -> None:
        self.versions[number].save_pretrained(folder, **self.settings[number])


def discoveries() -> Saved:
    parts = [tiny_more(), tiny_more(seed=1, projection_dim=8)]
    made = [RelationDiscovery(*part, num_relations=2, n_init=2) for part in parts]
    for number, discovery in enumerate(made):
        discovery.fit(embeddings=np.eye(16 >> number)[[0, 0, 0, 1, number]])
    # The new version has one file of weights where the old one has several.
    return Saved((made[0], made[1]), RelationDiscovery.from_pretrained, ({"max_shard_size": "20KB"}, {}))


def extractors() -> Saved:
    parts = [tiny_kernel_re(seed=seed) for seed in (0, 1)]
    made = [RelationExtractor(*part, rules=DecisionRules(Thresholds(0.5))) for part in parts]
    return Saved((made[0], made[1]), RelationExtractor.from_pretrained)


def models() -> Saved:
    return Saved((tiny_more()[0], tiny_more(seed=1, projection_dim=8)[0]), MOREModel.from_pretrained)


def cnns() -> Saved:
    made = [tiny_more_cnn(kind)[0].backbone for kind in ("words", "bert")]
    return Saved((made[0], made[1]), RelationCNNModel.from_pretrained)


def processors() -> Saved:
    made = [tiny_more(marker_policy=policy)[1] for policy in ("none", "entity")]
    return Saved((made[0], made[1]), RelationProcessor.from_pretrained)


def document_processors() -> Saved:
    tokenizers = [tiny_kernel_re(kind)[1].tokenizer for kind in ("bert", "roberta")]
    made = [DocumentProcessor(tokenizer) for tokenizer in tokenizers]
    return Saved((made[0], made[1]), DocumentProcessor.from_pretrained)


KINDS = [discoveries, extractors, models, cnns, processors, document_processors]


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def kill_before(happens: Callable[[str, Path], bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """The process kills itself before it renames or links a file to such a name."""

    def killing(step: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(source: Any, target: Any, **options: Any) -> Any:
            if happens(step, Path(target)):
                os.kill(os.getpid(), signal.SIGKILL)
            return real(source, target, **options)

        return call

    for step in ("replace", "link"):
        monkeypatch.setattr(os, step, killing(step, getattr(os, step)))


MOMENTS: dict[str, Callable[[str, Path], bool]] = {
    "before all is written": lambda step, target: target.name == ".saved",
    "before the first file is in its place": lambda step, target: step == "link",
    "before the last file is in its place": lambda step, target: (
        target.name in ("config.json", "processor_config.json") and not target.parent.name.startswith(".")
    ),
    "before it is tidied up": lambda step, target: target.name.startswith(".replaced-"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_fault_33_a_save_over_another_that_is_killed(
    kind: Callable[[], Saved], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = kind()
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    for number in (0, 1):
        saved.save(tmp_path / str(number), number)
    old, new = content_of(tmp_path / "0"), content_of(tmp_path / "1")
    assert old != new
    for moment, happens in MOMENTS.items():
        folder = tmp_path / moment
        saved.save(folder, 0)
        (folder / "mine.txt").write_text("stays")
        child = os.fork()
        if not child:
            kill_before(happens, monkeypatch)
            try:
                saved.save(folder, 1)
            finally:
                os._exit(3)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, moment
        saved.load(folder)
        expected = old if moment == "before all is written" else new
        assert content_of(folder) == expected | {"mine.txt": b"stays"}, moment
        saved.save(folder, 1)
        assert sorted(path.name for path in folder.iterdir()) == sorted([*new, "mine.txt"])


def test_fault_33_plain_transformers_reads_one_version_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = models()
    reference = dict(saved.versions[1].named_parameters())
    for moment, happens in MOMENTS.items():
        folder = tmp_path / moment
        saved.save(folder, 0)
        child = os.fork()
        if not child:
            kill_before(happens, monkeypatch)
            saved.save(folder, 1)
        os.waitpid(child, 0)
        if moment.endswith("in its place"):
            with pytest.raises((OSError, ValueError), match=r"config\.json"):
                AutoModel.from_pretrained(folder)
            MOREModel.from_pretrained(folder)  # completes the save
        found = dict(AutoModel.from_pretrained(folder).named_parameters())
        expected = dict(saved.versions[0].named_parameters()) if moment.endswith("written") else reference
        assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize("kind", KINDS)
def test_fault_32_a_file_with_the_name_of_the_folder(kind: Callable[[], Saved], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="a file has that name"):
        kind().save(tmp_path / "file", 0)
    assert (tmp_path / "file").read_text() == "mine" and os.listdir(tmp_path) == ["file"]


def test_several_files_of_weights_over_one_are_what_is_loaded(tmp_path: Path) -> None:
    old, new = tiny_more()[0], tiny_more(seed=1)[0]
    old.save_pretrained(tmp_path / "model")
    new.save_pretrained(tmp_path / "model", max_shard_size="20KB")
    assert len(list((tmp_path / "model").glob("*.safetensors"))) > 1
    found = AutoModel.from_pretrained(tmp_path / "model").state_dict()
    assert all(torch.equal(value, found[name]) for name, value in new.state_dict().items())
