"""Checkpoint folders as training leaves them, with a tiny random-weight model inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hf_relation.clustering import WithinClassWhitening
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.state import DiscoveryState, write_state
from hf_relation.extraction import DecisionRules, RelationExtractor, SymmetricRelations, Thresholds
from tests.common.tiny_models import tiny_kernel_re, tiny_more
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


def save_tiny_extractor(
    folder: Path, kind: str = "bert", *, rules: DecisionRules | None = None, **settings: Any
) -> None:
    """Model, processor and rules: a threshold that about half of the scores reach, and one symmetric relation."""
    model, processor = tiny_kernel_re(kind, **settings)
    rules = rules or DecisionRules(Thresholds(0.5, {"born_in": 0.49}), symmetric=SymmetricRelations(["flows_into"]))
    RelationExtractor(model, processor, rules=rules).save_pretrained(folder)


def save_tiny_adapter(folder: Path, made: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
    """`folder/base` and an adapter of it in `folder/adapter`, which moves every vector; the adapted model and its processor."""
    from hf_relation.training import add_adapters  # takes a while to import

    model, processor = tiny_more() if made is None else made
    model.save_pretrained(folder / "base")
    processor.save_pretrained(folder / "base")
    adapted = add_adapters(model, r=2).eval()
    torch.manual_seed(0)
    for name, weights in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.3)
    adapted.peft_config["default"].base_model_name_or_path = str(folder / "base")
    adapted.save_pretrained(folder / "adapter")
    return adapted, processor
