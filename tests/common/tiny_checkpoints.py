"""Checkpoint folders as training leaves them, with a tiny random-weight model inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hf_relation.clustering import WithinClassWhitening
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.state import DiscoveryState, write_state
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


def save_tiny_checkpoint(folder: Path, kind: str = "bert", **settings: Any) -> None:
    """Model, processor, whitening and discovery settings (three relations, few restarts); nothing fitted."""
    model, processor = tiny_more(kind)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    rows = RelationDiscovery(model, processor).embed(sample_instances(20))
    whitening = WithinClassWhitening().fit(rows, [row["relations"][0] for row in sample_instances(20)])
    stored = WithinClassWhitening.from_state(whitening.get_state())
    write_state(folder, DiscoveryState({"transform": "whitening", "n_init": 3, "num_relations": 3} | settings, stored))
