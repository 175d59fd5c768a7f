"""Adapters (LoRA) on every class of models and every encoder: attached, saved, loaded, merged."""

from __future__ import annotations

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from hf_relation.training.trainable import add_adapters
from tests.common.families import CLASS_AND_KIND, FAMILIES


@pytest.mark.parametrize(("name", "kind"), CLASS_AND_KIND)
def test_adapters_are_saved_loaded_and_merged(name, kind, tmp_path):
    family = FAMILIES[name]
    model, processor = family.make(kind)
    model.save_pretrained(tmp_path / "base")
    before = family.scores(model, processor)
    table = model.get_input_embeddings().weight.detach().clone()
    # The markers, or where there are none two other tokens, train in full.
    markers = getattr(processor, "marker_tokens", [])
    tokens = processor.tokenizer.convert_tokens_to_ids(markers) if markers else [7, 9]
    cnn = name.endswith("cnn")
    with_adapters = add_adapters(model, r=2, token_ids=tokens, target_modules=["convolution"] if cnn else None)
    heads = {
        child for child, module in model.named_children() if child != "backbone" and len(list(module.parameters()))
    }
    trained = {key: value for key, value in with_adapters.named_parameters() if value.requires_grad}
    with torch.no_grad():  # as if it had been trained
        for value in trained.values():
            value += 0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel()))
    expected = family.scores(with_adapters, processor)
    assert (expected - before).abs().max() > 1e-3

    with_adapters.save_pretrained(tmp_path / "adapter")
    saved = load_file(tmp_path / "adapter/adapter_model.safetensors")
    kinds = {"head" if key.split(".")[2] in heads else key.rsplit(".", 2)[-2] for key in saved}
    assert kinds == {"lora_A", "lora_B", "token_adapter"} | ({"head"} if heads else set())
    (rows,) = (value for key, value in saved.items() if "token_adapter" in key)
    assert rows.shape == (len(tokens), table.shape[1])  # not the whole table

    base = family.auto.from_pretrained(tmp_path / "base").eval()
    again = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    assert torch.equal(family.scores(again, processor), expected)

    merged = again.merge_and_unload()
    assert type(merged) is type(model) and not any(
        "lora" in key or "token_adapter" in key for key in merged.state_dict()
    )
    torch.testing.assert_close(family.scores(merged, processor), expected, rtol=1e-5, atol=2e-6)
    changed = (merged.get_input_embeddings().weight != table).any(dim=1).nonzero().flatten().tolist()
    assert changed == sorted(tokens)
    merged.save_pretrained(tmp_path / "merged")
    plain = family.auto.from_pretrained(tmp_path / "merged").eval()
    assert torch.equal(family.scores(plain, processor), family.scores(merged, processor))
