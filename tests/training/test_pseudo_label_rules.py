"""Pseudo labels by hand: clusters, neighbours, the surest rows, the space."""

import itertools

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from hf_relation.clustering import BalancedKMeans, NeighborSmoothing, PrincipalComponents, WithinClassWhitening
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.metrics import clustering_report
from hf_relation.training import PseudoLabelRules
from hf_relation.training.pseudo_label_rules import (
    PseudoLabelling,
    cluster_centers,
    make_pseudo_labels,
    renumber_like,
    share_changed,
    space_of,
)


def blobs(seed=0):
    rng = np.random.default_rng(seed)
    gold = np.repeat([0, 1, 2], [30, 20, 10])
    centers = np.array([[0.0, 0, 8, 0], [8.0, 0, 0, 0], [0.0, 8, 0, 0]])
    return (centers[gold] + rng.normal(size=(60, 4))).astype(np.float32), gold


def test_the_default_is_kmeans_as_sklearn_has_it():
    rows, _ = blobs()
    made = make_pseudo_labels(rows, 3, PseudoLabelRules())
    other = KMeans(3, n_init=10, random_state=0).fit(rows.astype(np.float64))
    assert clustering_report(other.labels_, made.clusters)["ari"] == 1.0
    assert made.inertia == pytest.approx(other.inertia_ / 60, rel=1e-4)
    assert (made.labels == made.clusters).all()
    centers = cluster_centers(rows, made.clusters, 3)
    for number in range(3):
        np.testing.assert_allclose(centers[number], rows[made.clusters == number].mean(axis=0), rtol=1e-5)


def test_rows_in_another_order_have_the_same_clusters():
    rows, _ = blobs()
    order = np.random.default_rng(1).permutation(60)
    rules = PseudoLabelRules(keep=0.5, neighbors=3)
    np.testing.assert_array_equal(
        make_pseudo_labels(rows[order], 3, rules).labels, make_pseudo_labels(rows, 3, rules).labels[order]
    )


def test_of_every_cluster_the_rows_nearest_to_its_centre_keep_their_label():
    rows, _ = blobs()
    whole = make_pseudo_labels(rows, 3, PseudoLabelRules())
    some = make_pseudo_labels(rows, 3, PseudoLabelRules(keep=0.3))
    for number in range(3):
        members = np.flatnonzero(whole.clusters == number)
        distances = np.linalg.norm(rows[members] - rows[members].mean(axis=0), axis=1)
        expected = members[np.argsort(distances)[: round(0.3 * len(members))]]
        assert set(np.flatnonzero(some.labels == number)) == set(expected)
    assert (some.clusters == whole.clusters).all()
    tiny = make_pseudo_labels(rows, 3, PseudoLabelRules(keep=1e-6))
    assert sorted(tiny.labels[tiny.labels >= 0]) == [0, 1, 2]  # one of each at least


def test_neighbours_outvote_a_row_and_a_tie_leaves_it_alone():
    # Directions in degrees; the classifier is wrong about the row at 2 degrees.
    angles = np.radians([0, 1, 2, 3, 90, 91, 92, 93])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    wrong = np.array([0, 0, 1, 0, 1, 1, 1, 1])
    logits = np.eye(2)[wrong] * 4
    rules = {"label_source": "head", "neighbors": 3}
    made = make_pseudo_labels(rows, 2, PseudoLabelRules(**rules), logits)
    assert made.clusters.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    # With one neighbour it stands one against one.
    made = make_pseudo_labels(rows, 2, PseudoLabelRules(**rules | {"neighbors": 1}), logits)
    assert made.clusters.tolist() == wrong.tolist()


def test_rows_whose_neighbours_disagree_lose_their_label():
    angles = np.radians([0, 1, 40, 50, 89, 90])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    logits = np.eye(2)[[0, 0, 0, 1, 1, 1]]
    rules = PseudoLabelRules(label_source="head", neighbors=1, min_agreement=1.0)
    # The nearest of 40 degrees is 50, and the other way round.
    assert make_pseudo_labels(rows, 2, rules, logits).labels.tolist() == [0, 0, -100, -100, 1, 1]


def test_the_classifier_s_labels_are_kept_by_probability():
    rows, _ = blobs()
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(60, 3)) * 3
    made = make_pseudo_labels(rows, 3, PseudoLabelRules(label_source="head", keep=0.5), logits)
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert (made.clusters == logits.argmax(axis=1)).all()
    for number in range(3):
        members = np.flatnonzero(made.clusters == number)
        kept = made.labels[members] == number
        assert probability[members][kept, number].min() >= probability[members][~kept, number].max()


def test_the_space_is_whitened_with_known_relations_and_the_clusters_before():
    rows, gold = blobs()
    known, names = blobs(seed=5)
    rules = PseudoLabelRules(whitening=True, shrinkage=0.3)
    first = space_of(rows, rules, known, names)
    np.testing.assert_allclose(first, WithinClassWhitening(shrinkage=0.3).fit(known, names).transform(rows), atol=1e-6)
    again = space_of(rows, rules, known, names, previous=gold)
    both = WithinClassWhitening(shrinkage=0.3).fit(np.concatenate([known, rows]), [*names, *(gold + 3)])
    np.testing.assert_allclose(again, both.transform(rows), atol=1e-6)
    assert np.abs(first - again).max() > 1e-3


def test_the_space_is_reduced_to_principal_components():
    rows, _ = blobs()
    found = space_of(rows, PseudoLabelRules(pca_components=2), rows[:0], np.empty(0, int))
    expected = PCA(2).fit_transform(rows.astype(np.float64))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-3)
    np.testing.assert_array_equal(space_of(rows, PseudoLabelRules(), rows, np.zeros(60, int)), rows)


def test_the_space_is_smoothed_among_the_unlabelled_rows_between_whitening_and_reduction():
    rows, gold = blobs()
    rules = PseudoLabelRules(whitening=True, smoothing=5, pca_components=3)
    whitened = WithinClassWhitening(shrinkage=0.8).fit(rows, gold).transform(rows)
    expected = PrincipalComponents(3).fit_transform(NeighborSmoothing(5).transform(whitened))
    np.testing.assert_allclose(space_of(rows, rules, rows, gold), expected, atol=1e-5)


def test_balanced_labels_are_those_of_balanced_clustering_and_the_most_probable_are_kept():
    rows, _ = blobs()
    settings = {"balance": "sinkhorn", "temperature": 0.5, "n_init": 3, "seed": 4}
    made = make_pseudo_labels(rows, 3, PseudoLabelRules(**settings, keep=0.4))
    fitted = BalancedKMeans(3, temperature=0.5, n_init=3, seed=4).fit(rows)
    np.testing.assert_array_equal(made.clusters, fitted.labels_)
    probability = fitted.predict_proba(rows).max(axis=1)
    for number in range(3):
        members = np.flatnonzero(made.clusters == number)
        kept = made.labels[members] == number
        assert kept.sum() == round(0.4 * len(members))
        assert probability[members][kept].min() >= probability[members][~kept].max()


def test_the_classifier_s_labels_are_not_balanced():
    rows, _ = blobs()
    logits = np.tile([1.0, 0.0, 0.0], (60, 1))
    rules = PseudoLabelRules(balance="sinkhorn", label_source="head")
    assert set(make_pseudo_labels(rows, 3, rules, logits).clusters) == {0}


def test_the_share_that_changed_does_not_depend_on_numbers():
    before = np.array([0, 0, 0, 1, 1, 2])
    assert share_changed(before, np.array([2, 2, 2, 0, 0, 1])) == 0
    assert share_changed(before, np.array([2, 2, 0, 0, 0, 1])) == pytest.approx(1 / 6)


def test_clusters_keep_their_numbers_as_far_as_they_can():
    before = np.array([2, 2, 2, 0, 0, 1, 1])
    made = PseudoLabelling(np.array([0, 0, 1, 1, 1, 2, 2]), np.array([0, -100, 1, 1, 1, 2, -100]), 0.5)
    found = renumber_like(before, made, 3)
    # Of the six ways to number them, this one keeps most: 2 + 2 + 2 rows.
    kept = [(np.array(numbers)[made.clusters] == before).sum() for numbers in itertools.permutations(range(3))]
    assert (found.clusters == before).sum() == max(kept) == 6
    assert found.clusters.tolist() == [2, 2, 0, 0, 0, 1, 1] and found.labels.tolist() == [2, -100, 0, 0, 0, 1, -100]
    assert found.inertia == 0.5


def test_fewer_rows_or_fewer_different_rows_than_clusters_are_refused():
    with pytest.raises(UsageError, match="There are 2 unlabelled rows for 3 novel relations"):
        make_pseudo_labels(np.zeros((2, 4), np.float32), 3, PseudoLabelRules())
    with pytest.raises(UsageError, match="number of distinct rows"):
        make_pseudo_labels(np.ones((5, 4), np.float32), 3, PseudoLabelRules())
    with pytest.raises(InvalidRowError, match="row 1"):
        make_pseudo_labels(np.array([[0.0], [np.nan], [2.0]], np.float32), 2, PseudoLabelRules())


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"space": "words"}, "`space` must be one of latent, pooled, embedding; got 'words'"),
        ({"label_source": "gold"}, "`label_source` must be one of kmeans, head"),
        ({"keep": 0}, "`keep` must be above 0 and at most 1"),
        ({"keep": 1.5}, "`keep` must be above 0 and at most 1"),
        ({"balance": "even"}, "`balance` must be one of none, sinkhorn; got 'even'"),
        ({"temperature": 0}, "`temperature` must be a finite number above 0"),
        ({"smoothing": -1}, "`smoothing` must be an integer of at least 0"),
        ({"neighbors": -1}, "`neighbors` must be an integer of at least 0"),
        ({"neighbors": 5, "min_agreement": 2}, r"`min_agreement` must be in \[0, 1\]"),
        ({"min_agreement": 0.5}, "give `neighbors` as well"),
        ({"shrinkage": -0.1}, "`shrinkage` must be in"),
        ({"pca_components": 0}, "`pca_components` must be an integer of at least 1"),
        ({"n_init": 0}, "`n_init` must be"),
        ({"seed": -1}, "`seed` must be"),
    ],
)
def test_rules_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        PseudoLabelRules(**settings)
