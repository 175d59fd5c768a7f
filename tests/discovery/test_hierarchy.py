"""The tree over relations: scipy's own where sizes are equal, scipy on repeated rows where they are not."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from scipy.cluster.hierarchy import dendrogram, fcluster, is_monotonic, is_valid_linkage, linkage

from hf_relation.discovery.hierarchy import RelationHierarchy
from hf_relation.errors import InvalidRowError, UsageError


def same_groups(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    return labels[:, None] == labels[None, :]


def centers_of(number: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(number, 5)).astype(np.float32)


def test_hand_example():
    # Costs of the first step: 20 and 10 at distance 1: 200/30 = 6.67; 10 and 5 at distance 8: 213.3; so the first two join, at
    # sqrt(2 * 6.67), with their centre at 1/3. Then 30 and 5 at distance 26/3: 150/35 * 75.1 = 321.9.
    tree = RelationHierarchy.from_centers([[0.0], [1.0], [9.0]], [20, 10, 5])
    expected = [[0, 1, (2 * 200 / 30) ** 0.5, 2], [2, 3, (2 * 150 / 35) ** 0.5 * 26 / 3, 3]]
    np.testing.assert_allclose(tree.linkage, expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_equal_sizes_give_scipys_tree(seed):
    centers = centers_of(17, seed)
    tree = RelationHierarchy.from_centers(centers, np.ones(17))
    expected = linkage(centers.astype(np.float64), "ward")
    np.testing.assert_allclose(tree.linkage[:, 2:], expected[:, 2:], rtol=1e-9)
    for number in range(1, 18):
        cut = list(tree.cut(number).values())
        assert (same_groups(cut) == same_groups(fcluster(expected, number, "maxclust"))).all()


@pytest.mark.parametrize("seed", range(3))
def test_sizes_count_as_repeated_rows(seed):
    centers, sizes = centers_of(9, seed), np.random.default_rng(seed).integers(1, 30, 9)
    tree = RelationHierarchy.from_centers(centers, sizes)
    repeated = linkage(
        np.repeat(centers.astype(np.float64), sizes, axis=0), "ward"
    )  # equal rows join first, at height 0
    np.testing.assert_allclose(tree.linkage[:, 2], repeated[-8:, 2], rtol=1e-7)
    first = np.r_[0, np.cumsum(sizes)[:-1]]
    for number in range(1, 10):
        expected = fcluster(repeated, number, "maxclust")[first]
        assert (same_groups(list(tree.cut(number).values())) == same_groups(expected)).all()


def test_sizes_change_what_joins_first():
    centers = [[0.0], [1.0], [2.1]]
    assert RelationHierarchy.from_centers(centers, [1, 1, 1]).cut(2) == {0: 0, 1: 0, 2: 1}
    assert RelationHierarchy.from_centers(centers, [100, 100, 1]).cut(2) == {0: 1, 1: 0, 2: 0}


def test_linkage_is_what_scipy_takes():
    tree = RelationHierarchy.from_centers(np.repeat(centers_of(6), 3, axis=0), np.arange(1, 19))
    assert is_valid_linkage(tree.linkage, throw=True) and is_monotonic(tree.linkage)
    assert sorted(dendrogram(tree.linkage, no_plot=True)["leaves"]) == list(range(18))


def test_groups_are_numbered_by_size_and_ids_may_have_gaps():
    tree = RelationHierarchy.from_centers([[0.0], [9.0], [0.1], [20.0]], [3, 4, 2, 4], ids=[2, 3, 7, 11])
    assert tree.cut(4) == {3: 0, 11: 1, 2: 2, 7: 3}
    assert tree.cut(3) == {2: 0, 7: 0, 3: 1, 11: 2}
    assert tree.cut(1) == {2: 0, 3: 0, 7: 0, 11: 0}


def test_cuts_are_nested():
    tree = RelationHierarchy.from_centers(centers_of(20), np.arange(20, 0, -1))
    for number in range(2, 21):
        fine, coarse = (same_groups(list(tree.cut(n).values())) for n in (number, number - 1))
        assert (coarse | ~fine).all()
        assert set(tree.cut(number).values()) == set(range(number))


def test_same_result_twice_and_input_untouched():
    centers, sizes = centers_of(12), np.arange(1.0, 13)
    kept = centers.copy(), sizes.copy()
    one, other = (RelationHierarchy.from_centers(centers, sizes) for _ in range(2))
    assert np.array_equal(one.linkage, other.linkage)
    assert np.array_equal(centers, kept[0]) and np.array_equal(sizes, kept[1])


def test_one_relation():
    tree = RelationHierarchy.from_centers([[1.0, 2.0]], [7], names=["owns"])
    assert tree.linkage.shape == (0, 4) and tree.cut(1) == {0: 0} and len(tree) == 1
    assert tree.to_newick() == "'owns';" and tree.to_text() == "owns [0], 7 instances"
    assert tree.to_dict() == {"relations": [{"id": 0, "name": "owns", "size": 7.0}], "merges": []}


def test_dict_is_json_and_sizes_add_up():
    tree = RelationHierarchy.from_centers(centers_of(6), [5, 4, 3, 2, 1, 1], ids=[0, 1, 2, 4, 5, 6])
    content = json.loads(json.dumps(tree.to_dict(), allow_nan=False))
    assert [relation["id"] for relation in content["relations"]] == [0, 1, 2, 4, 5, 6]
    sizes = [relation["size"] for relation in content["relations"]]
    for merge, row in zip(content["merges"], tree.linkage, strict=True):
        assert (merge["left"], merge["right"], merge["height"]) == (row[0], row[1], row[2])
        assert merge["size"] == sizes[merge["left"]] + sizes[merge["right"]]
        sizes.append(merge["size"])
    assert sizes[-1] == 16


def test_newick_quotes_names_and_branches_reach_the_root():
    names = ["it's (a); b:c", "line\nbreak", "plain", "x"]
    tree = RelationHierarchy.from_centers(centers_of(4), [1, 2, 3, 4], names=names)
    text = tree.to_newick()
    assert "'it''s (a); b:c'" in text and "'line break'" in text and text.endswith(";")
    bare = re.sub(r"'(?:[^']|'')*'", "N", text)
    assert bare.count("(") == bare.count(")") == 3 and bare.count("N") == 4
    lengths = [float(length) for length in re.findall(r":([\d.e+-]+)", bare)]
    # Every join has two branches: each is as long as the join is high, less the height of what hangs on it.
    heights = [0.0] * 4 + tree.linkage[:, 2].tolist()
    expected = [height - heights[int(side)] for *sides, height, _ in tree.linkage.tolist() for side in sides]
    np.testing.assert_allclose(sorted(lengths), sorted(expected), rtol=1e-6)


def test_text_of_a_chain_deeper_than_the_recursion_limit():
    number = 1500
    merges = [[0 if i == 0 else number + i - 1, i + 1, i + 1.0, i + 2] for i in range(number - 1)]
    chain = RelationHierarchy(range(number), [f"r{i}" for i in range(number)], [1.0] * number, np.array(merges))
    assert chain.to_text().count("\n") == 2 * number - 2
    assert chain.to_newick().count("(") == number - 1
    assert json.dumps(chain.to_dict())


@pytest.mark.parametrize("number", [0, 4, -1, 2.0, True, "2"])
def test_cut_out_of_range(number):
    with pytest.raises(UsageError, match=r"from 1 to the number of relations \(3\)"):
        RelationHierarchy.from_centers(centers_of(3), [1, 1, 1]).cut(number)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"centers": np.zeros((0, 2)), "sizes": []}, "at least 1 row"),
        ({"sizes": [1, 2]}, "`sizes` must be 3 finite numbers above 0"),
        ({"sizes": [1, 2, 0]}, "above 0"),
        ({"sizes": [1, 2, np.nan]}, "finite"),
        ({"ids": [0, 1]}, "got 2 and 2"),
        ({"ids": [0, 2, 1]}, "ascending"),
        ({"ids": [0, 1, 1]}, "different"),
        ({"names": ["a"]}, "got 3 and 1"),
    ],
)
def test_arguments_that_do_not_fit(arguments, said):
    given = {"centers": centers_of(3), "sizes": [1, 1, 1]} | arguments
    with pytest.raises(UsageError, match=said):
        RelationHierarchy.from_centers(**given)


def test_centers_must_be_finite():
    with pytest.raises(InvalidRowError, match="row 1"):
        RelationHierarchy.from_centers([[0.0], [np.inf]], [1, 1])
