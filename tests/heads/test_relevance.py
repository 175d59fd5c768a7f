"""Layer-wise relevance: nothing is lost on the way, and single layers are as the rule says."""

import pytest
import torch
from torch import nn

from hf_relation.errors import UsageError
from hf_relation.heads import head_importance
from hf_relation.heads.batches import run_batch
from hf_relation.heads.relevance import RelevanceMeasure, head_relevance, linear_parts
from hf_relation.models.model_heads import head_layout
from tests.common.tiny_heads import tiny_batch, tiny_headed


def without_biases(family, task):
    model = tiny_headed(family, task).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    return model


def test_the_epsilon_rule_in_a_slow_loop():
    generator = torch.Generator().manual_seed(0)
    context, gradient, weight, bias = (
        torch.randn(*size, generator=generator) for size in ((2, 3), (4,), (4, 6), (4,))
    )
    output = weight @ context.flatten() + bias
    expected = torch.zeros(2)
    for head in range(2):
        for k in range(4):
            z, relevance = output[k].item(), (output[k] * gradient[k]).item()
            for j in range(3):
                part = context[head, j] * weight[k, head * 3 + j]
                expected[head] += part * relevance / (z + (1e-6 if z >= 0 else -1e-6))
    torch.testing.assert_close(
        head_relevance(context, output, gradient, weight).float(), expected, rtol=1e-4, atol=1e-5
    )


def test_no_output_is_no_relevance():
    zero = torch.zeros(1, 4)
    assert head_relevance(torch.ones(1, 2, 2), zero, torch.ones(1, 4), torch.ones(4, 4)).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("family", ["bert", "distilbert", "modernbert", "llama-grouped", "deberta-v2"])
def test_every_layer_hands_on_the_whole_score(family):
    """Without biases, input times gradient sums to the top logit at every layer, for every text."""
    model, batch = without_biases(family, "tokens"), tiny_batch(labels="tokens")
    heads = head_layout(model)
    states = []
    handles = [
        layer.register_forward_pre_hook(
            lambda module, args, kwargs: states.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True
        )
        for layer in heads.layers
    ]
    plain = model(**batch).logits
    states.clear()
    with linear_parts(heads, model):
        logits = model(**batch).logits
        top = logits.amax(-1).masked_fill(batch["labels"] == -100, 0.0)
        gradients = torch.autograd.grad(top.sum(), states)
    for handle in handles:
        handle.remove()
    torch.testing.assert_close(logits, plain, rtol=0, atol=0)
    for state, gradient in zip(states, gradients, strict=True):
        torch.testing.assert_close((state * gradient).sum((1, 2)), top.sum(1), rtol=1e-6, atol=1e-6)


def test_heads_and_the_residual_share_a_layer_s_relevance():
    model, batch = without_biases("bert", "tokens"), tiny_batch(labels="tokens")
    sums, states = [], []  # before the layer's normalisation: output of the attention, and what goes around it
    for layer in model.bert.encoder.layer:
        output = layer.attention.output
        output.LayerNorm.register_forward_pre_hook(lambda module, args: sums.append(args[0]))
        output.register_forward_pre_hook(lambda module, args: states.append(args[1]))
    measure = RelevanceMeasure(head_layout(model), model)
    with measure.watching():
        done = run_batch(model, batch, None, 0)
        top = done.output.logits.amax(-1).masked_fill(batch["labels"] == -100, 0.0).sum(1)
        gradients = torch.autograd.grad(top.sum(), sums, retain_graph=True)
        outputs = [output for *_, output in measure._seen]
        at_outputs = torch.autograd.grad(top.sum(), outputs, retain_graph=True)
        for layer, (seen, gradient, at_output) in enumerate(zip(measure._seen, gradients, at_outputs, strict=True)):
            _, context, output = seen
            weight = model.bert.encoder.layer[layer].attention.output.dense.weight
            to_heads = head_relevance(context, output, at_output, weight).sum((1, 2))
            around = (states[layer] * gradient).sum((1, 2))
            torch.testing.assert_close(to_heads + around, top, rtol=1e-4, atol=1e-4)
            assert to_heads.abs().min() > 1e-3
        scores = measure.scores(done)
    assert len(scores) == 2 and all((score > 0).all() for score in scores)


def test_a_bias_takes_its_share():
    model, batch = tiny_headed("bert", "texts").double(), tiny_batch(labels="texts")
    with_bias = head_importance(model, [batch], method="relevance").raw
    assert (with_bias > 0).all()


def test_the_loss_is_explained_where_there_are_no_logits():
    model, batch = tiny_headed("bert"), tiny_batch()

    def loss(model, batch):
        return model(**batch).last_hidden_state[:, 0].square().sum(-1)

    assert (head_importance(model, [batch], method="relevance", loss_fn=loss).raw > 0).all()


def test_logits_of_another_shape_are_refused():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = tiny_headed("bert")

        def forward(self, **batch):
            state = self.encoder(**batch).last_hidden_state
            return type("Output", (), {"loss": state.mean(), "logits": state.sum((1, 2))})()

    with pytest.raises(UsageError, match=r"logits of shape .*got \(3,\)"):
        head_importance(Odd(), [tiny_batch()], method="relevance")
