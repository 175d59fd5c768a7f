"""Whole fine-tuning runs: shares, encoders, figures, resuming, and what is refused."""

import json
import shutil

import pytest

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.errors import UsageError
from hf_relation.extraction import RelationExtractor
from hf_relation.metrics import ign_f1_scores, single_label_scores
from hf_relation.models.finecl import FineCLConfig, FineCLForPreTraining
from hf_relation.runs.extraction_arguments import ExtractionDataArguments
from hf_relation.runs.extraction_data import load_data
from hf_relation.runs.pair_classification import gains, main, results_table, summarize
from hf_relation.runs.pair_classification_arguments import PairClassificationArguments
from tests.common.tiny_corpora import write_semeval
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_backbone
from tests.common.tiny_runs import save_tiny_encoder
from tests.common.tiny_tokenizers import tiny_tokenizer


QUIET = "--use_cpu true --disable_tqdm true --logging_steps 1 --seed 5 --learning_rate 3e-3 --max_length 96".split()


def copies(number, year=1900):
    return [
        row | {"id": f"{place}-{year + copy}", "text": f"{row['text']} It was so in {year + copy}."}
        for copy in range(number)
        for place, row in enumerate(sample_documents())
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    save_tiny_encoder(folder)
    tokenizer = tiny_tokenizer("bert")
    settings = FineCLConfig(backbone_config=tiny_backbone("bert", len(tokenizer)), id2label={0: "born_in"})
    FineCLForPreTraining(settings).save_pretrained(folder / "pretrained")
    tokenizer.save_pretrained(folder / "pretrained")
    write_semeval(folder)
    write_jsonl(folder / "train.jsonl", copies(6))
    write_jsonl(folder / "test.jsonl", copies(1, 1950))
    return folder


def of_files(folder, output, *more):
    files = (
        "--dataset",
        "jsonl",
        "--train_file",
        str(folder / "train.jsonl"),
        "--test_file",
        str(folder / "test.jsonl"),
    )
    options = [*files, "--encoders", str(folder), "--output_dir", str(output), *QUIET]
    return [*options, *"--num_train_epochs 30 --num_seeds 1 --validation_share 0.25 --batch_size 8".split(), *more]


@pytest.fixture(scope="module")
def sentences(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "semeval"
    options = ["--dataset", "semeval", "--data_dir", str(folder), "--output_dir", str(output), *QUIET]
    encoders = ["--encoders", f"plain={folder}", f"finecl={folder / 'pretrained'}"]
    more = "--train_shares 0.5 1 --share_epochs 2 1 --num_seeds 2 --validation_share 0.2 --keep_models false".split()
    return output, [*options, *encoders, *more], main([*options, *encoders, *more])


def test_every_seed_encoder_and_share_is_trained_and_averaged(sentences):
    output, _, results = sentences
    assert json.loads((output / "results.json").read_text(encoding="utf-8")) == json.loads(json.dumps(results))
    cells = {(run["seed"], run["encoder"], run["share"]) for run in results["runs"]}
    assert cells == {(seed, name, share) for seed in (5, 6) for name in ("plain", "finecl") for share in (0.5, 1.0)}
    for run in results["runs"]:
        assert run["kind"] == "single_label"
        assert run["train"] == round(run["share"] * results["counts"]["train"])
        assert {"f1", "macro_f1", "weighted_f1", "accuracy", "official_macro_f1"} <= set(run["scores"]["test"])
    values = [
        run["scores"]["test"]["f1"] for run in results["runs"] if (run["encoder"], run["share"]) == ("plain", 1.0)
    ]
    summary = results["summary"]["plain"]["1"]["test"]["f1"]
    assert summary["mean"] == pytest.approx(sum(values) / 2)
    assert not list(output.rglob("*.safetensors"))  # --keep_models false
    assert str(output) not in json.dumps(results["settings"])


def test_gains_are_of_the_same_seed_and_share():
    scores = {
        ("plain", 0): 0.5,
        ("plain", 1): 0.7,
        ("other", 0): 0.6,  # 0.1 more
        ("other", 1): 0.4,  # 0.3 less
    }
    runs = [
        {"seed": seed, "encoder": name, "share": 0.1, "scores": {"test": {"f1": f1}}}
        for (name, seed), f1 in scores.items()
    ]
    assert list(gains(runs)) == ["other"]
    found = gains(runs)["other"]["0.1"]
    assert (found["better"], found["seeds"]) == (1, 2)
    assert found["mean"] == pytest.approx(-0.1) and found["sd"] == pytest.approx((2 * 0.2**2) ** 0.5)
    table = results_table(summarize(runs), "test", title="t", seeds=2, gained=gains(runs))
    assert list(table.columns[-1].cells) == ["", "-10.0 ± 28.3, 1 of 2"]
    assert gains(runs[:2]) == {}


def test_what_is_finished_is_kept_and_other_settings_are_refused(sentences, monkeypatch):
    output, options, results = sentences
    monkeypatch.setattr("hf_relation.runs.pair_classification.make_trainer", lambda *a: pytest.fail("trained again"))
    again = main([*options, "--resume", "true"])
    assert again["runs"] == json.loads(json.dumps(results["runs"]))
    with pytest.raises(UsageError, match="other settings"):
        main([*options, "--resume", "true", "--learning_rate", "1"])


def test_a_run_that_was_stopped_between_two_classifiers_is_recognised(sentences, tmp_path):
    output, options, _ = sentences
    stopped = tmp_path / "stopped"
    shutil.copytree(output, stopped)
    (stopped / "results.json").unlink()
    options = [str(stopped) if option == str(output) else option for option in options]
    with pytest.raises(UsageError, match="holds a run already"):
        main(options)
    with pytest.raises(UsageError, match="other settings"):
        main([*options, "--resume", "true", "--learning_rate", "1"])


def test_documents_have_any_number_of_relations_and_the_checkpoint_gives_the_figures(folder, tmp_path):
    results = main(of_files(folder, tmp_path / "run"))
    (run,) = results["runs"]
    assert run["kind"] == "multi_label" and run["scores"]["test"]["f1"] > 0.5
    (saved,) = (tmp_path / "run" / "seed-5").iterdir()
    extractor = RelationExtractor.from_pretrained(saved)
    card = (saved / "README.md").read_text(encoding="utf-8")
    figures = results["summary"][folder.name]["1"]["test"]
    assert f"{100 * figures['f1']['mean']:.1f} ± 0.0" in card and str(folder) not in card
    documents = list(read_jsonl(folder / "test.jsonl", kind="document"))
    found = [
        [(row["head"]["entity"], row["relation"], row["tail"]["entity"]) for row in of_document["triples"]]
        for of_document in extractor.extract(documents)
    ]
    # Ign F1 from scratch: all names of the training texts' facts.
    facts = set()
    parts = load_data(
        ExtractionDataArguments(
            dataset="jsonl",
            train_file=[str(folder / "train.jsonl")],
            test_file=str(folder / "test.jsonl"),
            validation_share=0.25,
        )
    )
    for document in parts.train:
        names = [document["text"][m["start"] : m["end"]] for m in document["mentions"]]
        for r in document["relations"]:
            head, tail = (document["entities"][r[side]]["mentions"] for side in ("head", "tail"))
            facts |= {(names[a], r["label"], names[b]) for a in head for b in tail}
    expected = ign_f1_scores(documents, found, facts)
    assert run["scores"]["test"]["f1"] == pytest.approx(expected["f1"])
    assert run["scores"]["test"]["ign_f1"] == pytest.approx(expected["ign_f1"])
    assert run["scores"]["test"]["ign_f1"] < run["scores"]["test"]["f1"]  # the same facts in other years


def test_no_relation_is_predicted_by_its_own_probability(folder, tmp_path):
    options = ["--dataset", "semeval", "--data_dir", str(folder), "--output_dir", str(tmp_path / "run"), *QUIET]
    main([*options, "--encoders", str(folder), *"--num_train_epochs 12 --num_seeds 1 --validation_share 0.2".split()])
    (saved,) = (tmp_path / "run" / "seed-5").iterdir()
    extractor = RelationExtractor.from_pretrained(saved)
    config = extractor.model.config
    assert config.na_relation == "Other" and "Other" not in config.relations
    data = load_data(ExtractionDataArguments(dataset="semeval", data_dir=str(folder), validation_share=0.2))
    predicted = []
    for document in data.test:
        batch = extractor.processor.pad(extractor.processor.encode([document], pairs=[[(0, 1)]]))
        scores = extractor.model.eval()(**batch).class_logits[0, 0]
        predicted.append([*config.relations, "Other"][int(scores.argmax())])
    gold = [d["relations"][0]["label"] if d["relations"] else "Other" for d in data.test]
    (run,) = json.loads((tmp_path / "run" / "results.json").read_text())["runs"]
    expected = single_label_scores(gold, predicted, na_label="Other")
    assert {name: run["scores"]["test"][name] for name in expected} == pytest.approx(expected)


def test_wrong_use_is_refused_before_anything_is_written(folder, tmp_path):
    output = tmp_path / "run"
    for more, message in (
        (["--train_shares", "0"], r"must be in \(0, 1\]"),
        (["--train_shares", "0.1", "0.1"], "several different ones"),
        (["--train_shares", "0.1", "1", "--share_epochs", "3"], "one number for each of the 2"),
        (["--encoders", "a=x", "a=y"], "a name of its own"),
        (["--encoders", "a/b=x"], "without slashes"),
        (["--batch_size", "0"], "`--batch_size` must be at least 1"),
    ):
        with pytest.raises(UsageError, match=message):
            main(of_files(folder, output, *more))
    with pytest.raises(UsageError, match="`--encoders`: 'missing/encoder' cannot be had"):
        main(of_files(folder, output, "--encoders", str(folder), "other=missing/encoder"))
    assert not output.exists()
    double = copies(6)
    double[0]["relations"].append({**double[0]["relations"][0], "label": "flows_into"})
    write_jsonl(tmp_path / "double.jsonl", double)
    options = of_files(folder, output, "--kind", "single_label", "--train_file", str(tmp_path / "double.jsonl"))
    with pytest.raises(UsageError, match="has a pair with several relations"):
        main([*options, "--validation_share", "0.01"])


def test_encoders_have_names():
    script = PairClassificationArguments(encoders=["base", "roberta-base", "org/model", "x=/some/folder/"])
    assert script.starts == {"base": None, "roberta-base": "roberta-base", "model": "org/model", "x": "/some/folder/"}
