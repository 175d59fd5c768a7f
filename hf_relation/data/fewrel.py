"""FewRel: Wikipedia sentences labelled with Wikidata properties, in its own format and in the open-relation one."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..errors import InvalidRowError
from .files import read_json, stem_of
from .locations import corpus_dir, corpus_file
from .row_checks import BrokenRule, checked_label, checked_string, shown
from .schema import Instance, Mention
from .tokens import characters_of_tokens, join_tokens
from .validation import check_instance


FEWREL_SOURCE = "https://github.com/thunlp/FewRel (data/)"

FEWREL_NOVEL: tuple[str, ...] = (
    "P177", "P364", "P2094", "P361", "P641", "P59", "P413", "P206",
    "P412", "P155", "P26", "P410", "P25", "P463", "P40", "P921",
)  # fmt: skip
"""The 16 relations of `val_wiki.json`, which are the novel ones in open relation discovery."""


def read_fewrel(path: str | os.PathLike[str], *, sources: Collection[str] | None = None) -> Iterator[Instance]:
    """Read a file of the FewRel format: one object, relation id -> list of `{"tokens", "h", "t"}`.

    `h` and `t` are `[surface, Wikidata id, list of mentions]`, a mention being a list of token indices. The text is the
    tokens joined by single spaces, blank tokens left out (see `join_tokens`). Of an entity with several mentions the first
    is taken, as the benchmark's own code does. Wikidata ids name entities, not their types, so types are `None`.

    Args:
        path (`str` or `PathLike`): `val_wiki.json`, `train_wiki.json` or a file of their format; `.gz` is unpacked.
        sources (`Collection[str]`, *optional*): keep only instances whose key `src` is one of these; instances
            without the key count as `"fewrel"`. Reassembled training files have it: `"wiki80"`, `"ohre"`, and
            `"cfrl"`, whose tokens are lower-cased.

    Yields:
        `Instance`: with the property id as its one relation and an id such as `"fewrel/val_wiki/P177/12"`: file,
        relation, position in the relation's list.

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: the file is not of this format; the message names relation and position.

    Reference:
        Han et al., "FewRel: A Large-Scale Supervised Few-Shot Relation Classification Dataset", EMNLP 2018.
    """
    content = read_json(path)
    if not isinstance(content, Mapping) or not all(isinstance(rows, list) for rows in content.values()):
        raise InvalidRowError(f"{path} is not in the FewRel format: one object, relation id -> list of instances.")
    prefix = f"fewrel/{stem_of(path)}"
    for relation, rows in content.items():
        for position, row in enumerate(rows):
            row_id = f"{prefix}/{relation}/{position}"
            if sources is not None and _source(row, row_id) not in sources:
                continue
            yield fewrel_instance(row, relation=relation, row_id=row_id)


def fewrel_instance(row: Mapping[str, Any], *, relation: str, row_id: str) -> Instance:
    """Turn one instance of the FewRel format into the schema.

    Args:
        row (`Mapping`): `{"tokens": [...], "h": [surface, id, mentions], "t": ...}`.
        relation (`str`): its relation.
        row_id (`str`): its id, also named in errors.

    Returns:
        `Instance`: checked.

    Raises:
        InvalidRowError: fields are missing or indices are not within the tokens.
    """
    try:
        text, spans = join_tokens(row["tokens"])
        head, tail = _first_mention(row["h"][2], spans), _first_mention(row["t"][2], spans)
    except (KeyError, IndexError, TypeError) as error:
        raise InvalidRowError(f"{row_id}: not an instance of the FewRel format ({error!r}).") from error
    except InvalidRowError as error:
        raise InvalidRowError(f"{row_id}: {error.reason}") from None
    return _checked(row_id, text, head, tail, relation)


def read_openre_records(path: str | os.PathLike[str]) -> Iterator[Instance]:
    """Read the record format of RSN and MORE: a list of `{"relation", "sentence", "head", "tail"}`.

    `head` has the token indices `e1_begin` and `e1_end`, `tail` has `e2_begin` and `e2_end`; **ends are inclusive**.

    Args:
        path (`str` or `PathLike`): for instance `fewrel80_test_test.json`; `.gz` is unpacked.

    Yields:
        `Instance`: with an id such as `"fewrel/fewrel80_test_test/12"`: file, position in the list.

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: the file is not of this format; the message names the position.

    Reference:
        Wu et al., "Open Relation Extraction: Relational Knowledge Transfer from Supervised Data to Unsupervised Data",
        EMNLP 2019.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise InvalidRowError(f"{path} is not a list of open-relation records, but {type(content).__name__}.")
    prefix = f"fewrel/{stem_of(path)}"
    for position, row in enumerate(content):
        row_id = f"{prefix}/{position}"
        try:
            text, spans = join_tokens(row["sentence"])
            head = _mention(spans, row["head"]["e1_begin"], row["head"]["e1_end"])
            tail = _mention(spans, row["tail"]["e2_begin"], row["tail"]["e2_end"])
            relation = row["relation"]
        except (KeyError, IndexError, TypeError) as error:
            raise InvalidRowError(f"{row_id}: not an open-relation record ({error!r}).") from error
        except InvalidRowError as error:
            raise InvalidRowError(f"{row_id}: {error.reason}") from None
        yield _checked(row_id, text, head, tail, relation)


def relation_names(data_dir: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """The English names of Wikidata properties, from FewRel's `pid2name.json`.

    Args:
        data_dir (`str` or `PathLike`, *optional*): folder with the file, or with a folder `fewrel` that has it;
            by default the one of `find_data_dir()`.

    Returns:
        `dict[str, str]`: property id -> name, for instance `"P177"` -> `"crosses"`.

    Raises:
        UsageError: the file is not there.
        InvalidRowError: it is not of this format; the message names file and property.
    """
    path = corpus_file(corpus_dir(data_dir, "fewrel"), "pid2name.json", source=FEWREL_SOURCE)
    content = read_json(path)
    if not isinstance(content, Mapping):
        raise InvalidRowError(
            f"{path} must be one object, property id -> [name, description], not {type(content).__name__}."
        )
    names: dict[str, str] = {}
    for property_id, entry in content.items():
        try:
            if not isinstance(entry, list) or len(entry) != 2:
                raise BrokenRule(f"[name, description] is needed, got {shown(entry)}")
            names[checked_string(property_id, "the id")] = checked_label(entry[0], "the name")
        except BrokenRule as bad:
            raise InvalidRowError(f"{path}, {shown(property_id)}: {bad}.") from None
    return names


def _source(row: object, row_id: str) -> str:
    source = row.get("src", "fewrel") if isinstance(row, Mapping) else "fewrel"
    if not isinstance(source, str):
        raise InvalidRowError(
            f"{row_id}: `src` must be a string, got {shown(source)} of type {type(source).__name__}."
        )
    return source


def _first_mention(mentions: Sequence[Sequence[int]], spans: Sequence[tuple[int, int]]) -> Mention:
    indices = list(mentions[0])
    # Compared one by one: a range from the first index to the last could be too long for the memory.
    if any(index != indices[0] + place for place, index in enumerate(indices)):
        raise InvalidRowError(f"the mention's token indices {shown(indices)} are not one run.")
    return _mention(spans, indices[0], indices[-1])


def _mention(spans: Sequence[tuple[int, int]], first: int, last: int) -> Mention:
    start, end = characters_of_tokens(spans, first, last)
    return {"start": start, "end": end, "type": None}


def _checked(row_id: str, text: str, head: Mention, tail: Mention, relation: str) -> Instance:
    try:
        return check_instance({"id": row_id, "text": text, "head": head, "tail": tail, "relations": [relation]})
    except InvalidRowError as error:
        raise InvalidRowError(f"{row_id}: {error.reason}") from None
