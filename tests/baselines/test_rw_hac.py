"""Re-weighted word vectors: features worked by hand, and the clusters they make."""

import math

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import PCA

from hf_relation.baselines import reweighted_features, rw_hac
from hf_relation.data import WordVectors
from hf_relation.errors import UsageError
from hf_relation.metrics import clustering_report
from tests.common.tiny_sentences import sentences, vectors


def instance(text, head, tail, **types):
    def mention(words, role):
        return {"start": text.index(words), "end": text.index(words) + len(words), "type": types.get(role)}

    return {"text": text, "head": mention(head, "head"), "tail": mention(tail, "tail")}


ROWS = [
    instance("Now Ada wrote Opus again.", "Ada", "Opus"),
    instance("Bob sold wrote sold Ode.", "Bob", "Ode"),
    instance("Ada sold it, Bob wrote.", "Bob", "Ada"),
]
TABLE = WordVectors(["wrote", "sold", "ada", "again"], np.array([[4, 0], [0, 2], [1, 1], [3, 5]], dtype=np.float32))


def weighted_means(inside, outside, idf):
    w, s, a, g = (4.0, 0.0), (0.0, 2.0), (1.0, 1.0), (3.0, 5.0)
    # (words between, other words) of every row, as they stand in the texts above
    words = [([("wrote", w)], [("again", g), ("ada", a)]), ([("sold", s), ("wrote", w), ("sold", s)], [])]
    words.append(([("sold", s)], [("ada", a), ("wrote", w)]))
    rows = []
    for near, far in words:
        weights = [inside * idf[name] for name, _ in near] + [outside * idf[name] for name, _ in far]
        vectors_ = [vector for _, vector in near + far]
        total = sum(weights)
        rows.append(
            [sum(weight * vector[k] for weight, vector in zip(weights, vectors_, strict=True)) / total for k in (0, 1)]
        )
    return np.array(rows)


@pytest.mark.parametrize("use_idf", [True, False])
def test_features_are_the_weighted_means_in_principal_components(use_idf):
    held = {"wrote": 3, "sold": 2, "ada": 2, "again": 1}
    idf = {word: math.log(4 / (1 + n)) + 1 if use_idf else 1.0 for word, n in held.items()}
    expected = PCA(2).fit_transform(weighted_means(1.0, 0.25, idf))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = reweighted_features(ROWS, TABLE, inside_weight=1.0, outside_weight=0.25, use_idf=use_idf, n_components=2)
    # Components may point either way: compare what the distances are made of.
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)


def test_without_weight_elsewhere_only_the_words_between_count():
    others = [row | {"text": row["text"].replace("again", "Xgain").replace("Now", "Sold")} for row in ROWS]
    same = {"outside_weight": 0.0, "n_components": 2, "use_idf": False}
    np.testing.assert_array_equal(reweighted_features(others, TABLE, **same), reweighted_features(ROWS, TABLE, **same))


def test_types_are_a_block_of_their_own():
    rows = [row | {"head": row["head"] | {"type": kind}} for row, kind in zip(ROWS, ("A", "A", "B"), strict=True)]
    plain, typed = (reweighted_features(each, TABLE, n_components=2) for each in (ROWS, rows))
    np.testing.assert_array_equal(typed[:, : plain.shape[1]], plain)
    block = typed[:, plain.shape[1] :]
    np.testing.assert_allclose(block @ block.T, [[1, 1, -1], [1, 1, -1], [-1, -1, 1]], atol=1e-5)


def test_a_text_without_a_known_word_is_zero():
    rows = [*ROWS, instance("Eve met Ira.", "Eve", "Ira")]
    found = reweighted_features(rows, TABLE, n_components=None)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.linalg.norm(found[:3], axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("linkage", ["ward", "average", "complete"])
def test_clusters_are_those_of_agglomerative_clustering(linkage):
    rows = sentences()
    features = reweighted_features(rows, vectors(), n_components=6)
    expected = AgglomerativeClustering(4, linkage=linkage).fit_predict(features)
    found = rw_hac(rows, 4, vectors(), linkage=linkage, n_components=6)
    assert clustering_report(expected, found)["ari"] == 1


def test_relations_with_words_of_their_own_are_found():
    rows = sentences(types=False)
    gold = [row["relations"][0] for row in rows]
    assert clustering_report(gold, rw_hac(rows, 4, vectors(), outside_weight=0.0))["bcubed_f1"] == 1


def test_settings_out_of_range():
    for settings, message in (
        ({"inside_weight": -1}, "`inside_weight` must be a finite number of at least 0"),
        ({"outside_weight": float("nan")}, "`outside_weight` must be"),
        ({"inside_weight": 0, "outside_weight": 0}, "both 0"),
        ({"n_components": 0}, "`n_components` must be an integer from 1 up"),
    ):
        with pytest.raises(UsageError, match=message):
            rw_hac(ROWS, 2, TABLE, **settings)
