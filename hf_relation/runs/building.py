"""From the options of a MORE run to the model at its start and the processor that feeds it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import AutoTokenizer, PreTrainedModel

from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.errors import UsageError
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor


if TYPE_CHECKING:
    from hf_relation.data import Instance
    from hf_relation.data.word_vectors import WordVectors
    from hf_relation.runs.more_arguments import ScriptArguments


LEARNED = "learned"
_LEARNED_DIM = 50  # as the word vectors of RSN
_CASED_SHARE = 0.01  # files in lower case have no upper-case words, the others thousands


@dataclass(frozen=True)
class Words:
    """Where the CNN's word vectors come from.

    Args:
        about (`str`): the same in words, for console, results and card.
        vectors ([`~hf_relation.data.word_vectors.WordVectors`], *optional*): read from a file.
        lowercase (`bool`, defaults to `True`): whether the texts are lower-cased, as the words of the file are.
        vocabulary (`list[str]`, *optional*): words whose vectors start at random and are learned.
    """

    about: str
    vectors: WordVectors | None = None
    lowercase: bool = True
    vocabulary: list[str] | None = None


def read_words(script: ScriptArguments, train: list[Instance]) -> Words | None:
    """Get the words of a CNN ready, once for all seeds.

    Args:
        script ([`ScriptArguments`]): `encoder`, `word_vectors`, `word_embedding_dim` and `model_name_or_path` are read.
        train (`list[Instance]`): the training instances; a vocabulary that is learned comes from their texts alone.

    Returns:
        [`Words`] or `None`: `None` for a transformer.

    Raises:
        UsageError: there is no such file, or its vectors have another width than `word_embedding_dim`.
        InvalidRowError: a line of the file is not of its format, with its number.
    """
    if script.encoder != "cnn":
        return None
    if script.word_vectors is None:
        reduced = f", reduced to {script.word_embedding_dim} dimensions" if script.word_embedding_dim else ""
        return Words(f"the word-piece table of {encoder_name(script)}{reduced}")
    if script.word_vectors == LEARNED:
        from hf_relation.processing.word_tokenizer import count_words

        # Words that occur once stay unknown, so that the vector of unknown words learns something.
        vocabulary = count_words((row["text"] for row in train), min_count=2)
        return Words(
            f"learned from a random start; vocabulary: the {len(vocabulary):,} words that the training texts hold twice",
            vocabulary=vocabulary,
        )
    from hf_relation.data.word_vectors import read_word_vectors

    vectors = read_word_vectors(script.word_vectors)
    if script.word_embedding_dim not in (None, vectors.dim):
        raise UsageError(
            f"{script.word_vectors} holds vectors of width {vectors.dim}, but `word_embedding_dim` is "
            f"{script.word_embedding_dim}. Give --word_embedding_dim {vectors.dim}, or another file."
        )
    upper = sum(word != word.lower() for word in vectors.words)
    lowercase = upper <= _CASED_SHARE * len(vectors.words)
    case = "texts are lower-cased" if lowercase else "upper and lower case are told apart"
    about = f"the file {Path(script.word_vectors).name} ({len(vectors.words):,} words, {vectors.dim} wide; {case})"
    return Words(about, vectors=vectors, lowercase=lowercase)


def encoder_name(script: ScriptArguments) -> str:
    """Name what the run starts from, without folders of this machine."""
    return BASE_REPOSITORY if script.model_name_or_path is None else Path(script.model_name_or_path).name


def build(script: ScriptArguments, seed: int, words: Words | None = None) -> tuple[MOREModel, RelationProcessor]:
    """Make the model at its start, and its processor.

    Args:
        script ([`ScriptArguments`]): what the run is told.
        seed (`int`): of all weights that start at random.
        words ([`Words`], *optional*): for `script.encoder == "cnn"`, as [`read_words`] gives them.

    Returns:
        `tuple[MOREModel, RelationProcessor]`.

    Raises:
        UsageError: a setting is not allowed.
    """
    settings: dict[str, Any] = {
        "pooling": script.pooling,
        "normalize_blocks": script.normalize_blocks,
        "layer": script.layer,
        "projection_dim": script.projection_dim,
        "loss": script.loss,
        "loss_kwargs": json.loads(script.loss_kwargs),
        "adversarial_weight": script.adversarial_weight,
        "adversarial_kwargs": json.loads(script.adversarial_kwargs),
    }
    name = str(base_encoder_path() if script.model_name_or_path is None else script.model_name_or_path)
    if words is None:
        processor = _processor(script, AutoTokenizer.from_pretrained(name, trust_remote_code=False))
        return MOREModel.from_backbone(name, processor, seed=seed, **settings), processor
    cnn, tokenizer = _build_cnn(script, name, words, seed)
    processor = _processor(script, tokenizer)
    return MOREModel.from_encoder(cnn, processor, seed=seed, **settings), processor


def _processor(script: ScriptArguments, tokenizer: Any) -> RelationProcessor:
    return RelationProcessor(
        tokenizer,
        marker_policy=script.marker_policy,
        entity_types=script.entity_types,
        max_length=script.max_length,
    )


def _build_cnn(script: ScriptArguments, name: str, words: Words, seed: int) -> tuple[PreTrainedModel, Any]:
    from hf_relation.models.relation_cnn.building import cnn_from_encoder, cnn_from_word_vectors, cnn_from_words

    sizes: dict[str, Any] = {"position_embedding_dim": script.position_embedding_dim}
    if words.vectors is not None:
        return cnn_from_word_vectors(words.vectors, seed=seed, lowercase=words.lowercase, **sizes)
    if words.vocabulary is not None:
        width = script.word_embedding_dim or _LEARNED_DIM
        return cnn_from_words(words.vocabulary, seed=seed, word_embedding_dim=width, **sizes)
    return cnn_from_encoder(
        name, word_embedding_dim=script.word_embedding_dim, seed=seed, name=encoder_name(script), **sizes
    )
