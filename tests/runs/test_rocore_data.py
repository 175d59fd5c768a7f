"""Which known relations, how many of their instances, and whose text is unlabelled."""

from collections import Counter

import pytest

from hf_relation.data import write_jsonl
from hf_relation.errors import UsageError
from hf_relation.runs.rocore_arguments import RoCOREArguments
from hf_relation.runs.rocore_data import choose_relations, keep_fraction, load_data, spread_evenly, take_per_relation


def rows_of(**sizes):
    return [
        {
            "id": f"{name}{i}",
            "text": f"{name} {i} is here.",
            "head": {"start": 0, "end": 1},
            "tail": {"start": 2, "end": 3},
        }
        | {"relations": [name]}
        for name, size in sizes.items()
        for i in range(size)
    ]


def sizes(rows):
    return dict(Counter(row["relations"][0] for row in rows))


@pytest.mark.parametrize(
    "total, expected",
    [
        (9, {"a": 3, "b": 3, "c": 3}),
        (12, {"a": 5, "b": 4, "c": 3}),  # c has three
        (10, {"a": 4, "b": 3, "c": 3}),
        (100, {"a": 10, "b": 6, "c": 3}),
    ],
)
def test_a_total_is_spread_evenly_and_small_relations_give_what_they_have(total, expected):
    found = spread_evenly(rows_of(a=10, b=6, c=3), total, seed=1)
    assert sum(sizes(found).values()) == min(total, 19)
    assert sorted(sizes(found).values()) == sorted(expected.values()) and sizes(found)["c"] == 3
    order = [row["id"] for row in rows_of(a=10, b=6, c=3)]
    assert [row["id"] for row in found] == sorted((row["id"] for row in found), key=order.index)


def test_40_and_64_relations_can_have_the_same_total():
    rows = rows_of(**{f"r{i:02}": 20 for i in range(64)})
    for number in (40, 64):
        found = spread_evenly(choose_relations(rows, number, seed=3), 320)
        assert len(found) == 320 and len(sizes(found)) == number
    assert sizes(choose_relations(rows, 40, seed=3)) == sizes(choose_relations(rows[::-1], 40, seed=3))
    with pytest.raises(UsageError, match="`num_known_relations` is 65, but there are 64"):
        choose_relations(rows, 65)


def test_fractions_are_of_every_relation_and_nested():
    rows = rows_of(a=10, b=4, c=1)
    small, large = keep_fraction(rows, 0.25), keep_fraction(rows, 0.5)
    assert sizes(small) == {"a": 2, "b": 1, "c": 1} and sizes(large) == {"a": 5, "b": 2, "c": 1}
    assert {row["id"] for row in small} <= {row["id"] for row in large}


def test_a_test_of_known_relations_is_taken_out():
    taken, left = take_per_relation(rows_of(a=5, b=3), 2)
    assert sizes(taken) == {"a": 2, "b": 2} and sizes(left) == {"a": 3, "b": 1}
    assert not {row["id"] for row in taken} & {row["id"] for row in left}
    with pytest.raises(UsageError, match=r"is 3, but relation 'b' has 3 instance\(s\)"):
        take_per_relation(rows_of(a=5, b=3), 3)


@pytest.fixture
def files(tmp_path):
    write_jsonl(tmp_path / "known.jsonl", rows_of(a=8, b=8, c=8, d=8))
    write_jsonl(tmp_path / "novel.jsonl", rows_of(x=4, y=4))
    write_jsonl(tmp_path / "texts.jsonl", [row | {"text": row["text"] + " So."} for row in rows_of(x=5, y=5)])
    return tmp_path


def arguments(files, **settings):
    given = {
        "dataset": "jsonl",
        "train_file": [str(files / "known.jsonl")],
        "test_file": str(files / "novel.jsonl"),
        "unlabeled_file": str(files / "texts.jsonl"),
        "held_out_relations": 0,
    }
    return RoCOREArguments(**(given | settings))


def test_the_parts_of_a_run(files):
    data, known_test = load_data(
        arguments(files, num_known_relations=3, known_test_per_relation=2, max_train_instances=12, label_fraction=0.5)
    )
    assert len(data.known_relations) == 3 and sizes(known_test) == dict.fromkeys(data.known_relations, 2)
    assert sizes(data.train) == dict.fromkeys(data.known_relations, 2)  # 6 are left of 8, 4 of these 12, half of them
    assert len(data.unlabeled) == 10 and len(data.test) == 8
    assert data.counts["train"] == 6 and data.counts["known_test"] == 6


def test_held_out_relations_play_the_novel_ones_and_the_test_is_not_there(files):
    script = arguments(
        files, novel="held-out", held_out_relations=2, validation_per_relation=3, max_unlabeled_instances=7
    )
    data, _ = load_data(script)
    assert len(data.known_relations) == 2 and len(data.novel_relations) == 2
    assert {*data.known_relations, *data.novel_relations} == {"a", "b", "c", "d"}
    assert sizes(data.test) == dict.fromkeys(data.novel_relations, 3)
    assert len(data.unlabeled) == 7 == data.counts["unlabeled"]
    assert {row["relations"][0] for row in data.unlabeled} <= set(data.novel_relations)
    assert not {row["id"] for row in data.unlabeled} & {row["id"] for row in (*data.train, *data.test)}


def test_without_unlabelled_text_it_says_what_to_give(files):
    with pytest.raises(UsageError, match="There is no unlabelled text.*--unlabeled_file with other sentences, or"):
        load_data(arguments(files, unlabeled_file=None))


def test_unlabelled_text_that_is_the_test_is_said_to_be(files):
    settings = arguments(files)
    with pytest.raises(UsageError, match="no unlabelled text left: all 8 sentences of it are in the test, and"):
        load_data(arguments(files, unlabeled_file=settings.test_file))
