"""TACRED: newswire and web sentences with 41 relations of persons and organisations, and `no_relation`."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import InvalidRowError, UsageError
from .cropping import crop_around_mentions
from .files import read_json, rows_naming_file
from .hygiene import drop_benchmark_sentences, drop_overlapping
from .locations import corpus_dir
from .schema import Instance
from .tokens import characters_of_tokens, join_tokens
from .validation import check_instance


logger = logging.getLogger(__name__)

TACRED_SOURCE = (
    "the Linguistic Data Consortium, catalogue number LDC2018T24 (https://catalog.ldc.upenn.edu/LDC2018T24)"
)
TACRED_LICENCE = "LDC user agreement: for licensed users only, not to be redistributed"

TACRED_NO_RELATION = "no_relation"
"""TACRED's label of pairs without a relation; an ordinary label by this name in what the reader returns."""

TACRED_KNOWN: tuple[str, ...] = (
    "org:founded_by", "per:employee_of", "org:alternate_names", "per:cities_of_residence", "per:children", "per:title",
    "per:siblings", "per:religion", "per:age", "org:website", "per:stateorprovinces_of_residence", "org:member_of",
    "org:top_members/employees", "per:countries_of_residence", "org:city_of_headquarters", "org:members",
    "org:country_of_headquarters", "per:spouse", "org:stateorprovince_of_headquarters",
    "org:number_of_employees/members", "org:parents", "org:subsidiaries", "per:origin",
    "org:political/religious_affiliation", "per:other_family", "per:stateorprovince_of_birth", "org:dissolved",
    "per:date_of_death", "org:shareholders", "per:alternate_names", "per:parents",
)  # fmt: skip
"""Relations 0 to 30, known in open relation discovery."""

TACRED_NOVEL: tuple[str, ...] = (
    "per:schools_attended", "per:cause_of_death", "per:city_of_death", "per:stateorprovince_of_death", "org:founded",
    "per:country_of_birth", "per:date_of_birth", "per:city_of_birth", "per:charges", "per:country_of_death",
)  # fmt: skip
"""Relations 31 to 40, novel in open relation discovery."""

TACRED_FILES: Mapping[str, str] = {"train": "train.json", "validation": "dev.json", "test": "test.json"}
TACRED_SPLITS = ("train", "novel_unlabeled", "test")

_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}"}


def read_tacred(
    path: str | os.PathLike[str],
    *,
    drop_no_relation: bool = False,
    crop_tokens: int | None = None,
    unescape_brackets: bool = False,
    on_error: Literal["raise", "skip"] = "raise",
    errors: list[InvalidRowError] | None = None,
) -> Iterator[Instance]:
    """Read a list of `{"id", "relation", "token", "subj_start", "subj_end", "obj_start", ...}`.

    The subject is the head and the object the tail, with their types. **Ends are inclusive** token indices. The text is the
    tokens joined by single spaces, blank tokens left out. Files of the same format, such as Re-TACRED's, are read too.

    Args:
        path (`str` or `PathLike`): `train.json`, `dev.json` or `test.json`; `.gz` is unpacked.
        drop_no_relation (`bool`): leave out rows labelled `"no_relation"`; else that is a label like any other.
        crop_tokens (`int`, *optional*): cut sentences of more tokens to a window of so many around the mentions, see
            `crop_around_mentions`. RoCORE's authors crop sentences of 80 tokens and more.
        unescape_brackets (`bool`): write `-LRB-` and its kind as brackets; else tokens are taken verbatim.
        on_error (`"raise"` or `"skip"`): with `"skip"` bad rows are left out and put into `errors`.
        errors (`list`, *optional*): receives one `InvalidRowError` per skipped row. Without it, their number is logged as a
            warning at the end.

    Yields:
        `Instance`: with an id such as `"tacred/e7798fb926b9403cfcd2"`.

    Raises:
        UsageError: the file does not exist, or an argument has a value that is not allowed.
        InvalidRowError: the file is not of this format, or mentions overlap; the message has position and id.

    Reference:
        Zhang et al., "Position-aware Attention and Supervised Data Improve Slot Filling", EMNLP 2017.
    """
    if on_error not in ("raise", "skip"):
        raise UsageError(f"`on_error` must be 'raise' or 'skip', got {on_error!r}.")
    if crop_tokens is not None and crop_tokens < 2:
        raise UsageError(f"`crop_tokens` must be at least 2, got {crop_tokens}. Leave it out for whole sentences.")
    return _rows(path, drop_no_relation, crop_tokens, unescape_brackets, on_error == "skip", errors)


def load_tacred_openre(
    data_dir: str | os.PathLike[str] | None,
    split: str,
    *,
    test_share: float = 0.15,
    seed: int = 0,
    crop_tokens: int | None = None,
    drop_evaluation_sentences: bool | None = None,
) -> list[Instance]:
    """Load one part of TACRED as open relation discovery uses it.

    The three files are one pool, less `no_relation`. `"train"` has the 31 relations of `TACRED_KNOWN`; of the instances of
    the 10 of `TACRED_NOVEL`, a share drawn by `seed` is `"test"` and the rest `"novel_unlabeled"`, whose labels stand in
    `relations` for scoring only. The draw depends on the instances' ids and the seed alone. The authors' own draw was not
    published, so figures on it and on this one differ by the chance of a draw of some 250 instances.

    Args:
        data_dir (`str`, `PathLike` or `None`): folder with the files, or with a folder `tacred` that has them; `None` takes
            `find_data_dir()`.
        split (`str`): `"train"`, `"novel_unlabeled"` or `"test"`.
        test_share (`float`, defaults to 0.15): share of the novel instances that is the test set.
        seed (`int`, defaults to 0): of the draw.
        crop_tokens (`int`, *optional*): see `read_tacred`.
        drop_evaluation_sentences (`bool`, *optional*): leave out instances whose sentence occurs in the test set (TACRED has
            sentences with several pairs), and from `"train"` those of `drop_benchmark_sentences`: on by default for
            `"train"`, off for `"novel_unlabeled"`. What was dropped is logged. Not allowed with `"test"`.

    Returns:
        `list[Instance]`: in the order of the files.

    Raises:
        UsageError: unknown split, a file is missing, or there are too few novel instances for a test set.
        InvalidRowError: a bad row, a relation that is not TACRED's, or an id that occurs twice.

    Reference:
        Zhao et al., "A Relation-Oriented Clustering Method for Open Relation Extraction", EMNLP 2021, section 4.1.
    """
    if split not in TACRED_SPLITS:
        raise UsageError(f"TACRED's split must be one of {', '.join(TACRED_SPLITS)}, got {split!r}.")
    if split == "test" and drop_evaluation_sentences:
        raise UsageError("nothing can be dropped from the test set. Leave out `drop_evaluation_sentences`.")
    if not 0 < test_share < 1:
        raise UsageError(f"`test_share` must be between 0 and 1, got {test_share}.")
    rows = _pool(corpus_dir(data_dir, "tacred"))
    novel = sorted(row["id"] for row in rows if row["relations"][0] in TACRED_NOVEL)
    number = int(test_share * len(novel) + 0.5)
    if not 0 < number < len(novel):
        raise UsageError(
            f"{len(novel)} instance(s) of novel relations cannot be divided into a test set of {number} and a rest. Are the "
            "files complete?"
        )
    test_ids = {novel[i] for i in np.random.default_rng(seed).permutation(len(novel))[:number].tolist()}
    test = [row for row in rows if row["id"] in test_ids]
    if split == "test":
        chosen = test
    elif split == "train":
        chosen = [row for row in rows if row["relations"][0] in TACRED_KNOWN]
    else:
        chosen = [row for row in rows if row["relations"][0] in TACRED_NOVEL and row["id"] not in test_ids]
    if split == "train" if drop_evaluation_sentences is None else drop_evaluation_sentences:
        kept, dropped = drop_overlapping(chosen, [test])
        if split == "train":
            kept, more = drop_benchmark_sentences(kept)
            dropped += more
        logger.info("TACRED %s: %d instances dropped, their sentence is in an evaluation set.", split, len(dropped))
        chosen = kept
    # Whole sentences are compared above, so that two windows of one sentence count as the same.
    return chosen if crop_tokens is None else [crop_around_mentions(row, crop_tokens) for row in chosen]


def tacred_file(folder: Path, split: str) -> Path:
    """The file of one published split in a folder, or in `data/json` below it, as in LDC's release.

    Args:
        folder (`Path`): where to look.
        split (`str`): `"train"`, `"validation"` or `"test"`.

    Returns:
        `Path`: an existing file.

    Raises:
        UsageError: it is not there; the message says where it can be had.
    """
    name = TACRED_FILES[split]
    for place in (folder, folder / "data" / "json"):
        for candidate in (place / name, place / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    raise UsageError(
        f"{name}[.gz] is not in {folder}. TACRED is not free to pass on, so bring your own copy: it is licensed by "
        f"{TACRED_SOURCE}. Licence: {TACRED_LICENCE}. Expected in that folder (or in data/json below it): "
        f"{', '.join(TACRED_FILES.values())}, each a JSON list of rows with id, relation, token, subj_start, subj_end, subj_type, "
        "obj_start, obj_end and obj_type."
    )


def tacred_files(folder: Path) -> list[Path]:
    """The three published files.

    Args:
        folder (`Path`): where to look.

    Returns:
        `list[Path]`: training, development and test file.

    Raises:
        UsageError: one is not there.
    """
    return [tacred_file(folder, split) for split in TACRED_FILES]


def _pool(folder: Path) -> list[Instance]:
    names = {*TACRED_KNOWN, *TACRED_NOVEL}
    place_of: dict[str, Path] = {}
    rows = []
    for path in tacred_files(folder):
        for row in rows_naming_file(path, partial(read_tacred, drop_no_relation=True)):
            if row["id"] in place_of:
                raise InvalidRowError(
                    f"{row['id']} occurs in {place_of[row['id']]} and again in {path}. Is one file a copy of the other?"
                )
            if row["relations"][0] not in names:
                raise InvalidRowError(
                    f"{row['id']} in {path} has the relation {row['relations'][0]!r}, which is none of TACRED's 41. The split of "
                    "open relation discovery is for the original labels only; read other versions with `read_tacred`."
                )
            place_of[row["id"]] = path
            rows.append(row)
    return rows


def _rows(
    path: str | os.PathLike[str],
    drop_no_relation: bool,
    crop_tokens: int | None,
    unescape_brackets: bool,
    skip: bool,
    errors: list[InvalidRowError] | None,
) -> Iterator[Instance]:
    content = read_json(path)
    if not isinstance(content, list):
        raise InvalidRowError(f"{path} is not a list of TACRED rows, but {type(content).__name__}.")
    skipped = 0
    for position, row in enumerate(content):
        try:
            instance = _instance(row, position, unescape_brackets)
        except InvalidRowError as error:
            if not skip:
                raise
            skipped += 1
            if errors is not None:
                errors.append(error)
            continue
        if drop_no_relation and instance["relations"] == [TACRED_NO_RELATION]:
            continue
        yield instance if crop_tokens is None else crop_around_mentions(instance, crop_tokens)
    if skipped and errors is None:
        logger.warning("%s: %d bad rows were skipped.", path, skipped)


def _instance(row: Any, position: int, unescape_brackets: bool) -> Instance:
    row_id = f"tacred/{position}"
    try:
        row_id = f"tacred/{row['id']}"
        tokens = row["token"]
        if unescape_brackets and isinstance(tokens, list):  # anything else is refused below
            tokens = [_BRACKETS.get(token, token) for token in tokens]
        text, spans = join_tokens(tokens)
        head = characters_of_tokens(spans, row["subj_start"], row["subj_end"])
        tail = characters_of_tokens(spans, row["obj_start"], row["obj_end"])
        return check_instance(
            {
                "id": row_id,
                "text": text,
                "head": {"start": head[0], "end": head[1], "type": row["subj_type"]},
                "tail": {"start": tail[0], "end": tail[1], "type": row["obj_type"]},
                "relations": [row["relation"]],
            }
        )
    except (KeyError, IndexError, TypeError) as error:
        raise InvalidRowError(f"{row_id}: not a row of TACRED's format ({error!r}).", index=position) from error
    except InvalidRowError as error:
        raise InvalidRowError(f"{row_id}: {error.reason}", index=position) from None
