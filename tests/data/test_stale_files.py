from __future__ import annotations

import pytest

from hf_relation.data.stale_files import stale_files


SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
ADAPTER = ["adapter_config.json", "adapter_model.safetensors"]
CORPUS = ["discovery.safetensors", "discovery_corpus.jsonl"]


@pytest.mark.parametrize(
    ("new", "there", "stale"),
    [
        (["config.json", "model.safetensors"], [*SHARDS, *ADAPTER, "README.md"], [*ADAPTER, *SHARDS]),
        ([*SHARDS, "config.json"], ["model.safetensors", "config.json", *SHARDS], ["model.safetensors"]),
        # A processor or an adapter replaces no weights; an adapter may lie in the folder of its model.
        (["tokenizer.json", "processor_config.json"], ["model.safetensors", *CORPUS], []),
        (ADAPTER, ["model.safetensors", "config.json"], []),
        (["discovery.json"], ["model.safetensors", "discovery.json", *CORPUS], CORPUS),
        (["model.safetensors"], ["discovery.json", *CORPUS], []),
        ([], ["model.safetensors"], []),
    ],
)
def test_what_must_not_stay(new: list[str], there: list[str], stale: list[str]) -> None:
    assert stale_files(new, there) == sorted(stale)
