"""The open-relation-discovery split of FewRel: 64 known relations, 16 novel ones, a frozen test set."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .fewrel import FEWREL_SOURCE, fewrel_instance, read_fewrel
from .files import parse_json, read_bytes
from .hygiene import drop_benchmark_sentences, drop_overlapping
from .locations import corpus_dir, corpus_file
from .schema import Instance


logger = logging.getLogger(__name__)

FEWREL_SPLITS = ("train", "novel_unlabeled", "test")


def load_fewrel_openre(
    data_dir: str | os.PathLike[str] | None,
    split: str,
    *,
    drop_evaluation_sentences: bool | None = None,
    sources: Collection[str] | None = None,
) -> list[Instance]:
    """Load one part of FewRel as open relation discovery uses it.

    * `"train"`: the known relations. `train_wiki.json` (64 x 700) where it is there, else the two reassembled files
      `train_wiki_26rel.json.gz` and `train_wiki_38rel_partial.json.gz` (27,287 instances).
    * `"novel_unlabeled"`: 9,600 instances of the 16 novel relations, `val_wiki.json` less the test set. Their labels stand
      in `relations` for scoring only.
    * `"test"`: the frozen 1,600 instances that RSN and MORE test on, in their order. The package has their positions in
      `val_wiki.json` and checks that file's SHA-256.

    Args:
        data_dir (`str`, `PathLike` or `None`): folder with the files, or with a folder `fewrel` that has them; `None`
            takes `find_data_dir()`.
        split (`str`): `"train"`, `"novel_unlabeled"` or `"test"`.
        drop_evaluation_sentences (`bool`, *optional*): leave out instances whose sentence occurs in an evaluation set:
            from `"train"` those of `drop_benchmark_sentences` (on by default), from `"novel_unlabeled"` those in `"test"` (off by default, which gives the usual 9,600;
            turn it on to *train* on them). What was dropped is logged. Not allowed with `"test"`.
        sources (`Collection[str]`, *optional*): with `"train"`, keep only instances of these sources, see `read_fewrel`.

    Returns:
        `list[Instance]`: with Wikidata property ids as relations, in file order.

    Raises:
        UsageError: unknown split, a file is missing, or `val_wiki.json` is not the published one.

    Reference:
        Wu et al., EMNLP 2019 (the split); Wang et al., "MORE: A Metric Learning Based Framework for Open-Domain Relation
        Extraction", ICASSP 2022.
    """
    if split not in FEWREL_SPLITS:
        raise UsageError(f"FewRel's split must be one of {', '.join(FEWREL_SPLITS)}, got {split!r}.")
    if split == "test" and drop_evaluation_sentences:
        raise UsageError("nothing can be dropped from the frozen test set. Leave out `drop_evaluation_sentences`.")
    if split != "train" and sources is not None:
        raise UsageError("`sources` is for the split 'train' only: `val_wiki.json` has one source.")
    folder = corpus_dir(data_dir, "fewrel")
    if split == "train":
        train = [instance for path in fewrel_train_files(folder) for instance in read_fewrel(path, sources=sources)]
        return train if drop_evaluation_sentences is False else _report(drop_benchmark_sentences(train), split)
    test, rest = _novel(folder)
    if split == "test":
        return test
    return _report(drop_overlapping(rest, [test]), split) if drop_evaluation_sentences else rest


def fewrel_train_files(folder: Path) -> list[Path]:
    """The files that hold FewRel's 64 known relations: `train_wiki.json`, or the two reassembled ones.

    Args:
        folder (`Path`): the folder with FewRel's files.

    Returns:
        `list[Path]`: one or two existing files.

    Raises:
        UsageError: neither is there.
    """
    for name in ("train_wiki.json", "train_wiki.json.gz"):
        if (folder / name).is_file():
            return [folder / name]
    parts = [folder / "train_wiki_26rel.json.gz", folder / "train_wiki_38rel_partial.json.gz"]
    missing = [path.name for path in parts if not path.is_file()]
    if missing:
        raise UsageError(
            f"train_wiki.json is not in {folder}, and neither is {' or '.join(missing)}. "
            f"Get train_wiki.json from {FEWREL_SOURCE} and put it there."
        )
    return parts


@cache
def frozen_rows() -> dict[str, Any]:
    """The shipped description of the frozen test set.

    Returns:
        `dict`: `file`, `sha256` of that file, and `rows`: relation id -> positions in the relation's list, both in the
        order of the test set.
    """
    content: dict[str, Any] = json.loads(Path(__file__).with_name("fewrel_openre.json").read_text(encoding="utf-8"))
    return content


def _novel(folder: Path) -> tuple[list[Instance], list[Instance]]:
    frozen = frozen_rows()
    path = corpus_file(folder, frozen["file"], source=FEWREL_SOURCE)
    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if found != frozen["sha256"]:
        raise UsageError(
            f"{path} is not the published {frozen['file']}: its SHA-256 is {found}, expected {frozen['sha256']}. The test set "
            f"is defined by positions in that file, so another version cannot be used. Get it from {FEWREL_SOURCE}."
        )
    rows = parse_json(content, what=str(path))
    instances = {
        (relation, position): fewrel_instance(row, relation=relation, row_id=f"fewrel/val_wiki/{relation}/{position}")
        for relation, of_relation in rows.items()
        for position, row in enumerate(of_relation)
    }
    test = [instances.pop((relation, position)) for relation, taken in frozen["rows"].items() for position in taken]
    return test, list(instances.values())


def _report(parts: tuple[list[Instance], list[Instance]], split: str) -> list[Instance]:
    kept, dropped = parts
    logger.info("FewRel %s: %d instances dropped, their sentence is in an evaluation set.", split, len(dropped))
    return kept
