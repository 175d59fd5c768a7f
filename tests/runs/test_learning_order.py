"""MORE runs weighed by the learning order: where it comes from, what it says, and that the weights reach training."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from hf_relation.data import write_jsonl
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.runs.learning_order import LearnedLabels, documents_of
from hf_relation.runs.more import main
from tests.common.tiny_runs import save_tiny_encoder, tiny_options, write_tiny_corpus
from tests.common.tiny_tokenizers import sample_instances


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny-encoder"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_corpus(tmp_path_factory.mktemp("data"))


SHORT = "--num_seeds 1 --max_steps 2 --warmup_steps 0 --eval_strategy no --load_best_model_at_end false --save_strategy no --variant plain".split()


def run(encoder, files, output, *more):
    return main(tiny_options(encoder, files, output, *SHORT, *more))


def weights_of(output):
    return torch.cat([weight.flatten() for weight in _state(output).values()])


def _state(output):
    from transformers import AutoModel

    return AutoModel.from_pretrained(output / "seed-5").state_dict()


def rows_with(path, orders):
    """The training rows of a finished run, with another learning order."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row | {"learning_order": orders(number)} for number, row in enumerate(lines)]


@pytest.fixture(scope="module")
def auto(encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("auto") / "run"
    options = (
        "--learning_order auto --learning_order_epochs 3 --learning_order_learning_rate 3e-3 --label_noise 0.3".split()
    )
    options += "--learning_order_never_weight 0.1 --learning_order_alpha 4".split()
    return output, options, run(encoder, files, output, *options)


def test_a_run_learns_the_order_of_its_noisy_labels_first(auto):
    output, _, results = auto
    found = results["learning_order"]
    rows = [json.loads(line) for line in (output / "learning-order/learning_order.jsonl").read_text().splitlines()]
    assert len(rows) == results["counts"]["train"]
    orders = [row["learning_order"][0] for row in rows]
    assert len(set(orders)) > 1 and set(orders) <= {1, 2, 3, None}
    for epoch in (1, 2, 3):
        share = sum(order is not None and order <= epoch for order in orders) / len(orders)
        assert found["learned_by_epoch"][epoch - 1] == pytest.approx(share, abs=1e-4)
    learned = [order for order in orders if order is not None]
    first, last = min(learned), max(learned)
    assert first < last
    each = [0.1 if order is None else 4 ** ((last - order) / (last - first)) for order in orders]
    assert found["mean_weight"] == pytest.approx(sum(each) / len(each), abs=1e-3)
    replaced = results["counts"]["relation_replaced_by_noise"]
    assert replaced > 0
    total = replaced * found["wrong"]["mean_weight"] + (len(rows) - replaced) * found["right"]["mean_weight"]
    assert total == pytest.approx(sum(each), abs=0.02)
    assert not list((output / "learning-order").glob("checkpoint-*"))
    assert results["settings"]["learning_order"] == "auto"


def test_it_is_taken_over_when_resumed_and_as_a_file(auto, encoder, files, tmp_path, capsys):
    output, options, results = auto
    before = (output / "learning-order/learning_order.jsonl").stat().st_mtime_ns
    again = run(encoder, files, output, *options, "--resume", "true")
    assert again["learning_order"] == results["learning_order"]
    assert (output / "learning-order/learning_order.jsonl").stat().st_mtime_ns == before
    assert "Learned before" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UsageError, match="learning_order_alpha"):
        run(encoder, files, output, *options, "--resume", "true", "--learning_order_alpha", "2")
    same = ["--learning_order", str(output / "learning-order/learning_order.jsonl"), *options[2:]]
    run(encoder, files, tmp_path / "file", *same)
    assert torch.equal(weights_of(tmp_path / "file"), weights_of(output))
    for name in ("results.json", "seed-5/README.md"):
        said = (tmp_path / "file" / name).read_text(encoding="utf-8")
        assert "learning_order.jsonl" in said and str(output) not in said, "the name alone"


def test_an_order_that_other_settings_made_is_not_taken_over(auto, encoder, files, tmp_path):
    """Interrupted between the order and the first seed, there is no other trace of the run."""
    output, options, _ = auto
    for name in ("settings.json", "learning-order"):
        (shutil.copytree if (output / name).is_dir() else shutil.copy)(output / name, tmp_path / name)
    fewer = [*options, "--learning_order_epochs", "4"]
    with pytest.raises(UsageError, match="learning_order_epochs: 3 then, 4 now"):
        run(encoder, files, tmp_path, *fewer, "--resume", "true")
    with pytest.raises(UsageError, match="holds a run already: learning-order/learning_order.jsonl"):
        run(encoder, files, tmp_path, *options)
    without = ["--label_noise", "0.3", "--overwrite", "true"]
    run(encoder, files, tmp_path, *without)
    assert not (tmp_path / "learning-order").exists()


def test_the_weights_reach_training(auto, encoder, files, tmp_path):
    path = auto[0] / "learning-order/learning_order.jsonl"
    noise = ["--label_noise", "0.3"]
    run(encoder, files, tmp_path / "plain", *noise)
    for name, orders in (
        ("one", lambda number: [2]),
        ("mixed", lambda number: number % 3 + 1),
    ):
        write_jsonl(tmp_path / f"{name}.jsonl", rows_with(path, orders))
        run(encoder, files, tmp_path / name, *noise, "--learning_order", str(tmp_path / f"{name}.jsonl"))
    assert torch.equal(weights_of(tmp_path / "one"), weights_of(tmp_path / "plain")), "one epoch tells nothing apart"
    assert not torch.equal(weights_of(tmp_path / "mixed"), weights_of(tmp_path / "plain"))


@pytest.mark.parametrize(
    "change, error, message",
    [
        (lambda rows: rows[1:], UsageError, "lacks the training instance"),
        (lambda rows: [rows[0] | {"relations": ["other"]}, *rows[1:]], InvalidRowError, "line 1: .*has the relations"),
        (lambda rows: [rows[0] | {"learning_order": 0}, *rows[1:]], InvalidRowError, "holds 0"),
        (lambda rows: [rows[0] | {"learning_order": [1, 2]}, *rows[1:]], InvalidRowError, "one entry for each"),
        (
            lambda rows: [{k: v for k, v in rows[0].items() if k != "learning_order"}, *rows[1:]],
            InvalidRowError,
            "lacks the column",
        ),
        (lambda rows: [[1], *rows[1:]], InvalidRowError, "line 1: the row is no instance"),
    ],
)
def test_a_file_that_does_not_fit_is_told(change, error, message, auto, encoder, files, tmp_path):
    rows = rows_with(auto[0] / "learning-order/learning_order.jsonl", lambda number: [1])
    (tmp_path / "order.jsonl").write_text("\n".join(json.dumps(row) for row in change(rows)), encoding="utf-8")
    with pytest.raises(error, match=message):
        run(
            encoder, files, tmp_path / "run", "--label_noise", "0.3", "--learning_order", str(tmp_path / "order.jsonl")
        )


@pytest.mark.parametrize(
    "options, message",
    [
        (["--learning_order", "nowhere.jsonl"], "must be 'auto' or a JSONL file; there is no file nowhere.jsonl"),
        (["--learning_order_epochs", "0"], "`--learning_order_epochs` must be at least 1"),
        (["--learning_order_alpha", "0"], "`--learning_order_alpha` must be a finite number above 0"),
        (["--learning_order_never_weight", "0"], "`--learning_order_never_weight` must be a finite number above 0"),
        (
            ["--learning_order_learning_rate", "nan"],
            "`--learning_order_learning_rate` must be a finite number above 0",
        ),
    ],
)
def test_wrong_options_are_told(options, message, encoder, files, tmp_path):
    with pytest.raises(UsageError, match=message):
        run(encoder, files, tmp_path / "run", *options)


def test_an_instance_becomes_a_document_of_its_pair():
    rows = sample_instances(4)
    rows.append(rows[0] | {"id": "turned", "head": rows[0]["tail"], "tail": rows[0]["head"]})
    for row, document in zip(rows, documents_of(rows), strict=True):
        (relation,) = document["relations"]
        assert (relation["head"], relation["tail"], relation["label"]) == (0, 1, row["relations"][0])
        for place, part in ((0, "head"), (1, "tail")):
            (mention,) = document["entities"][place]["mentions"]
            assert document["mentions"][mention]["start"] == row[part]["start"]


def test_shares_by_hand():
    learned = LearnedLabels([1, 2, -1, -1], [4.0, 1.0, 0.5, 0.5], 2)
    about = learned.about([False, False, True, False])
    assert about["learned_by_epoch"] == [0.25, 0.5] and about["mean_weight"] == 1.5
    assert about["wrong"] == {"learned_by_epoch": [0.0, 0.0], "mean_weight": 0.5}
    assert about["right"] == {"learned_by_epoch": [0.3333, 0.6667], "mean_weight": 1.8333}
    assert "wrong" not in learned.about([False] * 4)
