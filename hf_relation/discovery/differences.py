"""What changed between two results: relations that are new, gone, renamed or of another size, and instances that moved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score

from hf_relation.discovery.relation import DiscoveredRelation
from hf_relation.discovery.result import DiscoveryResult
from hf_relation.errors import UsageError


@dataclass(frozen=True)
class MatchedRelation:
    """A relation of one result and the relation of the other that is the same.

    Args:
        before, after (`int`): their ids.
        name_before, name_after (`str`): their names.
        size_before, size_after (`int`): how many instances of the result each has.
        shared (`int`): how many instances both have.
    """

    before: int
    after: int
    name_before: str
    name_after: str
    size_before: int
    size_after: int
    shared: int


@dataclass(frozen=True)
class MovedInstance:
    """An instance that is in another relation than before.

    Args:
        id (`str`): of the instance.
        before, after (`int`): ids of the relations in either result, -1 for "left out".
        name_before, name_after (`str`, *optional*): their names, `None` for "left out".
    """

    id: str
    before: int
    after: int
    name_before: str | None
    name_after: str | None


@dataclass(frozen=True)
class ResultDifference:
    """What [`compare_results`] found.

    Args:
        matched (`list[MatchedRelation]`): relations that both have, by id before.
        new, gone (`dict[int, str]`): names by id of relations that only the second or only the first has.
        moved (`list[MovedInstance]`): instances of both that are in another relation, in the order of the first result.
        added, removed (`list[str]`): ids of instances that only the second or only the first has.
        num_shared (`int`): how many instances both have.
        adjusted_rand_index (`float`, *optional*): agreement over these, 1 for the same partition, about 0 by chance; those left out
            count as one group. `None` without any.
    """

    matched: list[MatchedRelation]
    new: dict[int, str]
    gone: dict[int, str]
    moved: list[MovedInstance]
    added: list[str]
    removed: list[str]
    num_shared: int
    adjusted_rand_index: float | None

    @property
    def renamed(self) -> list[MatchedRelation]:
        """`list[MatchedRelation]`: those with another name."""
        return [match for match in self.matched if match.name_before != match.name_after]

    @property
    def grown(self) -> list[MatchedRelation]:
        """`list[MatchedRelation]`: those with more instances."""
        return [match for match in self.matched if match.size_after > match.size_before]

    @property
    def shrunk(self) -> list[MatchedRelation]:
        """`list[MatchedRelation]`: those with fewer instances."""
        return [match for match in self.matched if match.size_after < match.size_before]

    def to_dict(self) -> dict[str, Any]:
        """In plain Python types, ready for JSON; relations that are new or gone as `{"id", "name"}`.

        Returns:
            `dict`: the fields, with `renamed`, `grown` and `shrunk` as ids before.
        """
        return {
            "matched": [asdict(match) for match in self.matched],
            "new": [{"id": id_, "name": name} for id_, name in self.new.items()],
            "gone": [{"id": id_, "name": name} for id_, name in self.gone.items()],
            "renamed": [match.before for match in self.renamed],
            "grown": [match.before for match in self.grown],
            "shrunk": [match.before for match in self.shrunk],
            "moved": [asdict(move) for move in self.moved],
            "added": list(self.added),
            "removed": list(self.removed),
            "num_shared": self.num_shared,
            "adjusted_rand_index": self.adjusted_rand_index,
        }

    def __str__(self) -> str:
        agreement = "-" if self.adjusted_rand_index is None else f"{self.adjusted_rand_index:.3f}"
        lines = [
            f"{self.num_shared} instances in both, {len(self.moved)} moved, {len(self.added)} added, {len(self.removed)} removed; "
            f"adjusted Rand index {agreement}"
        ]
        rows = [("change", "before", "after", "size")]
        for id_, name in self.gone.items():
            rows.append(("gone", f"{id_} {name}", "", ""))
        for id_, name in self.new.items():
            rows.append(("new", "", f"{id_} {name}", ""))
        for match in self.matched:
            words = ["renamed"] if match in self.renamed else []
            words += ["grown"] if match in self.grown else ["shrunk"] if match in self.shrunk else []
            if words:
                sizes = f"{match.size_before} -> {match.size_after}"
                before, after = f"{match.before} {match.name_before}", f"{match.after} {match.name_after}"
                rows.append((", ".join(words), before, after, sizes))
        if len(rows) > 1:
            plain = [tuple(" ".join(cell.split()) for cell in row) for row in rows]  # one line a relation
            widths = [max(len(row[column]) for row in plain) for column in range(4)]
            lines += [
                "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in plain
            ]
        return "\n".join(lines)


def compare_results(before: DiscoveryResult, after: DiscoveryResult) -> ResultDifference:
    """Say what changed from one result to another: another fit, an edit, or a corpus that grew.

    Instances are the same where their ids are. Relations are matched one to one so that matched ones share as many instances as
    possible (Kuhn 1955, by scipy's `linear_sum_assignment`), those of one id first where that is open; relations that share none are the same only
    where id and name are.

    Args:
        before, after ([`~hf_relation.discovery.DiscoveryResult`]): not altered.

    Returns:
        [`ResultDifference`].

    Raises:
        UsageError: an id occurs twice in a result.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import RelationDiscovery, compare_results
    >>> discovery = RelationDiscovery(num_relations=3)
    >>> before = discovery.fit_predict(np.array([[1.0, 0], [1, 0], [0.8, 0.6], [0, 1], [0, 1], [0, 1]]))
    >>> print(compare_results(before, discovery.merge([1, 2]).result()))
    6 instances in both, 1 moved, 0 added, 0 removed; adjusted Rand index 0.706
    change  before        after         size
    gone    2 relation 2
    grown   1 relation 1  1 relation 1  2 -> 3

    ```
    """
    place_before, place_after = _places(before, "before"), _places(after, "after")
    shared = [id_ for id_ in place_before if id_ in place_after]
    labels_before = np.asarray(before.labels)[[place_before[id_] for id_ in shared]].astype(np.int64)
    labels_after = np.asarray(after.labels)[[place_after[id_] for id_ in shared]].astype(np.int64)
    matched = _matched(before, after, labels_before, labels_after)
    now = {match.before: match.after for match in matched} | {-1: -1}
    names_before, names_after = _names(before), _names(after)
    moved = [
        MovedInstance(id_, old, new, names_before[old], names_after[new])
        for id_, old, new in zip(shared, labels_before.tolist(), labels_after.tolist(), strict=True)
        if now.get(old) != new
    ]
    found = {match.after for match in matched}
    return ResultDifference(
        matched=matched,
        new={one.id: one.name for one in after.relations if one.id not in found},
        gone={one.id: one.name for one in before.relations if one.id not in now},
        moved=moved,
        added=[id_ for id_ in place_after if id_ not in place_before],
        removed=[id_ for id_ in place_before if id_ not in place_after],
        num_shared=len(shared),
        adjusted_rand_index=float(adjusted_rand_score(labels_before, labels_after)) if shared else None,
    )


def _matched(
    before: DiscoveryResult, after: DiscoveryResult, labels_before: np.ndarray, labels_after: np.ndarray
) -> list[MatchedRelation]:
    rows = {one.id: row for row, one in enumerate(before.relations)}
    columns = {one.id: column for column, one in enumerate(after.relations)}
    overlap = np.zeros((len(rows), len(columns)), dtype=np.int64)
    for old, new in zip(labels_before.tolist(), labels_after.tolist(), strict=True):
        if old >= 0 and new >= 0:
            overlap[rows[old], columns[new]] += 1
    same_id = np.array([[one.id == other.id for other in after.relations] for one in before.relations], dtype=np.int64)
    # All bonuses together are less than one shared instance.
    gain = overlap * (min(overlap.shape) + 1) + same_id.reshape(overlap.shape)
    matches = []
    for row, column in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
        old_one, new_one = before.relations[row], after.relations[column]
        if overlap[row, column] or _is_same(old_one, new_one):
            matches.append(
                MatchedRelation(
                    old_one.id,
                    new_one.id,
                    old_one.name,
                    new_one.name,
                    size_before=int((np.asarray(before.labels) == old_one.id).sum()),
                    size_after=int((np.asarray(after.labels) == new_one.id).sum()),
                    shared=int(overlap[row, column]),
                )
            )
    return sorted(matches, key=lambda match: match.before)


def _is_same(one: DiscoveredRelation, other: DiscoveredRelation) -> bool:
    return one.id == other.id and one.name == other.name


def _names(result: DiscoveryResult) -> dict[int, str | None]:
    return {-1: None} | {one.id: one.name for one in result.relations}


def _places(result: DiscoveryResult, name: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, id_ in enumerate(result.ids):
        if id_ in places:
            raise UsageError(
                f"`{name}` has the id {id_!r} twice (rows {places[id_]} and {place}). Ids must be unique."
            )
        places[id_] = place
    return places
