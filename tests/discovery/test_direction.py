from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hf_relation.discovery import InversePair, TypeSignature, inverse_pairs, type_signatures
from hf_relation.errors import UsageError
from tests.common.tiny_tokenizers import make_instance


Row = tuple[str, str, str, int]


def corpus(*rows: Row, types: dict[int, tuple[str, str]] | None = None) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Instances from (first mention, words, second mention, relation); a `*` marks the head, else it stands first."""
    instances = []
    for number, (first, words, second, relation) in enumerate(rows):
        head_last = second.startswith("*")
        tags = ("t", "h") if head_last else ("h", "t")
        marked = f"<{tags[0]}>{first}</{tags[0]}> {words} <{tags[1]}>{second.lstrip('*')}</{tags[1]}>"
        head_type, tail_type = (types or {}).get(relation, (None, None))
        instances.append(make_instance(marked, id=str(number), head_type=head_type, tail_type=tail_type))
    return instances, np.array([row[-1] for row in rows])


NOISE: list[Row] = [("Kim", "visited", "Oslo", 2), ("Lee", "visited", "Rome", 2), ("Max", "visited", "Lima", 2)]
# The same four pairs of entities, changed over, in other words; relation 1 has one pair more.
SWAPPED_PAIRS: list[Row] = [
    *(
        (person, "wrote", book, 0)
        for person, book in (("Eva", "Waves"), ("Ian", "Roots"), ("Ola", "Salt"), ("Uma", "Dust"))
    ),
    *(
        (book, "is by", person, 1)
        for person, book in (("eva", "WAVES"), ("Ian", "Roots"), ("Ola", "Salt"), ("Bo", "Ash"))
    ),
]
# Other entities, the same words with X and Y changed over: "X founded Y" and "Y founded X".
SWAPPED_PATTERNS: list[Row] = [
    *((f"Ann {i}", "founded", f"Firm {i}", 0) for i in "abcd"),
    *((f"Ben {i}", "founded", f"*Shop {i}", 1) for i in "abcd"),
]


def test_entity_pairs_the_other_way_round_are_inverses() -> None:
    # Three of four pairs (names in any case) are in both: 3/4, times 3/4 because three pairs are few.
    (found,) = inverse_pairs(*corpus(*SWAPPED_PAIRS, *NOISE))
    assert found == InversePair(0, 1, pytest.approx(9 / 16), pytest.approx(9 / 16), 0.0, None)
    assert inverse_pairs(*corpus(*SWAPPED_PAIRS, *NOISE), threshold=0.6) == []


def test_one_entity_pair_is_chance() -> None:
    rows = [("Eva", "wrote", "Waves", 0), ("Waves", "is by", "Eva", 1)]
    assert inverse_pairs(*corpus(*rows), threshold=0.01) == []


def test_patterns_with_x_and_y_changed_over_are_inverses() -> None:
    # All patterns agree: cosine 1, times 4/5 because they rest on four instances.
    (found,) = inverse_pairs(*corpus(*SWAPPED_PATTERNS, *NOISE))
    assert found == InversePair(0, 1, pytest.approx(0.8), 0.0, pytest.approx(0.8), None)


def test_types_that_do_not_mirror_rule_it_out_and_those_that_do_are_reported() -> None:
    rows = [*SWAPPED_PATTERNS, *NOISE]
    mirrored = {0: ("PERSON", "FIRM"), 1: ("FIRM", "PERSON")}
    (found,) = inverse_pairs(*corpus(*rows, types=mirrored))
    assert (found.inverse, found.score, found.mirrored_types) == (1, pytest.approx(0.8), 1.0)
    same = {0: ("PERSON", "FIRM"), 1: ("PERSON", "FIRM")}
    assert inverse_pairs(*corpus(*rows, types=same), threshold=0.01) == []


def test_both_kinds_of_evidence_add_up() -> None:
    # e = 2/4 * 2/3 = 1/3 and p = 4/5: 1 - (2/3 * 1/5).
    rows = [
        row if i > 1 else (f"Shop {'ab'[i]}", "founded", f"Ben {'ab'[i]}", 0) for i, row in enumerate(SWAPPED_PATTERNS)
    ]
    # Relation 1 has Ben as tail and Shop as head, too: the same way round, so no evidence. Changed over:
    assert inverse_pairs(*corpus(*rows, *NOISE))[0].swapped_pairs == 0.0
    rows = [
        row if i > 1 else (f"Ben {'ab'[i]}", "founded", f"Shop {'ab'[i]}", 0) for i, row in enumerate(SWAPPED_PATTERNS)
    ]
    (found,) = inverse_pairs(*corpus(*rows, *NOISE))
    assert found.score == pytest.approx(1 - 2 / 3 / 5, abs=1e-6)


def test_a_symmetric_relation_is_its_own_inverse() -> None:
    rows: list[Row] = [
        *((f"Ann {i}", "married", f"Bo {i}", 0) for i in "abcd"),
        *((f"Cy {i}", "married", f"*Di {i}", 0) for i in "abcd"),
    ]
    (found,) = inverse_pairs(*corpus(*rows, *NOISE))
    assert (found.relation, found.inverse, found.score) == (0, 0, pytest.approx(0.8))
    people = {0: ("PERSON", "PERSON")}
    assert inverse_pairs(*corpus(*rows, *NOISE, types=people))[0].mirrored_types == 1.0
    # A relation between things of two kinds cannot be symmetric, however its directions are mixed up.
    assert inverse_pairs(*corpus(*rows, *NOISE, types={0: ("PERSON", "FIRM")}), threshold=0.01) == []


def test_a_symmetric_relation_is_found_by_its_pairs() -> None:
    # Two of three pairs stand both ways: four of five directed pairs, times 2/3.
    rows: list[Row] = [
        (a, words, b, 0)
        for a, words, b in (
            ("A1", "of", "B1"),
            ("B1", "for", "A1"),
            ("A2", "to", "B2"),
            ("B2", "at", "A2"),
            ("A3", "by", "B3"),
        )
    ]
    (found,) = inverse_pairs(*corpus(*rows, *NOISE))
    assert (found.inverse, found.swapped_pairs) == (0, pytest.approx(4 / 5 * 2 / 3))


def test_two_halves_of_one_relation_are_no_inverses() -> None:
    # Both relations hold both directions alike: each is symmetric, and neither the inverse of the other.
    rows: list[Row] = [(f"P{r}{i}", "married", f"{'*' if i % 2 else ''}Q{r}{i}", r) for r in (0, 1) for i in range(8)]
    found = inverse_pairs(*corpus(*rows, *NOISE))
    assert [(pair.relation, pair.inverse) for pair in found] == [(0, 0), (1, 1)]


def test_strangers_and_the_same_direction_are_not_inverses() -> None:
    rows: list[Row] = [
        *((f"Ann {i}", "founded", f"Firm {i}", 0) for i in "abcd"),
        *((f"Ben {i}", "founded", f"Shop {i}", 1) for i in "abcd"),
    ]
    assert inverse_pairs(*corpus(*rows, *NOISE), threshold=0.01) == []
    # Words without content stand between any two mentions.
    commas: list[Row] = [(f"A{i}", ", the", f"B{i}", 0) for i in range(4)] + [
        (f"C{i}", ", the", f"*D{i}", 1) for i in range(4)
    ]
    assert inverse_pairs(*corpus(*commas, *NOISE), threshold=0.01) == []


def test_every_relation_has_one_inverse_at_most_and_row_order_does_not_matter() -> None:
    rows = [*SWAPPED_PATTERNS, *((f"Cy {i}", "founded", f"*Mill {i}", 3) for i in "abcd"), *NOISE]
    instances, labels = corpus(*rows)
    found = inverse_pairs(instances, labels)
    used = [id_ for pair in found for id_ in {pair.relation, pair.inverse}]
    assert len(found) == 1 and len(used) == len(set(used))
    order = np.random.default_rng(0).permutation(len(rows))
    assert inverse_pairs([instances[i] for i in order], labels[order]) == found


def test_rows_left_out_do_not_count_and_nothing_is_no_pair() -> None:
    instances, labels = corpus(*SWAPPED_PATTERNS)
    assert inverse_pairs(instances, np.where(labels == 1, -1, labels)) == []
    assert inverse_pairs([], np.array([], dtype=int)) == []


@pytest.mark.parametrize("threshold", [0, -1, 1.1, float("nan"), True, "0.5"])
def test_a_threshold_out_of_range_is_refused(threshold: Any) -> None:
    with pytest.raises(UsageError, match="threshold"):
        inverse_pairs(*corpus(*NOISE), threshold=threshold)


def test_signatures_are_the_most_frequent_types_and_their_share_of_all() -> None:
    typed = [
        ("PERSON", "PLACE"),
        ("PERSON", "FIRM"),
        ("PERSON", "PLACE"),
        ("PERSON", None),
        (None, None),
        ("B", "C"),
        ("A", "C"),
    ]
    rows = [make_instance("<h>A</h> met <t>B</t>", head_type=head, tail_type=tail) for head, tail in typed]
    labels = np.array([0, 0, 0, 0, 1, 2, 2])
    assert type_signatures(rows, labels) == [TypeSignature("PERSON", "PLACE", 0.5), None, TypeSignature("A", "C", 0.5)]
    assert str(TypeSignature("PERSON", "PLACE", 0.5)) == "PERSON -> PLACE"
