"""The data of a RoCORE run: which known relations, how many of their instances, and the unlabelled text."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hf_relation.data import drop_overlapping
from hf_relation.errors import UsageError
from hf_relation.runs.rocore_arguments import RoCOREArguments
from hf_relation.training import ExperimentData, load_experiment_data, single_relation


if TYPE_CHECKING:
    from hf_relation.data import Instance


def load_data(script: RoCOREArguments) -> tuple[ExperimentData, list[Instance]]:
    """Load the corpora of a run.

    Args:
        script ([`RoCOREArguments`]): what the run is told.

    Returns:
        `tuple`: the parts of the experiment, and instances of known relations to test on (`known_test_per_relation`).

    Raises:
        UsageError: files are missing, there is no unlabelled text, or too few relations.
        InvalidRowError: a bad row in a JSONL file, with its line.
    """
    # How many instances there are at most is said below, where they are spread over the relations.
    everything = dataclasses.replace(script, max_train_instances=None)
    data = load_experiment_data(everything, novel=script.novel)  # type: ignore[arg-type]
    if not data.unlabeled:
        gone = data.counts.get("unlabeled_dropped_sentence_in_test", 0)
        raise UsageError(
            f"There is no unlabelled text{f' left: all {gone} sentences of it are in the test' if gone else ''}, and "
            "RoCORE learns novel relations from it. Give --unlabeled_file with other sentences, or --unlabeled_share to take a "
            "part of the test instances."
        )
    train, counts = data.train, dict(data.counts)
    seed = script.split_seed
    limit = script.max_unlabeled_instances
    # Of held-out relations; the corpus' own text is limited already.
    if limit is not None and len(data.unlabeled) > limit:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(data.unlabeled))[:limit])
        data = dataclasses.replace(data, unlabeled=[data.unlabeled[row] for row in chosen.tolist()])
        counts["unlabeled"] = limit
    if script.num_known_relations is not None:
        train = choose_relations(train, script.num_known_relations, seed)
    known_test: list[Instance] = []
    if script.known_test_per_relation:
        known_test, train = take_per_relation(train, script.known_test_per_relation, seed)
        train, dropped = drop_overlapping(train, [known_test])
        counts |= {"known_test": len(known_test), "dropped_sentence_in_known_test": len(dropped)}
    if script.max_train_instances is not None:
        train = spread_evenly(train, script.max_train_instances, seed)
    if script.label_fraction < 1:
        train = keep_fraction(train, script.label_fraction, seed)
    counts["train"] = len(train)
    names = sorted({str(single_relation(row)) for row in train})
    return dataclasses.replace(data, train=train, counts=counts, known_relations=names), known_test


def choose_relations(instances: Sequence[Instance], number: int, seed: int = 0) -> list[Instance]:
    """Keep the instances of so many relations, chosen by the seed and the relations' names.

    Raises:
        UsageError: there are fewer.
    """
    names = sorted({str(single_relation(row)) for row in instances})
    if number > len(names):
        raise UsageError(f"`num_known_relations` is {number}, but there are {len(names)} known relations.")
    chosen = {names[i] for i in np.random.default_rng(seed).permutation(len(names))[:number]}
    return [row for row in instances if single_relation(row) in chosen]


def spread_evenly(instances: Sequence[Instance], total: int, seed: int = 0) -> list[Instance]:
    """Keep so many instances, equally many of every relation as far as it has them.

    Args:
        instances (`Sequence[Instance]`): labelled instances.
        total (`int`): how many to keep; all where there are fewer.
        seed (`int`, defaults to 0): which ones.

    Returns:
        `list[Instance]`: in their order.

    Example:

    ```python
    >>> from hf_relation.runs.rocore_data import spread_evenly
    >>> rows = [{"id": str(i), "relations": [name]} for i, name in enumerate("aaaaabbc")]
    >>> "".join(row["relations"][0] for row in spread_evenly(rows, 6))
    'aaabbc'

    ```
    """
    members = _members(instances)
    # The smallest relations first: what they lack of their share, the others give.
    quota, left = {}, min(total, len(instances))
    order = sorted(members, key=lambda name: (len(members[name]), name))
    for place, name in enumerate(order):
        quota[name] = min(len(members[name]), left // (len(order) - place))
        left -= quota[name]
    return _take(instances, members, quota, seed)


def keep_fraction(instances: Sequence[Instance], fraction: float, seed: int = 0) -> list[Instance]:
    """Keep a share of the instances of every relation, at least one of each; a smaller share is part of a larger one."""
    members = _members(instances)
    return _take(
        instances, members, {name: max(1, round(fraction * len(rows))) for name, rows in members.items()}, seed
    )


def take_per_relation(
    instances: Sequence[Instance], number: int, seed: int = 0
) -> tuple[list[Instance], list[Instance]]:
    """Take so many instances of every relation out, and give them and the others.

    Raises:
        UsageError: a relation has no more than so many.
    """
    members = _members(instances)
    smallest = min(members, key=lambda name: (len(members[name]), name))
    if len(members[smallest]) <= number:
        raise UsageError(
            f"`known_test_per_relation` is {number}, but relation {smallest!r} has {len(members[smallest])} instance(s), and "
            "at least one must be left to train on."
        )
    taken = _take(instances, members, dict.fromkeys(members, number), seed)
    ids = {id(row) for row in taken}
    return taken, [row for row in instances if id(row) not in ids]


def _members(instances: Sequence[Instance]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = {}
    for row, instance in enumerate(instances):
        members.setdefault(str(single_relation(instance)), []).append(row)
    return members


def _take(
    instances: Sequence[Instance], members: dict[str, list[int]], quota: dict[str, int], seed: int
) -> list[Instance]:
    rng = np.random.default_rng(seed)
    kept = [row for name in sorted(members) for row in rng.permutation(members[name])[: quota[name]].tolist()]
    return [instances[row] for row in sorted(kept)]
