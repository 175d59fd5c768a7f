"""CNN encoders at their start: with vectors from a file, with new ones, or with the word pieces of another encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.data.word_vectors import WordVectors
from hf_relation.errors import UsageError
from hf_relation.models.plain_config import LOCAL, config_of_folder
from hf_relation.models.plain_loading import load_plain
from hf_relation.models.relation_cnn.configuration_relation_cnn import RelationCNNConfig
from hf_relation.models.relation_cnn.modeling_relation_cnn import RelationCNNModel
from hf_relation.processing.tokenizing import check_tokenizer
from hf_relation.processing.word_tokenizer import build_word_tokenizer


# Root mean square of the entries of a word-piece table.
_ENTRY_SCALE = 0.4


def cnn_from_word_vectors(
    vectors: WordVectors, *, seed: int, lowercase: bool = True, **config: Any
) -> tuple[RelationCNNModel, PreTrainedTokenizerFast]:
    """Start a CNN encoder from word vectors in a text file, and make its tokenizer.

    The vectors are taken as they are, and train on. The row of `[PAD]` is zero, that of `[UNK]` the mean of all
    vectors (the papers' code draws it at random).

    Args:
        vectors ([`WordVectors`]): as [`read_word_vectors`] reads them.
        seed (`int`): seed of every new weight.
        lowercase (`bool`, defaults to `True`): lower-case the text; `False` for vectors of words in both cases.
        **config: fields of [`RelationCNNConfig`], but for those that the vectors say.

    Returns:
        `tuple[RelationCNNModel, PreTrainedTokenizerFast]`.

    Raises:
        UsageError: a word that the tokenizer refuses, or a field of the config that the vectors say.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.data import WordVectors
    >>> from hf_relation.models.relation_cnn import cnn_from_word_vectors
    >>> vectors = WordVectors(["river", "sea"], np.eye(2, dtype=np.float32), name="mine.txt")
    >>> model, tokenizer = cnn_from_word_vectors(vectors, seed=0)
    >>> model.get_input_embeddings().weight[tokenizer("Sea").input_ids].tolist()
    [[0.0, 1.0]]
    >>> model.config.word_vectors
    'text file: mine.txt (2 words, 2)'

    ```
    """
    tokenizer = build_word_tokenizer(vectors.words, lowercase=lowercase)
    rows = torch.from_numpy(vectors.vectors)
    table = torch.cat([torch.zeros(1, vectors.dim), rows.mean(dim=0, keepdim=True), rows])
    name = Path(vectors.name).name[:200]
    origin = f"text file: {name} ({len(vectors.words)} words, {vectors.dim})"
    return _build(config, tokenizer, table, origin, seed), tokenizer


def cnn_from_words(
    words: Sequence[str], *, seed: int, lowercase: bool = True, **config: Any
) -> tuple[RelationCNNModel, PreTrainedTokenizerFast]:
    """Start a CNN encoder with new word vectors, learned with the rest, and make its tokenizer.

    Args:
        words (`Sequence[str]`): the vocabulary, for example from [`count_words`] over the training texts, with
            `min_count=2` so that `[UNK]` is learned too.
        seed (`int`): seed of every weight.
        lowercase (`bool`, defaults to `True`): lower-case the text.
        **config: fields of [`RelationCNNConfig`], but for `vocab_size`, `pad_token_id` and `word_vectors`.

    Returns:
        `tuple[RelationCNNModel, PreTrainedTokenizerFast]`.

    Raises:
        UsageError: a word that the tokenizer refuses, or a field of the config that the words say.

    Example:

    ```python
    >>> from hf_relation.models.relation_cnn import cnn_from_words
    >>> model, tokenizer = cnn_from_words(["river", "sea"], seed=0, word_embedding_dim=8)
    >>> tuple(model.get_input_embeddings().weight.shape), model.config.word_vectors
    ((4, 8), 'learned')

    ```
    """
    tokenizer = build_word_tokenizer(words, lowercase=lowercase)
    return _build(config, tokenizer, None, "learned", seed), tokenizer


def cnn_from_encoder(
    name_or_path: str | Path,
    *,
    word_embedding_dim: int | None = None,
    seed: int,
    name: str | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    local_files_only: bool = False,
    **config: Any,
) -> tuple[RelationCNNModel, PreTrainedTokenizerFast]:
    """Start a CNN encoder from the table of word pieces of another encoder, with that encoder's tokenizer.

    These are no word vectors in the sense of GloVe: the rows are the input layer of a trained transformer, and stand for
    pieces of words. Nothing else of the encoder is used, but what it was trained on is in them; `config.word_vectors`
    says so. Rows may be reduced by principal component analysis over the table. Then all rows are multiplied by
    one number, so that their entries have a root mean square of 0.4: the rows of a transformer may be of any size, since a
    layer norm follows them there, and small ones would be drowned by the position embeddings. The row of the padding
    token is zero.

    Args:
        name_or_path (`str` or `Path`): folder or Hub id of an encoder that `AutoModel` and `AutoTokenizer` load.
        word_embedding_dim (`int`, *optional*): principal components to keep; by default the rows stay as they are.
        seed (`int`): seed of every new weight.
        name (`str`, *optional*): what to call the encoder in the config; by default the Hub id, or the folder's name.
        revision (`str`, *optional*), token (`str` or `bool`, *optional*), local_files_only (`bool`, defaults to `False`):
            as in `from_pretrained`.
        **config: fields of [`RelationCNNConfig`], but for those that the encoder says.

    Returns:
        `tuple[RelationCNNModel, PreTrainedTokenizerFast]`.

    Raises:
        CheckpointError: there is no such encoder, or its files are pickles or damaged.
        UsageError: more components than columns, an encoder without a fast tokenizer or without an embedding table of
            its vocabulary, or a field of the config that the encoder says.

    Example:

    ```python
    from hf_relation.checkpoints import base_encoder_path
    from hf_relation.models.relation_cnn import cnn_from_encoder

    model, tokenizer = cnn_from_encoder(base_encoder_path(), word_embedding_dim=50, seed=0)
    ```
    """
    source = str(name_or_path)
    folder = checkpoint_folder(source, revision=revision, token=token, local_files_only=local_files_only)
    found = config_of_folder(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, config=found, **LOCAL)
    check_tokenizer(tokenizer)
    embeddings: Any = load_plain(folder, AutoModel, found, dtype=torch.float32).get_input_embeddings()
    weight = getattr(embeddings, "weight", None)
    if weight is None or weight.ndim != 2 or len(weight) < len(tokenizer):
        shape = None if weight is None else tuple(weight.shape)
        raise UsageError(
            f"{source} has no table of input embeddings with a row for each of the {len(tokenizer)} tokens of its tokenizer "
            f"(shape: {shape}). Use an encoder of the BERT kind."
        )
    rows = weight.detach().float()
    size = f"{rows.shape[1]}"
    if word_embedding_dim is not None:
        if not 1 <= word_embedding_dim <= min(rows.shape):
            raise UsageError(
                f"`word_embedding_dim` must be None or from 1 to {min(rows.shape)} for this encoder, got {word_embedding_dim}."
            )
        size += f" reduced to {word_embedding_dim}"
        from sklearn.decomposition import PCA

        reduced = PCA(word_embedding_dim, svd_solver="full").fit_transform(rows.numpy())
        rows = torch.from_numpy(np.ascontiguousarray(reduced, dtype=np.float32))
    rows = rows * (_ENTRY_SCALE / rows.square().mean().sqrt().clamp(min=1e-12))
    rows[tokenizer.pad_token_id] = 0.0
    called = name or (Path(source).resolve().name if Path(source).exists() else source)
    origin = f"word-piece table of {called[:200]} ({len(rows)} pieces, {size})"
    return _build(config, tokenizer, rows, origin, seed), tokenizer


def _build(
    config: dict[str, Any], tokenizer: PreTrainedTokenizerFast, table: torch.Tensor | None, origin: str, seed: int
) -> RelationCNNModel:
    """A seeded model with this table of word embeddings (`None`: new ones)."""
    known: dict[str, Any] = {
        "vocab_size": len(tokenizer) if table is None else len(table),
        "pad_token_id": tokenizer.pad_token_id,
        "word_vectors": origin,
    }
    if table is not None:
        known["word_embedding_dim"] = table.shape[1]
    if given := sorted(set(known) & set(config)):
        raise UsageError(f"{', '.join(f'`{key}`' for key in given)} follows from the words here; leave it out.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = RelationCNNModel(RelationCNNConfig(**known, **config))
    if table is not None:
        with torch.no_grad():
            model.word_embeddings.weight.copy_(table)
    return model
