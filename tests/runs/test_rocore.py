"""Whole RoCORE runs from JSONL files to checkpoints, figures, cards and maps."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
from transformers import AutoModel, pipeline

from hf_relation.cli import app
from hf_relation.clustering import cluster
from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import UsageError
from hf_relation.metrics import bcubed, clustering_report, hungarian_accuracy
from hf_relation.models.more import MOREModel
from hf_relation.models.rocore import RoCOREModel
from hf_relation.pipelines import TASK
from hf_relation.processing import RelationProcessor
from hf_relation.runs.rocore import main
from tests.common.tiny_models import tiny_more
from tests.common.tiny_runs import save_tiny_encoder, write_tiny_corpus


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny-encoder"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = write_tiny_corpus(tmp_path_factory.mktemp("data"))
    novel = list(read_jsonl(folder / "novel.jsonl"))
    texts = [row | {"id": f"text-{row['id']}", "text": row["text"] + " Indeed."} for row in novel]
    write_jsonl(folder / "texts.jsonl", texts)
    return folder


def options(encoder, files, output, *more):
    return [
        *("--dataset", "jsonl", "--train_file", str(files / "known.jsonl"), "--test_file", str(files / "novel.jsonl")),
        *("--unlabeled_file", str(files / "texts.jsonl"), "--output_dir", str(output)),
        *(("--model_name_or_path", str(encoder)) if encoder is not None else ()),
        *"--use_cpu true --disable_tqdm true --num_train_epochs 2 --labelled_per_batch 6 --unlabelled_per_batch 5".split(),
        *"--num_seeds 1 --num_cluster_seeds 2 --n_init 2 --pca_components 4 --autoencoder_dims 16 8 --max_length 96".split(),
        *"--fixed_pretraining_epochs 2 --logging_steps 1 --seed 5 --eval_num_seeds 1 --eval_n_init 2".split(),
        *more,
    ]


@pytest.fixture(scope="module")
def finished(encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "tiny rocore"
    more = "--num_seeds 2 --incremental true --known_test_per_relation 1 --tsne true --log_gold true --pretraining_epochs 1"
    return output, main(options(encoder, files, output, *more.split()))


def test_results_hold_figures_learning_curves_and_the_start(finished, encoder):
    output, returned = finished
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    assert results == json.loads(json.dumps(returned))
    assert results["method"] == "RoCORE" and results["encoder"] == encoder.name and results["novel"] == "test"
    assert not results["selected_on_gold"] and results["num_novel_relations"] == 2
    assert results["counts"]["unlabeled"] == 10 and results["counts"]["known_test"] == 6
    assert [run["seed"] for run in results["runs"]] == [5, 6]
    for run in results["runs"]:
        assert set(run["scores"]) == {"test"} and set(run["before"]["test"]) == {
            "plain",
            "pca",
            "whitening",
            "whitening+pca",
        }
        assert set(run["scores"]["test"]) == {
            *run["before"]["test"],
            "head",
            "transductive",
            "transductive, whitening+pca",
        }
        curve = [entry for entry in run["history"] if "gold_bcubed_f1" in entry]
        assert [entry["epoch"] for entry in curve] == [1]
        assert sum("pairwise_loss" in entry for entry in run["history"]) == 4
    values = [run["scores"]["test"]["head"][0]["bcubed_f1"] for run in results["runs"]]
    summary = results["summary"]
    assert summary["chosen"] == "head" and summary["scores"]["test"]["head"]["bcubed_f1"] == pytest.approx(
        sum(values) / 2
    )
    # The start is the same encoder for both seeds; only the new parts differ.
    assert results["runs"][0]["before"] == results["runs"][1]["before"]
    assert not any(str(output) in str(value) for value in results["settings"].values())


def loaded(folder):
    return AutoModel.from_pretrained(folder).eval(), RelationProcessor.from_pretrained(folder)


def test_the_figures_are_those_of_the_checkpoint(finished, files):
    output, results = finished
    model, processor = loaded(output / "seed-5")
    assert isinstance(model, RoCOREModel)
    rows = {name: list(read_jsonl(files / f"{name}.jsonl")) for name in ("novel", "texts")}
    gold = [row["relations"][0] for row in rows["novel"]]
    with torch.no_grad():
        found = {name: model(**processor(part)) for name, part in rows.items()}
    scores = results["runs"][0]["scores"]["test"]
    predicted = found["novel"].novel_logits.argmax(dim=1).numpy()
    assert scores["head"] == [pytest.approx(figures(gold, predicted))]
    embeddings = {name: output.embeddings.numpy() for name, output in found.items()}
    for seed in (0, 1):
        labels = cluster(embeddings["novel"], "kmeans", 2, seed=seed, n_init=2)
        assert scores["plain"][seed] == pytest.approx(figures(gold, labels))
        labels = cluster(embeddings["texts"], "kmeans", 2, seed=seed, n_init=2)
        centers = np.stack([embeddings["texts"][labels == number].mean(axis=0) for number in (0, 1)])
        distances = ((embeddings["novel"][:, None] - centers) ** 2).sum(axis=-1)
        assert scores["transductive"][seed] == pytest.approx(figures(gold, distances.argmin(axis=1)))


def figures(gold, predicted):
    return {key: value for key, value in clustering_report(gold, predicted).items() if isinstance(value, float)}


def test_one_classifier_is_scored_on_known_and_novel_relations(finished, files):
    output, results = finished
    model, processor = loaded(output / "seed-5")
    known = results["relations"]["known"]
    test = list(read_jsonl(files / "novel.jsonl"))
    gold = [row["relations"][0] for row in test]
    with torch.no_grad():
        predicted = model(**processor(test)).known_logits.argmax(dim=1).numpy()
    found = results["runs"][0]["incremental"]
    novel = predicted >= len(known)
    right = (
        hungarian_accuracy([name for name, is_novel in zip(gold, novel, strict=True) if is_novel], predicted[novel])
        if novel.any()
        else 0
    )
    assert found["novel_predicted"] == pytest.approx(novel.mean())
    assert found["novel_accuracy"] == pytest.approx(right * novel.mean())
    assert found["novel_bcubed_f1"] == pytest.approx(bcubed(gold, predicted)["bcubed_f1"])
    assert 0 <= found["known_accuracy"] <= 1
    assert found["accuracy"] == pytest.approx((6 * found["known_accuracy"] + 10 * found["novel_accuracy"]) / 16)


def test_the_checkpoint_is_a_model_a_pipeline_and_a_discovery(finished, files):
    folder = finished[0] / "seed-6"
    test = list(read_jsonl(files / "novel.jsonl"))
    found = pipeline(TASK, model=str(folder), device="cpu", num_relations=2)(test)
    discovery = RelationDiscovery.from_pretrained(folder, num_relations=2)
    assert found == discovery.fit_predict(test).to_dict()
    assert discovery.embed(test).shape == (10, 8)


def test_the_card_says_what_was_learned_from(finished):
    text = (finished[0] / "seed-5" / "README.md").read_text(encoding="utf-8")
    assert "A pair encoder (RoCORE)" in text and "unlabelled text that mentions pairs of the novel ones" in text
    assert "predicted by the novel classifier (chosen)" in text and "MORE" not in text
    assert "Optimistic" not in text and "| unlabeled | 10 |" in text


def test_the_map_has_three_panels(finished):
    from PIL import Image

    folder = finished[0] / "seed-5"
    with Image.open(folder / "embedding-map.png") as image:
        assert image.width > 2.5 * image.height
    assert not list(folder.glob("map-*.npy"))


def test_a_resumed_run_ends_with_the_same_figures(encoder, files, tmp_path):
    plain = options(encoder, files, tmp_path, "--num_train_epochs", "3", "--save_total_limit", "3")
    whole = main(plain)
    # Interrupted after the second epoch: what is left is a checkpoint.
    for path in (tmp_path / "seed-5").iterdir():
        if path.is_file():
            path.unlink()
        elif path.name != "checkpoint-4":
            shutil.rmtree(path)
    (tmp_path / "results.json").unlink()
    resumed = main([*plain, "--resume", "true"])
    assert resumed["runs"][0]["scores"] == whole["runs"][0]["scores"]
    assert main([*plain, "--resume", "true"])["runs"] == resumed["runs"]  # nothing is left to do
    with pytest.raises(UsageError, match="holds a run already"):
        main(plain)


def test_from_a_checkpoint_of_more_everything_is_taken_over(files, tmp_path):
    more, processor = tiny_more("bert", pooling=["head_mean", "between_mean"], normalize_blocks=True, layer=1)
    for part in (more, processor):
        part.save_pretrained(tmp_path / "more")
    init = ("--init", str(tmp_path / "more"))
    results = main(options(None, files, tmp_path / "run", *init, "--max_steps", "1"))
    assert results["encoder"] == "more" and results["settings"]["init"] == str(tmp_path / "more")
    model, kept = loaded(tmp_path / "run" / "seed-5")
    assert (model.config.pooling, model.config.normalize_blocks) == (["head_mean", "between_mean"], True)
    assert model.config.pooled_layer == 1 and kept.marker_policy == "entity"
    start = MOREModel.from_pretrained(tmp_path / "more").state_dict()
    moved = {
        name.split(".layer.")[-1].split(".")[0]
        for name, value in model.state_dict().items()
        if name.startswith("backbone") and not torch.equal(value, start[name])
    }
    assert moved == {"0"}  # the pooled layer alone, the first
    with pytest.raises(UsageError, match=r"`--trained_layers` 1 lies above .*\(those after 1 of 2 layers\)"):
        main(options(None, files, tmp_path / "x", "--init", str(tmp_path / "more"), "--trained_layers", "1"))


def test_held_out_known_relations_in_the_place_of_novel_ones(encoder, files, tmp_path):
    more = "--novel held-out --held_out_relations 2 --validation_per_relation 2 --max_steps 2 --select_by agreement"
    results = main(options(encoder, files, tmp_path, *more.split()))
    assert results["published"] is None and results["novel"] == "held-out"
    assert len(results["relations"]["novel"]) == 2 and results["relations"]["held_out"] == []
    assert not any("spouse" in name for names in results["relations"].values() for name in names)
    assert any("eval_agreement" in entry for entry in results["runs"][0]["history"])
    card = (tmp_path / "seed-5" / "README.md").read_text(encoding="utf-8")
    assert "held-out known relations in the place of novel ones" in card and "novel relations (test)" not in card


def test_choosing_by_gold_is_said_to_be_optimistic_everywhere(encoder, files, tmp_path, capsys):
    results = main(options(encoder, files, tmp_path, "--select_on_gold", "true"))
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count("Optimistic: the epoch was chosen with the gold labels of the unlabelled text") == 2
    assert results["selected_on_gold"]
    card = (tmp_path / "seed-5" / "README.md").read_text(encoding="utf-8")
    assert "chosen with gold labels of the novel relations, which makes the figures optimistic" in card
    rows = [row | {"relations": []} for row in read_jsonl(files / "texts.jsonl")]
    write_jsonl(tmp_path / "texts.jsonl", rows)
    without = [
        "--unlabeled_file",
        str(tmp_path / "texts.jsonl"),
        "--output_dir",
        str(tmp_path / "b"),
        "--log_gold",
        "true",
    ]
    with pytest.raises(UsageError, match="10 of its 10 instances have none"):
        main(options(encoder, files, tmp_path, *without))


def test_gold_labels_of_the_unlabelled_text_change_nothing(encoder, files, tmp_path):
    rows = list(read_jsonl(files / "texts.jsonl"))
    shuffled = [row | {"relations": other["relations"]} for row, other in zip(rows, rows[::-1], strict=True)]
    figures = []
    for name, part in (("none", [row | {"relations": []} for row in rows]), ("wrong", shuffled)):
        write_jsonl(tmp_path / f"{name}.jsonl", part)
        more = ("--unlabeled_file", str(tmp_path / f"{name}.jsonl"), "--num_train_epochs", "1")
        figures.append(main(options(encoder, files, tmp_path / name, *more))["runs"][0]["scores"])
    assert figures[0] == figures[1]


def test_an_ablation_leaves_a_term_out(encoder, files, tmp_path):
    more = "--use_center false --use_cross_entropy false --max_steps 1".split()
    results = main(options(encoder, files, tmp_path, *more))
    (entry,) = [entry for entry in results["runs"][0]["history"] if "loss" in entry]
    assert entry["loss"] == pytest.approx(entry["reconstruction_loss"] + entry["pairwise_loss"], abs=1e-3)
    assert entry["center_loss"] > 0 and entry["cross_entropy_loss"] > 0


def test_it_stops_when_the_clusters_have_settled(encoder, files, tmp_path):
    more = "--num_train_epochs 30 --learning_rate 0 --stop_below 0.01".split()
    results = main(options(encoder, files, tmp_path, *more))
    changes = [entry["pseudo_changed"] for entry in results["runs"][0]["history"] if "pseudo_changed" in entry]
    assert changes == [0.0]


def test_the_command_line_is_the_run(encoder, files, tmp_path, monkeypatch, capsys):
    for arguments, code in (
        (["train", "rocore", *options(encoder, files, tmp_path, "--max_steps", "1")], 0),
        (["train", "rocore", "--sigma", "0", "--output_dir", str(tmp_path / "no")], 2),
    ):
        monkeypatch.setattr(sys, "argv", ["hf-relation", *arguments])
        with pytest.raises(SystemExit) as stop:
            app.main()
        assert int(stop.value.code or 0) == code
    assert (tmp_path / "results.json").is_file() and "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
