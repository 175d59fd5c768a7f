"""Windows of documents with the relations of their pairs, encoded once, and the batches made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from hf_relation.data.schema import Document
from hf_relation.errors import UsageError
from hf_relation.processing import DocumentProcessor, EncodedWindow, spans_to_bio
from hf_relation.training.datasets import EncodedRows


if TYPE_CHECKING:
    from transformers import BatchEncoding


OUTSIDE_TEXT = -100


@dataclass(frozen=True)
class LabelledWindow:
    """One window and what is to be learned of it.

    Args:
        window ([`~hf_relation.processing.EncodedWindow`]): the window.
        relations (`list[list[int]]`): of every pair of the window, the numbers of its relations.
        tags (`list[int]`, *optional*): of every token, -100 outside the text.
    """

    window: EncodedWindow
    relations: list[list[int]]
    tags: list[int] | None = None


class ExtractionDataset(EncodedRows):
    """Encode documents once, for the training of an extraction model.

    Args:
        documents (`Sequence[Document]`): in normal form.
        processor ([`~hf_relation.processing.DocumentProcessor`]): turns them into windows.
        label2id (`Mapping[str, int]`): numbers of the relations.
        pairs (`str` or one sequence of pairs a document): the candidates, see `DocumentProcessor.encode`.
        tagger_labels (`Sequence[str]`, *optional*): labels of a tagger (`model.tagger.labels`), which then learns all mentions.

    Attributes:
        windows (`list[LabelledWindow]`): the rows.
        lengths (`list[int]`): tokens of every row.
        num_cut (`int`): documents that are longer than one window.
        num_nested (`int`): mentions that tags cannot show, because they overlap longer ones.

    Raises:
        UsageError: a document has a relation that is not in `label2id`.

    Example:

    ```python
    >>> from transformers import BertTokenizerFast
    >>> from hf_relation.data import check_document
    >>> from hf_relation.processing import DocumentProcessor
    >>> from hf_relation.training import ExtractionDataset
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada met bob .".split()
    >>> processor = DocumentProcessor(BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}))
    >>> document = check_document({
    ...     "text": "Ada met Bob.", "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}],
    ...     "entities": [{"mentions": [0]}, {"mentions": [1]}], "relations": [{"head": 0, "tail": 1, "label": "met"}],
    ... })
    >>> ExtractionDataset([document], processor, {"met": 0}).windows[0].relations
    [[0], []]

    ```
    """

    def __init__(
        self,
        documents: Sequence[Document],
        processor: DocumentProcessor,
        label2id: Mapping[str, int],
        *,
        pairs: Any = "all",
        tagger_labels: Sequence[str] | None = None,
    ) -> None:
        encoded = processor.encode(documents, pairs=pairs, cover=tagger_labels is not None)
        self.label2id = dict(label2id)
        self.num_nested = 0
        of_document = [_relations_of(document, self.label2id, row) for row, document in enumerate(documents)]
        self.windows = [
            LabelledWindow(
                window,
                [of_document[window.document].get(pair, []) for pair in window.pair_entities],
                None if tagger_labels is None else self._tags(window, documents[window.document], tagger_labels),
            )
            for window in encoded
        ]
        self.instance_ids = [documents[window.document]["id"] for window in encoded]
        self.lengths = [window.length for window in encoded]
        self.num_cut = len({window.document for window in encoded if not window.complete})

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"labelled": self.windows[index]}

    def _tags(self, window: EncodedWindow, document: Document, labels: Sequence[str]) -> list[int]:
        text = [token for token, characters in enumerate(window.offsets) if characters is not None]
        place = {token: number for number, token in enumerate(text)}
        types = {label[2:] for label in labels if label != "O"}
        only = next(iter(types)) if len(types) == 1 else None
        kinds = {mention: entity["type"] for entity in document["entities"] for mention in entity["mentions"]}
        spans = []
        for (start, end), mention in zip(window.mention_spans, window.mentions, strict=True):
            kind = kinds.get(mention)
            if only is None and kind not in types:
                raise UsageError(
                    f"document {document['id']!r}: a mention has the type {kind!r}, and the tagger has {sorted(types)}. Give all "
                    "types as `entity_types`, or a single one for all mentions."
                )
            spans.append((place[start], place[end - 1] + 1, only or str(kind)))
        tagged = spans_to_bio(len(text), spans, labels)
        self.num_nested += len(tagged.dropped)
        tags = [OUTSIDE_TEXT] * window.length
        for token, tag in zip(text, tagged.tags, strict=True):
            tags[token] = tag
        return tags


class ExtractionCollator:
    """Pad windows to a batch, with `labels` and, for a tagger, `tags`.

    Args:
        processor ([`~hf_relation.processing.DocumentProcessor`]): pads the windows.
        num_relations (`int`): number of relations.

    Returns (when called):
        `BatchEncoding`: the columns of the processor; `labels` `(batch, pairs, relations)` float32, rows of -100 in padding;
        `tags` `(batch, tokens)` int64, -100 outside the text.
    """

    def __init__(self, processor: DocumentProcessor, num_relations: int) -> None:
        self.processor = processor
        self.num_relations = num_relations

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> BatchEncoding:
        labelled: list[LabelledWindow] = [row["labelled"] for row in rows]
        batch = self.processor.pad([each.window for each in labelled], return_tensors="pt")
        labels = torch.full((*batch["pairs"].shape[:2], self.num_relations), float(OUTSIDE_TEXT))
        for row, each in enumerate(labelled):
            labels[row, : len(each.relations)] = 0
            for pair, numbers in enumerate(each.relations):
                labels[row, pair, numbers] = 1
        batch["labels"] = labels
        if labelled[0].tags is not None:
            tags = torch.full(batch["input_ids"].shape, OUTSIDE_TEXT)
            tags[batch["attention_mask"] == 1] = torch.tensor([tag for each in labelled for tag in each.tags or ()])
            batch["tags"] = tags
        return batch


def _relations_of(document: Document, label2id: Mapping[str, int], row: int) -> dict[tuple[int, int], list[int]]:
    found: dict[tuple[int, int], list[int]] = {}
    for relation in document["relations"]:
        if relation["label"] not in label2id:
            raise UsageError(
                f"document {row} ({document['id']!r}) has the relation {relation['label']!r}, which is not among the "
                f"{len(label2id)} relations of the model. Train with all relations of the training data."
            )
        numbers = found.setdefault((relation["head"], relation["tail"]), [])
        if label2id[relation["label"]] not in numbers:
            numbers.append(label2id[relation["label"]])
    return found
