"""What `hf-relation discover` does with instances: discover, or go on from relations that were saved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hf_relation.cli.console import messages, printable
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.cli.raw_text import TextInput
    from hf_relation.discovery import DiscoveryResult, RelationDiscovery

CHECKPOINT = "checkpoint"
ModeName = Literal["discover", "predict", "grow"]
Mode = Annotated[
    ModeName,
    typer.Option(
        "--mode",
        help="'discover' finds relations in INPUT. With a --model that was saved by --save: 'predict' labels INPUT with its relations; "
        "'grow' adds INPUT to its corpus, opens new relations where instances are unlike all others, and shows the whole.",
    ),
]
Known = Annotated[
    str | None,
    typer.Option(
        "--known",
        metavar="FILE",
        help="Relations that are known: JSON lines of instances with one relation each, a few of every relation; or 'checkpoint' for "
        "those stored with the model. Then --num-relations counts novel ones, and instances can belong to none.",
    ),
]
Prior = Annotated[
    str | None,
    typer.Option(
        "--prior",
        metavar="K,N,0",
        help="With --known: how frequent known, novel and no relation are in INPUT, three numbers such as 0.2,0.75,0.05. Default: equally.",
    ),
]
Names = Annotated[
    Path | None,
    typer.Option(
        "--names",
        exists=True,
        dir_okay=False,
        help="Name the relations from an inventory: .jsonl, .json or .tsv with name and description.",
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        "--min-score",
        min=0,
        max=1,
        help="Leave out instances that fit nowhere: those with a lower score (0: half way between two).",
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(
        "--save",
        file_okay=False,
        help="Folder for encoder and relations, corpus included; --model takes it with --mode predict or grow.",
    ),
]
PairWeighting = Annotated[
    float | None,
    typer.Option(
        "--pair-weighting",
        min=0,
        max=1,
        help="Above 0, instances of one entity pair and near-duplicates count less when relations are placed; 1: together as one.",
    ),
]


def run(
    read: TextInput,
    model: str | None,
    settings: dict[str, Any],
    *,
    mode: ModeName,
    known: str | None,
    prior: str | None,
    names: Path | None,
    save: Path | None,
    quiet: bool,
) -> DiscoveryResult:
    """Discover, predict or grow.

    Args:
        read ([`~hf_relation.cli.raw_text.TextInput`]): the instances.
        model (`str`, *optional*): as for `RelationDiscovery.from_pretrained`.
        settings (`dict`): arguments of `RelationDiscovery` that were given.
        mode, known, prior, names, save: the options.
        quiet (`bool`): say nothing of what was written.

    Returns:
        [`~hf_relation.discovery.DiscoveryResult`].

    Raises:
        UsageError: options that do not go together, or a model without relations where some are needed.
    """
    from transformers.utils import logging

    from hf_relation.default_model import default_model
    from hf_relation.discovery import RelationDiscovery, RelationInventory

    check_options(mode, settings, known)
    inventory = None if names is None else RelationInventory.from_file(names)
    labelled = _read_known(known, prior)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    from hf_relation.cli.raw_text import fit_to_model

    discovery = RelationDiscovery.from_pretrained(model, **settings)
    if mode != "discover" and not discovery.__sklearn_is_fitted__():
        raise UsageError(
            f"--mode {mode} needs a --model that holds relations, which {model or default_model().source} does not. Make one with "
            "--save FOLDER."
        )
    fit_to_model(read, discovery, quiet=quiet)
    result = _result(discovery, read.instances, mode, labelled)
    if inventory is not None:
        discovery.name_relations(inventory)
    if save is not None:
        discovery.save_pretrained(save)
        if not quiet:
            messages().print(f"Wrote {printable(str(save))}.", markup=False)
    return result


def check_options(mode: ModeName, settings: dict[str, Any], known: str | None) -> None:
    """Refuse options that only discovering anew reads.

    Raises:
        UsageError: names the option.
    """
    if mode == "discover":
        return
    for name in ("num_relations", "algorithm", "pair_weighting", "seed"):
        if name in settings:
            raise UsageError(
                f"--{name.replace('_', '-')} says how to discover; --mode {mode} goes on from what was saved."
            )
    if known is not None:
        raise UsageError(f"--known is for discovering; with --mode {mode} the saved known relations are used.")


def _read_known(known: str | None, prior: str | None) -> Any:
    if known is None:
        if prior is not None:
            raise UsageError("--prior goes with --known.")
        return None
    from hf_relation.discovery import KnownRelations

    rows: Any = CHECKPOINT
    if known != CHECKPOINT:
        from hf_relation.data.jsonl import read_jsonl

        if not Path(known).is_file():
            raise UsageError(
                f"--known {known}: there is no such file. Name a file of labelled instances, or 'checkpoint'."
            )
        rows = list(read_jsonl(known))
    return KnownRelations(rows) if prior is None else KnownRelations(rows, prior=_shares(prior))


def _shares(prior: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(share) for share in prior.split(","))
    except ValueError:
        shares = ()
    if len(shares) != 3 or not all(0 <= share < math.inf for share in shares) or not sum(shares):
        raise UsageError(
            f"--prior must be three numbers of at least 0, such as 0.2,0.75,0.05 (known, novel, none), got {prior}."
        )
    return shares


def _result(discovery: RelationDiscovery, instances: Sequence[Any], mode: ModeName, known: Any) -> DiscoveryResult:
    if mode == "discover":
        return discovery.fit_predict(instances, known=known)
    if mode == "predict":
        return discovery.predict(instances)
    return discovery.partial_fit(instances).result()
