"""`PruningSearch`: how many attention heads can go before the score on the development set drops?"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from hf_relation.errors import UsageError
from hf_relation.heads import HeadImportance, head_layout, mask_heads, prune_heads
from hf_relation.selection.pruning_result import (
    KIND,
    PruningResult,
    SourceSearch,
    check_ranking,
    grouped,
    pruning_order,
    pruning_plan,
)
from hf_relation.selection.trials import Stop, Trial, check_stop, run_trials


Score = Callable[[nn.Module], float]


class PruningSearch:
    """Prune heads one after another and watch a score on the development set.

    Args:
        importance ([`~hf_relation.heads.HeadImportance`]): the ranking of the heads.
        ranking (`str`, defaults to `"lowest"`): which heads go first: those with the `"lowest"` scores; or, as controls, those
            with the `"highest"`, or `"random"` ones.
        stop (`str`, defaults to `"first_drop"`): `"first_drop"`: stop as soon as the score falls, and keep the heads before
            that (the paper's text); `"best"`: try all numbers of heads and keep the best (the paper's tables, which even look
            at the test set). The latter is optimistic: the highest of 13 noisy numbers is higher than what a new set will show.
            Of equal scores that with more heads pruned is kept.
        max_heads (`int`, defaults to 12): prune no more than so many.
        seed (`int`, defaults to 42): of the random order.

    Raises:
        UsageError: a value is not allowed.

    Example:

    ```python
    >>> import numpy as np
    >>> from transformers import BertConfig, BertModel
    >>> from hf_relation.heads import HeadImportance
    >>> from hf_relation.selection import PruningSearch
    >>> sizes = {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 8}
    >>> model = BertModel(BertConfig(vocab_size=9, **sizes))
    >>> importance = HeadImportance(np.array([[1, 3, 0], [2, 2, 4]]), "gate", 7)
    >>> scores = iter([0.80, 0.81, 0.82, 0.79])
    >>> result = PruningSearch(importance).run(model, score=lambda model: next(scores))
    >>> result.heads, result.score, len(result.trials)
    ({0: [0, 2]}, 0.82, 4)

    ```

    Reference: Ma et al., "Contributions of Transformer Attention Heads in Multi- and Cross-lingual Tasks", ACL 2021, section
    4; controls: its table 5.
    """

    def __init__(
        self,
        importance: HeadImportance,
        *,
        ranking: str = "lowest",
        stop: Stop = "first_drop",
        max_heads: int = 12,
        seed: int = 42,
    ) -> None:
        check_ranking(ranking)
        check_stop(stop)
        for name, value, least in (("max_heads", max_heads, 1), ("seed", seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
        self.importance = importance
        self.ranking = ranking
        self.stop: Stop = stop
        self.order: tuple[tuple[int, int], ...] = tuple(pruning_order(importance, ranking, seed)[:max_heads])

    def check(self, model: nn.Module) -> None:
        """Refuse a model whose heads are not those that were ranked.

        Args:
            model (`nn.Module`): see [`~hf_relation.heads.head_layout`].

        Raises:
            UsageError: it has other layers or heads, or one of those to prune is gone already.
        """
        found = head_layout(model)
        if (found.num_layers, found.num_heads) != self.importance.raw.shape:
            raise UsageError(
                f"The ranking is of {self.importance.raw.shape[0]} layers of {self.importance.raw.shape[1]} heads, the model "
                f"has {found.num_layers} of {found.num_heads}. Rank the heads of this model."
            )
        gone = next((place for place in self.order if place[1] not in found.kept[place[0]]), None)
        if gone is not None:
            raise UsageError(
                f"Head {gone[1]} of layer {gone[0]} is to be pruned and is pruned already. Rank the heads of this model."
            )

    def run(
        self,
        model: nn.Module,
        *,
        score: Score | None = None,
        train_and_score: Score | None = None,
        save_to: str | os.PathLike[str] | None = None,
    ) -> PruningResult:
        """Search, with or without training the pruned model.

        Args:
            model (`nn.Module`): fine-tuned, for `score`; for `train_and_score` the model from which training starts. It is
                as before afterwards.
            score (`Callable`): takes the model, with its heads masked, which is the same as pruned, and gives the score on the
                development set, higher is better. It must not change the model.
            train_and_score (`Callable`): takes a copy of the model whose heads are pruned, may change it, and gives the score.
                One of the two is needed.
            save_to (`str` or `PathLike`, *optional*): JSON file, written after every step; a search that was cut off goes on
                from it.

        Returns:
            [`PruningResult`].

        Raises:
            UsageError: both or none of the two, a model of other heads than were ranked, or a file of another search.
            TrainingError: a score is not a finite number; the steps before are kept.
        """
        if (score is None) == (train_and_score is None):
            raise UsageError("Give one of `score` (no training) and `train_and_score` (training at every step).")
        self.check(model)

        def evaluate(number: int, before: Sequence[Trial]) -> float:
            heads = grouped(self.order[:number])
            if train_and_score is not None:
                pruned = copy.deepcopy(model)
                prune_heads(pruned, heads)
                return train_and_score(pruned)
            assert score is not None
            with mask_heads(model, heads):
                return score(model)

        retrained = train_and_score is not None
        plan = pruning_plan(self.order, self.ranking, self.stop, retrained)
        trials = run_trials(KIND, plan, len(self.order) + 1, evaluate, stop=self.stop, save_to=save_to)
        return PruningResult(self.order, self.ranking, self.stop, retrained, tuple(trials))


def search_each_source(
    importances: Mapping[str, HeadImportance],
    model: nn.Module,
    *,
    score: Score | None = None,
    train_and_score: Score | None = None,
    save_to: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> SourceSearch:
    """Search with the ranking of each of several sources by itself, and see which is best on the development set.

    The other ways to use several sources: measure head importance on their data together, or add up their matrices
    ([`~hf_relation.heads.sum_importances`]).

    Args:
        importances (`Mapping[str, HeadImportance]`): source, such as a language -> its ranking; at least one.
        model, score, train_and_score: as for [`PruningSearch.run`].
        save_to (`str` or `PathLike`, *optional*): folder that exists; one file a source, by its position.
        **settings: those of [`PruningSearch`].

    Returns:
        [`SourceSearch`].

    Raises:
        UsageError: no source, or what [`PruningSearch`] refuses.
    """
    if not importances:
        raise UsageError("`importances` must name at least one source.")
    results = {}
    for number, (source, importance) in enumerate(importances.items()):
        file = None if save_to is None else Path(save_to) / f"source-{number}.json"
        results[source] = PruningSearch(importance, **settings).run(
            model, score=score, train_and_score=train_and_score, save_to=file
        )
    return SourceSearch(results)
