"""From plain texts and documents to the instances that discovery works on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hf_relation.data.entities import EntitySpan, document_of_spans
from hf_relation.data.schema import Document, Instance
from hf_relation.data.sentences import Sentences, split_sentences
from hf_relation.data.text_entities import entities_of_long_texts
from hf_relation.data.text_pairs import PairRules, document_pairs
from hf_relation.data.validation import check_instance, duplicate_id_error
from hf_relation.discovery.text_report import TextReport
from hf_relation.errors import InvalidRowError, UsageError


TEXT_OPTIONS = (
    *("entities", "sentences", "window", "both_directions", "max_distance"),
    *("max_pairs_per_text", "types", "max_characters"),
)
"""What [`instances_from_texts`] can be told, by name."""

_CHUNK_CHARACTERS = 200_000
_CHUNK_ROWS = 256
_GOLD = ("relation", "relations")


class DiscoveryRows(NamedTuple):
    """What [`read_discovery_rows`] gives.

    Args:
        instances (`list[Instance]`): in the order of the rows.
        report ([`TextReport`]): what became of the texts.
    """

    instances: list[Instance]
    report: TextReport


def read_discovery_rows(rows: Iterable[Any], *, report: TextReport | None = None, **options: Any) -> DiscoveryRows:
    """Bring texts, documents and instances into the form of instances, and refuse input in which no pair was found.

    Args:
        rows (`Iterable`), **options: as for [`instances_from_texts`].
        report ([`TextReport`], *optional*): one to go on with.

    Returns:
        [`DiscoveryRows`]; without instances where there are no rows at all.

    Raises:
        UsageError: there are texts or documents, and not one pair of entities; the message says why. Or an option has a value that
            is not allowed.
        InvalidRowError: a bad row; `.index` is its position.

    Example:

    ```python
    >>> from hf_relation.data import EntityDictionary
    >>> from hf_relation.discovery import read_discovery_rows
    >>> names = EntityDictionary([("Ada", "PERSON"), ("Bob", "PERSON")])
    >>> instances, report = read_discovery_rows(["Ada met Bob.", "Ada sings."], entities=names)
    >>> [row["id"] for row in instances], report.without_pairs
    (['0/0-1@0'], ['1'])

    ```
    """
    report = TextReport() if report is None else report
    instances = list(instances_from_texts(rows, report=report, **options))
    if report.texts and not instances:
        raise UsageError(report.why_nothing(**{name: options.get(name) for name in TEXT_OPTIONS}))
    return DiscoveryRows(instances, report)


def instances_from_texts(
    rows: Iterable[Any],
    *,
    entities: Any = None,
    sentences: Sentences = "en",
    window: int = 1,
    both_directions: bool = False,
    max_distance: int | None = None,
    max_pairs_per_text: int | None = None,
    types: Sequence[tuple[str, str]] | None = None,
    max_characters: int = 1_000,
    device: Any = None,
    on_error: str = "raise",
    errors: list[InvalidRowError] | None = None,
    report: TextReport | None = None,
) -> Iterator[Instance]:
    """Make instances of texts and documents, one of each pair of entities that are mentioned near one another.

    Entities are looked for in the whole text (in pieces of whole sentences where it is longer than 50,000 characters), then it is
    split into sentences and pairs are made as [`~hf_relation.data.document_pairs`] says. Every instance has an `origin`: with
    [`~hf_relation.data.original_spans`] its mentions are found in the text as it was given. Mentions that are spelled alike, but
    for case, are one entity. Co-reference is not resolved: what is said of "she" or "the company" is found only where the source
    of entities gives such a mention.

    Args:
        rows (`Iterable`): texts (`str`, or mappings with `text` and possibly `id`), documents (text, mentions, entities), and
            instances (text, head, tail), which pass through; they may be mixed, and are read as they are needed. Gold labels are
            left behind unread.
        entities (*optional*): what finds the entities of texts: the name of a source, see
            [`~hf_relation.extraction.load_entity_source`], a token-classification pipeline, a spaCy pipeline, a
            [`~hf_relation.data.EntityDictionary`], a [`~hf_relation.RelationExtractor`] with a tagger, or a function, see
            [`~hf_relation.data.entities_of`]. Documents have their own.
        sentences (`str` or `Callable`, defaults to `"en"`): language of the texts, `"lines"`, `"text"` or a function, see
            [`~hf_relation.data.split_sentences`].
        window (`int`), both_directions (`bool`), max_distance (`int`), types, max_characters (`int`): as in
            [`~hf_relation.data.PairRules`].
        max_pairs_per_text (`int`, *optional*): at most so many instances of one text, the nearest mentions first.
        device (`str` or `torch.device`, *optional*): where a model that is named by `entities` runs.
        on_error (`"raise"` or `"skip"`): what to do with a bad row.
        errors (`list[InvalidRowError]`, *optional*): receives one error per skipped row, with its position.
        report ([`TextReport`], *optional*): is kept up to date.

    Yields:
        `Instance`: in the order of the rows.

    Raises:
        UsageError: nothing finds the entities of a text, or an option has a value that is not allowed.
        InvalidRowError: a row is none of these or breaks the data contract, or its id is that of another; `.index` is its
            position.

    Example:

    ```python
    >>> from hf_relation.data import EntityDictionary, original_spans
    >>> from hf_relation.discovery import instances_from_texts
    >>> names = EntityDictionary([("Ada", "PERSON"), ("Bob", "PERSON"), ("Lindau", "PLACE")])
    >>> text = "It rained. Ada met Bob. They live in Lindau."
    >>> rows = list(instances_from_texts([text], entities=names, window=2, types=[("PERSON", "PLACE")]))
    >>> [(row["text"], original_spans(row).head) for row in rows]
    [('Ada met Bob. They live in Lindau.', {'start': 11, 'end': 14}), ('Ada met Bob. They live in Lindau.', {'start': 19, 'end': 22})]

    ```
    """
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise UsageError(
            f"A list of texts, documents or instances is needed, got {type(rows).__name__}. Put a single one in a list."
        )
    if on_error not in ("raise", "skip"):
        raise UsageError(f"`on_error` must be 'raise' or 'skip', got {on_error!r}.")
    rules = PairRules(window, both_directions, max_distance, max_pairs_per_text, types, max_characters)
    if isinstance(sentences, str):
        split_sentences("", sentences)  # refuses what is no language
    reader = _Reader(entities, sentences, rules, device, TextReport() if report is None else report)
    reader.bad = None if on_error == "raise" else [] if errors is None else errors
    return reader.read(rows)


class _Given(NamedTuple):
    place: int
    id: str
    text: str
    instance: Instance | None = None
    document: Document | None = None  # neither: a text whose entities are to be found


class _Reader:
    """Reads rows in chunks, so that a tagger has several texts at once and the memory stays flat."""

    bad: list[InvalidRowError] | None = None

    def __init__(self, entities: Any, sentences: Sentences, rules: PairRules, device: Any, report: TextReport) -> None:
        self.entities, self.device = entities, device
        self.sentences, self.rules, self.report = sentences, rules, report
        self._source: Any = None
        self._seen: set[str] = set()

    def read(self, rows: Iterable[Any]) -> Iterator[Instance]:
        chunk: list[_Given] = []
        size = 0
        for index, row in enumerate(rows):
            try:
                given = self._checked(row, index)
            except InvalidRowError as error:
                self._refuse(error)
                continue
            chunk.append(given)
            size += len(given.text)
            if len(chunk) == _CHUNK_ROWS or size >= _CHUNK_CHARACTERS:
                yield from self._instances(chunk)
                chunk, size = [], 0
        yield from self._instances(chunk)

    def _refuse(self, error: InvalidRowError) -> None:
        if self.bad is None:
            raise error
        self.bad.append(error)

    def _checked(self, row: Any, index: int) -> _Given:
        if isinstance(row, Mapping) and (row.get("head") is not None or row.get("tail") is not None):
            instance = check_instance({key: row[key] for key in row if key not in _GOLD}, index=index)
            given = _Given(index, instance["id"], instance["text"], instance=instance)
        else:
            from hf_relation.extraction.inputs import read_input  # imports torch, which ready embeddings never need

            found = read_input(row, index)
            document = found.document
            given = _Given(index, document["id"], document["text"], document=None if found.raw else document)
            if found.raw and self.entities is None:
                raise UsageError(
                    f"row {index} is a text whose entities are not marked, and nothing is there to find them: pass `entities` (on "
                    "the command line --entities), such as 'dictionary:names.tsv', 'spacy:en_core_web_sm' or the name of a "
                    "token-classification model; or give documents (text, mentions, entities) or instances (text, head, tail)."
                )
        if given.id in self._seen:
            raise duplicate_id_error(given.id, index=index)
        self._seen.add(given.id)
        return given

    def _instances(self, chunk: list[_Given]) -> Iterator[Instance]:
        spans = self._entities_of([given for given in chunk if given.instance is None and given.document is None])
        for given in chunk:
            if given.instance is not None:
                self.report.instances += 1
                yield given.instance
                continue
            document = given.document
            if document is None:
                try:
                    document = document_of_spans(given.text, spans[given.place], id=given.id, index=given.place)
                except InvalidRowError as error:
                    self._refuse(error)
                    continue
            pairs = document_pairs(document, split_sentences(given.text, self.sentences), self.rules)
            self.report.add(document, pairs)
            yield from pairs.instances

    def _entities_of(self, given: list[_Given]) -> dict[int, list[EntitySpan]]:
        if not given:
            return {}
        if self._source is None:
            from hf_relation.extraction.entity_sources import entity_source

            self._source = entity_source(self.entities, device=self.device)
        spans = entities_of_long_texts(self._source, [item.text for item in given], sentences=self.sentences)
        return {item.place: found for item, found in zip(given, spans, strict=True)}
