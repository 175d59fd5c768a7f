"""Whole FineCL runs: learning order, pre-training, objectives, resuming, and what is refused."""

import json
import shutil

import pytest
import torch
import yaml
from transformers import AutoModel

from hf_relation.data import check_document, write_jsonl
from hf_relation.errors import UsageError
from hf_relation.models.finecl import FineCLForPreTraining, FineCLModel
from hf_relation.processing import DocumentProcessor
from hf_relation.runs.finecl import main
from hf_relation.training import RelationPretrainer, read_learning_order
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_runs import save_tiny_encoder


QUIET = (
    "--use_cpu true --disable_tqdm true --logging_steps 1 --seed 5 --learning_rate 3e-3 --max_length 96 --plots false"
)
SMALL = "--num_train_epochs 1 --order_epochs 3 --order_learning_rate 1e-2 --batch_size 8 --order_batch_size 8"


def copies(number, year=1900):
    return [
        row | {"id": f"{place}-{year + copy}", "text": f"{row['text']} It was so in {year + copy}."}
        for copy in range(number)
        for place, row in enumerate(sample_documents())
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finecl")
    save_tiny_encoder(folder)
    write_jsonl(folder / "train.jsonl", copies(4))
    write_jsonl(folder / "evaluation.jsonl", copies(1))
    return folder


def options(folder, output, *more):
    start = ["--train_file", str(folder / "train.jsonl"), "--model_name_or_path", str(folder)]
    return [*start, "--output_dir", str(output), *QUIET.split(), *SMALL.split(), *more]


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "tiny"
    return output, main(options(folder, output, "--label_noise", "0.25"))


def test_the_learning_order_is_saved_as_a_column_and_summed_up(finished):
    output, results = finished
    documents, orders = read_learning_order(output / "seed-5" / "learning_order.jsonl")
    assert len(documents) == results["counts"]["train"] == 28 - 3 and results["counts"]["validation"] == 3
    flat = [epoch for order in orders for epoch in order]
    assert len(flat) == results["counts"]["train_labels"] and set(flat) <= {-1, 1, 2, 3}
    learned = results["runs"][0]["learned"]
    for epoch in (1, 2, 3):
        share = sum(0 < each <= epoch for each in flat) / len(flat)
        assert learned["all"][epoch - 1] == pytest.approx(share)
    replaced = results["counts"]["train_labels_replaced"]
    assert replaced == round(0.25 * len(flat))
    parts = (
        len(flat) * learned["all"][-1],
        (len(flat) - replaced) * learned["right"][-1],
        replaced * learned["replaced"][-1],
    )
    assert parts[0] == pytest.approx(parts[1] + parts[2])


def test_the_model_is_an_encoder_that_was_trained(finished, folder):
    output, results = finished
    assert json.loads((output / "results.json").read_text(encoding="utf-8")) == json.loads(json.dumps(results))
    model = AutoModel.from_pretrained(output / "seed-5")
    assert isinstance(model, FineCLModel) and (model.config.first_epoch, model.config.last_epoch) == (1, 3)
    whole = FineCLForPreTraining.from_pretrained(output / "seed-5")
    before, after = AutoModel.from_pretrained(folder).state_dict(), whole.backbone.state_dict()
    assert before.keys() == after.keys() and not torch.equal(
        before["embeddings.word_embeddings.weight"], after["embeddings.word_embeddings.weight"]
    )
    processor = DocumentProcessor.from_pretrained(output / "seed-5")
    assert processor.mention_entities and processor.marker_policy == "none"
    losses = results["runs"][0]["validation"]
    assert losses["eval_loss"] == pytest.approx(
        losses["eval_relation_loss"] + losses["eval_entity_loss"] + losses["eval_mlm_loss"], rel=1e-4
    )


def test_the_card_has_the_figures_of_the_run(finished):
    output, results = finished
    card = (output / "seed-5" / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["library_name"] == "hf_relation" and "finecl" in header["tags"]
    run = results["runs"][0]
    for name, shares in run["learned"].items():
        assert "| " + " | ".join([name, *(f"{100 * share:.0f}" for share in shares)]) + " |" in card
    assert f"{run['validation']['eval_relation_loss']:.3f}" in card and "0.3 F1" in card and "train.jsonl" in card
    assert str(output) not in card and str(output) not in json.dumps(results["settings"])


def test_a_finished_stage_is_not_done_again(finished, folder, tmp_path, monkeypatch):
    output, results = finished
    again = tmp_path / "again"
    shutil.copytree(output, again)
    for name in ("run.json", "model.safetensors"):
        (again / "seed-5" / name).unlink()
    for checkpoint in (again / "seed-5").glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    (again / "results.json").unlink()
    monkeypatch.setattr("hf_relation.runs.finecl_order._classifier", lambda *a, **k: pytest.fail("stage 1 ran again"))
    resumed = main(options(folder, again, "--label_noise", "0.25", "--resume", "true"))
    assert resumed["runs"][0]["validation"] == results["runs"][0]["validation"]
    with pytest.raises(UsageError, match="other settings"):
        main(options(folder, again, "--label_noise", "0.5", "--resume", "true"))


def test_settings_of_pretraining_do_not_reach_the_first_stage(folder, tmp_path):
    settings = ("--gradient_cache_rows", "2", "--load_best_model_at_end", "true", "--warmup_steps", "1000")
    results = main(options(folder, tmp_path / "run", *settings))
    plain = main(options(folder, tmp_path / "plain"))
    assert results["runs"][0]["learned"] == plain["runs"][0]["learned"]
    assert results["runs"][0]["learned"]["all"][-1] > 0


def test_what_clean_texts_taught_is_kept_where_pretraining_was_interrupted(folder, tmp_path, monkeypatch):
    more = ("--objective", "wcl", "--clean_share", "0.4")
    whole = main(options(folder, tmp_path / "whole", *more))
    with monkeypatch.context() as patch:
        patch.setattr(RelationPretrainer, "train", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            main(options(folder, tmp_path / "cut", *more))
    assert list((tmp_path / "cut" / "seed-5" / "order").glob("checkpoint-*"))
    resumed = main(options(folder, tmp_path / "cut", *more, "--resume", "true"))
    assert resumed["runs"][0]["validation"] == whole["runs"][0]["validation"]
    assert not (tmp_path / "cut" / "seed-5" / "order").exists()


def test_the_last_checkpoint_is_kept_also_where_another_epoch_had_the_lowest_loss(folder, tmp_path):
    rising = (
        "--objective",
        "mlm",
        "--num_train_epochs",
        "3",
        "--learning_rate",
        "3",
        "--lr_scheduler_type",
        "constant",
    )
    results = main(options(folder, tmp_path / "run", *rising, "--warmup_steps", "0"))
    losses = [entry["eval_loss"] for entry in results["runs"][0]["history"] if "eval_loss" in entry]
    assert min(losses[:3]) < losses[2]
    (kept,) = (tmp_path / "run" / "seed-5").glob("checkpoint-*")
    assert kept.name == f"checkpoint-{results['runs'][0]['history'][-1]['step']}"


def test_texts_of_several_files_may_have_the_same_ids(folder, tmp_path):
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for year, path in zip((1900, 1950), files, strict=True):
        places = range(7) if year == 1900 else range(6, -1, -1)  # one id, two texts
        write_jsonl(path, [row | {"id": str(place)} for place, row in zip(places, copies(1, year), strict=True)])
    start = options(folder, tmp_path / "run", "--train_file", *map(str, files))
    results = main(start)
    documents, _ = read_learning_order(tmp_path / "run" / "seed-5" / "learning_order.jsonl")
    assert len(documents) == results["counts"]["train"] > len({document["id"] for document in documents})


def test_an_interrupted_run_is_neither_overwritten_nor_resumed_with_other_settings(finished, folder, tmp_path):
    output, _ = finished
    for name in ("learning_order.jsonl", "order/checkpoint-3"):
        again = tmp_path / name.replace("/", "-")
        (again / "seed-5" / "order").mkdir(parents=True)
        shutil.copy(output / "settings.json", again)
        shutil.copy(output / "seed-5" / "learning_order.jsonl", again / "seed-5" / name)
        with pytest.raises(UsageError, match="holds a run already"):
            main(options(folder, again, "--label_noise", "0.25"))
        with pytest.raises(UsageError, match="other settings"):
            main(options(folder, again, "--label_noise", "0.5", "--resume", "true"))


def test_a_recorded_order_is_used_up_to_an_epoch_and_only_for_its_texts(finished, folder, tmp_path):
    output, results = finished
    order = str(output / "seed-5" / "learning_order.jsonl")
    more = ("--label_noise", "0.25", "--order_file", order, "--order_until", "1")
    found = main(options(folder, tmp_path / "one", *more))
    assert found["runs"][0]["learned"]["all"] == results["runs"][0]["learned"]["all"][:1]
    with pytest.raises(UsageError, match="recorded on other texts"):
        main(options(folder, tmp_path / "two", "--order_file", order))
    few = ("--label_noise", "0.25", "--order_file", order, "--order_epochs", "1")
    with pytest.raises(
        UsageError, match="Give --order_epochs [23], or forget what was learned later: --order_until 1"
    ):
        main(options(folder, tmp_path / "three", *few))


def test_other_objectives_have_other_parts_and_weights(folder, tmp_path):
    parts = {
        "contrastive": {"eval_relation_loss", "eval_entity_loss", "eval_mlm_loss"},
        "wcl": {"eval_relation_loss", "eval_mlm_loss"},
        "mlm": {"eval_mlm_loss"},
    }
    for objective, names in parts.items():
        output = tmp_path / objective
        results = main(options(folder, output, "--objective", objective, "--clean_share", "0.4", "--seed", "6"))
        assert set(results["runs"][0]["validation"]) == names | {"eval_loss"} and "learned" not in results["runs"][0]
        config = json.loads((output / "seed-6" / "config.json").read_text())
        if objective == "contrastive":
            assert config["alpha"] == 1.0
        assert not (output / "seed-6" / "order").exists()


def test_facts_label_the_texts_and_shared_sentences_are_left_out(folder, tmp_path):
    facts = tmp_path / "facts.tsv"
    facts.write_text("Ada Brenner\tborn_in\tLindau\nSelva\tflows_into\tLake of Orn\nNobody\tmet\tLindau\n")
    shared = ("--apart_from_file", str(folder / "evaluation.jsonl"))
    results = main(options(folder, tmp_path / "run", "--facts", str(facts), "--objective", "contrastive", *shared))
    counts = results["counts"]
    # Four copies of seven texts, less one copy; two of the seven have a fact.
    assert counts["dropped_sentence_in_evaluation.jsonl"] == 7 and counts["read"] == 28 and counts["facts_used"] == 2
    assert counts["train"] + counts["validation"] == 21 and results["relations"] == ["born_in", "flows_into"]
    assert 6 - 3 <= counts["train_labels"] <= 6


def test_wrong_use_is_refused_before_anything_is_written(folder, tmp_path):
    output = tmp_path / "run"
    wrong = (
        (["--output_dir", str(output)], "give --corpora or --train_file"),
        (options(folder, output, "--corpora", "nope"), "'nope' is none of"),
        (options(folder, output, "--label_noise", "2"), r"in \[0, 1\]"),
        (options(folder, output, "--order_until", "9"), "from 1 to --order_epochs"),
        (options(folder, output, "--objective", "mlm", "--order_file", "x"), "has no learning order"),
        (options(folder, output, "--apart_from_file", str(folder / "train.jsonl")), "No training text is left"),
    )
    for arguments, message in wrong:
        with pytest.raises(UsageError, match=message):
            main(arguments)
    assert not output.exists()


def test_texts_without_entities_or_labels_are_named(folder, tmp_path):
    bare = [
        check_document({"id": str(i), "text": f"Nobody is named here {i}.", "mentions": [], "entities": []})
        for i in range(4)
    ]
    write_jsonl(tmp_path / "bare.jsonl", bare)
    start = ["--train_file", str(tmp_path / "bare.jsonl"), "--output_dir", str(tmp_path / "run"), *QUIET.split()]
    with pytest.raises(UsageError, match="no labelled pair"):
        main([*start, "--model_name_or_path", str(folder)])
