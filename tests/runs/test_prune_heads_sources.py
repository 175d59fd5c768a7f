"""Pruning runs with several sources: what merge, sum and each rank and search by, and what is trained and tested on."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rich.console import Console
from transformers import AutoModel, AutoTokenizer

from hf_relation.errors import UsageError
from hf_relation.heads import HeadImportance, head_importance, mask_heads, pruned_heads
from hf_relation.processing import align_word_labels
from hf_relation.runs.prune_heads import main
from hf_relation.runs.prune_heads_arguments import parse
from hf_relation.runs.prune_heads_data import load_data
from hf_relation.runs.prune_heads_search import JobRun
from tests.common.tiny_heads import tiny_batch, tiny_headed
from tests.common.tiny_runs import save_tiny_encoder
from tests.common.tiny_tasks import write_conllu


# Words of one tag for each language; sentences differ by a number.
LANGUAGES = {"en_ewt": ("river", "was"), "zh": ("城", "在"), "de_gsd": ("fluss", "war")}
FILES = {
    "en_ewt-ud-train": 14, "en_ewt-ud-dev": 7, "en_ewt-ud-test": 6, "zh_gsd-ud-train.v1": 9, "zh_gsd-ud-dev.v1": 5,
    "zh_gsd-ud-test.v1": 4, "zh_gsd-ud-test": 3, "de_gsd-ud-dev": 6, "de_gsd-ud-test": 5,
}  # fmt: skip
SOURCES = ("--source", "en,zh=ud/zh_gsd_v1", "--targets", "en,zh,de")


def sentences(name, number):
    noun, verb = next(words for prefix, words in LANGUAGES.items() if name.startswith(prefix))
    return [
        [
            (noun, "NOUN"),
            (f"{name}{place}", "X"),
            (verb, "VERB" if place % 3 else "AUX"),
            (noun * (1 + place % 2), "NOUN"),
        ]
        for place in range(number)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    for name, number in FILES.items():
        write_conllu(folder / "data" / "ud" / f"{name}.conllu", sentences(name, number))
    save_tiny_encoder(folder / "encoder")
    return folder


def options(folder, output, *more):
    return [
        *("--data_dir", str(folder / "data"), "--model_name_or_path", str(folder / "encoder"), "--task", "pos"),
        *("--output_dir", str(output), "--plots", "false", "--disable_tqdm", "true", "--use_cpu", "true"),
        *"--num_train_epochs 4 --learning_rate 5e-3 --num_seeds 1 --seed 3 --batch_size 4 --max_heads 2".split(),
        *more,
    ]


@pytest.fixture(scope="module", params=["merge", "sum", "each"])
def finished(request, folder):
    output = folder / request.param
    more = ("--combine", request.param, "--stop", "best", "--curve", "3", "99", "--plots", "true")
    results = main(options(folder, output, *SOURCES, *more))
    return SimpleNamespace(combine=request.param, output=output, folder=folder, results=results)


def inside(finished):
    return finished.output / "seed-3" / "cross-lingual"


def accuracy(model, tokenizer, name):
    """Accuracy over words, one sentence at a time."""
    labels = model.config.tasks["pos"]["labels"]
    right = []
    for sentence in sentences(name, FILES[name]):
        (window,) = align_word_labels(tokenizer, [word for word, _ in sentence], None)
        with torch.no_grad():
            logits = model(torch.tensor([window.input_ids]), task="pos").logits[0]
        for place, (_, tag) in enumerate(sentence):
            right.append(labels[int(logits[window.word_ids.index(place)].argmax())] == tag)
    return np.mean(right)


def batches_of_one(model, tokenizer, *names):
    labels = model.config.tasks["pos"]["labels"]
    for name in names:
        for sentence in sentences(name, FILES[name]):
            words, numbers = zip(*((word, labels.index(tag)) for word, tag in sentence), strict=True)
            (window,) = align_word_labels(tokenizer, words, numbers)
            yield {
                "input_ids": torch.tensor([window.input_ids]),
                "attention_mask": torch.ones(1, len(window.input_ids), dtype=torch.long),
                "labels": torch.tensor([window.labels]),
                "task": torch.tensor([0]),
            }


def unpruned(finished):
    kept = inside(finished) / "unpruned"
    return AutoModel.from_pretrained(kept).eval(), AutoTokenizer.from_pretrained(kept)


@pytest.mark.slow
def test_every_target_is_tested_and_the_mean_over_sources_is_searched(finished):
    model, tokenizer = unpruned(finished)
    (job,) = finished.results["runs"][0]["jobs"]
    tests = {"en": "en_ewt-ud-test", "zh": "zh_gsd-ud-test.v1", "de": "de_gsd-ud-test"}
    for target, name in tests.items():
        assert job["unpruned"]["test"][target] == pytest.approx(accuracy(model, tokenizer, name))
    developed = [accuracy(model, tokenizer, name) for name in ("en_ewt-ud-dev", "zh_gsd-ud-dev.v1")]
    assert job["unpruned"]["validation"] == pytest.approx(np.mean(developed))
    assert job["searches"]["lowest"]["trials"][0] == job["unpruned"]["validation"]
    assert job["parameters"] == sum(weight.numel() for weight in model.parameters())
    figures = finished.results["summary"]["cross-lingual"]["targets"]
    for target in tests:
        before, after = job["unpruned"]["test"][target], job["searches"]["lowest"]["test"][target]
        assert figures[target]["lowest"]["gain"] == {"mean": pytest.approx(after - before), "sd": 0.0}


@pytest.mark.slow
def test_curves_are_scores_with_the_first_heads_of_the_order_masked(finished):
    model, tokenizer = unpruned(finished)
    (job,) = finished.results["runs"][0]["jobs"]
    curve = job["curves"]["lowest"]
    assert list(curve) == ["3", "8"]  # there are no 99
    source = job["searches"]["lowest"]["source"]
    order = HeadImportance.load(inside(finished) / f"importance_{source}.json").rank()
    for number, scores in curve.items():
        heads = {layer: [head for at, head in order[: int(number)] if at == layer] for layer in (0, 1)}
        with mask_heads(model, heads):
            assert scores["de"] == pytest.approx(accuracy(model, tokenizer, "de_gsd-ud-test"))


@pytest.mark.slow
def test_rankings_are_of_the_development_rows_of_their_sources(finished):
    model, tokenizer = unpruned(finished)
    loaded = {
        path.stem.removeprefix("importance_"): HeadImportance.load(path)
        for path in inside(finished).glob("importance_*.json")
    }
    names = {"en": ["en_ewt-ud-dev"], "zh": ["zh_gsd-ud-dev.v1"]}
    names |= {"merge": {"merged": ["en_ewt-ud-dev", "zh_gsd-ud-dev.v1"]}}.get(finished.combine, {})
    for name, files in names.items():
        expected = head_importance(model, batches_of_one(model, tokenizer, *files))
        np.testing.assert_allclose(loaded[name].raw, expected.raw, rtol=1e-3, atol=1e-6)
        assert loaded[name].num_examples == sum(FILES[file] for file in files)
    if finished.combine == "sum":  # every layer of each source by its sum, then scaled to [0, 1]
        total = 0
        for name in ("en", "zh"):
            raw = loaded[name].raw / loaded[name].raw.sum(1, keepdims=True)
            total = total + (raw - raw.min()) / (raw.max() - raw.min())
        np.testing.assert_allclose(loaded["sum"].raw, total, rtol=1e-6)
    assert set(loaded) == set(names) | ({"sum"} if finished.combine == "sum" else set())


@pytest.mark.slow
def test_each_takes_the_ranking_that_is_best_on_the_development_sets(finished):
    (job,) = finished.results["runs"][0]["jobs"]
    search = job["searches"]["lowest"]
    if finished.combine != "each":
        assert search["source"] == {"merge": "merged", "sum": "sum"}[finished.combine]
        return
    found = {}
    for number, name in enumerate(("en", "zh")):
        stored = json.loads((inside(finished) / "searches_lowest" / f"source-{number}.json").read_text())
        order = HeadImportance.load(inside(finished) / f"importance_{name}.json").rank()
        assert stored["plan"]["order"] == [list(place) for place in order[:2]]
        found[name] = max(trial["score"] for trial in stored["trials"])
    assert found[search["source"]] == max(found.values()) == search["validation"]


@pytest.mark.slow
def test_correlations_of_rankings_are_kept_and_drawn(finished):
    (job,) = finished.results["runs"][0]["jobs"]
    expected = {"merge": ["merged", "en", "zh"], "sum": ["sum", "en", "zh"], "each": ["en", "zh"]}[finished.combine]
    assert job["correlation"]["names"] == expected
    matrix = np.array(job["correlation"]["spearman"])
    ranks = []
    for name in expected:
        scores = HeadImportance.load(inside(finished) / f"importance_{name}.json").scores.ravel()
        ranks.append(scores.argsort().argsort())  # no two are equal
    np.testing.assert_allclose(matrix, np.corrcoef(ranks), atol=1e-9)
    pytest.importorskip("matplotlib")
    for name in ("correlation", "scores", "curve_cross-lingual_de", "seed-3/cross-lingual/importance_zh"):
        assert (finished.output / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_results_say_what_was_done_without_places_of_this_machine(finished):
    text = (finished.output / "results.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    assert stored == json.loads(json.dumps(finished.results))
    assert (stored["task"], stored["setting"], stored["metric"]) == ("pos", "cross-lingual", "accuracy")
    assert (stored["encoder"], stored["sources"], stored["left_out"]) == ("encoder", ["en", "zh"], [])
    assert stored["settings"].get("combine", "merge") == finished.combine  # merge is the default
    assert stored["settings"]["learning_rate"] == 5e-3 and {"torch", "transformers"} <= set(stored["versions"])
    assert stored["corpora"]["de"] == {
        "corpus": "ud/de_gsd",
        "counts": {"train": 0, "validation": 6, "test": 5},
        "origins": {"train": "none", "validation": "validation", "test": "test"},
        "dropped": 0,
    }
    assert str(finished.folder) not in text


@pytest.mark.slow
def test_every_target_has_a_training_of_its_own_in_the_multilingual_setting(folder, tmp_path, capsys):
    more = ("--setting", "multi-lingual", "--source", "en", "--targets", "en,zh,de", "--num_train_epochs", "1")
    results = main(options(folder, tmp_path / "run", *more))
    assert results["left_out"] == ["de"] and "Left out, without rows to train on: de" in capsys.readouterr().out
    jobs = {job["name"]: job for job in results["runs"][0]["jobs"]}
    assert list(jobs) == ["en", "zh"] == list(results["summary"]) and set(results["corpora"]) == {"en", "zh"}
    for name, test, dev in (
        ("en", "en_ewt-ud-test", "en_ewt-ud-dev"),
        ("zh", "zh_gsd-ud-test.v1", "zh_gsd-ud-dev.v1"),
    ):
        kept = tmp_path / "run" / "seed-3" / name
        model, tokenizer = (
            AutoModel.from_pretrained(kept / "unpruned").eval(),
            AutoTokenizer.from_pretrained(kept / "unpruned"),
        )
        assert jobs[name]["unpruned"] == {
            "validation": pytest.approx(accuracy(model, tokenizer, dev)),
            "test": {name: pytest.approx(accuracy(model, tokenizer, test))},
        }
        expected = head_importance(model, batches_of_one(model, tokenizer, "en_ewt-ud-dev"))  # the source's ranking
        ranked = HeadImportance.load(kept / "importance_en.json")
        np.testing.assert_allclose(ranked.raw, expected.raw, rtol=1e-3, atol=1e-6)
        pruned = AutoModel.from_pretrained(kept / "pruned").eval()
        search = jobs[name]["searches"]["lowest"]
        assert sum(map(len, pruned_heads(pruned).values())) == search["num_heads"]
        assert search["test"][name] == pytest.approx(accuracy(pruned, tokenizer, test))
    with pytest.raises(UsageError, match="None of the targets de has rows to train on"):
        main(options(folder, tmp_path / "none", "--setting", "multi-lingual", "--targets", "de"))


def test_training_rows_may_be_ranked_on_in_the_place_of_the_development_set(folder, tmp_path):
    for part, number in (("validation", 7), ("train", 14)):
        data = load_data(*parse(options(folder, tmp_path, "--rank_on", part)))
        assert len(data.jobs[0].ranked["en"]) == number and len(data.jobs[0].searched["en"]) == 7


def test_a_name_stands_for_one_corpus(folder, tmp_path):
    for given in (
        ("--source", "en,en=ud/zh_gsd_v1"),
        ("--source", "en", "--targets", "en=ud/de_gsd"),
        ("--targets", "de,de=ud/zh_gsd"),
    ):
        with pytest.raises(UsageError, match=r"Two corpora are called '(en|de)'.*NAME="):
            load_data(*parse(options(folder, tmp_path, *given)))
    same = load_data(*parse(options(folder, tmp_path, "--source", "en", "--targets", "en=ud/en_ewt")))
    assert same.targets["en"] is same.sources["en"]


def test_sentences_that_any_target_is_tested_on_are_not_trained_on(tmp_path):
    save_tiny_encoder(tmp_path / "encoder")
    data = tmp_path / "data" / "ud"
    shared = [("shared", "NOUN"), ("ran", "VERB")]
    for part in ("train", "dev", "test"):
        name = f"en_ewt-ud-{part}"
        write_conllu(data / f"{name}.conllu", [*sentences(name, 4), *([shared] if part == "train" else [])])
    for part in ("dev", "test"):
        name = f"de_gsd-ud-{part}"
        write_conllu(data / f"{name}.conllu", [*sentences(name, 3), *([shared] if part == "test" else [])])
    script, args = parse(options(tmp_path, tmp_path / "out", "--source", "en", "--targets", "en,de"))
    found = load_data(script, args)
    assert len(found.jobs[0].train) == 4 and found.sources["en"].num_dropped == 1
    assert any("1 training rows left out" in note for note in found.notes)
    alone = load_data(*parse(options(tmp_path, tmp_path / "out", "--source", "en")))
    assert len(alone.jobs[0].train) == 5


@pytest.mark.slow
def test_a_search_that_was_cut_off_trains_only_what_is_missing(folder, tmp_path, monkeypatch):
    more = ("--retrain", "true", "--num_train_epochs", "1", "--stop", "best")
    script, args = parse(options(folder, tmp_path, *more))
    data = load_data(script, args)

    def job():
        return JobRun(script, data, data.jobs[0], 3, tmp_path / "job", Console(quiet=True))

    whole = job().run()
    path, tests = tmp_path / "job" / "search_lowest.json", tmp_path / "job" / "tests.json"
    stored, scores = json.loads(path.read_text()), json.loads(tests.read_text())
    path.write_text(json.dumps(stored | {"trials": stored["trials"][:2]}))  # the third was never made
    tests.write_text(json.dumps(dict(list(scores.items())[:2])))
    trained = []
    fine_tune = type(data.learner).fine_tune
    monkeypatch.setattr(
        type(data.learner),
        "fine_tune",
        lambda self, model, *rest: trained.append(pruned_heads(model)) or fine_tune(self, model, *rest),
    )
    again = job().run()
    assert again == whole and len(trained) == 1 and sum(map(len, trained[0].values())) == 2
    assert json.loads(tests.read_text()) == scores


@pytest.mark.slow
def test_a_model_that_was_not_saved_whole_is_trained_again(folder, tmp_path, monkeypatch):
    from hf_relation.models.multitask import MultiTaskModel

    save = MultiTaskModel.save_pretrained

    def killed(self, target, *args, **kwargs):
        save(self, target, *args, **kwargs)
        weights = target / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:100])
        raise KeyboardInterrupt

    argv = options(folder, tmp_path / "run", "--num_train_epochs", "1")
    monkeypatch.setattr(MultiTaskModel, "save_pretrained", killed)
    with pytest.raises(KeyboardInterrupt):
        main(argv)
    monkeypatch.setattr(MultiTaskModel, "save_pretrained", save)
    results = main([*argv, "--resume", "true"])
    assert results["runs"][0]["jobs"][0]["unpruned"]


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["true", "false"])
def test_what_a_run_that_was_cut_off_has_left_is_not_taken_for_that_of_another(folder, tmp_path, monkeypatch, keep):
    def killed(*_):
        raise KeyboardInterrupt

    argv = options(folder, tmp_path / "run", "--num_train_epochs", "1", "--save_models", keep)
    with monkeypatch.context() as patched:
        patched.setattr(JobRun, "_pruned_test", killed)
        with pytest.raises(KeyboardInterrupt):
            main(argv)
    with pytest.raises(UsageError, match="holds a run already: seed-3/cross-lingual/"):
        main(argv)
    with pytest.raises(UsageError, match="other settings .*learning_rate: 0.005 then, 0.001 now"):
        main([*argv, "--resume", "true", "--learning_rate", "1e-3"])
    again = main([*argv, "--resume", "true"])
    elsewhere = main([*argv, "--output_dir", str(tmp_path / "other")])
    assert again["runs"] == elsewhere["runs"]


def test_a_curve_masks_the_first_heads_of_its_order(monkeypatch):
    model, batch = tiny_headed("bert"), tiny_batch()
    importance = HeadImportance(np.array([[3.0, 1, 7, 5], [8, 2, 6, 4]]), "gate", 3, normalize=None)

    @torch.no_grad()
    def output(*_):
        return {"x": model(**batch).last_hidden_state.square().sum().item()}

    monkeypatch.setattr(JobRun, "_test", output)
    job = JobRun(SimpleNamespace(curve=[3, 1, 99]), SimpleNamespace(learner=None), None, 0, None, None)
    for ranking, first, three in (
        ("lowest", {0: [1]}, {0: [0, 1], 1: [1]}),
        ("highest", {1: [0]}, {0: [2], 1: [0, 2]}),
    ):
        curve = job._curve(model, importance, ranking)
        for number, heads in (("1", first), ("3", three), ("8", {0: [0, 1, 2, 3], 1: [0, 1, 2, 3]})):
            with mask_heads(model, heads):
                assert curve.pop(number) == output()
        assert not curve
