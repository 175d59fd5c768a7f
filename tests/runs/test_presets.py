"""Presets hold what the papers and the authors' code say, and give way to options."""

import dataclasses
import json
import re
import shlex
from pathlib import Path

import pytest

from hf_relation.errors import UsageError
from hf_relation.runs.more_arguments import DEFAULTS, ScriptArguments, parse
from hf_relation.runs.presets import preset_settings, presets_of
from hf_relation.training import RelationTrainingArguments


CARD = Path(__file__).parents[2] / "model_cards" / "more-minilm-fewrel.md"

# Wang et al., ICASSP 2021, sections 2 and 3.1.
PAPER_LOSS = {
    "reduction": "sum",  # equations 2 and 3 are sums
    "positive_margin": 0.8,
    "negative_margin": 1.2,
    "temperature": 10,
    "balance": 0.5,
}
PAPER = {
    "loss": "ranked_list",
    "classes_per_batch": 24,
    "instances_per_class": 10,
    "per_device_train_batch_size": 240,
    "adversarial_weight": 1,
    "weight_decay": 0,  # Adam
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "projection_dim": 64,
    "normalize_blocks": False,
    "layer": -1,
    "algorithm": "kmeans",
    "variant": "plain",
    "whitening_per_relation": 0,
    "ema_decay": 0,
    "mention_dropout": 0,
    "word_dropout": 0,
    "base_weight_average": 0,
    "trainable": "full",
}
PAPER_TRANSFORMER = {
    "marker_policy": "entity",
    "pooling": ["head_marker", "tail_marker"],
    "learning_rate": 1e-5,
    "max_steps": 1000,
    "max_length": 128,
}
PAPER_CNN = {
    "marker_policy": "none",
    "pooling": ["sentence_max"],
    "learning_rate": 0.003,
    "max_steps": 4 * 2000,
    "max_length": 120,
    "word_embedding_dim": 50,
    "position_embedding_dim": 5,
}


def values(tmp_path, *options):
    script, args = parse(["--output_dir", str(tmp_path), "--use_cpu", "true", *options])
    return vars(args) | vars(script)


@pytest.mark.parametrize("preset", ["more", "more-rll"])
@pytest.mark.parametrize("encoder, own", [("transformer", PAPER_TRANSFORMER), ("cnn", PAPER_CNN)])
def test_the_papers_settings(tmp_path, preset, encoder, own):
    found = values(tmp_path, "--preset", preset, "--encoder", encoder)
    for name, expected in (PAPER | own).items():
        assert found[name] == expected, name
    assert json.loads(found["loss_kwargs"]) == PAPER_LOSS
    adversarial = json.loads(found["adversarial_kwargs"])
    assert adversarial == {"epsilon": 0.02, "num_power_iterations": 1, "start": "unit"}


def test_minilm_is_the_command_in_the_card(tmp_path):
    command = re.search(r"(python examples/train_more.py .*?)\n    python", CARD.read_text(encoding="utf-8"), re.S)
    options = shlex.split(command.group(1).replace("\\\n", " "))[2:]
    written = values(tmp_path, *options, "--output_dir", str(tmp_path))
    preset = values(tmp_path, "--preset", "minilm")
    differ = {name for name in written if written[name] != preset[name]}
    assert differ <= {"preset", "data_dir", "num_threads", "distributed_state"}


def test_an_option_wins_over_the_preset_and_the_preset_over_the_default(tmp_path):
    assert DEFAULTS["learning_rate"] == 5e-5
    found = values(tmp_path, "--learning_rate", "0.5", "--preset=more", "--pooling", "head_mean")
    assert found["learning_rate"] == 0.5 and found["pooling"] == ["head_mean"] and found["max_steps"] == 1000


def test_without_a_preset_nothing_changes_for_a_transformer():
    assert preset_settings(None) == {}


def test_unknown_presets_and_wrong_encoders_are_refused():
    with pytest.raises(UsageError, match="no preset 'mroe'. Use one of more, more-rll, minilm"):
        parse(["--preset", "mroe"])
    with pytest.raises(UsageError, match="'minilm' is for --encoder transformer"):
        parse(["--preset", "minilm", "--encoder", "cnn"])


def test_every_name_in_a_preset_is_an_option():
    names = {each.name for kind in (ScriptArguments, RelationTrainingArguments) for each in dataclasses.fields(kind)}
    for preset in presets_of("more").values():
        settings = dict(preset.settings)
        for of_encoder in preset.of_encoder.values():
            settings |= of_encoder
        assert settings.keys() <= names
