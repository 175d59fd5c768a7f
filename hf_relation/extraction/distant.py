"""From texts, documents and instances to documents labelled by a list of facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from hf_relation.data.distant import DistantLabeller
from hf_relation.data.entities import EntitySpan, document_of_spans, without_overlaps
from hf_relation.data.entity_dictionary import EntityDictionary
from hf_relation.data.schema import Document
from hf_relation.data.text_entities import entities_of_long_texts
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction.entity_sources import entity_source
from hf_relation.extraction.inputs import ExtractionInput, read_input


_CHUNK_CHARACTERS = 200_000
_CHUNK_ROWS = 256


def distant_documents(
    rows: Iterable[Any],
    labeller: DistantLabeller,
    *,
    entities: Any = None,
    keep_unlabelled: bool = False,
    device: Any = None,
    errors: list[InvalidRowError] | None = None,
) -> Iterator[Document]:
    """Make labelled documents of raw text: entities are found, and their pairs get the relations that a list of facts has.

    Names in a text that overlap are told apart by their length: the longest is kept, of equally long ones the first. A dictionary
    reads from the left and takes the longest name at every place. Mentions that are spelled alike are one entity, whatever white space
    and Unicode form, and whatever case unless the labeller heeds it.

    Args:
        rows (`Iterable`): texts (`str`, or mappings with `text` and possibly `id`), documents (text, mentions, entities), and
            instances (text, head, tail), which become documents of two entities; read as they are needed. Labels that they have
            are left behind unread.
        labeller ([`~hf_relation.data.DistantLabeller`]): the facts; its `report` counts what becomes of the rows.
        entities (*optional*): what finds the entities of texts, as for [`~hf_relation.discovery.instances_from_texts`]; by default the
            names in the facts, as whole words.
        keep_unlabelled (`bool`, defaults to `False`): give documents without a label as well.
        device (`str` or `torch.device`, *optional*): where a model that is named by `entities` runs.
        errors (`list[InvalidRowError]`, *optional*): bad rows are left out and put here, with their positions, instead of raised.

    Yields:
        `Document`: in the order of the rows.

    Raises:
        UsageError: a text, and a labeller that matches ids; or `entities` is nothing that finds entities.
        InvalidRowError: a row is none of these or breaks the data contract; `.index` is its position.

    Example:

    ```python
    >>> from hf_relation.data import DistantLabeller, Fact
    >>> from hf_relation.extraction import distant_documents
    >>> label = DistantLabeller([Fact("Ada Brenner", "born in", "Lindau")])
    >>> rows = list(distant_documents(["In Lindau ADA BRENNER is known.", "Nobody came."], label))
    >>> rows[0]["relations"], rows[0]["mentions"]
    ([{'head': 1, 'tail': 0, 'label': 'born in'}], [{'start': 3, 'end': 9}, {'start': 10, 'end': 21}])
    >>> label.report.rows, label.report.labelled_rows, len(rows)
    (2, 1, 1)

    ```
    """
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise UsageError(
            f"A list of texts, documents or instances is needed, got {type(rows).__name__}. Put a single one in a list."
        )
    return _Builder(labeller, entities, device, errors).documents(rows, keep_unlabelled)


class _Builder:
    """Reads rows in chunks, so that a tagger has several texts at once and the memory stays flat."""

    def __init__(
        self, labeller: DistantLabeller, entities: Any, device: Any, errors: list[InvalidRowError] | None
    ) -> None:
        self.labeller, self.entities, self.device, self.errors = labeller, entities, device, errors
        self._source: Any = None

    def documents(self, rows: Iterable[Any], keep_unlabelled: bool) -> Iterator[Document]:
        for chunk in self._chunks(rows):
            spans = iter(self._entities_of([given.document["text"] for _, given in chunk if given.raw]))
            for index, given in chunk:
                found = next(spans) if given.raw else []
                try:
                    document = self._labelled(given, found, index)
                except InvalidRowError as error:
                    self._refuse(error)
                    continue
                if keep_unlabelled or document["relations"]:
                    yield document

    def _chunks(self, rows: Iterable[Any]) -> Iterator[list[tuple[int, ExtractionInput]]]:
        chunk: list[tuple[int, ExtractionInput]] = []
        size = 0
        for index, row in enumerate(rows):
            try:
                given = read_input(row, index)
            except InvalidRowError as error:
                self._refuse(error)
                continue
            chunk.append((index, given))
            size += len(given.document["text"])
            if len(chunk) == _CHUNK_ROWS or size >= _CHUNK_CHARACTERS:
                yield chunk
                chunk, size = [], 0
        yield chunk

    def _labelled(self, given: ExtractionInput, spans: Sequence[EntitySpan], index: int) -> Document:
        document = given.document
        if given.raw:
            document = document_of_spans(
                document["text"],
                _apart(spans),
                id=document["id"],
                merge="string" if self.labeller.ignore_case else "exact",
                index=index,
            )
        return self.labeller.document(document, index=index)

    def _refuse(self, error: InvalidRowError) -> None:
        if self.errors is None:
            raise error
        self.errors.append(error)

    def _entities_of(self, texts: Sequence[str]) -> list[list[EntitySpan]]:
        if not texts:
            return []
        if self.labeller.match == "id":
            raise UsageError(
                "Entities found in texts have no ids, which match='id' looks up. Match by name, or give documents."
            )
        if self._source is None:
            self._source = (
                self._names_of_facts() if self.entities is None else entity_source(self.entities, device=self.device)
            )
        return entities_of_long_texts(self._source, texts)

    def _names_of_facts(self) -> EntityDictionary:
        names = [(name, None) for name in self.labeller.names]
        try:
            return EntityDictionary(names, ignore_case=self.labeller.ignore_case)
        except InvalidRowError as error:
            raise InvalidRowError(f"the facts cannot be looked for in texts: {error.reason}") from None


def _apart(spans: Sequence[EntitySpan]) -> Sequence[EntitySpan]:
    ordered = sorted(spans, key=lambda span: span.start)
    # Few sources give spans that overlap; telling them apart takes time that grows with the square of their number.
    return without_overlaps(spans) if any(one.end > other.start for one, other in pairwise(ordered)) else spans
