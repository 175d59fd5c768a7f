"""MORE: a metric-learned pair encoder whose embeddings are clustered into relations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput

from hf_relation.losses import build_loss
from hf_relation.models.encoder import pool_pairs
from hf_relation.models.more.configuration_more import MOREConfig


@dataclass
class MOREOutput(ModelOutput):
    """What [`MOREModel`] returns.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*): the loss over the batch, when `labels` were given.
        embeddings (`torch.Tensor` of shape `(batch, config.embedding_dim)`): one unit-length row per instance.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
    """

    loss: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None


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

    Reference: Lou et al., "MORE", ICASSP 2021, section 2 (equations 1-5); the ranked list loss is the default.
    """

    def __init__(self, config: MOREConfig) -> None:
        super().__init__(config)
        self.backbone = AutoModel.from_config(config.backbone_config)
        pooled_dim = len(config.pooling) * config.hidden_size
        self.projection = nn.Linear(pooled_dim, config.projection_dim) if config.projection_dim is not None else None
        self.relation_loss = build_loss(config.loss, **(config.loss_kwargs or {}))
        self.post_init()

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
        extra = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        every_layer = self.config.layer not in (-1, self.config.backbone_config.get_text_config().num_hidden_layers)
        encoded = self.backbone(
            input_ids=input_ids,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            output_hidden_states=every_layer,
            return_dict=True,
            **extra,
        )
        hidden = encoded.hidden_states[self.config.layer] if every_layer else encoded.last_hidden_state
        pooled = pool_pairs(
            hidden,
            self.config.pooling,
            attention_mask=attention_mask,
            head_token_mask=head_token_mask,
            tail_token_mask=tail_token_mask,
            between_token_mask=between_token_mask,
            head_marker_index=head_marker_index,
            tail_marker_index=tail_marker_index,
            normalize=self.config.normalize_blocks,
        )  # (batch, blocks * hidden)
        if self.projection is not None:
            pooled = self.projection(pooled)  # (batch, projection_dim)
        embeddings = functional.normalize(pooled.float(), dim=-1, eps=1e-6)
        loss = None if labels is None else self.compute_loss(embeddings, labels)
        output = MOREOutput(loss=loss, embeddings=embeddings, last_hidden_state=encoded.last_hidden_state)
        return output.to_tuple() if return_dict is False else output

    def compute_loss(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of ready embeddings; `forward` with `labels` gives the same.

        Args:
            embeddings (`torch.Tensor` of shape `(n, config.embedding_dim)`): rows of unit length.
            labels (`torch.Tensor` of shape `(n,)`): integer relation ids, -100 for unlabelled rows.

        Returns:
            `torch.Tensor` of shape `()`.
        """
        loss: torch.Tensor = self.relation_loss(embeddings, labels)
        return loss

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
            if processor is not None and processor.vocab_size > config.vocab_size:
                model.resize_token_embeddings(processor.vocab_size, mean_resizing=True)
                _copy_punctuation_rows(model.get_input_embeddings().weight, processor.tokenizer)
        return model


@torch.no_grad()
def _copy_punctuation_rows(table: torch.Tensor, tokenizer: Any) -> None:
    for token, row in tokenizer.get_added_vocab().items():
        for start, character in (("[E1", "#"), ("[/E1", "#"), ("[E2", "@"), ("[/E2", "@")):
            if token.startswith(start):
                source = tokenizer.convert_tokens_to_ids(character)
                if source is not None and source != tokenizer.unk_token_id:
                    table[row] = table[source]
