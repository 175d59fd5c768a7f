"""Gates, masks and slices of attention heads, on every family of encoders that is supported."""

import copy

import pytest
import torch
from torch import nn
from transformers import AlbertConfig, AlbertModel, AutoConfig, AutoModelForCausalLM, BertConfig, BertModel

from hf_relation.errors import UsageError
from hf_relation.models import head_layouts
from hf_relation.models.head_surgery import (
    HeadLayout,
    head_gates,
    head_layout,
    mask_heads,
    prune_heads,
    pruned_heads,
    register_head_layout,
    supported_head_layouts,
)
from tests.common.tiny_heads import FAMILIES, HIDDEN, NUM_HEADS, NUM_LAYERS, tiny_batch, tiny_headed
from tests.common.tiny_models import tiny_more, tiny_more_cnn, tiny_rocore, tiny_siamese_ure


# Every family with its own attention, and the eager one where families differ in what they hand to it.
EVERY = [(family, None) for family in FAMILIES]
EVERY += [(family, "eager") for family in ("bert", "distilbert", "modernbert", "llama-grouped")]
SELECTIONS = ({0: [0, 1], 1: [3]}, {0: [1, 2, 3], 1: [0, 3, 1, 2]})


def states(model, batch):
    """The encoder's last states at tokens, not at padding."""
    batch = {name: column for name, column in batch.items() if name != "labels"}
    encoder = head_layout(model).encoder
    return encoder(**batch, use_cache=False).last_hidden_state[batch["attention_mask"].bool()]


def hooks(model):
    return sum(len(module._forward_pre_hooks) + len(module._forward_hooks) for module in model.modules())


def size(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_every_supported_family_is_tested_here():
    assert {model_type for model_type, _ in FAMILIES.values()} == set(supported_head_layouts()) - {"ernie"}


@pytest.mark.parametrize("family, attention", EVERY)
def test_gates_of_one_change_nothing_and_their_gradients_are_true(family, attention):
    model, batch = tiny_headed(family, attention=attention).double(), tiny_batch()
    before = hooks(model)
    plain = states(model, batch)
    direction = torch.randn(plain.shape, dtype=plain.dtype, generator=torch.Generator().manual_seed(1))
    with head_gates(model) as gates:
        assert [tuple(gate.shape) for gate in gates] == [(NUM_HEADS,)] * NUM_LAYERS
        gated = states(model, batch)
        gradients = torch.autograd.grad((gated * direction).sum(), gates)
        assert torch.equal(gated, plain)
        for layer, head in ((0, 2), (1, 0)):
            values = []
            for change in (2**-9, -(2**-8)):
                with torch.no_grad():
                    gates[layer][head] += change
                    values.append((states(model, batch) * direction).sum())
            assert gradients[layer][head].item() == pytest.approx(((values[0] - values[1]) * 2**8).item(), rel=1e-3)
            with torch.no_grad():
                gates[layer][head] = 1.0
    assert hooks(model) == before


@pytest.mark.parametrize("family, attention", EVERY)
@torch.no_grad()
def test_pruned_heads_are_as_if_masked(family, attention):
    model, batch = tiny_headed(family, attention=attention), tiny_batch()
    plain = states(model, batch)
    for heads in SELECTIONS:
        with mask_heads(model, heads):
            masked = states(model, batch)
        with head_gates(model) as gates:
            for layer, gone in heads.items():
                gates[layer][gone] = 0.0
            torch.testing.assert_close(states(model, batch), masked, atol=1e-6, rtol=0)
        pruned = copy.deepcopy(model)
        prune_heads(pruned, heads)
        torch.testing.assert_close(states(pruned, batch), masked, atol=1e-5, rtol=0)
        assert (masked - plain).abs().max() > 0.1
        assert pruned_heads(pruned) == {layer: sorted(gone) for layer, gone in heads.items()}
        assert size(pruned) < size(model) and pruned_heads(model) == {}


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_pruning_again_counts_heads_as_in_the_unpruned_model(family):
    model, batch = tiny_headed(family), tiny_batch()
    steps = ({0: [1]}, {0: [3], 1: [2]}, {0: [2, 0], 1: [0]})
    together = {0: [0, 1, 2, 3], 1: [0, 2]}
    with mask_heads(model, together):
        masked = states(model, batch)
    for step in steps:
        with mask_heads(model, step):
            expected = states(model, batch)
        prune_heads(model, step)
        model = copy.deepcopy(model)  # a copy goes on by itself
        torch.testing.assert_close(states(model, batch), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(states(model, batch), masked, atol=1e-5, rtol=0)
    assert pruned_heads(model) == together
    with head_gates(model) as gates:
        assert [len(gate) for gate in gates] == [NUM_HEADS] * NUM_LAYERS
        torch.testing.assert_close(states(model, batch), masked, atol=1e-5, rtol=0)


def test_a_head_takes_its_rows_columns_and_biases_along():
    model = tiny_headed("bert")
    prune_heads(model, {0: [0, 1, 2], 1: [1]})
    head = HIDDEN // NUM_HEADS
    # query, key and value: rows and biases; output: columns.
    assert size(tiny_headed("bert")) - size(model) == 4 * (3 * (HIDDEN * head + head) + head * HIDDEN)


def test_query_heads_leave_a_shared_key_head_in_place_until_the_last_goes():
    model = tiny_headed("llama-grouped")  # heads 0 and 1 share a key, so do 2 and 3
    attention = model.layers[0].self_attn
    for heads, keys, groups in (({0: [1]}, 2, 1), ({0: [3]}, 2, 1), ({0: [0]}, 1, 1)):
        prune_heads(model, heads)
        assert attention.k_proj.out_features == attention.v_proj.out_features == keys * 8
        assert attention.num_key_value_groups == groups
    whole = tiny_headed("llama-grouped")
    prune_heads(whole, {0: [2, 3]})
    assert whole.layers[0].self_attn.num_key_value_groups == 2


def test_a_pruned_decoder_generates_the_same_words_with_its_cache():
    model_type, settings = FAMILIES["llama-grouped"]
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **settings)).eval()
    heads, words = {0: [0, 1, 2, 3], 1: [1]}, torch.tensor([[5, 6, 7, 8]])
    with mask_heads(model, heads):
        expected = model.generate(words, max_new_tokens=6, do_sample=False)
    prune_heads(model, heads)
    assert torch.equal(model.generate(words, max_new_tokens=6, do_sample=False), expected)


@pytest.mark.parametrize("make", [tiny_more, tiny_rocore, tiny_siamese_ure])
def test_heads_of_our_own_models_are_found_in_their_backbone(make):
    model, _ = make()
    assert head_layout(model).encoder is model.backbone
    prune_heads(model, {0: [1], 1: [0, 3]})
    assert model.config.pruned_heads == {"0": [1], "1": [0, 3]}


def test_attentions_and_hidden_states_stay_in_their_places():
    model, batch = tiny_headed("bert", attention="eager"), tiny_batch()
    prune_heads(model, {0: [0, 1, 2, 3], 1: [1]})
    out = model(**batch, output_attentions=True, output_hidden_states=True)
    assert [attention.shape[1] for attention in out.attentions] == [0, 3] and len(out.hidden_states) == 3


def test_frozen_weights_stay_frozen_and_dtypes_and_modules_stay():
    model = tiny_headed("bert").to(torch.bfloat16)
    model.requires_grad_(False)
    query = model.encoder.layer[0].attention.self.query
    random = torch.get_rng_state()
    prune_heads(model, {0: [1]})
    assert model.encoder.layer[0].attention.self.query is query
    assert not query.weight.requires_grad and query.weight.dtype == torch.bfloat16
    assert torch.equal(torch.get_rng_state(), random)


def test_a_model_without_heads_in_a_layer_trains():
    model, batch = tiny_headed("bert", "texts"), tiny_batch(labels="texts")
    prune_heads(model, {0: [0, 1, 2, 3], 1: [1]})
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=0.01)
    losses = []
    for _ in range(5):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    "heads, message",
    [
        ({2: [0]}, "Layer 2 does not exist: layers are counted from 0 to 1"),
        ({-1: [0]}, "Layer -1"),
        ({0: [4]}, "Head 4 of layer 0 does not exist: heads are counted from 0 to 3"),
        ({0: [1, 1]}, "named twice"),
        ({0: [0], 1: [True]}, "A head is given by its number"),
        ({"0": [0]}, "A layer is given by its number"),
        ({0: "12"}, "must be a list"),
        ({0: 1}, "must be a list"),
        ([0, 1], "Heads are given as"),
        ({0: [3]}, r"Heads \[3\] of layer 0 are pruned already; left are \[0, 1, 2\]"),
    ],
)
def test_wrong_heads_are_told_plainly_and_nothing_changes(heads, message):
    model = tiny_headed("bert")
    prune_heads(model, {0: [3]})
    weights = size(model)
    with pytest.raises(UsageError, match=message):
        prune_heads(model, heads)
    with pytest.raises(UsageError, match=message), mask_heads(model, heads):
        pass
    assert size(model) == weights


def test_no_heads_at_all_change_nothing():
    model = tiny_headed("bert")
    prune_heads(model, {})
    prune_heads(model, {0: []})
    assert pruned_heads(model) == {} and pruned_heads(nn.Linear(2, 2)) == {}


def test_hooks_go_when_the_work_inside_fails():
    model = tiny_headed("bert")
    before = hooks(model)
    for context in (head_gates(model), mask_heads(model, {0: [1]})):
        with pytest.raises(RuntimeError, match="stop"), context:
            raise RuntimeError("stop")
    assert hooks(model) == before


def test_what_is_not_supported_is_told_with_what_is():
    albert = AlbertModel(
        AlbertConfig(vocab_size=10, embedding_size=8, hidden_size=8, num_attention_heads=2, intermediate_size=8)
    )
    for model in (albert, nn.Linear(2, 2), tiny_more_cnn()[0]):
        with pytest.raises(UsageError, match=r"Supported layouts: bert, .*modernbert.*register_head_layout"):
            head_layout(model)
    with pytest.raises(UsageError, match="must be a torch module, got str"):
        head_layout("bert-base-uncased")
    with pytest.raises(UsageError, match="several encoders"):
        head_layout(nn.ModuleList([tiny_headed("bert"), tiny_headed("roberta")]))


def test_a_layout_of_ones_own(monkeypatch):
    monkeypatch.setattr(head_layouts, "_LAYOUTS", {})
    parts = [f"attention.self.{name}" for name in ("query", "key", "value")]
    layout = HeadLayout("encoder.layer", *parts, output="attention.output.dense")
    register_head_layout("bert", layout)
    assert head_layout(tiny_headed("bert")).layout == layout
    with pytest.raises(UsageError, match="There is a head layout for 'bert'"):
        register_head_layout("bert", layout)
    with pytest.raises(UsageError, match="have the same path"):
        register_head_layout("other", HeadLayout("encoder.layer", "a", "a", "b", output="o"))
    for path, message in (("encoder.layer.0.attention", "is no list of layers"), ("encoder.layer", "has no `query`")):
        register_head_layout("bert", HeadLayout(path, "query", "key", "value", output="output"), replace=True)
        with pytest.raises(UsageError, match=message):
            head_layout(tiny_headed("bert"))


def test_a_layout_that_does_not_fit_is_noticed():
    model = tiny_headed("bert")
    model.encoder.layer[1].attention.self.query = nn.Linear(HIDDEN, 2 * HIDDEN)
    with pytest.raises(UsageError, match=r"attention\.self\.query` of layer 1 is 64 wide, but 4 heads of 8 make 32"):
        head_layout(model)


def test_a_projection_with_an_adapter_can_be_gated_but_not_sliced():
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(target_modules=["query", "value"], r=2)
    model = peft.get_peft_model(BertModel(BertConfig(**FAMILIES["bert"][1])), config)
    with head_gates(model) as gates:
        loss = model(**tiny_batch()).last_hidden_state.square().sum()
        assert len(torch.autograd.grad(loss, gates)) == NUM_LAYERS
    with pytest.raises(UsageError, match="Merge adapters"):
        prune_heads(model, {0: [1]})
