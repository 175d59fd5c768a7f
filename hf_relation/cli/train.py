"""`hf-relation train more ...`: the training run of `examples/train_more.py`, for those who have no repository."""

from __future__ import annotations

import typer


app = typer.Typer(
    name="train",
    help="Train models that discover relations (scored on relations never seen) or extract named ones. 'hf-relation train more --help' lists all options.",
    epilog="Example: hf-relation train more --dataset jsonl --train_file known.jsonl --test_file novel.jsonl "
    "--output_dir runs/mine",
    no_args_is_help=True,
)


@app.command(
    "more",
    # Everything after the name is for the parser of the run, which knows some 200 options; --help as well.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def more(context: typer.Context) -> None:
    """MORE: a pair encoder (transformer or CNN) with the ranked list loss. Presets: more, more-rll, minilm."""
    from hf_relation.runs.more import main

    main(context.args, command="hf-relation train more")


@app.command(
    "rocore",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def rocore(context: typer.Context) -> None:
    """RoCORE: known relations and unlabelled text of novel ones, clustered anew in every epoch. Presets: rocore, rocore-minilm."""
    from hf_relation.runs.rocore import main

    main(context.args, command="hf-relation train rocore")


@app.command(
    "siamese-ure",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def siamese_ure(context: typer.Context) -> None:
    """Siamese-URE: text without any label. Presets: siamese-ure, siamese-ure-minilm."""
    from hf_relation.runs.siamese_ure import main

    main(context.args, command="hf-relation train siamese-ure")


@app.command(
    "kernel-re",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def kernel_re(context: typer.Context) -> None:
    """KernelRE: supervised extraction of named relations, several for a pair. Presets: kernel-re, kernel-re-minilm."""
    from hf_relation.runs.kernel_re import main

    main(context.args, command="hf-relation train kernel-re")


@app.command(
    "finecl",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def finecl(context: typer.Context) -> None:
    """FineCL: pre-training on documents whose labels may be wrong. Presets: finecl, finecl-minilm."""
    from hf_relation.runs.finecl import main

    main(context.args, command="hf-relation train finecl")


@app.command(
    "pair-classification",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def pair_classification(context: typer.Context) -> None:
    """Classifiers of entity pairs, on all or a share of a corpus. Presets: pair-classification, pair-classification-minilm."""
    from hf_relation.runs.pair_classification import main

    main(context.args, command="hf-relation train pair-classification")
