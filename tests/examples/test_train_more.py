"""examples/train_more.py from JSONL files to checkpoints, figures and cards."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from hf_relation.data import read_jsonl
from hf_relation.errors import UsageError
from hf_relation.runs.more_arguments import parse
from hf_relation.training import check_processes
from tests.common.tiny_runs import save_tiny_encoder, tiny_options, write_tiny_corpus


SCRIPT = Path(__file__).parents[2] / "examples" / "train_more.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_more", SCRIPT)
    module = sys.modules["train_more"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny-encoder"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_corpus(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(script, encoder, files, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "tiny more"
    return output, script.main(tiny_options(encoder, files, output))


def test_results_hold_figures_settings_versions_and_counts(finished):
    output, returned = finished
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    assert results == json.loads(json.dumps(returned))
    counts = results["counts"]
    assert counts["dropped_sentence_in_test"] == 1
    assert counts["read"] == 31 and counts["train"] + counts["validation"] == 30 and counts["test"] == 10
    assert results["relations"]["novel"] == ["spouse_of_0", "spouse_of_1"]
    assert len(results["relations"]["known"]) == 4 and len(results["relations"]["held_out"]) == 2
    assert [run["seed"] for run in results["runs"]] == [5, 6]
    assert results["settings"]["max_steps"] == 2 and results["versions"]["torch"]
    assert not any(str(output) in str(value) for value in results["settings"].values())


def test_summary_pools_training_and_cluster_seeds(finished):
    _, results = finished
    values = [score["ari"] for run in results["runs"] for score in run["scores"]["test"]["pca"]]
    assert len(values) == 4
    mean = sum(values) / 4
    summary = results["summary"]["scores"]["test"]["pca"]
    assert summary["ari"] == pytest.approx(mean)
    assert summary["ari_sd"] == pytest.approx((sum((value - mean) ** 2 for value in values) / 3) ** 0.5)


def test_the_embedding_steps_are_chosen_on_held_out_known_relations(finished):
    _, results = finished
    validation = results["summary"]["scores"]["validation"]
    best = max(validation, key=lambda name: validation[name]["bcubed_f1"])
    assert results["summary"]["chosen"] == best


def test_every_seed_has_a_checkpoint_with_a_card(finished):
    output, results = finished
    for seed in (5, 6):
        folder = output / f"seed-{seed}"
        names = {path.name for path in folder.iterdir()}
        assert {"config.json", "model.safetensors", "processor_config.json", "discovery.json", "README.md"} <= names
        assert not any(name.endswith((".bin", ".pkl", ".pt")) for name in names)
        header = (folder / "README.md").read_text(encoding="utf-8").split("---\n")[1]
        assert yaml.safe_load(header)["model-index"][0]["name"] == f"tiny more-seed-{seed}"


def test_the_checkpoint_gives_the_figures_of_the_file(finished, files):
    from hf_relation.discovery import RelationDiscovery
    from hf_relation.metrics import clustering_report

    output, results = finished
    test = list(read_jsonl(files / "novel.jsonl"))
    chosen = results["summary"]["chosen"]
    for run in results["runs"]:
        discovery = RelationDiscovery.from_pretrained(
            output / f"seed-{run['seed']}", num_relations=2, seed=1, n_init=2, dtype="float32"
        )
        assert discovery.pca_components == (4 if "pca" in chosen else None)
        labels = discovery.fit_predict(test).labels
        report = clustering_report([row["relations"][0] for row in test], labels)
        assert report["bcubed_f1"] == pytest.approx(run["scores"]["test"][chosen][1]["bcubed_f1"])


def test_an_interrupted_run_goes_on(script, encoder, files, finished, capsys):
    output, results = finished
    (output / "seed-6" / "run.json").unlink()  # as if killed before the second seed was scored
    again = script.main(tiny_options(encoder, files, output, "--resume"))
    assert "Finished before" in capsys.readouterr().out
    assert again["runs"][0] == results["runs"][0]
    assert again["runs"][1]["scores"] == results["runs"][1]["scores"]


def test_without_held_out_relations_and_test_it_trains_all_the_same(script, encoder, files, tmp_path, capsys):
    arguments = tiny_options(
        encoder, files, tmp_path / "all", "--held_out_relations", "0", "--num_seeds", "1", "--max_steps", "1"
    )
    arguments += ["--classes_per_batch", "50", "--variant", "whitening"]
    position = arguments.index("--test_file")
    results = script.main(arguments[:position] + arguments[position + 2 :])
    assert results["summary"] == {"chosen": "whitening", "best_run": 0, "scores": {}}
    assert (tmp_path / "all" / "seed-5" / "model.safetensors").is_file()
    assert "known relations there are, not 50" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--dataset", "jsonl"], "needs `--train_file`"),
        (["--dataset", "fewrel", "--data_dir", "/nowhere/at/all"], "/nowhere/at/all does not exist"),
        (["--loss_kwargs", "{"], "`--loss_kwargs` must be a JSON object"),
        (["--num_seeds", "0"], "`num_seeds`"),
        (["--resume_from_checkpoint", "x"], "Use --resume"),
        (["--loss_kwargs", "[1]"], "`--loss_kwargs` must be a JSON object"),
        (["--dataset", "jsonl", "--train_file", "/nowhere/file.jsonl"], "/nowhere/file.jsonl"),
    ],
)
def test_wrong_use_is_told_plainly(script, tmp_path, arguments, message):
    with pytest.raises(UsageError, match=message):
        script.main([*arguments, "--output_dir", str(tmp_path), "--use_cpu", "true"])


def test_processes_that_do_not_see_one_another_are_an_error(tmp_path, monkeypatch):
    _, args = parse(["--output_dir", str(tmp_path), "--use_cpu", "true"])
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="2 processes were started, but they do not see one another"):
        check_processes(args)


def test_help_teaches(script, capsys):
    with pytest.raises(SystemExit) as stop:
        script.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "python examples/train_more.py --dataset fewrel --data_dir" in text
    assert "(default: 24)" in text


def test_every_option_that_the_readme_names_exists(script, capsys):
    with pytest.raises(SystemExit):
        script.main(["--help"])
    options = set(re.findall(r"--\w+", capsys.readouterr().out))
    readme = (SCRIPT.parent / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## `train_more.py`")[2].partition("\n## ")[0]
    named = set(re.findall(r"--\w+", section)) - {"--config_file"}
    assert "--held_out_relations" in named and named <= options


def test_adapters_with_every_guard_against_overfitting_train_from_a_plain_encoder(script, encoder, files, tmp_path):
    guards = "--ema_decay 0.9 --base_weight_average 0.2 --mention_dropout 0.2 --word_dropout 0.1".split()
    adapters = "--trainable lora --lora_r 2 --save_adapter --num_seeds 1".split()
    results = script.main(tiny_options(encoder, files, tmp_path / "run", *adapters, *guards))
    assert results["settings"]["trainable"] == "lora" and results["settings"]["ema_decay"] == 0.9
    folder = tmp_path / "run" / "seed-5"
    assert (folder / "model.safetensors").is_file()
    saved = json.loads((folder / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert saved["base_model_name_or_path"] in (None, "")  # no folder of this machine, and no look at the Hub
    assert (folder / "adapter" / "adapter_model.safetensors").stat().st_size < 100_000
