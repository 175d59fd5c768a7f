"""Every family of models is saved in parts, loaded in any precision and without memory for two copies, and grows its table."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoProcessor, AutoTokenizer, PreTrainedModel

from hf_relation.models.head_surgery import prune_heads, pruned_heads
from hf_relation.models.rocore import RoCOREModel
from tests.common.families import CLASS_AND_KIND, FAMILIES, FAMILY_AND_KIND
from tests.common.model_checks import check_activation_checkpointing
from tests.common.tiny_models import ENCODER_KINDS, tiny_more


EVERY_FAMILY = pytest.mark.parametrize(("name", "kind"), FAMILY_AND_KIND)
EVERY_CLASS = pytest.mark.parametrize(("name", "kind"), CLASS_AND_KIND)


def made(name: str, kind: str):
    """A model with values in all of its buffers, its processor, and its scores."""
    model, processor = FAMILIES[name].make(kind)
    if isinstance(model, RoCOREModel):
        known = len(model.centroids.present)
        model.set_centroids(torch.randn(model.centroids.rows.shape), torch.arange(known) % 2 == 0)
    return model, processor, FAMILIES[name].scores(model, processor)


def buffers(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.named_buffers()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        value.device.type == other[name].device.type == "cpu" and torch.equal(value, other[name])
        for name, value in one.items()
    )


@EVERY_FAMILY
def test_a_checkpoint_in_several_files_changes_nothing(name, kind, tmp_path):
    model, processor, expected = made(name, kind)
    model.save_pretrained(tmp_path, max_shard_size="8KB")
    processor.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1 and not (tmp_path / "model.safetensors").exists()
    again = FAMILIES[name].auto.from_pretrained(tmp_path).eval()
    loaded = (AutoTokenizer if name.startswith("multitask") else AutoProcessor).from_pretrained(tmp_path)
    assert torch.equal(FAMILIES[name].scores(again, loaded), expected)


@EVERY_FAMILY
def test_loading_in_low_memory_gives_every_weight_and_buffer(name, kind, tmp_path):
    # transformers always builds the model without memory first; what it forgets to fill is whatever lies there.
    model, processor, expected = made(name, kind)
    model.save_pretrained(tmp_path)
    for options in ({}, {"device_map": "cpu"}, {"device_map": {"": "cpu"}, "dtype": torch.float32}):
        again = FAMILIES[name].auto.from_pretrained(tmp_path, **options)
        assert not again.training and same(buffers(again), buffers(model))
        assert same(dict(again.named_parameters()), dict(model.named_parameters()))
        assert torch.equal(FAMILIES[name].scores(again, processor), expected)


@EVERY_FAMILY
def test_a_model_without_memory_has_the_same_tensors(name, kind, tmp_path):
    model, processor, expected = made(name, kind)
    with torch.device("meta"):
        empty = type(model)(model.config)
    for theirs, ours in (
        (dict(empty.named_parameters()), dict(model.named_parameters())),
        (buffers(empty), buffers(model)),
    ):
        assert all(value.is_meta for value in theirs.values())
        assert {key: value.shape for key, value in theirs.items()} == {key: value.shape for key, value in ours.items()}
        assert {key: value.dtype for key, value in theirs.items()} == {key: value.dtype for key, value in ours.items()}
    filled = empty.eval()
    filled.load_state_dict(model.state_dict(), assign=True)
    for key, value in model.named_buffers():  # those that are not saved
        owner, _, last = key.rpartition(".")
        filled.get_submodule(owner)._buffers[last] = value
    assert torch.equal(FAMILIES[name].scores(filled, processor), expected)


@EVERY_FAMILY
def test_buffers_that_a_file_lacks_are_those_of_a_new_model(name, kind, tmp_path):
    model, _, _ = made(name, kind)
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    lacking = [key for key, _ in model.named_buffers() if key in tensors]
    save_file(
        {key: value for key, value in tensors.items() if key not in lacking},
        tmp_path / "model.safetensors",
        {"format": "pt"},
    )
    assert bool(lacking) == (name.startswith(("rocore", "kernel-re-joint")))
    loaded, info = FAMILIES[name].auto.from_pretrained(tmp_path, output_loading_info=True, allow_missing_weights=True)
    assert sorted(info["missing_keys"]) == sorted(lacking)
    assert same(buffers(loaded), buffers(type(model)(model.config)))
    assert same(dict(loaded.named_parameters()), dict(model.named_parameters()))


@pytest.mark.parametrize(
    ("name", "kind", "dtype"),
    [(*case, (torch.float16, torch.bfloat16)[number % 2]) for number, case in enumerate(FAMILY_AND_KIND)],
)
def test_half_precision_is_loaded_saved_and_loaded_as_it_is(name, kind, dtype, tmp_path):
    model, processor, expected = made(name, kind)
    model.save_pretrained(tmp_path / "full")
    half = FAMILIES[name].auto.from_pretrained(tmp_path / "full", dtype=dtype).eval()
    assert {value.dtype for value in half.parameters()} == {dtype}
    found = FAMILIES[name].scores(half, processor)
    assert found.dtype == torch.float32 or name.startswith("multitask")
    assert (found.float() - expected).abs().max() < 0.1 * expected.abs().max() + 0.02
    half.save_pretrained(tmp_path / "half")
    assert {value.dtype for value in load_file(tmp_path / "half/model.safetensors").values()} <= {dtype, torch.bool}
    again = FAMILIES[name].auto.from_pretrained(tmp_path / "half", dtype="auto").eval()
    assert {value.dtype for value in again.parameters()} == {dtype}
    assert torch.equal(FAMILIES[name].scores(again, processor), found)
    # The whole precision of a file is kept where nothing else is asked for.
    assert FAMILIES[name].auto.from_pretrained(tmp_path / "full", dtype="auto").dtype == torch.float32


@EVERY_CLASS
def test_a_larger_table_changes_no_score_and_is_saved(name, kind, tmp_path):
    model, processor, expected = made(name, kind)
    size = model.config.vocab_size
    table = model.get_input_embeddings().weight.detach().clone()
    model.resize_token_embeddings(size + 4)
    model.save_pretrained(tmp_path)
    again = FAMILIES[name].auto.from_pretrained(tmp_path)
    for each in (model, again):
        assert each.config.vocab_size == each.config.backbone_config.vocab_size == size + 4
        grown = each.get_input_embeddings().weight
        assert grown.shape == (size + 4, table.shape[1]) and torch.equal(grown[:size], table)
        assert torch.isfinite(grown).all() and grown[size:].abs().min() > 0
        assert torch.equal(FAMILIES[name].scores(each, processor), expected)


@pytest.mark.parametrize("kind", ENCODER_KINDS)
def test_marker_rows_begin_as_those_of_number_sign_and_at_sign(kind, tmp_path):
    plain, without = tiny_more(kind, marker_policy="none")
    _, processor = tiny_more(kind)
    plain.backbone.save_pretrained(tmp_path)
    model = type(plain).from_backbone(tmp_path, processor, projection_dim=8)
    assert model.config.vocab_size == processor.vocab_size == without.vocab_size + 4
    table = model.get_input_embeddings().weight
    names = processor.tokenizer.convert_tokens_to_ids
    old = plain.get_input_embeddings().weight
    assert torch.equal(table[: without.vocab_size], old)
    for sign, markers in (("#", ["[E1]", "[/E1]"]), ("@", ["[E2]", "[/E2]"])):
        for marker in markers:
            assert torch.equal(table[names(marker)], old[names(sign)])


@pytest.mark.parametrize(("name", "kind"), [case for case in CLASS_AND_KIND if case[1] != "bert"])
def test_fault_49_activation_checkpointing_gives_the_same_loss_and_gradients(name, kind):
    check_activation_checkpointing(lambda: FAMILIES[name].make(kind), FAMILIES[name].loss)


@pytest.mark.parametrize("kind", ENCODER_KINDS)
def test_pruned_heads_stay_pruned_with_every_encoder(kind, tmp_path):
    model, processor = tiny_more(kind)
    gone = {0: [1, 3], 1: [0]}
    prune_heads(model, gone)
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path, device_map="cpu").eval()
    with torch.device("meta"):
        empty = type(model)(again.config)
    assert pruned_heads(again) == pruned_heads(empty) == gone
    assert torch.equal(FAMILIES["more"].scores(again, processor), FAMILIES["more"].scores(model, processor))
