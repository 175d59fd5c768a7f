"""`hf-relation push` and `hf-relation pull`: folders to and from the Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from hf_relation.cli.console import messages, printable, results
from hf_relation.cli.options import AsJson, Debug, Revision


Token = Annotated[
    str | None,
    typer.Option(
        "--token", envvar="HF_TOKEN", help="Hub token. Default: that of `hf auth login`.", show_default=False
    ),
]


def push_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What --save, training or a converter wrote.")],
    repo_id: Annotated[str, typer.Argument(metavar="USER/NAME", help="The repository; made where it does not exist.")],
    repo_type: Annotated[
        Literal["model", "dataset", "space"] | None,
        typer.Option("--type", help="Default: what the folder is."),
    ] = None,
    corpus: Annotated[
        bool,
        typer.Option(
            "--corpus", help="Publish the texts and vectors of a discovery's corpus, too; others can read them."
        ),
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private; one that is there stays as it is.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="BRANCH", help="Branch; made where it does not exist.")
    ] = None,
    message: Annotated[str, typer.Option("--message", help="Of the commit.")] = "Upload with hf_relation",
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")] = False,
    token: Token = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Publish FOLDER on the Hub: a model, an adapter, a saved discovery, a converted corpus, a metric or a Space.

    One commit. Only safetensors, JSON, tokenizer files and the card of a model are sent, never a pickle; what is not sent is
    listed. The corpus of a discovery and the example texts of its relations stay here unless --corpus is given; names, keywords and
    patterns, which are made of words of the texts, are part of it. A card that somebody wrote in the repository stays.
    """
    from hf_relation.hub import plan_push, push

    plan = plan_push(folder, repo_type=repo_type, corpus=corpus)
    out = messages() if as_json else results()
    width = max(map(len, plan.files))
    out.print(f"{plan.repo_type} {repo_id}: {len(plan.files)} files, {plan.size / 1e6:.1f} MB", markup=False)
    for name, size in plan.files.items():
        out.print(f"  {printable(name):{width}}  {size:>12,} bytes", markup=False, highlight=False, soft_wrap=True)
    for name, reason in plan.left_out.items():
        out.print(f"  not sent: {printable(name)} ({reason})", markup=False, highlight=False, soft_wrap=True)
    if plan.without_texts:
        out.print("  The discovery is saved anew without its texts first; sizes are those before.", markup=False)
    address = None
    if dry_run:
        out.print("Nothing was sent (--dry-run).", markup=False)
    else:
        address = push(
            plan,
            repo_id,
            private=private or None,
            token=token,
            revision=revision,
            commit_message=message,
            create_pr=create_pr,
        ).commit_url
        out.print(f"Published: {address}", markup=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps({"repo_id": repo_id, **plan.to_dict(), "sent": not dry_run, "commit_url": address}))


def pull_command(
    name: Annotated[str, typer.Argument(metavar="USER/NAME", help="A model's repository, or a shipped name.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", file_okay=False, help="Folder for a copy. Default: they stay in the cache."),
    ] = None,
    revision: Revision = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output folder that is not empty.")
    ] = False,
    token: Token = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Get a model, an adapter or a saved discovery from the Hub, and print the folder it is in.

    Only safetensors, JSON, tokenizer files and cards are downloaded. Afterwards the name works without network.
    """
    from hf_relation.hub import pull

    folder = pull(name, output, revision=revision, token=token, overwrite=overwrite)
    typer.echo(json.dumps({"name": name, "folder": str(folder)}) if as_json else str(folder))
