"""The one row schema of the package: character offsets into `text`, end exclusive, so `text[start:end]` is the mention."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict


if TYPE_CHECKING:
    from datasets import Features


class Mention(TypedDict):
    """One marked mention of an instance.

    Keys:
        start (`int`): offset of the first character in `text`, counted in Python characters (Unicode code points).
        end (`int`): offset behind the last character, so `text[start:end]` is the mention and `start < end`.
        type (`str` or `None`): entity type, for instance `"PERSON"`; `None` when it is not known.
    """

    start: int
    end: int
    type: str | None


class Origin(TypedDict):
    """Where the text of an instance was taken from: a stretch of a longer text, letter for letter.

    Keys:
        id (`str`): id of the longer text.
        start (`int`): offset of the instance's `text` in it, so that a mention begins at `start + mention["start"]` there.
    """

    id: str
    start: int


class Instance(TypedDict):
    """One text with a head and a tail mention.

    Keys:
        id (`str`): unique within a corpus.
        text (`str`): the text, never altered.
        head (`Mention`): the relation's first argument.
        tail (`Mention`): the relation's second argument; does not overlap the head.
        relations (`list[str]`): gold labels; `[]` is unlabelled, several are overlapping relations of one pair.
        origin (`Origin`, may be missing): where `text` was taken from, see
            [`~hf_relation.data.original_spans`].
    """

    id: str
    text: str
    head: Mention
    tail: Mention
    relations: list[str]
    origin: NotRequired[Origin]


class Span(TypedDict):
    """One mention of a document: `start` and `end` as in `Mention`; the type stands with the entity."""

    start: int
    end: int


class Entity(TypedDict):
    """One entity of a document.

    Keys:
        id (`str` or `None`): knowledge-base id, when there is one.
        type (`str` or `None`): entity type.
        mentions (`list[int]`): positions in the document's `mentions`; at least one.
    """

    id: str | None
    type: str | None
    mentions: list[int]


class LabelledPair(TypedDict):
    """One labelled pair of a document: `head` and `tail` are positions in `entities`."""

    head: int
    tail: int
    label: str


class Document(TypedDict):
    """One text with any number of entities and labelled pairs.

    Keys:
        id (`str`): unique within a corpus.
        text (`str`): the text, never altered. Corpora that come in sentences have one sentence per line.
        mentions (`list[Span]`): every mention of every entity.
        entities (`list[Entity]`): the entities and which mentions are theirs.
        relations (`list[LabelledPair]`): gold labels of ordered entity pairs.
    """

    id: str
    text: str
    mentions: list[Span]
    entities: list[Entity]
    relations: list[LabelledPair]


def instance_features() -> Features:
    """The schema of an instance as `datasets.Features`, for Parquet and the Hub.

    Returns:
        `datasets.Features`: columns `id`, `text`, `head`, `tail`, `relations`.

    Example:

    ```python
    >>> from hf_relation.data import instance_features
    >>> list(instance_features())
    ['id', 'text', 'head', 'tail', 'relations']

    ```
    """
    from datasets import Features, List, Value

    mention = {"start": Value("int64"), "end": Value("int64"), "type": Value("string")}
    return Features(
        {
            "id": Value("string"),
            "text": Value("string"),
            "head": dict(mention),
            "tail": dict(mention),
            "relations": List(Value("string")),
        }
    )


def document_features() -> Features:
    """The schema of a document as `datasets.Features`.

    Returns:
        `datasets.Features`: columns `id`, `text`, `mentions`, `entities`, `relations`.

    Example:

    ```python
    >>> from hf_relation.data import document_features
    >>> list(document_features())
    ['id', 'text', 'mentions', 'entities', 'relations']

    ```
    """
    from datasets import Features, List, Value

    return Features(
        {
            "id": Value("string"),
            "text": Value("string"),
            "mentions": List({"start": Value("int64"), "end": Value("int64")}),
            "entities": List({"id": Value("string"), "type": Value("string"), "mentions": List(Value("int64"))}),
            "relations": List({"head": Value("int64"), "tail": Value("int64"), "label": Value("string")}),
        }
    )
