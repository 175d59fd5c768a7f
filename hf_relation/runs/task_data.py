"""The tasks that heads are ranked for and that are trained together: names of corpora to checked rows in three parts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hf_relation.data.files import naming_file
from hf_relation.data.kinds import Kind
from hf_relation.data.recipe import Recipe, available_splits
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import UsageError
from hf_relation.training.task_rows import TASK_KIND_OF


# Where a language has files of both versions, the newer ones are for evaluation; only the older have a training part.
LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "pos": {
        "en": "ud/en_ewt",
        "de": "ud/de_gsd",
        "nl": "ud/nl_alpino",
        "zh": "ud/zh_gsd",
        "ja": "ud/ja_gsd",
        "fa": "ud/fa_seraji",
        "ur": "ud/ur_udtb",
        "he": "ud/he_htb",
        "ar": "ud/ar_padt_v1",
    },
    "ner": {"en": "wnut17/ner_misc", "zh": "weibo_ner/ner_misc", "ja": "iob2corpus/ner_misc"},
    "slots": {"en": "snips/slots"},
    "text": {},
}
"""Task -> language -> corpus and configuration."""

TRAINED_ON: Mapping[str, str] = {"ud/zh_gsd": "ud/zh_gsd_v1"}
"""What to train on in the place of a configuration without a training part."""

METRICS: Mapping[str, str] = {"cola": "matthews"}
"""Corpora whose usual figure is another than accuracy, span F1 or the Pearson correlation."""

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class TaskData:
    """One task in one language.

    Args:
        name (`str`): as it was asked for, for tables.
        corpus (`str`): corpus and configuration.
        kind (`str`): `"tagged"`, `"text"` or `"score"`.
        train, validation, test (`list[dict]`): rows; any but `test` may be empty where it was not asked for.
        origins (`Mapping[str, str]`): part -> which split of the corpus, or which share of it, it is.
        num_dropped (`int`): training rows that are left out since their text is in one of the other parts, or in that of
            another corpus that is scored with it.
    """

    name: str
    corpus: str
    kind: Kind
    train: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    test: list[dict[str, Any]]
    origins: Mapping[str, str]
    num_dropped: int = 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All of them."""
        return [*self.train, *self.validation, *self.test]

    @property
    def metric(self) -> str | None:
        """The name of its usual figure; `None` for the main one of its kind of task."""
        return METRICS.get(self.corpus.partition("/")[0])

    @property
    def counts(self) -> dict[str, int]:
        """Rows of every part."""
        return {part: len(getattr(self, part)) for part in PARTS}


@dataclass(frozen=True)
class Wanted:
    """Which corpus a name on the command line means.

    Args:
        name (`str`): for tables.
        corpus, configuration (`str`): of [`hf_relation.data.recipes.RECIPES`].
        folder (`str`, *optional*): where its files are, if not with the others.
    """

    name: str
    corpus: str
    configuration: str
    folder: str | None = None

    @property
    def full_name(self) -> str:
        """Corpus and configuration."""
        return f"{self.corpus}/{self.configuration}"


def read_wanted(text: str, task: str | None = None) -> Wanted:
    """Read `LANGUAGE`, or `[NAME=]CORPUS[/CONFIGURATION][@FOLDER]`.

    Args:
        text (`str`): what was given.
        task (`str`, *optional*): a key of [`LANGUAGES`], whose languages are known by their codes.

    Raises:
        UsageError: no such language, corpus or configuration, or one whose rows are no tagged sentences or labelled texts.

    Example:

    ```python
    >>> from hf_relation.runs.task_data import read_wanted
    >>> read_wanted("zh", "pos").full_name
    'ud/zh_gsd'
    >>> read_wanted("de=conll_slots@slots/de")
    Wanted(name='de', corpus='conll_slots', configuration='slots', folder='slots/de')

    ```
    """
    known = LANGUAGES.get(task or "", {})
    given, _, folder = text.strip().partition("@")
    name, equals, corpus = given.rpartition("=")
    if corpus in known:
        name, corpus = name or corpus, known[corpus]
    corpus, _, configuration = corpus.partition("/")
    recipe = RECIPES.get(corpus)
    if recipe is None or not _fits(recipe):
        fitting = [each for each in RECIPES if _fits(RECIPES[each])]
        raise UsageError(
            f"{text!r} is no task that is known here. Give {'one of ' + ', '.join(known) + ', or ' if known else ''}"
            f"[NAME=]CORPUS[/CONFIGURATION][@FOLDER] with one of the corpora {', '.join(fitting)}."
        )
    configuration = configuration or next(iter(recipe.configurations))
    if recipe.configuration(configuration).kind not in TASK_KIND_OF:
        raise UsageError(f"The rows of {corpus}/{configuration} are no tagged sentences or labelled texts.")
    default = next(iter(recipe.configurations)) == configuration
    return Wanted(
        name if equals or name else (corpus if default else f"{corpus}/{configuration}"),
        corpus,
        configuration,
        folder or None,
    )


def _fits(recipe: Recipe) -> bool:
    return any(configuration.kind in TASK_KIND_OF for configuration in recipe.configurations.values())


def load_task(
    wanted: Wanted,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    train: bool = True,
    split_seed: int = 0,
    validation_share: float = 0.1,
    test_share: float = 0.2,
    max_train_rows: int | None = None,
    max_eval_rows: int | None = None,
) -> TaskData:
    """Load a task in three parts.

    The test part is the corpus's `test` where that has labels, else its `validation`. To choose by there is what is left:
    `held_out`, `validation`, or a share of the training rows. Corpora without a training part, but for one whose only use is
    evaluation (`train=False`), are cut into all three.

    Args:
        wanted ([`Wanted`]): the corpus.
        data_dir (`str` or `PathLike`, *optional*): folder of the corpora.
        train (`bool`, defaults to `True`): whether it is trained on.
        split_seed (`int`, defaults to 0): which rows are cut off, and which are kept where there are too many.
        validation_share, test_share (`float`): what is cut off where the corpus has no such part.
        max_train_rows, max_eval_rows (`int`, *optional*): keep so many rows, drawn at random, of the training part and of each
            of the others.

    Returns:
        [`TaskData`].

    Raises:
        UsageError: files are missing, no row has a label, or all training rows are in the other parts too.
        InvalidRowError: a bad row, with file and line.
    """
    source = TRAINED_ON.get(wanted.full_name, wanted.full_name) if train else wanted.full_name
    configuration = source.partition("/")[2]
    recipe = RECIPES[wanted.corpus]
    folder = recipe.folder(wanted.folder or data_dir)
    found: dict[str, list[dict[str, Any]]] = {}
    for name, split in available_splits(recipe, configuration, folder).items():
        with naming_file(split.files(folder)[0]):
            rows: list[Any] = list(split.rows(folder))
        rows = [row for row in rows if row.get("label", "") is not None]  # the test parts of GLUE have no labels
        if rows:
            found[name] = rows
    if not found:
        raise UsageError(f"No row of {source} has a label. Look at the files in {folder.name}/.")
    parts, origins = _in_parts(
        found, split_seed, train=train, validation_share=validation_share, test_share=test_share
    )
    elsewhere = {_text_of(row) for part in ("validation", "test") for row in parts[part]}
    kept = [row for row in parts["train"] if _text_of(row) not in elsewhere]
    if train and not kept:
        raise UsageError(
            f"All {len(parts['train'])} training rows of {source} have a text that is in its validation or test part too. Look at "
            f"the files in {folder.name}/."
        )
    num_dropped, parts["train"] = len(parts["train"]) - len(kept), kept
    for part in PARTS:
        most = max_train_rows if part == "train" else max_eval_rows
        if most is not None and len(parts[part]) > most:
            origins[part] += f", {most:,} of {len(parts[part]):,} rows"
            parts[part] = _sample(parts[part], most, split_seed)
    kind = recipe.configuration(configuration).kind
    return TaskData(wanted.name, source, kind, **parts, origins=origins, num_dropped=num_dropped)


def drop_scored_elsewhere(tasks: Mapping[str, TaskData]) -> dict[str, TaskData]:
    """Leave out training rows whose text is in the validation or test part of any of several corpora.

    Args:
        tasks (`Mapping[str, TaskData]`): by name.

    Returns:
        `dict[str, TaskData]`: as many, with the rows that were left out counted in `num_dropped`.

    Example:

    ```python
    >>> from hf_relation.runs.task_data import TaskData, drop_scored_elsewhere
    >>> rows = [{"tokens": ["Hi"], "tags": ["INTJ"]}, {"tokens": ["Bye"], "tags": ["INTJ"]}]
    >>> one = TaskData("a", "ud/a", "tagged", train=rows, validation=[], test=[], origins={})
    >>> other = TaskData("b", "ud/b", "tagged", train=[], validation=[], test=rows[:1], origins={})
    >>> found = drop_scored_elsewhere({"a": one, "b": other})["a"]
    >>> [row["tokens"] for row in found.train], found.num_dropped
    ([['Bye']], 1)

    ```
    """
    scored = {_text_of(row) for data in tasks.values() for row in (*data.validation, *data.test)}
    found = {}
    for name, data in tasks.items():
        kept = [row for row in data.train if _text_of(row) not in scored]
        found[name] = replace(data, train=kept, num_dropped=data.num_dropped + len(data.train) - len(kept))
    return found


def _text_of(row: Mapping[str, Any]) -> Any:
    return tuple(row["tokens"]) if "tokens" in row else (row["text"], row["text_pair"])


def _in_parts(
    found: Mapping[str, list[dict[str, Any]]],
    seed: int,
    *,
    train: bool,
    validation_share: float,
    test_share: float,
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    left = dict(found)
    origins: dict[str, str] = {}
    parts: dict[str, list[dict[str, Any]]] = {}

    def take(part: str, *names: str) -> None:
        name = next((name for name in names if name in left), None)
        if name is not None:
            parts[part], origins[part] = left.pop(name), name

    take("train", "train")
    take("test", "test", *(["validation"] if "train" in parts else []))
    take("validation", "held_out", "validation")
    if "train" not in parts and train:
        whole = left | {origins[part]: parts.pop(part) for part in ("validation", "test") if part in parts}
        origins["train"] = f"the rest of {' + '.join(whole)}"
        parts["train"] = [row for rows in whole.values() for row in rows]
    for part, share in (("test", test_share), ("validation", validation_share)):
        if part not in parts and "train" in parts:
            parts["train"], parts[part] = _cut(parts["train"], share, seed)
            origins[part] = f"{share:g} of {origins['train'].removeprefix('the rest of ')}"
    if "test" not in parts:  # evaluation alone
        take("test", *left)
    if "test" not in parts:
        parts["test"], origins["test"] = parts.pop("validation"), origins.pop("validation")
    return {part: parts.get(part, []) for part in PARTS}, {part: origins.get(part, "none") for part in PARTS}


def _cut(rows: list[dict[str, Any]], share: float, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Cut a share off, at least one row."""
    order = np.random.default_rng(seed).permutation(len(rows))
    number = max(1, round(share * len(rows)))
    if number >= len(rows):
        raise UsageError(f"{len(rows)} row(s) are too few to set some aside.")
    chosen = set(order[:number].tolist())
    kept = [row for place, row in enumerate(rows) if place not in chosen]
    return kept, [row for place, row in enumerate(rows) if place in chosen]


def _sample(rows: Sequence[dict[str, Any]], number: int, seed: int) -> list[dict[str, Any]]:
    places = np.random.default_rng(seed).choice(len(rows), number, replace=False)
    return [rows[place] for place in sorted(places.tolist())]
