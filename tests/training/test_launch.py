"""The launch configurations in examples/, and processes that really are started."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.state import PartialState
from transformers import BertConfig, BertModel

from hf_relation.data import write_jsonl
from hf_relation.training import RelationTrainingArguments, changed_settings
from tests.common.tiny_models import tiny_backbone
from tests.common.tiny_tokenizers import sample_instances, tiny_tokenizer


ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize(
    "name, kind, cpu, precision",
    [
        ("accelerate_cpu2.yaml", "MULTI_GPU", True, "no"),
        ("accelerate_ddp.yaml", "MULTI_GPU", False, "bf16"),
        ("accelerate_fsdp.yaml", "FSDP", False, "bf16"),
    ],
)
def test_accelerate_reads_the_configurations(name, kind, cpu, precision):
    config = load_config_from_file(str(EXAMPLES / name))
    assert (config.distributed_type.value, config.use_cpu, config.mixed_precision) == (kind, cpu, precision)
    assert config.num_processes == 2 and config.num_machines == 1


def test_the_fsdp_configuration_is_the_one_that_is_tested():
    from tests.training.test_sharding import FSDP

    settings = yaml.safe_load((EXAMPLES / "accelerate_fsdp.yaml").read_text())["fsdp_config"]
    names = {"FSDP_VERSION": "fsdp_version", "FSDP_TRANSFORMER_CLS_TO_WRAP": "fsdp_transformer_layer_cls_to_wrap"}
    for variable, value in FSDP.items():
        if variable != "ACCELERATE_USE_FSDP":
            assert str(settings[names.get(variable, variable.lower())]).lower() == value.lower()


def test_listing_settings_leaves_the_processes_joined(tmp_path):
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, max_steps=3)
    before = dict(PartialState._shared_state)
    assert before["_cpu"] is True
    assert changed_settings(args)["max_steps"] == 3
    assert dict(PartialState._shared_state) == before


def command(folder, *more):
    encoder, known = folder / "encoder", folder / "known.jsonl"
    return [
        *(str(EXAMPLES / "train_more.py"), "--dataset", "jsonl", "--train_file", str(known)),
        *("--model_name_or_path", str(encoder), "--output_dir", str(folder / "run")),
        *"--disable_tqdm true --bf16 false --max_steps 2 --num_seeds 1 --held_out_relations 0 --variant plain".split(),
        *"--classes_per_batch 2 --instances_per_class 2 --logging_steps 1 --max_length 96".split(),
        *more,
    ]


def launch(arguments, **environment):
    # Nothing that an earlier launch in this process may have left in the environment.
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ACCELERATE", "FSDP", "WORLD"))}
    kept |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], env=kept | environment, cwd=ROOT, capture_output=True, text=True, timeout=280
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("launch")
    tokenizer = tiny_tokenizer("bert")
    settings = tiny_backbone("bert", len(tokenizer))
    settings.pop("model_type")
    BertModel(BertConfig(**settings)).save_pretrained(folder / "encoder")
    tokenizer.save_pretrained(folder / "encoder")
    write_jsonl(folder / "known.jsonl", sample_instances(20))
    return folder


@pytest.mark.slow
def test_two_cpu_processes_are_launched_and_join(folder):
    config = str(EXAMPLES / "accelerate_cpu2.yaml")
    result = launch(
        ["-m", "accelerate.commands.launch", "--config_file", config, "--main_process_port", "0", *command(folder)]
    )
    assert result.returncode == 0, result.stdout + result.stderr
    run = json.loads((folder / "run" / "seed-42" / "run.json").read_text())
    assert [entry["step"] for entry in run["history"] if "loss" in entry] == [1, 2]
    assert result.stdout.count("training seed 42") == 1  # the second process keeps quiet
    assert (folder / "run" / "seed-42" / "checkpoint-2" / "rng_state_1.pth").is_file()  # it was there all the same


@pytest.mark.slow
def test_processes_that_are_not_joined_are_refused(folder, tmp_path):
    # WORLD_SIZE says two, and nothing says how to meet the other one.
    result = launch(command(folder, "--output_dir", str(tmp_path), "--use_cpu", "false"), WORLD_SIZE="2")
    assert result.returncode == 2
    assert "2 processes were started, but they do not see one another" in result.stderr
    assert "examples/accelerate_cpu2.yaml" in result.stderr and "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []
