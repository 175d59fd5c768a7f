"""One call that loads a published corpus by name, or a JSONL file by its path, as instances."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ..errors import UsageError
from .docred import REDOCRED_SOURCE
from .fewrel_openre import FEWREL_SPLITS, load_fewrel_openre
from .files import naming_file
from .hygiene import drop_benchmark_sentences
from .jsonl import read_jsonl
from .locations import corpus_dir, corpus_file
from .nyt_fb_splits import NYT_FB_SUP_SPLITS, load_nyt_fb_sup
from .pairs import REDOCRED_LEAST, SEMEVAL_NO_RELATION, discovery_pairs, read_sentence_pairs
from .schema import Instance
from .semeval import SEMEVAL_SOURCE, read_semeval2010_task8
from .tacred import TACRED_SPLITS, load_tacred_openre
from .wiki80 import WIKI80_FILES, load_wiki80_known


CORPORA: dict[str, tuple[str, ...]] = {
    "fewrel": FEWREL_SPLITS,
    "wiki80": tuple(WIKI80_FILES),
    "semeval2010": ("train", "test"),
    "semeval2010_pairs": ("train", "test"),
    "redocred": ("train", "dev", "test"),
    "redocred_pairs": ("train", "dev", "test"),
    "tacred": TACRED_SPLITS,
    "nyt_fb": NYT_FB_SUP_SPLITS,
}
"""The corpora `load_corpus` knows by name, and their splits."""

SEMEVAL_FILES = {"train": ("TRAIN_FILE.TXT",), "test": ("TEST_FILE_FULL.TXT",)}
REDOCRED_FILES = {
    "train": ("train_revised.json",),
    "dev": ("dev_revised.json",),
    "test": ("test_revised.json",),
}


def load_corpus(
    name: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    split: str | None = None,
    *,
    drop_evaluation_sentences: bool | None = None,
    semeval_labels: Literal["directed", "undirected", "oriented"] = "oriented",
) -> list[Instance]:
    """Load a corpus as instances.

    | name | splits | labels |
    |---|---|---|
    | `"fewrel"` | `train`, `novel_unlabeled`, `test` | Wikidata property ids; see `load_fewrel_openre` |
    | `"wiki80"` | `train`, `validation` | relation names, FewRel's novel ones left out; see `load_wiki80_known` |
    | `"semeval2010"` | `train`, `test` | nine names and `"Other"`; see `semeval_labels` |
    | `"semeval2010_pairs"` | `train`, `test` | the same without `"Other"`, which is no relation to discover |
    | `"redocred"` | `train`, `dev`, `test` | property ids; labelled pairs within one sentence, the sentence being the text |
    | `"redocred_pairs"` | `train`, `dev`, `test` | the same, of pairs with one relation, and relations with at least 50 of them |
    | `"tacred"` | `train`, `novel_unlabeled`, `test` | TACRED's names, no_relation left out; see `load_tacred_openre` |
    | `"nyt_fb"` | `train`, `validation`, `test` | Freebase's names, disjoint parts by frequency; see `load_nyt_fb_sup` |
    | path of a JSONL file | none | as they stand |

    Args:
        name (`str` or `PathLike`): one of the names, or a path.
        data_dir (`str` or `PathLike`, *optional*): folder with the corpora; by default the one of `find_data_dir()`.
        split (`str`, *optional*): required for the named corpora, not allowed with a path.
        drop_evaluation_sentences (`bool`, *optional*): leave out rows whose sentence occurs in a published evaluation
            set; by default on for every split `"train"`, off otherwise.
        semeval_labels (`str`): how `"semeval2010"` and `"semeval2010_pairs"` are labelled, see `read_semeval2010_task8`.

    Returns:
        `list[Instance]`: in normal form, with unique ids.

    Raises:
        UsageError: unknown name or split, a file is missing.
        InvalidRowError: a bad row, with its place.

    Example:

    ```python
    >>> from hf_relation.data import load_corpus
    >>> load_corpus("fewrel", split="dev")
    Traceback (most recent call last):
    ...
    hf_relation.errors.UsageError: the split of 'fewrel' must be one of train, novel_unlabeled, test, got 'dev'.

    ```
    """
    if not isinstance(name, str) or name not in CORPORA:
        return _load_file(Path(name), split, drop_evaluation_sentences)
    if split not in CORPORA[name]:
        raise UsageError(f"the split of {name!r} must be one of {', '.join(CORPORA[name])}, got {split!r}.")
    if name == "fewrel":
        return load_fewrel_openre(data_dir, split, drop_evaluation_sentences=drop_evaluation_sentences)
    if name == "wiki80":
        return load_wiki80_known(data_dir, split, drop_evaluation_sentences=drop_evaluation_sentences)
    if name == "tacred":
        return load_tacred_openre(data_dir, split, drop_evaluation_sentences=drop_evaluation_sentences)
    if name == "nyt_fb":
        return load_nyt_fb_sup(data_dir, split, drop_evaluation_sentences=drop_evaluation_sentences)
    rows: Iterable[Instance]
    if name.startswith("semeval2010"):
        path = corpus_file(corpus_dir(data_dir, "semeval2010_task8"), *SEMEVAL_FILES[split], source=SEMEVAL_SOURCE)
        rows = read_semeval2010_task8(path, labels=semeval_labels)
    else:
        path = corpus_file(corpus_dir(data_dir, "redocred"), *REDOCRED_FILES[split], source=REDOCRED_SOURCE)
        rows = read_sentence_pairs(path)
    drop = split == "train" if drop_evaluation_sentences is None else drop_evaluation_sentences
    rows = drop_benchmark_sentences(rows)[0] if drop else list(rows)
    if name == "semeval2010_pairs":
        return discovery_pairs(rows, leave_out=SEMEVAL_NO_RELATION)
    return discovery_pairs(rows, least=REDOCRED_LEAST) if name == "redocred_pairs" else rows


def _load_file(path: Path, split: str | None, drop_evaluation_sentences: bool | None) -> list[Instance]:
    if not path.is_file():
        raise UsageError(f"{str(path)!r} is neither a file nor one of the corpora {', '.join(CORPORA)}.")
    if split is not None:
        raise UsageError(f"a JSONL file has no splits, so `split` {split!r} does not apply. Leave it out.")
    with naming_file(path):
        rows = list(read_jsonl(path))
    return drop_benchmark_sentences(rows)[0] if drop_evaluation_sentences else rows
