"""examples/train_siamese_ure.py and, for what it writes, examples/siamese_figures.py."""

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.discovery.encoder import load_encoder
from hf_relation.embedding import embed_instances
from hf_relation.errors import UsageError
from tests.common.tiny_runs import save_tiny_encoder
from tests.common.tiny_tokenizers import sample_instances


EXAMPLES = Path(__file__).parents[2] / "examples"


def script(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("siamese")
    (folder / "encoder").mkdir()
    save_tiny_encoder(folder / "encoder")
    for name, year in (("text", 1900), ("test", 1901)):
        write_jsonl(
            folder / f"{name}.jsonl", [row | {"text": f"{row['text']} In {year}."} for row in sample_instances(20)]
        )
    main = script("train_siamese_ure").main
    for k in (2, 4):
        main(
            [
                *("--dataset", "jsonl", "--unlabeled_file", str(folder / "text.jsonl")),
                *("--test_file", str(folder / "test.jsonl"), "--model_name_or_path", str(folder / "encoder")),
                *("--output_dir", str(folder / f"k{k}"), "--neighbors", str(k), "--warmup_epochs", "0"),
                *"--use_cpu true --disable_tqdm true --bf16 false --max_steps 2 --batch_size 8 --num_seeds 1".split(),
                *"--num_cluster_seeds 2 --n_init 2 --pca_components 4 --max_length 96 --seed 0".split(),
            ]
        )
    return folder


def test_all_figures_of_a_run(folder, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    checkpoint = folder / "k4" / "seed-0"
    results = script("siamese_figures").main(
        [
            *(
                "--checkpoint",
                str(checkpoint),
                "--base",
                str(folder / "encoder"),
                "--file",
                str(folder / "test.jsonl"),
            ),
            *("--output", str(tmp_path), "--ks", "1", "3", "99", "--perplexity", "5"),
            *("--runs", str(folder / "k4"), str(folder / "k2"), "--sweep", "neighbors"),
        ]
    )
    for name in ("neighbor-accuracy", "embedding-map", "clusters", "sweep"):
        assert (tmp_path / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads((tmp_path / "figures.json").read_text()) == json.loads(json.dumps(results))

    rows = list(read_jsonl(folder / "test.jsonl"))
    gold = [row["relations"][0] for row in rows]
    unit = embed_instances(*load_encoder(str(checkpoint)), rows)
    similar = unit @ unit.T - 10 * np.eye(20)
    nearest = similar.argmax(axis=1)
    accuracy = results["neighbor_accuracy"]
    assert set(accuracy["after"]) == {"1", "3"}  # 99 are more than there are
    assert accuracy["after"]["1"] == pytest.approx(np.mean([gold[i] == gold[j] for i, j in enumerate(nearest)]))
    largest, smallest = results["clusters"]["largest"], results["clusters"]["smallest"]
    assert largest["instances"] == sum(largest["relations"].values()) >= smallest["instances"]
    assert Counter(largest["relations"]) <= Counter(gold)
    assert [point["value"] for point in results["sweep_neighbors"]] == [2, 4]


def test_wrong_use_is_told_plainly(folder, tmp_path):
    figures = script("siamese_figures")
    with pytest.raises(SystemExit):
        figures.main(["--output", str(tmp_path)])
    with pytest.raises(UsageError, match="holds no finished run"):
        figures.main(["--runs", str(folder), "--output", str(tmp_path)])
    with pytest.raises(UsageError, match="does not say its `dropout`"):
        figures.main(["--runs", str(folder / "k2"), "--sweep", "dropout", "--output", str(tmp_path)])
    with pytest.raises(UsageError, match="at least 2 relations, got 0"):
        write_jsonl(tmp_path / "none.jsonl", [row | {"relations": []} for row in sample_instances(3)])
        figures.main(["--checkpoint", "x", "--file", str(tmp_path / "none.jsonl"), "--output", str(tmp_path)])


def test_the_command_line_has_the_same_run(folder, tmp_path, monkeypatch, capsys):
    from hf_relation.cli import app

    for arguments, code, shown in (
        (["--help"], 0, "hf-relation train siamese-ure --preset siamese-ure-minilm"),
        (["--num_clusters", "many", "--output_dir", str(tmp_path / "run")], 2, "must be a number or 'true'"),
    ):
        monkeypatch.setattr(sys, "argv", ["hf-relation", "train", "siamese-ure", *arguments])
        with pytest.raises(SystemExit) as stop:
            app.main()
        captured = capsys.readouterr()
        assert int(stop.value.code or 0) == code and shown in " ".join((captured.out + captured.err).split())
    assert not (tmp_path / "run").exists()
