"""The command line of a RoCORE run: presets, and wrong use that is told before anything is loaded or written."""

import dataclasses

import pytest

from hf_relation.errors import UsageError
from hf_relation.runs.presets import presets_of
from hf_relation.runs.pseudo_label_arguments import pseudo_label_rules
from hf_relation.runs.rocore import main
from hf_relation.runs.rocore_arguments import RoCOREArguments, parse
from hf_relation.training import RelationTrainingArguments


# Zhao et al., EMNLP 2021, table 1 and section 4.3; the cut at 160 tokens is the code's.
PAPER = {
    "pooling": ["head_max", "tail_max"],
    "layer": 8,
    "trainable": "layers",
    "trained_layers": [7],
    "autoencoder_dims": [512, 512, 256],
    "activation": "relu",
    "learning_rate": 1e-4,
    "weight_decay": 0.0,
    "lr_scheduler_type": "constant",
    "pretraining_epochs": 10,
    "fixed_pretraining_epochs": 0,
    "sigma": 2.0,
    "center_weight": 0.005,
    "rampup_maximum": 1.0,
    "rampup_length": 10.0,
    "max_length": 160,
    "pseudo_space": "latent",
    "pseudo_source": "kmeans",
    "pseudo_keep": 1.0,
    "pseudo_balance": "none",
    "pseudo_smoothing": 0,
    "pseudo_neighbors": 0,
    "pseudo_whitening": False,
    "use_center": True,
    "use_reconstruction": True,
    "use_cross_entropy": True,
    "use_pairwise": True,
    "incremental": False,
    "marker_policy": "none",
    "ema_decay": 0.0,
    "select_by": "last",
    "select_on_gold": False,
    "variant": "head",
    "num_seeds": 5,
}


def values(tmp_path, *options):
    script, args = parse(["--output_dir", str(tmp_path), "--use_cpu", "true", *options])
    return vars(args) | vars(script)


def test_the_papers_settings(tmp_path):
    found = values(tmp_path, "--preset", "rocore")
    for name, expected in PAPER.items():
        assert found[name] == expected, name
    assert found["labelled_per_batch"] + found["unlabelled_per_batch"] == 100
    assert values(tmp_path, "--preset", "rocore", "--sigma", "3")["sigma"] == 3


@pytest.mark.parametrize("spelling", [["--select-on-gold"], ["--select_on_gold"], ["--select_on_gold", "true"]])
def test_choosing_by_gold_has_to_be_asked_for_in_either_spelling(tmp_path, spelling):
    assert values(tmp_path, *spelling)["select_on_gold"] is True
    assert values(tmp_path)["select_on_gold"] is False


def test_options_of_pseudo_labels_reach_their_rules(tmp_path):
    given = "--pseudo_balance sinkhorn --pseudo_temperature 0.2 --pseudo_smoothing 10 --pseudo_pca 64".split()
    script, _ = parse(["--output_dir", str(tmp_path), "--use_cpu", "true", *given])
    rules = pseudo_label_rules(script, seed=3)
    assert (rules.balance, rules.temperature, rules.smoothing) == ("sinkhorn", 0.2, 10)
    assert (rules.pca_components, rules.seed) == (64, 3)


def test_every_name_in_a_preset_is_an_option():
    names = {each.name for kind in (RoCOREArguments, RelationTrainingArguments) for each in dataclasses.fields(kind)}
    for preset in presets_of("rocore").values():
        assert preset.settings.keys() <= names


def test_no_preset_chooses_by_gold_labels():
    for preset in presets_of("rocore").values():
        assert not preset.settings.get("select_on_gold") and not preset.settings.get("log_gold")


@pytest.mark.parametrize(
    "options, message",
    [
        (["--preset", "more"], "There is no preset 'more'. Use one of rocore, rocore-minilm"),
        (["--trained_layer", "3"], "There is no option '--trained_layer'. Did you mean --trained_layers"),
        (
            ["--pseudo_balance", "sinkhorn", "--pseudo_temperature", "0"],
            "`temperature` must be a finite number above 0",
        ),
        (["--sigma", "0"], "`sigma` must be a finite number above 0"),
        (["--center_weight", "-1"], "`center_weight`"),
        (["--pooling", "head"], "head"),
        (["--autoencoder_dims", "0"], "autoencoder_dims"),
        (["--pseudo_keep", "0"], "`keep` must be above 0"),
        (["--pseudo_min_agreement", "0.5"], "give `neighbors` as well"),
        (["--sharpness", "0"], "`sharpness` must be a finite number above 0"),
        (["--label_fraction", "0"], "`label_fraction` must be above 0 and at most 1"),
        (["--num_novel_relations", "1"], "`num_novel_relations` must be at least 2"),
        (["--labelled_per_batch", "0"], "`labelled_per_batch` must be at least 1"),
        (["--stop_below", "1"], "`stop_below` must be at least 0 and below 1"),
        (["--init", "a", "--model_name_or_path", "b"], "Give one of them"),
        (["--algorithm", "mean_shift"], "scored with k-means and its classifier"),
        (["--select_on_gold", "true", "--select_by", "agreement"], "Give one of them"),
        (["--novel", "held-out"], "--novel held-out needs --held_out_relations"),
        (["--select_by", "validation"], "--select_by validation needs known relations that are held out"),
        (
            ["--select_by", "validation", "--novel", "held-out", "--held_out_relations", "4"],
            "--select_by validation needs",
        ),
        (["--classes_per_batch", "8"], "batches here are given by --labelled_per_batch"),
        (["--base_weight_average", "0.5"], "would mix trained classifiers with random ones"),
    ],
)
def test_wrong_options(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        main([*options, "--output_dir", str(tmp_path / "run"), "--use_cpu", "true"])
    assert not (tmp_path / "run").exists()


def test_help_lists_the_presets_and_the_command_it_was_called_by(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"], command="hf-relation train rocore")
    text = capsys.readouterr().out
    assert "hf-relation train rocore --dataset fewrel" in text and "train_rocore.py" not in text
    for name, preset in presets_of("rocore").items():
        assert name in text and preset.source in text
    for option in (
        "--init",
        "--novel",
        "--incremental",
        "--select_on_gold",
        "--tsne",
        "--use_center",
        "--center_weight",
    ):
        assert option in text
