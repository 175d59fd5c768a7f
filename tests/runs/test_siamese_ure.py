"""Whole Siamese-URE runs from JSONL files: nothing of them depends on a label but the scores."""

import json

import pytest
import torch
from transformers import AutoModel

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import UsageError
from hf_relation.metrics import clustering_report
from hf_relation.models.siamese_ure import SiameseUREModel
from hf_relation.processing import RelationProcessor
from hf_relation.runs.siamese_ure import main
from hf_relation.runs.siamese_ure_arguments import parse
from hf_relation.runs.siamese_ure_building import build, load_data, with_dropout, without_upper_layers
from hf_relation.runs.siamese_ure_scoring import predicted_clusters, spread
from tests.common.tiny_models import tiny_siamese_ure
from tests.common.tiny_runs import save_tiny_encoder
from tests.common.tiny_tokenizers import sample_instances


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny-encoder"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, year in (("text", 1900), ("test", 1901)):
        rows = [row | {"text": f"{row['text']} It was so in {year}."} for row in sample_instances(20)]
        rows = [row | {end: row[end] | {"type": None} for end in ("head", "tail")} for row in rows]
        if name == "text":
            rows.append(dict(rows[0], id="leak", text=f"{sample_instances(1)[0]['text']} It was so in 1901."))
        write_jsonl(folder / f"{name}.jsonl", rows)
    return folder


def options(encoder, files, output, *more):
    return [
        *(
            "--dataset",
            "jsonl",
            "--unlabeled_file",
            str(files / "text.jsonl"),
            "--test_file",
            str(files / "test.jsonl"),
        ),
        *("--model_name_or_path", str(encoder), "--output_dir", str(output)),
        *"--use_cpu true --disable_tqdm true --bf16 false --eval_dtype float32 --logging_steps 1 --seed 5".split(),
        *"--num_train_epochs 2 --warmup_epochs 1 --batch_size 8 --neighbors 4 --neighbors_per_step 2".split(),
        *"--learning_rate 1e-3 --num_seeds 1 --num_cluster_seeds 2 --n_init 2 --pca_components 4 --max_length 96".split(),
        *more,
    ]


@pytest.fixture(scope="module")
def finished(encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "tiny"
    more = "--init_clusters kmeans --over_neighbors mean --analyse_neighbors --variant pca --num_seeds 2".split()
    return output, main(options(encoder, files, output, *more))


def test_results_hold_scores_before_and_after_the_spread_and_the_history(finished):
    output, returned = finished
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    assert results == json.loads(json.dumps(returned))
    assert results["method"] == "Siamese-URE" and results["encoder"].startswith("tiny-encoder")
    assert results["counts"] == {"unlabeled_dropped_sentence_in_test": 1, "unlabeled": 20, "validation": 0, "test": 20}
    assert results["relations"]["known"] == [] and len(results["relations"]["novel"]) == results["num_clusters"]
    assert results["summary"]["chosen"] == "pca" and results["published"] is None
    assert [run["seed"] for run in results["runs"]] == [5, 6]
    for run in results["runs"]:
        assert set(run["before"]["test"]) == {"plain", "pca"} and set(run["scores"]["test"]) == {
            "plain",
            "pca",
            "head",
        }
        assert 0 < run["collapse"]["spread_before"] <= 1 and 0 < run["collapse"]["spread_after"] <= 1
        steps = [entry for entry in run["history"] if "loss" in entry]
        assert len(steps) == 4 and ["cluster_loss" in entry for entry in steps] == [False, False, True, True]
        assert run["collapse"]["lowest_output_spread"] == min(entry["output_spread"] for entry in steps)
        assert [entry["epoch"] for entry in run["history"] if "gold_neighbor_accuracy" in entry] == [1]
    values = [score["ari"] for run in results["runs"] for score in run["before"]["test"]["plain"]]
    assert results["before"]["scores"]["test"]["plain"]["ari"] == pytest.approx(sum(values) / 4)
    assert str(output) not in json.dumps(results["settings"])


def test_the_checkpoint_gives_the_figures_of_the_file_everywhere_it_is_loaded(finished, files):
    output, results = finished
    test = list(read_jsonl(files / "test.jsonl"))
    gold = [row["relations"][0] for row in test]
    for run in results["runs"]:
        folder = output / f"seed-{run['seed']}"
        model = AutoModel.from_pretrained(str(folder))
        assert isinstance(model, SiameseUREModel) and (folder / "README.md").is_file()
        discovery = RelationDiscovery.from_pretrained(
            folder, num_relations=results["num_clusters"], seed=1, n_init=2, dtype="float32"
        )
        report = clustering_report(gold, discovery.fit_predict(test).labels)
        assert report["bcubed_f1"] == pytest.approx(run["scores"]["test"]["pca"][1]["bcubed_f1"])
        logits = model.eval()(**RelationProcessor.from_pretrained(str(folder))(test)).cluster_logits
        report = clustering_report(gold, logits.argmax(dim=1).numpy())
        assert report["bcubed_f1"] == pytest.approx(run["scores"]["test"]["head"][0]["bcubed_f1"])


def test_labels_of_the_text_change_nothing(encoder, files, finished, tmp_path):
    rows = [row | {"relations": []} for row in read_jsonl(files / "text.jsonl")]
    write_jsonl(tmp_path / "text.jsonl", rows)
    more = "--init_clusters kmeans --over_neighbors mean --variant pca".split()
    results = main(options(encoder, files, tmp_path / "run", *more, "--unlabeled_file", str(tmp_path / "text.jsonl")))
    assert results["runs"][0]["scores"] == finished[1]["runs"][0]["scores"]
    with pytest.raises(UsageError, match="20 of 20 have none"):
        main(
            options(
                encoder,
                files,
                tmp_path / "gold",
                *("--unlabeled_file", str(tmp_path / "text.jsonl"), "--analyse_neighbors"),
            )
        )


def test_a_killed_run_goes_on_and_a_finished_one_is_kept(encoder, files, finished):
    output, results = finished
    (output / "seed-6" / "run.json").unlink()
    more = "--init_clusters kmeans --over_neighbors mean --analyse_neighbors --variant pca --num_seeds 2".split()
    again = main(options(encoder, files, output, *more, "--resume"))
    assert again["runs"][0] == results["runs"][0]
    assert again["runs"][1]["scores"] == results["runs"][1]["scores"]
    assert again["runs"][1]["before"] == results["runs"][1]["before"]


@pytest.mark.parametrize(
    "more, variants",
    [
        (["--use_clustering", "false"], {"plain", "pca"}),
        (["--use_projection", "false", "--warmup_epochs", "0"], {"plain", "pca", "head"}),
        (
            ["--cluster_loss", "neighbor_cosine", "--cluster_weight", "1", "--neighbors_per_step", "1"],
            {"plain", "pca"},
        ),
        (["--num_clusters", "2", "--dropout", "0.3", "--cut_layers", "--layer", "1"], {"plain", "pca", "head"}),
    ],
    ids=["without clustering", "without mappings", "neighbour cosine", "super-classes"],
)
def test_ablations(encoder, files, tmp_path, more, variants):
    results = main(options(encoder, files, tmp_path / "run", "--max_steps", "3", *more))
    run = results["runs"][0]
    assert set(run["scores"]["test"]) == variants
    config = json.loads((tmp_path / "run" / "seed-5" / "config.json").read_text())
    if "--num_clusters" in more:
        assert results["num_clusters"] == config["num_clusters"] == 2
        assert config["backbone_config"]["num_hidden_layers"] == 1
        assert config["backbone_config"]["hidden_dropout_prob"] == 0.3
    weights = [name for name, _ in AutoModel.from_pretrained(str(tmp_path / "run" / "seed-5")).named_parameters()]
    assert any("projector" in name for name in weights) == ("--use_projection" not in more)


def test_the_projector_can_stay_as_it_starts(encoder, files, tmp_path):
    arguments = options(encoder, files, tmp_path / "run", "--train_projector", "false", "--max_steps", "3")
    main(arguments)
    script, _ = parse(arguments)
    start, _ = build(script, load_data(script), seed=5)
    end = AutoModel.from_pretrained(str(tmp_path / "run" / "seed-5")).state_dict()
    moved = {name.split(".")[0] for name, weight in start.state_dict().items() if not torch.equal(end[name], weight)}
    assert moved == {"backbone", "predictor", "cluster_head"}


def test_held_out_known_relations_play_the_unlabelled_ones(encoder, files, tmp_path):
    arguments = options(
        encoder, files, tmp_path / "run", "--novel", "held-out", "--train_file", str(files / "text.jsonl")
    )
    for name in ("--unlabeled_file", "--test_file"):
        position = arguments.index(name)
        del arguments[position : position + 2]
    arguments += "--held_out_relations 2 --validation_per_relation 2 --max_steps 2 --neighbors 2".split()
    results = main(arguments)
    relations = results["relations"]
    assert relations["known"] == relations["held_out"] == [] and len(relations["novel"]) == 2
    assert results["counts"]["test"] == 4 and results["counts"]["unlabeled"] > 2 and results["published"] is None


def test_typed_markers_take_the_types_of_the_text(encoder, files, tmp_path):
    for name in ("text", "test"):
        rows = list(read_jsonl(files / f"{name}.jsonl"))
        for row in rows:
            row["head"]["type"], row["tail"]["type"] = "PER", "LOC"
        write_jsonl(tmp_path / f"{name}.jsonl", rows)
    main(options(encoder, tmp_path, tmp_path / "run", "--marker_policy", "typed", "--max_steps", "1"))
    tokenizer = json.loads((tmp_path / "run" / "seed-5" / "tokenizer.json").read_text())
    added = {token["content"] for token in tokenizer["added_tokens"]}
    assert {"[E1:PER]", "[E2:LOC]"} <= added


def test_dropout_is_set_in_the_encoder_alone_and_keeps_the_weights():
    model, _ = tiny_siamese_ure()
    other = with_dropout(model, 0.4)
    assert {module.p for module in other.modules() if isinstance(module, torch.nn.Dropout)} == {0.4}
    assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == {0.1}
    for name, weight in other.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name])


@pytest.mark.parametrize("layer", [1, -2])
def test_without_the_layers_above_the_representations_are_the_same(layer):
    model, processor = tiny_siamese_ure(layer=layer, pooling=["head_mean", "tail_mean"])
    cut = without_upper_layers(model).eval()
    assert len(cut.backbone.encoder.layer) == 1 and cut.config.layer == 1
    batch = processor(sample_instances(5))
    assert torch.equal(cut(**batch).embeddings, model.eval()(**batch).embeddings)
    whole, _ = tiny_siamese_ure()
    assert without_upper_layers(whole) is whole


def test_spread_and_predictions_of_rows_by_hand():
    assert spread(torch.tensor([[1.0, 0.0], [0.0, 1.0]]).numpy()) == pytest.approx(0.5**0.5)
    model, _ = tiny_siamese_ure()
    h = torch.randn(7, 64)
    with torch.no_grad():
        logits = h @ model.cluster_head.weight.T + model.cluster_head.bias
    assert predicted_clusters(model, h.numpy()).tolist() == [
        max(range(4), key=lambda k: row[k]) for row in logits.tolist()
    ]


@pytest.mark.parametrize(
    "more, message",
    [
        (["--num_clusters", "many"], "`--num_clusters` must be a number or 'true', got 'many'"),
        (["--num_clusters", "1"], "num_clusters"),
        (["--dropout", "0"], "nothing is learned"),
        (["--algorithm", "hdbscan"], "finds the number of clusters itself"),
        (["--variant", "whitening"], "takes labels"),
        (["--whitening_per_relation", "10"], "takes labels"),
        (["--neighbors", "3", "--neighbors_per_step", "4"], r"at most `--neighbors` \(3\), got 4"),
        (["--batch_size", "1"], "`--batch_size` must be at least 2"),
        (["--init_clusters", "kmeans", "--use_clustering", "false"], "no use for"),
        (["--marker_policy", "typed"], "needs entity types"),
        (["--neighbors", "20"], r"below the number of training instances \(20\), got 20"),
        (["--layer", "7"], "`layer` must be from -3 to 2"),
        (["--preset", "rocore"], "There is no preset 'rocore'. Use one of siamese-ure, siamese-ure-minilm"),
        (["--cut_layers", "--layer", "0"], "--cut_layers"),
    ],
)
def test_wrong_use_is_told_plainly(encoder, files, tmp_path, more, message):
    with pytest.raises(UsageError, match=message):
        main(options(encoder, files, tmp_path / "run", *more))


def test_text_without_rows_is_told_plainly(encoder, files, tmp_path):
    (tmp_path / "text.jsonl").write_text("")
    with pytest.raises(UsageError, match="no unlabelled instance"):
        main(options(encoder, files, tmp_path / "run", "--unlabeled_file", str(tmp_path / "text.jsonl")))


def test_help_and_presets(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parse(["--help"], command="hf-relation train siamese-ure")
    text = capsys.readouterr().out
    assert "hf-relation train siamese-ure --preset siamese-ure-minilm" in text and "ECAI 2023" in text
    # Zhang and Chen, ECAI 2023, table 1 and section 3.3
    paper = {
        "dropout": 0.1,
        "batch_size": 64,
        "warmup_epochs": 5,
        "neighbors": 20,
        "neighbors_per_step": None,
        "cluster_weight": 0.5,
        "cluster_loss": "scan",
        "over_neighbors": "sum",
        "num_clusters": "10",
        "pooling": ["head_marker", "tail_marker"],
        "optim": "sgd",
        "optim_args": "momentum=0.9",
        "learning_rate": 1e-5,
        "weight_decay": 1e-4,
        "num_train_epochs": 20,
        "lr_scheduler_type": "cosine",
    }
    script, args = parse(["--preset", "siamese-ure", "--use_cpu", "true", "--output_dir", str(tmp_path)])
    found = vars(args) | vars(script)
    assert {name: found[name] for name in paper} == paper
