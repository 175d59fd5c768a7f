"""Names for relations from an inventory, a function or a language model, as proposals to accept."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy.optimize import linear_sum_assignment

from hf_relation.discovery.generated_names import cleaned_name, content_key, is_pipeline, pipeline_namer
from hf_relation.discovery.inventory import RelationInventory
from hf_relation.discovery.keywords import unique_names
from hf_relation.discovery.matching import DIGITS, Encode, InventoryMatcher, NameCandidate
from hf_relation.discovery.names import MAX_LENGTH
from hf_relation.discovery.relation import DiscoveredRelation, NamedBy
from hf_relation.errors import UsageError


_FIXED = ("user", "known")
_NEW = ("inventory", "model")
_remembered: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()


@dataclass(frozen=True)
class NameProposal:
    """A name for one relation.

    Args:
        relation (`int`): the id of the relation.
        name (`str`): unique among the proposals.
        score (`float`, *optional*): that of the candidate of the inventory, in [0, 1]; `None` for other names.
        candidates (`list[NameCandidate]`): of the inventory, best first.
        named_by (`str`): `"inventory"`, `"model"` (a function or a language model), or what the relation had before, where it keeps its name:
            `"text"`, `"user"`, `"known"`.
        description (`str`, *optional*): that of the inventory.
        warning (`str`, *optional*): why the relation keeps the name that it had, where that was not asked for.
    """

    relation: int
    name: str
    score: float | None = None
    candidates: list[NameCandidate] = field(default_factory=list)
    named_by: NamedBy = "text"
    description: str | None = None
    warning: str | None = None


def name_relations(
    relations: Sequence[DiscoveredRelation],
    by: RelationInventory | InventoryMatcher | Callable[[DiscoveredRelation], str] | Any,
    *,
    instances: Sequence[Mapping[str, Any]] | None = None,
    labels: np.ndarray | Sequence[int] | None = None,
    encoder: str | os.PathLike[str] | Encode | None = None,
    top: int = 5,
    one_to_one: bool = False,
    min_score: float = 0.0,
    cache: MutableMapping[str, str] | None = None,
) -> list[NameProposal]:
    """Propose a name for every relation. Nothing is changed; relations that the user has named, and known ones, keep their names.

    Answers of functions and models become names by [`~hf_relation.discovery.generated_names.cleaned_name`]: one line of at most 40
    characters. Of two relations with one name, whatever the case, the later one gets a keyword in brackets. What was asked about a relation once is not
    asked again while its keywords, patterns, examples, types and size are the same and `by` lives.

    Args:
        relations (`Sequence[DiscoveredRelation]`): all relations of a result.
        by: a [`RelationInventory`] or [`InventoryMatcher`]: the likest name; a function from a relation to its name; or a
            text-generation pipeline of transformers, which is asked with keywords, patterns and examples, without sampling.
        instances, labels (*optional*): those of the result, for an inventory; see [`InventoryMatcher.candidates`].
        encoder (*optional*): for a [`RelationInventory`]; see [`InventoryMatcher`].
        top (`int`, defaults to 5): how many candidates of an inventory.
        one_to_one (`bool`, defaults to `False`): no name of an inventory is given twice; of all ways to do so, the one with the
            highest sum of logarithms of the scores. A name need not be the first candidate then.
        min_score (`float`, defaults to 0.0): a relation whose score is lower keeps its name, with a warning.
        cache (`MutableMapping[str, str]`, *optional*): answers by content of the relation, to keep them longer than `by` lives;
            an empty dict asks anew.

    Returns:
        `list[NameProposal]`: one for each relation, in order. A relation about which the answer was empty keeps its name, with
        `warning` set and a Python warning.

    Raises:
        UsageError: `by` is none of these, a function gave no string, an argument is out of range, or `one_to_one` with more relations than
            names.
        CheckpointError: the encoder cannot be had.

    Example:

    ```python
    >>> from hf_relation.discovery import DiscoveredRelation, name_relations
    >>> relations = [DiscoveredRelation(0, "was born in", ["born"], 2, 1.0), DiscoveredRelation(1, "wed", ["wed"], 1, 1.0)]
    >>> [proposal.name for proposal in name_relations(relations, lambda relation: relation.keywords[0].upper() + "!")]
    ['BORN!', 'WED!']

    ```
    """
    if isinstance(min_score, bool) or not isinstance(min_score, (int, float)) or not 0 <= min_score <= 1:
        raise UsageError(f"`min_score` must be between 0 and 1, got {min_score!r}.")
    open_ = [relation for relation in relations if relation.named_by not in _FIXED]
    if isinstance(by, RelationInventory):
        by = InventoryMatcher(by, encoder)
    elif encoder is not None:
        raise UsageError(
            "`encoder` is for a RelationInventory; a matcher has its own, and functions and models need none."
        )
    if isinstance(by, InventoryMatcher):
        found = _from_inventory(relations, open_, by, instances, labels, top, one_to_one, min_score)
        limit = None
    elif callable(by):
        found = _from_answers(open_, by, cache)
        limit = MAX_LENGTH
    else:
        raise UsageError(
            f"`by` must be a RelationInventory, a function or a text-generation pipeline, got {type(by).__name__}."
        )
    kept = {relation.id: _kept(relation) for relation in relations if relation.id not in found}
    proposals = [found.get(relation.id) or kept[relation.id] for relation in relations]
    kept_names = [proposal.warning for proposal in proposals if proposal.warning]
    if kept_names:
        warnings.warn(
            f"{len(kept_names)} of {len(relations)} relations keep the names that they had: {kept_names[0]}"
            f"{' ...' if len(kept_names) > 1 else ''} See `warning` of the proposals.",
            stacklevel=2,
        )
    return _unique(proposals, relations, limit)


def _kept(relation: DiscoveredRelation, **changes: Any) -> NameProposal:
    return NameProposal(
        relation.id, relation.name, named_by=relation.named_by, description=relation.description, **changes
    )


def _from_inventory(
    relations: Sequence[DiscoveredRelation],
    open_: Sequence[DiscoveredRelation],
    matcher: InventoryMatcher,
    instances: Sequence[Mapping[str, Any]] | None,
    labels: np.ndarray | Sequence[int] | None,
    top: int,
    one_to_one: bool,
    min_score: float,
) -> dict[int, NameProposal]:
    scores = matcher.scores(relations, instances=instances, labels=labels)
    candidates = matcher.ranked(scores, top)
    rows = {relation.id: row for row, relation in enumerate(relations)}
    wanted = [rows[relation.id] for relation in open_]
    best = scores.round(DIGITS).argmax(axis=1)  # the first of equal ones, as in `ranked`
    if one_to_one and wanted:
        if len(wanted) > scores.shape[1]:
            raise UsageError(
                f"`one_to_one`: {len(wanted)} relations are more than the {scores.shape[1]} names of the inventory."
            )
        taken = linear_sum_assignment(np.log(np.maximum(scores[wanted], 1e-300)), maximize=True)
        best[wanted] = taken[1]
    found = {}
    for relation in open_:
        row = rows[relation.id]
        entry, score = matcher.inventory[int(best[row])], float(scores[row, best[row]])
        if scores.shape[1] > 1 and np.ptp(scores[row]) < 10.0**-DIGITS:
            warning = f"for relation {relation.id} there is nothing to compare with the inventory: no texts, or none like it."
            found[relation.id] = _kept(relation, warning=warning)
        elif score < min_score:
            warning = f"for relation {relation.id} the score of {entry.name!r}, {score:.3f}, is below {min_score}."
            found[relation.id] = _kept(relation, score=score, candidates=candidates[row], warning=warning)
        else:
            found[relation.id] = NameProposal(
                relation.id, entry.name, score, candidates[row], "inventory", entry.description or None
            )
    return found


def _from_answers(
    open_: Sequence[DiscoveredRelation], by: Any, cache: MutableMapping[str, str] | None
) -> dict[int, NameProposal]:
    namer = pipeline_namer(by) if is_pipeline(by) else by
    if cache is None:
        cache = _memory_of(by)
    found = {}
    for relation in open_:
        key = content_key(relation)
        if key not in cache:
            answer = namer(relation)
            if not isinstance(answer, str):
                raise UsageError(
                    f"`by` must return a string, got {type(answer).__name__} for relation {relation.id}. An empty one leaves "
                    "the name as it is."
                )
            cache[key] = answer
        name = cleaned_name(cache[key])
        if name:
            found[relation.id] = NameProposal(relation.id, name, named_by="model")
        else:
            found[relation.id] = _kept(relation, warning=f"for relation {relation.id} the answer holds no name.")
    return found


def _memory_of(by: Any) -> MutableMapping[str, str]:
    try:
        return _remembered.setdefault(by, {})
    except TypeError:  # not hashable, or nothing that can be referred to weakly
        return {}


def _unique(
    proposals: Sequence[NameProposal], relations: Sequence[DiscoveredRelation], limit: int | None
) -> list[NameProposal]:
    # What stays as it is comes first, so that it is the new name that makes way.
    new = [proposal.named_by in _NEW for proposal in proposals]
    held = {
        proposal.name.casefold(): proposal.name for proposal, is_new in zip(proposals, new, strict=True) if not is_new
    }
    # A name of that length is the only one of it, and must not be cut.
    staying = [
        row
        for row, proposal in enumerate(proposals)
        if not new[row] and (limit is None or len(proposal.name) <= limit)
    ]
    order = staying + [row for row in range(len(proposals)) if new[row]]
    phrases = [
        held.setdefault(proposals[row].name.casefold(), proposals[row].name) if new[row] else proposals[row].name
        for row in order
    ]
    names = unique_names([relations[row].keywords for row in order], phrases=phrases, max_length=limit)
    found = list(proposals)
    for row, name in zip(order, names, strict=True):
        if new[row]:
            found[row] = replace(proposals[row], name=name)
    return found
