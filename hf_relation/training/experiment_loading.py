"""From what a run is told to its data: known relations, unlabelled text, validation and test."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from hf_relation.data import crop_around_mentions, drop_overlapping, load_corpus, split_by_frequency
from hf_relation.errors import UsageError
from hf_relation.training.corpus_roles import (
    FROZEN_TESTS,
    NOT_DIVIDED,
    CorpusSettings,
    SemEvalLabels,
    known_part,
    novel_part,
    same_names,
    unsupervised_part,
)
from hf_relation.training.experiment import ExperimentData, prepare_data, relations_of
from hf_relation.training.novel_parts import (
    NovelPart,
    divide_relations,
    divide_test,
    held_out_as_novel,
    without_relations,
)


if TYPE_CHECKING:
    from hf_relation.training.experiment_arguments import ExperimentArguments


def load_experiment_data(
    arguments: ExperimentArguments, *, novel: Literal["test", "held-out"] = "test"
) -> ExperimentData:
    """Load the corpora and take what belongs to evaluation out of training.

    Args:
        arguments ([`ExperimentArguments`]): which corpora, what to hold out.
        novel (`str`, defaults to `"test"`): which relations are novel: those of the test, or the held-out known ones in their
            place, see [`held_out_as_novel`].

    Returns:
        [`ExperimentData`]: as [`prepare_data`] gives it. FewRel and wiki80 come with FewRel's frozen test set and its
        unlabelled part, whose sentences leave the training part, too.

    Raises:
        UsageError: files are missing, options contradict one another, or nothing is left to train on.
        InvalidRowError: a bad row in a JSONL file, with its line.
    """
    if novel not in ("test", "held-out"):
        raise UsageError(f"`novel` must be 'test' or 'held-out', got {novel!r}.")
    if novel == "test":
        data = _load(arguments, arguments.validation_per_relation)
    else:
        per_relation = arguments.validation_per_relation
        data = held_out_as_novel(_load(arguments, None), per_relation=per_relation, seed=arguments.split_seed)
    return _cropped(data, arguments.crop_tokens)


def _load(arguments: ExperimentArguments, validation_per_relation: int | None) -> ExperimentData:
    train_name, test_name = corpus_names(arguments)
    if arguments.frequency_split is not None:
        return _load_by_frequency(arguments, arguments.frequency_split)
    settings = _settings(arguments)
    extra = [row for file in arguments.train_file or [] for row in load_corpus(Path(file))]
    if train_name == "jsonl" and not extra:
        raise UsageError("`--dataset jsonl` needs `--train_file`: one or more JSONL files with labelled instances.")
    train = [] if train_name == "jsonl" else known_part(train_name, settings)
    novel = NovelPart([], []) if test_name == "jsonl" else novel_part(test_name, settings)
    if train_name == test_name and test_name in NOT_DIVIDED and arguments.test_file is None:
        train, novel = divide_relations(train, novel, arguments.novel_share, arguments.split_seed)
    if train_name not in (test_name, "jsonl") and test_name != "jsonl":
        train = same_names(train_name, train, settings)
    train += extra
    if arguments.test_file is not None:
        # The corpus' own unlabelled part is of other relations than the file; its sentences leave training all the same.
        others, novel = [novel.unlabeled], NovelPart([], load_corpus(Path(arguments.test_file)), novel.validation)
    else:
        others = []
        if arguments.shared_relations == "known":
            novel = without_relations(novel, train)
    novel = _with_unlabeled(arguments, novel)
    validation = novel.validation if train_name == test_name else None
    if arguments.validation_file is not None:
        validation = load_corpus(Path(arguments.validation_file))
    return prepare_data(
        train,
        novel.test,
        validation=validation,
        unlabeled=novel.unlabeled,
        other_evaluation_sets=others,
        num_held_out=arguments.held_out_relations,
        split_seed=arguments.split_seed,
        # NYT+FB's validation relations are as unbalanced as its test, or what is chosen on them would not fit the test.
        validation_per_relation=None if train_name == test_name == "nyt_fb" else validation_per_relation,
        max_train_instances=arguments.max_train_instances,
        drop_benchmarks=not arguments.train_on_evaluation_sets,
    )


def load_unsupervised_data(arguments: ExperimentArguments) -> ExperimentData:
    """Load a corpus for a method that learns without any label.

    Args:
        arguments ([`ExperimentArguments`]): `dataset` (or `test_dataset`), or for `"jsonl"` the files `unlabeled_file` and
            `test_file`.

    Returns:
        [`ExperimentData`]: with empty `train`. `unlabeled` is what the corpus has to learn from, without sentences of the
        test; labels in it are for analysis only.

    Raises:
        UsageError: files are missing, or there is no unlabelled instance.
        InvalidRowError: a bad row in a JSONL file, with its line.
    """
    _, name = corpus_names(arguments)
    novel = NovelPart([], []) if name == "jsonl" else unsupervised_part(name, _settings(arguments))
    if arguments.test_file is not None:
        novel = NovelPart(novel.unlabeled, load_corpus(Path(arguments.test_file)))
    novel = _with_unlabeled(arguments, novel)
    validation = novel.validation or []
    kept, dropped = drop_overlapping(novel.unlabeled, [novel.test, validation])
    if not kept:
        raise UsageError(
            f"There is no unlabelled instance to learn from ({len(dropped)} left out, their sentence is in the test). Give "
            "--unlabeled_file, or --unlabeled_share to take a part of the test instances."
        )
    counts = {
        "unlabeled_dropped_sentence_in_test": len(dropped),
        "unlabeled": len(kept),
        "validation": len(validation),
        "test": len(novel.test),
    }
    data = ExperimentData(
        train=[],
        validation=validation,
        test=novel.test,
        counts=counts,
        known_relations=[],
        held_out_relations=sorted(relations_of(validation)),
        novel_relations=sorted(relations_of(novel.test)),
        unlabeled=kept,
    )
    return _cropped(data, arguments.crop_tokens)


def corpus_names(arguments: ExperimentArguments) -> tuple[str, str]:
    """Where the known and where the novel relations come from.

    Args:
        arguments ([`ExperimentArguments`]): `dataset`, `train_dataset`, `test_dataset`.

    Returns:
        `tuple[str, str]`: two names of corpora.

    Raises:
        UsageError: options contradict one another.
    """
    return arguments.train_dataset or arguments.dataset, arguments.test_dataset or arguments.dataset


def data_names(arguments: ExperimentArguments) -> dict[str, str | None]:
    """What results and model cards call the data.

    Args:
        arguments ([`ExperimentArguments`]): what the run is told.

    Returns:
        `dict`: `"dataset"`: the corpus of the known relations; `"test_dataset"`: that of the novel ones, where it is another;
        `"published"`: `"fewrel"` for FewRel's known relations and frozen test, beside which published figures may stand, else
        `None`.

    Example:

    ```python
    >>> from hf_relation.training import ExperimentArguments, data_names
    >>> data_names(ExperimentArguments(dataset="fewrel", test_dataset="semeval"))
    {'dataset': 'fewrel', 'test_dataset': 'semeval', 'published': None}

    ```
    """
    train, test = corpus_names(arguments)
    of_fewrel = {train, test} <= {"fewrel", "wiki80"} and arguments.test_file is None
    return {
        "dataset": train,
        **({"test_dataset": test} if test != train else {}),
        "published": "fewrel" if of_fewrel else None,
    }


def _settings(arguments: ExperimentArguments) -> CorpusSettings:
    return CorpusSettings(
        data_dir=arguments.data_dir,
        semeval_labels=cast(SemEvalLabels, arguments.semeval_labels),
        nyt_fb_overlapping=arguments.nyt_fb_overlapping,
        train_on_evaluation_sets=arguments.train_on_evaluation_sets,
    )


def _cropped(data: ExperimentData, max_words: int | None) -> ExperimentData:
    """Cut long sentences; only now, so that two windows of one sentence have counted as the same sentence."""
    if max_words is None:
        return data
    parts: dict[str, Any] = {
        name: [crop_around_mentions(row, max_words) for row in getattr(data, name)]
        for name in ("train", "validation", "test", "unlabeled")
    }
    return dataclasses.replace(data, **parts)


def _with_unlabeled(arguments: ExperimentArguments, novel: NovelPart) -> NovelPart:
    """Add what the options say is unlabelled, and keep no more than asked for."""
    unlabeled, test = novel.unlabeled, novel.test
    if arguments.unlabeled_share:
        _, name = corpus_names(arguments)
        if name in FROZEN_TESTS and arguments.test_file is None:
            raise UsageError(
                f"`--unlabeled_share` would change the published test of {name}, which has an unlabelled part of its own. "
                "Leave it out."
            )
        taken, test = divide_test(test, arguments.unlabeled_share, arguments.split_seed)
        unlabeled = [*unlabeled, *taken]
    if arguments.unlabeled_file is not None:
        unlabeled = load_corpus(Path(arguments.unlabeled_file))
    limit = arguments.max_unlabeled_instances
    if limit is not None and len(unlabeled) > limit:
        chosen = np.random.default_rng(arguments.split_seed).permutation(len(unlabeled))[:limit]
        unlabeled = [unlabeled[row] for row in np.sort(chosen)]
    return NovelPart(unlabeled, test, novel.validation)


def _load_by_frequency(arguments: ExperimentArguments, bounds: list[int]) -> ExperimentData:
    if len(bounds) != 2:
        raise UsageError(f"`frequency_split` takes two numbers, LEAST and MOST, for example 20 2000; got {bounds}.")
    named = {*corpus_names(arguments)} != {"jsonl"}
    if named or not arguments.train_file or arguments.test_file or arguments.validation_file:
        raise UsageError(
            "`--frequency_split` makes validation and test relations of the instances in `--train_file`: give that and "
            "`--dataset jsonl`, and neither `--test_file` nor `--validation_file`."
        )
    split = split_by_frequency(
        (row for file in arguments.train_file for row in load_corpus(Path(file))),
        least=bounds[0],
        most=bounds[1],
        seed=arguments.split_seed,
    )
    novel = _with_unlabeled(arguments, NovelPart([], split.test))
    data = prepare_data(
        split.train,
        novel.test,
        validation=split.validation,
        unlabeled=novel.unlabeled,
        split_seed=arguments.split_seed,
        validation_per_relation=None,  # as unbalanced as the test, or what is chosen on it would not fit the test
        max_train_instances=arguments.max_train_instances,
        drop_benchmarks=not arguments.train_on_evaluation_sets,
    )
    return dataclasses.replace(data, counts=data.counts | {"read_before_frequency_split": split.counts["read"]})
