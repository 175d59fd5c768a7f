"""Pruning runs for tasks beside parts of speech: the usual figure of each, counted by hand; data that cannot be trained on."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from hf_relation.errors import InvalidRowError, TrainingError, UsageError
from hf_relation.heads import pruned_heads
from hf_relation.processing import align_word_labels
from hf_relation.runs.prune_heads import main
from tests.common.tiny_runs import save_tiny_encoder
from tests.common.tiny_tasks import tagged_words, write_cola, write_columns, write_conllu


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


def run(encoder, folder, *more):
    return main(
        [
            *("--data_dir", str(folder), "--model_name_or_path", str(encoder), "--output_dir", str(folder / "out")),
            *"--num_train_epochs 12 --learning_rate 5e-3 --num_seeds 1 --seed 3 --batch_size 8 --max_heads 2".split(),
            *"--plots false --disable_tqdm true --use_cpu true --stop best".split(),
            *more,
        ]
    )


def kept_models(folder, results):
    """Every model that was kept, its tokenizer, and the test score that was recorded of it."""
    (job,) = results["runs"][0]["jobs"]
    search = job["searches"]["lowest"]
    for name, tests in (("unpruned", job["unpruned"]["test"]), ("pruned", search["test"])):
        kept = folder / "out" / "seed-3" / job["name"] / name
        model = AutoModel.from_pretrained(kept).eval()
        assert sum(map(len, pruned_heads(model).values())) == (search["num_heads"] if name == "pruned" else 0)
        (score,) = tests.values()
        yield model, AutoTokenizer.from_pretrained(kept), score


@pytest.mark.slow
@torch.no_grad()
def test_cola_is_scored_by_the_correlation_of_matthews(encoder, tmp_path):
    def rows(part, number):  # one sentence of the test part contradicts the others
        return [
            (f"{part} {n} the river {'was born' if n % 3 else 'of of'}", int(n % 3 > 0 or (part, n) == ("dev", 6)))
            for n in range(number)
        ]

    for part, number in (("train", 24), ("val", 9), ("dev", 12)):
        write_cola(tmp_path / "glue" / "CoLA" / f"{part}.tsv", rows(part, number))
    results = run_with_gradients(encoder, tmp_path, "--task", "text", "--source", "cola")
    assert results["metric"] == "matthews" and list(results["summary"]["cross-lingual"]["targets"]) == ["cola"]
    for model, tokenizer, score in kept_models(tmp_path, results):
        labels = model.config.tasks["text"]["labels"]
        assert labels == ["acceptable", "unacceptable"]
        counts = np.zeros((2, 2))
        for text, good in rows("dev", 12):
            logits = model(torch.tensor([tokenizer(text)["input_ids"]]), task="text").logits[0]
            counts[good, int(labels[logits.argmax()] == "acceptable")] += 1
        (tn, fp), (fn, tp) = counts
        below = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        assert score == pytest.approx((tp * tn - fp * fn) / below if below else 0.0)
        assert 0.5 < score < 1  # something was learned, and pruning by the development set kept it


def run_with_gradients(*args):
    with torch.enable_grad():
        return run(*args)


@pytest.mark.slow
@torch.no_grad()
def test_similarities_are_scored_by_the_correlation_of_pearson(encoder, tmp_path):
    def rows(part, number):
        return [
            (f"{part} {n} the river", "the river" if n % 2 else "was born", 4.5 if n % 2 else 0.5)
            for n in range(number)
        ]

    for part, number in (("train", 20), ("dev", 6), ("test", 8)):
        lines = [
            f"m\timages\t2014\t{n}\t{score}\t{one}\t{two}" for n, (one, two, score) in enumerate(rows(part, number))
        ]
        (tmp_path / f"sts-{part}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    results = run_with_gradients(encoder, tmp_path, "--task", "text", "--source", "stsb")
    assert results["metric"] == "pearson"
    for model, tokenizer, score in kept_models(tmp_path, results):
        found = [
            model(**tokenizer(one, two, return_tensors="pt"), task="text").logits.item()
            for one, two, _ in rows("test", 8)
        ]
        assert score == pytest.approx(np.corrcoef(found, [gold for *_, gold in rows("test", 8)])[0, 1], abs=1e-4)


def spans(tags):
    """Spans begin at B-x, or at I-x where no x goes on."""
    found, start = set(), None
    for place, tag in enumerate([*tags, "O"]):
        if start is not None and tag != f"I-{tags[start][2:]}":
            found.add((start, place, tags[start][2:]))
            start = None
        if start is None and tag != "O":
            start = place
    return found


@pytest.mark.slow
@torch.no_grad()
def test_entities_are_scored_as_whole_spans(encoder, tmp_path):
    def rows(part, number):  # one sentence of the test part contradicts the others
        return [
            [("the", "O"), ("lena", "B-person"), ("moor", "I-person"), (f"{part}{n}", "O"), ("porto", "B-location")]
            if n % 2
            else [("porto", "O" if (part, n) == ("test", 4) else "B-location"), ("was", "O"), (f"{part}{n}", "O")]
            for n in range(number)
        ]

    names = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}
    for part, number in (("train", 20), ("dev", 6), ("test", 7)):
        write_columns(tmp_path / "wnut17" / names[part], rows(part, number))
    more = ("--task", "ner", "--source", "wnut17/ner", "--num_train_epochs", "3")
    results = run_with_gradients(encoder, tmp_path, *more)
    assert results["metric"] == "span F1" and results["corpora"]["wnut17"]["corpus"] == "wnut17/ner"
    for model, tokenizer, score in kept_models(tmp_path, results):
        labels = model.config.tasks["ner"]["labels"]
        assert labels == ["B-location", "B-person", "I-location", "I-person", "O"]
        right = guessed = there = 0
        for sentence in rows("test", 7):
            words, tags = zip(*sentence, strict=True)
            (window,) = align_word_labels(tokenizer, words, None)
            logits = model(torch.tensor([window.input_ids]), task="ner").logits[0]
            guess = spans([labels[logits[window.word_ids.index(place)].argmax()] for place in range(len(words))])
            gold = spans(tags)
            right, guessed, there = right + len(gold & guess), guessed + len(guess), there + len(gold)
        assert score == pytest.approx(2 * right / (guessed + there)) and 0.5 < score < 1


def treebank(folder, tag=None, number=8):
    for place, part in enumerate(("train", "dev", "test")):
        rows = tagged_words(number, first=number * place)
        if tag is not None:
            rows = [[(word, tag) for word, _ in row] for row in rows]
        write_conllu(folder / "ud" / f"en_ewt-ud-{part}.conllu", rows)


def test_a_loss_that_is_not_finite_ends_the_run_and_leaves_no_results(encoder, tmp_path):
    treebank(tmp_path)
    with pytest.raises(TrainingError, match="not finite|nan|inf") as caught:
        run(encoder, tmp_path, "--learning_rate", "1e20", "--max_grad_norm", "0", "--warmup_steps", "0")
    assert caught.value.step > 0 and caught.value.instance_ids[0].startswith("pos-")
    assert not list((tmp_path / "out").rglob("results.json")) and not list((tmp_path / "out").rglob("config.json"))


def test_one_class_and_no_class_at_all_are_told_before_anything_is_written(encoder, tmp_path):
    treebank(tmp_path / "one", tag="NOUN")
    with pytest.raises(UsageError, match="at least two different labels .* only 'NOUN'"):
        run(encoder, tmp_path / "one")
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "test.tsv").write_text("index\tsentence\n0\tone\n1\ttwo\n", encoding="utf-8")
    with pytest.raises(UsageError, match="No row of cola/cola has a label"):
        run(encoder, tmp_path / "none", "--task", "text", "--source", "cola")
    assert not list(tmp_path.rglob("out"))


@pytest.mark.slow
def test_a_development_set_of_one_class_is_ranked_and_searched_on_all_the_same(encoder, tmp_path):
    treebank(tmp_path)
    write_conllu(tmp_path / "ud" / "en_ewt-ud-dev.conllu", [[("the", "DET"), ("a", "DET")]] * 3)
    results = run(encoder, tmp_path, "--num_train_epochs", "1")
    (job,) = results["runs"][0]["jobs"]
    assert len(job["searches"]["lowest"]["trials"]) == 3 and 0 <= job["unpruned"]["validation"] <= 1


def test_a_bad_line_is_told_with_its_file(encoder, tmp_path):
    treebank(tmp_path)
    path = tmp_path / "ud" / "en_ewt-ud-dev.conllu"
    path.write_text(path.read_text(encoding="utf-8").replace("DET", "WORD", 1), encoding="utf-8")
    with pytest.raises(InvalidRowError, match=r"en_ewt-ud-dev\.conllu, line 1: 'WORD' is no part of speech"):
        run(encoder, tmp_path)


@pytest.mark.slow
def test_long_sentences_are_noted_and_no_model_is_kept_where_none_is_wanted(encoder, tmp_path, capsys):
    treebank(tmp_path)
    long = [(f"river{n}", "NOUN") for n in range(30)]
    write_conllu(tmp_path / "ud" / "en_ewt-ud-dev.conllu", [long, [("ran", "VERB")]])
    run(encoder, tmp_path, "--num_train_epochs", "1", "--max_length", "24", "--save_models", "false")
    assert "long sentences of validation became" in " ".join(capsys.readouterr().out.split())
    assert not list((tmp_path / "out").rglob("config.json"))
    stored = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert stored["corpora"]["en"]["counts"]["validation"] == 2 and stored["settings"]["max_length"] == 24
