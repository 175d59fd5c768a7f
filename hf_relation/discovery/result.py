"""What discovery returns: relations, a label and a score for every instance, and ways to write them down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.clustering.num_relations import NumRelationsEstimate
from hf_relation.discovery.names import rename
from hf_relation.discovery.relation import DiscoveredRelation, find_relation
from hf_relation.discovery.result_certainty import ResultCertainty
from hf_relation.discovery.result_files import ResultFiles
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    import networkx  # type: ignore[import-untyped]
    import pandas as pd

    from hf_relation.discovery.hierarchy import RelationHierarchy


@dataclass
class DiscoveryResult(ResultCertainty, ResultFiles):
    """Relations, and a label and score for every instance, in the order the instances were given.

    Args:
        instances (`Sequence[Mapping]`): the instances without gold labels; only `{"id"}` where just embeddings were given.
        labels (`np.ndarray` of shape `(n,)`, int64): the relation id of every instance, or -1 for "left out".
        scores (`np.ndarray` of shape `(n,)`, float32): in [0, 1]: one minus the ratio of the distances to the instance's
            own and to the nearest other relation centre; 0 for instances left out, 1 where there is one relation.
        relations (`list[DiscoveredRelation]`): the relations of the fitted corpus, by id.
        estimate ([`~hf_relation.clustering.NumRelationsEstimate`], *optional*): how the number was chosen, if it was.
        requested (`int` or `str`): the number of relations asked for.
        vectors (`np.ndarray` of shape `(n, p)`, float32, *optional*): the vectors that were clustered, of length one.
        centers (`np.ndarray` of shape `(r, p)`, float32, *optional*): relation centres, in the order of `relations`.
        kinds (`np.ndarray` of shape `(n,)`, str, *optional*): `"known"`, `"novel"` or `"none"` (no relation, or fits nowhere; its
            label is -1); without known relations all are novel but those left out.
        probabilities (`np.ndarray` of shape `(n, 3)`, float32, *optional*): of known, novel and none, calibrated; only where
            known relations were given.
        confidence (`np.ndarray` of shape `(n,)`, float32, *optional*): how probable it is that the kind is right and, for known
            ones, the name; calibrated; only where known relations were given.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
    >>> result = DiscoveryResult([{"id": "a"}], np.array([0]), np.array([1.0]),
    ...                          [DiscoveredRelation(0, "born", ["born"], 1, 1.0)], requested=1)
    >>> result.to_dict()["instances"]
    [{'id': 'a', 'label': 0, 'score': 1.0}]

    ```
    """

    instances: Sequence[Mapping[str, Any]]
    labels: np.ndarray
    scores: np.ndarray
    relations: list[DiscoveredRelation]
    estimate: NumRelationsEstimate | None = None
    requested: int | str = "auto"
    vectors: np.ndarray | None = None
    centers: np.ndarray | None = None
    kinds: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    confidence: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not len(self.instances) == len(self.labels) == len(self.scores):
            raise UsageError(
                f"A result needs one label and one score per instance, got {len(self.instances)} instances, "
                f"{len(self.labels)} labels and {len(self.scores)} scores."
            )
        if self.kinds is None:
            self.kinds = np.where(np.asarray(self.labels) < 0, "none", "novel")
        for name in ("vectors", "kinds", "probabilities", "confidence"):
            array = getattr(self, name)
            if array is not None and len(array) != len(self.instances):
                raise UsageError(f"`{name}` must have one row per instance ({len(self.instances)}), got {len(array)}.")
        if self.centers is not None and len(self.centers) != len(self.relations):
            raise UsageError(
                f"`centers` must have one row per relation ({len(self.relations)}), got {len(self.centers)}."
            )

    def __len__(self) -> int:
        return len(self.instances)

    def relation(self, id: int) -> DiscoveredRelation:
        """The relation of an id. Ids stay when relations are merged, split or deleted, so that some numbers may be missing.

        Args:
            id (`int`): a label other than -1.

        Returns:
            [`~hf_relation.discovery.DiscoveredRelation`].

        Raises:
            UsageError: no relation has that id.
        """
        return find_relation(self.relations, id)

    def hierarchy(self) -> RelationHierarchy:
        """Which relations are alike: a tree over those that have instances.

        Returns:
            [`~hf_relation.discovery.RelationHierarchy`].

        Raises:
            UsageError: no relation has instances, or the result has no `centers`.
        """
        from hf_relation.discovery.hierarchy import hierarchy_of

        if self.centers is None:
            raise UsageError("The tree is made of relation centres, which this result does not have (`centers`).")
        return hierarchy_of(self.relations, self.centers)

    def set_names(self, names: Mapping[int, str]) -> DiscoveryResult:
        """Give relations names of your own; keywords, patterns and examples stay as they are.

        The relations belong to the [`~hf_relation.RelationDiscovery`] that found them, so that its later results and
        what it saves have the new names too.

        Args:
            names (`Mapping[int, str]`): names by relation id; the other relations keep theirs.

        Returns:
            [`DiscoveryResult`]: itself.

        Raises:
            UsageError: an id that no relation has, a blank name, or two relations of one name; then nothing is changed.
        """
        rename(self.relations, names)
        return self

    @property
    def ids(self) -> list[str]:
        """`list[str]`: the instance ids, in order."""
        return [str(instance["id"]) for instance in self.instances]

    def to_dict(self) -> dict[str, Any]:
        """The result in plain Python types, ready for JSON.

        Returns:
            `dict`: `"instances"`: `id`, `label`, `score` of every instance, and `kind` and `confidence` where relations are
            known; `"relations"`: the fields of
            [`DiscoveredRelation`]; `"num_relations"`: `found`, `requested` and, where the number was estimated, the plausible
            range `low` to `high` and the curve `candidates` and `scores` (else `None`).
        """
        return {
            "instances": self._instance_rows(),
            "relations": [asdict(relation) for relation in self.relations],
            "num_relations": self._num_relations(),
        }

    def to_pandas(self) -> pd.DataFrame:
        """One row per instance: `id`, `label`, `relation` (the name), `score`, `kind` and `confidence` where relations are known before,
        and `head`, `tail`, `text` where known.

        Returns:
            `pandas.DataFrame`: in the order of the instances; `relation` is `None` for instances left out.
        """
        import pandas as pd

        names = self._names()
        rows = [
            {"id": row.pop("id"), "label": row["label"], "relation": names[row.pop("label")], **row}
            | surface_forms(instance)
            for row, instance in zip(self._instance_rows(), self.instances, strict=True)
        ]
        return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["id", "label", "relation", "score"])

    def to_triples(self) -> list[dict[str, Any]]:
        """The instances as a graph: one labelled edge from head mention to tail mention each.

        Returns:
            `list[dict]`: `head`, `relation` (the name), `tail`, `score` and the instance `id`, without instances left out.

        Raises:
            UsageError: the result was made from embeddings alone, so there are no mentions.
        """
        triples = []
        names = self._names()
        for instance, label, score in zip(self.instances, self.labels.tolist(), self.scores.tolist(), strict=True):
            forms = surface_forms(instance)
            if not forms:
                raise UsageError("Triples need the mentions: pass `instances` along with `embeddings`.")
            if label >= 0:
                triples.append(
                    {
                        "head": forms["head"],
                        "relation": names[label],
                        "tail": forms["tail"],
                        "score": score,
                        "id": instance["id"],
                    }
                )
        return triples

    def to_networkx(self) -> networkx.MultiDiGraph:
        """The triples as a networkx graph: entities joined by relations.

        Mentions that differ only in case and white space are one node. Its key is what they have in common
        (`"new york"` for `"New  York"`); `name` is the commonest spelling, `count` the number of mentions. From head to
        tail there is one edge for each relation, whose key is the relation id, with `name`, `count` (of instances), `score`
        (their mean) and `instance_ids`.

        Returns:
            `networkx.MultiDiGraph`: without instances left out, and without entities that only they have.

        Raises:
            UsageError: the result was made from embeddings alone, so there are no mentions.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
        >>> row = {"id": "a", "text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
        >>> met = DiscoveredRelation(0, "met", ["met"], 1, 1.0)
        >>> graph = DiscoveryResult([row], np.array([0]), np.array([1.0]), [met]).to_networkx()
        >>> graph.nodes["ada"]["name"], graph.edges["ada", "bob", 0]["name"]
        ('Ada', 'met')

        ```
        """
        from hf_relation.discovery.graph_exports import networkx_graph

        return networkx_graph(self)

    def _names(self) -> dict[int, str | None]:
        return {-1: None} | {relation.id: relation.name for relation in self.relations}

    def _instance_rows(self) -> list[dict[str, Any]]:
        rows = [
            {"id": id_, "label": label, "score": score}
            for id_, label, score in zip(self.ids, self.labels.tolist(), self.scores.tolist(), strict=True)
        ]
        if self.confidence is not None and self.kinds is not None:
            for row, kind, confidence in zip(rows, self.kinds.tolist(), self.confidence.tolist(), strict=True):
                row |= {"kind": kind, "confidence": confidence}
        return rows

    def _num_relations(self) -> dict[str, Any]:
        estimate = self.estimate
        return {
            "found": len(self.relations),
            "requested": self.requested,
            "low": None if estimate is None else int(estimate.low),
            "high": None if estimate is None else int(estimate.high),
            "candidates": None if estimate is None else [int(value) for value in estimate.candidates],
            "scores": None if estimate is None else [float(value) for value in estimate.scores],
        }


def surface_forms(instance: Mapping[str, Any]) -> dict[str, str]:
    """`head`, `tail` and `text` of an instance as strings; empty for an instance of which only the id is known."""
    if "text" not in instance:
        return {}
    text = instance["text"]
    head, tail = instance["head"], instance["tail"]
    return {"head": text[head["start"] : head["end"]], "tail": text[tail["start"] : tail["end"]], "text": text}
