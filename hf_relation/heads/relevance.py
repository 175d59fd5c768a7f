r"""Layer-wise relevance propagation to attention heads.

A prediction's score f (a logit) is handed back through the network; what arrives at a head is its relevance. In a network
whose parts are linear, "input times gradient" hands f back in full: the relevances of any layer sum to f, less what biases
take. The parts that are not linear are made so, around the input at hand, by treating a factor as a constant:

- normalisation layers: the standard deviation (or root mean square) is a constant;
- attention: the attention weights are constants, so that relevance flows through values alone;
- activations: phi(x) = x * c with the constant c = phi(x) / x; where a feed-forward layer multiplies an activation with
  another projection, the activation is the constant.

At the attention output projection z = W c + b of a layer, the relevance of its outputs, R_k = z_k * dg_k, goes to the inputs by
the epsilon rule: R_j = c_j sum_k W_kj R_k / (z_k + eps sign z_k). The relevance of a head is the sum over its width and the
tokens. A layer's heads get all that arrived but the bias's share, and what eps takes.

References: Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance
Propagation", PLOS ONE 2015 (the epsilon rule); Voita et al., "Analyzing Multi-Head Self-Attention", ACL 2019 (heads, and the
top-1 logit); Ali et al., "XAI for Transformers: Better Explanations through Conservative Propagation", ICML 2022 (constant
factors).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hf_relation.errors import UsageError
from hf_relation.heads.batches import BatchLoss
from hf_relation.heads.measuring import Measure
from hf_relation.models.head_gates import changed_contexts
from hf_relation.models.model_heads import ModelHeads


EPSILON = 1e-6
_ACTIVATIONS = (nn.GELU, nn.ReLU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.LeakyReLU, nn.Mish, nn.ReLU6)


class RelevanceMeasure(Measure):
    """Absolute relevance of every head for every example's prediction, summed over examples.

    What is explained is the top-1 logit, summed over the labelled tokens of an example; for a model without `logits`, or with
    a loss function of the caller, the loss.

    Args:
        heads ([`ModelHeads`]): of the model.
        model (`nn.Module`): all of it.
    """

    def __init__(self, heads: ModelHeads, model: nn.Module) -> None:
        super().__init__(heads)
        self.model = model
        self._seen: list[tuple[int, Tensor, Tensor]] = []  # layer, contexts, output of the projection
        for layer in range(heads.num_layers):
            heads.linear(layer, "output")

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._seen = []
        contexts: dict[int, Tensor] = {}

        def keep(layer: int, context: Tensor) -> Tensor:
            gate = torch.ones((), device=context.device, requires_grad=True)  # a graph, also where weights are frozen
            contexts[layer] = context * gate.to(context.dtype)
            return contexts[layer]

        def pair(layer: int, module: nn.Module, args: Any, output: Tensor) -> None:
            self._seen.append((layer, contexts[layer].detach(), output))

        handles = [
            self.heads.projection(layer, "output").register_forward_hook(partial(pair, layer))
            for layer in range(self.heads.num_layers)
        ]
        try:
            with changed_contexts(self.heads, keep), linear_parts(self.heads, self.model):
                yield
        finally:
            self._seen = []
            for handle in handles:
                handle.remove()

    def scores(self, done: BatchLoss) -> list[Tensor]:
        target, factors = explained(done)
        gradients = torch.autograd.grad(target, [output for *_, output in self._seen], allow_unused=True)
        per_layer = [torch.zeros(done.num_examples, len(kept), dtype=torch.float64) for kept in self.heads.kept]
        for (layer, context, output), gradient in zip(self._seen, gradients, strict=True):
            if gradient is None:
                continue
            weight = self.heads.linear(layer, "output").weight
            values = head_relevance(context, output, gradient, weight).sum(1)  # (rows, heads left)
            per_layer[layer] += done.per_example(values).cpu() * factors.cpu()[:, None]
        return [values.abs().sum(0) for values in per_layer]


def explained(done: BatchLoss) -> tuple[Tensor, Tensor]:
    """The sum of what is explained for every example, and what each is multiplied with.

    Raises:
        UsageError: logits that are not `(examples, classes)` or `(examples, tokens, classes)`.
    """
    logits = getattr(done.output, "logits", None)
    if not isinstance(logits, Tensor):
        return done.total, done.factors.double()
    if logits.ndim not in (2, 3) or len(logits) != done.num_examples:
        raise UsageError(
            f"Relevance needs logits of shape (examples, classes) or (examples, tokens, classes), got {tuple(logits.shape)}. "
            "Pass `loss_fn`, and the loss is explained."
        )
    top = logits.amax(-1)
    if top.ndim == 2 and isinstance(done.batch, Mapping):
        labels = done.batch.get("labels")
        if isinstance(labels, Tensor) and labels.shape == top.shape and not labels.is_floating_point():
            top = top.masked_fill(labels == -100, 0.0)
    return top.sum(), torch.ones(done.num_examples, dtype=torch.float64)


def head_relevance(context: Tensor, output: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    """The epsilon rule through an output projection.

    Args:
        context (`torch.Tensor` of shape `(..., heads, head_dim)`): its input.
        output (`torch.Tensor` of shape `(..., hidden)`): its output, with bias.
        gradient (`torch.Tensor` of shape `(..., hidden)`): of what is explained, by `output`.
        weight (`torch.Tensor` of shape `(hidden, heads * head_dim)`): its weight.

    Returns:
        `torch.Tensor` of shape `(..., heads)`, float64: relevance of every head; negative where it speaks against.
    """
    z = output.detach().double()
    shares = z * gradient.double() / (z + torch.where(z < 0, -EPSILON, EPSILON))
    handed = shares @ weight.detach().double()  # (..., heads * head_dim)
    return (handed.unflatten(-1, context.shape[-2:]) * context.double()).sum(-1)


@contextmanager
def linear_parts(heads: ModelHeads, model: nn.Module) -> Iterator[None]:
    """Inside, outputs are the same and gradients are those of a network whose parts are linear.

    Args:
        heads ([`ModelHeads`]): of the model.
        model (`nn.Module`): all of it.
    """
    handles = []

    def hook(module: nn.Module, function: Callable[..., Any]) -> None:
        handles.append(module.register_forward_hook(function))

    try:
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                hook(module, _layer_norm)
            elif type(module).__name__.endswith("RMSNorm"):
                hook(module, _elementwise)
            elif _is_activation(module):
                inside = heads.layout.gated and any(module is each for each in heads.layers.modules())
                hook(module, _constant if inside else _elementwise)
        for layer in range(heads.num_layers):
            if heads.layout.fused:
                hook(heads.projection(layer, "query"), _constant_queries_and_keys)
                continue
            for attending in (heads.projection(layer, "query"), heads.projection(layer, "key")):
                hook(attending, _constant)
            for linear in heads.position_linears(layer):
                hook(linear, _constant)
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_activation(module: nn.Module) -> bool:
    return isinstance(module, _ACTIVATIONS) or type(module).__module__ == "transformers.activations"


def _linear(x: Tensor, output: Tensor, slope: Tensor) -> Tensor:
    """`output`, to the bit, with the gradient of `x * slope`."""
    return output.detach() + (x - x.detach()) * slope.detach().to(x.dtype)


def _layer_norm(module: nn.LayerNorm, args: tuple[Any, ...], output: Tensor) -> Tensor:
    x = args[0]
    dims = tuple(range(-len(module.normalized_shape), 0))
    centred = x - x.mean(dims, keepdim=True)
    slope = (centred.detach().float().square().mean(dims, keepdim=True) + module.eps).rsqrt()
    if module.weight is not None:
        slope = slope * module.weight
    return _linear(centred, output, slope)


def _elementwise(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
    x = args[0]
    return _linear(x, output, torch.where(x == 0, 0.0, output / torch.where(x == 0, 1.0, x)))


def _constant(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
    return output.detach()


def _constant_queries_and_keys(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
    query, key, value = output.chunk(3, dim=-1)
    return torch.cat([query.detach(), key.detach(), value], dim=-1)
