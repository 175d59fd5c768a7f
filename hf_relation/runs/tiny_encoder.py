"""A tiny encoder from scratch: words of treebanks, a tokenizer of them, and losses of masked language modelling."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertForMaskedLM, BertTokenizerFast, DataCollatorForLanguageModeling
from transformers.modeling_outputs import MaskedLMOutput

from hf_relation.data.recipe import available_splits
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import UsageError
from hf_relation.runs.task_data import LANGUAGES, TRAINED_ON, read_wanted


Words = Sequence[str]
Loss = Callable[[Any], torch.Tensor]
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def read_sentences(name: str, data_dir: str | os.PathLike[str] | None = None) -> tuple[dict[str, Any], list[Words]]:
    """Read the words of a language's treebank without its test part, which is opened only to leave its sentences out.

    Where there are files of both versions, all are read: they have the same sentences with other punctuation. Every
    sentence counts once.

    Args:
        name (`str`): a language, or a corpus of tagged sentences, as [`~hf_relation.runs.task_data.read_wanted`] knows them.
        data_dir (`str` or `PathLike`, *optional*): folder of the corpora.

    Returns:
        `tuple`: what there is to say of them (`language`, `about`, `parts`, `sentences`, `words`), and their words.

    Raises:
        UsageError: no such corpus, one of whole texts, missing files, or fewer than two sentences outside of test parts.
        InvalidRowError: a bad row.
    """
    wanted = read_wanted(name, "pos")
    recipe = RECIPES[wanted.corpus]
    folder = recipe.folder(wanted.folder or data_dir)
    found: list[list[Words]] = []
    parts: list[str] = []
    seen: set[str] = set()
    for full_name in dict.fromkeys((wanted.full_name, TRAINED_ON.get(wanted.full_name, wanted.full_name))):
        configuration = full_name.partition("/")[2]
        if recipe.configuration(configuration).kind != "tagged":
            known = ", ".join(LANGUAGES["pos"].values())
            raise UsageError(f"{name!r} has whole texts. Words are needed, as in {known}.")
        for part, split in available_splits(recipe, configuration, folder).items():
            rows: list[Any] = list(split.rows(folder))
            if part == "test":
                seen |= {letters(row["tokens"]) for row in rows}
            else:
                found.append([row["tokens"] for row in rows])
                parts.append(f"{part} of {full_name}")
    sentences = []
    for words in (words for each in found for words in each):
        if letters(words) not in seen:
            seen.add(letters(words))
            sentences.append(words)
    if len(sentences) < 2:
        raise UsageError(f"{name!r} has no sentences to train on in {folder.name}/: test parts are for testing alone.")
    counts = {"sentences": len(sentences), "words": sum(map(len, sentences))}
    about = recipe.configuration(wanted.configuration).about
    return {"language": wanted.name, "about": about, "parts": parts, **counts}, sentences


def letters(words: Words) -> str:
    """What sentences are compared by: letters and digits, whatever their width, and no punctuation.

    Example:

    ```python
    >>> from hf_relation.runs.tiny_encoder import letters
    >>> letters(["Ｔｅａ", "，", "please", "."])
    'Teaplease'

    ```
    """
    return "".join(each for each in unicodedata.normalize("NFKC", "".join(words)) if each.isalnum())


def train_tokenizer(sentences: Sequence[Words], vocab_size: int, max_length: int = 512) -> BertTokenizerFast:
    """Train a WordPiece tokenizer as multilingual BERT has it: cased, accents kept, Chinese characters apart.

    The same sentences give the same tokenizer. Half of the vocabulary at most is single characters, the most frequent ones.

    Args:
        sentences (`Sequence[Sequence[str]]`): words.
        vocab_size (`int`): pieces; where all single characters are more, there are as many as those.
        max_length (`int`, defaults to 512): pieces of the longest input.

    Returns:
        `BertTokenizerFast`.

    Example:

    ```python
    >>> from hf_relation.runs.tiny_encoder import train_tokenizer
    >>> train_tokenizer([["tea", "and", "茶"], ["tea"]], 20).tokenize("tea 茶茶")
    ['tea', '茶', '茶']

    ```
    """
    normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    splitter = pre_tokenizers.BertPreTokenizer()
    texts = [normalizer.normalize_str(word) for words in sentences for word in words]
    words = [word for text in texts for word, _ in splitter.pre_tokenize_str(text)]
    counts = Counter(character for word in words for character in word)
    alphabet = sorted(sorted(counts, key=lambda character: (-counts[character], character))[: vocab_size // 2])
    # The trainer numbers what it is not told beforehand as its hash maps have it, and breaks ties by these numbers.
    inside = [f"##{each}" for each in sorted({each for word in words for each in word[1:]} & set(alphabet))]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=[*_SPECIAL, *inside],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.train_from_iterator(texts, trainer)
    vocab = tokenizer.get_vocab()
    return BertTokenizerFast(vocab=vocab, do_lower_case=False, strip_accents=False, model_max_length=max_length)


def pack(sentences: Sequence[Words], tokenizer: BertTokenizerFast) -> list[dict[str, list[int]]]:
    """Make inputs of as many sentences as fit, `[CLS] a [SEP] b [SEP]`; a sentence that is longer loses its end.

    Args:
        sentences (`Sequence[Sequence[str]]`): words.
        tokenizer (`BertTokenizerFast`): with the longest input as its `model_max_length`.

    Returns:
        `list[dict]`: `input_ids` and `special_tokens_mask`, for transformers' `DataCollatorForLanguageModeling`.
    """
    packed: list[list[int]] = []
    length, special = tokenizer.model_max_length, (tokenizer.cls_token_id, tokenizer.sep_token_id)
    encoded = tokenizer(list(sentences), is_split_into_words=True, add_special_tokens=False, verbose=False)
    for pieces in encoded["input_ids"]:
        if not packed or len(packed[-1]) + len(pieces) + 1 > length:
            packed.append([special[0]])
        packed[-1] += [*pieces[: length - 2], special[1]]
    return [{"input_ids": ids, "special_tokens_mask": [int(each in special) for each in ids]} for ids in packed]


class MaskedBert(BertForMaskedLM):
    """BERT that scores pieces at masked places alone, which saves most of a large vocabulary's work."""

    def forward(self, input_ids: Any, attention_mask: Any, labels: Any, **ignored: Any) -> MaskedLMOutput:
        """Give the mean loss over the places with a label, and the scores at them."""
        masked = labels != -100
        scores = self.cls(self.bert(input_ids, attention_mask=attention_mask).last_hidden_state[masked])
        return MaskedLMOutput(torch.nn.functional.cross_entropy(scores, labels[masked]), scores)


def by_model(model: MaskedBert) -> Loss:
    """The loss of a model, for [`held_out_loss`]."""
    return lambda batch: model.eval()(**batch.to(model.device)).loss


def by_frequency(rows: Sequence[Any], tokenizer: BertTokenizerFast) -> Loss:
    """The loss of what knows how frequent pieces are in some rows (each once more than it occurs) and nothing else."""
    places = [zip(row["input_ids"], row["special_tokens_mask"], strict=True) for row in rows]
    pieces = torch.tensor([piece for each in places for piece, special in each if not special], dtype=torch.long)
    shares = (torch.bincount(pieces, minlength=len(tokenizer)) + 1.0) / (len(pieces) + len(tokenizer))
    return lambda batch: -shares.log()[batch["labels"][batch["labels"] != -100]].mean()


@torch.no_grad()
def held_out_loss(loss: Loss, rows: Sequence[Any], tokenizer: BertTokenizerFast) -> float:
    """The mean over masked places of rows of [`pack`]; the same places at every call."""
    collate, losses, counts = DataCollatorForLanguageModeling(tokenizer, seed=0), [], []
    for start in range(0, len(rows), 8):
        batch = collate([dict(row) for row in rows[start : start + 8]])
        losses.append(loss(batch).nan_to_num().item())
        counts.append(int((batch["labels"] != -100).sum()))
    return sum(each * count for each, count in zip(losses, counts, strict=True)) / max(1, sum(counts))
