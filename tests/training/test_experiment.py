"""Data hygiene, scoring of variants, summaries, tables and result files of a run."""

import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

from hf_relation.clustering import PrincipalComponents, cluster
from hf_relation.data import overlap
from hf_relation.embedding import embed_instances
from hf_relation.errors import UsageError
from hf_relation.metrics import clustering_report
from hf_relation.training import (
    choose_bandwidth_quantile,
    prepare_data,
    score_model,
    scores_table,
    summarize_runs,
    write_json,
)
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


def rows(relation, number, start=0):
    texts = [f"{relation} sentence number {start + i} about Ann and Bo." for i in range(number)]
    return [
        {
            "id": f"{relation}-{start + i}",
            "text": text,
            "head": {"start": text.index("Ann"), "end": text.index("Ann") + 3, "type": None},
            "tail": {"start": text.index("Bo"), "end": text.index("Bo") + 2, "type": None},
            "relations": [relation],
        }
        for i, text in enumerate(texts)
    ]


def relations(instances):
    return {name for row in instances for name in row["relations"]}


def corpus():
    return [row for name in "abcdef" for row in rows(name, 10)]


def test_parts_share_neither_relations_nor_sentences():
    test = rows("x", 5)
    train = corpus()
    train[0] = train[0] | {"text": test[0]["text"].upper()}  # another writing of a test sentence
    data = prepare_data([*train, *rows("x", 3, start=50)], test, num_held_out=2)
    assert not relations(data.train) & relations(data.validation)
    assert not (relations(data.train) | relations(data.validation)) & relations(data.test)
    assert overlap(data.train, [*data.validation, *data.test]) == overlap(data.validation, data.test) == 0
    assert data.counts["dropped_relation_in_test"] == 3
    assert data.counts["dropped_sentence_in_test"] == 1
    assert data.counts["train"] + data.counts["validation"] == 59
    assert (len(data.known_relations), len(data.held_out_relations), data.novel_relations) == (4, 2, ["x"])


def test_sentences_of_the_validation_part_leave_training():
    train = corpus()
    held_out = prepare_data(train, num_held_out=2).held_out_relations
    shared = next(row for row in train if row["relations"][0] in held_out)
    other = next(row for row in train if row["relations"][0] not in held_out)
    leak = dict(other, id="leak", text=shared["text"])
    data = prepare_data([*train, leak], num_held_out=2)
    assert data.counts["dropped_sentence_in_validation"] == 1
    assert "leak" not in {row["id"] for row in data.train}


def test_given_validation_relations_leave_training():
    data = prepare_data(corpus(), rows("x", 4), validation=rows("a", 6, start=90))
    assert relations(data.validation) == {"a"} and "a" not in relations(data.train)
    assert data.counts["dropped_relation_in_validation"] == 10
    with pytest.raises(UsageError, match="in the validation and in the test data, for example 'x'"):
        prepare_data(corpus(), rows("x", 4), validation=rows("x", 2, start=90))


def test_other_evaluation_sets_and_unclear_rows_are_left_out():
    train = corpus()
    train[3] = train[3] | {"relations": ["a", "b"]}
    train[4] = train[4] | {"relations": []}
    data = prepare_data(train, other_evaluation_sets=[train[10:12]], num_held_out=0)
    assert data.counts["dropped_without_single_relation"] == 2
    assert data.counts["dropped_sentence_in_test"] == 2
    assert data.counts["train"] == 56 and data.validation == [] and data.test == []


def test_limits_are_deterministic_and_do_not_touch_the_test():
    first = prepare_data(corpus(), rows("x", 9), num_held_out=2, validation_per_relation=3, max_train_instances=7)
    again = prepare_data(corpus(), rows("x", 9), num_held_out=2, validation_per_relation=3, max_train_instances=7)
    assert first == again
    assert (len(first.train), len(first.validation), len(first.test)) == (7, 6, 9)


def test_nothing_left_to_train_on_is_an_error_that_says_why():
    with pytest.raises(UsageError, match="'dropped_relation_in_test': 10"):
        prepare_data(rows("x", 10), rows("x", 3, start=50), num_held_out=0)


def test_every_variant_is_scored_for_every_cluster_seed():
    model, processor = tiny_more("bert")
    known = [row for row in sample_instances(20) if row["relations"] != ["spouse_of"]]
    novel = [row for row in sample_instances(20) if row["relations"] == ["spouse_of"]]
    data = prepare_data(known, novel, num_held_out=1, validation_per_relation=4)
    scores, whitening = score_model(model, processor, data, cluster_seeds=(0, 1, 2), n_init=2, pca_components=2)
    assert set(scores) == {"validation", "test"}
    for variants in scores.values():
        assert list(variants) == ["plain", "pca", "whitening", "whitening+pca"]
        for figures in variants.values():
            assert len(figures) == 3 and all(isinstance(value, float) for value in figures[0].values())
    assert whitening.n_features_in_ == model.config.embedding_dim
    plain, none = score_model(model, processor, data, cluster_seeds=(0,), n_init=2, whitening_per_relation=0)
    assert none is None and list(plain["test"]) == ["plain", "pca"]
    assert plain["test"]["plain"][0] == scores["test"]["plain"][0]


def tiny_data():
    known = [row for row in sample_instances(20) if row["relations"] not in (["spouse_of"], ["flows_into"])]
    novel = [row for row in sample_instances(20) if row["relations"] in (["spouse_of"], ["flows_into"])]
    validation = [row | {"relations": [f"{row['relations'][0]}_{i % 2}"]} for i, row in enumerate(known[5:])]
    return prepare_data(known[:5], novel, validation=validation)


def test_an_automatic_quantile_is_chosen_on_known_relations_and_used_on_the_test():
    model, processor = tiny_more("bert")
    data = tiny_data()
    settings = dict(cluster_seeds=(0, 1), pca_components=2, whitening_per_relation=0, algorithm="mean_shift")
    scores, _ = score_model(model, processor, data, cluster_kwargs={"bandwidth_quantile": "auto"}, **settings)
    for part, instances in (("validation", data.validation), ("test", data.test)):
        embeddings = embed_instances(model, processor, instances, dtype="float32")
        for variant, components in (("plain", None), ("pca", 2)):
            (figures,) = scores[part][variant]  # no chance: one entry, not one for every seed
            chosen = scores["validation"][variant][0]["bandwidth_quantile"]
            assert figures["bandwidth_quantile"] == chosen
            rows = embeddings if components is None else PrincipalComponents(2).fit(embeddings).transform(embeddings)
            labels = cluster(rows, "mean_shift", bandwidth_quantile=chosen)
            gold = [row["relations"][0] for row in instances]
            assert figures["bcubed_f1"] == pytest.approx(clustering_report(gold, labels)["bcubed_f1"])
            assert figures["num_clusters"] == len(set(labels.tolist()))
    embeddings = embed_instances(model, processor, data.validation, dtype="float32")
    choice = choose_bandwidth_quantile(embeddings, [row["relations"][0] for row in data.validation])
    assert scores["validation"]["plain"][0]["bandwidth_quantile"] == choice.quantile


def test_test_labels_do_not_move_the_quantile():
    model, processor = tiny_more("bert")
    data = tiny_data()
    other = [row | {"relations": [f"x{i % 3}"]} for i, row in enumerate(data.test)]
    settings = dict(
        whitening_per_relation=0,
        algorithm="mean_shift",
        cluster_kwargs={"bandwidth_quantile": "auto"},
        pca_components=2,
    )
    first, _ = score_model(model, processor, data, **settings)
    again, _ = score_model(model, processor, dataclasses.replace(data, test=other), **settings)
    assert first["validation"] == again["validation"]
    for variant in ("plain", "pca"):
        values = [scores["test"][variant][0] for scores in (first, again)]
        assert values[0]["bandwidth_quantile"] == values[1]["bandwidth_quantile"]
        assert values[0]["num_clusters"] == values[1]["num_clusters"]


def test_quantiles_of_several_runs_are_summarised():
    scored = [run(0, {"plain": 0.5}, {"plain": 0.4}), run(1, {"plain": 0.6}, {"plain": 0.3})]
    for each, quantile in zip(scored, (0.02, 0.04), strict=True):
        for variants in each["scores"].values():
            variants["plain"] = [score | {"bandwidth_quantile": quantile} for score in variants["plain"]]
    assert summarize_runs(scored)["scores"]["test"]["plain"]["bandwidth_quantile"] == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"cluster_kwargs": {"bandwidth_quantile": "auto"}}, 'setting of "mean_shift", not of "kmeans"'),
        ({"cluster_kwargs": {"bandwidth": 0.5}}, "no setting 'bandwidth'"),
        ({"algorithm": "mean_shift", "cluster_kwargs": {"bandwidth_quantile": 7}}, "got 7"),
        ({"algorithm": "mean_shift", "cluster_kwargs": {"bandwidth_quantile": "auto", "bandwidth": 1}}, "not both"),
        (
            {"algorithm": "mean_shift", "cluster_kwargs": {"bandwidth_quantile": "auto"}},
            "held-out known .*there are 0",
        ),
        ({"algorithm": "dbscan"}, "one of kmeans, agglomerative"),
    ],
)
def test_settings_of_the_clustering_are_checked_before_anything_is_embedded(arguments, said):
    data = dataclasses.replace(tiny_data(), validation=[])
    with pytest.raises(UsageError, match=said):
        score_model(None, None, data, **arguments)


def run(seed, validation, test):
    def figures(value):
        return [{key: value + delta for key in KEYS} for delta in (-0.1, 0.1)]

    return {
        "seed": seed,
        "scores": {
            "validation": {name: figures(value) for name, value in validation.items()},
            "test": {name: figures(value) for name, value in test.items()},
        },
    }


KEYS = ("bcubed_precision", "bcubed_recall", "bcubed_f1", "v_measure", "homogeneity", "completeness", "ari")
RUNS = [
    run(0, {"plain": 0.5, "pca": 0.7}, {"plain": 0.9, "pca": 0.3}),
    run(1, {"plain": 0.6, "pca": 0.8}, {"plain": 0.8, "pca": 0.4}),
]


def test_the_choice_is_made_on_known_relations_even_when_the_test_would_choose_otherwise():
    summary = summarize_runs(RUNS)
    assert (summary["chosen"], summary["best_run"]) == ("pca", 1)
    assert summary["scores"]["test"]["pca"]["ari"] == pytest.approx(0.35)
    assert summary["scores"]["test"]["pca"]["ari_sd"] == pytest.approx(np.std([0.2, 0.4, 0.3, 0.5], ddof=1))


def test_the_table_fits_a_terminal_and_has_every_figure():
    output = io.StringIO()
    Console(file=output, width=80).print(scores_table(summarize_runs(RUNS), title="MORE on [b]x[/b]"))
    text = output.getvalue()
    assert "…" not in text
    assert all(name in text for name in ("B³ F1", "ARI", "known plain", "novel pca", "0.350", "±0.129"))


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "results.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_a_variant_chosen_before_is_kept_and_an_unscored_one_refused():
    assert summarize_runs(RUNS, variant="plain")["chosen"] == "plain"
    with pytest.raises(UsageError, match="`variant` 'whitening' was not scored on the validation part .*plain, pca"):
        summarize_runs(RUNS, variant="whitening")
