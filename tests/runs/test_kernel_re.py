"""Whole KernelRE runs: figures, cards, pictures, resuming, raw text, the official metric, and what is refused."""

import json
import re

import pytest
import yaml

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction import RelationExtractor
from hf_relation.extraction.evaluation import extraction_report
from hf_relation.metrics import semeval_task8_scores
from hf_relation.runs.extraction_data import load_data
from hf_relation.runs.kernel_re import main
from hf_relation.runs.kernel_re_arguments import parse
from tests.common.tiny_corpora import write_semeval
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_runs import save_tiny_encoder


QUIET = "--use_cpu true --disable_tqdm true --logging_steps 1 --seed 5 --learning_rate 3e-3 --max_length 96".split()


def copies(number, year=1900):
    return [
        row | {"id": f"{place}-{year + copy}", "text": f"{row['text']} It was so in {year + copy}."}
        for copy in range(number)
        for place, row in enumerate(sample_documents())
    ]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny-encoder"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    test = copies(1, 1950)
    test[0]["relations"].append({"head": 1, "tail": 2, "label": "never seen"})
    write_jsonl(folder / "train.jsonl", [*copies(4), dict(test[1], id="leak")])
    write_jsonl(folder / "test.jsonl", test)
    return folder


def options(encoder, files, output, *more):
    return [
        *("--dataset", "jsonl", "--train_file", str(files / "train.jsonl"), "--test_file", str(files / "test.jsonl")),
        *("--model_name_or_path", str(encoder), "--output_dir", str(output)),
        *QUIET,
        *"--num_train_epochs 2 --batch_size 8 --num_seeds 1 --validation_share 0.25".split(),
        *"--loss pairs --normalizer none --kernel_rank 8 --relation_bias true".split(),
        *more,
    ]


@pytest.fixture(scope="module")
def finished(encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "tiny"
    more = "--num_seeds 2 --entity_types X --num_train_epochs 20 --symmetric_relations flows_into".split()
    return output, main(options(encoder, files, output, *more))


def test_results_hold_both_modes_both_rules_and_what_was_left_out(finished):
    output, returned = finished
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    assert results == json.loads(json.dumps(returned))
    assert results["method"] == "KernelRE" and results["dataset"] == "jsonl" and not results["one_pair"]
    assert results["relations"] == ["born_in", "flows_into", "founded_by"]
    assert results["counts"]["train_dropped_sentence_in_test"] == 1 and results["counts"]["test"] == 7
    assert results["counts"]["train"] + results["counts"]["validation"] == 28
    assert results["unseen_relations"] == {"never seen": 1} and results["validation_from"].startswith("25%")
    for part in ("validation", "test"):
        for mode in ("all_pairs", "gold_pairs"):
            assert set(results["summary"]["scores"][part][mode]) == {"paper", "fitted"}
    assert [run["seed"] for run in results["runs"]] == [5, 6]
    values = [run["scores"]["test"]["all_pairs"]["paper"]["all"]["triple_f1"] for run in results["runs"]]
    assert results["summary"]["scores"]["test"]["all_pairs"]["paper"]["all"]["triple_f1"]["mean"] == pytest.approx(
        sum(values) / 2
    )
    joint = results["runs"][0]["joint"]["test"]
    assert set(joint) == {"entities", "triples"} and joint["triples"]["paper"]["num_gold_triples"] == 10
    assert str(output) not in json.dumps(results["settings"])


def test_the_checkpoint_gives_the_figures_of_the_file(finished, files):
    output, results = finished
    documents = list(read_jsonl(files / "test.jsonl", kind="document"))
    for run in results["runs"]:
        extractor = RelationExtractor.from_pretrained(output / f"seed-{run['seed']}")
        assert extractor.rules.thresholds.to_dict() == run["thresholds"]
        assert extractor.rules.symmetric.symmetric == ("flows_into",)
        scores = [scores for _, scores in extractor.score(documents)]
        for mode in ("all_pairs", "gold_pairs"):
            found = extraction_report(documents, scores, extractor.relations, extractor.rules, mode=mode)
            assert found["all"] == run["scores"]["test"][mode]["fitted"]["all"]
        assert extractor.extract([documents[0]["text"]])[0]["text"] == documents[0]["text"]  # its own tagger


def test_the_card_shows_the_figures_and_its_snippet_runs(finished, monkeypatch):
    output, results = finished
    folder = output / "seed-5"
    card = (folder / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    value = results["runs"][0]["scores"]["test"]["all_pairs"]["fitted"]["all"]["triple_f1"]
    assert header["model-index"][0]["results"][0]["metrics"][0]["value"] == round(value, 4)
    assert "born\\_in; flows\\_into; founded\\_by" in card and "Raw text" in card and "never the test" in card
    mean = results["summary"]["scores"]["test"]["gold_pairs"]["paper"]["all"]["triple_f1"]
    assert f"{100 * mean['mean']:.1f} ± {100 * mean['sd']:.1f}" in card
    monkeypatch.chdir(folder)
    (code,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})


def test_pictures_are_written(finished):
    pytest.importorskip("matplotlib")
    output, _ = finished
    for name in ("f1_by_overlap.png", "f1_by_number.png", "reliability.png"):
        assert (output / name).read_bytes().startswith(b"\x89PNG")


def test_finished_seeds_are_kept_and_other_settings_refused(encoder, files, finished):
    output, results = finished
    more = "--num_seeds 2 --entity_types X --num_train_epochs 20 --symmetric_relations flows_into".split()
    again = main(options(encoder, files, output, *more, "--resume", "true"))
    assert again["runs"] == json.loads(json.dumps(results["runs"]))
    with pytest.raises(UsageError, match="other settings"):
        main(options(encoder, files, output, *more, "--resume", "true", "--kernel_rank", "4"))
    with pytest.raises(UsageError, match="holds a run already"):
        main(options(encoder, files, output, *more))


def test_instances_are_judged_by_their_marked_pair(encoder, files, tmp_path):
    for name in ("train", "test"):
        rows = []
        for document in read_jsonl(files / f"{name}.jsonl", kind="document"):
            for number, relation in enumerate(document["relations"]):
                head, tail = (
                    document["mentions"][document["entities"][relation[side]]["mentions"][0]]
                    for side in ("head", "tail")
                )
                same = relation["label"] == "never seen" or document["id"].startswith("0") and name == "train"
                label = [] if same else [relation["label"]]
                rows.append(
                    {
                        "id": f"{document['id']}/{number}",
                        "text": document["text"],
                        "head": head,
                        "tail": tail,
                        "relations": label,
                    }
                )
        write_jsonl(tmp_path / f"{name}.jsonl", rows)
    results = main(
        options(encoder, tmp_path, tmp_path / "run", "--calibration", "isotonic", "--thresholds", "per_relation")
    )
    assert results["one_pair"] and results["counts"]["test"] == 10
    report = results["runs"][0]["scores"]["test"]["all_pairs"]["paper"]
    assert report["all"]["num_documents"] == 10 and results["summary"]["calibration"]["candidates"] == 10


def test_semeval_has_its_official_metric_and_other_is_no_relation(encoder, tmp_path):
    write_semeval(tmp_path)
    script, _ = parse([*"--dataset semeval --data_dir".split(), str(tmp_path), "--use_cpu", "true"])
    data = load_data(script)
    assert "Other" not in data.relations and data.pairs == "first" and len(data.relations) == 12
    assert data.counts["train_dropped_sentence_in_test"] >= 1
    argv = [*"--dataset semeval --data_dir".split(), str(tmp_path), "--output_dir", str(tmp_path / "run"), *QUIET]
    results = main(
        [*argv, *f"--model_name_or_path {encoder} --num_train_epochs 1 --num_seeds 1 --plots false".split()]
    )
    assert 0 <= results["runs"][0]["semeval"]["test"]["paper"] <= 1
    gold = {0: "Cause-Effect(e1,e2)", 1: "Other"}
    assert semeval_task8_scores(gold, gold)["macro_f1"] > 0


def test_what_contradicts_or_holds_nothing_is_refused(encoder, files, tmp_path):
    argv = options(encoder, files, tmp_path / "run")
    for more, message in (
        (["--validation_file", str(files / "test.jsonl")], "choosing on the test"),
        (["--validation_share", "1.0"], "validation_share"),
        (["--marker_policy", "entity", "--entity_types", "X"], "no markers"),
        (["--na_label", "nothing", "--batch_size", "0"], "batch_size"),
        (["--marker_policy", "typed", "--train_file", str(tmp_path / "untyped.jsonl")], "needs entity types"),
        (["--train_file", str(tmp_path / "empty.jsonl")], "no rows"),
        (["--train_file", str(tmp_path / "unlabelled.jsonl")], "no relation to learn"),
        (["--symmetric_relations", "flows_int"], "flows_int"),
        (["--preset", "more"], "no preset"),
        (["--kernel_rnk", "3"], "kernel_rank"),
    ):
        rows = [row | {"entities": [e | {"type": None} for e in row["entities"]]} for row in copies(2)]
        write_jsonl(tmp_path / "untyped.jsonl", rows)
        write_jsonl(tmp_path / "unlabelled.jsonl", [row | {"relations": []} for row in rows])
        (tmp_path / "empty.jsonl").write_text("")
        with pytest.raises(UsageError, match=message):
            main([*argv, *more])
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        json.dumps(copies(1)[0]) + '\n{"text": "x", "mentions": [{"start": 0, "end": 9}], "entities": []}\n'
    )
    with pytest.raises(InvalidRowError, match="bad.jsonl, line 2: "):
        main([*argv, "--train_file", str(files / "train.jsonl"), str(bad)])
    with pytest.raises(UsageError, match="train_file and --test_file"):
        parse(["--dataset", "jsonl"])


def test_settings_of_the_paper_stand_in_its_preset(tmp_path):
    script, args = parse(["--preset", "kernel-re", "--output_dir", str(tmp_path), "--use_cpu", "true"])
    found = {
        name: getattr(script, name) for name in ("kernel_rank", "loss", "normalizer", "relation_reduction", "mask")
    }
    assert found == {
        "kernel_rank": None,
        "loss": "cells",
        "normalizer": "positives",
        "relation_reduction": "sum",
        "mask": "all_pairs",
    }
    # Li and Tian, 2020, table 1 (WebNLG) and the authors' code (warm-up, weight decay).
    assert (script.batch_size, args.learning_rate, args.num_train_epochs, script.max_length) == (20, 3e-5, 30, 512)
    assert (args.warmup_steps, args.weight_decay, script.thresholds) == (300, 1e-5, "default")
    for name in ("train_file", "validation_file", "test_file"):  # not left unread without a word
        with pytest.raises(UsageError, match=f"--{name}` is for --dataset jsonl; --dataset webnlg"):
            parse(["--dataset", "webnlg", f"--{name}", "mine.jsonl"])
