"""The documents of a pre-training run: labelled by people, by a list of facts, or wrongly on purpose."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from hf_relation.data import (
    DistantLabeller,
    Document,
    check_document,
    drop_overlapping,
    fold_instances,
    load_corpus,
    read_facts,
    sentence_key,
)
from hf_relation.data.locations import corpus_dir
from hf_relation.data.recipe import available_splits
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import UsageError
from hf_relation.runs.extraction_arguments import ExtractionDataArguments
from hf_relation.runs.extraction_data import load_data, read_rows
from hf_relation.runs.finecl_arguments import FineCLArguments


#: Every part of these, known relations and novel ones, is kept out of pre-training.
_EVALUATED = {
    "fewrel": ("fewrel", "fewrel"),
    "wiki80": ("wiki80", "wiki80"),
    "semeval": ("semeval2010_task8", "directed"),
    "tacred": ("tacred", "supervised"),
}
_NA_LABELS = {"Other", "no_relation"}


@dataclass
class PretrainingData:
    """The parts of a run.

    Args:
        train, validation (`list[Document]`): texts to train on, and texts set aside.
        relations (`list[str]`): all of both, by name.
        wrong (`list[list[bool]]`): of every training text and every entry of its `relations`, whether `--label_noise` replaced it.
        clean (`list[int]`): training texts held to be clean, for the objective wcl.
        counts (`dict[str, int]`): rows, and what was left out.
    """

    train: list[Document]
    validation: list[Document]
    relations: list[str]
    wrong: list[list[bool]]
    clean: list[int]
    counts: dict[str, int] = field(default_factory=dict)


def load_pretraining_data(script: FineCLArguments) -> PretrainingData:
    """Load the documents of a run.

    Args:
        script ([`FineCLArguments`]): what the run is told.

    Returns:
        [`PretrainingData`].

    Raises:
        UsageError: files are missing, nothing is left, or no text has two entities.
        InvalidRowError: a bad row in a file, with its line.
    """
    documents = [document for name in script.corpora for document in _corpus(name, script)]
    documents += [document for path in script.train_file for document in _as_documents(read_rows(path))]
    counts = {"read": len(documents)}
    if script.facts is not None:
        labeller = DistantLabeller(read_facts(script.facts), match=cast(Any, script.match))
        documents = list(labeller.documents(documents))
        counts["facts_used"] = len(labeller.report.used_facts)
    others = {name: _evaluation_rows(name, script) for name in script.apart_from}
    others |= {path: read_rows(path) for path in script.apart_from_file}
    for name, rows in others.items():
        documents, dropped = cast(Any, drop_overlapping(cast(Any, documents), [rows]))
        counts[f"dropped_sentence_in_{name.rsplit('/', 1)[-1]}"] = len(dropped)
    if not documents:
        raise UsageError(
            f"No training text is left: all {counts['read']} share a sentence with {' or '.join(others)}. FewRel and wiki80, for "
            "instance, are the same sentences; train on another corpus."
        )
    train, validation = _split(documents, script.validation_share, script.split_seed)
    if script.max_train_documents is not None and len(train) > script.max_train_documents:
        drawn = random.Random(script.split_seed).sample(range(len(train)), script.max_train_documents)
        train = [train[row] for row in sorted(drawn)]
    relations = sorted({relation["label"] for document in [*train, *validation] for relation in document["relations"]})
    if not relations and script.objective != "mlm":
        raise UsageError("The training texts have no labelled pair. Label them (--facts), or take --objective mlm.")
    clean: list[int] = []
    if script.objective == "wcl":
        number = max(1, round(script.clean_share * len(train)))
        clean = sorted(random.Random(script.split_seed).sample(range(len(train)), number))
    train, wrong = replace_labels(train, relations, script.label_noise, seed=script.label_noise_seed, spare=clean)
    counts |= {
        "train": len(train),
        "validation": len(validation),
        "train_labels": sum(map(len, wrong)),
        "train_labels_replaced": sum(map(sum, wrong)),
        "relations": len(relations),
    }
    return PretrainingData(train, validation, relations, wrong, clean, counts)


def replace_labels(
    documents: Sequence[Document], relations: Sequence[str], rate: float, *, seed: int = 0, spare: Sequence[int] = ()
) -> tuple[list[Document], list[list[bool]]]:
    """Give a share of the labels another relation.

    The share is exact (rounded to whole labels) of the labels of texts that are not spared; they are drawn without replacement, and the new relation of each is
    drawn uniformly from the others, those that the pair has already left out.

    Args:
        documents (`Sequence[Document]`): not altered.
        relations (`Sequence[str]`): the relations to draw from.
        rate (`float`): in [0, 1].
        seed (`int`, defaults to 0): what is drawn.
        spare (`Sequence[int]`): texts whose labels stay.

    Returns:
        `tuple`: the documents, and of every entry of their `relations` whether it was replaced.

    Raises:
        UsageError: there are fewer than two relations to exchange.

    Example:

    ```python
    >>> from hf_relation.runs.finecl_data import replace_labels
    >>> rows = [{"id": "a", "relations": [{"head": 0, "tail": 1, "label": "met"}, {"head": 1, "tail": 0, "label": "saw"}]}]
    >>> noisy, wrong = replace_labels(rows, ["met", "saw"], 0.5)
    >>> sum(wrong[0]), len({r["label"] for r in noisy[0]["relations"]})
    (1, 1)

    ```
    """
    labels = [(row, place) for row, document in enumerate(documents) for place in range(len(document["relations"]))]
    spared = set(spare)
    free = [label for label in labels if label[0] not in spared]
    wrong = [[False] * len(document["relations"]) for document in documents]
    number = round(rate * len(free))
    if not number:
        return list(documents), wrong
    if len(relations) < 2:
        raise UsageError(f"`label_noise` needs at least 2 relations to exchange, got {len(relations)}.")
    rng = np.random.default_rng(seed)
    found = [cast(Document, dict(document)) for document in documents]
    for document in found:
        document["relations"] = [{**relation} for relation in document["relations"]]
    for draw in rng.permutation(len(free))[:number]:
        row, place = free[draw]
        entry = found[row]["relations"][place]
        held = {
            r["label"] for r in found[row]["relations"] if (r["head"], r["tail"]) == (entry["head"], entry["tail"])
        }
        others = [name for name in relations if name not in held]
        if others:
            entry["label"] = others[int(rng.integers(len(others)))]
            wrong[row][place] = True
    return found, wrong


def _corpus(name: str, script: FineCLArguments) -> list[Document]:
    if name == "fewrel":
        return fold_instances(load_corpus("fewrel", script.data_dir, "train"))
    data = load_data(
        ExtractionDataArguments(
            dataset=name,
            data_dir=script.data_dir,
            test_share=script.test_share,
            validation_share=script.validation_share,
            split_seed=script.split_seed,
        )
    )
    return [*data.train, *data.validation] if name != "redocred" else data.train


def _as_documents(rows: Sequence[Any]) -> list[Document]:
    instances = [row for row in rows if "head" in row]
    documents = [check_document(row, index=index) for index, row in enumerate(rows) if "head" not in row]
    found = [*fold_instances(instances), *documents]
    for document in found:
        document["relations"] = [r for r in document["relations"] if r["label"] not in _NA_LABELS]
    return found


def _evaluation_rows(name: str, script: FineCLArguments) -> list[Any]:
    corpus, configuration = _EVALUATED[name]
    folder = corpus_dir(script.data_dir, corpus)
    splits = available_splits(RECIPES[corpus], configuration, script.data_dir)
    return [row for split in splits.values() for row in split.rows(folder)]


def _split(documents: list[Document], share: float, seed: int) -> tuple[list[Document], list[Document]]:
    keys = sorted({sentence_key(document["text"]) for document in documents})
    if len(keys) < 2:
        raise UsageError(f"Pre-training needs at least 2 different texts, to set one aside; got {len(keys)}.")
    drawn = set(random.Random(seed).sample(keys, max(1, min(len(keys) - 1, round(share * len(keys))))))
    parts: tuple[list[Document], list[Document]] = ([], [])
    for document in documents:
        parts[sentence_key(document["text"]) in drawn].append(document)
    return parts
