"""From raw text to scored pairs with one model: its tagger finds the entities, its kernels judge their pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hf_relation.data.candidates import candidate_pairs, nearest_mentions
from hf_relation.data.entities import EntitySpan, document_of_spans, without_overlaps
from hf_relation.data.schema import Document
from hf_relation.data.validation import is_blank
from hf_relation.embedding.devices import model_device, resolve_device
from hf_relation.embedding.forward import inference_state
from hf_relation.embedding.memory import ShrinkingBatches
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction.scoring import (
    MOST_SCORES,
    PairScores,
    batch_tokens,
    check_dtype,
    check_finite,
    score_documents,
)
from hf_relation.models.kernel_re import KernelREModel, TextStates
from hf_relation.processing import DocumentProcessor, EncodedWindow
from hf_relation.processing.alignment import token_range


_CHUNK_TEXTS = 1_000
Found = tuple[Document, PairScores]


def tag_and_score(
    model: KernelREModel,
    processor: DocumentProcessor,
    texts: Sequence[str],
    *,
    ids: Sequence[str] | None = None,
    dtype: str = "float32",
    max_tokens_per_batch: int | None = None,
    device: str | torch.device | None = None,
    max_distance: int | None = None,
    reflexive: bool = False,
    rows: Sequence[int] | None = None,
    tag_only: bool = False,
) -> Iterator[Found]:
    """Find the entities of texts and score all their pairs, the encoder running once over every text that fits into it.

    A longer text is tagged in windows, and its pairs are scored in a second pass. Of spans that overlap, the longest is kept.

    Args:
        model ([`~hf_relation.KernelREModel`]): with a tagger (`config.entity_types`).
        processor ([`~hf_relation.processing.DocumentProcessor`]): without markers, which need the entities beforehand.
        texts (`Sequence[str]`): the texts.
        ids (`Sequence[str]`, *optional*): of the documents; by default their positions.
        dtype (`str`, defaults to `"float32"`): `"float32"` or `"bfloat16"`.
        max_tokens_per_batch (`int`, *optional*): as for [`score_documents`].
        device (`str` or `torch.device`, *optional*): defaults to the model's own.
        max_distance (`int`, *optional*): leave out pairs with more characters between their nearest mentions.
        reflexive (`bool`, defaults to `False`): score the pair of every entity with itself as well.
        rows (`Sequence[int]`, *optional*): what error messages call the texts; by default their positions.
        tag_only (`bool`, defaults to `False`): find the entities, and score no pair.

    Yields:
        `tuple`: the document of each text, and its scores.

    Raises:
        InvalidRowError: a text is not a string.
        UsageError: the model has no tagger, or the processor has markers.
        HfRelationError: a score is not finite, or one text alone is too large for the memory.
    """
    if model.tagger is None:
        raise UsageError(
            "This model has no tagger, so that it does not find entities in raw text. Give documents with entities, or "
            "`entities=` (a token-classification pipeline, a spaCy pipeline or a function), or train with --entity_types."
        )
    if processor.marker_policy != "none":
        raise UsageError(
            "Raw text has no marked mentions, and this model was trained with markers. Use marker_policy='none'."
        )
    check_dtype(dtype)
    target = model_device(model) if device is None else resolve_device(device)
    budget = batch_tokens(max_tokens_per_batch, target)
    places = range(len(texts)) if rows is None else rows
    names = [str(row) for row in range(len(texts))] if ids is None else list(ids)
    candidates = _Candidates(max_distance, reflexive, tag_only)
    for first in range(0, len(texts), _CHUNK_TEXTS):
        taken = slice(first, first + _CHUNK_TEXTS)
        chunk, of_chunk, numbers = texts[taken], names[taken], places[taken]
        blank: list[Document] = [
            {"id": name, "text": text, "mentions": [], "entities": [], "relations": []}
            for name, text in zip(of_chunk, chunk, strict=True)
        ]
        try:
            windows = processor.encode(blank, pairs="none", cover=True)
        except InvalidRowError as error:
            raise InvalidRowError(error.reason, index=None if error.index is None else numbers[error.index]) from None
        once = _OnePass(model, processor, target, dtype == "bfloat16", blank, windows, candidates, numbers)
        spans: list[list[EntitySpan]] = [[] for _ in chunk]
        done: dict[int, Found] = {}
        with inference_state(model, target):
            for chosen, (tagged, answers) in ShrinkingBatches(budget, target).run(
                [window.length for window in windows], once, alone=once.too_large_alone
            ):
                for place, found in zip(chosen, tagged, strict=True):
                    spans[windows[place].document] += found
                done |= answers
        long = [row for row in range(len(chunk)) if row not in done]
        documents = [_document(blank[row], spans[row]) for row in long]
        again = score_documents(
            model,
            processor,
            documents,
            pairs=map(candidates, documents),
            dtype=dtype,
            max_tokens_per_batch=max_tokens_per_batch,
            device=device,
            validate=False,
            rows=[numbers[row] for row in long],
        )
        second = zip(documents, again, strict=True)
        yield from (done[row] if row in done else next(second) for row in range(len(chunk)))


def _document(blank: Document, spans: Sequence[EntitySpan]) -> Document:
    return document_of_spans(blank["text"], without_overlaps(spans), id=blank["id"])


@dataclass(frozen=True)
class _Candidates:
    max_distance: int | None
    reflexive: bool
    none: bool

    def __call__(self, document: Document) -> list[tuple[int, int]]:
        if self.none:
            return []
        return candidate_pairs(document, max_distance=self.max_distance, reflexive=self.reflexive)


@dataclass(frozen=True)
class _OnePass:
    """Tags windows, and scores the pairs of those that hold a whole text from the same states."""

    model: KernelREModel
    processor: DocumentProcessor
    device: torch.device
    bfloat16: bool
    blank: Sequence[Document]
    windows: Sequence[EncodedWindow]
    candidates: _Candidates
    rows: Sequence[int]

    def __call__(self, chosen: list[int]) -> tuple[list[list[EntitySpan]], dict[int, Found]]:
        part = [self.windows[place] for place in chosen]
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            states, spans = self._tag(part)
            whole = [place for place, window in enumerate(part) if window.complete]
            windows = [part[place] for place in whole]
            documents = [_document(self.blank[part[place].document], spans[place]) for place in whole]
            scores = self._score(TextStates(*(of_all[whole] for of_all in states)), windows, documents)
        found = zip(windows, documents, scores, strict=True)
        return spans, {window.document: (document, of_text) for window, document, of_text in found}

    def too_large_alone(self, place: int) -> str:
        window = self.windows[place]
        return (
            f"row {self.rows[window.document]}: out of memory on {self.device} with one window of {window.length} tokens. Use a "
            "smaller `max_length`, a smaller model or another device."
        )

    def _tag(self, windows: Sequence[EncodedWindow]) -> tuple[TextStates, list[list[EntitySpan]]]:
        batch = self.processor.pad(windows).to(self.device)
        states = self.model.encode(batch["input_ids"], batch["attention_mask"], batch.get("token_type_ids"))
        tagger = self.model.tagger
        assert tagger is not None
        emissions = tagger(states.last, batch["text_token_mask"]).float()
        for window, of_window in zip(windows, emissions.cpu().numpy(), strict=True):
            check_finite(of_window, self.rows[window.document])
        found = []
        for window, spans in zip(windows, tagger.decode(emissions, batch["text_token_mask"]), strict=True):
            text = self.blank[window.document]["text"]
            characters = [offsets for offsets in window.offsets if offsets is not None]
            whole = [EntitySpan(characters[span.start][0], characters[span.end - 1][1], span.type) for span in spans]
            # Some tokens stand for white space, or for no character at all.
            found.append(
                [span for span in whole if span.start < span.end and not is_blank(text[span.start : span.end])]
            )
        return states, found

    def _score(
        self, states: TextStates, windows: Sequence[EncodedWindow], documents: Sequence[Document]
    ) -> list[PairScores]:
        """Score all pairs of texts whose states are there already; no more texts at once than the memory should hold."""
        pairs = [self.candidates(document) for document in documents]
        relations = self.model.config.num_relations
        found = [PairScores([], np.zeros((0, relations), dtype=np.float32)) for _ in documents]
        places = [place for place, of_text in enumerate(pairs) if of_text]
        most = max((len(documents[place]["mentions"]) for place in places), default=1)
        step = max(1, MOST_SCORES // (most**2 * relations))
        for start in range(0, len(places), step):
            chosen = places[start : start + step]
            spans = torch.full((len(chosen), most, 2), -1)
            wanted = torch.full((len(chosen), max(len(pairs[place]) for place in chosen), 2), -1)
            for row, place in enumerate(chosen):
                spans_of_text = self._token_spans(windows[place], documents[place], states.last.shape[1])
                spans[row, : len(spans_of_text)] = torch.tensor(spans_of_text)
                judged = [nearest_mentions(documents[place], *pair) for pair in pairs[place]]
                wanted[row, : len(judged)] = torch.tensor(judged)
            of_chosen = TextStates(*(of_all[chosen] for of_all in states))
            logits, _ = self.model.score_pairs(of_chosen, spans.to(self.device), wanted.to(self.device))
            for place, scores in zip(chosen, logits.float().cpu().numpy(), strict=True):
                check_finite(scores, self.rows[windows[place].document])
                found[place] = PairScores(pairs[place], scores[: len(pairs[place])])
        return found

    def _token_spans(self, window: EncodedWindow, document: Document, width: int) -> list[tuple[int, int]]:
        """The mentions' tokens in the padded window."""
        left = width - window.length if self.processor.tokenizer.padding_side == "left" else 0
        offsets = [characters or (0, 0) for characters in window.offsets]
        found = []
        for span in document["mentions"]:
            tokens = token_range(offsets, span["start"], span["end"])
            assert tokens is not None  # the span was made from tokens
            found.append((tokens[0] + left, tokens[1] + left))
        return found
