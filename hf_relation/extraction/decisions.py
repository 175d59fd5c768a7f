"""From scores of pairs to the triples that are given out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import expit

from hf_relation.data.candidates import nearest_mentions
from hf_relation.data.schema import Document
from hf_relation.errors import UsageError
from hf_relation.extraction.calibration import Calibration
from hf_relation.extraction.scoring import PairScores
from hf_relation.extraction.symmetry import ScoredTriple, SymmetricRelations
from hf_relation.extraction.thresholds import Thresholds
from hf_relation.extraction.type_constraints import TypeConstraints


@dataclass(frozen=True)
class DecisionRules:
    """What decides which scores become triples.

    Args:
        thresholds ([`Thresholds`]): from which probability on a relation is given out.
        calibration ([`Calibration`], *optional*): makes probabilities of log-odds; by default the model's own.
        type_constraints ([`TypeConstraints`], *optional*): which types of head and tail a relation joins.
        symmetric ([`SymmetricRelations`], *optional*): relations that are given out once.
        top_k (`int`, *optional*): at most so many relations of an ordered pair, the surest.
        reflexive_pairs (`bool`, defaults to `False`): judge the pair of every entity with itself too, for relations whose
            head and tail may be equal.

    Raises:
        UsageError: `top_k` or `reflexive_pairs` has a value that is not allowed.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    calibration: Calibration | None = None
    type_constraints: TypeConstraints | None = None
    symmetric: SymmetricRelations | None = None
    top_k: int | None = None
    reflexive_pairs: bool = False

    def __post_init__(self) -> None:
        if self.top_k is not None and (
            isinstance(self.top_k, bool) or not isinstance(self.top_k, int) or self.top_k < 1
        ):
            raise UsageError(f"`top_k` must be an integer of at least 1, got {self.top_k!r}.")
        if not isinstance(self.reflexive_pairs, bool):
            raise UsageError(f"`reflexive_pairs` must be true or false, got {self.reflexive_pairs!r}.")

    def check(self, relations: Sequence[str]) -> None:
        """Refuse rules for relations that do not exist; types may be known of more relations than the model has.

        Args:
            relations (`Sequence[str]`): names of all relations, those of the model.

        Raises:
            UsageError: a threshold or declaration is for none of them, or the calibration has another number of relations.
        """
        unknown = [name for name in self.thresholds.per_relation if name not in relations]
        if unknown:
            shown = ", ".join(map(repr, relations[:20])) + (", ..." if len(relations) > 20 else "")
            raise UsageError(f"{unknown[0][:80]!r} has a threshold, but is no relation. There are {shown}.")
        if self.symmetric is not None:
            self.symmetric.check(relations)
        curves = None if self.calibration is None else self.calibration.relations
        if curves is not None and len(curves) != len(relations):
            raise UsageError(f"The calibration is for {len(curves)} relations, and the model has {len(relations)}.")

    def with_threshold(self, threshold: float | Mapping[str, float] | None) -> DecisionRules:
        """The same rules with another threshold for all relations, or for those named.

        Args:
            threshold (`float` or `Mapping[str, float]`, *optional*): in [0, 1]; `None` for the same rules.
        """
        if threshold is None:
            return self
        if isinstance(threshold, Mapping):
            merged = {**self.thresholds.per_relation, **threshold}
            return replace(self, thresholds=Thresholds(self.thresholds.value, merged))
        return replace(self, thresholds=Thresholds(threshold))

    def probabilities(self, scores: PairScores, document: Document, relations: Sequence[str]) -> np.ndarray:
        """The probability of every relation of every pair, 0 where the types do not allow it.

        Args:
            scores ([`PairScores`]): of the document.
            document (`Document`): in normal form.
            relations (`Sequence[str]`): names of the columns.

        Returns:
            `np.ndarray` of shape `(pairs, relations)`, float64.
        """
        if not len(scores.pairs):
            return np.zeros((0, len(relations)))
        found = expit(scores.logits.astype(np.float64))
        if self.calibration is not None:
            found = self.calibration.transform(scores.logits)
        if self.type_constraints is not None:
            types = [entity["type"] for entity in document["entities"]]
            heads, tails = ([types[pair[side]] for pair in scores.pairs] for side in (0, 1))
            found = np.where(self.type_constraints.mask(heads, tails, relations), found, 0.0)
        return found


def decide(
    document: Document, scores: PairScores, relations: Sequence[str], rules: DecisionRules, *, keep_none: bool = False
) -> list[dict[str, Any]]:
    """Choose the triples of a document.

    Args:
        document (`Document`): in normal form.
        scores ([`PairScores`]): of its candidate pairs.
        relations (`Sequence[str]`): names of the columns.
        rules ([`DecisionRules`]): what decides.
        keep_none (`bool`, defaults to `False`): give out pairs without a relation too, with `relation` `None` and, as score,
            one minus the highest probability. A pair whose relation is given out in the other direction (symmetric, or the
            second of two inverses) is not one of them.

    Returns:
        `list[dict]`: by head, tail and falling score: `head` and `tail` (`entity`, a position in the document's `entities`,
        and the mention that was judged: `start`, `end`, `text`, `type`), `relation`, `score` in [0, 1], and `symmetric` where
        the relation is declared so.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.data import EntitySpan, document_of_spans
    >>> from hf_relation.extraction import DecisionRules, PairScores, decide
    >>> document = document_of_spans("Ada met Bob.", [EntitySpan(0, 3), EntitySpan(8, 11)])
    >>> scores = PairScores([(0, 1), (1, 0)], np.array([[2.0, -3.0], [-2.0, -3.0]]))
    >>> for triple in decide(document, scores, ["met", "owns"], DecisionRules()):
    ...     print(triple["head"]["text"], triple["relation"], triple["tail"]["text"], round(triple["score"], 2))
    Ada met Bob 0.88

    ```
    """
    probabilities = rules.probabilities(scores, document, relations)
    chosen = (
        rules.thresholds.apply(probabilities, relations) & (probabilities > 0)
        if len(probabilities)
        else np.zeros_like(probabilities, dtype=bool)
    )
    found = [
        (head, relations[column], tail, float(row[column]))
        for (head, tail), row, kept in zip(scores.pairs, probabilities, chosen, strict=True)
        for column in np.flatnonzero(kept).tolist()
    ]
    symmetric = rules.symmetric or SymmetricRelations()
    positions = [min(document["mentions"][m]["start"] for m in entity["mentions"]) for entity in document["entities"]]
    of_pair: dict[tuple[int, int], list[ScoredTriple]] = {}
    for triple in symmetric.merge(found, positions):
        of_pair.setdefault((triple.head, triple.tail), []).append(triple)
    number = {name: column for column, name in enumerate(relations)}
    triples = []
    for pair in sorted(of_pair):
        surest = sorted(of_pair[pair], key=lambda triple: (-triple.score, number.get(triple.relation, len(number))))[
            : rules.top_k
        ]
        triples += [
            _triple(document, *pair, triple.relation, triple.score)
            | ({"symmetric": True} if triple.relation in symmetric.symmetric else {})
            for triple in surest
        ]
    if keep_none:
        # What is said in one direction, of a relation that is declared so, is said of both.
        related = {(head, tail) for head, _, tail, _ in found} | set(of_pair)
        related |= {(tail, head) for head, relation, tail, _ in found if relation in symmetric.relations}
        for pair, of_none in zip(scores.pairs, probabilities, strict=True):
            if pair not in related:
                triples.append(_triple(document, *pair, None, float(1 - of_none.max(initial=0.0))))
        triples.sort(key=lambda triple: (triple["head"]["entity"], triple["tail"]["entity"]))  # stable
    return triples


def _triple(document: Document, head: int, tail: int, relation: str | None, score: float) -> dict[str, Any]:
    sides = []
    for entity, mention in zip((head, tail), nearest_mentions(document, head, tail), strict=True):
        span = document["mentions"][mention]
        sides.append(
            {
                "entity": entity,
                "start": span["start"],
                "end": span["end"],
                "text": document["text"][span["start"] : span["end"]],
                "type": document["entities"][entity]["type"],
            }
        )
    return {"head": sides[0], "relation": relation, "tail": sides[1], "score": score}
