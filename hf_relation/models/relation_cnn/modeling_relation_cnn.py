"""The CNN encoder of RSN and MORE: word and position embeddings, and a convolution over the tokens."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput

from hf_relation.beside_weights import SavedWhole
from hf_relation.errors import UsageError
from hf_relation.hub_class import PackagedClass
from hf_relation.models.relation_cnn.configuration_relation_cnn import RelationCNNConfig
from hf_relation.models.safe_loading import SafeLoadingModel
from hf_relation.models.with_card import WithCard


class RelationCNNPreTrainedModel(PackagedClass, SavedWhole, WithCard, SafeLoadingModel):
    """Weight initialisation and capabilities of the CNN encoder."""

    config_class = RelationCNNConfig
    base_model_prefix = "cnn"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Conv1d):
            # The scale that keeps the variance through a ReLU; embeddings have `config.initializer_range`.
            init.kaiming_normal_(module.weight, nonlinearity="relu")
            init.zeros_(module.bias)


class RelationCNNModel(RelationCNNPreTrainedModel):
    """Word embeddings and the distances of every token to both mentions, through one convolution.

    The last hidden state is `relu(convolution([dropout(word); head position; tail position]))`, zero at padding.
    Pooling is left to the model around it: RSN and MORE take the maximum over the tokens, the block `"sentence_max"` of
    [`~hf_relation.models.encoder.pool_pairs`].

    The distance to a mention is 0 at all of its tokens, -1, -2, ... before its first token and 1, 2, ... behind its
    last one, counted in the tokens that the model is given. That is what the code of both papers does: its spans name
    the last token of a mention, which gets 0 as well. Where the mask of a mention is empty ([`RelationProcessor`]
    makes no such row) the position embeddings are zero.

    Departures from the authors' code: padding never counts (there, padded tokens have distances, and the maximum runs
    over them), the convolution gives a state for every token ("same" zero padding; there, the first and the last token
    have none), and the position embeddings of padding are zero.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.relation_cnn import RelationCNNConfig, RelationCNNModel
    >>> model = RelationCNNModel(RelationCNNConfig(vocab_size=10, word_embedding_dim=4, hidden_size=6)).eval()
    >>> model(input_ids=torch.tensor([[4, 7, 2, 5]]), head_token_mask=torch.tensor([[1, 1, 0, 0]]),
    ...       tail_token_mask=torch.tensor([[0, 0, 0, 1]])).last_hidden_state.shape
    torch.Size([1, 4, 6])

    ```

    Reference: Wu et al., EMNLP 2019, section 3.1, after Zeng et al., "Relation Classification via Convolutional Deep
    Neural Network", COLING 2014; Wang et al., "MORE", ICASSP 2021, section 2.1.
    """

    def __init__(self, config: RelationCNNConfig) -> None:
        super().__init__(config)
        num_positions = 2 * config.max_distance + 2  # row 0: padding, or no mention
        self.word_embeddings = nn.Embedding(
            config.vocab_size, config.word_embedding_dim, padding_idx=config.pad_token_id
        )
        self.head_position_embeddings = nn.Embedding(num_positions, config.position_embedding_dim, padding_idx=0)
        self.tail_position_embeddings = nn.Embedding(num_positions, config.position_embedding_dim, padding_idx=0)
        self.dropout = nn.Dropout(config.dropout)
        self.convolution = nn.Conv1d(
            config.word_embedding_dim + 2 * config.position_embedding_dim,
            config.hidden_size,
            config.kernel_size,
            padding=config.kernel_size // 2,
        )
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.word_embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.word_embeddings = value

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        head_token_mask: torch.Tensor | None = None,
        tail_token_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> BaseModelOutput | tuple[torch.Tensor, ...]:
        """Encode a batch that [`~hf_relation.RelationProcessor`] made.

        Args:
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens, 0 for padding; default
                all ones.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, word_embedding_dim)`, *optional*): the word embeddings,
                instead of `input_ids`; positions are added here in either case.
            head_token_mask, tail_token_mask (`torch.Tensor` of shape `(batch, tokens)`): 1 at the tokens of the head
                mention and of the tail mention.
            token_type_ids (`torch.Tensor`, *optional*): not used; the tokenizers of some encoders make them.
            output_hidden_states (`bool`, *optional*): refused when true: there is no layer below the convolution whose
                states have its width.
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            `BaseModelOutput`: `last_hidden_state` of shape `(batch, tokens, hidden_size)`, at least 0, and 0 at padding.

        Raises:
            UsageError: both or none of `input_ids` and `inputs_embeds`, a missing mention mask, or
                `output_hidden_states=True`.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise UsageError("Give either `input_ids` or `inputs_embeds`.")
        if head_token_mask is None or tail_token_mask is None:
            missing = "head_token_mask" if head_token_mask is None else "tail_token_mask"
            raise UsageError(
                f"The CNN needs `{missing}`: it reads the distance of every token to both mentions. Make batches with "
                "RelationProcessor."
            )
        if output_hidden_states or (output_hidden_states is None and self.config.output_hidden_states):
            raise UsageError(
                "RelationCNNModel has one layer of token states, the convolution. Use `last_hidden_state` (in MORE `layer=-1`)."
            )
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds  # (batch, tokens, word)
        if attention_mask is None:
            attention_mask = torch.ones(words.shape[:2], dtype=torch.long, device=words.device)
        if self.gradient_checkpointing and self.training:
            hidden = self._gradient_checkpointing_func(
                self._convolve, words, attention_mask, head_token_mask, tail_token_mask
            )
        else:
            hidden = self._convolve(words, attention_mask, head_token_mask, tail_token_mask)
        output = BaseModelOutput(last_hidden_state=hidden)
        return output.to_tuple() if return_dict is False else output

    def _convolve(
        self, words: torch.Tensor, attention_mask: torch.Tensor, head_mask: torch.Tensor, tail_mask: torch.Tensor
    ) -> torch.Tensor:
        tokens = attention_mask != 0  # (batch, tokens)
        positions = [
            table(position_indices(mask, tokens, self.config.max_distance))
            for table, mask in (
                (self.head_position_embeddings, head_mask),
                (self.tail_position_embeddings, tail_mask),
            )
        ]
        inputs = torch.cat([self.dropout(words), *positions], dim=-1)  # (batch, tokens, word + 2 * position)
        # Zeros before the convolution: padding then is to the last token what the edge of the tensor is.
        inputs = inputs.masked_fill(~tokens.unsqueeze(-1), 0.0)
        hidden = functional.relu(self.convolution(inputs.transpose(1, 2))).transpose(1, 2)
        return hidden.masked_fill(~tokens.unsqueeze(-1), 0.0)  # (batch, tokens, hidden)


def position_indices(mention_mask: torch.Tensor, token_mask: torch.Tensor, max_distance: int) -> torch.Tensor:
    """Rows of a position embedding table: 0 for padding, else the clipped distance to the mention + max_distance + 1.

    Args:
        mention_mask (`torch.Tensor` of shape `(batch, tokens)`): not 0 at the tokens of the mention; what lies between
            its first and its last token counts as inside.
        token_mask (`torch.Tensor` of shape `(batch, tokens)`, bool): false at padding.
        max_distance (`int`): at least 1.

    Returns:
        `torch.Tensor` of shape `(batch, tokens)`, int64, from 0 to `2 * max_distance + 1`: 0 at padding, and in the whole
        row where `mention_mask` is empty.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.relation_cnn.modeling_relation_cnn import position_indices
    >>> mention, tokens = torch.tensor([[0, 0, 0, 1, 1, 0, 0]]), torch.tensor([[1, 1, 1, 1, 1, 1, 0]]).bool()
    >>> position_indices(mention, tokens, max_distance=2)  # distances -2 (clipped), -2, -1, 0, 0, 1, padding
    tensor([[1, 1, 2, 3, 3, 4, 0]])

    ```
    """
    inside = mention_mask != 0
    length = inside.shape[1]
    place = torch.arange(length, device=inside.device).expand_as(inside)
    first = place.masked_fill(~inside, length).amin(dim=1, keepdim=True)
    last = place.masked_fill(~inside, -1).amax(dim=1, keepdim=True)
    distance = (place - first).clamp(max=0) + (place - last).clamp(min=0)
    index = distance.clamp(-max_distance, max_distance) + max_distance + 1
    return index.masked_fill(~(token_mask & (last >= 0)), 0)
