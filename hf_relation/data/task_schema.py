"""The rows of tasks beside relations: a label for every token of a sentence, or one for a text or a pair of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict


if TYPE_CHECKING:
    from datasets import Features


class TaggedSentence(TypedDict):
    """One sentence in tokens, each with a tag: parts of speech, named entities or slots (as IOB2).

    Keys:
        id (`str`): unique within a corpus.
        tokens (`list[str]`): at least one; none is empty, though corpora do have tokens of white space alone.
        tags (`list[str]`): one per token.
    """

    id: str
    tokens: list[str]
    tags: list[str]


class LabelledText(TypedDict):
    """One text, or a pair of texts, with a class or a score.

    Keys:
        id (`str`): unique within a corpus.
        text (`str`): the text, the first of the pair.
        text_pair (`str` or `None`): the second of the pair, when the task has pairs.
        label (`str`, `float` or `None`): name of the class, or a score that is a finite number; `None` is unlabelled. A corpus
            has either names or scores.
    """

    id: str
    text: str
    text_pair: str | None
    label: str | float | None


def tagged_features() -> Features:
    """The schema of a tagged sentence as `datasets.Features`.

    Returns:
        `datasets.Features`: columns `id`, `tokens`, `tags`.

    Example:

    ```python
    >>> from hf_relation.data import tagged_features
    >>> list(tagged_features())
    ['id', 'tokens', 'tags']

    ```
    """
    from datasets import Features, List, Value

    return Features({"id": Value("string"), "tokens": List(Value("string")), "tags": List(Value("string"))})


def text_features(*, scores: bool = False) -> Features:
    """The schema of a labelled text as `datasets.Features`.

    Args:
        scores (`bool`, defaults to `False`): labels are numbers, not names of classes.

    Returns:
        `datasets.Features`: columns `id`, `text`, `text_pair`, `label`.

    Example:

    ```python
    >>> from hf_relation.data import text_features
    >>> text_features(scores=True)["label"].dtype
    'float64'

    ```
    """
    from datasets import Features, Value

    return Features(
        {
            "id": Value("string"),
            "text": Value("string"),
            "text_pair": Value("string"),
            "label": Value("float64" if scores else "string"),
        }
    )
