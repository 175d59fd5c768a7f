"""A tokenizer of whole words, for encoders with word vectors, and the words of a corpus."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from hf_relation.errors import UsageError


logger = logging.getLogger(__name__)

PAD_TOKEN = "[PAD]"
UNK_TOKEN = "[UNK]"


def build_word_tokenizer(words: Sequence[str], *, lowercase: bool = True) -> PreTrainedTokenizerFast:
    """Make a fast tokenizer whose tokens are whole words and punctuation marks.

    Text is split as BERT does it before word pieces: at white space, around every punctuation mark and Chinese
    character. Accents stay. A word that is not in the vocabulary becomes `[UNK]`, with its characters, so that every
    mention has a token. No token is put around a text. Ids: `[PAD]` 0, `[UNK]` 1, then `words` in their order.

    Args:
        words (`Sequence[str]`): the vocabulary, each word once. Words with punctuation inside (`u.s.`) are kept, but text
            never gives them: it is split at the dots.
        lowercase (`bool`, defaults to `True`): lower-case the text, as the words of GloVe 6B are. With `False` give
            words in both cases.

    Returns:
        `PreTrainedTokenizerFast`: goes into [`RelationProcessor`] with `marker_policy="none"`; saved with it.

    Raises:
        UsageError: no words, a word that occurs twice, is empty, no string, or one of `[PAD]` and `[UNK]`.

    Example:

    ```python
    >>> from hf_relation.processing import build_word_tokenizer
    >>> tokenizer = build_word_tokenizer(["the", "river", "."])
    >>> encoded = tokenizer("The river Selva.", return_offsets_mapping=True)
    >>> encoded["input_ids"], encoded["offset_mapping"]
    ([2, 3, 1, 4], [(0, 3), (4, 9), (10, 15), (15, 16)])

    ```
    """
    if isinstance(words, str) or not len(words):
        raise UsageError("`words` must be a list with at least one word.")
    vocabulary = {PAD_TOKEN: 0, UNK_TOKEN: 1}
    for position, word in enumerate(words):
        if not isinstance(word, str) or not word:
            raise UsageError(f"`words[{position}]` must be a string that is not empty, got {word!r}.")
        if vocabulary.setdefault(word, position + 2) != position + 2:
            why = "is reserved" if vocabulary[word] < 2 else f"occurs before, at {vocabulary[word] - 2}"
            raise UsageError(f"`words[{position}]` is {word!r}, which {why}. Leave it out.")
    if lowercase and (capitals := sum(word != word.lower() for word in words)):
        logger.warning(
            "%d of %d words hold capital letters and are never found in lower-cased text. "
            "Use lowercase=False, or lower-case the words.",
            capitals,
            len(words),
        )
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK_TOKEN))
    tokenizer.normalizer = _normalizer(lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD_TOKEN, unk_token=UNK_TOKEN)


def count_words(
    texts: Iterable[str], min_count: int = 1, max_words: int | None = None, *, lowercase: bool = True
) -> list[str]:
    """Collect the words of a corpus for [`build_word_tokenizer`], split and lower-cased as it does.

    Count the texts of the training data alone. With `min_count=2` the words that occur once are unknown while training,
    so that the vector of `[UNK]` learns something.

    Args:
        texts (`Iterable[str]`): the texts; may be a generator.
        min_count (`int`, defaults to 1): leave out words that occur less often.
        max_words (`int`, *optional*): keep this many of the most frequent words.
        lowercase (`bool`, defaults to `True`): lower-case the text.

    Returns:
        `list[str]`: the words, frequent ones first, equally frequent ones in the order of their characters.

    Raises:
        UsageError: a string instead of a list of texts, or a number out of range.

    Example:

    ```python
    >>> from hf_relation.processing import count_words
    >>> count_words(["The sea, the river.", "A river"], min_count=2)
    ['river', 'the']

    ```
    """
    if isinstance(texts, str):
        raise UsageError(f"`texts` must be a list of texts, got the string {texts[:40]!r}. Put it in a list.")
    for name, value in (("min_count", min_count), ("max_words", 1 if max_words is None else max_words)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"`{name}` must be an integer of at least 1, got {value!r}.")
    normalizer, pre_tokenizer = _normalizer(lowercase), pre_tokenizers.BertPreTokenizer()
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text)))
    for reserved in (PAD_TOKEN, UNK_TOKEN):
        counts.pop(reserved, None)  # cannot come out of the splitting; here so that the two functions always agree
    ordered = sorted((word for word, count in counts.items() if count >= min_count), key=lambda w: (-counts[w], w))
    return ordered[:max_words]


def _normalizer(lowercase: bool) -> normalizers.Normalizer:
    # Accents stay: word vectors know "café" and not "cafe".
    return normalizers.Sequence(
        [normalizers.NFC(), normalizers.BertNormalizer(strip_accents=False, lowercase=lowercase)]
    )
