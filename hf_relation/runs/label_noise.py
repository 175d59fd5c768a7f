"""Wrong labels on purpose, to see how much of them training bears."""

from __future__ import annotations

import dataclasses

import numpy as np

from hf_relation.data import Instance
from hf_relation.errors import UsageError
from hf_relation.training import ExperimentData, single_relation


def add_label_noise(data: ExperimentData, rate: float, seed: int = 0) -> ExperimentData:
    """Give a share of the training instances another known relation; validation and test stay as they are.

    The share is exact (rounded to whole instances), the instances are drawn without replacement, and the new relation of
    each is drawn uniformly from the other known relations. Both depend on the instances and the seed alone, not on
    the order of the rows.

    Args:
        data ([`ExperimentData`]): the parts of an experiment.
        rate (`float`): share of the training instances, in [0, 1].
        seed (`int`, defaults to 0): which instances, and which relations they get; at least 0.

    Returns:
        [`ExperimentData`]: with new training instances, and their number in `counts["relation_replaced_by_noise"]`; `data`
        itself when `rate` is 0.

    Raises:
        UsageError: `rate` or `seed` out of range, or there is only one known relation.

    Example:

    ```python
    >>> from hf_relation.runs.label_noise import add_label_noise
    >>> from hf_relation.training import prepare_data
    >>> texts = [("Ada met Bob.", "met"), ("Bob saw Ada.", "saw"), ("Ada ran to Bob.", "met"), ("Ada saw Bob.", "saw")]
    >>> rows = [{"id": text, "text": text, "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11},
    ...          "relations": [name]} for text, name in texts]
    >>> noisy = add_label_noise(prepare_data(rows, num_held_out=0), 0.25)
    >>> sum(new["relations"] != old["relations"] for new, old in zip(noisy.train, rows))
    1

    ```
    """
    if not 0 <= rate <= 1:
        raise UsageError(f"`label_noise` must be in [0, 1] (a share of the training instances), got {rate}.")
    if seed < 0:
        raise UsageError(f"`label_noise_seed` must be at least 0, got {seed}.")
    if rate == 0:
        return data
    names = data.known_relations
    if len(names) < 2:
        raise UsageError(f"`label_noise` needs at least 2 known relations to exchange, got {len(names)}.")
    train = list(data.train)
    in_order = sorted(range(len(train)), key=lambda row: _key(train[row]))
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(train))[: round(rate * len(train))]
    for position, shift in zip(drawn, rng.integers(1, len(names), size=len(drawn)), strict=True):
        row = in_order[position]
        old = names.index(str(single_relation(train[row])))
        train[row] = train[row] | {"relations": [names[(old + int(shift)) % len(names)]]}
    return dataclasses.replace(data, train=train, counts=data.counts | {"relation_replaced_by_noise": len(drawn)})


def _key(instance: Instance) -> tuple[str, str, int, int]:
    return instance["id"], instance["text"], instance["head"]["start"], instance["tail"]["start"]
