"""openre.py's rows of baselines, of rows that the data cannot give, and of training runs other than MORE's."""

import json
import statistics
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from hf_relation.baselines import (
    RelationalSiameseNetwork,
    entity_type_relations,
    relation_topics,
    rw_hac,
    word_piece_vectors,
)
from hf_relation.data import WordVectors, read_jsonl, write_jsonl
from hf_relation.embedding import embed_instances
from hf_relation.errors import UsageError
from hf_relation.metrics import clustering_report
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.training import limit_per_relation, load_experiment_data, score_clusterings
from tests.common.tiny_benchmarks import options, read_table
from tests.common.tiny_runs import write_tiny_word_vectors


ROWS = ("adaptive", "rw-hac", "entity-types", "topics", "rsn", "siamese-ure", "rocore")


@pytest.fixture(scope="module")
def openre(scripts, encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("openre")
    argv = options(encoder, files, output, "--methods", *ROWS, "--plot")
    content = scripts.openre.main(argv)
    arguments, _, _ = scripts.experiment.parse(scripts.openre.Arguments, argv, "")
    return SimpleNamespace(
        output=output,
        argv=argv,
        content=content,
        rows={row["method"]: row for row in content["rows"]},
        data=load_experiment_data(arguments),
        markdown=(output / "openre.md").read_text(encoding="utf-8"),  # a later call writes its own
    )


def gold(rows):
    return [row["relations"][0] for row in rows]


def check_means(row, figures, *, key="test"):
    for name in ("bcubed_f1", "v_measure", "ari"):
        values = [each[name] for each in figures]
        assert row[key][name] == pytest.approx(statistics.mean(values))
        assert row[key][f"{name}_sd"] == pytest.approx(statistics.stdev(values) if len(values) > 1 else 0.0)


def test_rw_hac_over_the_word_pieces_of_the_encoder(openre, encoder):
    table = AutoModel.from_pretrained(encoder).get_input_embeddings().weight.detach().numpy()
    row, tokenizer = openre.rows["rw-hac"], AutoTokenizer.from_pretrained(encoder)
    for key, instances in (("test", openre.data.test), ("held_out_known", openre.data.validation)):
        vectors = word_piece_vectors(instances, tokenizer, table)
        labels = rw_hac(instances, len(set(gold(instances))), vectors)
        check_means(row, [clustering_report(gold(instances), labels)], key=key)
    assert row["steps"] == "its own" and row["steps_chosen_by"] == "definition" and row["cluster_seeds"] == 1
    assert row["supervision"] == "none" and row["parameters"] is None and row["seconds"]["encode"] is None


def test_rw_hac_over_word_vectors_of_a_file(scripts, openre, tmp_path):
    path = write_tiny_word_vectors(tmp_path / "vectors.txt")
    argv = [*openre.argv[: openre.argv.index("--methods")], "--methods", "rw-hac", "--word_vectors", str(path)]
    (row,) = scripts.openre.main(argv)["rows"]
    words, *vectors = zip(*(line.split() for line in path.read_text(encoding="utf-8").splitlines()), strict=True)
    table = WordVectors(
        list(words), torch.tensor([[float(x) for x in each] for each in zip(*vectors, strict=True)]).numpy()
    )
    check_means(row, [clustering_report(gold(openre.data.test), rw_hac(openre.data.test, 2, table))])
    assert row["encoder"] == "word vectors (6 wide)"


def test_topics_and_entity_types_with_every_cluster_seed(openre):
    test, number = openre.data.test, 2
    topics = [clustering_report(gold(test), relation_topics(test, number, seed=seed)) for seed in range(2)]
    check_means(openre.rows["topics"], topics)
    types = [clustering_report(gold(test), entity_type_relations(test, number, seed=seed)) for seed in range(2)]
    check_means(openre.rows["entity-types"], types)


def test_rsn_learns_from_known_relations_with_every_training_seed(scripts, openre, encoder):
    processor = RelationProcessor(AutoTokenizer.from_pretrained(encoder), marker_policy="none", max_length=128)
    pooling = ["head_mean", "tail_mean", "between_mean"]
    model = MOREModel.from_backbone(encoder, pooling=pooling, normalize_blocks=True, projection_dim=None).eval()
    known = limit_per_relation(openre.data.train, 100)
    features, test = embed_instances(model, processor, known), embed_instances(model, processor, openre.data.test)
    reports = []
    for seed in (0, 1):
        network = RelationalSiameseNetwork(seed=seed, resolution=2.0).fit(features, gold(known))
        reports.append(clustering_report(gold(openre.data.test), network.predict(test)))
    row = openre.rows["rsn"]
    check_means(row, reports)
    assert row["test"]["num_clusters"] == statistics.mean(report["num_clusters"] for report in reports)
    assert row["training_seeds"] == 2 and row["seconds"]["train"] > 0
    assert (
        row["parameters"] == sum(weights.numel() for weights in model.parameters()) + 256 * (features.shape[1] + 2) + 1
    )
    assert f"{row['title']}: {row['test']['num_clusters']:.1f} ± " in openre.markdown


def test_adaptive_clustering_over_the_same_features_as_k_means(scripts, openre, encoder):
    processor = RelationProcessor(AutoTokenizer.from_pretrained(encoder), marker_policy="none", max_length=128)
    model = MOREModel.from_backbone(
        encoder, pooling=["head_mean", "tail_mean", "between_mean"], normalize_blocks=True, projection_dim=None
    ).eval()
    rows = embed_instances(model, processor, openre.data.test)
    scores = score_clusterings(rows, gold(openre.data.test), seeds=range(2), n_init=2, algorithm="adaptive")
    check_means(openre.rows["adaptive"], scores)


def test_rows_that_the_data_cannot_give_say_why(scripts, openre, encoder, files, tmp_path):
    assert openre.rows["rocore"]["skipped"] == openre.rows["siamese-ure"]["skipped"]
    assert "no unlabelled text" in openre.rows["rocore"]["skipped"]
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("known", "novel"):
        rows = list(read_jsonl(files / f"{name}.jsonl"))
        without = [row | {role: row[role] | {"type": None} for role in ("head", "tail")} for row in rows]
        write_jsonl(bare / f"{name}.jsonl", without)
    content = scripts.openre.main(options(encoder, bare, tmp_path / "out", "--methods", "entity-types", "sentence"))
    types, sentence = sorted(content["rows"], key=lambda row: row["method"])
    assert types["skipped"] == "the corpus has no entity types" and "test" in sentence
    markdown = (tmp_path / "out" / "openre.md").read_text(encoding="utf-8")
    header, *cells = read_table(markdown)
    (row,) = (row for row in cells if row[0] == "entity types")
    assert (
        row[header.index("steps")] == "not made: the corpus has no entity types" and row[header.index("B³ F1")] == ""
    )
    assert len(read_table(markdown, 1)) == 1 + 1  # held-out known relations: the other row alone


def test_the_plot_leaves_rows_out_that_were_not_made(openre):
    assert (openre.output / "openre.png").read_bytes().startswith(b"\x89PNG")
    made = [row for row in openre.content["rows"] if "skipped" not in row]
    assert len(made) == len(ROWS) - 2


class FakeRun:
    """A run that writes down what it is told, in the place of `hf_relation.runs.NAME.main`."""

    def __init__(self, scores):
        self.argv = None
        self.scores = scores

    def main(self, argv):
        self.argv = list(argv)
        history = [{"train_runtime": 3.0}]
        return {"encoder": "somewhere/tiny", "runs": [{"seed": 5, "scores": self.scores, "history": history}]}


@pytest.fixture
def unlabeled(files, tmp_path):
    path = tmp_path / "unlabeled.jsonl"
    rows = [
        row | {"id": f"u{row['id']}", "text": row["text"] + " So they say."}
        for row in read_jsonl(files / "novel.jsonl")
    ]
    write_jsonl(path, rows)
    return path


@pytest.mark.parametrize(("method", "run"), [("rocore", "rocore"), ("siamese-ure", "siamese_ure")])
def test_training_runs_get_shared_options_and_their_own(
    scripts, encoder, files, unlabeled, tmp_path, monkeypatch, method, run
):
    figures = clustering_report([0, 0, 1], [0, 1, 1])
    scores = {"test": {"head": [figures], "pca": [figures | {"bcubed_f1": 0.0}]}, "validation": {"pca": [figures]}}
    fake = FakeRun(scores)
    monkeypatch.setattr(scripts.experiment.importlib, "import_module", {f"hf_relation.runs.{run}": fake}.__getitem__)
    monkeypatch.setattr(scripts.scoring, "_measure", lambda *_: (1.0, {"pca": 2.0}, 30))
    argv = options(encoder, files, tmp_path, "--unlabeled_file", str(unlabeled), "--seed", "5", "--methods", method)
    content = scripts.openre.main([*argv, f"--{run}_options", "--learning_rate 0.5", "--", "--loss", "sup_con"])
    told = dict(zip(fake.argv[::2], fake.argv[1::2], strict=True))
    assert told["--preset"] == f"{method}-minilm" and told["--learning_rate"] == "0.5" and "--loss" not in told
    assert told["--unlabeled_file"] == str(unlabeled) and told["--held_out_relations"] == "2" and told["--seed"] == "5"
    assert ("--model_name_or_path" in told) == (method == "siamese-ure")  # RoCORE starts from a checkpoint of MORE
    # No label for a method without labels: the last of two options counts.
    assert told["--whitening_per_relation"] == ("0" if method == "siamese-ure" else "100")
    (row,) = content["rows"]
    if method == "rocore":
        assert row["steps"] == "head" and row["test"]["bcubed_f1"] == figures["bcubed_f1"]
        assert row["held_out_known"] is None and row["seconds"] == {"train": 3.0, "encode": 1.0, "cluster": None}
    else:
        assert row["steps"] == "pca" and row["seconds"]["cluster"] == 2.0
    assert row["encoder"] == "tiny" and row["seen"] == "no" and row["parameters"] == 30
    assert content["training_options"][run] == ["--learning_rate", "0.5"]


def test_rows_of_real_runs_on_unlabelled_text(scripts, encoder, files, unlabeled, tmp_path):
    start = MOREModel.from_backbone(encoder, pooling=["head_mean", "tail_mean"], projection_dim=None)
    start.save_pretrained(tmp_path / "more")
    RelationProcessor(AutoTokenizer.from_pretrained(encoder), max_length=96).save_pretrained(tmp_path / "more")
    quiet = (
        "--use_cpu true --disable_tqdm true --bf16 false --save_strategy no --num_train_epochs 1 --trained_layers 1"
    )
    rocore = "--fixed_pretraining_epochs 1 --labelled_per_batch 6 --unlabelled_per_batch 6 --pseudo_n_init 2"
    siamese = "--batch_size 5 --neighbors 2 --layer -1 --neighbor_components 4"
    argv = options(
        encoder, files, tmp_path / "out", "--unlabeled_file", str(unlabeled), "--methods", "rocore", "siamese-ure"
    )
    argv += [
        "--rocore_options",
        f"{quiet} {rocore} --init {tmp_path / 'more'}",
        "--siamese_ure_options",
        f"{quiet} {siamese}",
    ]
    rows = {row["method"]: row for row in scripts.openre.main(argv)["rows"]}
    for method, steps in (("rocore", "head"), ("siamese-ure", "pca")):
        (folder,) = (tmp_path / "out" / "runs").glob(f"{method}-*")
        runs = [json.loads((folder / f"seed-{seed}" / "run.json").read_text(encoding="utf-8")) for seed in (0, 1)]
        check_means(rows[method], [score for run in runs for score in run["scores"]["test"][steps]])
        assert rows[method]["steps"] == steps and rows[method]["seen"] == "no" and rows[method]["parameters"] > 0
        assert rows[method]["seconds"]["train"] > 0 and rows[method]["seconds"]["encode"] > 0
    assert rows["rocore"]["encoder"] == "more"


def test_unlabelled_sentences_of_the_test_are_seen(scripts, encoder, files, tmp_path):
    arguments, _, _ = scripts.experiment.parse(scripts.openre.Arguments, options(encoder, files, tmp_path), "")
    experiment = scripts.experiment.Experiment(arguments, [], SimpleNamespace(print=print))
    assert experiment.seen(unlabeled=experiment.data.test[:3]) == "yes: 0 relations, 3 sentences"
    assert experiment.seen([], unlabeled=[]) == "no"


def test_the_whitening_and_rsn_need_labelled_instances(scripts, openre, tmp_path):
    argv = [*openre.argv[: openre.argv.index("--methods")], "--methods", "rsn", "--whitening_per_relation", "0"]
    with pytest.raises(UsageError, match="--whitening_per_relation 0 leaves nothing of the method 'rsn'"):
        scripts.openre.main(argv)
