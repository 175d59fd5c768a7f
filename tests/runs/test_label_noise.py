import pytest

from hf_relation.errors import UsageError
from hf_relation.runs.label_noise import add_label_noise
from hf_relation.training import prepare_data


def data_of(sizes, novel=()):
    def row(name, number):
        return {
            "id": f"{name}{number}",
            "text": f"Ada {name} Bob {number}.",
            "head": {"start": 0, "end": 3, "type": None},
            "tail": {"start": 5 + len(name), "end": 8 + len(name), "type": None},
            "relations": [name],
        }

    rows = [row(name, number) for name, size in sizes.items() for number in range(size)]
    test = [row(name, number) for name in novel for number in range(3)]
    return prepare_data(rows, test, num_held_out=0), rows


def relations(rows):
    return {row["id"]: row["relations"][0] for row in rows}


def test_exactly_the_share_changes_to_another_known_relation_and_the_rest_stays():
    data, _ = data_of({"met": 100, "saw": 50, "hit": 50}, ["won"])
    noisy = add_label_noise(data, 0.2, seed=3)
    before, after = relations(data.train), relations(noisy.train)
    changed = [key for key in before if before[key] != after[key]]
    assert len(changed) == 40 == noisy.counts["relation_replaced_by_noise"]
    assert set(after.values()) == {"met", "saw", "hit"}
    assert [row["text"] for row in noisy.train] == [row["text"] for row in data.train]
    assert noisy.test == data.test and noisy.validation == data.validation
    assert noisy.known_relations == data.known_relations
    assert relations(data.train) == before  # the rows given are not changed


def test_the_new_relation_is_uniform_over_the_others():
    data, _ = data_of({"a": 3000, "b": 30, "c": 30, "d": 30})
    after = relations(add_label_noise(data, 1.0).train)
    from_a = [after[key] for key in after if key.startswith("a")]
    counts = [from_a.count(name) for name in "bcd"]
    # Three equal cells of 1,000: chi-square with 2 degrees of freedom is above 13.8 once in a thousand.
    assert "a" not in from_a and sum((count - 1000) ** 2 / 1000 for count in counts) < 13.8


def test_it_depends_on_seed_and_rows_but_not_on_their_order():
    data, rows = data_of({"met": 40, "saw": 40})
    shuffled = prepare_data(rows[::-1], num_held_out=0)
    first = relations(add_label_noise(data, 0.3, seed=1).train)
    assert first == relations(add_label_noise(shuffled, 0.3, seed=1).train)
    assert first != relations(add_label_noise(data, 0.3, seed=2).train)


def test_none_and_all():
    data, _ = data_of({"met": 5, "saw": 5})
    assert add_label_noise(data, 0.0) is data
    before, after = relations(data.train), relations(add_label_noise(data, 1.0).train)
    assert all(before[key] != after[key] for key in before)


@pytest.mark.parametrize(
    "rate, seed, sizes",
    [(1.5, 0, {"a": 2, "b": 2}), (-0.1, 0, {"a": 2, "b": 2}), (0.5, -1, {"a": 2, "b": 2}), (0.5, 0, {"a": 3})],
)
def test_wrong_values_are_refused(rate, seed, sizes):
    with pytest.raises(UsageError, match="label_noise"):
        add_label_noise(data_of(sizes)[0], rate, seed)
