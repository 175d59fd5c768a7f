"""Models whose weights are spread over the processes (FSDP)."""

from __future__ import annotations

import torch
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from hf_relation.errors import UsageError
from hf_relation.training.arguments import RelationTrainingArguments


def check_sharded_run(args: RelationTrainingArguments, fsdp_version: int, adversarial_weight: float = 0.0) -> None:
    """Refuse what does not work on weights that are spread over the processes.

    Args:
        args ([`RelationTrainingArguments`]): the settings.
        fsdp_version (`int`): 1 or 2.
        adversarial_weight (`float`, defaults to 0): weight of the model's virtual adversarial loss.

    Raises:
        UsageError: FSDP 1, adapters, averaged weights, or virtual adversarial training.
    """
    if fsdp_version != 2:
        raise UsageError(
            "Training with FSDP needs version 2: set `fsdp_version: 2` in the `fsdp_config` of accelerate."
        )
    wrong = [
        f"{name}={getattr(args, name)!r}"
        for name, allowed in (
            ("trainable", ("full", "last_n", "layers")),
            ("ema_decay", (0,)),
            ("base_weight_average", (0,)),
        )
        if getattr(args, name) not in allowed
    ]
    if adversarial_weight:
        # It walks back through the encoder in the middle of a forward pass, which FSDP takes for the end of the pass.
        wrong.append(f"adversarial_weight={adversarial_weight!r}")
    if wrong:
        raise UsageError(
            f"With FSDP, {', '.join(wrong)} is not supported: adapters, averages of weights and virtual adversarial training "
            "need whole weights in every process. Set trainable='full' (or 'last_n', 'layers'), ema_decay=0, base_weight_average=0 and "
            "adversarial_weight=0, or train with DDP (examples/accelerate_ddp.yaml)."
        )


def freeze_pooler(model: PreTrainedModel) -> None:
    """Freeze the encoder's own pooler, in place; pair encoders pool by themselves and never call it.

    Weights that could train but get no gradient have no state in the optimizer, and a sharded run with such weights cannot
    be resumed.

    Args:
        model (`PreTrainedModel`): a model whose `base_model` is the encoder.
    """
    for name, module in model.base_model.named_children():
        if name == "pooler":
            module.requires_grad_(False)


def whole_model(model: torch.nn.Module, model_class: type[PreTrainedModel]) -> PreTrainedModel:
    """Bring the spread weights of a model together, in every process; to be called by all processes at once.

    Args:
        model (`nn.Module`): the model as FSDP 2 made it, with a `config`.
        model_class (`type`): class of the plain model.

    Returns:
        `PreTrainedModel`: a plain model with the same weights, on the same device, in the same mode.
    """
    state = {
        name: weight.full_tensor() if isinstance(weight, DTensor) else weight
        for name, weight in model.state_dict().items()
    }
    device = next(iter(state.values())).device
    with torch.random.fork_rng(devices=[]):
        plain = model_class(model.config)
    plain.load_state_dict(state)
    trains = {name: weight.requires_grad for name, weight in model.named_parameters()}
    for name, weight in plain.named_parameters():
        weight.requires_grad_(trains[name])
    return plain.to(device).train(model.training)
