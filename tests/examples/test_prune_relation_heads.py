"""examples/prune_relation_heads.py: ranking, pruning, scoring, timing and saving, from two files of instances."""

import importlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from hf_relation.clustering import WithinClassWhitening
from hf_relation.data import FEWREL_NOVEL, overlap, read_jsonl, write_jsonl
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.encoder import load_encoder
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.heads import HeadImportance, head_importance, mask_heads
from hf_relation.metrics import clustering_report
from hf_relation.models.head_surgery import pruned_heads
from hf_relation.training import ClassBalancedBatchSampler
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_tokenizers import sample_instances


pytest.importorskip("matplotlib")
EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("prune_relation_heads", "relation_head_pruning", "relation_head_report")
SETTINGS = (
    "--num_heads 2 5 --control_heads 5 --num_seeds 2 --num_batches 2 --classes_per_batch 2 --instances_per_class 2 "
    "--held_aside 2 --num_cluster_seeds 2 --rounds 2 --speed_instances 6"
).split()


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module("prune_relation_heads")
    finally:
        sys.path.remove(str(EXAMPLES))
        for name in NAMES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny checkpoint of 8 heads, four known relations, and three novel ones, whose sentences are other ones."""
    folder = tmp_path_factory.mktemp("pruning")
    (folder / "checkpoint").mkdir()
    save_tiny_checkpoint(folder / "checkpoint", pca_components=4)
    write_jsonl(folder / "known.jsonl", sample_instances(20))
    novel = [
        row | {"text": f"{row['text']} So it was.", "relations": [f"new_{row['relations'][0]}"]}
        for row in sample_instances(12)
    ]
    write_jsonl(folder / "novel.jsonl", novel)
    return folder


def options(folder, output, *more, novel="novel.jsonl"):
    files = ("--known_file", str(folder / "known.jsonl"), "--novel_file", str(folder / novel))
    return [*("--model", str(folder / "checkpoint"), "--output", str(output), *files), *SETTINGS, *more]


@pytest.fixture(scope="module")
def done(script, folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "run"
    results = script.main(options(folder, output, "--refit", "--save_pruned", "3"))
    return output, results


def parts_of(script, folder):
    return script.load_parts(
        None,
        known_file=str(folder / "known.jsonl"),
        novel_file=str(folder / "novel.jsonl"),
        held_aside=2,
        per_relation=100,
    )


def grouped(heads):
    return {layer: [head for other, head in heads if other == layer] for layer, _ in heads}


def figures(folder, heads, rows, whitening=None):
    """By another way than the script's: the checkpoint as a user loads it, heads masked instead of pruned."""
    discovery = RelationDiscovery.from_pretrained(folder / "checkpoint")
    model, processor = load_encoder(str(folder / "checkpoint"))
    with mask_heads(model, grouped(heads)):
        embeddings = RelationDiscovery(model, processor).embed(rows)
    if whitening is not None:
        discovery.set_params(transform=whitening)
    found = []
    for seed in (0, 1):
        labels = discovery.set_params(seed=seed, num_relations=len(set(gold(rows)))).fit(rows, embeddings).labels_
        found.append(clustering_report(gold(rows), labels))
    return found, embeddings


def gold(rows):
    return [row["relations"][0] for row in rows]


def point(results, order, number, seed):
    (found,) = (
        each["scores"]
        for each in results["points"]
        if (each["order"], each["num_heads"], each["ranking_seed"]) == (order, number, seed)
    )
    return found


def test_all_files_are_written_and_hold_the_same_figures(done):
    output, results = done
    written = json.loads((output / "results.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(results))
    for name in ("importance", "f1_by_heads", "speed_by_heads"):
        assert (output / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert results["total_heads"] == 8 and results["versions"]["hf_relation"]
    assert results["data"]["ranking"] == results["data"]["known"] == {"rows": 10, "relations": 2}
    assert results["data"]["novel"] == {"rows": 12, "relations": 3}
    assert str(output) not in json.dumps(written) and "Ada Brenner" not in json.dumps(written)
    # The unpruned encoder once, two rankings each of 2 and 5 heads, and of 5 heads for two controls.
    assert len(results["points"]) == 3 + 2 * 2 + 2 * 2


def test_rankings_are_those_of_the_models_own_loss_on_known_relations_alone(script, folder, done):
    output, results = done
    ranking = parts_of(script, folder).ranking
    model, processor = load_encoder(str(folder / "checkpoint"))
    names = sorted(set(gold(ranking)))
    labels = [names.index(name) for name in gold(ranking)]
    scores = []
    for seed in (0, 1):
        batches = [
            {**processor([ranking[row] for row in rows]), "labels": torch.tensor([labels[row] for row in rows])}
            for rows in ClassBalancedBatchSampler(labels, 2, 2, num_batches=2, seed=seed)
        ]
        stored = HeadImportance.load(output / f"importance-seed-{seed}.json")
        assert stored.raw == pytest.approx(head_importance(model, batches).raw) and stored.num_examples == 8
        scores.append(stored.scores.ravel())
    assert results["ranking_agreement"] == pytest.approx(spearmanr(*scores).statistic)


def test_parts_share_neither_relations_nor_sentences(script, folder):
    parts = parts_of(script, folder)
    assert not set(gold(parts.ranking)) & set(gold(parts.known))
    assert overlap(parts.ranking, [*parts.known, *parts.novel]) == 0


def test_sentences_that_are_scored_do_not_rank(script, folder, tmp_path):
    files = {"known_file": str(tmp_path / "known.jsonl"), "novel_file": str(folder / "novel.jsonl")}
    limits = {"held_aside": 2, "per_relation": 3, "novel_per_relation": 2}
    write_jsonl(tmp_path / "known.jsonl", sample_instances(20))
    before = script.load_parts(None, **files, **limits)
    assert (len(before.ranking), len(before.known), len(before.novel)) == (10, 6, 6)
    scored = (before.known[0], before.novel[0])
    copies = [row | {"id": f"copy{i}", "relations": gold(before.ranking)[:1]} for i, row in enumerate(scored)]
    write_jsonl(tmp_path / "known.jsonl", [*sample_instances(20), *copies])
    assert script.load_parts(None, **files, **limits) == before


@pytest.mark.parametrize("order", ["lowest", "highest", "random"])
def test_figures_are_those_of_the_encoder_with_heads_masked(script, folder, done, order):
    output, results = done
    parts = parts_of(script, folder)
    for seed in (0, 1):
        ranked = HeadImportance.load(output / f"importance-seed-{seed}.json").rank()
        heads = {
            "lowest": ranked[:5],
            "highest": ranked[3:],
            "random": [ranked[place] for place in np.random.default_rng(seed).permutation(8)[:5]],
        }[order]
        of_fitting = figures(folder, heads, parts.ranking)[1]
        again = WithinClassWhitening(n_components=48).fit(of_fitting, gold(parts.ranking))
        for part, rows in (("known", parts.known), ("novel", parts.novel)):
            for name, whitening in (("stored", None), ("refit", again)):
                expected = figures(folder, heads, rows, whitening)[0]
                for own, other in zip(point(results, order, 5, seed)[name][part], expected, strict=True):
                    assert own == pytest.approx({key: other[key] for key in own})


def test_what_is_free_follows_from_the_known_relations(done):
    _, results = done
    for name in ("stored", "refit"):
        scores = {0: [point(results, "lowest", 0, None)[name]["known"]]}
        scores |= {
            number: [point(results, "lowest", number, seed)[name]["known"] for seed in (0, 1)] for number in (2, 5)
        }
        means = {
            number: np.mean([each["bcubed_f1"] for of_seed in found for each in of_seed])
            for number, found in scores.items()
        }
        below = [number for number in (2, 5) if means[number] < means[0] - 0.01]
        expected = max(number for number in (0, 2, 5) if not below or number < below[0])
        free = results["free"][name]
        assert free["num_heads"] == expected and set(free["by_ranking_seed"]) == {0, 1}
        assert free["known_bcubed_f1"] == pytest.approx({"unpruned": means[0], "pruned": means[expected]})
        novel = results["summary"][name]["lowest"][expected]["novel"]["bcubed_f1"]
        assert free["novel_bcubed_f1"]["pruned"] == novel


def test_labels_of_novel_relations_choose_nothing(script, folder, done, tmp_path):
    _, results = done
    rows = list(read_jsonl(folder / "novel.jsonl"))
    write_jsonl(folder / "other.jsonl", [row | {"relations": [f"new_{i // 4}"]} for i, row in enumerate(rows)])
    other = script.main(options(folder, tmp_path / "run", "--num_seeds", "1", "--control_heads", novel="other.jsonl"))
    assert other["free"]["stored"]["num_heads"] == results["free"]["stored"]["by_ranking_seed"][0]
    both = [
        [point(each, "lowest", number, seed)["stored"] for number, seed in ((0, None), (2, 0), (5, 0))]
        for each in (results, other)
    ]
    known, novel = ([[scores[part] for scores in each] for each in both] for part in ("known", "novel"))
    assert known[0] == known[1] and novel[0] != novel[1]


@pytest.mark.parametrize(
    "curve, tolerance, expected",
    [
        ({0: 0.8, 6: 0.81, 12: 0.795, 18: 0.7, 24: 0.8}, 0.01, 12),
        ({0: 0.8, 12: 0.78, 6: 0.795}, 0.01, 6),
        ({0: 0.8, 6: 0.78}, 0.01, 0),
        ({0: 0.8, 6: 0.9, 12: 0.8}, 0.0, 12),
        ({0: 0.8}, 0.01, 0),
    ],
)
def test_a_number_is_free_up_to_the_first_fall(script, curve, tolerance, expected):
    assert importlib.import_module("relation_head_pruning").free_number(curve, tolerance) == expected


def test_speed_is_relative_to_the_unpruned_encoder_and_parameters_are_counted(done):
    _, results = done
    speed = results["speed"]
    assert speed["num_sentences"] == 6 and set(speed["by_heads"]) == {0, 2, 5}
    assert speed["by_heads"][0]["ratios"] == [1, 1]
    for number, cell in speed["by_heads"].items():
        # A head of 8 dimensions: rows and biases of query, key and value, columns of the output.
        head = 3 * (8 * 32 + 8) + 8 * 32
        assert speed["by_heads"][0]["num_parameters"] - cell["num_parameters"] == number * head
        assert cell["sentences_per_second"] > 0 and cell["ratio"] == pytest.approx(np.median(cell["ratios"]))


def test_the_pruned_checkpoint_loads_again(script, folder, done):
    output, _ = done
    parts = parts_of(script, folder)
    heads = HeadImportance.load(output / "importance-seed-0.json").rank()[:3]
    discovery = RelationDiscovery.from_pretrained(output / "pruned")
    model, _ = load_encoder(str(output / "pruned"))
    assert pruned_heads(model) == {layer: sorted(of_layer) for layer, of_layer in sorted(grouped(heads).items())}
    _, expected = figures(folder, heads, parts.novel)
    assert discovery.embed(parts.novel) == pytest.approx(expected, abs=1e-5)
    # --refit: the stored whitening is the one fitted again on the ranking instances.
    again = WithinClassWhitening(n_components=48).fit(figures(folder, heads, parts.ranking)[1], gold(parts.ranking))
    asked = RelationDiscovery.from_pretrained(folder / "checkpoint", transform=again, num_relations=3)
    labels = discovery.set_params(num_relations=3).fit(parts.novel).labels_
    assert labels.tolist() == asked.fit(parts.novel, expected).labels_.tolist()


def test_results_are_not_lost_by_a_second_run(script, folder, done, tmp_path):
    output, _ = done
    before = (output / "results.json").read_bytes()
    with pytest.raises(UsageError, match="holds results already. Choose another folder, or give --overwrite"):
        script.main(options(folder, output))
    assert (output / "results.json").read_bytes() == before
    again = tmp_path / "run"
    more = ["--num_heads", "2", "--control_heads", "--num_seeds", "1", "--num_cluster_seeds", "1"]
    script.main(options(folder, again, *more, "--ranking_seed", "4", "--save_pruned", "2"))
    (again / "notes.txt").write_text("mine", encoding="utf-8")
    script.main(options(folder, again, *more, "--overwrite"))
    assert sorted(path.name for path in again.iterdir()) == [
        *("f1_by_heads.png", "importance-seed-0.json", "importance.png"),
        *("notes.txt", "results.json", "speed_by_heads.png"),
    ]


@pytest.mark.parametrize(
    "more, message",
    [
        (["--num_heads", "9"], "between 0 and 8, as many as there are; got 9"),
        (["--control_heads", "-1"], "between 0 and 8"),
        (["--save_pruned", "12"], "between 0 and 8"),
        (["--save_pruned", "some"], "a number from 1 up, or 'free', got 'some'"),
        (["--num_seeds", "0"], "`--num_seeds` must be at least 1, got 0"),
        (["--tolerance", "nan"], "`--tolerance` must be at least 0, got nan"),
        (["--held_aside", "3"], "`num_held_out` must be between 0 and 2"),
        (["--classes_per_batch", "3"], "has 2 labelled relation"),
        (["--model", "EXTRACTOR"], "KernelRE"),
        (["--model", "PLAIN", "--refit"], "this checkpoint uses none"),
        (["--novel_file", "KNOWN"], "Novel relations must be none of the known ones"),
        (["--known_file", "/nowhere/rows.jsonl"], "/nowhere/rows.jsonl"),
    ],
)
def test_wrong_use_is_told_plainly(script, folder, tmp_path, more, message):
    for name, save in (("EXTRACTOR", save_tiny_extractor), ("PLAIN", save_tiny_checkpoint)):
        if name in more:
            (tmp_path / name).mkdir()
            save(tmp_path / name, **({"transform": None} if name == "PLAIN" else {}))
    places = {"EXTRACTOR": str(tmp_path / "EXTRACTOR"), "PLAIN": str(tmp_path / "PLAIN")}
    places["KNOWN"] = str(folder / "known.jsonl")
    with pytest.raises(HfRelationError, match=message) as error:
        script.main(options(folder, tmp_path / "run", *(places.get(word, word) for word in more)))
    assert isinstance(error.value, UsageError) or more[0] in ("--known_file", "--model")
    assert not (tmp_path / "run" / "results.json").exists()


def test_one_file_alone_is_refused(script, folder, tmp_path):
    with pytest.raises(UsageError, match="both --known_file and --novel_file"):
        script.main(["--output", str(tmp_path / "run"), "--novel_file", str(folder / "novel.jsonl")])


def test_quick_changes_defaults_and_options_win(script, tmp_path):
    args = script.parse(["--output", str(tmp_path), "--quick", "--num_seeds", "2"])
    assert args.num_seeds == 2 and args.num_cluster_seeds == 2 and args.per_relation == 10
    assert script.parse(["--output", str(tmp_path)]).num_heads[-1] == 60


def test_help_teaches(script, capsys):
    with pytest.raises(SystemExit) as stop:
        script.main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and "python examples/prune_relation_heads.py --data_dir data --output" in text
    assert "chosen on *known* alone" in text and "default: 0.01" in text


def test_without_matplotlib_it_stops_before_anything_is_loaded(script, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(script, "load_parts", lambda *args, **kwargs: pytest.fail("data were loaded"))
    with pytest.raises(ImportError, match=r"hf_relation\[viz\]"):
        script.main(options(folder, tmp_path / "run"))


@pytest.mark.real_data
def test_the_parts_of_the_real_fewrel(script):
    named = os.environ.get("HF_RELATION_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"
    if not (folder / "fewrel").is_dir():
        pytest.skip(f"no real corpora: {folder} does not exist")
    parts = script.load_parts(str(folder))
    assert (len(parts.known), len(parts.novel)) == (1600, 1600)
    assert set(gold(parts.novel)) == set(FEWREL_NOVEL) and len(set(gold(parts.ranking))) == 48
    assert not set(gold(parts.ranking)) & set(gold([*parts.known, *parts.novel]))
    assert overlap(parts.ranking, [*parts.known, *parts.novel]) == 0
