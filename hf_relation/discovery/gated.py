"""Labels of rows where some relations are known: the gate decides first, the prototypes place what is novel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hf_relation.discovery.known import NONE, NOVEL
from hf_relation.discovery.open_world import OpenWorldGate
from hf_relation.discovery.prototypes import PrototypeTree


@dataclass
class Gated:
    """What the gate of known relations says of the corpus.

    Args:
        gate ([`~hf_relation.discovery.OpenWorldGate`]): its relations are those of ids 0 to k - 1.
        decided (`np.ndarray` of shape `(n,)`, int64): the id of a known relation, -1 (no relation) or -2 (novel).
        probabilities (`np.ndarray` of shape `(n, 4)`, float32): of known, novel and none, and of the known name if known.
    """

    gate: OpenWorldGate
    decided: np.ndarray
    probabilities: np.ndarray

    def decide(self, rows: np.ndarray) -> Gated:
        """The same for other rows.

        Args:
            rows (`np.ndarray` of shape `(n, d)`): whitened embeddings.
        """
        return gated(self.gate, rows)

    def rows(self, positions: np.ndarray) -> Gated:
        """The same for some of the rows."""
        return Gated(self.gate, self.decided[positions], self.probabilities[positions])

    def joined(self, other: Gated) -> Gated:
        """Both corpora, one behind the other."""
        return Gated(
            self.gate,
            np.concatenate([self.decided, other.decided]),
            np.concatenate([self.probabilities, other.probabilities]),
        )


def gated(gate: OpenWorldGate, rows: np.ndarray) -> Gated:
    """Let a gate decide whitened rows."""
    decision = gate.decide(rows)
    decided = np.where(decision.kinds == "known", decision.known, np.where(decision.kinds == "none", NONE, NOVEL))
    return Gated(
        gate, decided.astype(np.int64), np.column_stack([decision.probabilities, decision.name_probabilities])
    )


@dataclass
class Placed:
    """Labels and what comes with them, of any rows.

    Args:
        labels (`np.ndarray` of shape `(n,)`, int64): relation ids, or -1.
        scores (`np.ndarray` of shape `(n,)`, float32): see [`~hf_relation.discovery.DiscoveryResult`].
        vectors (`np.ndarray` of shape `(n, p)`, float32): what they were found by.
        gated ([`Gated`], *optional*): of these rows, where relations are known.
    """

    labels: np.ndarray
    scores: np.ndarray
    vectors: np.ndarray
    gated: Gated | None = None


def labels_by(tree: PrototypeTree, vectors: np.ndarray, found: Gated | None) -> np.ndarray:
    """Labels of vectors: what the gate decided, and of novel rows what the tree says.

    Args:
        tree ([`PrototypeTree`]): of the novel relations.
        vectors (`np.ndarray` of shape `(n, p)`): as from the steps.
        found ([`Gated`], *optional*): of these rows.

    Returns:
        `np.ndarray` of shape `(n,)`, int64.
    """
    if found is None:
        return tree.assign(vectors)
    labels = found.decided.copy()
    novel = labels == NOVEL
    labels[novel] = tree.assign(vectors[novel])
    return labels
