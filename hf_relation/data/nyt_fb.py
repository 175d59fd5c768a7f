"""NYT+FB: sentences of the New York Times aligned with Freebase, in relation-autoencoder's tab-separated format."""

from __future__ import annotations

import logging
import os
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from ..errors import InvalidRowError, UsageError
from .files import read_lines, stem_of
from .schema import Instance
from .tokens import characters_of_tokens, join_tokens
from .validation import check_instance


logger = logging.getLogger(__name__)

NYT_FB_COLUMNS: tuple[str, ...] = (
    "path", "entity1", "entity2", "types", "trigger", "document", "sentence", "pos", "relation",
)  # fmt: skip
"""The nine columns: dependency path, the two entities, their types, trigger word, document, sentence, its tags, relation."""

Run = tuple[int, int]


def read_nyt_fb(
    path: str | os.PathLike[str],
    *,
    unlabelled: Literal["keep", "drop"] = "keep",
    labels: Literal["all", "first"] = "all",
    on_error: Literal["raise", "skip"] = "raise",
    errors: list[InvalidRowError] | None = None,
    counts: Counter[str] | None = None,
) -> Iterator[Instance]:
    """Read lines of nine tab-separated columns, see `NYT_FB_COLUMNS`, in flat memory.

    The first entity is the head, the second the tail, with the types of the pair column (`PERSON-LOCATION`). Path, trigger
    and tags are not part of the schema and are left out. The relation column is empty for most rows, and may name several
    relations with spaces between them.

    The format has entities as strings, not as places. **Where a mention is**: a run of whole tokens of the sentence that
    equals the entity's tokens; where there is none, one that equals it in lower case. Of several runs, the head and the tail
    with the fewest tokens between them are taken, the earliest of equals; they must not overlap.

    Args:
        path (`str` or `PathLike`): the file, UTF-8; `.gz` is unpacked.
        unlabelled (`"keep"` or `"drop"`): what to do with rows without a relation. Dropped rows are not checked further than
            their number of columns.
        labels (`"all"` or `"first"`): keep all relations of a row, or the first alone, as relation-autoencoder's scorer does.
        on_error (`"raise"` or `"skip"`): with `"skip"` bad rows are left out and put into `errors`.
        errors (`list`, *optional*): receives one `InvalidRowError` per skipped row. Without it, their number and the first of
            them are logged as a warning at the end.
        counts (`Counter`, *optional*): receives what was met: `"rows"` (all of them), `"labelled"`, `"unlabelled"`,
            `"several_relations"`, `"bad"`, and of the rows given out `"ambiguous"` (more than one place was possible) and
            `"ignoring_case"` (a mention was found in lower case only).

    Yields:
        `Instance`: with an id such as `"nyt_fb/nyt_fb/12"`: file, line number.

    Raises:
        UsageError: the file does not exist, or an argument has an unknown value.
        InvalidRowError: a bad row, with its line number; or, with `on_error="skip"`, no good row at all.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data import read_nyt_fb
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.txt"
    >>> _ = path.write_text("<-nsubj<-meet->dobj->\\tAda\\tBob\\tPERSON-PERSON\\tTRIGGER:meet\\td\\tAda met Bob .\\tA B C D\\t/met")
    >>> row, = read_nyt_fb(path)
    >>> row["text"], row["tail"], row["relations"]
    ('Ada met Bob .', {'start': 8, 'end': 11, 'type': 'PERSON'}, ['/met'])

    ```

    Reference:
        Marcheggiani and Titov, "Discrete-State Variational Autoencoders for Joint Discovery and Factorization of Relations",
        TACL 2016.
    """
    for name, value, allowed in (
        ("unlabelled", unlabelled, ("keep", "drop")),
        ("labels", labels, ("all", "first")),
        ("on_error", on_error, ("raise", "skip")),
    ):
        if value not in allowed:
            raise UsageError(f"`{name}` must be {' or '.join(map(repr, allowed))}, got {value!r}.")
    return _rows(path, unlabelled == "drop", labels == "first", on_error == "skip", errors, counts)


def _rows(
    path: str | os.PathLike[str],
    drop_unlabelled: bool,
    first_label: bool,
    skip: bool,
    errors: list[InvalidRowError] | None,
    counts: Counter[str] | None,
) -> Iterator[Instance]:
    counts = Counter() if counts is None else counts
    prefix = f"nyt_fb/{stem_of(path)}"
    first_error: InvalidRowError | None = None
    good = bad = 0
    for line, content in read_lines(path):
        if not content.strip():
            continue
        counts["rows"] += 1
        try:
            row = _columns(content, line)
            relations = list(dict.fromkeys(row["relation"].split()))
            counts["labelled" if relations else "unlabelled"] += 1
            counts["several_relations"] += len(relations) > 1
            if drop_unlabelled and not relations:
                continue
            instance, found = _instance(row, relations[:1] if first_label else relations, f"{prefix}/{line}", line)
        except InvalidRowError as error:
            if not skip:
                raise
            bad += 1
            counts["bad"] += 1
            first_error = first_error or error
            if errors is not None:
                errors.append(error)
            continue
        good += 1
        counts["ambiguous"] += found.places > 1
        counts["ignoring_case"] += found.ignoring_case
        yield instance
    if first_error is not None:
        if not good:
            raise InvalidRowError(
                f"{path} has no good row. The first bad one: {first_error.reason}", line=first_error.line
            )
        if errors is None:
            logger.warning("%s: %d bad rows were skipped. The first: %s", path, bad, first_error)
    logger.info("%s: %s.", path, ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def _columns(content: bytes, line: int) -> dict[str, str]:
    try:
        values = content.decode("utf-8").split("\t")
    except UnicodeDecodeError as error:
        raise InvalidRowError(
            f"not UTF-8: byte 0x{content[error.start]:02x} at byte offset {error.start}. Save the file as UTF-8.",
            line=line,
        ) from None
    if len(values) != len(NYT_FB_COLUMNS):
        raise InvalidRowError(
            f"{len(values)} tab-separated column(s); {len(NYT_FB_COLUMNS)} are needed: {', '.join(NYT_FB_COLUMNS)}. A row "
            "without a relation ends with a tab.",
            line=line,
        )
    return dict(zip(NYT_FB_COLUMNS, values, strict=True))


def _instance(row: dict[str, str], relations: list[str], row_id: str, line: int) -> tuple[Instance, _Found]:
    types = row["types"].split("-")
    if len(types) != 2 or not all(types):
        raise InvalidRowError(f"the types are {row['types']!r}; two with a hyphen between are needed.", line=line)
    tokens = _tokens(row["sentence"])
    if (tags := len(_tokens(row["pos"]))) != len(tokens):
        raise InvalidRowError(f"the sentence has {len(tokens)} token(s) but {tags} tag(s). Each needs one.", line=line)
    text, spans = join_tokens(tokens)
    found = _locate(tokens, row["entity1"], row["entity2"], line)
    mentions = {}
    for key, run, entity_type in zip(("head", "tail"), (found.head, found.tail), types, strict=True):
        try:
            start, end = characters_of_tokens(spans, *run)
        except InvalidRowError as error:  # an entity of blank tokens
            raise InvalidRowError(error.reason, line=line) from None
        mentions[key] = {"start": start, "end": end, "type": entity_type}
    return check_instance({"id": row_id, "text": text, **mentions, "relations": relations}, line=line), found


class _Found(NamedTuple):
    """Where two entities are: runs of tokens (ends inclusive), in how many places they could be, whether case was ignored."""

    head: Run
    tail: Run
    places: int
    ignoring_case: bool


def _locate(tokens: Sequence[str], entity1: str, entity2: str, line: int) -> _Found:
    runs: list[list[Run]] = []
    ignoring_case = False
    for entity in (entity1, entity2):
        exact = _runs(tokens, _tokens(entity))
        if not exact:
            exact = _runs([token.lower() for token in tokens], _tokens(entity.lower()))
            ignoring_case = True
        if not exact:
            raise InvalidRowError(
                f"the entity {entity[:60]!r} is no run of whole tokens of the sentence, so there is no mention of it.",
                line=line,
            )
        runs.append(exact)
    places = 0
    nearest: list[tuple[Run, Run]] = []
    heads, tails = runs
    starts, ends = [tail[0] for tail in tails], [tail[1] for tail in tails]
    # Of each head only the next tail on both sides: all pairs of a word that is repeated are too many to be listed.
    for head in heads:
        behind, before = bisect_right(starts, head[1]), bisect_left(ends, head[0])
        places += len(tails) - behind + before
        nearest += [(head, tail) for tail in (*tails[max(before - 1, 0) : before], *tails[behind : behind + 1])]
    if not places:
        raise InvalidRowError(
            f"the mentions of {entity1[:60]!r} and {entity2[:60]!r} overlap wherever they are; two separate ones are needed.",
            line=line,
        )
    head, tail = min(
        nearest, key=lambda place: (max(place[0][0], place[1][0]) - min(place[0][1], place[1][1]), *place)
    )
    return _Found(head, tail, places, ignoring_case)


def _runs(tokens: Sequence[str], wanted: Sequence[str]) -> list[Run]:
    length = len(wanted)
    if not length:
        return []
    return [
        (start, start + length - 1)
        for start in range(len(tokens) - length + 1)
        if tokens[start] == wanted[0] and list(tokens[start : start + length]) == list(wanted)
    ]


def _tokens(text: str) -> list[str]:
    """Tokens with single blanks between; no-break spaces within one are its own."""
    return [token for token in text.split(" ") if token]
