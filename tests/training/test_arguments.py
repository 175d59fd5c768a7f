"""RelationTrainingArguments: defaults, checks, copies."""

import dataclasses

import pytest
from transformers import HfArgumentParser

from hf_relation.errors import UsageError
from hf_relation.training import RelationTrainingArguments


def test_the_batch_size_follows_from_its_shape(tmp_path):
    args = RelationTrainingArguments(
        output_dir=str(tmp_path), classes_per_batch=5, instances_per_class=3, use_cpu=True
    )
    assert args.per_device_train_batch_size == args.train_batch_size == 15
    assert dataclasses.replace(args, seed=7).per_device_train_batch_size == 15


def test_a_contradicting_batch_size_is_refused(tmp_path):
    with pytest.raises(UsageError, match="`per_device_train_batch_size`=32 contradicts .* = 144"):
        RelationTrainingArguments(output_dir=str(tmp_path), per_device_train_batch_size=32, use_cpu=True)


@pytest.mark.parametrize(
    "setting, value, message",
    [
        ("classes_per_batch", 1, "at least 2, got 1"),
        ("instances_per_class", 1, "at least 2, got 1"),
        ("trainable", "half", "one of full, last_n, layers, lora; got 'half'"),
        ("trainable_layers", -1, "at least 0"),
        ("lora_r", 0, "at least 1"),
        ("lora_dropout", 1.0, r"in \[0, 1\)"),
        ("head_learning_rate", -0.1, "at least 0, got -0.1"),
        ("ema_decay", 1.0, r"in \[0, 1\), got 1.0"),
        ("base_weight_average", 1.5, r"in \[0, 1\], got 1.5"),
        ("mention_dropout", -0.1, r"in \[0, 1\]"),
        ("word_dropout", 2, r"in \[0, 1\]"),
        ("eval_num_seeds", 0, "at least 1"),
        ("eval_n_init", True, "got True"),
        ("eval_dtype", "int8", "float32, bfloat16, auto"),
    ],
)
def test_values_out_of_range_are_named(tmp_path, setting, value, message):
    with pytest.raises(UsageError, match=f"`{setting}` must be .*{message}"):
        RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, **{setting: value})


def test_split_batches_is_refused(tmp_path):
    with pytest.raises(UsageError, match="split_batches"):
        RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, accelerator_config={"split_batches": True})


def test_the_best_model_is_the_one_with_the_highest_bcubed_f1(tmp_path):
    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    assert args.metric_for_best_model == "bcubed_f1" and args.greater_is_better is True


def test_every_own_field_has_help_and_works_on_the_command_line(tmp_path):
    own = {field.name: field for field in dataclasses.fields(RelationTrainingArguments)}
    for name in RelationTrainingArguments.__annotations__:
        assert own[name].metadata.get("help"), name
        assert name in RelationTrainingArguments.__doc__ or name in (
            "remove_unused_columns",
            "metric_for_best_model",
            "per_device_train_batch_size",
        )
    (args,) = HfArgumentParser(RelationTrainingArguments).parse_args_into_dataclasses(
        f"--output_dir {tmp_path} --use_cpu --trainable lora --lora_r 4 --ema_decay 0.9 --lora_target_modules query key".split()
    )
    assert (args.trainable, args.lora_r, args.ema_decay, args.lora_target_modules) == (
        "lora",
        4,
        0.9,
        ["query", "key"],
    )


def test_a_hub_token_is_in_no_pickle_of_the_arguments(tmp_path):
    import pickle

    args = RelationTrainingArguments(output_dir=str(tmp_path), use_cpu=True, hub_token="hf_secret")
    assert args.hub_token == "hf_secret" and b"hf_secret" not in pickle.dumps(args)
