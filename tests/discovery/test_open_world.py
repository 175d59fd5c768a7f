"""The gate in front of discovery, on rows whose kinds are known by construction."""

from __future__ import annotations

import copy
import inspect
import json
import math

import numpy as np
import pytest

from hf_relation.discovery import OpenWorldGate
from hf_relation.discovery.gate_scores import KindModel, Nearness, PairDetector, features, held_out_scores
from hf_relation.discovery.gate_space import GateSpace
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError


DIM = 16
NONE = 15  # the axis that pairs without a relation lean to
NAMES = ["spouse", "born in", "capital", "founder", "author"]


def rows(axis: int, number: int, *, none: bool = False, seed: int = 0, noise: float = 0.12) -> np.ndarray:
    """Rows around an axis; those without a relation lean to another one as well."""
    generator = np.random.default_rng([seed, axis, number, none])
    found = np.eye(DIM)[[axis] * number] * (0.6 if none else 1.0) + noise * generator.normal(size=(number, DIM))
    found[:, NONE] += 0.9 if none else 0.0
    return found.astype(np.float32)


def planted(per_relation: int, seed: int = 0):
    """Labelled rows of five relations on axes 0 to 4, a negative of each, and its source."""
    vectors = np.concatenate([rows(axis, per_relation, seed=seed) for axis in range(5)])
    negatives = np.concatenate([rows(axis, per_relation, none=True, seed=seed) for axis in range(5)])
    return vectors, [name for name in NAMES for _ in range(per_relation)], negatives, list(range(len(vectors)))


def asked(seed: int = 7):
    """Rows to decide: known ones, novel ones on axes 8 and 9, and pairs without a relation of both."""
    known = np.concatenate([rows(axis, 20, seed=seed) for axis in range(5)])
    novel = np.concatenate([rows(axis, 40, seed=seed) for axis in (8, 9)])
    none = np.concatenate([rows(axis, 15, none=True, seed=seed) for axis in (0, 1, 2, 3, 4, 8, 9)])
    kinds = np.repeat(["known", "novel", "none"], [len(known), len(novel), len(none)])
    names = np.array([*np.repeat(NAMES, 20), *[""] * (len(novel) + len(none))])
    return np.concatenate([known, novel, none]), kinds, names


def fitted(per_relation: int = 12, **more) -> OpenWorldGate:
    vectors, names, negatives, sources = planted(per_relation)
    return OpenWorldGate().fit(
        vectors, names, negatives=negatives, negative_sources=sources, corpus=asked()[0], **more
    )


@pytest.mark.parametrize("per_relation", [3, 5, 30])
def test_separable_kinds_are_told_apart_with_few_seeds_and_with_many(per_relation):
    gate = fitted(per_relation)
    assert gate.rule_ == "learned" and gate.detects_none_ and gate.relations == sorted(NAMES)
    vectors, kinds, names = asked()
    decision = gate.decide(vectors)
    assert (decision.kinds == kinds).mean() > 0.95
    called = decision.known >= 0
    assert (called == (decision.kinds == "known")).all()
    assert (np.array(gate.relations)[decision.known[called]] == names[called]).mean() > 0.95


def test_probabilities_sum_to_one_and_the_largest_decides():
    decision = fitted().decide(np.random.default_rng(1).normal(size=(300, DIM)))
    assert (
        decision.probabilities.dtype == np.float32
        and decision.probabilities.shape == (300, 3)
        and len(decision) == 300
    )
    np.testing.assert_allclose(decision.probabilities.sum(axis=1), 1, atol=1e-5)
    assert (decision.probabilities >= 0).all()
    assert (
        decision.kinds.tolist() == np.array(["known", "novel", "none"])[decision.probabilities.argmax(axis=1)].tolist()
    )
    assert (decision.name_probabilities >= 1 / 5).all() and (decision.name_probabilities <= 1).all()


def test_the_order_of_labelled_rows_negatives_and_corpus_changes_nothing():
    vectors, names, negatives, sources = planted(6)
    corpus = asked()[0]
    generator = np.random.default_rng(3)
    one = fitted(6).decide(corpus)
    by_row, by_negative = generator.permutation(len(vectors)), generator.permutation(len(negatives))
    place = np.argsort(by_row)
    gate = OpenWorldGate().fit(
        vectors[by_row],
        [names[row] for row in by_row],
        negatives=negatives[by_negative],
        negative_sources=[int(place[sources[row]]) for row in by_negative],
        corpus=corpus[generator.permutation(len(corpus))],
    )
    other = gate.decide(corpus)
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    np.testing.assert_array_equal(one.known, other.known)


def test_each_row_is_decided_for_itself():
    vectors, _, _ = asked()
    gate = fitted()
    together = gate.decide(vectors)
    alone = [gate.decide(vectors[row : row + 1]) for row in range(0, len(vectors), 10)]
    np.testing.assert_allclose(
        np.concatenate([each.probabilities for each in alone]), together.probabilities[::10], atol=1e-5
    )
    assert len(gate.decide(np.empty((0, DIM)))) == 0


def test_relations_are_numbered_in_the_order_asked_for():
    order = ["founder", "author", "spouse", "capital", "born in"]
    plain, ordered = fitted(), fitted(relations=order)
    assert ordered.relations == order
    vectors = asked()[0]
    one, other = plain.decide(vectors), ordered.decide(vectors)
    called = one.known >= 0
    assert [plain.relations[i] for i in one.known[called]] == [order[i] for i in other.known[called]]


def test_nothing_but_vectors_is_asked_when_rows_are_decided():
    # No place for labels: what is novel cannot leak in.
    assert list(inspect.signature(OpenWorldGate.decide).parameters) == ["self", "vectors"]
    assert list(inspect.signature(OpenWorldGate.adapt).parameters) == ["self", "corpus", "prior"]


def test_without_negatives_nothing_is_called_none():
    vectors, names, _, _ = planted(12)
    gate = OpenWorldGate().fit(vectors, names, corpus=asked()[0])
    assert gate.rule_ == "learned" and not gate.detects_none_
    decision = gate.decide(asked()[0])
    assert (decision.probabilities[:, 2] == 0).all() and "none" not in decision.kinds
    known = asked()[1] == "known"
    assert (decision.kinds[known] == "known").mean() > 0.9


def test_too_few_rows_take_the_documented_rule_or_that_of_the_base():
    vectors, names = np.concatenate([rows(0, 2), rows(1, 2)]), ["a", "a", "b", "b"]
    gate = OpenWorldGate().fit(vectors, names)
    assert gate.rule_ == "quantile" and not gate.detects_none_
    decision = gate.decide(np.concatenate([vectors, rows(8, 3), rows(9, 3)]))
    assert decision.kinds.tolist() == ["known"] * 4 + ["novel"] * 6
    single = OpenWorldGate().fit(rows(0, 1), ["a"], corpus=asked()[0])
    assert single.rule_ == "quantile" and single.decide(rows(0, 1)).known.tolist() == [0]
    based = OpenWorldGate().fit(vectors, names, base=fitted(), corpus=asked()[0])
    assert based.rule_ == "stored" and based.detects_none_ and based.relations == ["a", "b"]
    assert based.decide(rows(8, 20, none=True)).kinds.tolist().count("none") > 15


def test_the_base_gives_its_detector_where_there_are_rows_enough():
    vectors, names, negatives, sources = planted(3, seed=5)
    base = fitted(30)
    gate = OpenWorldGate().fit(vectors, names, negatives=negatives, base=base)
    assert gate.rule_ == "learned"
    np.testing.assert_array_equal(gate.get_state()[1]["detector"], base.get_state()[1]["detector"])


def test_a_gate_adapts_to_another_corpus():
    vectors, kinds, _ = asked()
    own_names = planted(12)
    gate = OpenWorldGate().fit(own_names[0], own_names[1], negatives=own_names[2], negative_sources=own_names[3])
    before = gate.decide(vectors).probabilities
    adapted = gate.adapt(vectors)
    assert adapted is not gate and (adapted.decide(vectors).kinds == kinds).mean() > 0.9
    np.testing.assert_array_equal(gate.decide(vectors).probabilities, before)


def test_the_prior_moves_probabilities_as_bayes_says():
    vectors, names, negatives, sources = planted(6)
    data = {"negatives": negatives, "negative_sources": sources, "corpus": asked()[0]}
    even = OpenWorldGate().fit(vectors, names, **data).decide(asked()[0]).probabilities.astype(np.float64)
    skewed = OpenWorldGate(prior=(6, 1, 3)).fit(vectors, names, **data).decide(asked()[0]).probabilities
    expected = even * (0.6, 0.1, 0.3)
    np.testing.assert_allclose(skewed, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)


def test_cosines_without_the_row_itself_are_those_of_a_slow_loop():
    generator = np.random.default_rng(0)
    vectors, codes = generator.normal(size=(9, 5)), np.array([0, 0, 0, 1, 1, 1, 1, 2, 2])
    space = GateSpace(vectors.mean(axis=0), np.eye(5)[:3], np.eye(3))
    means = np.stack([vectors[codes == code].mean(axis=0) for code in range(3)])
    found, _ = Nearness(space, means, np.bincount(codes)).without_itself(vectors, codes)
    projected = (vectors - vectors.mean(axis=0))[:, :3]
    for row in range(9):
        for code in range(3):
            members = [other for other in range(9) if codes[other] == code and other != row]
            center = projected[members].mean(axis=0)
            cosine = center @ projected[row] / np.linalg.norm(center) / np.linalg.norm(projected[row])
            assert found[row, code] == pytest.approx(cosine, abs=1e-6)


def test_features_by_hand():
    found = features(np.array([[0.2, 0.9, 0.5], [-0.1, -0.2, -0.3]]), np.array([0.7, 0.1]), np.array([2.0, -2.0]))
    np.testing.assert_allclose(found, [[0.9, 0.4, 0.7, 2.0], [-0.1, 0.1, 0.1, -2.0]])
    np.testing.assert_allclose(features(np.array([[0.3]]), np.array([0.5]), None), [[0.3, 1.3, 0.5, 0.0]])


def test_a_pair_is_held_out_together_with_its_source():
    # Every row is alike its own negative, and in nothing else like others: a detector that has seen the one calls the other alike.
    generator = np.random.default_rng(0)
    related = np.eye(40, dtype=np.float32)
    unrelated = (np.eye(40) + 0.01 * generator.normal(size=(40, 40))).astype(np.float32)
    apart = held_out_scores(related, unrelated, np.arange(40), np.arange(40))
    leaking = held_out_scores(related, unrelated, np.arange(40), np.full(40, -1))
    assert abs(apart[0].mean()) < 0.05
    shifted = held_out_scores(related, unrelated, np.arange(40), np.roll(np.arange(40), 1))
    assert shifted[0].mean() < -0.1  # their negatives, seen in training, pull them over
    assert leaking[0].shape == (40,)


def test_kinds_by_logistic_regression_are_calibrated_where_the_model_is_right():
    generator = np.random.default_rng(0)
    examples = [generator.normal(loc=center, size=(4000, 4)) for center in (1.0, 0.0, -1.0)]
    model = KindModel.fit(examples)
    test = [generator.normal(loc=center, size=(4000, 4)) for center in (1.0, 0.0, -1.0)]
    probabilities = model.probabilities(np.concatenate(test), (1, 1, 1))
    densities = np.stack(
        [np.exp(-((np.concatenate(test) - center) ** 2).sum(axis=1) / 2) for center in (1.0, 0.0, -1.0)], axis=1
    )
    assert np.abs(probabilities - densities / densities.sum(axis=1, keepdims=True)).mean() < 0.01


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0.0), ("float16", 0.02)])
def test_state_round_trip(dtype, tolerance):
    gate = fitted()
    content, arrays = gate.get_state(dtype=dtype)
    assert all(array.dtype in (np.dtype(dtype), np.int64) for array in arrays.values())
    loaded = OpenWorldGate.from_state(json.loads(json.dumps(content, allow_nan=False)), arrays)
    vectors = asked()[0]
    one, other = gate.decide(vectors), loaded.decide(vectors)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=tolerance)
    assert loaded.relations == gate.relations and loaded.rule_ == gate.rule_ and loaded.prior == gate.prior


def test_a_state_without_a_space_decides_once_adapted():
    gate = fitted()
    loaded = OpenWorldGate.from_state(*gate.get_state(space=False))
    with pytest.raises(UsageError, match="adapt"):
        loaded.decide(asked()[0])
    vectors, kinds, _ = asked()
    assert (loaded.adapt(vectors).decide(vectors).kinds == kinds).mean() > 0.9


def test_a_state_without_none_keeps_that():
    vectors, names, _, _ = planted(12)
    content, arrays = OpenWorldGate().fit(vectors, names).get_state()
    loaded = OpenWorldGate.from_state(json.loads(json.dumps(content, allow_nan=False)), arrays)
    assert not loaded.detects_none_ and (loaded.decide(vectors).probabilities[:, 2] == 0).all()


STATE = fitted(6).get_state()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format_version", 2),
        ("relations", ["a"] * 5),
        ("relations", NAMES[:4]),
        ("relations", [1, 2, 3, 4, 5]),
        ("rule", "guess"),
        ("weights", [[0.0] * 4] * 2),
        ("weights", [[0.0] * 3] * 3),
        ("weights", [[math.nan] * 4] * 3),
        ("biases", [None, None, None]),
        ("biases", [True, 0.0, 0.0]),
        ("temperature", 0.0),
        ("temperature", "hot"),
        ("detector_bias", None),
        ("prior", [1.0, 1.0, 1.0]),
        ("seed", -1),
        ("seed", True),
        ("more", 1),
    ],
)
def test_damaged_content_is_refused(key, value):
    content, arrays = copy.deepcopy(STATE)
    content[key] = value
    with pytest.raises(CheckpointError):
        OpenWorldGate.from_state(content, arrays)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("means", lambda array: array[:4]),
        ("means", lambda array: array[:, :5]),
        ("means", lambda array: np.full_like(array, np.nan)),
        ("means", lambda array: array.astype(np.float64)),
        ("counts", lambda array: array - 99),
        ("counts", lambda array: array.astype(np.float32)),
        ("detector", lambda array: array[:3]),
        ("space.mean", lambda array: array[:3]),
        ("space.components", lambda array: array[:, :3]),
        ("space.groups", lambda array: array[:, :3]),
        ("space.groups", lambda array: array[:0]),
        ("space.mean", None),
        ("means", None),
        ("detector", None),
        ("other", lambda array: np.zeros(1, dtype=np.float32)),
    ],
)
def test_damaged_arrays_are_refused(name, change):
    content, arrays = copy.deepcopy(STATE)
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays.get(name))
    with pytest.raises(CheckpointError):
        OpenWorldGate.from_state(content, arrays)


def test_content_that_is_no_object_is_refused():
    for content in (None, [], {}, "gate"):
        with pytest.raises(CheckpointError):
            OpenWorldGate.from_state(content, STATE[1])


def test_wrong_use():
    vectors, names, negatives, _ = planted(3)
    with pytest.raises(UsageError, match="not fitted"):
        OpenWorldGate().decide(vectors)
    with pytest.raises(UsageError, match="prior"):
        OpenWorldGate(prior=(1, 1))
    with pytest.raises(UsageError, match="prior"):
        OpenWorldGate(prior=(0, 0, 0))
    gate = OpenWorldGate()
    for wrong in (names[:-1], "spouse", [*names[:-1], 3], [*names[:-1], ""]):
        with pytest.raises(UsageError, match="names"):
            gate.fit(vectors, wrong)
    with pytest.raises(UsageError, match="relations"):
        gate.fit(vectors, names, relations=NAMES[:-1])
    with pytest.raises(UsageError, match="relations"):
        gate.fit(vectors, names, relations=[*NAMES, NAMES[0]])
    with pytest.raises(UsageError, match="columns"):
        gate.fit(vectors, names, negatives=negatives[:, :4])
    for sources in ([0] * 3, [99] * len(negatives), [-2] * len(negatives)):
        with pytest.raises(UsageError, match="negative_sources"):
            gate.fit(vectors, names, negatives=negatives, negative_sources=sources)
    with pytest.raises(UsageError, match="base"):
        gate.fit(vectors[:, :4], names, base=fitted(3))
    with pytest.raises(UsageError, match="at least 1"):
        gate.fit(np.empty((0, 4)), [])
    broken = vectors.copy()
    broken[2, 1] = np.nan
    with pytest.raises(InvalidRowError, match="row 2"):
        gate.fit(broken, names)
    with pytest.raises(UsageError, match="dtype"):
        fitted(3).get_state(dtype="int8")


def test_a_detector_and_a_gate_know_rows_by_direction_alone():
    vectors, names, negatives, sources = planted(6)
    corpus = asked()[0]
    one = OpenWorldGate().fit(vectors, names, negatives=negatives, negative_sources=sources, corpus=corpus)
    other = OpenWorldGate().fit(
        vectors * 8, names, negatives=negatives / 4, negative_sources=sources, corpus=corpus * 2
    )
    np.testing.assert_array_equal(one.decide(corpus).kinds, other.decide(corpus * 16).kinds)
    detector = PairDetector.fit(vectors, negatives)
    assert (detector.score(vectors) > 0).mean() > 0.9 > 0.1 > (detector.score(negatives) > 0).mean()
