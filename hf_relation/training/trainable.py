"""Choosing which weights of a model move: all, some layers, or low-rank adapters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers import PreTrainedModel

from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from peft import PeftModel

    from hf_relation.processing import DocumentProcessor, RelationProcessor
    from hf_relation.training.arguments import RelationTrainingArguments


def encoder_layers(model: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """Find the stack of layers of the model's encoder.

    Args:
        model (`PreTrainedModel`): a model whose config knows `num_hidden_layers`.

    Returns:
        `tuple[str, nn.ModuleList]`: the dotted name of the stack inside the model, and the stack.

    Raises:
        UsageError: no list of that many layers in the model (for example because the layers share their weights).
    """
    depth = model.config.get_text_config().num_hidden_layers
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return name, module
    raise UsageError(
        f"{type(model).__name__} has no list of {depth} encoder layers, so its layers cannot be chosen one by one. "
        "Use trainable='full', or trainable='lora' with the names of linear or convolution layers in `lora_target_modules`."
    )


def freeze(
    model: PreTrainedModel,
    *,
    last_layers: int | None = None,
    layers: Sequence[int] | None = None,
    embeddings: bool = False,
) -> None:
    """Set `requires_grad` of the weights, in place.

    Args:
        model (`PreTrainedModel`): the model; what lies outside its `base_model` (projections, heads) always trains.
        last_layers (`int`, *optional*): train only this many of the encoder's last layers; `None` trains all.
        layers (`Sequence[int]`, *optional*): instead, train only these layers of the encoder, counted from 0, or from the
            end with negative numbers; none trains what lies outside the encoder alone.
        embeddings (`bool`, defaults to `False`): freeze the token embeddings.

    Raises:
        UsageError: more layers than the encoder has, or a layer that it does not have.
    """
    model.requires_grad_(True)
    if last_layers is not None or layers is not None:
        _, stack = encoder_layers(model)
        depth = len(stack)
        if last_layers is not None:
            if not 0 <= last_layers <= depth:
                raise UsageError(
                    f"`trainable_layers` must be between 0 and {depth} for this encoder, got {last_layers}."
                )
            layers = range(depth - last_layers, depth)
        wrong = [number for number in layers or () if not -depth <= number < depth]
        if wrong:
            raise UsageError(
                f"`trained_layers` must be layers of the encoder, from 0 to {depth - 1} (or from {-depth} to -1, counted from "
                f"the end), got {wrong[0]}."
            )
        model.base_model.requires_grad_(False)
        for number in layers or ():
            stack[number].requires_grad_(True)
    if embeddings:
        model.get_input_embeddings().requires_grad_(False)
    if not any(weight.requires_grad for weight in model.parameters()):
        raise UsageError("Nothing is left to train. Raise `trainable_layers` or use another value of `trainable`.")


def add_adapters(
    model: PreTrainedModel,
    *,
    r: int = 8,
    alpha: int = 16,
    dropout: float = 0.0,
    target_modules: Sequence[str] | None = None,
    token_ids: Sequence[int] = (),
) -> PeftModel:
    """Put low-rank adapters (peft) on the encoder; new heads and new tokens train in full beside them.

    Args:
        model (`PreTrainedModel`): the model with its final embedding table.
        r (`int`, defaults to 8): rank.
        alpha (`int`, defaults to 16): scale, as in `peft.LoraConfig`.
        dropout (`float`, defaults to 0.0): dropout in front of the adapters, in [0, 1).
        target_modules (`Sequence[str]`, *optional*): names or ends of names of layers; by default every linear layer
            in the encoder's stack of layers. A CNN has none: name its `"convolution"`.
        token_ids (`Sequence[int]`, defaults to none): rows of the token embeddings that train (marker tokens).

    Returns:
        `peft.PeftModel`: the model with adapters; `merge_and_unload()` gives the plain model back.

    Raises:
        UsageError: a name in `target_modules` that no layer has, no stack of layers and no names, or a head that is called as
            layers of the encoder are.

    Reference: Hu et al., 2022 (LoRA).
    """
    from peft import LoraConfig, get_peft_model

    names = [name for name, _ in model.named_modules()]
    if target_modules is None:
        stack, _ = encoder_layers(model)
        targets = [
            name
            for name, module in model.named_modules()
            if name.startswith(f"{stack}.") and isinstance(module, nn.Linear)
        ]
    else:
        targets = list(target_modules)
        unknown = [t for t in targets if not any(name == t or name.endswith(f".{t}") for name in names)]
        if unknown:
            raise UsageError(
                f"No layer of {type(model).__name__} is called {', '.join(unknown)} (`lora_target_modules`)."
            )
    encoder = model.base_model
    heads = [
        name
        for name, module in model.named_children()
        if module is not encoder and any(True for _ in module.parameters())
    ]
    # peft finds heads by the end of a name: one called "dense" would stand for many layers of an encoder.
    for head in heads:
        other = next((name for name in names if name != head and name.endswith(head)), None)
        if other is not None:
            raise UsageError(
                f"{type(model).__name__} has a head {head!r}, by whose name adapters would take {other!r} for a head as well. Rename it."
            )
    embeddings = model.get_input_embeddings()
    table = next(name for name, module in model.named_modules() if module is embeddings)
    config = LoraConfig(
        r=r,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=targets,
        modules_to_save=heads or None,
        trainable_token_indices={table: list(token_ids)} if token_ids else None,
    )
    # By this name peft would look for the plain encoder's config (on the Hub, even) at every save, find that the
    # vocabulary has grown since, and save the whole embedding table with the adapter.
    model.name_or_path = ""
    return get_peft_model(model, config)


def make_trainable(
    model: PreTrainedModel, args: RelationTrainingArguments, processor: RelationProcessor | DocumentProcessor
) -> PreTrainedModel | PeftModel:
    """Set which weights move, as the arguments say.

    Args:
        model (`PreTrainedModel`): the model at its start; changed in place.
        args ([`RelationTrainingArguments`]): `trainable`, `trainable_layers`, `trained_layers`, `freeze_embeddings` and the
            `lora_` fields.
        processor ([`RelationProcessor`], or a tokenizer): its marker tokens train beside adapters.

    Returns:
        `PreTrainedModel` or `peft.PeftModel`: the model, with adapters for `trainable="lora"`.

    Raises:
        UsageError: as [`freeze`] and [`add_adapters`].
    """
    if args.trainable == "lora":
        markers = (
            [] if args.freeze_embeddings else getattr(processor, "marker_tokens", [])
        )  # a plain tokenizer has none
        return add_adapters(
            model,
            r=args.lora_r,
            alpha=args.lora_alpha,
            dropout=args.lora_dropout,
            target_modules=args.lora_target_modules,
            token_ids=processor.tokenizer.convert_tokens_to_ids(markers) if markers else [],
        )
    if args.trainable == "last_n":
        freeze(model, last_layers=args.trainable_layers, embeddings=True)
    elif args.trainable == "layers":
        if args.trained_layers is None:
            raise UsageError(
                "`trainable='layers'` needs `trained_layers`, the numbers of the layers, e.g. trained_layers=[4, 5]."
            )
        freeze(model, layers=args.trained_layers, embeddings=True)
    else:
        freeze(model, embeddings=args.freeze_embeddings)
    return model


def split_groups(optimizer: torch.optim.Optimizer, inside: Collection[int], learning_rate: float) -> None:
    """Give some weights of a new optimizer another learning rate, in place.

    Args:
        optimizer (`torch.optim.Optimizer`): before its first step.
        inside (`Collection[int]`): the `id` of every weight that keeps its learning rate.
        learning_rate (`float`): of all others.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.training.trainable import split_groups
    >>> encoder, head = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(3))
    >>> optimizer = torch.optim.AdamW([encoder, head], lr=1e-5)
    >>> split_groups(optimizer, {id(encoder)}, 1e-2)
    >>> [(group["lr"], len(group["params"])) for group in optimizer.param_groups]
    [(1e-05, 1), (0.01, 1)]

    ```
    """
    for group in list(optimizer.param_groups):
        outside = [weight for weight in group["params"] if id(weight) not in inside]
        if outside:
            group["params"] = [weight for weight in group["params"] if id(weight) in inside]
            optimizer.add_param_group({**group, "params": outside, "lr": learning_rate})
