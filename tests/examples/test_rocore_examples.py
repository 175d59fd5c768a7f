"""The scripts of RoCORE: training, and one classifier for known and novel relations."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.errors import UsageError
from hf_relation.runs import rocore
from tests.common.tiny_runs import save_tiny_encoder, write_tiny_corpus


EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script():
    return load("rocore_incremental")


def test_the_training_script_is_the_run():
    assert load("train_rocore").main is rocore.main


@pytest.fixture(scope="module")
def finished(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("incremental")
    (folder / "encoder").mkdir()
    save_tiny_encoder(folder / "encoder")
    write_tiny_corpus(folder)
    texts = [row | {"id": f"t{row['id']}", "text": row["text"] + " So."} for row in read_jsonl(folder / "novel.jsonl")]
    write_jsonl(folder / "texts.jsonl", texts)
    options = [
        *(
            "--dataset",
            "jsonl",
            "--train_file",
            str(folder / "known.jsonl"),
            "--test_file",
            str(folder / "novel.jsonl"),
        ),
        *("--unlabeled_file", str(folder / "texts.jsonl"), "--model_name_or_path", str(folder / "encoder")),
        *"--use_cpu true --disable_tqdm true --max_steps 1 --labelled_per_batch 6 --unlabelled_per_batch 5".split(),
        *"--num_seeds 1 --num_cluster_seeds 1 --n_init 1 --autoencoder_dims 16 8 --max_length 96 --seed 5".split(),
        *"--fixed_pretraining_epochs 1 --whitening_per_relation 0".split(),
        *("--output", str(folder / "out"), "--fractions", "1", "0.5", "--known_test", "1"),
    ]
    return folder, options, script.main(options)


def test_figures_of_both_methods_for_every_fraction(finished):
    folder, _, found = finished
    assert json.loads((folder / "out" / "incremental.json").read_text()) == json.loads(json.dumps(found))
    assert [row["fraction"] for row in found["rows"]] == [0.5, 1.0]
    assert found["tested"] == {"known": 6, "novel": 10} and found["novel_relations"] == 2
    for row in found["rows"]:
        results = json.loads((folder / "out" / f"fraction-{row['fraction']:g}" / "results.json").read_text())
        assert row["rocore"]["known_accuracy"] == results["runs"][0]["incremental"]["known_accuracy"]
        for method in ("rocore", "linear"):
            figures = row[method]
            expected = (6 * figures["known_accuracy"] + 10 * figures["novel_accuracy"]) / 16
            assert figures["accuracy"] == pytest.approx(expected)
    half, whole = found["rows"]
    assert half["rocore"]["labels"] < whole["rocore"]["labels"] == 24  # of 30, six are tested on
    assert whole["linear"]["labels"] == 34 and half["linear"]["labels"] < 34  # and the ten novel ones
    with Image.open(folder / "out" / "incremental.png") as image:
        assert image.width > 600


def test_the_linear_classifier_is_one_on_the_representations_of_the_start(script, finished):
    folder, options, found = finished
    args, others = script.parse(options)
    linear = script.LinearClassifier(script.run_options(args, others, 1.0))
    rows, mean, scale = linear.train_rows, linear.train_rows.mean(axis=0), linear.train_rows.std(axis=0)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    classifier = LogisticRegression(max_iter=1000)
    classifier.fit((rows - mean) / scale, [row["relations"][0] for row in linear.train])
    predicted = classifier.predict((linear.test_rows["novel"] - mean) / scale)
    gold = [row["relations"][0] for row in read_jsonl(folder / "novel.jsonl")]
    assert found["rows"][1]["linear"]["novel_accuracy"] == pytest.approx(np.mean(predicted == np.array(gold)))


def test_finished_runs_are_kept(script, finished):
    folder, options, found = finished
    before = (folder / "out" / "fraction-1" / "seed-5" / "run.json").stat().st_mtime_ns
    assert script.main(options)["rows"] == found["rows"]
    assert (folder / "out" / "fraction-1" / "seed-5" / "run.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "options, message",
    [
        (["--fractions", "0"], "must be above 0 and at most 1"),
        (["--incremental", "false"], "This script sets --incremental by itself"),
        (["--output_dir=x"], "This script sets --output_dir by itself"),
    ],
)
def test_wrong_use(script, options, message):
    with pytest.raises(UsageError, match=message):
        script.main(options)
