"""What every model is checked for, whatever it scores; the suites of `test_common_models` and `test_common_extractors`."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoProcessor, PreTrainedModel

from hf_relation.errors import CheckpointError


Make = Callable[[], tuple[PreTrainedModel, Any]]
Scores = Callable[[PreTrainedModel], torch.Tensor]  # what the model is for, of inputs that the check chose


def check_loading(
    model: PreTrainedModel,
    processor: Any,
    scores: Callable[..., torch.Tensor],
    folder: Path,
    *,
    auto: Any = AutoModel,
    **saving: Any,
):
    """Saved and loaded through the Auto classes, model and processor give the very same `scores(model, processor)`."""
    model.save_pretrained(folder, **saving)
    processor.save_pretrained(folder)
    again, processor_again = auto.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    assert type(again) is type(model) and type(processor_again) is type(processor)
    torch.testing.assert_close(scores(again, processor_again), scores(model, processor), rtol=0, atol=0)


def check_config_bytes(model: PreTrainedModel, folder: Path) -> None:
    model.config.save_pretrained(folder / "one")
    AutoConfig.from_pretrained(folder / "one").save_pretrained(folder / "two")
    assert (folder / "one/config.json").read_bytes() == (folder / "two/config.json").read_bytes()


def check_seed(make: Make) -> None:
    one, two = make()[0].state_dict(), make()[0].state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)


def check_finite(model: PreTrainedModel, loss: torch.Tensor) -> None:
    """The loss and all its gradients are finite, and there are some."""
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert torch.isfinite(loss) and gradients and all(torch.isfinite(g).all() for g in gradients)


def pad_right(batch: dict[str, torch.Tensor], columns: tuple[str, ...], pad_token_id: int, extra: int = 9):
    """The batch with more padding on the right of the given columns of shape `(batch, tokens)`."""
    return {
        key: torch.nn.functional.pad(value, (0, extra), value=pad_token_id if key == "input_ids" else 0)
        if key in columns
        else value
        for key, value in batch.items()
    }


def check_half_precision(model: PreTrainedModel, batch: dict[str, Any], dtype: torch.dtype, result: str) -> None:
    with torch.autocast("cpu", dtype=dtype):
        output = model(**batch)
    assert torch.isfinite(output[result]).all()
    check_finite(model, output.loss)


def check_activation_checkpointing(make: Make, loss_of: Callable[..., torch.Tensor]) -> None:
    """With activation checkpointing, parts of the encoder run again, and `loss_of(model, processor)` and its gradients are
    the same."""
    results = []
    for checkpointing in (False, True):
        model, processor = make()
        without_dropout(model.train())
        runs: list[None] = []
        for module in model.backbone.modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Conv1d):
                module.register_forward_hook(lambda *_, runs=runs: runs.append(None))
        if checkpointing:
            model.activation_checkpointing_enable()
        loss = loss_of(model, processor)
        loss.backward()
        results.append((loss, [p.grad for p in model.parameters() if p.grad is not None], len(runs)))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-5, atol=1e-5)
    assert results[1][2] > results[0][2] > 0
    for plain, checkpointed in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(plain, checkpointed, rtol=1e-4, atol=1e-5)


def without_dropout(model: PreTrainedModel) -> None:
    """Set every probability of dropout to 0, also those that attention keeps as numbers."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("dropout", "attention_dropout", "dropout_prob"):
            if type(getattr(module, name, None)) is float:
                setattr(module, name, 0.0)
    for name in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(model.backbone.config, name):
            setattr(model.backbone.config, name, 0.0)


def check_inputs_unchanged(model: PreTrainedModel, batch: dict[str, Any]) -> None:
    before = copy.deepcopy(batch)
    model(**batch)
    assert batch.keys() == before.keys() and all(
        torch.equal(torch.as_tensor(batch[key]), torch.as_tensor(before[key])) for key in batch
    )


def check_eager_attention(model: PreTrainedModel, scores: Scores, folder: Path, *, auto: Any = AutoModel) -> None:
    model.save_pretrained(folder)
    eager = auto.from_pretrained(folder, attn_implementation="eager").eval()
    assert eager.backbone.config._attn_implementation == "eager"
    torch.testing.assert_close(scores(eager), scores(model), rtol=0, atol=1e-5)


def check_missing_weights(model: PreTrainedModel, scores: Scores, folder: Path, *, auto: Any = AutoModel) -> None:
    """A file that holds one tensor is refused; where missing ones are allowed, each is initialised, not raw memory."""
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    kept = sorted(tensors)[0]
    save_file({kept: tensors[kept]}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=rf"{re.escape(str(folder))}.*lack .* among them '{sorted(tensors)[1]}'"):
        auto.from_pretrained(folder)
    loaded = auto.from_pretrained(folder, allow_missing_weights=True)
    state = dict(loaded.named_parameters()) | dict(loaded.named_buffers())
    for key, value in state.items():
        assert value.device.type == "cpu" and torch.isfinite(value.float()).all(), key
        assert value.is_floating_point() is False or value.abs().max() < 10, key
    assert torch.isfinite(scores(loaded.eval())).all()


def check_table_grows(model: PreTrainedModel) -> None:
    size = model.config.vocab_size
    model.resize_token_embeddings(size + 3)
    assert model.get_input_embeddings().weight.shape[0] == model.config.vocab_size == size + 3


def check_loss_falls(
    model: PreTrainedModel, batch: dict[str, Any], steps: int, falls: Callable[[Any], torch.Tensor]
) -> None:
    """So many steps lower `falls(output)` by a fifth."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    values = []
    for _ in range(steps):
        output = model(**batch)
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        values.append(falls(output).item())
    assert np.mean(values[-3:]) < values[0] - 0.2 * abs(values[0])
