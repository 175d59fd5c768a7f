"""How many words the names of an inventory share with the keywords of relations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from hf_relation.discovery.keywords import ENGLISH_FUNCTION_WORDS, same_stem, split_words


def word_overlap(keywords: Sequence[Sequence[str]], texts: Sequence[str]) -> np.ndarray:
    """Compare the keywords of relations with the words of texts, rare words counting more.

    A word of a text counts with `log(m / f)`, `f` of the `m` texts having it, where it is or looks like another form of a
    keyword; of the first keyword in full, of the one at rank k with `1 / log2(k + 1)`. The sum is divided by the square root of what
    all its words could count. Function words are left out.

    Args:
        keywords (`Sequence[Sequence[str]]`): of every relation, best first.
        texts (`Sequence[str]`): names or descriptions.

    Returns:
        `np.ndarray` of shape `(relations, texts)`, float64: 0 or more.

    Example:

    ```python
    >>> from hf_relation.discovery.word_overlap import word_overlap
    >>> word_overlap([["married", "wife"]], ["married to", "place of birth"]).round(3).tolist()
    [[0.833, 0.0]]

    ```
    """
    words = [sorted(set(split_words(text)) - ENGLISH_FUNCTION_WORDS) for text in texts]
    counts = Counter(word for row in words for word in row)
    weights = {word: math.log(len(texts) / count) for word, count in counts.items()}
    by_start: dict[str, list[str]] = {}
    for word in weights:
        by_start.setdefault(word[:4], []).append(word)
    holders: dict[str, list[int]] = {}
    for position, row in enumerate(words):
        for word in row:
            holders.setdefault(word, []).append(position)
    scales = np.array([math.sqrt(sum(weights[word] for word in row)) for row in words])
    overlap = np.zeros((len(keywords), len(texts)))
    for relation, ranked in enumerate(keywords):
        found: dict[str, float] = {}
        for rank, keyword in enumerate(ranked, start=1):
            for word in by_start.get(keyword[:4], ()):  # forms of one word share at least four letters
                if word == keyword or same_stem(word, keyword):
                    found.setdefault(word, 1.0 / math.log2(rank + 1))
        for word in sorted(found):
            overlap[relation, holders[word]] += found[word] * weights[word]
    return np.divide(overlap, scales, out=np.zeros_like(overlap), where=scales > 0)
