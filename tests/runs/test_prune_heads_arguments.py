"""What pruning runs are told: every option that is out of range or contradicts another, with its message; the presets."""

from __future__ import annotations

import pytest

from hf_relation.errors import UsageError
from hf_relation.runs.prune_heads_arguments import COMMAND, parse
from hf_relation.runs.task_arguments import TASK_DEFAULTS, check_task_arguments, names_in


CPU = ["--use_cpu", "true"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--batch_size 0", "`batch_size` must be at least 1, got 0"),
        ("--max_train_rows 0", "`max_train_rows` must be at least 1, got 0"),
        ("--max_eval_rows -1", "`max_eval_rows` must be at least 1, got -1"),
        ("--validation_share 0", "`validation_share` must be above 0 and below 1, got 0"),
        ("--test_share 1.5", "`test_share` must be above 0 and below 1, got 1.5"),
        ("--split_seed -1", "`split_seed` must be at least 0, got -1"),
        ("--num_seeds 0", "`num_seeds` .* must be at least 1"),
        ("--max_heads 0", "`max_heads` must be at least 1, got 0"),
        ("--curve 6 0", r"`curve` must list numbers of heads of at least 1, got \[6, 0\]"),
        ("--rankings lowest random lowest", "`rankings` must be different, at least one"),
        ("--combine sum", "--combine sum is for several sources, got 'en'"),
        ("--combine each --source de", "--combine each is for several sources, got 'de'"),
        ("--source en,en", "`--source` must be different names with commas between them, got 'en,en'"),
        ("--source ,", "`--source` must be different names"),
        ("--targets de,,de", "`--targets` must be different names with commas between them, got 'de,,de'"),
        ("--preset acl2020", "There is no preset 'acl2020'. Use one of acl2021"),
        ("--max_head 3", "no option '--max_head'. Did you mean --max_heads"),
        ("--resume_from_checkpoint x", "Use --resume"),
    ],
)
def test_options_that_are_not_allowed(given, message):
    with pytest.raises(UsageError, match=message):
        parse([*CPU, *given.split()])


@pytest.mark.parametrize(
    "given",
    [
        *("--task words", "--setting both", "--combine mean", "--method magic", "--normalize l3", "--rank_on test"),
        *("--rankings middle", "--stop never", "--text_embedding last", "--max_heads many", "--curve"),
    ],
)
def test_choices_are_those_of_the_help(given, capsys):
    with pytest.raises(SystemExit):
        parse([*CPU, *given.split()])
    assert given.split()[0] in capsys.readouterr().err


def test_one_process_searches():
    script, _ = parse(CPU)
    check_task_arguments(script)
    with pytest.raises(UsageError, match="in one process. .*--num_seeds 1"):
        check_task_arguments(script, world_size=2)


def test_names_between_commas():
    assert names_in(" de, zh ,ud/zh_gsd@some where,", "targets") == ["de", "zh", "ud/zh_gsd@some where"]


def test_targets_are_the_sources_unless_others_are_named():
    script, args = parse([*CPU, "--source", "en,de"])
    assert script.target_names == script.sources == ["en", "de"]
    assert parse([*CPU, "--source", "en", "--targets", "zh,ja"])[0].target_names == ["zh", "ja"]
    for name in ("num_train_epochs", "learning_rate", "warmup_steps", "weight_decay", "bf16"):
        assert getattr(args, name) == TASK_DEFAULTS[name]


def test_options_win_over_the_preset():
    script, args = parse([*CPU, "--preset", "acl2021", "--max_heads", "5", "--retrain", "false"])
    assert (script.max_heads, script.retrain, script.max_length, script.batch_size) == (5, False, 128, 32)
    assert args.output_dir == "runs/prune-heads"


def test_the_help_names_languages_and_presets(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(["--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert f"usage: {COMMAND} [options]" in shown and "acl2021" in shown and "{" not in shown.split("options:")[0]
    assert "--task pos: en, de, nl, zh, ja, fa, ur, he, ar; ner: en, zh, ja; slots: en." in shown
