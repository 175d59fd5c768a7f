"""Matching known relations with an inventory: what is chosen on them, and how names are ranked."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hf_relation.discovery import DiscoveredRelation, InventoryMatcher, MatchWeights, relation_patterns
from hf_relation.discovery.keywords import relation_keywords
from hf_relation.discovery.matching import combined
from hf_relation.discovery.relation_texts import members_of


GROUP = 16  # relations side by side, as in the test set
TOPS = (1, 3, 5)
GRID: dict[str, tuple[float, ...]] = {
    "contrast": (0.0, 1.0),
    "tail": (0.5, 1.0, 1.5),
    "keywords": (0.0, 0.3, 0.6),
    "patterns": (0.0, 0.3, 0.6, 1.0),
    "words": (0.0, 0.06, 0.12, 0.24),
    "description": (0.0, 0.5, 1.0),
}
SHARPNESS = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0)
PARTS = ("context", "tail", "keywords", "patterns", "words")


class Remembering:
    """An encoder that encodes each text once."""

    def __init__(self, encode: Callable[[Sequence[str]], np.ndarray]) -> None:
        self.encode, self.known = encode, dict[str, np.ndarray]()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        new = sorted({text for text in texts if text not in self.known})
        self.known.update(zip(new, self.encode(new), strict=True))
        return np.stack([self.known[text] for text in texts])


@dataclasses.dataclass
class Group:
    """Relations side by side, and where the inventory has their right names.

    Args:
        relations: with keywords and patterns.
        members: texts by relation id.
        right: position in the inventory, for each relation.
    """

    relations: list[DiscoveredRelation]
    members: Mapping[int, Sequence[Mapping[str, str]]]
    right: np.ndarray


def perfect_clusters(instances: Sequence[Mapping[str, Any]], names: Sequence[str], places: Mapping[str, int]) -> Group:
    """The gold relations `names` as if they had been discovered."""
    numbers = {name: number for number, name in enumerate(names)}
    rows = [row for row in instances if row["relations"][0] in numbers]
    labels = np.array([numbers[row["relations"][0]] for row in rows])
    keywords, patterns = relation_keywords(rows, labels), relation_patterns(rows, labels)
    relations = [
        DiscoveredRelation(i, f"relation {i}", keywords[i], int((labels == i).sum()), 1.0, patterns=patterns[i])
        for i in range(len(names))
    ]
    return Group(relations, members_of(relations, rows, labels), np.array([places[name] for name in names]))


def groups_of(names: Sequence[str], size: int, groupings: int, seed: int) -> Iterator[list[str]]:
    """Random groups; what is left over of a grouping stays out of it."""
    for number in range(groupings):
        order = np.random.default_rng([seed, number]).permutation(len(names)).tolist()
        for start in range(0, len(names) - size + 1, size):
            yield [names[i] for i in order[start : start + size]]


def ranks_of(scores: np.ndarray, right: np.ndarray) -> list[int]:
    """How many names stand before the right one, as the candidates are ordered."""
    order = np.argsort(-scores.round(7), axis=1, kind="stable")
    return [int(np.flatnonzero(row == place)[0]) for row, place in zip(order, right, strict=True)]


def figures(ranks: Sequence[int]) -> dict[str, float]:
    values = np.array(ranks)
    found = {f"top_{top}": float((values < top).mean()) for top in TOPS}
    return found | {"mean_reciprocal_rank": float((1 / (values + 1)).mean())}


def choose(matcher: InventoryMatcher, groups: Sequence[Group]) -> tuple[MatchWeights, list[dict[str, Any]]]:
    """The weights of the grid with the highest mean reciprocal rank (of equal ones the first), and the figures of all."""
    rows = []
    for contrast in GRID["contrast"]:
        matcher.weights = MatchWeights(contrast=contrast)
        parts = [matcher.parts(group.relations, group.members) for group in groups]
        others = [name for name in GRID if name != "contrast"]
        for values in itertools.product(*(GRID[name] for name in others)):
            weights = MatchWeights(contrast=contrast, **dict(zip(others, values, strict=True)))
            ranks = [
                rank
                for group, part in zip(groups, parts, strict=True)
                for rank in ranks_of(combined(part, weights), group.right)
            ]
            rows.append({"weights": dataclasses.asdict(weights)} | figures(ranks))
    best = MatchWeights(**max(rows, key=lambda row: row["mean_reciprocal_rank"])["weights"])
    matcher.weights = best
    parts = [matcher.parts(group.relations, group.members) for group in groups]

    def surprise(sharpness: float) -> float:
        weights = dataclasses.replace(best, sharpness=sharpness)
        scores = [combined(part, weights)[range(len(g.right)), g.right] for g, part in zip(groups, parts, strict=True)]
        return float(-np.log(np.maximum(np.concatenate(scores), 1e-300)).mean())

    return dataclasses.replace(best, sharpness=min(SHARPNESS, key=surprise)), rows


def ablations(best: MatchWeights) -> dict[str, MatchWeights]:
    """The chosen weights with something left out."""
    found = {"chosen": best}
    for part in PARTS:
        others = {other: 0.0 for other in PARTS if other != part}
        found[f"{part} alone"] = dataclasses.replace(best, **others, **{part: 1.0})
        found[f"without {part}"] = dataclasses.replace(best, **{part: 0.0})
    found["names without descriptions"] = dataclasses.replace(best, description=0.0)
    found["common mean not taken away"] = dataclasses.replace(best, contrast=0.0)
    return found


def known_figures(
    matcher: InventoryMatcher, groups: Sequence[Group], variants: Mapping[str, MatchWeights]
) -> dict[str, dict[str, float]]:
    found = {}
    for name, weights in variants.items():
        matcher.weights = weights
        ranks = []
        for group in groups:
            scores = combined(matcher.parts(group.relations, group.members), weights)
            ranks += ranks_of(scores, group.right)
        found[name] = figures(ranks)
    return found


def with_fewer_hubs(scores: np.ndarray, share: float, nearest: int = 3) -> np.ndarray:
    """Names that several of the relations are like count less (CSLS): a share of the mean logarithm of the three highest scores of
    a name is taken away."""
    logits = np.log(np.maximum(scores, 1e-300))
    return logits - share * np.sort(logits, axis=0)[-nearest:].mean(axis=0)
