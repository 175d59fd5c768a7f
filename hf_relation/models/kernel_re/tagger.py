"""The tagger that finds entities in raw text, over the states of the same encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from transformers import initialization as init

from hf_relation.errors import UsageError
from hf_relation.losses import LinearChainCRF
from hf_relation.processing.bio import TokenSpan, bio_labels, bio_starts, bio_to_spans, bio_transitions


class EntityTagger(nn.Module):
    """BIO tags of the text's tokens: an optional BiLSTM, a linear layer and a linear-chain CRF.

    Only tokens of the text are seen: special tokens, markers and padding are taken out first, so that they change nothing.

    Args:
        hidden_size (`int`): width of the encoder's states.
        entity_types (`Sequence[str]`): at least one.
        lstm_dim (`int`, *optional*): width of a BiLSTM, both directions together; by default there is none.

    Attributes:
        labels (`list[str]`): `"O"`, and `"B-x"` and `"I-x"` of every type; a tag is a position in it.

    Reference: Li and Tian, 2020, end of section 1; Lample et al., NAACL 2016.
    """

    def __init__(self, hidden_size: int, entity_types: Sequence[str], *, lstm_dim: int | None = None) -> None:
        super().__init__()
        self.labels = bio_labels(entity_types)
        self.lstm = (
            None if lstm_dim is None else nn.LSTM(hidden_size, lstm_dim // 2, batch_first=True, bidirectional=True)
        )
        self.emit = nn.Linear(hidden_size if lstm_dim is None else lstm_dim, len(self.labels))
        self.crf = LinearChainCRF(
            len(self.labels),
            allowed_transitions=bio_transitions(self.labels),
            allowed_starts=bio_starts(self.labels),
        )

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Score the tags.

        Args:
            states (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
            mask (`torch.Tensor` of shape `(batch, tokens)`): 1 for tokens of the text.

        Returns:
            `torch.Tensor` of shape `(batch, tokens, tags)`: emissions; what they are outside the mask means nothing.
        """
        if self.lstm is not None:
            states = self._over_text(states, mask.bool())
        return self.emit(states)

    def loss(self, emissions: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
        """Mean negative log likelihood of tag sequences; -100 outside the text."""
        loss: torch.Tensor = self.crf(emissions, tags)
        return loss

    def decode(self, emissions: torch.Tensor, mask: torch.Tensor) -> list[list[TokenSpan]]:
        """Find the entities of every text, as spans over its text tokens (those in the mask, counted from 0)."""
        return [bio_to_spans(path, self.labels) for path in self.crf.decode(emissions.float(), mask)]

    def _over_text(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        assert self.lstm is not None
        if torch.compiler.is_exporting():
            raise UsageError(
                "A tagger with an LSTM, which runs over every text by its own length, cannot be exported. Train a model with "
                "`tagger_lstm_dim=None`."
            )
        lengths = mask.sum(dim=1)
        order = torch.sort((~mask).to(torch.uint8), dim=1, stable=True).indices  # tokens of the text first
        index = order.unsqueeze(-1)
        packed = nn.utils.rnn.pack_padded_sequence(
            states.gather(1, index.expand_as(states)),
            lengths.clamp(min=1).cpu(),
            batch_first=True,
            enforce_sorted=False,
        )
        output, _ = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=states.shape[1]
        )
        return torch.zeros_like(output).scatter(1, index.expand_as(output), output)


@torch.no_grad()
def init_field(crf: LinearChainCRF, labels: Sequence[str]) -> None:
    """Give weights and constraints of a tagger's field the values of a new one, where a checkpoint lacks them.

    Args:
        crf ([`~hf_relation.losses.LinearChainCRF`]): the field; changed in place.
        labels (`Sequence[str]`): the tagger's labels.
    """
    for weight in crf.parameters():
        init.zeros_(weight)
    init.copy_(crf.allowed_transitions, torch.tensor(bio_transitions(labels)))
    init.copy_(crf.allowed_starts, torch.tensor(bio_starts(labels)))
    init.copy_(crf.allowed_ends, torch.ones(len(labels), dtype=torch.bool))
