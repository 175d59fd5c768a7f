"""openre.py with a tiny encoder: what its table says is what was measured."""

import dataclasses
import json
import statistics
from types import SimpleNamespace

import pytest
from transformers import AutoTokenizer

from hf_relation.errors import UsageError
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.training import load_experiment_data, score_model
from tests.common.tiny_benchmarks import TINY, options, read_table


@pytest.fixture(scope="module")
def openre(scripts, encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("openre")
    methods = ["--methods", "sentence", "between", "between-pca", "whitening", "more-minilm", "more-cnn"]
    argv = options(encoder, files, output, *methods, "--", *TINY)
    return output, argv, scripts.openre.main(argv)


def test_frozen_rows_are_what_the_package_scores(scripts, encoder, files, openre):
    arguments, _, _ = scripts.experiment.parse(scripts.openre.Arguments, openre[1], "")
    data = load_experiment_data(arguments)
    processor = RelationProcessor(AutoTokenizer.from_pretrained(encoder), marker_policy="none", max_length=128)
    pooling = ["head_mean", "tail_mean", "between_mean"]
    model = MOREModel.from_backbone(encoder, pooling=pooling, normalize_blocks=True, projection_dim=None).eval()
    scores, _ = score_model(model, processor, data, cluster_seeds=range(2), n_init=2, pca_components=4)
    rows = {row["method"]: row for row in openre[2]["rows"]}
    known = {
        steps: statistics.mean(s["bcubed_f1"] for s in scores["validation"][steps]) for steps in scores["validation"]
    }
    steps = {"between": "plain", "between-pca": "pca", "whitening": max(("whitening", "whitening+pca"), key=known.get)}
    for method, expected in steps.items():
        assert rows[method]["steps"] == expected
        for key in ("bcubed_f1", "homogeneity", "ari"):
            values = [score[key] for score in scores["test"][expected]]
            assert rows[method]["test"][key] == pytest.approx(statistics.mean(values))
            assert rows[method]["test"][f"{key}_sd"] == pytest.approx(statistics.stdev(values))
    assert rows["between"]["parameters"] == sum(weights.numel() for weights in model.parameters())
    assert rows["between"]["supervision"] == "none" and "known" in rows["whitening"]["supervision"]
    assert rows["between"]["seconds"]["train"] is None and rows["whitening"]["seconds"]["train"] > 0


@pytest.mark.parametrize("method", ["more-minilm", "more-cnn"])
def test_trained_rows_pool_training_and_cluster_seeds(openre, method):
    output, _, content = openre
    row = next(row for row in content["rows"] if row["method"] == method)
    (folder,) = (output / "runs").glob(f"{method}-*")
    runs = [json.loads((folder / f"seed-{seed}" / "run.json").read_text(encoding="utf-8")) for seed in (0, 1)]
    known = {
        steps: statistics.mean(score["bcubed_f1"] for run in runs for score in run["scores"]["validation"][steps])
        for steps in ("plain", "pca", "whitening", "whitening+pca")
    }
    assert row["steps"] == max(known, key=known.get) and row["steps_chosen_by"] == "held-out known relations"
    values = [score["ari"] for run in runs for score in run["scores"]["test"][row["steps"]]]
    assert len(values) == 4 and (row["training_seeds"], row["cluster_seeds"]) == (2, 2)
    assert row["test"]["ari"] == pytest.approx(statistics.mean(values))
    assert row["test"]["ari_sd"] == pytest.approx(statistics.stdev(values))
    seconds = [entry["train_runtime"] for run in runs for entry in run["history"] if "train_runtime" in entry]
    assert row["seconds"]["train"] == pytest.approx(statistics.mean(seconds))
    assert row["seen"] == "no"


def test_the_table_shows_the_figures_of_the_file(openre):
    output, _, content = openre
    written = json.loads((output / "openre.json").read_text(encoding="utf-8"))
    assert written["rows"] == content["rows"] and written["versions"]["torch"]
    markdown = (output / "openre.md").read_text(encoding="utf-8")
    header, *cells = read_table(markdown)
    assert [row[0] for row in cells] == [
        row["title"] for row in content["rows"]
    ]  # no published rows: another test set
    for row, shown in zip(content["rows"], cells, strict=True):
        f1, sd = row["test"]["bcubed_f1"], row["test"]["bcubed_f1_sd"]
        assert shown[header.index("B³ F1")] == f"{f1:.3f} ± {sd:.3f}"
        assert shown[header.index("seen")] == "no" and shown[header.index("steps")] == row["steps"]
    assert "--train_file FILE" in markdown and str(output) not in markdown and "quick" not in markdown


def test_finished_rows_are_not_made_again(scripts, openre, monkeypatch):
    output, argv, content = openre

    def never(*args, **settings):
        raise AssertionError("made again")

    with monkeypatch.context() as patch:
        patch.setattr(scripts.rows, "score_method", never)
        again = scripts.openre.main(argv)
        assert again["rows"] == content["rows"]
        fixed = scripts.openre.main([*argv[: argv.index("--")], "--variant", "pca", "--", *TINY])
        steps = {row["method"]: (row["steps"], row["steps_chosen_by"]) for row in fixed["rows"]}
        assert steps["more-cnn"] == ("pca", "--variant")  # another choice needs no other work
        assert steps["sentence"] == ("plain", "definition")
        with pytest.raises(AssertionError, match="made again"):
            scripts.openre.main([*argv[: argv.index("--")], "--n_init", "3", "--", *TINY])
    before = {path for path in (output / "runs").iterdir()}
    changed = [*argv[: argv.index("--methods")], *"--num_seeds 1 --methods more-minilm --".split(), *TINY]
    changed += ["--learning_rate", "0.01"]
    assert [row["method"] for row in scripts.openre.main(changed)["rows"]] == ["more-minilm"]
    assert len({path for path in (output / "runs").iterdir()} - before) == 1


def test_a_checkpoint_is_scored_with_its_own_steps(scripts, openre, monkeypatch):
    output, argv, content = openre
    row = next(row for row in content["rows"] if row["method"] == "more-minilm")
    (folder,) = (
        path
        for path in (output / "runs").glob("more-minilm-*")
        if (path / "results.json").is_file()
        and json.loads((path / "results.json").read_text(encoding="utf-8"))["settings"].get("learning_rate") != 0.01
    )
    method = scripts.methods.Method(
        "mine",
        "mine",
        "checkpoint",
        {"names": [str(folder / f"seed-{seed}") for seed in (0, 1)], "trained_on": "fewrel"},
        "known",
    )
    monkeypatch.setattr(scripts.openre, "METHODS", (method,))
    monkeypatch.setattr(scripts.openre, "find", lambda names: [method])
    monkeypatch.setenv("HF_RELATION_DATA", str(output))
    (mine,) = scripts.openre.main([*argv[: argv.index("--methods")]])["rows"]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    stored = results["summary"]["chosen"]
    assert mine["steps"] == stored and mine["steps_chosen_by"] == "stored with it" and mine["held_out_known"] is None
    assert mine["test"]["bcubed_f1"] == pytest.approx(results["summary"]["scores"]["test"][stored]["bcubed_f1"])
    assert mine["seen"].startswith("not checked") and mine["parameters"] == row["parameters"]


def test_seen_counts_relations_and_sentences(scripts, encoder, files, tmp_path):
    arguments, _, _ = scripts.experiment.parse(scripts.openre.Arguments, options(encoder, files, tmp_path), "")
    experiment = scripts.experiment.Experiment(arguments, [], SimpleNamespace(print=print))
    assert experiment.seen() == "no"
    leak = dict(experiment.data.test[0], relations=["other"])
    assert experiment.seen([*experiment.data.train, leak]) == "yes: 0 relations, 1 sentences"
    assert experiment.seen(experiment.data.test) == "yes: 2 relations, 10 sentences"


def test_a_choice_without_held_out_relations_is_an_error(scripts, encoder, files, tmp_path):
    argv = options(encoder, files, tmp_path, "--methods", "whitening")
    argv[argv.index("--held_out_relations") + 1] = "0"
    with pytest.raises(UsageError, match="'whitening' has a choice .* Give --variant"):
        scripts.openre.main(argv)
    rows = scripts.openre.main([*argv, "--variant", "whitening"])["rows"]
    assert rows[0]["steps"] == "whitening"


def test_quick_is_small_and_says_so(scripts, encoder, files, tmp_path, capsys):
    argv = options(encoder, files, tmp_path, "--quick", "--methods", "between", "--num_cluster_seeds", "9", "--plot")
    content = scripts.openre.main(argv)
    assert content["quick"] and content["published"] == []
    assert "**quick: not for quoting.**" in (tmp_path / "openre.md").read_text(encoding="utf-8")
    assert content["rows"][0]["cluster_seeds"] == 2
    assert (tmp_path / "openre.png").read_bytes().startswith(b"\x89PNG")
    assert "# Open relation discovery" in capsys.readouterr().out
    limited = dataclasses.replace(
        scripts.experiment.parse(scripts.openre.Arguments, argv, "")[0], held_out_relations=2
    )
    small, data = scripts.quick.quick_part(limited, load_experiment_data(limited), tmp_path / "q")
    assert max(sum(row["relations"] == [name] for row in data.train) for name in data.known_relations) <= 12
    assert data.held_out_relations and small.num_seeds == 1


def test_published_rows_stand_beside_fewrel_alone(scripts):
    header, *cells = read_table(scripts.openre.main_table([], scripts.published.PUBLISHED))
    row = next(row for row in cells if row[0].startswith("RoCORE"))
    assert row[header.index("B³ F1")] == "0.796 ± 0.011" and row[header.index("encoder")] == "BERT-base (110 M)"
    assert all("published" in row[0] for row in cells) and len(cells) == 7


@pytest.mark.parametrize("script", ["openre", "pooling_loss", "adversarial"])
def test_help_teaches(scripts, script, capsys):
    with pytest.raises(SystemExit) as stop:
        getattr(scripts, script).main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert (
        f"python examples/benchmarks/{script}.py --data_dir" in text and "--num_threads" in text and "--quick" in text
    )
    assert "--resume" not in text and "--overwrite" not in text
