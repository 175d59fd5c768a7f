"""The documents of a run of extraction: what is trained on, what is chosen by, what is scored."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from rich.console import Console

from hf_relation.data import (
    Document,
    check_document,
    drop_overlapping,
    fold_instances,
    load_corpus,
    read_jsonl,
    sentence_key,
)
from hf_relation.data.files import naming_file, parse_json, read_lines, sha256_of
from hf_relation.data.locations import corpus_dir
from hf_relation.data.recipe import available_splits
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import UsageError
from hf_relation.runs.extraction_arguments import ExtractionDataArguments


_RECIPES = {
    "semeval": ("semeval2010_task8", "directed"),
    "webnlg": ("webnlg", "documents"),
    "webnlg_star": ("webnlg_star", "documents"),
    "nyt_triples": ("nyt_triples", "documents"),
    "tacred": ("tacred", "supervised"),
    "redocred": ("redocred", "documents"),
}
_NA_LABELS = {"semeval": "Other", "tacred": "no_relation"}
# Corpora with one marked pair a text: that pair, in the order in which it is marked, is the only candidate.
_ONE_PAIR = ("semeval", "wiki80", "tacred")


@dataclass
class ExtractionData:
    """The parts of a run.

    Args:
        train, validation, test (`list[Document]`): no sentence of `train` is in the others.
        relations (`list[str]`): those of `train`, by name.
        pairs (`str`): the rule for candidate pairs, see [`~hf_relation.training.chosen_pairs`].
        validation_from (`str`): where the validation documents come from, in words.
        counts (`dict[str, int]`): rows, and what was left out.
        unseen_relations (`dict[str, int]`): relations of the test that training does not have, with their triples.
        na_relation (`str`): what "no relation" is called: the corpus' own label, or `"no relation"`.
    """

    train: list[Document]
    validation: list[Document]
    test: list[Document]
    relations: list[str]
    pairs: str
    validation_from: str
    counts: dict[str, int] = field(default_factory=dict)
    unseen_relations: dict[str, int] = field(default_factory=dict)
    na_relation: str = "no relation"

    @property
    def typed(self) -> bool:
        """Whether entities of the training documents have types."""
        return any(entity["type"] is not None for document in self.train for entity in document["entities"])


def load_data(script: ExtractionDataArguments) -> ExtractionData:
    """Load the documents of a run.

    Args:
        script ([`ExtractionDataArguments`]): what the run is told.

    Returns:
        [`ExtractionData`].

    Raises:
        UsageError: files are missing, validation is the test once more, or there is nothing to learn.
        InvalidRowError: a bad row in a file, with its line.
    """
    parts, one_pair = _files(script) if script.dataset == "jsonl" else _corpus(script)
    na_label = script.na_label or _NA_LABELS.get(script.dataset)
    for rows in parts.values():
        _without_na(rows, na_label)
    counts: dict[str, int] = {}
    source = "the corpus' own part" if "validation" in parts else ""
    if "test" not in parts:
        parts["train"], parts["test"] = _split(parts["train"], script.test_share, script.split_seed)
    if "validation" not in parts:
        kept, counts["train_dropped_sentence_in_test"] = _apart(parts["train"], parts["test"])
        parts["train"], parts["validation"] = _split(kept, script.validation_share, script.split_seed)
        source = f"{script.validation_share:.0%} of the training texts, drawn with --split_seed {script.split_seed}"
    else:
        _check_not_the_test(parts)
        parts["train"], counts["train_dropped_sentence_in_test"] = _apart(parts["train"], parts["test"])
    parts["train"], counts["train_dropped_sentence_in_validation"] = _apart(parts["train"], parts["validation"])
    if script.max_train_documents is not None:
        parts["train"] = _some(parts["train"], script.max_train_documents, script.split_seed)
    if script.max_test_documents is not None:
        for name in ("validation", "test"):
            parts[name] = _some(parts[name], script.max_test_documents, script.split_seed)
    relations = sorted({relation["label"] for document in parts["train"] for relation in document["relations"]})
    if not relations:
        raise UsageError("The training documents have no relation to learn. Check the labels, and `--na_label`.")
    for name, rows in parts.items():
        if not rows:
            raise UsageError(f"There are no {name} documents.")
        counts[name] = len(rows)
        counts[f"{name}_triples"] = sum(len(document["relations"]) for document in rows)
    unseen = Counter(
        relation["label"]
        for document in parts["test"]
        for relation in document["relations"]
        if relation["label"] not in set(relations)
    )
    to_itself = any(r["head"] == r["tail"] for document in parts["train"] for r in document["relations"])
    pairs = "first" if one_pair else "all_and_self" if to_itself else "all"
    return ExtractionData(
        parts["train"],
        parts["validation"],
        parts["test"],
        relations,
        pairs,
        source,
        counts,
        dict(unseen),
        na_label or "no relation",
    )


def describe(data: ExtractionData, console: Console) -> None:
    """Print what is trained on, and what the test has that training does not.

    Args:
        data ([`ExtractionData`]): the parts of a run.
        console (`Console`): where to print.
    """
    console.print("Data:", ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in data.counts.items()))
    console.print(f"Relations: {len(data.relations)}. Validation: {data.validation_from}.", markup=False)
    if data.unseen_relations:
        console.print(
            f"Warning: the test has {sum(data.unseen_relations.values())} triples of {len(data.unseen_relations)} relations that "
            f"training does not have, for example {next(iter(data.unseen_relations))!r}. They count as missed.",
            markup=False,
        )


def _corpus(script: ExtractionDataArguments) -> tuple[dict[str, list[Document]], bool]:
    if script.dataset == "wiki80":
        train = load_corpus("wiki80", script.data_dir, "train")
        known = {label for row in train for label in row["relations"]}
        test = load_corpus("wiki80", script.data_dir, "validation")
        shared = [row for row in test if set(row["relations"]) <= known]
        return {"train": _documents(train), "test": _documents(shared)}, True
    name, configuration = _RECIPES[script.dataset]
    recipe = RECIPES[name]
    folder = corpus_dir(script.data_dir, name)
    splits = available_splits(recipe, configuration, script.data_dir)
    parts = {split: _documents(list(read.rows(folder))) for split, read in splits.items()}
    if "train" not in parts:  # redocred, where there may be the development file alone
        parts = {"train": [document for part in parts.values() for document in part]}
    elif "test" not in parts and "validation" in parts:
        parts["test"] = parts.pop("validation")
    return parts, script.dataset in _ONE_PAIR


def _files(script: ExtractionDataArguments) -> tuple[dict[str, list[Document]], bool]:
    files = {"train": script.train_file or [], "test": [str(script.test_file)]}
    if script.validation_file is not None:
        if sha256_of(script.validation_file) == sha256_of(str(script.test_file)):
            raise UsageError(
                f"{script.validation_file} and {script.test_file} have the same content, so choosing on validation would be "
                "choosing on the test. Leave --validation_file out: --validation_share of the training texts is taken."
            )
        files["validation"] = [script.validation_file]
    rows = {name: [row for path in paths for row in read_rows(path)] for name, paths in files.items()}
    instances = {name: all("head" in row for row in listed) for name, listed in rows.items()}
    return {name: _documents(listed) for name, listed in rows.items()}, all(instances.values())


def read_rows(path: str) -> list[Any]:
    """Read a JSONL file of documents or of instances, whichever its first row is.

    Args:
        path (`str`): the file.

    Returns:
        `list`: checked rows.

    Raises:
        InvalidRowError: a bad row, with its line; or no rows at all.
    """
    with naming_file(path):
        first = next((parse_json(content, line=line) for line, content in read_lines(path) if content.strip()), None)
        if first is None:
            raise UsageError(f"{path} has no rows.")
        if isinstance(first, dict) and "mentions" in first:
            return list(read_jsonl(path, kind="document"))
        return list(read_jsonl(path))


def _documents(rows: Sequence[Any]) -> list[Document]:
    """Instances become documents of two entities, head and tail, one by one: sentences with several pairs stay apart."""
    found = []
    for row, content in enumerate(rows):
        document = fold_instances([content])[0] if "head" in content else check_document(content, index=row)
        found.append(document)
    return found


def _without_na(documents: list[Document], na_label: str | None) -> None:
    if na_label is not None:
        for document in documents:
            document["relations"] = [r for r in document["relations"] if r["label"] != na_label]


def _apart(train: list[Document], others: list[Document]) -> tuple[list[Document], int]:
    kept, dropped = drop_overlapping(cast(Any, train), [cast(Any, others)])
    return cast(list[Document], kept), len(dropped)


def _split(documents: list[Document], share: float, seed: int) -> tuple[list[Document], list[Document]]:
    """Draw texts for a second part; equal texts go together."""
    keys = sorted({sentence_key(document["text"]) for document in documents})
    drawn = set(random.Random(seed).sample(keys, max(1, round(share * len(keys)))))
    parts: tuple[list[Document], list[Document]] = ([], [])
    for document in documents:
        parts[sentence_key(document["text"]) in drawn].append(document)
    return parts


def _some(documents: list[Document], most: int, seed: int) -> list[Document]:
    if len(documents) <= most:
        return documents
    return [documents[row] for row in sorted(random.Random(seed).sample(range(len(documents)), most))]


def _check_not_the_test(parts: dict[str, list[Document]]) -> None:
    texts = [{sentence_key(document["text"]) for document in parts[name]} for name in ("validation", "test")]
    if texts[0] and texts[0] <= texts[1]:
        raise UsageError(
            "Every validation text is a test text, so choosing on validation would be choosing on the test. Take a part of the "
            "training texts for validation (leave the validation file out)."
        )
