"""Settings of the CNN encoder."""

# No `from __future__ import annotations` here: `strict` checks types, and cannot read those that are strings.

import math
from functools import partial
from typing import Any

from huggingface_hub.dataclasses import strict

from hf_relation.errors import UsageError
from hf_relation.hub_class import HubClass
from hf_relation.models.untrusted_settings import LARGEST_SIZE, UntrustedConfig, damaged_settings


_LARGEST_KERNEL = 101
_LONGEST_ORIGIN = 300


@strict
class RelationCNNConfig(HubClass, UntrustedConfig):
    r"""Settings of [`RelationCNNModel`]; the sizes are those of RSN, which MORE takes over.

    Args:
        vocab_size (`int`, defaults to 400002): rows of the word embeddings; by default the words of GloVe 6B, padding and
            unknown.
        word_embedding_dim (`int`, defaults to 50): width of the word embeddings.
        position_embedding_dim (`int`, defaults to 5): width of each of the two position embeddings (MORE's command line
            sets 10).
        max_distance (`int`, defaults to 120): distances to a mention are clipped to this many tokens; the papers' texts
            have at most 120, so that nothing is clipped there.
        hidden_size (`int`, defaults to 230): filters of the convolution.
        kernel_size (`int`, defaults to 3): tokens a filter sees; odd.
        dropout (`float`, defaults to 0.2): dropout of the word embeddings, in [0, 1).
        num_hidden_layers (`int`, defaults to 1): one convolution; no other number is allowed.
        pad_token_id (`int`, *optional*, defaults to 0): row of the padding token, kept at zero.
        initializer_range (`float`, defaults to 0.02): standard deviation of new embeddings, above 0.
        word_vectors (`str`, defaults to `"learned"`): where the word embeddings started, for readers and model cards:
            `"learned"`, `"text file: NAME (N words, d)"` or `"word-piece table of NAME (N pieces, d)"`.

    Raises:
        UsageError: a size out of range.

    Example:

    ```python
    >>> from hf_relation.models.relation_cnn import RelationCNNConfig
    >>> config = RelationCNNConfig(vocab_size=1000, position_embedding_dim=10)
    >>> config.hidden_size, config.word_vectors
    (230, 'learned')

    ```

    Reference: Wu et al., "Open Relation Extraction: Relational Knowledge Transfer from Supervised Data to Unsupervised
    Data", EMNLP 2019 (RSN); Wang et al., "MORE", ICASSP 2021, section 2.1.
    """

    model_type = "relation_cnn"

    vocab_size: int = 400_002
    word_embedding_dim: int = 50
    position_embedding_dim: int = 5
    max_distance: int = 120
    hidden_size: int = 230
    kernel_size: int = 3
    dropout: float | int = 0.2
    num_hidden_layers: int = 1
    pad_token_id: int | None = 0
    initializer_range: float | int = 0.02
    word_vectors: str = "learned"

    def __post_init__(self, **kwargs: Any) -> None:
        for name in ("vocab_size", "word_embedding_dim", "position_embedding_dim", "max_distance", "hidden_size"):
            value = getattr(self, name)
            if not 1 <= value <= LARGEST_SIZE:
                raise UsageError(f"`{name}` must be from 1 to {LARGEST_SIZE}, got {value}.")
        if not 1 <= self.kernel_size <= _LARGEST_KERNEL or self.kernel_size % 2 == 0:
            raise UsageError(f"`kernel_size` must be odd and from 1 to {_LARGEST_KERNEL}, got {self.kernel_size}.")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"`dropout` must be in [0, 1), got {self.dropout}.")
        if self.num_hidden_layers != 1:
            raise UsageError(f"`num_hidden_layers` must be 1, the convolution, got {self.num_hidden_layers}.")
        if self.pad_token_id is not None and not 0 <= self.pad_token_id < self.vocab_size:
            raise UsageError(
                f"`pad_token_id` must be None or from 0 to `vocab_size` - 1 ({self.vocab_size - 1}), got {self.pad_token_id}."
            )
        if not 0 < self.initializer_range < math.inf:
            raise UsageError(f"`initializer_range` must be a finite number above 0, got {self.initializer_range}.")
        if len(self.word_vectors) > _LONGEST_ORIGIN or not self.word_vectors.isprintable():
            raise UsageError(
                f"`word_vectors` must be one line of at most {_LONGEST_ORIGIN} characters, got {self.word_vectors[:60]!r}."
            )
        super().__post_init__(**kwargs)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As `PreTrainedConfig.from_dict`.

        Raises:
            UsageError: a size out of range, or the settings are damaged.
            StrictDataclassError: transformers refuses a value, by its type for instance.
        """
        return damaged_settings(partial(super().from_dict, config_dict, **kwargs), "the config of a CNN encoder")
