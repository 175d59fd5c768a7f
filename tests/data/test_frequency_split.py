"""Splits by how often a relation occurs."""

from __future__ import annotations

import pytest

from hf_relation.data import overlap, split_by_frequency
from hf_relation.errors import UsageError


SIZES = {"a": 12, "b": 9, "c": 5, "d": 4, "e": 3, "f": 3, "g": 2, "h": 1}


def corpus(sizes=SIZES):
    """Rows of the relations in turn, so that order and relation have nothing to do with one another."""
    rows = []
    for i in range(max(sizes.values())):
        rows += [{"id": f"{name}{i}", "text": f"{name} {i}", "relations": [name]} for name in sizes if i < sizes[name]]
    return rows


def relations(rows):
    return {name for row in rows for name in row["relations"]}


def ids(rows):
    return [row["id"] for row in rows]


def test_middling_relations_are_novel_and_the_ends_are_included():
    split = split_by_frequency(corpus(), least=3, most=5)
    assert relations(split.train) == {"a", "b", "g", "h"}
    assert relations(split.validation) | relations(split.test) == {"c", "d", "e", "f"}
    assert len(relations(split.validation)) == len(relations(split.test)) == 2
    assert not relations(split.validation) & relations(split.test)


def test_every_row_is_in_one_part_and_in_order():
    rows = corpus()
    split = split_by_frequency(rows, least=3, most=5)
    position = {row["id"]: i for i, row in enumerate(rows)}
    for part in (split.train, split.validation, split.test):
        assert [position[name] for name in ids(part)] == sorted(position[name] for name in ids(part))
    assert sorted(ids(split.train) + ids(split.validation) + ids(split.test)) == sorted(position)
    assert (split.counts["read"], split.counts["train"]) == (39, 12 + 9 + 2 + 1)
    assert split.counts["validation"] + split.counts["test"] == 5 + 4 + 3 + 3
    assert split.counts["train_relations"] == 4


def test_the_published_recipe():
    # Of NYT+FB's 262 relations 72 are novel: 36 for validation, 36 for test, and 190 for training.
    sizes = {f"common {i}": 2001 for i in range(2)}
    sizes |= {"upper end": 2000, "lower end": 20} | {f"novel {i}": 21 for i in range(70)}
    sizes |= {f"rare {i}": 19 - i % 19 for i in range(188)}
    rows = [{"id": name, "text": name, "relations": [name]} for name, size in sizes.items() for _ in range(size)]
    counts = split_by_frequency(rows).counts
    assert [counts[f"{part}_relations"] for part in ("train", "validation", "test")] == [190, 36, 36]


def test_an_odd_number_of_novel_relations_gives_the_test_one_more():
    split = split_by_frequency(corpus(), least=3, most=9)
    assert (len(relations(split.validation)), len(relations(split.test))) == (2, 3)


def test_the_halves_depend_on_the_seed_and_not_on_the_order():
    rows = corpus()
    first = split_by_frequency(rows, least=3, most=5, seed=3)
    backwards = split_by_frequency(iter(rows[::-1]), least=3, most=5, seed=3)
    assert relations(first.validation) == relations(backwards.validation)
    assert sorted(ids(first.test)) == sorted(ids(backwards.test))
    halves = {frozenset(relations(split_by_frequency(rows, least=3, most=5, seed=seed).test)) for seed in range(9)}
    assert len(halves) > 2


def test_rows_without_a_single_relation_are_counted_and_never_novel():
    extra = [
        {"id": "none", "text": "none", "relations": []},
        {"id": "two known", "text": "two known", "relations": ["a", "b"]},
        {"id": "known and novel", "text": "known and novel", "relations": ["a", "c"]},
        {"id": "two novel", "text": "two novel", "relations": ["d", "c"]},
    ]
    plain = split_by_frequency(corpus(), least=3, most=5)
    split = split_by_frequency([*corpus(), *extra], least=3, most=5)
    assert (split.validation, split.test) == (plain.validation, plain.test)
    assert ids(split.train) == [*ids(plain.train), "none", "two known"]
    assert split.counts["without_single_relation"] == 4
    assert split.counts["dropped_with_novel_relation"] == 2
    assert (
        split.counts["read"]
        == 43
        == split.counts["dropped_with_novel_relation"]
        + sum(split.counts[part] for part in ("train", "validation", "test"))
    )


def test_several_relations_do_not_add_to_a_frequency():
    doubled = [{"id": f"x{i}", "text": f"x{i}", "relations": ["g", "a"]} for i in range(5)]  # g: 2 rows of its own
    assert "g" in relations(split_by_frequency([*corpus(), *doubled], least=3, most=5).train)


def test_shared_sentences_are_counted():
    rows = corpus()
    split = split_by_frequency(rows, least=3, most=5)
    assert split.counts["train_sentence_in_novel"] == split.counts["validation_sentence_in_test"] == 0
    novel, known = split.test[0], split.train[0]
    rows[rows.index(known)] = known | {"text": novel["text"].upper() + " ."}
    rows[rows.index(split.validation[0])] = split.validation[0] | {"text": novel["text"]}
    rows[rows.index(novel)] = novel | {"text": novel["text"] + "."}
    counts = split_by_frequency(rows, least=3, most=5).counts
    assert counts["train_sentence_in_novel"] == 1
    assert counts["validation_sentence_in_test"] == 0  # without the full stop it is another sentence


def test_the_authors_code_halves_instances_of_the_same_relations():
    rows = corpus()
    split = split_by_frequency(rows, least=3, most=5, overlapping=True)
    assert relations(split.validation) == relations(split.test) == {"c", "d", "e", "f"}
    sizes = {name: sum(row["relations"] == [name] for row in split.validation) for name in "cdef"}
    assert sizes == {"c": 2, "d": 2, "e": 1, "f": 1}
    assert not set(ids(split.validation)) & set(ids(split.test))
    assert sorted(ids(split.train) + ids(split.validation) + ids(split.test)) == sorted(ids(rows))
    assert overlap(split.validation, split.test) == 0
    again = split_by_frequency(rows, least=3, most=5, overlapping=True, seed=1)
    assert ids(again.validation) != ids(split.validation)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"least": 6, "most": 5}, "least=6 and most=5"),
        ({"least": 0, "most": 5}, "`least` must be at least 1"),
        (
            {"least": 4, "most": 5},
            r"2 of 8 relation\(s\), of 1 to 12 instances each, have from 4 to 5 .*at least 4 such",
        ),
        ({"least": 6, "most": 8, "overlapping": True}, "at least 2 such"),
        ({"least": 2, "most": 12}, r"and 2 others \(there are 1\) to train on"),
        ({}, "0 of 8"),
    ],
)
def test_what_cannot_be_split_is_an_error_with_the_numbers(arguments, said):
    with pytest.raises(UsageError, match=said):
        split_by_frequency(corpus(), **arguments)


def test_nothing_at_all():
    with pytest.raises(UsageError, match=r"0 of 0 relation\(s\) have"):
        split_by_frequency([])


def test_two_novel_relations_are_enough_for_the_authors_code():
    split = split_by_frequency(corpus(), least=4, most=5, overlapping=True)
    assert relations(split.test) == {"c", "d"}
