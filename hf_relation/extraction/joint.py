"""From raw text to scored pairs with one model: its tagger finds the entities, its kernels judge their pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from hf_relation.data.candidates import candidate_pairs, nearest_mentions
from hf_relation.data.entities import EntitySpan, document_of_spans, without_overlaps
from hf_relation.data.schema import Document
from hf_relation.embedding.batching import token_budget_batches
from hf_relation.embedding.devices import model_device, resolve_device
from hf_relation.embedding.forward import inference_state
from hf_relation.errors import UsageError
from hf_relation.extraction.scoring import PairScores, score_documents
from hf_relation.models.kernel_re import KernelREModel, TextStates
from hf_relation.processing import DocumentProcessor, EncodedWindow


_CHUNK_TEXTS = 1_000
_BATCH_TOKENS = 2_048
Found = tuple[Document, PairScores]


def tag_and_score(
    model: KernelREModel,
    processor: DocumentProcessor,
    texts: Sequence[str],
    *,
    ids: Sequence[str] | None = None,
    dtype: str = "float32",
    device: str | torch.device | None = None,
    max_distance: int | None = None,
) -> Iterator[Found]:
    """Find the entities of texts and score all their pairs, the encoder running once over every text that fits into it.

    A longer text is tagged in windows (of spans that overlap, the longest is kept) and its pairs are scored in a second pass.

    Args:
        model ([`~hf_relation.KernelREModel`]): with a tagger (`config.entity_types`).
        processor ([`~hf_relation.processing.DocumentProcessor`]): without markers, which need the entities beforehand.
        texts (`Sequence[str]`): the texts.
        ids (`Sequence[str]`, *optional*): of the documents; by default their positions.
        dtype (`str`, defaults to `"float32"`): `"float32"` or `"bfloat16"`.
        device (`str` or `torch.device`, *optional*): defaults to the model's own.
        max_distance (`int`, *optional*): leave out pairs with more characters between their nearest mentions.

    Yields:
        `tuple`: the document of each text, and its scores.

    Raises:
        UsageError: the model has no tagger, or the processor has markers.
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
    target = model_device(model) if device is None else resolve_device(device)
    names = [str(row) for row in range(len(texts))] if ids is None else list(ids)
    for first in range(0, len(texts), _CHUNK_TEXTS):
        chunk, of_chunk = texts[first : first + _CHUNK_TEXTS], names[first : first + _CHUNK_TEXTS]
        blank = [
            {"id": name, "text": text, "mentions": [], "entities": []}
            for name, text in zip(of_chunk, chunk, strict=True)
        ]
        windows = processor.encode(blank, pairs="none", cover=True, first_index=first)
        spans: list[list[EntitySpan]] = [[] for _ in chunk]
        done: dict[int, Found] = {}
        with (
            inference_state(model, target),
            torch.autocast(target.type, dtype=torch.bfloat16, enabled=dtype == "bfloat16"),
        ):
            for numbers in token_budget_batches([window.length for window in windows], _BATCH_TOKENS):
                part = [windows[number] for number in numbers]
                states, found = _tag(model, processor, part, target)
                for window, of_window in zip(part, found, strict=True):
                    spans[window.document] += of_window
                whole = [place for place, window in enumerate(part) if window.complete]
                rows = [part[place].document for place in whole]
                documents = [document_of_spans(chunk[row], spans[row], id=of_chunk[row]) for row in rows]
                chosen = TextStates(*(states_of[whole] for states_of in states))
                left = processor.tokenizer.padding_side == "left"
                answers = _score(model, chosen, [part[place] for place in whole], documents, max_distance, left)
                done |= dict(zip(rows, zip(documents, answers, strict=True), strict=True))
        long = [row for row in range(len(chunk)) if row not in done]
        documents = [document_of_spans(chunk[row], without_overlaps(spans[row]), id=of_chunk[row]) for row in long]
        pairs = [candidate_pairs(document, max_distance=max_distance) for document in documents]
        again = score_documents(model, processor, documents, pairs=pairs, dtype=dtype, device=device)
        done |= dict(zip(long, zip(documents, again, strict=True), strict=True))
        yield from (done[row] for row in range(len(chunk)))


def _tag(
    model: KernelREModel, processor: DocumentProcessor, windows: Sequence[EncodedWindow], device: torch.device
) -> tuple[TextStates, list[list[EntitySpan]]]:
    batch = processor.pad(windows).to(device)
    states = model.encode(batch["input_ids"], batch["attention_mask"], batch.get("token_type_ids"))
    assert model.tagger is not None
    emissions = model.tagger(states.last, batch["text_token_mask"])
    found = []
    for window, spans in zip(windows, model.tagger.decode(emissions, batch["text_token_mask"]), strict=True):
        characters = [offsets for offsets in window.offsets if offsets is not None]
        whole = [EntitySpan(characters[span.start][0], characters[span.end - 1][1], span.type) for span in spans]
        found.append([span for span in whole if span.start < span.end])
    return states, found


def _score(
    model: KernelREModel,
    states: TextStates,
    windows: Sequence[EncodedWindow],
    documents: Sequence[Document],
    max_distance: int | None,
    pads_left: bool,
) -> list[PairScores]:
    """Score all pairs of texts whose states are there already."""
    pairs = [candidate_pairs(document, max_distance=max_distance) for document in documents]
    if not any(pairs):
        nothing = np.zeros((0, model.config.num_relations), dtype=np.float32)
        return [PairScores([], nothing) for _ in documents]
    width = states.last.shape[1]
    spans = torch.full((len(windows), max(len(document["mentions"]) for document in documents), 2), -1)
    places = torch.full((len(windows), max(map(len, pairs)), 2), -1)
    for row, (window, document) in enumerate(zip(windows, documents, strict=True)):
        left = width - window.length if pads_left else 0
        for mention, span in enumerate(document["mentions"]):
            inside = [
                token
                for token, characters in enumerate(window.offsets)
                if characters is not None and characters[0] < span["end"] and characters[1] > span["start"]
            ]
            spans[row, mention] = torch.tensor([inside[0] + left, inside[-1] + 1 + left])
        for place, pair in enumerate(pairs[row]):
            places[row, place] = torch.tensor(nearest_mentions(document, *pair))
    device = states.last.device
    logits, _ = model.score_pairs(states, spans.to(device), places.to(device))
    found = logits.float().cpu().numpy()
    return [PairScores(of_text, found[row, : len(of_text)]) for row, of_text in enumerate(pairs)]
