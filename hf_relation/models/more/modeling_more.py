"""MORE: a metric-learned pair encoder whose embeddings are clustered into relations."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput

from hf_relation.errors import UsageError
from hf_relation.losses import RandomState, VirtualAdversarialLoss, build_loss
from hf_relation.models.encoder import pool_pairs
from hf_relation.models.more.configuration_more import MOREConfig
from hf_relation.models.word_embeddings import perturbed_word_embeddings


@dataclass
class MOREOutput(ModelOutput):
    """What [`MOREModel`] returns.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*): the loss over the batch, when `labels` were given.
        embeddings (`torch.Tensor` of shape `(batch, config.embedding_dim)`): one unit-length row per instance.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
        adversarial_loss (`torch.Tensor` of shape `()`, *optional*): the virtual adversarial loss, a mean over the rows,
            before it is weighted; only while training with gradients and `adversarial_factor` above 0.
    """

    loss: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None
    adversarial_loss: torch.Tensor | None = None


class MOREPreTrainedModel(PreTrainedModel):
    """Weight initialisation and capabilities shared by MORE's classes."""

    config_class = MOREConfig
    base_model_prefix = "backbone"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    # The loss is a function of the whole batch; Trainer must divide it for gradient accumulation.
    accepts_loss_kwargs = False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, mean=0.0, std=self.config.initializer_range)
            if module.bias is not None:
                init.zeros_(module.bias)


class MOREModel(MOREPreTrainedModel):
    """Encoder, pair pooling, an optional projection, unit length.

    The distance between two rows of `embeddings` says how likely two instances express the same relation, also for
    relations never seen in training: cluster the rows to discover relations.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.more import MOREConfig, MOREModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> model = MOREModel(MOREConfig(backbone_config=sizes, projection_dim=8)).eval()
    >>> out = model(input_ids=torch.tensor([[1, 2, 3], [4, 5, 6]]), head_marker_index=torch.tensor([0, 1]),
    ...             tail_marker_index=torch.tensor([2, 2]), labels=torch.tensor([0, 0]))
    >>> out.embeddings.shape, out.loss.shape
    (torch.Size([2, 8]), torch.Size([]))

    ```

    With `config.adversarial_weight` above 0, training adds the virtual adversarial loss: clean and perturbed passes share
    their dropout masks; with `start="scaled"` the forward pass leaves mixed precision, in whose rounding so small a
    direction is lost. `adversarial_scale` (1 by default, not saved) multiplies the weight; the warm-up of
    [`RelationTrainer`] sets it.

    Reference: Lou et al., "MORE", ICASSP 2021, section 2 (equations 1-7); the ranked list loss is the default.
    """

    def __init__(self, config: MOREConfig) -> None:
        super().__init__(config)
        self.backbone = AutoModel.from_config(config.backbone_config)
        pooled_dim = len(config.pooling) * config.hidden_size
        self.projection = nn.Linear(pooled_dim, config.projection_dim) if config.projection_dim is not None else None
        self.relation_loss = build_loss(config.loss, **(config.loss_kwargs or {}))
        self.adversarial_loss = VirtualAdversarialLoss(**(config.adversarial_kwargs or {}))
        self.adversarial_scale = 1.0
        # The CNN computes distances to the mentions; most encoders know nothing of them.
        self._backbone_takes_mentions = "head_token_mask" in inspect.signature(self.backbone.forward).parameters
        self.post_init()

    @property
    def adversarial_factor(self) -> float:
        """What the virtual adversarial loss counts now: `config.adversarial_weight * adversarial_scale`."""
        return self.config.adversarial_weight * self.adversarial_scale

    def get_input_embeddings(self) -> nn.Module:
        return self.backbone.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.backbone.set_input_embeddings(value)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        head_token_mask: torch.Tensor | None = None,
        tail_token_mask: torch.Tensor | None = None,
        between_token_mask: torch.Tensor | None = None,
        head_marker_index: torch.Tensor | None = None,
        tail_marker_index: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> MOREOutput | tuple[torch.Tensor, ...]:
        """Embed a batch that [`~hf_relation.RelationProcessor`] made.

        Args:
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens; default all ones.
            token_type_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): passed on where the encoder has them.
            head_token_mask, tail_token_mask, between_token_mask (`torch.Tensor` of shape `(batch, tokens)`): 1 at the
                tokens of the head mention, the tail mention, and between the two.
            head_marker_index, tail_marker_index (`torch.Tensor` of shape `(batch,)`): positions of the start markers.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): instead of `input_ids`.
            labels (`torch.Tensor` of shape `(batch,)`, *optional*): integer relation ids, -100 for unlabelled rows.
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            [`MOREOutput`].
        """
        if attention_mask is None:
            reference = input_ids if input_ids is not None else inputs_embeds
            if reference is None:
                raise ValueError("Give `input_ids` or `inputs_embeds`.")
            attention_mask = torch.ones(reference.shape[:2], dtype=torch.long, device=reference.device)
        mentions: dict[str, torch.Tensor | None] = {
            "head_token_mask": head_token_mask,
            "tail_token_mask": tail_token_mask,
            "between_token_mask": between_token_mask,
            "head_marker_index": head_marker_index,
            "tail_marker_index": tail_marker_index,
        }
        extra: dict[str, torch.Tensor | None] = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        wanted = self.training and self.adversarial_factor > 0
        adversarial = wanted and torch.is_grad_enabled()
        # The perturbation found from a direction of length one is nearly the same in bfloat16; a direction of length 0.02,
        # spread over a sentence, is lost in rounding. Passes without gradients (gradient caching) must match those with.
        exact = wanted and self.adversarial_loss.start == "scaled"
        precision = torch.autocast(attention_mask.device.type, enabled=False) if exact else nullcontext()
        with precision:
            random_state = RandomState(attention_mask.device) if adversarial else None
            embeddings, last_hidden_state, width = self._embed(
                input_ids, inputs_embeds, attention_mask, extra, mentions, None
            )
            adversarial_loss = None
            if adversarial:
                adversarial_loss = self.adversarial_loss(
                    lambda change: self._embed(input_ids, inputs_embeds, attention_mask, extra, mentions, change)[0],
                    embeddings,
                    attention_mask,
                    width,
                    random_state,
                )
        loss = None if labels is None else self.compute_loss(embeddings, labels)
        if loss is not None and adversarial_loss is not None:
            loss = loss + self.adversarial_factor * adversarial_loss
        output = MOREOutput(
            loss=loss,
            embeddings=embeddings,
            last_hidden_state=last_hidden_state,
            adversarial_loss=adversarial_loss,
        )
        return output.to_tuple() if return_dict is False else output

    def _embed(
        self,
        input_ids: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
        attention_mask: torch.Tensor,
        extra: dict[str, torch.Tensor | None],
        mentions: dict[str, torch.Tensor | None],
        perturbation: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Embeddings `(batch, embedding_dim)`, the last hidden state, and the width of the word embeddings."""
        if inputs_embeds is not None and perturbation is not None:
            inputs_embeds = inputs_embeds + perturbation.to(inputs_embeds.dtype)
        if self._backbone_takes_mentions:
            extra = extra | {name: mentions[name] for name in ("head_token_mask", "tail_token_mask")}
        depth = self.config.backbone_config.get_text_config().num_hidden_layers
        every_layer = self.config.layer not in (-1, depth)
        with perturbed_word_embeddings(self.get_input_embeddings(), perturbation) as widths:
            encoded = self.backbone(
                input_ids=input_ids,
                inputs_embeds=inputs_embeds,
                attention_mask=attention_mask,
                output_hidden_states=every_layer,
                return_dict=True,
                **extra,
            )
        width = inputs_embeds.shape[-1] if inputs_embeds is not None else widths[0]
        pooled = pool_pairs(
            encoded.hidden_states[self.config.layer] if every_layer else encoded.last_hidden_state,
            self.config.pooling,
            attention_mask=attention_mask,
            normalize=self.config.normalize_blocks,
            **mentions,
        )  # (batch, blocks * hidden)
        if self.projection is not None:
            pooled = self.projection(pooled)  # (batch, projection_dim)
        return functional.normalize(pooled.float(), dim=-1, eps=1e-6), encoded.last_hidden_state, width

    def compute_loss(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The relation loss of ready embeddings: that of `forward` with `labels`, without the virtual adversarial loss.

        Args:
            embeddings (`torch.Tensor` of shape `(n, config.embedding_dim)`): rows of unit length.
            labels (`torch.Tensor` of shape `(n,)`): integer relation ids, -100 for unlabelled rows.

        Returns:
            `torch.Tensor` of shape `()`.
        """
        loss: torch.Tensor = self.relation_loss(embeddings, labels)
        return loss

    def _add_marker_rows(self, processor: Any | None) -> None:
        """Grow the embedding table for the processor's marker tokens; they start as `#` and `@`."""
        if processor is None or processor.vocab_size <= self.config.vocab_size:
            return
        table = self.resize_token_embeddings(processor.vocab_size, mean_resizing=True).weight
        with torch.no_grad():
            for token, row in processor.tokenizer.get_added_vocab().items():
                for start, character in (("[E1", "#"), ("[/E1", "#"), ("[E2", "@"), ("[/E2", "@")):
                    source = processor.tokenizer.convert_tokens_to_ids(character)
                    if token.startswith(start) and source not in (None, processor.tokenizer.unk_token_id):
                        table[row] = table[source]

    @classmethod
    def from_backbone(
        cls, name_or_path: str | Path, processor: Any | None = None, *, seed: int = 0, **settings: Any
    ) -> MOREModel:
        """Start from a plain encoder, with new weights only where it has none.

        Args:
            name_or_path (`str` or `Path`): folder or Hub id of an encoder that `AutoModel` loads.
            processor ([`~hf_relation.RelationProcessor`], *optional*): its marker tokens get rows in the embedding
                table. They start as copies of the rows of `#` (head) and `@` (tail), which mark mentions as well as
                trained markers do (Zhou and Chen, "An Improved Baseline for Sentence-level Relation Extraction",
                2022); where the vocabulary lacks these, as the mean row plus seeded noise.
            seed (`int`, defaults to 0): seed of every new weight.
            **settings: fields of [`MOREConfig`]. `revision`, `token`, `dtype` and `local_files_only` go to the loader.

        Returns:
            [`MOREModel`].
        """
        loading = {key: settings.pop(key) for key in ("revision", "token", "local_files_only") if key in settings}
        dtype = settings.pop("dtype", torch.float32)
        backbone_config = AutoConfig.from_pretrained(str(name_or_path), **loading)
        config = MOREConfig(backbone_config=backbone_config, **settings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = cls.from_pretrained(str(name_or_path), config=config, dtype=dtype, **loading)
            model._add_marker_rows(processor)
        return model

    @classmethod
    def from_encoder(
        cls, backbone: PreTrainedModel, processor: Any | None = None, *, seed: int = 0, **settings: Any
    ) -> MOREModel:
        """Start from an encoder in memory, such as a [`~hf_relation.models.relation_cnn.RelationCNNModel`].

        Args:
            backbone (`PreTrainedModel`): the encoder; its weights are copied.
            processor ([`~hf_relation.RelationProcessor`], *optional*): its marker tokens get rows in the embedding table,
                as in [`~MOREModel.from_backbone`].
            seed (`int`, defaults to 0): seed of every new weight.
            **settings: fields of [`MOREConfig`].

        Returns:
            [`MOREModel`].

        Raises:
            UsageError: the settings give the encoder's config as well.
        """
        if "backbone_config" in settings:
            raise UsageError("`backbone_config` is that of `backbone`; leave it out.")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = cls(MOREConfig(backbone_config=backbone.config, **settings))
            model.backbone.load_state_dict(backbone.state_dict())
            model._add_marker_rows(processor)
        return model
