"""Words that tell one discovered relation from the others: class-based TF-IDF of the words around the mentions."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from hf_relation.discovery.diversity import marginal_relevance


# Function words only. scikit-learn's own English list also holds words such as "found", "fire" or "interest", which
# can be the very name of a relation.
ENGLISH_FUNCTION_WORDS: frozenset[str] = frozenset(
    """a about above after again against ago all also am among an and another any are as at be because been
    before being below between both but by can cannot could did do does doing down during each even ever every
    few first for from further had has have having he her here hers herself him himself his how however i if
    in into is it its itself just later many may me might more most much must my myself never next no nor not
    now of off on once one only onto or other our ours ourselves out over own per rather same second shall she
    should since so some still such than that the their theirs them themselves then there these they this
    those though three through thus to too two under until up upon very was we were what when where whether
    which while who whom whose why will with within without would yet you your yours yourself yourselves""".split()
)
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:['-][A-Za-z0-9]+)*")
_JOINERS = "'’-‐\u200c\u200d"  # inside a word only: apostrophes, hyphens, the zero-width (non-)joiner
_CHARACTERS_PER_WORD = 60  # how far to look for one context word, so that a megabyte of text stays cheap
_POOL = 50  # so many of the best are looked at for diversity
_LEAST_LIFT = 1.25  # a keyword is at least this much commoner in its relation than in the average relation


def split_words(text: str) -> list[str]:
    """Split text into lower-case words of any script, in linear time.

    A word is a run of letters, digits and combining marks that holds at least one letter; apostrophes and hyphens
    count inside a word; an English possessive ending is cut off. Scripts that write no spaces give one word a run.

    Args:
        text (`str`): any text.

    Returns:
        `list[str]`: the words, in order, in Unicode form NFC.

    Example:

    ```python
    >>> from hf_relation.discovery.keywords import split_words
    >>> split_words("Zoë's co-founder, born in 1962: a «café» owner")
    ['zoë', 'co-founder', 'born', 'in', 'a', 'café', 'owner']

    ```
    """
    text = unicodedata.normalize("NFC", text).lower()
    if text.isascii():
        pieces = _ASCII_WORD.findall(text)
    else:
        pieces = "".join(
            c if c.isalnum() or c in _JOINERS or unicodedata.category(c)[0] == "M" else " " for c in text
        ).split()
    words = []
    for piece in pieces:
        word = piece.strip(_JOINERS).removesuffix("'s").removesuffix("’s")
        if any(c.isalpha() for c in word):
            words.append(word)
    return words


def context_words(
    instance: Mapping[str, Any], *, window: int = 4, stop_words: Iterable[str] = ENGLISH_FUNCTION_WORDS
) -> list[str]:
    """The words between the two mentions and around them, without the mentions themselves.

    Args:
        instance (`Mapping`): one instance of the data contract.
        window (`int`, defaults to 4): how many words before the first and after the second mention to read; all words
            between the mentions are read. Stop words count towards the window.
        stop_words (`Iterable[str]`): lower-case words to leave out.

    Returns:
        `list[str]`: lower-case words in text order. Words of the mentions are left out wherever they stand, and so are
        stop words and single ASCII letters.

    Example:

    ```python
    >>> from hf_relation.discovery.keywords import context_words
    >>> instance = {"text": "In 1911 Marie Curie won the Nobel Prize again.",
    ...             "head": {"start": 8, "end": 19}, "tail": {"start": 28, "end": 39}}
    >>> context_words(instance)
    ['won']

    ```
    """
    text = instance["text"]
    first, second = sorted((instance["head"], instance["tail"]), key=lambda mention: mention["start"])
    reach = window * _CHARACTERS_PER_WORD
    before = split_words(text[max(0, first["start"] - reach) : first["start"]])
    after = split_words(text[second["end"] : second["end"] + reach])
    between = split_words(text[first["end"] : second["start"]])
    skipped = set(stop_words)
    for mention in (first, second):
        skipped.update(split_words(text[mention["start"] : mention["end"]]))
    words = before[max(0, len(before) - window) :] + between + after[:window]
    return [word for word in words if word not in skipped and not (len(word) == 1 and word.isascii())]


def relation_keywords(
    instances: Sequence[Mapping[str, Any]],
    labels: np.ndarray,
    *,
    num_keywords: int = 10,
    window: int = 4,
    stop_words: Iterable[str] = ENGLISH_FUNCTION_WORDS,
    diversity: float = 0.0,
) -> list[list[str]]:
    """Keywords of every relation by class-based TF-IDF of the words between and around the mentions.

    All instances of a relation form one class document; a word counts once an instance, so that one long text cannot
    name a relation. With `tf` the share of a word among the words of its relation, `f` its count over all relations
    and `A` the mean number of words a relation, a word scores `tf * log(1 + A / f)`. Words that are about as common
    in the average relation as in this one are no keywords (this removes function words of any language), and words of
    a single instance come last.

    Args:
        instances (`Sequence[Mapping]`): the instances, as in the data contract; gold labels are never read.
        labels (`np.ndarray` of shape `(n,)`, integer): relation ids `0 .. r-1`; -1 marks rows left out.
        num_keywords (`int`, defaults to 10): at most this many words a relation.
        window (`int`, defaults to 4): see [`context_words`].
        stop_words (`Iterable[str]`): lower-case words to leave out; the default holds English function words.
        diversity (`float`, defaults to 0.0): how much words that stand in the same instances, or look like forms of one word,
            are avoided, in [0, 1]: maximal marginal relevance, see [`~hf_relation.discovery.diversity.marginal_relevance`]. Two words are as
            alike as the cosine of what instances they stand in; forms of one word are alike altogether.

    Returns:
        `list[list[str]]`: one list of words for every relation, best first; empty where a relation has no words.

    Reference:
        Grootendorst, BERTopic: Neural topic modeling with a class-based TF-IDF procedure, 2022, equation 2 (there every
        occurrence counts, and no word is left out).
    """
    labels = np.asarray(labels)
    num_relations = int(labels.max(initial=-1)) + 1
    stop_words = frozenset(stop_words)
    words: list[list[str]] = [
        context_words(instance, window=window, stop_words=stop_words) if label >= 0 else []
        for instance, label in zip(instances, labels, strict=True)
    ]
    if not any(words):
        return [[] for _ in range(num_relations)]
    vectorizer = CountVectorizer(analyzer=lambda document: document, binary=True)
    by_instance = vectorizer.fit_transform(words)
    vocabulary = vectorizer.get_feature_names_out()
    counts = np.vstack(
        [np.asarray(by_instance[np.flatnonzero(labels == r)].sum(axis=0)).ravel() for r in range(num_relations)]
    ).astype(np.float64)  # (relations, words)
    totals = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(totals, 1.0)
    scores = share * np.log1p(totals.mean() / counts.sum(axis=0))
    distinctive = share >= _LEAST_LIFT * share.mean(axis=0)
    keywords = []
    for row in range(num_relations):
        present = np.flatnonzero((counts[row] > 0) & distinctive[row])
        if not len(present):
            present = np.flatnonzero(counts[row] > 0)
        ranked = sorted((counts[row, w] < 2, -scores[row, w], str(vocabulary[w])) for w in present)
        if diversity:
            ranked = _diverse(ranked, by_instance[np.flatnonzero(labels == row)], vocabulary, num_keywords, diversity)
        keywords.append([word for _, _, word in ranked[:num_keywords]])
    return keywords


def _diverse(
    ranked: Sequence[tuple[bool, float, str]], members: Any, vocabulary: np.ndarray, number: int, diversity: float
) -> list[tuple[bool, float, str]]:
    pool = ranked[: max(_POOL, number)]
    words = [word for _, _, word in pool]
    # The vocabulary is sorted.
    columns = members[:, np.searchsorted(vocabulary, words)].astype(np.float64)
    common = (columns.T @ columns).toarray()
    lengths = np.sqrt(common.diagonal())
    likeness = common / np.outer(lengths, lengths)
    for i, word in enumerate(words):
        likeness[i] = [
            1.0 if same_stem(word, other) else value for other, value in zip(words, likeness[i], strict=True)
        ]
    # Words of a single instance come last, here as a tenth of their score.
    scores = [-score / (10 if rare else 1) for rare, score, _ in pool]
    order = sorted(range(len(pool)), key=lambda i: -scores[i])
    chosen = marginal_relevance(
        [scores[i] for i in order], likeness[np.ix_(order, order)], number, diversity=diversity
    )
    return [pool[order[i]] for i in chosen]


def distinct_words(words: Sequence[str]) -> list[str]:
    """Leave out words that look like another form of an earlier one: those that share at least four letters at the start,
    and three fifths of the shorter word.

    Args:
        words (`Sequence[str]`): words, best first.

    Returns:
        `list[str]`: the words that are left, in order.

    Example:

    ```python
    >>> from hf_relation.discovery.keywords import distinct_words
    >>> distinct_words(["played", "playing", "company", "plays", "compete", "born", "borne"])
    ['played', 'company', 'compete', 'born']

    ```
    """
    kept: list[str] = []
    for word in words:
        if not any(same_stem(word, other) for other in kept):
            kept.append(word)
    return kept


def same_stem(word: str, other: str) -> bool:
    """Whether two words look like forms of one: they share at least four letters at the start, and three fifths of the shorter
    one."""
    shared = len(os.path.commonprefix([word, other]))
    return shared >= 4 and shared >= 0.6 * min(len(word), len(other))


def unique_names(
    keywords: Sequence[Sequence[str]],
    *,
    num_words: int = 3,
    phrases: Sequence[str | None] | None = None,
    max_length: int | None = None,
) -> list[str]:
    """A name for every relation from its phrase or its first keywords, no two alike.

    Args:
        keywords (`Sequence[Sequence[str]]`): the keywords of every relation, best first.
        num_words (`int`, defaults to 3): how many keywords make a name, forms of one word counting once; a name already
            taken gets more of them, and when they run out a number.
        phrases (`Sequence[str | None]`, *optional*): for every relation, a phrase that shall be its name. Where an earlier
            relation has it, a keyword is added in brackets: the first that the earlier one has not, else the first.
        max_length (`int`, *optional*): no name gets longer, in characters; at least 12.

    Returns:
        `list[str]`: one name a relation. A relation without keywords is called after its id, as `"relation 4"`.

    Example:

    ```python
    >>> from hf_relation.discovery.keywords import unique_names
    >>> unique_names([["born", "native", "raised"], ["born", "native", "raised", "city"], ["born"], ["born"], []])
    ['born, native, raised', 'born, native, raised, city', 'born', 'born (2)', 'relation 4']
    >>> unique_names([["born", "city"], ["born", "city", "village"]], phrases=["was born in", "was born in"])
    ['was born in', 'was born in (village)']

    ```
    """
    names: list[str] = []
    holder: dict[str, int] = {}
    limit = sys.maxsize if max_length is None else max_length
    for relation, forms in enumerate(keywords):
        words = distinct_words(forms)
        phrase = phrases[relation] if phrases is not None else None
        candidates = [", ".join(words[:length]) for length in range(min(num_words, len(words)), len(words) + 1)]
        if phrase:
            known = keywords[holder[phrase]] if phrase in holder else ()
            inside = split_words(phrase)
            others = [word for word in words if not any(word == part or same_stem(word, part) for part in inside)]
            others.sort(key=lambda word: word in known)  # stable: in order of rank otherwise
            candidates = [phrase, *(f"{phrase} ({word})" for word in others), *candidates]
        candidates = [text for text in candidates if text and len(text) <= limit]
        if words and not candidates:
            fewer = [", ".join(words[:length]) for length in range(min(num_words, len(words)), 0, -1)]
            candidates = [next((text for text in fewer if len(text) <= limit), shortened(words[0], limit))]
        base = candidates[0] if candidates else f"relation {relation}"
        name = next((text for text in candidates if text not in holder), base)
        number = 2
        while name in holder:
            ending = f" ({number})"
            name = shortened(base, limit - len(ending)) + ending
            number += 1
        holder[name] = relation
        names.append(name)
    return names


def shortened(text: str, max_length: int) -> str:
    """The text, or where it is longer its beginning with an ellipsis: at most `max_length` characters."""
    return text if len(text) <= max_length else text[: max_length - 1].rstrip() + "…"
