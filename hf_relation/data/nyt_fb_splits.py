"""Parts of NYT+FB: NYT+FB-sup, by frequency, and the development and test rows of unsupervised discovery."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import UsageError
from .frequency_split import split_by_frequency
from .hygiene import drop_benchmark_sentences, drop_overlapping
from .locations import corpus_dir
from .nyt_fb import NYT_FB_COLUMNS, read_nyt_fb
from .schema import Instance


logger = logging.getLogger(__name__)

NYT_FB_SOURCE = (
    "the authors of https://github.com/diegma/relation-autoencoder, who give it to holders of a licence of the New York Times "
    "Annotated Corpus (Linguistic Data Consortium, catalogue number LDC2008T19, https://catalog.ldc.upenn.edu/LDC2008T19)"
)
NYT_FB_LICENCE = "LDC user agreement for the text (LDC2008T19): for licensed users only, not to be redistributed"
NYT_FB_FILES: tuple[str, ...] = ("nyt_fb.txt", "nyt_fb.tsv", "data-sample.txt")
NYT_FB_SUP_SPLITS = ("train", "validation", "test")
NYT_FB_LABELLED_SPLITS = ("validation", "test")


def nyt_fb_file(folder: Path) -> Path:
    """The file of NYT+FB in a folder.

    Args:
        folder (`Path`): where to look.

    Returns:
        `Path`: an existing file.

    Raises:
        UsageError: it is not there; the message says where it can be had.
    """
    for name in NYT_FB_FILES:
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    raise UsageError(
        f"{NYT_FB_FILES[0]}[.gz] is not in {folder}. NYT+FB is not free to pass on, so bring your own copy: it comes from "
        f"{NYT_FB_SOURCE}. Licence: {NYT_FB_LICENCE}. Expected in that folder: {NYT_FB_FILES[0]}, all parts in one file, one "
        f"row per line, {len(NYT_FB_COLUMNS)} tab-separated columns ({', '.join(NYT_FB_COLUMNS)}), UTF-8."
    )


def load_nyt_fb_sup(
    data_dir: str | os.PathLike[str] | None,
    split: str,
    *,
    least: int = 20,
    most: int = 2000,
    seed: int = 0,
    overlapping: bool = False,
    labels: Literal["all", "first"] = "all",
    drop_evaluation_sentences: bool | None = None,
) -> list[Instance]:
    """Load one part of NYT+FB-sup: relations of middling frequency are novel, the rest are known.

    The labelled rows are split by `split_by_frequency`. By default the validation and the test relations are *disjoint*
    halves of the novel ones, so that what is chosen on the one is not chosen on the other; `overlapping=True` with
    `labels="first"` is the split of MORE's code, where both hold all novel relations. Bad rows are left out, and their number
    is logged as a warning (`read_nyt_fb` lists them).

    Args:
        data_dir (`str`, `PathLike` or `None`): folder with `nyt_fb.txt`, or with a folder `nyt_fb` that has it; `None` takes
            `find_data_dir()`.
        split (`str`): `"train"`, `"validation"` or `"test"`.
        least, most (`int`): instances that a novel relation has, see `split_by_frequency`. With 20 and 2,000 the paper has 72
            novel and 190 known relations; how rows with several relations were counted there is not said.
        seed (`int`): which novel relations are for validation.
        overlapping (`bool`): validation and test share the novel relations, each relation's instances being halved.
        labels (`"all"` or `"first"`): with `"all"`, rows of several relations are in neither novel part.
        drop_evaluation_sentences (`bool`, *optional*): leave out instances whose sentence occurs in a later part, and from
            `"train"` those of `drop_benchmark_sentences`: on by default for `"train"`, off for `"validation"`. Not allowed
            with `"test"`.

    Returns:
        `list[Instance]`: in file order, all labelled.

    Raises:
        UsageError: unknown split, the file is missing, or it has too few relations of that frequency.
        InvalidRowError: no row could be read.

    Reference:
        Wang et al., "MORE: A Metric Learning Based Framework for Open-domain Relation Extraction", ICASSP 2021, section 3.1.
    """
    _check_split(split, NYT_FB_SUP_SPLITS, drop_evaluation_sentences)
    parts = split_by_frequency(_labelled(data_dir, labels), least=least, most=most, seed=seed, overlapping=overlapping)
    chosen = {"train": parts.train, "validation": parts.validation, "test": parts.test}[split]
    if not (split == "train" if drop_evaluation_sentences is None else drop_evaluation_sentences):
        return chosen
    later = [parts.validation, parts.test] if split == "train" else [parts.test]
    kept, dropped = drop_overlapping(chosen, later)
    if split == "train":
        kept, more = drop_benchmark_sentences(kept)
        dropped += more
    logger.info("NYT+FB-sup %s: %d instances dropped, their sentence is in an evaluation set.", split, len(dropped))
    return kept


def load_nyt_fb_labelled(
    data_dir: str | os.PathLike[str] | None,
    split: str,
    *,
    validation_share: float = 0.2,
    seed: int = 0,
    labels: Literal["all", "first"] = "first",
) -> list[Instance]:
    """Load the labelled rows of NYT+FB as unsupervised discovery is scored on them: a fifth to choose by, the rest to test.

    Both parts hold the same relations. Rows are drawn by `seed`: the partition of the published figures was not published.

    Args:
        data_dir (`str`, `PathLike` or `None`): as for `load_nyt_fb_sup`.
        split (`str`): `"validation"` or `"test"`.
        validation_share (`float`): share of the rows that is `"validation"`.
        seed (`int`): of the draw.
        labels (`"all"` or `"first"`): see `read_nyt_fb`; published figures count the first.

    Returns:
        `list[Instance]`: in file order.

    Raises:
        UsageError: unknown split, the file is missing, or one part would be empty.
        InvalidRowError: no row could be read.

    Reference:
        Marcheggiani and Titov, TACL 2016; Tran et al., "Revisiting Unsupervised Relation Extraction", ACL 2020.
    """
    _check_split(split, NYT_FB_LABELLED_SPLITS, None)
    if not 0 < validation_share < 1:
        raise UsageError(f"`validation_share` must be between 0 and 1, got {validation_share}.")
    rows = list(_labelled(data_dir, labels))
    number = int(validation_share * len(rows) + 0.5)
    if not 0 < number < len(rows):
        raise UsageError(f"{len(rows)} labelled row(s) cannot be divided into {number} for validation and a rest.")
    of_validation = set(np.random.default_rng(seed).permutation(len(rows))[:number].tolist())
    return [row for position, row in enumerate(rows) if (position in of_validation) == (split == "validation")]


def nyt_fb_unlabelled(path: str | os.PathLike[str]) -> Iterator[Instance]:
    """The rows without a relation, in flat memory; bad rows are left out and counted in a warning.

    Args:
        path (`str` or `PathLike`): the file.

    Yields:
        `Instance`: with empty `relations`.
    """
    return (row for row in read_nyt_fb(path, on_error="skip") if not row["relations"])


def _labelled(data_dir: str | os.PathLike[str] | None, labels: Literal["all", "first"]) -> Iterator[Instance]:
    path = nyt_fb_file(corpus_dir(data_dir, "nyt_fb"))
    return read_nyt_fb(path, unlabelled="drop", labels=labels, on_error="skip")


def _check_split(split: str, allowed: tuple[str, ...], drop_evaluation_sentences: bool | None) -> None:
    if split not in allowed:
        raise UsageError(f"NYT+FB's split must be one of {', '.join(allowed)}, got {split!r}.")
    if split == "test" and drop_evaluation_sentences:
        raise UsageError("nothing can be dropped from the test set. Leave out `drop_evaluation_sentences`.")
