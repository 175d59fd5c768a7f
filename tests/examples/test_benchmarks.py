"""The benchmark scripts with a tiny encoder on sentences of our own: what their tables say is what was measured."""

import dataclasses
import importlib
import json
import math
import re
import statistics
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from transformers import AutoTokenizer, BertConfig, BertModel

from hf_relation.cards.published import PUBLISHED_FEWREL
from hf_relation.data import write_jsonl
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.training import load_experiment_data, score_model
from tests.common.tiny_models import tiny_backbone
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"
NAMES = ("adversarial", "experiment", "methods", "openre", "pooling_loss", "published", "reporting", "scoring")
TINY = (
    "--use_cpu true --disable_tqdm true --bf16 false --max_steps 2 --logging_steps 1 --classes_per_batch 3 "
    "--instances_per_class 3 --max_length 96 --eval_strategy no --save_strategy no --load_best_model_at_end False"
).split()


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
    settings = tiny_backbone("bert", len(tokenizer), hidden_size=64)  # wider than the 50 dimensions of the CNN rows
    settings.pop("model_type")
    BertModel(BertConfig(**settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Six known relations and two novel ones, made of twenty sentences of our own."""
    folder = tmp_path_factory.mktemp("data")
    known, novel = [], []
    for copy in range(2):
        for row in sample_instances(20):
            row = row | {"id": f"{row['id']}-{copy}", "text": row["text"] + f" It was so in {1900 + copy}."}
            row = row | {"relations": [f"{row['relations'][0]}_{copy}"]}
            (novel if row["relations"][0].startswith("spouse_of") else known).append(row)
    write_jsonl(folder / "known.jsonl", known)
    write_jsonl(folder / "novel.jsonl", novel)
    return folder


def options(encoder, files, output, *more):
    return [
        *("--dataset", "jsonl", "--train_file", str(files / "known.jsonl"), "--test_file", str(files / "novel.jsonl")),
        *("--model_name_or_path", str(encoder), "--output", str(output)),
        *"--held_out_relations 2 --num_seeds 2 --num_cluster_seeds 2 --n_init 2 --pca_components 4".split(),
        *more,
    ]


def read_table(markdown, number=0):
    """Cells of a Markdown table, its header first."""
    tables = [block for block in markdown.split("\n\n") if block.startswith("|")]
    lines = tables[number].strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in [lines[0], *lines[2:]]]


# What the scripts share


def test_mean_and_deviation_are_the_sample_ones(scripts):
    values = [0.7, 0.75, 0.71, 0.9]
    assert scripts.reporting.mean_sd(values) == pytest.approx((statistics.mean(values), statistics.stdev(values)))
    assert scripts.reporting.mean_sd([0.25]) == (0.25, 0.0)


def test_figures_as_text(scripts):
    shown, seconds = scripts.reporting.shown, scripts.reporting.shown_seconds
    assert shown(0.7384, 0.0166) == "0.738 ± 0.017"
    assert shown(0.02, 0.1, sign=True) == "+0.020 ± 0.100" and shown(0.5) == "0.500" and shown(None) == ""
    assert (seconds(1.234), seconds(1234.5), seconds(None)) == ("1.2", "1,234", "")


def test_tables_survive_any_name(scripts):
    table = scripts.reporting.markdown_table(["name", "value"], [["a|b\n<b>`x`", "1"], ["", "2"]])
    assert len(table.splitlines()) == 4
    assert table.splitlines()[2] == r"| a\|b &lt;b&gt;\`x\` | 1 |"
    with pytest.raises(ValueError, match="3 cells, the table 2 columns"):
        scripts.reporting.markdown_table(["name", "value"], [["a", "b", "c"]])


def test_finished_parts_are_kept_until_settings_change(scripts, tmp_path):
    finished = scripts.reporting.Finished(tmp_path / "finished")
    made = []

    def make():
        made.append(len(made))
        return {"value": [1.5, (made[-1], 2)]}

    assert finished.get("a", {"x": 1, "y": 2}, make) == {"value": [1.5, [0, 2]]}
    assert finished.get("a", {"y": 2, "x": 1}, make) == {"value": [1.5, [0, 2]]}  # read
    assert finished.get("a", {"x": 2, "y": 2}, make) == {"value": [1.5, [1, 2]]}
    assert made == [0, 1]
    for path in (tmp_path / "finished").iterdir():
        path.write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="is damaged .* Delete it"):
        finished.get("a", {"x": 1, "y": 2}, make)


def test_a_failed_part_is_not_kept(scripts, tmp_path):
    finished = scripts.reporting.Finished(tmp_path / "finished")
    with pytest.raises(ValueError):
        finished.get("a", {}, lambda: {"value": math.nan})
    assert not (tmp_path / "finished").exists()


def test_the_command_names_no_place_of_this_machine(scripts):
    argv = [
        "--data_dir",
        "/home/x/data",
        "--train_file",
        "a.jsonl",
        "b c.jsonl",
        "--seed",
        "3",
        "--output=/o",
        "--quick",
    ]
    assert scripts.reporting.command_line("s.py", argv) == (
        "python s.py --data_dir DATA --train_file FILE FILE --seed 3 --output=OUT --quick"
    )
    assert "'{\"a\": 1}'" in scripts.reporting.command_line("s.py", ["--", "--loss_kwargs", '{"a": 1}'])


def test_published_rows_are_those_of_the_package(scripts):
    ours = {row.system: row for row in scripts.published.PUBLISHED}
    for row in PUBLISHED_FEWREL:
        for figure in ("bcubed_precision", "bcubed_recall", "bcubed_f1", "v_measure", "ari"):
            assert getattr(ours[row.system], figure) == getattr(row, figure)


@pytest.mark.parametrize(
    "figures", [("bcubed_precision", "bcubed_recall", "bcubed_f1"), ("homogeneity", "completeness", "v_measure")]
)
def test_published_rows_fit_together(scripts, figures):
    """The third figure is the harmonic mean of the two others, up to their rounding."""
    for row in scripts.published.PUBLISHED:
        a, b, mean = (getattr(row, figure) for figure in figures)
        assert mean == pytest.approx(2 * a * b / (a + b), abs=0.0021), row.system


# openre


@pytest.fixture(scope="module")
def openre(scripts, encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("openre")
    methods = ["--methods", "sentence", "between", "between-pca", "whitening", "more-minilm", "more-cnn"]
    argv = options(encoder, files, output, *methods, "--", *TINY)
    return output, argv, scripts.openre.main(argv)


def test_frozen_rows_are_what_the_package_scores(scripts, encoder, files, openre):
    arguments, _, _ = scripts.experiment.parse(scripts.openre.Arguments, openre[1], "")
    data = load_experiment_data(arguments)
    processor = RelationProcessor(AutoTokenizer.from_pretrained(encoder), marker_policy="none", max_length=128)
    pooling = ["head_mean", "tail_mean", "between_mean"]
    model = MOREModel.from_backbone(encoder, pooling=pooling, normalize_blocks=True, projection_dim=None).eval()
    scores, _ = score_model(model, processor, data, cluster_seeds=range(2), n_init=2, pca_components=4)
    rows = {row["method"]: row for row in openre[2]["rows"]}
    known = {
        steps: statistics.mean(s["bcubed_f1"] for s in scores["validation"][steps]) for steps in scores["validation"]
    }
    steps = {"between": "plain", "between-pca": "pca", "whitening": max(("whitening", "whitening+pca"), key=known.get)}
    for method, expected in steps.items():
        assert rows[method]["steps"] == expected
        for key in ("bcubed_f1", "homogeneity", "ari"):
            values = [score[key] for score in scores["test"][expected]]
            assert rows[method]["test"][key] == pytest.approx(statistics.mean(values))
            assert rows[method]["test"][f"{key}_sd"] == pytest.approx(statistics.stdev(values))
    assert rows["between"]["parameters"] == sum(weights.numel() for weights in model.parameters())
    assert rows["between"]["supervision"] == "none" and "known" in rows["whitening"]["supervision"]
    assert rows["between"]["seconds"]["train"] is None and rows["whitening"]["seconds"]["train"] > 0


@pytest.mark.parametrize("method", ["more-minilm", "more-cnn"])
def test_trained_rows_pool_training_and_cluster_seeds(openre, method):
    output, _, content = openre
    row = next(row for row in content["rows"] if row["method"] == method)
    (folder,) = (output / "runs").glob(f"{method}-*")
    runs = [json.loads((folder / f"seed-{seed}" / "run.json").read_text(encoding="utf-8")) for seed in (0, 1)]
    known = {
        steps: statistics.mean(score["bcubed_f1"] for run in runs for score in run["scores"]["validation"][steps])
        for steps in ("plain", "pca", "whitening", "whitening+pca")
    }
    assert row["steps"] == max(known, key=known.get) and row["steps_chosen_by"] == "held-out known relations"
    values = [score["ari"] for run in runs for score in run["scores"]["test"][row["steps"]]]
    assert len(values) == 4 and (row["training_seeds"], row["cluster_seeds"]) == (2, 2)
    assert row["test"]["ari"] == pytest.approx(statistics.mean(values))
    assert row["test"]["ari_sd"] == pytest.approx(statistics.stdev(values))
    seconds = [entry["train_runtime"] for run in runs for entry in run["history"] if "train_runtime" in entry]
    assert row["seconds"]["train"] == pytest.approx(statistics.mean(seconds))
    assert row["seen"] == "no"


def test_the_table_shows_the_figures_of_the_file(openre):
    output, _, content = openre
    written = json.loads((output / "openre.json").read_text(encoding="utf-8"))
    assert written["rows"] == content["rows"] and written["versions"]["torch"]
    markdown = (output / "openre.md").read_text(encoding="utf-8")
    header, *cells = read_table(markdown)
    assert [row[0] for row in cells] == [
        row["title"] for row in content["rows"]
    ]  # no published rows: another test set
    for row, shown in zip(content["rows"], cells, strict=True):
        f1, sd = row["test"]["bcubed_f1"], row["test"]["bcubed_f1_sd"]
        assert shown[header.index("B³ F1")] == f"{f1:.3f} ± {sd:.3f}"
        assert shown[header.index("seen")] == "no" and shown[header.index("steps")] == row["steps"]
    assert "--train_file FILE" in markdown and str(output) not in markdown and "quick" not in markdown


def test_finished_rows_are_not_made_again(scripts, openre, monkeypatch):
    output, argv, content = openre

    def never(*args, **settings):
        raise AssertionError("made again")

    with monkeypatch.context() as patch:
        patch.setattr(scripts.openre, "score_method", never)
        again = scripts.openre.main(argv)
        assert again["rows"] == content["rows"]
        fixed = scripts.openre.main([*argv[: argv.index("--")], "--variant", "pca", "--", *TINY])
        steps = {row["method"]: (row["steps"], row["steps_chosen_by"]) for row in fixed["rows"]}
        assert steps["more-cnn"] == ("pca", "--variant")  # another choice needs no other work
        assert steps["sentence"] == ("plain", "definition")
        with pytest.raises(AssertionError, match="made again"):
            scripts.openre.main([*argv[: argv.index("--")], "--n_init", "3", "--", *TINY])
    before = {path for path in (output / "runs").iterdir()}
    changed = [*argv[: argv.index("--methods")], *"--num_seeds 1 --methods more-minilm --".split(), *TINY]
    changed += ["--learning_rate", "0.01"]
    assert [row["method"] for row in scripts.openre.main(changed)["rows"]] == ["more-minilm"]
    assert len({path for path in (output / "runs").iterdir()} - before) == 1


def test_a_checkpoint_is_scored_with_its_own_steps(scripts, openre, monkeypatch):
    output, argv, content = openre
    row = next(row for row in content["rows"] if row["method"] == "more-minilm")
    (folder,) = (
        path
        for path in (output / "runs").glob("more-minilm-*")
        if (path / "results.json").is_file()
        and json.loads((path / "results.json").read_text(encoding="utf-8"))["settings"].get("learning_rate") != 0.01
    )
    method = scripts.methods.Method(
        "mine",
        "mine",
        "checkpoint",
        {"names": [str(folder / f"seed-{seed}") for seed in (0, 1)], "trained_on": "fewrel"},
        "known",
    )
    monkeypatch.setattr(scripts.openre, "METHODS", (method,))
    monkeypatch.setattr(scripts.openre, "find", lambda names: [method])
    monkeypatch.setenv("HF_RELATION_DATA", str(output))
    (mine,) = scripts.openre.main([*argv[: argv.index("--methods")]])["rows"]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    stored = results["summary"]["chosen"]
    assert mine["steps"] == stored and mine["steps_chosen_by"] == "stored with it" and mine["held_out_known"] is None
    assert mine["test"]["bcubed_f1"] == pytest.approx(results["summary"]["scores"]["test"][stored]["bcubed_f1"])
    assert mine["seen"].startswith("not checked") and mine["parameters"] == row["parameters"]


def test_seen_counts_relations_and_sentences(scripts, encoder, files, tmp_path):
    arguments, _, _ = scripts.experiment.parse(scripts.openre.Arguments, options(encoder, files, tmp_path), "")
    experiment = scripts.experiment.Experiment(arguments, [], SimpleNamespace(print=print))
    assert experiment.seen() == "no"
    leak = dict(experiment.data.test[0], relations=["other"])
    assert experiment.seen([*experiment.data.train, leak]) == "yes: 0 relations, 1 sentences"
    assert experiment.seen(experiment.data.test) == "yes: 2 relations, 10 sentences"


def test_a_choice_without_held_out_relations_is_an_error(scripts, encoder, files, tmp_path):
    argv = options(encoder, files, tmp_path, "--methods", "whitening")
    argv[argv.index("--held_out_relations") + 1] = "0"
    with pytest.raises(UsageError, match="'whitening' has a choice .* Give --variant"):
        scripts.openre.main(argv)
    rows = scripts.openre.main([*argv, "--variant", "whitening"])["rows"]
    assert rows[0]["steps"] == "whitening"


def test_quick_is_small_and_says_so(scripts, encoder, files, tmp_path, capsys):
    argv = options(encoder, files, tmp_path, "--quick", "--methods", "between", "--num_cluster_seeds", "9", "--plot")
    content = scripts.openre.main(argv)
    assert content["quick"] and content["published"] == []
    assert "**quick: not for quoting.**" in (tmp_path / "openre.md").read_text(encoding="utf-8")
    assert content["rows"][0]["cluster_seeds"] == 2
    assert (tmp_path / "openre.png").read_bytes().startswith(b"\x89PNG")
    assert "# Open relation discovery" in capsys.readouterr().out
    limited = dataclasses.replace(
        scripts.experiment.parse(scripts.openre.Arguments, argv, "")[0], held_out_relations=2
    )
    small, data = scripts.experiment._quick(limited, load_experiment_data(limited), tmp_path / "q")
    assert max(sum(row["relations"] == [name] for row in data.train) for name in data.known_relations) <= 12
    assert data.held_out_relations and small.num_seeds == 1


def test_published_rows_stand_beside_fewrel_alone(scripts):
    header, *cells = read_table(scripts.openre.main_table([], scripts.published.PUBLISHED))
    row = next(row for row in cells if row[0].startswith("RoCORE"))
    assert row[header.index("B³ F1")] == "0.796 ± 0.011" and row[header.index("encoder")] == "BERT-base (110 M)"
    assert all("published" in row[0] for row in cells) and len(cells) == 7


@pytest.mark.parametrize("script", ["openre", "pooling_loss", "adversarial"])
def test_help_teaches(scripts, script, capsys):
    with pytest.raises(SystemExit) as stop:
        getattr(scripts, script).main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert (
        f"python examples/benchmarks/{script}.py --data_dir" in text and "--num_threads" in text and "--quick" in text
    )
    assert "--resume" not in text and "--overwrite" not in text


# pooling_loss


def test_effects_of_two_factors_by_hand(scripts):
    cells = {(0, 0): 0.5, (1, 0): 0.6, (0, 1): 0.7, (1, 1): 0.9}
    found = scripts.pooling_loss.effects(cells)
    assert found[(0,)] == pytest.approx(0.15)  # mean of +0.1 and +0.2
    assert found[(1,)] == pytest.approx(0.25)  # mean of +0.2 and +0.3
    assert found[(0, 1)] == pytest.approx(0.05)  # half of 0.2 - 0.1


def test_effects_of_three_factors_are_those_of_a_regression(scripts):
    levels = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    values = np.random.default_rng(0).normal(size=8)
    signs = 2 * np.array(levels) - 1
    found = scripts.pooling_loss.effects(dict(zip(levels, values, strict=True)))
    assert len(found) == 7
    columns = np.column_stack([np.ones(8), *(signs[:, list(which)].prod(axis=1) for which in found)])
    coefficients = np.linalg.lstsq(columns, values, rcond=None)[0]
    assert list(found.values()) == pytest.approx(list(2 * coefficients[1:]))


@pytest.fixture(scope="module")
def pooling_loss(scripts, encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("pooling_loss")
    argv = options(encoder, files, output, "--max_steps", "1", "--", *TINY)
    return output, argv, scripts.pooling_loss.main(argv)


def test_the_four_cells_differ_in_pooling_and_loss_alone(pooling_loss):
    _, _, content = pooling_loss
    assert [tuple(cell["levels"].values()) for cell in content["cells"]] == [
        ("marker starts", "ranked list"),
        ("marker starts", "sup_con"),
        ("mention + between means", "ranked list"),
        ("mention + between means", "sup_con"),
    ]
    assert content["factors"]["pooling"]["mention + between means"][1:] == ["head_mean", "tail_mean", "between_mean"]
    settings = []
    for path in sorted((pooling_loss[0] / "finished").iterdir()):
        settings.append(json.loads(path.read_text(encoding="utf-8"))["settings"])
    assert len(settings) == 4
    assert len({json.dumps({key: value for key, value in each.items() if key != "options"}) for each in settings}) == 1


def test_effects_come_from_the_kept_scores_seed_by_seed(pooling_loss):
    output, _, content = pooling_loss
    for part in ("validation", "test"):
        cells = {}
        for path in (output / "finished").iterdir():
            runs = json.loads(path.read_text(encoding="utf-8"))["result"]["runs"]
            cells[path.name.split("-")[1]] = [
                statistics.mean(score["bcubed_f1"] for score in run["scores"][part]["plain"]) for run in runs
            ]
        pooling = [
            ((m0 - s0) + (m1 - s1)) / 2
            for s0, s1, m0, m1 in zip(cells["00"], cells["01"], cells["10"], cells["11"], strict=True)
        ]
        effect = content["effects"][0]
        assert effect["of"] == ["pooling"] and effect[part]["by_seed"] == pytest.approx(pooling)
        assert effect[part]["sd"] == pytest.approx(statistics.stdev(pooling))
        assert content["cells"][3]["figures"][part]["bcubed_f1"] == pytest.approx(statistics.mean(cells["11"]))


def test_the_report_has_cells_and_effects(scripts, pooling_loss, monkeypatch):
    output, argv, content = pooling_loss
    markdown = (output / "pooling_loss.md").read_text(encoding="utf-8")
    cells, effects = read_table(markdown), read_table(markdown, 1)
    assert len(cells) == 5 and [row[0] for row in effects[1:]] == ["pooling", "loss", "pooling x loss"]
    known = content["effects"][2]["validation"]
    assert effects[3][1] == f"{known['mean']:+.3f} ± {known['sd']:.3f}"
    assert not list((output / "runs").iterdir())  # weights go once the figures are kept
    monkeypatch.setattr(scripts.experiment, "train_more", None)
    assert scripts.pooling_loss.main(argv)["cells"] == content["cells"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--variant", "whitening"], "--variant whitening needs --whitening_per_relation"),
        (["--held_out_relations", "0"], "give --held_out_relations or --validation_file"),
        (["--num_seeds", "0"], "`num_seeds` and `num_cluster_seeds` must be at least 1"),
    ],
)
@pytest.mark.parametrize("script", ["pooling_loss", "adversarial"])
def test_wrong_use_is_told_plainly(scripts, encoder, files, tmp_path, script, arguments, message):
    with pytest.raises(UsageError, match=message):
        getattr(scripts, script).main(options(encoder, files, tmp_path, *arguments))


# adversarial


def test_paired_comparison_by_hand(scripts):
    found = scripts.adversarial.paired([0.5, 0.6, 0.7], [0.6, 0.62, 0.73])
    assert found["differences"] == pytest.approx([0.1, 0.02, 0.03])
    assert found["mean"] == pytest.approx(0.05) and found["sd"] == pytest.approx(math.sqrt(0.0019))
    assert found["t"] == pytest.approx(0.05 / math.sqrt(0.0019 / 3))
    # Two-sided tail of Student's t with two degrees of freedom: 1 - t / sqrt(2 + t^2).
    assert found["p"] == pytest.approx(1 - found["t"] / math.sqrt(2 + found["t"] ** 2))
    assert (found["positive"], found["sign_p"]) == (3, 0.25)
    one = scripts.adversarial.paired([0.5], [0.4])
    assert (one["t"], one["positive"], one["sign_p"]) == (None, 0, 1.0)
    assert scripts.adversarial.paired([0.5, 0.5], [0.5, 0.5])["sign_p"] is None


def test_cells_can_be_chosen(scripts):
    arguments = scripts.adversarial.Arguments()
    assert len(scripts.adversarial.grid(arguments)) == 6
    arguments.cells = ["0:0", "0.1:0.4"]
    assert scripts.adversarial.grid(arguments) == [(0.0, 0.0), (0.1, 0.4)]
    for wrong in ("0.1", "a:b", "1:2:3"):
        arguments.cells = [wrong]
        with pytest.raises(UsageError, match="word_dropout:label_noise, such as 0.1:0.4, got"):
            scripts.adversarial.grid(arguments)


def test_the_last_row_averages_the_cells_within_each_seed(scripts):
    cells = [
        {"figures": {part: {"without": without, "with": [0.5, 0.7]} for part in ("validation", "test")}}
        for without in ([0.5, 0.5], [0.3, 0.7])
    ]
    found = scripts.adversarial.over_cells(cells)["test"]
    assert found["without"] == pytest.approx([0.4, 0.6])
    assert found["paired"]["differences"] == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("kind", ["cnn", "transformer"])
def test_runs_are_compared_seed_by_seed(scripts, encoder, files, tmp_path, kind):
    # One seed for the second encoder: what is compared is the same.
    chosen = ["--cells", "0.1:0.2", "--num_seeds", "1"] if kind == "transformer" else ["--cells", "0:0.5"]
    argv = options(encoder, files, tmp_path, "--encoder", kind, *chosen, "--max_steps", "1", "--", *TINY)
    content = scripts.adversarial.main(argv)
    assert [(cell["word_dropout"], cell["label_noise"]) for cell in content["cells"]] == (
        [(0.1, 0.2)] if kind == "transformer" else [(0.0, 0.5)]
    )
    cell = content["cells"][-1]
    kept = {}
    for path in (tmp_path / "finished").glob(
        f"{kind}-dropout-{cell['word_dropout']:g}-noise-{cell['label_noise']:g}-*"
    ):
        part = json.loads(path.read_text(encoding="utf-8"))
        arm = "with" if "-with-" in path.name else "without"
        given = part["settings"]["options"]
        assert given[given.index("--adversarial_weight") + 1] == ("1.0" if arm == "with" else "0")
        assert given[given.index("--label_noise") + 1] == str(cell["label_noise"])
        kept[arm] = part["result"]
    for part in ("validation", "test"):
        figures = {
            arm: [statistics.mean(s["bcubed_f1"] for s in run["scores"][part]["plain"]) for run in result["runs"]]
            for arm, result in kept.items()
        }
        assert cell["figures"][part]["with"] == pytest.approx(figures["with"])
        differences = [b - a for a, b in zip(figures["without"], figures["with"], strict=True)]
        assert cell["figures"][part]["paired"]["differences"] == pytest.approx(differences)
    ratio = statistics.mean(b / a for a, b in zip(kept["without"]["seconds"], kept["with"]["seconds"], strict=True))
    assert cell["slow_down"] == pytest.approx(ratio)
    table = read_table((tmp_path / "adversarial.md").read_text(encoding="utf-8"))
    assert len(table) == 3 and table[-1][0] == "all cells"
    assert not list((tmp_path / "runs").iterdir())


def test_every_option_that_the_readme_names_exists(scripts, capsys):
    known = set()
    for script in ("openre", "pooling_loss", "adversarial"):
        with pytest.raises(SystemExit):
            getattr(scripts, script).main(["--help"])
        known |= set(re.findall(r"--\w+", capsys.readouterr().out))
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    others = {
        "--markdown",
        "--max_steps",
        "--word_vectors",
        "--save_strategy",
        "--help",
    }  # of speed.py and train_more.py
    assert set(re.findall(r"--\w+", text)) <= known | others
    for path in re.findall(r"examples/[\w/]+\.\w+", text):
        assert (FOLDER.parents[1] / path).is_file(), path
