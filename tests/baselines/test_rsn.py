"""The siamese network: probabilities and loss by slow loops, edges, communities, and what it learns."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from hf_relation.baselines import RelationalSiameseNetwork, louvain_communities
from hf_relation.baselines.siamese_training import SiameseWeights, _batch, _pair_loss
from hf_relation.errors import UsageError
from hf_relation.metrics import clustering_report


SMALL = {"hidden_size": 16, "num_steps": 150, "learning_rate": 0.02, "relations_per_step": 8, "min_size": 1}


def relations(names, *, rows=8, dim=24, noise=0.6, seed=0):
    """Relations differ in the first half of the columns; the second half is noise, and larger."""
    random = np.random.default_rng(seed)
    centres = random.choice([-1.0, 1.0], size=(len(names), dim // 2))
    X = np.concatenate([np.repeat(centres, rows, axis=0), np.zeros((len(names) * rows, dim - dim // 2))], axis=1)
    X += np.r_[np.full(dim // 2, noise / 2), np.full(dim - dim // 2, 4 * noise)] * random.normal(size=X.shape)
    return X.astype(np.float32), np.repeat(names, rows)


def test_similarity_is_the_formula():
    random = np.random.default_rng(1)
    weights = SiameseWeights(random.normal(size=(3, 2)), random.normal(size=2), np.array([0.5, 1.5]), offset=0.7)
    network = RelationalSiameseNetwork()
    network.weights_, network.n_features_in_ = weights, 3
    X = random.normal(size=(4, 3)).astype(np.float32)
    found = network.similarity(X, X[:2])
    for i in range(4):
        for j in range(2):
            z = [
                [
                    math.tanh(sum(X[row, a] * weights.projection[a, k] for a in range(3)) + weights.bias[k])
                    for k in (0, 1)
                ]
                for row in (i, j)
            ]
            logit = 0.7 - 0.5 * abs(z[0][0] - z[1][0]) - 1.5 * abs(z[0][1] - z[1][1])
            assert found[i, j] == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-6)


def test_loss_weighs_the_two_kinds_of_pairs():
    z, labels = torch.tensor([[0.0], [0.5], [2.0]]), torch.tensor([0, 0, 1])
    found = _pair_loss(z, labels, torch.tensor([2.0]), torch.tensor(1.0), same_share=0.1)
    # logits 1 - 2 |difference|: the same pair 0; the different ones -3 and -2
    different = (math.log(1 + math.exp(-3)) + math.log(1 + math.exp(-2))) / 2
    assert found.item() == pytest.approx(0.1 * math.log(2) + 0.9 * different, abs=1e-6)


def test_batches_always_hold_a_pair_of_the_same_relation():
    members = [np.array([0]), np.array([1]), np.array([2]), np.array([3, 4])]
    for seed in range(10):
        batch = _batch(members, 2, 5, np.random.default_rng(seed))
        assert {3, 4} <= set(batch.tolist()) and len(batch) == 3


def test_it_learns_what_tells_relations_apart():
    X, y = relations([f"known {i}" for i in range(20)])
    novel, gold = relations(["a", "b", "c"], rows=20, seed=7)
    network = RelationalSiameseNetwork(**SMALL).fit(X, y)
    assert np.mean(network.history_[-20:]) < 0.7 * network.history_[0]
    above = np.triu_indices(len(gold), 1)
    same = (gold[:, None] == gold[None])[above]
    distances = np.abs(novel[:, None] - novel[None]).sum(axis=2)[above]
    learned, plain = roc_auc_score(same, network.similarity(novel)[above]), roc_auc_score(same, -distances)
    assert learned > plain + 0.1
    assert clustering_report(gold, network.predict(novel))["bcubed_f1"] > 0.8


def test_prediction_is_the_communities_of_the_pairs_above_the_threshold():
    X, y = relations(list("abcdef"))
    novel, _ = relations(list("xyz"), seed=3)
    for threshold in (0.3, 0.5, 0.8):
        network = RelationalSiameseNetwork(**SMALL, threshold=threshold).fit(X, y)
        probabilities = network.similarity(novel)
        edges = np.array([(i, j) for i in range(24) for j in range(i) if probabilities[i, j] > threshold])
        expected = louvain_communities(24, edges.reshape(-1, 2))
        # Louvain's method sees the nodes in another order; with groups this clear it does not matter.
        assert clustering_report(expected, network.predict(novel))["bcubed_f1"] > 0.9


def test_small_communities_go_to_the_likeliest_partner():
    network = RelationalSiameseNetwork(min_size=3)
    network.weights_ = SiameseWeights(np.eye(1, dtype=np.float32), np.zeros(1), np.array([9.0]), offset=1.0)
    network.n_features_in_ = 1
    X = np.array([[-1.0], [-0.99], [-0.98], [1.0], [1.01], [1.02], [0.3]], dtype=np.float32)
    assert network.predict(X).tolist() == [1, 1, 1, 0, 0, 0, 0]
    network.set_params(min_size=1)
    assert network.predict(X).tolist() == [0, 0, 0, 1, 1, 1, 2]
    network.set_params(min_size=50)  # none is large: nothing to go to
    assert len(set(network.predict(X).tolist())) == 3


def test_the_number_of_relations_is_found_even_for_one():
    X, y = relations(list("abcdef"))
    network = RelationalSiameseNetwork(**SMALL).fit(X, y)
    assert network.predict(X[:1]).tolist() == [0]
    assert network.predict(np.tile(X[:1], (5, 1))).tolist() == [0] * 5


def test_fit_needs_pairs_of_both_kinds():
    X, y = relations(list("abc"), rows=2)
    network = RelationalSiameseNetwork(**SMALL)
    for bad in (["a"] * 6, list("abcdef")):
        with pytest.raises(UsageError, match="Pairs of the same and of different relations are needed"):
            network.fit(X, bad)
    with pytest.raises(UsageError, match="6 rows"):
        network.fit(X, y[:5])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("hidden_size", 0),
        ("same_share", 0),
        ("same_share", 1),
        ("dropout", 1),
        ("threshold", 1.5),
        ("learning_rate", 0),
    ],
)
def test_settings_out_of_range(setting, value):
    X, y = relations(list("abc"))
    with pytest.raises(UsageError, match=f"`{setting}` must be"):
        RelationalSiameseNetwork(**SMALL | {setting: value}).fit(X, y)


def test_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr("hf_relation.baselines.rsn.MAX_ROWS", 10)
    X, y = relations(list("abc"))
    with pytest.raises(UsageError, match="at most 10 rows are allowed, got 24"):
        RelationalSiameseNetwork(**SMALL).fit(X, y).predict(X)


def test_training_leaves_threads_and_chance_of_torch_alone():
    X, y = relations(list("abc"))
    before = torch.get_num_threads(), torch.get_rng_state()
    RelationalSiameseNetwork(**SMALL).fit(X, y)
    assert torch.get_num_threads() == before[0] and torch.equal(torch.get_rng_state(), before[1])
