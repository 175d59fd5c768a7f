"""Reading the command line of a run: options of two dataclasses, presets, and what is wrong with what was given."""

from __future__ import annotations

import difflib
import json
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import torch
from transformers import HfArgumentParser

from hf_relation.errors import UsageError
from hf_relation.runs.presets import preset_settings, presets_of
from hf_relation.training import RelationTrainingArguments, check_processes


S = TypeVar("S", bound=Any)

# Of every run; any of them can be given on the command line.
RUN_DEFAULTS: dict[str, Any] = {
    "save_total_limit": 1,
    "logging_steps": 10,
    "dataloader_pin_memory": False,
}


class HelpFormatter(ArgumentDefaultsHelpFormatter, RawDescriptionHelpFormatter):
    """Show defaults, and the description as it stands."""


def parse_run(
    kind: type[S],
    method: str,
    argv: Sequence[str] | None,
    *,
    command: str,
    description: str,
    defaults: Mapping[str, Any],
    check: Callable[[S], None] = lambda script: None,
) -> tuple[S, RelationTrainingArguments]:
    """Read the command line of a run.

    Args:
        kind (`type`): dataclass of the run's own options, an [`~hf_relation.training.ExperimentArguments`] with `preset`.
        method (`str`): whose presets there are: `"more"`, `"rocore"`, ...
        argv (`Sequence[str]`, *optional*): the options; by default those of the process.
        command (`str`): what the help shows in front of the options.
        description (`str`): above the options in the help; `{command}` and `{presets}` are filled in.
        defaults (`Mapping[str, Any]`): where they differ from those of the dataclasses.
        check (`Callable`, *optional*): raises `UsageError` for options that contradict one another.

    Returns:
        `tuple`: what the run is told, its own options and those of training.

    Raises:
        UsageError: an option has a wrong value, or options contradict one another.
        SystemExit: `--help`, or a value that is not of its option's type.
    """
    given = None if argv is None else list(argv)
    kinds = (kind, RelationTrainingArguments)
    parser = HfArgumentParser(
        kinds,
        prog=command,
        usage="%(prog)s [options]",
        description=description.format(command=command, presets=_presets_shown(method)),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    settings = {**RUN_DEFAULTS, **defaults}
    # Without use_cpu inside the script, CPU processes of `accelerate launch` do not find one another.
    settings |= {"use_cpu": not torch.cuda.is_available()} | _defaults_of(given, command, method)
    parser.set_defaults(**settings)
    script, args, unknown = parser.parse_args_into_dataclasses(args=given, return_remaining_strings=True)
    if unknown:
        names = [f"--{each.name}" for each_kind in kinds for each in fields(each_kind)]
        close = difflib.get_close_matches(unknown[0], names)
        suggestion = f" Did you mean {close[0]}?" if close else ""
        raise UsageError(f"There is no option {unknown[0]!r}.{suggestion} --help lists all options.")
    if script.num_seeds < 1 or getattr(script, "num_cluster_seeds", 1) < 1:
        raise UsageError("`num_seeds` and `num_cluster_seeds` must be at least 1.")
    check(script)
    if args.resume_from_checkpoint:
        raise UsageError("Use --resume: it finds the last complete checkpoint of every seed by itself.")
    if script.num_threads is not None:
        torch.set_num_threads(script.num_threads)
    check_processes(args)
    return script, args


def json_object(name: str, text: str, example: str) -> dict[str, Any]:
    """Read an option that is given as a JSON object.

    Args:
        name (`str`): of the option.
        text (`str`): what was given.
        example (`str`): what could be given.

    Returns:
        `dict[str, Any]`.

    Raises:
        UsageError: it is not a JSON object.
    """
    try:
        content = json.loads(text)
        wrong = "" if isinstance(content, dict) else "it is not an object"
    except json.JSONDecodeError as error:
        wrong = str(error)
    if wrong:
        raise UsageError(f"`--{name}` must be a JSON object such as '{example}', got {text!r}: {wrong}.")
    return content


def _presets_shown(method: str) -> str:
    presets = presets_of(method)
    width = max(map(len, presets))
    return "\n".join(
        f"  {name:{width}}  {preset.about}.\n  {'':{width}}  Source: {preset.source}."
        for name, preset in presets.items()
    )


def _defaults_of(argv: list[str] | None, command: str, method: str) -> dict[str, Any]:
    """The defaults that the preset and the kind of encoder on the command line stand for."""
    parser = ArgumentParser(prog=command, usage="%(prog)s [options]", add_help=False, allow_abbrev=False)
    parser.add_argument("--preset")
    parser.add_argument("--encoder", default="transformer")
    known, _ = parser.parse_known_args(argv)
    return preset_settings(known.preset, known.encoder, method=method)
