"""What a search for heads to prune found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.heads import HeadImportance, prune_heads
from hf_relation.selection.trials import (
    Stop,
    Trial,
    check_stop,
    chosen_trial,
    load_trials,
    save_trials,
    trial_rows,
)


KIND = "pruning search"
RANKINGS = ("lowest", "highest", "random")


@dataclass(frozen=True)
class PruningResult:
    """The scores with no head pruned, one, two and so on.

    Args:
        order (`tuple[tuple[int, int], ...]`): (layer, head) in the order in which they were to be pruned.
        ranking (`str`): where that order comes from: `"lowest"` score first, `"highest"` first, or `"random"`.
        stop (`str`): `"first_drop"` or `"best"`.
        retrained (`bool`): whether the model was trained anew at every step.
        trials (`tuple[Trial, ...]`): trial k has the first k heads pruned.

    Raises:
        UsageError: a value is not allowed.
    """

    order: tuple[tuple[int, int], ...]
    ranking: str
    stop: Stop
    retrained: bool
    trials: tuple[Trial, ...]

    def __post_init__(self) -> None:
        check_ranking(self.ranking)
        check_stop(self.stop)
        if not isinstance(self.retrained, bool):
            raise UsageError(f"`retrained` must be true or false, got {self.retrained!r}.")
        for place in self.order:
            if len(place) != 2 or not all(type(number) is int and number >= 0 for number in place):
                raise UsageError(f"`order` must list (layer, head), integers from 0; got {place!r}.")
        if len(set(self.order)) < len(self.order):
            raise UsageError("`order` must have every head once.")
        if not 0 < len(self.trials) <= len(self.order) + 1:
            raise UsageError(
                f"{len(self.trials)} trials for {len(self.order)} heads: one more at the most, and one at least."
            )

    @property
    def num_heads(self) -> int:
        """How many heads to prune."""
        return chosen_trial(self.trials, self.stop)

    @property
    def heads(self) -> dict[int, list[int]]:
        """The heads to prune, layer -> heads, for [`~hf_relation.heads.prune_heads`]."""
        return grouped(self.order[: self.num_heads])

    @property
    def score(self) -> float:
        """The score with these heads pruned."""
        return self.trials[self.num_heads].score

    @property
    def curve(self) -> list[tuple[int, float]]:
        """(number of heads pruned, score), of all trials."""
        return [(number, trial.score) for number, trial in enumerate(self.trials)]

    def rows(self) -> list[dict[str, Any]]:
        """A table: `name` (which head went last), `score`, `seconds`, `chosen`."""
        names = [
            "none",
            *(f"{number}: layer {layer}, head {head}" for number, (layer, head) in enumerate(self.order, 1)),
        ]
        return trial_rows(names, self.trials, self.num_heads)

    def prune(self, model: nn.Module) -> None:
        """Remove the heads from a model, in place, see [`~hf_relation.heads.prune_heads`]."""
        prune_heads(model, self.heads)

    @property
    def plan(self) -> dict[str, Any]:
        """All but the trials, as JSON has it."""
        return pruning_plan(self.order, self.ranking, self.stop, self.retrained)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to a JSON file, whole or not at all.

        Raises:
            UsageError: a folder has that name, or its folder does not exist.
        """
        save_trials(path, KIND, self.plan, self.trials)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PruningResult:
        """Read what [`save`], or a search with `save_to`, wrote; every value is checked.

        Raises:
            CheckpointError: the file is missing, damaged or from a newer version.
        """
        plan, trials = load_trials(path, KIND)
        try:
            order = tuple((layer, head) for layer, head in plan["order"])
            return cls(order, plan["ranking"], plan["stop"], plan["retrained"], tuple(trials))
        except (UsageError, TypeError, ValueError, KeyError) as error:
            raise CheckpointError(f"{path} is damaged: {error}") from error


@dataclass(frozen=True)
class SourceSearch:
    """Searches with the ranking of each of several sources.

    Args:
        results (`Mapping[str, PruningResult]`): source -> its search; at least one.
    """

    results: Mapping[str, PruningResult]

    @property
    def best(self) -> str:
        """The source whose ranking led to the highest score, of equals the first."""
        return max(self.results, key=lambda source: self.results[source].score)


def grouped(places: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """From (layer, head) to layer -> heads, sorted."""
    layers = sorted({layer for layer, _ in places})
    return {layer: sorted(head for other, head in places if other == layer) for layer in layers}


def pruning_order(importance: HeadImportance, ranking: str = "lowest", seed: int = 42) -> list[tuple[int, int]]:
    """All heads that there are, in the order in which they go.

    Args:
        importance ([`~hf_relation.heads.HeadImportance`]): the ranking of the heads.
        ranking (`str`, defaults to `"lowest"`): `"lowest"` score first, `"highest"` first, or `"random"`.
        seed (`int`, defaults to 42): of the random order.

    Returns:
        `list[tuple[int, int]]`: (layer, head).

    Raises:
        UsageError: another `ranking`.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.heads import HeadImportance
    >>> from hf_relation.selection.pruning_result import pruning_order
    >>> pruning_order(HeadImportance(np.array([[1, 3, 0]]), "gate", 7), "highest")
    [(0, 1), (0, 0), (0, 2)]

    ```
    """
    check_ranking(ranking)
    ranked = importance.rank()
    if ranking == "random":
        return [ranked[place] for place in np.random.default_rng(seed).permutation(len(ranked))]
    return ranked[::-1] if ranking == "highest" else ranked


def check_ranking(ranking: str) -> None:
    """Refuse another order of heads.

    Raises:
        UsageError: it is none of those there are.
    """
    if ranking not in RANKINGS:
        raise UsageError(f"`ranking` must be one of {list(RANKINGS)}, got {ranking!r}.")


def pruning_plan(order: tuple[tuple[int, int], ...], ranking: str, stop: str, retrained: bool) -> dict[str, Any]:
    """What decides the trials of a search, as JSON has it."""
    return {"order": [list(place) for place in order], "ranking": ranking, "stop": stop, "retrained": retrained}
