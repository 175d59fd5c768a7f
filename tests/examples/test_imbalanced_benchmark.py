"""examples/benchmarks/imbalanced.py on a synthetic corpus: how it is split, and that its table says what was measured."""

import importlib
import json
import os
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import BertConfig, BertModel

from hf_relation.data import overlap, read_jsonl, write_jsonl
from hf_relation.errors import UsageError
from tests.common.tiny_models import tiny_backbone
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"
NAMES = (
    *("baseline_rows", "experiment", "frozen", "imbalanced", "imbalanced_corpora", "methods", "quick", "reporting"),
    "scoring",
)
# Sizes of the relations: two are common and two rare; four are novel with 4 to 7 instances.
SIZES = {"born_in": 16, "founded_by": 14, "flows_into": 7, "spouse_of": 6, "a": 5, "b": 4, "c": 2, "d": 1}


@pytest.fixture(scope="module")
def scripts():
    """The modules of the folder, as the scripts themselves import them."""
    sys.path.insert(0, str(FOLDER))
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    sys.path.remove(str(FOLDER))
    for name in NAMES:
        sys.modules.pop(name)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny-encoder")
    tokenizer = tiny_tokenizer("bert")
    settings = tiny_backbone("bert", len(tokenizer))
    settings.pop("model_type")
    BertModel(BertConfig(**settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Sentences of our own with made-up relations of unequal size, one of them twice under a known and a novel one."""
    templates = sample_instances(20)
    rows = []
    for name, size in SIZES.items():
        for i in range(size):
            template = templates[(len(rows) * 7) % 20]
            rows.append(
                template | {"id": f"{name}-{i}", "text": f"{template['text']} ({name} {i})", "relations": [name]}
            )
    leak = next(row for row in rows if row["relations"] == ["b"])
    rows.append(leak | {"id": "leak", "relations": ["born_in"]})
    path = tmp_path_factory.mktemp("corpus") / "corpus.jsonl"
    write_jsonl(path, rows)
    return path


def options(encoder, corpus, output, *more):
    return [
        *("--dataset", "jsonl", "--train_file", str(corpus), "--least", "4", "--most", "7"),
        *("--model_name_or_path", str(encoder), "--output", str(output), "--quick", "--pca_components", "4"),
        *more,
        *("--", "--max_steps", "2", "--bf16", "false", "--use_cpu", "true", "--disable_tqdm", "true"),
        *("--classes_per_batch", "3", "--instances_per_class", "2", "--max_length", "96"),
    ]


@pytest.fixture(scope="module")
def finished(scripts, encoder, corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("benchmark") / "out"
    return output, scripts.imbalanced.main(options(encoder, corpus, output))


def test_relations_of_middling_frequency_are_novel_and_sentences_are_kept_apart(finished):
    output, content = finished
    parts = {name: list(read_jsonl(output / "data" / f"{name}.jsonl")) for name in ("train", "validation", "test")}
    relations = {name: {row["relations"][0] for row in rows} for name, rows in parts.items()}
    assert relations["train"] == {"born_in", "founded_by", "c", "d"}
    assert relations["validation"] | relations["test"] == {"flows_into", "spouse_of", "a", "b"}
    assert not relations["validation"] & relations["test"]
    assert content["split"]["train_sentence_in_novel"] == 1
    assert overlap([row for row in parts["train"] if row["id"] != "leak"], parts["test"] + parts["validation"]) == 0
    used = list(read_jsonl(output / "quick-data" / "train.jsonl"))
    assert "leak" not in {row["id"] for row in used}
    tested = Counter(row["relations"][0] for row in parts["test"])
    assert content["parts"]["test"] == {
        "instances": sum(tested.values()),
        "relations": 2,
        "smallest": min(tested.values()),
        "median": max(tested.values()),
        "largest": max(tested.values()),
    }


def test_rows_are_every_embedding_with_both_algorithms(finished):
    _, content = finished
    assert [(row["title"], row["encoder"] == "CNN", row["algorithm"]) for row in content["rows"]] == [
        ("frozen", False, "mean_shift"),
        ("frozen", False, "kmeans"),
        ("MORE", False, "mean_shift"),
        ("MORE", False, "kmeans"),
        ("MORE", True, "mean_shift"),
        ("MORE", True, "kmeans"),
    ]
    for row in content["rows"]:
        assert 0 < row["test"]["bcubed_f1"] <= 1 and row["seconds"]["cluster"] > 0
        assert (row["seconds"]["train"] is None) == (row["title"] == "frozen")
        if row["algorithm"] == "mean_shift":
            assert 1 <= row["clusters_found"] <= content["parts"]["test"]["instances"]
        else:
            assert row["clusters_found"] is None


def test_steps_and_quantile_are_those_of_the_validation_part(finished):
    _, content = finished
    for row in content["rows"]:
        scored = row["all_steps"]["validation"]
        assert scored[row["steps"]]["bcubed_f1"] == max(figures["bcubed_f1"] for figures in scored.values())
        assert row["test"] == row["all_steps"]["test"][row["steps"]]
        if row["algorithm"] == "mean_shift":
            for steps, figures in scored.items():
                assert row["all_steps"]["test"][steps]["bandwidth_quantile"] == figures["bandwidth_quantile"]


def test_mean_shift_of_the_run_is_what_its_embeddings_give(finished, scripts, encoder):
    """The frozen row again by hand: embed, estimate with the quantile shown, cluster, score."""
    from hf_relation.clustering import cluster
    from hf_relation.embedding import embed_instances
    from hf_relation.metrics import bcubed

    output, content = finished
    row = content["rows"][0]
    test = list(read_jsonl(output / "quick-data" / "test.jsonl"))
    model, processor, _ = scripts.scoring.frozen_encoder(str(encoder), scripts.imbalanced.FROZEN)
    rows = embed_instances(model, processor, test)
    figures = row["all_steps"]["test"]["plain"]
    labels = cluster(rows, "mean_shift", bandwidth_quantile=figures["bandwidth_quantile"])
    expected = bcubed([each["relations"][0] for each in test], labels)["bcubed_f1"]
    assert figures["bcubed_f1"] == pytest.approx(expected)
    assert figures["num_clusters"] == len(set(labels.tolist()))


def test_the_report_has_the_figures(finished):
    output, content = finished
    markdown = (output / "imbalanced.md").read_text(encoding="utf-8")
    assert json.loads((output / "imbalanced.json").read_text(encoding="utf-8"))["rows"] == json.loads(
        json.dumps(content["rows"])
    )
    lines = [line for line in markdown.splitlines() if line.startswith("| MORE | CNN | mean shift |")]
    row = content["rows"][4]
    assert f"{row['test']['bcubed_f1']:.3f} ± " in lines[0]
    assert f"| {row['clusters_found']:.1f} ± " in lines[0]
    assert "| 2 (given) |" in markdown and "quick: not for quoting" in markdown
    assert "--train_file FILE" in markdown and str(output) not in markdown


def test_finished_rows_are_not_made_again(finished, scripts, encoder, corpus, monkeypatch):
    output, content = finished
    for name in ("frozen", "trained"):
        monkeypatch.setattr(scripts.imbalanced, name, lambda *_: pytest.fail("made again"))
    again = scripts.imbalanced.main(options(encoder, corpus, output))
    assert again["rows"] == json.loads(json.dumps(content["rows"]))
    assert not any((output / "runs").iterdir())  # weights go once the figures are kept


def test_a_long_tail_falls_by_a_constant_factor(scripts):
    rows = [{"id": f"{name}{i}", "relations": [name]} for name in "abcde" for i in range(20)]
    tail = scripts.imbalanced_corpora.long_tail(rows, largest=16, smallest=1, seed=3)
    assert sorted(Counter(row["relations"][0] for row in tail).values()) == [1, 2, 4, 8, 16]
    assert tail == scripts.imbalanced_corpora.long_tail(rows, largest=16, smallest=1, seed=3)
    other = scripts.imbalanced_corpora.long_tail(rows, largest=16, smallest=1, seed=4)
    assert Counter(row["relations"][0] for row in other) != Counter(row["relations"][0] for row in tail)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "jsonl"], "needs `--train_file`"),
        (["--dataset", "fewrel", "--train_file", "x.jsonl"], "`--train_file` is for `--dataset jsonl`"),
        (["--dataset", "redocred", "--data_dir", "/nowhere/at/all"], "/nowhere/at/all does not exist"),
        (["--least", "0"], "least=0"),
        (["--least", "8", "--most", "9"], r"0 of 8 relation\(s\)"),
    ],
)
def test_wrong_use_is_told_plainly(scripts, corpus, tmp_path, arguments, said):
    base = [] if "--dataset" in arguments else ["--dataset", "jsonl", "--train_file", str(corpus)]
    with pytest.raises(UsageError, match=said):
        scripts.imbalanced.main([*base, *arguments, "--output", str(tmp_path)])


@pytest.mark.real_data
def test_redocred_novel_relations_are_never_trained_on(scripts):
    given = os.environ.get("HF_RELATION_DATA")
    real_data_dir = Path(given) if given else Path(__file__).parents[3] / "shared" / "data"
    if not (real_data_dir / "redocred").is_dir():
        pytest.skip("needs the real corpora: set HF_RELATION_DATA to their folder")
    corpus = scripts.imbalanced_corpora.make_corpus("redocred", data_dir=str(real_data_dir))
    split = corpus.split
    relations = [
        {name for row in part for name in row["relations"]} for part in (split.train, split.validation, split.test)
    ]
    assert not relations[0] & (relations[1] | relations[2]) and not relations[1] & relations[2]
    assert overlap(split.train, [*split.validation, *split.test]) == 0
