"""Processors: the tokens of a mention are those of its characters, whatever the text; settings from files."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from hf_relation.data import candidate_pairs
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.processing import DocumentProcessor, RelationProcessor
from tests.common.tiny_tokenizers import TOKENIZER_KINDS, tiny_tokenizer
from tests.fuzz.targets.configs import settings_of
from tests.fuzz.targets.source import Source, folder_of
from tests.fuzz.targets.spans import SIDES, some_document, some_instance


@cache
def _relation(kind: str, policy: str, max_length: int) -> RelationProcessor:
    return RelationProcessor(tiny_tokenizer(kind), policy, ["PER"] if policy == "typed" else (), max_length=max_length)


@cache
def _document(kind: str, policy: str, max_length: int) -> DocumentProcessor:
    return DocumentProcessor(tiny_tokenizer(kind), policy, ["PER"] if policy == "typed" else (), max_length)


def _sharing(offsets: Any, text: str, mention: Any) -> list[int]:
    """Tokens that share a character with a mention, white space at its ends aside."""
    places = [place for place in range(mention["start"], mention["end"]) if not text[place].isspace()]
    first, end = places[0], places[-1] + 1
    return [token for token, span in enumerate(offsets) if span is not None and span[0] < end and first < span[1]]


def pair_tokens(data: bytes) -> None:
    """One pair: two separate runs of tokens, where the tokenizer itself puts the characters of the mentions."""
    source = Source(data)
    kind, policy = source.choice(TOKENIZER_KINDS), source.choice(("none", "entity", "typed"))
    processor = _relation(kind, policy, source.choice((128, 16, 8)))
    row: Any = some_instance(source, 50)
    if row is None:
        return
    try:
        (encoded,) = processor.encode([row])
    except InvalidRowError as error:
        assert error.index == 0 and "mention" in str(error)
        return
    assert encoded.length <= processor.max_length
    columns = (encoded.head_token_mask, encoded.tail_token_mask, encoded.between_token_mask)
    assert {len(column) for column in columns} == {encoded.length} and all(
        sum(bits) <= 1 for bits in zip(*columns, strict=True)
    )
    for mask in columns[:2]:
        first, count = mask.index(1), sum(mask)
        assert mask[first : first + count] == [1] * count
    reference = processor.tokenizer.backend_tokenizer.encode(row["text"], add_special_tokens=False)
    if policy != "none" or encoded.input_ids[1:-1] != reference.ids:
        return  # markers or a window: checked with documents, whose tokens have offsets
    for side, mask in zip(SIDES, columns[:2], strict=True):
        found = [place for place, bit in enumerate(mask[1:-1]) if bit]
        assert found == _sharing(reference.offsets, row["text"], row[side]), (side, found)


def document_tokens(data: bytes) -> None:
    """Documents: in every window, a mention's tokens are those that share a character with it."""
    source = Source(data)
    kind, policy = source.choice(TOKENIZER_KINDS), source.choice(("none", "entity", "typed"))
    processor = _document(kind, policy, source.choice((128, 32, 12)))
    row: Any = some_document(source, 60)
    if row is None:
        return
    try:
        windows = processor.encode([row])
    except InvalidRowError as error:
        assert error.index == 0 and ("mention" in str(error) or "no tokens" in str(error)), error
        return
    assert windows and windows[0].document == 0
    pairs: set[tuple[int, int]] = set()
    for window in windows:
        assert window.length <= processor.max_length and len(window.offsets) == window.length
        for (first, end), place in zip(window.mention_spans, window.mentions, strict=True):
            inside = [token for token in range(first, end) if window.offsets[token] is not None]
            assert inside and inside == _sharing(window.offsets, row["text"], row["mentions"][place]), (place, inside)
        for (head, tail), entities in zip(window.pairs, window.pair_entities, strict=True):
            for mention_place, entity in zip((head, tail), entities, strict=True):
                assert window.mentions[mention_place] in row["entities"][entity]["mentions"]
        pairs |= set(window.pair_entities)
    assert pairs <= set(candidate_pairs(row))


@cache
def _saved() -> tuple[dict[str, bytes], dict[str, bytes]]:
    made = []
    for processor in (_relation("bert", "typed", 128), _document("bert", "typed", 128)):
        folder = folder_of({}, "processor-made")
        processor.save_pretrained(folder)
        made.append({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})
    return made[0], made[1]


def _settings(content: bytes, which: int) -> None:
    if settings_of(content) is None:
        return  # transformers reads the JSON itself
    processor_class = (RelationProcessor, DocumentProcessor)[which]
    folder = folder_of(_saved()[which] | {"processor_config.json": content}, "processor")
    try:
        loaded = processor_class.from_pretrained(str(folder))
    except (CheckpointError, UsageError) as error:
        assert str(error)
        return
    assert loaded.marker_tokens is not None and loaded.max_length >= 3


PROCESSOR_TARGETS: dict[str, Callable[[bytes], None]] = {
    "pair-tokens": pair_tokens,
    "document-tokens": document_tokens,
    "relation-processor": lambda content: _settings(content, 0),
    "document-processor": lambda content: _settings(content, 1),
}


@cache
def processor_seeds() -> dict[str, list[bytes]]:
    """The files as the package writes them."""
    relation, document = _saved()
    assert json.loads(relation["processor_config.json"])
    return {
        "relation-processor": [relation["processor_config.json"]],
        "document-processor": [document["processor_config.json"]],
    }
