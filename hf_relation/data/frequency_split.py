"""Training, validation and test relations by how often a relation occurs, as for NYT+FB-sup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UsageError
from .hygiene import overlap
from .schema import Instance


@dataclass(frozen=True)
class FrequencySplit:
    """What [`split_by_frequency`] made of a corpus.

    Args:
        train (`list[Instance]`): instances of the very common and the extremely rare relations, and instances without
            exactly one relation that name no novel one.
        validation (`list[Instance]`): instances of half of the novel relations.
        test (`list[Instance]`): instances of the other half.
        counts (`dict[str, int]`): `"read"`; `"train"`, `"validation"`, `"test"`: their instances; `"train_relations"`,
            `"validation_relations"`, `"test_relations"`; `"without_single_relation"`: instances with no relation or
            several, `"dropped_with_novel_relation"`: those of them that are in no part; and `"train_sentence_in_novel"`,
            `"validation_sentence_in_test"`: instances whose sentence also occurs in the other part, for
            [`~hf_relation.training.prepare_data`] to drop.
    """

    train: list[Instance]
    validation: list[Instance]
    test: list[Instance]
    counts: dict[str, int]


def split_by_frequency(
    instances: Iterable[Instance], *, least: int = 20, most: int = 2000, seed: int = 0, overlapping: bool = False
) -> FrequencySplit:
    """Split a corpus by relation: those of middling frequency are novel, the rest are for training.

    Very common relations are everyday categories, and those with a handful of instances are too few to be a novel type;
    so both are known, and the training part is as unbalanced as real text. The novel relations are divided into
    validation and test relations of equal number (test has one more when it is odd), by their names and `seed`, whatever
    the order of the rows.

    A frequency counts the instances that have exactly one relation. An instance with none or several cannot stand for a
    cluster, so it is in neither novel part; it goes to the training part, unless it names a novel relation: then it is
    in no part. Sentences may be shared between parts (one sentence can hold several pairs): pass the parts to
    [`~hf_relation.training.prepare_data`], which takes shared sentences out of training; `counts` says how many.

    Args:
        instances (`Iterable[Instance]`): labelled instances.
        least (`int`, defaults to 20): instances that a novel relation has at least, at least 1.
        most (`int`, defaults to 2000): instances that a novel relation has at most.
        seed (`int`, defaults to 0): which novel relations are for validation.
        overlapping (`bool`, defaults to `False`): the authors' code: validation and test hold *the same* novel relations,
            and it is the instances of each that are halved. What is then chosen on the validation part is chosen on
            relations of the test; `prepare_data` refuses it.

    Returns:
        [`FrequencySplit`]: each part in the order of `instances`.

    Raises:
        UsageError: `least` or `most` out of range, or too few relations: at least 4 novel ones are needed (2 with
            `overlapping`), and 2 to train on.

    Example:

    ```python
    >>> from hf_relation.data import split_by_frequency
    >>> sizes = {"in": 90, "of": 70, "born in": 30, "wrote": 25, "won": 22, "flows into": 21, "coach of": 3}
    >>> rows = [{"text": f"{name} {i}", "relations": [name]} for name, size in sizes.items() for i in range(size)]
    >>> split = split_by_frequency(rows, least=20, most=60)
    >>> sorted({row["relations"][0] for row in split.train})
    ['coach of', 'in', 'of']
    >>> split.counts["validation_relations"], split.counts["test_relations"]
    (2, 2)

    ```

    Reference:
        Wang et al., "MORE: A Metric Learning Based Framework for Open-domain Relation Extraction", ICASSP 2021,
        section 3.1: 72 novel relations of NYT+FB, "equally divided between the test and validation set", and 190 others.
    """
    if not 1 <= least <= most:
        raise UsageError(
            f"`least` must be at least 1 and at most `most`, got least={least} and most={most}. A relation is novel when it "
            "has from `least` to `most` instances."
        )
    rows = list(instances)
    single = [row["relations"][0] if len(row["relations"]) == 1 else None for row in rows]
    frequency = Counter(name for name in single if name is not None)
    novel = sorted(name for name, count in frequency.items() if least <= count <= most)
    known = len(frequency) - len(novel)
    needed = 2 if overlapping else 4
    if len(novel) < needed or known < 2:
        sizes = sorted(frequency.values())
        spread = f", of {sizes[0]} to {sizes[-1]} instances each," if sizes else ""
        raise UsageError(
            f"{len(novel)} of {len(frequency)} relation(s){spread} have from {least} to {most} instances: at least {needed} such "
            f"relations are needed to be novel, and 2 others (there are {known}) to train on. Change `least` and `most`."
        )
    rng = np.random.default_rng(seed)
    if overlapping:
        part_of_row = _halve_instances(single, novel, rng)
    else:
        validation_names = {novel[i] for i in rng.permutation(len(novel))[: len(novel) // 2]}
        part_of_row = [
            None if name is None else "validation" if name in validation_names else "test" for name in single
        ]
    is_novel = set(novel)
    parts: dict[str, list[Instance]] = {"train": [], "validation": [], "test": []}
    dropped = 0
    for row, name, part in zip(rows, single, part_of_row, strict=True):
        if name in is_novel and part is not None:
            parts[part].append(row)
        elif is_novel.isdisjoint(row["relations"]):
            parts["train"].append(row)
        else:
            dropped += 1
    train, validation, test = parts["train"], parts["validation"], parts["test"]
    counts = {
        "read": len(rows),
        **{name: len(part) for name, part in parts.items()},
        "train_relations": known,
        "validation_relations": len({row["relations"][0] for row in validation}),
        "test_relations": len({row["relations"][0] for row in test}),
        "without_single_relation": single.count(None),
        "dropped_with_novel_relation": dropped,
        "train_sentence_in_novel": overlap(train, [*validation, *test]),
        "validation_sentence_in_test": overlap(validation, test),
    }
    return FrequencySplit(train, validation, test, counts)


def _halve_instances(single: Sequence[str | None], novel: Sequence[str], rng: np.random.Generator) -> list[str | None]:
    parts: list[str | None] = [None] * len(single)
    members: dict[str, list[int]] = {name: [] for name in novel}
    for row, name in enumerate(single):
        if name in members:
            members[name].append(row)
    for of_relation in members.values():
        order = rng.permutation(of_relation).tolist()
        for position, row in enumerate(order):
            parts[row] = "validation" if position < len(order) // 2 else "test"
    return parts
