"""The gate in front of discovery: is a pair of a known relation, of a novel one, or without any?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import softmax

from hf_relation.clustering.rows import check_matrix, map_distinct_rows, normalize_rows
from hf_relation.discovery.gate_checks import check_relations, check_sources
from hf_relation.discovery.gate_fitting import GateParts, fit_gate
from hf_relation.discovery.gate_scores import KINDS, Nearness, features
from hf_relation.discovery.gate_space import GateSpace
from hf_relation.discovery.gate_state import gate_parts_of, state_of_gate
from hf_relation.errors import UsageError


Rule = Literal["learned", "stored", "quantile"]


@dataclass(frozen=True)
class GateDecision:
    """What a gate says of rows.

    Args:
        kinds (`np.ndarray` of shape `(n,)` of `str`): `"known"`, `"novel"` or `"none"`, whichever is most probable.
        known (`np.ndarray` of shape `(n,)`, int64): the position of the relation in [`OpenWorldGate.relations`]; -1 where the kind
            is not `"known"`.
        probabilities (`np.ndarray` of shape `(n, 3)`, float32): of known, novel, none, in this order; they sum to one.
        nearest (`np.ndarray` of shape `(n,)`, int64): the most similar known relation of every row, whatever its kind.
        name_probabilities (`np.ndarray` of shape `(n,)`, float32): how probable `nearest` is the right one, if the row is of a known
            relation at all. The confidence in a name is `probabilities[:, 0] * name_probabilities`.
    """

    kinds: np.ndarray
    known: np.ndarray
    probabilities: np.ndarray
    nearest: np.ndarray
    name_probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.kinds)


class OpenWorldGate:
    """Tell known relations, novel relations and pairs without a relation apart.

    A row is compared with the mean of every known relation, in the main directions of the corpus; with the small groups that
    the corpus forms there; and with what separates pairs that have a relation from pairs of the same sentences that have none.
    A multinomial logistic regression over these four numbers gives the probabilities. It is fitted without any novel label: as
    known counts a labelled row beside the means of the other rows, as novel the same row with its relation taken away, as none
    a negative. So each known relation plays the novel one in turn.

    Rows must be the embeddings after whitening (where there is one) and *before* any PCA: what tells a pair without a relation
    from one that has one is lost in few dimensions. They are scaled to length one here.

    Args:
        prior (`Sequence[float]`, defaults to equal shares): how frequent known, novel and none are where the gate decides; three
            numbers of at least 0. Probabilities are calibrated for these shares.
        seed (`int`, defaults to 0): the one source of chance (k-means over the corpus).

    Attributes:
        relations (`list[str]`): names of the known relations; decisions number them from 0.
        rule_ (`str`): where the probabilities come from: `"learned"` on the rows given to `fit`; `"stored"`: taken over from `base`, as
            there were too few rows or no negatives; `"quantile"`: there was no `base` either, and a row is known where it is
            as near to a relation as nine in ten labelled rows are to their own. Only of the first two are the probabilities
            calibrated.
        detects_none_ (`bool`): whether rows can be called `"none"`: not without negatives or a `base` that had some.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import OpenWorldGate
    >>> generator = np.random.default_rng(0)
    >>> def rows(axis, number): return np.eye(12)[[axis] * number] + 0.1 * generator.normal(size=(number, 12))
    >>> known = np.concatenate([rows(0, 8), rows(1, 8), rows(2, 8), rows(3, 8)])
    >>> names = ["born in"] * 8 + ["capital"] * 8 + ["founder"] * 8 + ["spouse"] * 8
    >>> gate = OpenWorldGate().fit(known, names, negatives=rows(11, 20), corpus=rows(5, 30))
    >>> decision = gate.decide(np.concatenate([rows(1, 2), rows(5, 2), rows(11, 1)]))
    >>> decision.kinds.tolist(), decision.known.tolist()
    (['known', 'known', 'novel', 'novel', 'none'], [1, 1, -1, -1, -1])

    ```

    Reference: Scheirer et al., "Toward Open Set Recognition", IEEE TPAMI 2013 (the task); leaving whole classes out to set what is
    accepted: Shu et al., "DOC" and "Unseen Class Discovery in Open-world Classification", 2017 and 2018.
    """

    def __init__(self, *, prior: Sequence[float] = (1 / 3, 1 / 3, 1 / 3), seed: int = 0) -> None:
        shares = np.asarray(prior, dtype=np.float64) if len(prior) == len(KINDS) else np.full(1, np.nan)
        if not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
            raise UsageError(
                f"`prior` must be three numbers of at least 0 (shares of known, novel, none), not all 0, got {prior}."
            )
        self.prior = tuple(float(share) for share in shares / shares.sum())
        self.seed = seed
        self._parts: GateParts | None = None

    @property
    def relations(self) -> list[str]:
        return list(self._fitted.relations)

    @property
    def rule_(self) -> Rule:
        return self._fitted.rule

    @property
    def detects_none_(self) -> bool:
        return bool(np.isfinite(self._fitted.kinds.biases[2]))

    @property
    def _fitted(self) -> GateParts:
        if self._parts is None:
            raise UsageError("This gate is not fitted. Call `fit` with labelled rows first.")
        return self._parts

    def fit(
        self,
        vectors: Any,
        names: Sequence[str],
        *,
        relations: Sequence[str] | None = None,
        negatives: Any = None,
        negative_sources: Sequence[int] | None = None,
        corpus: Any = None,
        base: OpenWorldGate | None = None,
    ) -> OpenWorldGate:
        """Learn from labelled rows; the result is the same in any order of the rows.

        To learn the probabilities at least 3 relations with 2 rows or more are needed, 9 such rows in all, and negatives; else see
        `rule_`.

        Args:
            vectors (array-like of shape `(m, d)`): rows of known relations, see above; three to five a relation do.
            names (`Sequence[str]` of length `m`): their relations.
            relations (`Sequence[str]`, *optional*): the order of the relations; sorted by name by default.
            negatives (array-like of shape `(q, d)`, *optional*): pairs without a relation, best those of the same sentences, see
                [`~hf_relation.data.shuffled_pair_negatives`].
            negative_sources (`Sequence[int]` of length `q`, *optional*): the row that each negative was made from
                (`ShuffledPairs.sources`), a position in `vectors`; -1 for one from elsewhere. Without them a pair is judged by a
                detector that has seen another pair of its sentence, and the probabilities are worse.
            corpus (array-like of shape `(n, d)`, *optional*): unlabelled rows that are to be decided: their directions
                are looked at, too. Strongly advised.
            base ([`OpenWorldGate`], *optional*): a fitted gate of the same embeddings, such as a checkpoint's: its detector of
                pairs without a relation is used, and its regression where there are too few rows for one.

        Returns:
            [`OpenWorldGate`]: itself.

        Raises:
            UsageError: no rows, lengths or widths that do not fit, names that are not strings, or `relations` that lack a name.
            InvalidRowError: a row holds NaN or infinity.
        """
        rows = normalize_rows(check_matrix(vectors, name="vectors", min_rows=1))
        width = rows.shape[1]

        def checked(name: str, values: Any) -> np.ndarray:
            if values is None:
                return np.empty((0, width), dtype=np.float32)
            return normalize_rows(check_matrix(values, name=name, columns=width))

        order = check_relations(names, len(rows), relations)
        unrelated = checked("negatives", negatives)
        if base is not None and base._fitted.means.shape[1] != width:
            raise UsageError(f"`base` is for rows of {base._fitted.means.shape[1]} columns, `vectors` has {width}.")
        self._parts = fit_gate(
            rows,
            np.array([order.index(name) for name in names]),
            order,
            negatives=unrelated,
            sources=check_sources(negative_sources, len(unrelated), len(rows)),
            corpus=checked("corpus", corpus),
            base=None if base is None else base._fitted,
            seed=self.seed,
        )
        return self

    def adapt(self, corpus: Any, *, prior: Sequence[float] | None = None) -> OpenWorldGate:
        """The same gate for another corpus: relations, detector and regression stay, the directions and groups are the corpus'.

        Args:
            corpus (array-like of shape `(n, d)`): unlabelled rows that are to be decided; at least one.
            prior (`Sequence[float]`, *optional*): other shares of known, novel and none.

        Returns:
            [`OpenWorldGate`]: a new one.

        Raises:
            UsageError, InvalidRowError: as `fit`.
        """
        parts = self._fitted
        rows = normalize_rows(check_matrix(corpus, name="corpus", min_rows=1, columns=parts.means.shape[1]))
        adapted = OpenWorldGate(prior=self.prior if prior is None else prior, seed=self.seed)
        adapted._parts = parts.in_space(GateSpace.fit(rows, self.seed))
        return adapted

    def decide(self, vectors: Any) -> GateDecision:
        """Decide rows, each for itself.

        Args:
            vectors (array-like of shape `(n, d)`): rows as in `fit`; may be empty.

        Returns:
            [`GateDecision`].

        Raises:
            UsageError: not fitted, no space (a gate that was stored without one: call `adapt`), or another width.
            InvalidRowError: a row holds NaN or infinity.
        """
        parts = self._fitted
        if parts.space is None:
            raise UsageError(
                "This gate was stored without a space. Call `adapt(corpus)` with the rows to be decided first."
            )
        rows = check_matrix(vectors, name="vectors", columns=parts.means.shape[1])
        if not len(rows):
            empty = np.empty(0, dtype=np.int64)
            nothing = np.empty(0, dtype=np.float32)
            return GateDecision(np.empty(0, dtype="<U5"), empty, np.empty((0, 3), np.float32), empty, nothing)
        nearness = Nearness(parts.space, parts.means, parts.counts)

        def scores(distinct: np.ndarray) -> np.ndarray:
            unit = normalize_rows(distinct)
            cosines, group = nearness.cosines(unit)
            pair = None if parts.detector is None else parts.detector.score(unit)
            kinds = parts.kinds.probabilities(features(cosines, group, pair), self.prior)
            nearest = cosines.argmax(axis=1)
            names = softmax(cosines / parts.temperature, axis=1).max(axis=1)
            return np.column_stack([kinds, nearest, names])

        found = map_distinct_rows(scores, rows)
        kinds, nearest = found[:, :3].argmax(axis=1), found[:, 3].astype(np.int64)
        return GateDecision(
            kinds=np.array(KINDS)[kinds],
            known=np.where(kinds == 0, nearest, -1),
            probabilities=found[:, :3].astype(np.float32),
            nearest=nearest,
            name_probabilities=found[:, 4].astype(np.float32),
        )

    def get_state(
        self, *, dtype: Literal["float16", "float32"] = "float32", space: bool = True
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything in plain form, for JSON and safetensors.

        Args:
            dtype (`str`, defaults to `"float32"`): of the large arrays. `"float16"` is half as large, and moves probabilities in the
                third digit.
            space (`bool`, defaults to `True`): whether to keep the directions and groups of the corpus; without them the state
                is much smaller and must be `adapt`ed before it decides.

        Returns:
            `tuple`: a JSON-able dict and a dict of arrays.

        Raises:
            UsageError: not fitted, or another dtype.
        """
        if dtype not in ("float16", "float32"):
            raise UsageError(f'`dtype` must be "float16" or "float32", got {dtype!r}.')
        content, arrays = state_of_gate(self._fitted, dtype, space=space)
        return {**content, "prior": list(self.prior), "seed": int(self.seed)}, arrays

    @classmethod
    def from_state(cls, content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> OpenWorldGate:
        """Rebuild from what `get_state` gave. Every value is checked: it may come from anywhere.

        Args:
            content (`Mapping`): the JSON-able part.
            arrays (`Mapping[str, np.ndarray]`): the arrays.

        Returns:
            [`OpenWorldGate`]: fitted.

        Raises:
            CheckpointError: something is missing, damaged, or from a newer version.
        """
        settings, parts = gate_parts_of(content, arrays)
        gate = cls(**settings)
        gate._parts = parts
        return gate
