"""What all models over an encoder have in common: the pair representation, and starting from a plain encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import nn
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init

from hf_relation.beside_weights import SavedWhole
from hf_relation.errors import UsageError
from hf_relation.hub_class import PackagedClass
from hf_relation.model_origin import find_origin, set_origin
from hf_relation.models.backbone_source import read_source, refuse_adapter
from hf_relation.models.encoder import pool_pairs
from hf_relation.models.encoder_inputs import takes_column
from hf_relation.models.head_selection import numbered_heads, stored_heads
from hf_relation.models.head_surgery import prune_heads, pruned_heads, record_pruned_heads
from hf_relation.models.length_chunks import split_by_length
from hf_relation.models.mapping import MappingLinear
from hf_relation.models.pair_config import EncoderConfig, PairEncoderConfig
from hf_relation.models.safe_loading import SafeLoadingModel
from hf_relation.models.with_card import WithCard
from hf_relation.models.word_embeddings import perturbed_word_embeddings


# How markers begin that know no head or tail, those of `DocumentProcessor`.
_ANY_ROLE = ("[E]", "[/E]", "[E:", "[/E:")


class PairStates(NamedTuple):
    """What [`PairEncoderPreTrainedModel.encode_pairs`] returns.

    Args:
        pooled (`torch.Tensor` of shape `(batch, blocks * hidden)`): the pair representations h.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
        word_embedding_dim (`int`): width of the word embeddings.
    """

    pooled: torch.Tensor
    last_hidden_state: torch.Tensor
    word_embedding_dim: int


class EncoderPreTrainedModel(PackagedClass, SavedWhole, WithCard, SafeLoadingModel):
    """An encoder, `self.backbone`; what lies above it is the subclass's.

    Weight initialisation, capabilities, and the ways to start from a plain encoder. A subclass calls
    `_build_backbone()` in its `__init__`.
    """

    config_class = EncoderConfig
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
        if isinstance(module, MappingLinear):
            bound = module.in_features**-0.5
            init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                init.uniform_(module.bias, -bound, bound)
        elif isinstance(module, nn.Linear):
            init.normal_(module.weight, mean=0.0, std=self.config.initializer_range)
            if module.bias is not None:
                init.zeros_(module.bias)

    def _build_backbone(self) -> None:
        self.backbone = AutoModel.from_config(self.config.backbone_config)
        if self.config.pruned_heads:
            prune_heads(self.backbone, numbered_heads(self.config.pruned_heads))
        # The CNN computes distances to the mentions; most encoders know nothing of them.
        self._backbone_takes_mentions = takes_column(self.backbone, "head_token_mask")
        self._backbone_takes_types = takes_column(self.backbone, "token_type_ids")

    def _token_types(self, token_type_ids: torch.Tensor | None) -> dict[str, Any]:
        """The token types as a keyword of the encoder; nothing where there are none, or where it knows none."""
        known = token_type_ids is not None and self._backbone_takes_types
        return {"token_type_ids": token_type_ids} if known else {}

    def _prune_rest(self, wanted: dict[str, list[int]] | None) -> None:
        """Prune the heads that a config names and that are there still."""
        there = pruned_heads(self)
        heads = numbered_heads(wanted or {})
        rest = {layer: [head for head in heads[layer] if head not in there.get(layer, ())] for layer in heads}
        if any(rest.values()):
            prune_heads(self, rest)

    def save_pretrained(self, *args: Any, **kwargs: Any) -> Any:
        """As `PreTrainedModel.save_pretrained`, all files at once; the config says which attention heads are gone."""
        record_pruned_heads(self)
        return super().save_pretrained(*args, **kwargs)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """As `PreTrainedModel.from_pretrained`; the model remembers the folder, or the commit on the Hub, that it came from."""
        origin, revision = find_origin(pretrained_model_name_or_path, kwargs)
        if revision is not None:
            kwargs["revision"] = revision
        loaded = super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        set_origin(loaded[0] if isinstance(loaded, tuple) else loaded, origin)
        return loaded

    def get_input_embeddings(self) -> nn.Module:
        return self.backbone.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.backbone.set_input_embeddings(value)

    def _add_marker_rows(self, processor: Any | None) -> None:
        """Grow the embedding table for the processor's marker tokens; the new ones start as `#` and `@`."""
        before = self.config.vocab_size
        if processor is None or processor.vocab_size <= before:
            return
        table = self.resize_token_embeddings(processor.vocab_size, mean_resizing=True).weight
        with torch.no_grad():
            for token, row in processor.tokenizer.get_added_vocab().items():
                for starts, character in ((("[E1", "[/E1", *_ANY_ROLE), "#"), (("[E2", "[/E2"), "@")):
                    source = processor.tokenizer.convert_tokens_to_ids(character)
                    # Rows that were there are trained: the encoder may be one of a model with markers.
                    new = row >= before and token.startswith(starts)
                    if new and source not in (None, processor.tokenizer.unk_token_id):
                        table[row] = table[source]

    @classmethod
    def from_backbone(
        cls, name_or_path: str | Path, processor: Any | None = None, *, seed: int = 0, **settings: Any
    ) -> Self:
        """Start from a trained encoder, with new weights only where it has none.

        Args:
            name_or_path (`str` or `Path`): folder or Hub id of an encoder that `AutoModel` loads; or of a model of this package
                (pre-trained by FineCL, say), whose encoder is taken as it is, heads that were pruned included, and nothing
                that lies above it.
            processor ([`~hf_relation.RelationProcessor`] or [`~hf_relation.processing.DocumentProcessor`], *optional*): its
                marker tokens get rows in the embedding table. They start as copies of the rows of `#` (head, and where
                markers know no head and tail) and `@` (tail), which mark mentions as well as trained markers do (Zhou and
                Chen, "An Improved Baseline for Sentence-level Relation Extraction", 2022); where the vocabulary lacks
                these, as the mean row plus seeded noise.
            seed (`int`, defaults to 0): seed of every new weight.
            **settings: fields of the model's config class. `revision`, `token`, `dtype` and `local_files_only` go to
                the loader.

        Returns:
            The model.

        Raises:
            CheckpointError: the folder holds pickles only, a file is damaged, or weights of the encoder are missing.
            UsageError: it is not an encoder of texts and no model of this package, or an adapter; or a setting has a value
                that is not allowed.
        """
        loading: dict[str, Any] = {
            key: settings.pop(key) for key in ("revision", "token", "local_files_only") if key in settings
        }
        dtype = settings.pop("dtype", torch.float32)
        _, revision = find_origin(name_or_path, loading)
        if revision is not None:
            loading["revision"] = (
                revision  # settings and weights of one commit, though a branch may move between the two
            )
        refuse_adapter(name_or_path, loading)
        found, _ = PreTrainedConfig.get_config_dict(str(name_or_path), **loading)
        source = read_source(found, f"config.json of {name_or_path}")
        config = cls.config_class(backbone_config=source.config, **settings)
        # The weights to load are those of all heads, or of those that the model before still had.
        wanted, config.pruned_heads = config.pruned_heads, source.pruned_heads
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = cls.from_pretrained(
                str(name_or_path),
                config=config,
                dtype=dtype,
                key_mapping=source.key_mapping,
                encoder_only=True,
                **loading,
            )
            model._add_marker_rows(processor)
        set_origin(model, None)  # what lies beside the encoder is not of this model
        model._prune_rest(wanted)
        return model

    @classmethod
    def from_encoder(
        cls, backbone: PreTrainedModel, processor: Any | None = None, *, seed: int = 0, **settings: Any
    ) -> Self:
        """Start from an encoder in memory, such as a [`~hf_relation.models.relation_cnn.RelationCNNModel`].

        Args:
            backbone (`PreTrainedModel`): the encoder; its weights are copied.
            processor ([`~hf_relation.RelationProcessor`], *optional*): its marker tokens get rows in the embedding table,
                as in `from_backbone`.
            seed (`int`, defaults to 0): seed of every new weight.
            **settings: fields of the model's config class.

        Returns:
            The model.

        Raises:
            UsageError: the settings give the encoder's config as well.
        """
        if "backbone_config" in settings:
            raise UsageError("`backbone_config` is that of `backbone`; leave it out.")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            config = cls.config_class(backbone_config=backbone.config, **settings)
            wanted, config.pruned_heads = config.pruned_heads, stored_heads(pruned_heads(backbone)) or None
            model = cls(config)
            model.backbone.load_state_dict(backbone.state_dict())
            model._add_marker_rows(processor)
        model._prune_rest(wanted)
        return model


class PairEncoderPreTrainedModel(EncoderPreTrainedModel):
    """An encoder whose token states are pooled to a pair representation; heads are the subclass's."""

    config_class = PairEncoderConfig
    # Parts of similar length in which a batch is encoded while training; set on a model, not saved with it.
    length_chunks: int = 1

    def encode_pairs(
        self,
        layer: int,
        *,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        perturbation: torch.Tensor | None = None,
        **mentions: torch.Tensor | None,
    ) -> PairStates:
        """Run the encoder and pool the token states of one layer.

        Args:
            layer (`int`): which hidden states are pooled; -1 the last layer, 0 the embeddings.
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens; default all ones.
            token_type_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): passed on where the encoder has them.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): instead of `input_ids`.
            perturbation (`torch.Tensor` of shape `(batch, tokens, width)`, *optional*): added to the word embeddings.
            **mentions: the mention columns that `RelationProcessor` makes, see
                [`~hf_relation.models.encoder.pool_pairs`].

        Returns:
            [`PairStates`].

        Raises:
            ValueError: neither `input_ids` nor `inputs_embeds`.
            UsageError: a pooling block needs a column that was not given.
        """
        if attention_mask is None:
            attention_mask = full_attention_mask(input_ids, inputs_embeds)
        extra = self._token_types(token_type_ids)
        if inputs_embeds is not None and perturbation is not None:
            inputs_embeds = inputs_embeds + perturbation.to(inputs_embeds.dtype)
        if self._backbone_takes_mentions:
            extra |= {name: mentions.get(name) for name in ("head_token_mask", "tail_token_mask")}
        every_layer = layer not in (-1, self.config.depth)
        with perturbed_word_embeddings(self.get_input_embeddings(), perturbation) as widths:
            encoded = self.backbone(
                input_ids=input_ids,
                inputs_embeds=inputs_embeds,
                attention_mask=attention_mask,
                output_hidden_states=every_layer,
                return_dict=True,
                **extra,
            )
        pooled = pool_pairs(
            encoded.hidden_states[layer] if every_layer else encoded.last_hidden_state,
            self.config.pooling,
            attention_mask=attention_mask,
            normalize=self.config.normalize_blocks,
            **mentions,
        )  # (batch, blocks * hidden)
        width = inputs_embeds.shape[-1] if inputs_embeds is not None else widths[0]
        return PairStates(pooled, encoded.last_hidden_state, width)

    def encode_in_parts(self, layer: int, **columns: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """As [`encode_pairs`], while training in `length_chunks` parts of similar length, which saves padding.

        Args:
            layer (`int`): which hidden states are pooled.
            **columns: those of [`encode_pairs`]; `attention_mask` among them.

        Returns:
            `tuple`: the pair representations `(batch, blocks * hidden)`, and the encoder's last layer, `None` for a batch that
            was encoded in parts.
        """
        if not self.training or self.length_chunks == 1 or columns["attention_mask"] is None:
            states = self.encode_pairs(layer, **columns)
            return states.pooled, states.last_hidden_state
        given = {name: column for name, column in columns.items() if column is not None}
        parts, order = split_by_length(given, self.length_chunks)
        empty = dict.fromkeys(("input_ids", "attention_mask"))
        pooled = torch.cat([self.encode_pairs(layer, **(empty | part)).pooled for part in parts])
        return pooled[torch.argsort(order)], None


def full_attention_mask(input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor | None) -> torch.Tensor:
    """An attention mask of ones for a batch without padding, `(batch, tokens)`.

    Raises:
        ValueError: neither input is given.
    """
    reference = input_ids if input_ids is not None else inputs_embeds
    if reference is None:
        raise ValueError("Give `input_ids` or `inputs_embeds`.")
    return torch.ones(reference.shape[:2], dtype=torch.long, device=reference.device)
