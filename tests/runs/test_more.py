"""Whole MORE runs that the example's tests do not have: the CNN, other algorithms, noise, used folders."""

import json

import pytest

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.metrics import clustering_report
from hf_relation.runs.building import read_words
from hf_relation.runs.more import main
from hf_relation.runs.more_arguments import parse
from tests.common.tiny_runs import save_tiny_encoder, tiny_options, write_tiny_corpus, write_tiny_word_vectors


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny-encoder"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = write_tiny_corpus(tmp_path_factory.mktemp("data"))
    write_tiny_word_vectors(folder / "vectors.txt", width=6)
    return folder


CNN = ["--encoder", "cnn", "--num_seeds", "1"]


def check_checkpoint(results, folder, files):
    """The folder alone gives the figures of results.json."""
    chosen = results["summary"]["chosen"]
    test = list(read_jsonl(files / "novel.jsonl"))
    discovery = RelationDiscovery.from_pretrained(folder, num_relations=2, seed=1, n_init=2, dtype="float32")
    report = clustering_report([row["relations"][0] for row in test], discovery.fit_predict(test).labels)
    assert report["bcubed_f1"] == pytest.approx(results["runs"][0]["scores"]["test"][chosen][1]["bcubed_f1"])


def test_a_cnn_over_a_file_of_word_vectors(files, tmp_path, capsys):
    results = main(tiny_options(None, files, tmp_path, *CNN, "--word_vectors", str(files / "vectors.txt")))
    about = "the file vectors.txt (10 words, 6 wide; texts are lower-cased)"
    assert results["word_vectors"] == about and results["encoder"] == "CNN"
    assert f"Word vectors: {about}." in " ".join(capsys.readouterr().out.split())
    config = json.loads((tmp_path / "seed-5" / "config.json").read_text())
    assert config["backbone_config"]["model_type"] == "relation_cnn"
    assert config["backbone_config"]["word_embedding_dim"] == 6 and config["projection_dim"] == 64
    card = (tmp_path / "seed-5" / "README.md").read_text()
    assert "word vectors: the file vectors.txt" in card and "base_model" not in card
    assert str(tmp_path.parent) not in card and str(files) not in (tmp_path / "results.json").read_text()
    check_checkpoint(results, tmp_path / "seed-5", files)


def test_a_cnn_that_learns_its_words_sees_the_training_texts_alone(files, tmp_path):
    rows = list(read_jsonl(files / "known.jsonl"))
    for row in rows:
        row["text"] += " Marmalade." if row["relations"][0].startswith("born_in") else " Quince."
    novel = [row | {"text": row["text"] + " Turnip turnip."} for row in read_jsonl(files / "novel.jsonl")]
    write_jsonl(tmp_path / "known.jsonl", rows)
    write_jsonl(tmp_path / "novel.jsonl", novel)
    held_out = [row for row in rows if row["relations"][0].startswith("born_in")]
    write_jsonl(tmp_path / "held_out.jsonl", held_out)
    options = ["--word_vectors", "learned", "--validation_file", str(tmp_path / "held_out.jsonl")]
    results = main(tiny_options(None, tmp_path, tmp_path / "run", *CNN, *options))
    assert results["word_vectors"].startswith("learned from a random start; vocabulary: the ")
    tokenizer = json.loads((tmp_path / "run" / "seed-5" / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    assert "quince" in vocabulary and "marmalade" not in vocabulary and "turnip" not in vocabulary
    check_checkpoint(results, tmp_path / "run" / "seed-5", tmp_path)


def test_a_cnn_over_a_word_piece_table_with_the_papers_preset_and_mean_shift(encoder, files, tmp_path, capsys):
    options = "--preset more --word_embedding_dim 8 --algorithm mean_shift --cluster_kwargs".split()
    results = main(tiny_options(encoder, files, tmp_path, *CNN, *options, '{"bandwidth": 0.4}'))
    assert results["word_vectors"] == f"the word-piece table of {encoder.name}, reduced to 8 dimensions"
    assert results["evaluation"]["algorithm"] == "mean_shift"
    assert results["evaluation"]["cluster_kwargs"] == {"bandwidth": 0.4}
    assert results["settings"]["preset"] == "more" and results["summary"]["chosen"] == "plain"
    for figures in results["summary"]["scores"]["test"].values():
        assert figures["num_clusters"] >= 1
    shown = capsys.readouterr().out
    assert "k: clusters found" in " ".join(shown.split()) and "…" not in shown
    discovery = RelationDiscovery.from_pretrained(tmp_path / "seed-5")
    assert (discovery.algorithm, discovery.algorithm_kwargs) == ("mean_shift", {"bandwidth": 0.4})
    card = (tmp_path / "seed-5" / "README.md").read_text()
    assert "clustered by mean\\_shift" in card and "k-means with" not in card
    assert any("adversarial_loss" in entry for entry in results["runs"][0]["history"])


def test_the_bandwidth_is_chosen_on_held_out_relations_and_kept_with_the_checkpoint(encoder, files, tmp_path):
    results = main(tiny_options(encoder, files, tmp_path, "--algorithm", "mean_shift"))
    assert results["evaluation"]["cluster_kwargs"] == {"bandwidth_quantile": "auto"}
    chosen = results["summary"]["chosen"]
    for run in results["runs"]:
        (quantile,) = {score["bandwidth_quantile"] for score in run["scores"]["validation"][chosen]}
        assert {score["bandwidth_quantile"] for score in run["scores"]["test"][chosen]} == {quantile}
        discovery = RelationDiscovery.from_pretrained(tmp_path / f"seed-{run['seed']}", dtype="float32")
        assert discovery.algorithm_kwargs == {"bandwidth_quantile": quantile}
        test = list(read_jsonl(files / "novel.jsonl"))
        report = clustering_report([row["relations"][0] for row in test], discovery.fit_predict(test).labels)
        assert report["bcubed_f1"] == pytest.approx(run["scores"]["test"][chosen][0]["bcubed_f1"])


def test_label_noise_is_counted_and_reaches_training(encoder, files, tmp_path, capsys):
    options = "--label_noise 0.5 --num_seeds 1 --max_steps 1".split()
    results = main(tiny_options(encoder, files, tmp_path, *options))
    assert results["counts"]["relation_replaced_by_noise"] == 10 == results["counts"]["train"] / 2
    assert results["settings"]["label_noise"] == 0.5
    assert "relation replaced by noise 10" in " ".join(capsys.readouterr().out.split())


def test_a_relation_with_one_instance_is_warned_of_and_trained_on(encoder, files, tmp_path, capsys):
    rows = list(read_jsonl(files / "known.jsonl"))
    single = rows[0] | {"id": "single", "text": rows[0]["text"] + " Once.", "relations": ["met_once"]}
    write_jsonl(tmp_path / "known.jsonl", [*rows, single])
    write_jsonl(tmp_path / "novel.jsonl", read_jsonl(files / "novel.jsonl"))
    options = "--held_out_relations 0 --variant plain --num_seeds 1 --classes_per_batch 7".split()
    results = main(tiny_options(encoder, tmp_path, tmp_path / "run", *options))
    assert "met_once" in results["relations"]["known"]
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 known relation(s) have one training instance, for example 'met_once'" in shown


@pytest.fixture(scope="module")
def finished(encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("finished") / "run"
    return output, main(tiny_options(encoder, files, output, "--num_seeds", "1"))


def test_a_finished_folder_is_kept_unless_told_otherwise(encoder, files, finished):
    output, _ = finished
    before = (output / "results.json").read_text()
    options = tiny_options(encoder, files, output, "--num_seeds", "1")
    with pytest.raises(UsageError, match="holds a run already: results.json is there"):
        main(options)
    for changed in (["--learning_rate", "0.1"], ["--label_noise", "0.5"], ["--n_init", "3"]):
        with pytest.raises(UsageError, match="started with other settings"):
            main([*options, "--resume", *changed])
    assert (output / "results.json").read_text() == before


def test_resuming_may_add_seeds_and_change_what_figures_do_not_depend_on(encoder, files, finished):
    output, results = finished
    more = main(tiny_options(encoder, files, output, "--num_seeds", "2", "--resume", "--logging_steps", "2"))
    assert [run["seed"] for run in more["runs"]] == [5, 6]
    assert more["runs"][0] == results["runs"][0]


def test_overwriting_starts_anew_and_gives_the_same_figures(encoder, files, finished):
    output, results = finished
    (output / "notes.txt").write_text("mine")
    again = main(tiny_options(encoder, files, output, "--num_seeds", "1", "--overwrite"))
    assert again["runs"][0]["scores"] == results["runs"][0]["scores"]
    assert (output / "notes.txt").read_text() == "mine" and not (output / "seed-6").exists()


@pytest.mark.parametrize(
    "content, options, error, message",
    [
        (None, [], UsageError, "does not exist"),
        ("the 1 2\nsea 1\n", [], InvalidRowError, "line 2"),
        ("the 1 2\nsea 1 3\n", ["--word_embedding_dim", "50"], UsageError, "width 2.*--word_embedding_dim 2"),
    ],
)
def test_wrong_word_vectors_are_told_before_anything_is_written(files, tmp_path, content, options, error, message):
    path = tmp_path / "vectors.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=message):
        main(tiny_options(None, files, tmp_path / "run", *CNN, "--word_vectors", str(path), *options))
    assert not (tmp_path / "run").exists()


def test_word_vectors_with_upper_case_words_keep_the_case(tmp_path):
    path = tmp_path / "cased.txt"
    path.write_text("sea 1 2\nSea 3 4\nthe 0 1\n")
    script, _ = parse(["--encoder", "cnn", "--word_vectors", str(path), "--use_cpu", "true"])
    words = read_words(script, [])
    assert words.lowercase is False and "upper and lower case are told apart" in words.about


def test_a_split_by_frequency_tests_on_relations_of_middling_size(encoder, files, tmp_path):
    sizes = {"common": 9, "also_common": 8, "a": 4, "b": 4, "c": 3, "d": 3, "rare": 2}
    rows = [
        {
            "id": f"{name}-{number}",
            "text": f"Ada number {number} {name} Bob.",
            "head": {"start": 0, "end": 3, "type": None},
            "tail": {"start": 16, "end": 18, "type": None},
            "relations": [name],
        }
        for name, size in sizes.items()
        for number in range(size)
    ]
    write_jsonl(tmp_path / "all.jsonl", rows)
    options = tiny_options(
        encoder, files, tmp_path / "run", *"--num_seeds 1 --max_steps 1 --frequency_split 3 5".split()
    )
    with pytest.raises(UsageError, match="neither `--test_file`"):
        main(options)
    for name in ("--test_file", "--train_file"):
        position = options.index(name)
        del options[position : position + 2]
    results = main([*options, "--train_file", str(tmp_path / "all.jsonl"), "--algorithm", "mean_shift"])
    relations = results["relations"]
    assert relations["known"] == ["also_common", "common", "rare"]
    assert len(relations["held_out"]) == len(relations["novel"]) == 2
    assert sorted(relations["held_out"] + relations["novel"]) == ["a", "b", "c", "d"]
    assert results["counts"]["read_before_frequency_split"] == len(rows)
