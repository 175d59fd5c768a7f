"""DocRED and Re-DocRED: documents with entities of several mentions and relations across sentences."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import InvalidRowError
from .files import read_json, stem_of
from .schema import Document, Entity, LabelledPair, Span
from .tokens import characters_of_tokens, join_tokens
from .validation import check_document


REDOCRED_SOURCE = "https://github.com/tonytan48/Re-DocRED (data/)"


def read_docred(
    path: str | os.PathLike[str], rel_info: Mapping[str, str] | str | os.PathLike[str] | None = None
) -> Iterator[Document]:
    """Read a list of `{"title", "sents", "vertexSet", "labels"}`.

    A sentence's tokens are joined by single spaces and the sentences by line feeds, so every line of the text is a
    sentence and no mention crosses a line. An entity's type is the most frequent one of its mentions (the first of equals);
    mentions listed twice count once. The evidence sentences of a label are not part of the schema.

    Args:
        path (`str` or `PathLike`): the file; `.gz` is unpacked.
        rel_info (`Mapping[str, str]` or path, *optional*): relation id -> name, or the file `rel_info.json`; labels are
            then names, else Wikidata property ids such as `"P17"`.

    Yields:
        `Document`: with an id such as `"docred/dev_revised/12"`: file, position in the list.

    Raises:
        UsageError: a file does not exist.
        InvalidRowError: the file is not of this format, or a relation is not in `rel_info`; the message names the
            document.

    Reference:
        Yao et al., "DocRED: A Large-Scale Document-Level Relation Extraction Dataset", ACL 2019; Tan et al.,
        "Revisiting DocRED - Addressing the False Negative Problem in Relation Extraction", EMNLP 2022.
    """
    names = read_json(rel_info) if isinstance(rel_info, (str, os.PathLike)) else rel_info
    content = read_json(path)
    if not isinstance(content, list):
        raise InvalidRowError(f"{path} is not a list of DocRED documents, but {type(content).__name__}.")
    prefix = f"docred/{stem_of(path)}"
    for position, row in enumerate(content):
        row_id = f"{prefix}/{position}"
        try:
            yield _document(row, row_id, names)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            known = isinstance(error, InvalidRowError)
            reason = error.reason if isinstance(error, InvalidRowError) else f"not a DocRED document ({error!r})."
            raise InvalidRowError(f"{row_id}: {reason}") from (None if known else error)


def _document(row: Mapping[str, Any], row_id: str, names: Mapping[str, str] | None) -> Document:
    lines: list[str] = []
    spans_of_sentence: list[tuple[int, list[tuple[int, int]]]] = []
    offset = 0
    for tokens in row["sents"]:
        line, spans = join_tokens(tokens)
        if "\n" in line:
            raise InvalidRowError(
                f"sentence {len(lines)} has a token with a line feed in it, which would end the sentence."
            )
        lines.append(line)
        spans_of_sentence.append((offset, spans))
        offset += len(line) + 1
    position_of: dict[tuple[int, int], int] = {}
    entities: list[Entity] = []
    for vertex in row["vertexSet"]:
        positions: list[int] = []
        for mention in vertex:
            if mention["sent_id"] < 0:  # which would count from the end
                raise InvalidRowError(f"`sent_id` is {mention['sent_id']}; sentences are counted from 0.")
            start_of_line, spans = spans_of_sentence[mention["sent_id"]]
            first, end_token = mention["pos"]
            start, end = characters_of_tokens(spans, first, end_token - 1)
            position = position_of.setdefault((start_of_line + start, start_of_line + end), len(position_of))
            if position not in positions:
                positions.append(position)
        entity_type = Counter(mention["type"] for mention in vertex).most_common(1)[0][0]
        entities.append({"id": None, "type": entity_type, "mentions": positions})
    mentions: list[Span] = [{"start": start, "end": end} for start, end in position_of]
    relations: list[LabelledPair] = [
        {"head": label["h"], "tail": label["t"], "label": _name(label["r"], names)} for label in row.get("labels", [])
    ]
    return check_document(
        {"id": row_id, "text": "\n".join(lines), "mentions": mentions, "entities": entities, "relations": relations}
    )


def _name(relation: str, names: Mapping[str, str] | None) -> str:
    if names is None:
        return relation
    if relation not in names:
        raise InvalidRowError(f"the relation {relation!r} is not in `rel_info`. Complete it, or leave `rel_info` out.")
    return names[relation]
