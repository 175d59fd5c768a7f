"""`hf-relation evaluate GOLD PRED`: score predicted clusters against gold relations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hf_relation.cli.console import messages, printable, results
from hf_relation.errors import HfRelationError, InvalidRowError


# Spelled out here because the metrics import numpy; a test compares the two lists.
NoisePolicy = Literal["cluster", "singletons", "drop"]
Metric = Literal["clusters", "triples", "semeval-task8"]

# name in the report -> name on the screen
_SCORES = {
    "bcubed_f1": "B-cubed F1",
    "bcubed_precision": "B-cubed precision",
    "bcubed_recall": "B-cubed recall",
    "v_measure": "V-measure",
    "homogeneity": "homogeneity",
    "completeness": "completeness",
    "ari": "adjusted Rand index",
    "nmi": "normalised mutual information",
    "hungarian_accuracy": "accuracy (best one-to-one matching)",
    "purity": "purity",
    "inverse_purity": "inverse purity",
}


def command(
    gold: Annotated[
        Path,
        typer.Argument(
            metavar="GOLD",
            exists=True,
            dir_okay=False,
            readable=True,
            help="Instances with `relations`, JSONL or .gz; for triples documents; for semeval-task8 lines of <id>TAB<label>.",
        ),
    ],
    pred: Annotated[
        Path,
        typer.Argument(
            metavar="PRED",
            exists=True,
            dir_okay=False,
            readable=True,
            help="Labels by id: instances.jsonl of `discover --output`, or what `discover --json` printed; for triples "
            "triples.jsonl of `extract --output`.",
        ),
    ],
    metric: Annotated[
        Metric,
        typer.Option(
            "--metric",
            help="clusters: discovered relations; triples: extracted ones; semeval-task8: the official report of that task.",
        ),
    ] = "clusters",
    match: Annotated[
        Literal["entities", "text"],
        typer.Option(
            "--match", help="Triples are equal by the positions of their entities, or by the words of head and tail."
        ),
    ] = "entities",
    noise: Annotated[
        NoisePolicy,
        typer.Option(
            "--noise",
            help="Instances labelled -1 count as one cluster, as a cluster each, or are dropped. State it with the figures.",
        ),
    ] = "cluster",
    skip_multiple: Annotated[
        bool, typer.Option("--skip-multiple", help="Leave out gold instances that have several relations.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")
    ] = False,
) -> None:
    """Score predicted labels, or extracted triples, against gold relations, matched by id.

    Gold instances without a relation are left out, and counted on stderr. Example: hf-relation evaluate gold.jsonl
    out/instances.jsonl
    """
    if metric != "clusters":
        from hf_relation.cli.evaluate_triples import evaluate_semeval, evaluate_triples

        if metric == "triples":
            evaluate_triples(gold, pred, match=match, as_json=as_json)
        else:
            evaluate_semeval(gold, pred, as_json=as_json)
        return
    from hf_relation.data import read_jsonl
    from hf_relation.metrics import clustering_report

    relations, num_unlabelled, num_multiple = gold_relations(read_jsonl(gold), skip_multiple=skip_multiple)
    labels = read_labels(pred)
    missing = [identifier for identifier in relations if identifier not in labels]
    if missing:
        raise HfRelationError(
            f"{len(missing)} of the {len(relations)} labelled instances in {gold} have no label in {pred}; the first has "
            f"the id {missing[0]!r}. Label every instance (-1 for one left out), and keep the ids."
        )
    if not relations:
        raise HfRelationError(
            f"no instance in {gold} has a relation to score against. Give `relations` (or `relation`)."
        )
    num_without_gold = len(labels.keys() - relations.keys())
    for count, what in [
        (num_unlabelled, "gold instances without a relation were left out"),
        (num_multiple, "gold instances with several relations were left out (--skip-multiple)"),
        (num_without_gold, "predicted labels have no gold relation and were left out"),
    ]:
        if count:
            messages().print(f"{count:,} {what}.", markup=False, highlight=False, soft_wrap=True)

    report = clustering_report(list(relations.values()), [labels[identifier] for identifier in relations], noise=noise)
    if as_json:
        skipped = {
            "num_unlabelled": num_unlabelled,
            "num_multiple": num_multiple,
            "num_without_gold": num_without_gold,
        }
        typer.echo(json.dumps({**report, **skipped, "noise": noise}))
    else:
        _show(report, noise)


def gold_relations(instances: Iterable[Any], *, skip_multiple: bool = False) -> tuple[dict[str, str], int, int]:
    """The one gold relation of each instance that has one.

    Args:
        instances (`Iterable[Instance]`): checked instances.
        skip_multiple (`bool`, defaults to `False`): leave out instances with several relations instead of refusing them.

    Returns:
        `tuple[dict[str, str], int, int]`: id -> relation in the order of the rows, and how many instances were left out
        for having no relation and for having several.

    Raises:
        InvalidRowError: an instance has several relations and `skip_multiple` is off.

    Example:

    ```python
    >>> from hf_relation.cli.evaluate import gold_relations
    >>> gold_relations([{"id": "a", "relations": ["born"]}, {"id": "b", "relations": []}])
    ({'a': 'born'}, 1, 0)

    ```
    """
    relations: dict[str, str] = {}
    num_unlabelled = num_multiple = 0
    for index, instance in enumerate(instances):
        found = instance["relations"]
        if not found:
            num_unlabelled += 1
        elif len(found) == 1:
            relations[instance["id"]] = found[0]
        elif skip_multiple:
            num_multiple += 1
        else:
            raise InvalidRowError(
                f"the gold instance {instance['id']!r} has {len(found)} relations; these scores need exactly one. Keep "
                "one, or leave such instances out with --skip-multiple.",
                index=index,
            )
    return relations, num_unlabelled, num_multiple


def read_labels(path: Path) -> dict[str, int | str]:
    """Read predicted labels by instance id.

    Args:
        path (`Path`): JSON lines with `id` and `label`, a JSON list of such objects, or a JSON object that has the list
            under `instances`; UTF-8, plain or gzip. Other fields are not looked at.

    Returns:
        `dict[str, int | str]`: id -> label, in the order of the file. A whole number as id is read as its digits.

    Raises:
        InvalidRowError: not such a file, a row without id or label, a label that is neither `int` nor `str`, labels of
            both kinds, or an id that occurs twice; with the line or the position.

    Example:

    ```python
    >>> import pathlib, tempfile
    >>> from hf_relation.cli.evaluate import read_labels
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "instances.jsonl"
    >>> _ = path.write_text('{"id": "a", "label": 0, "score": 0.9}')
    >>> read_labels(path)
    {'a': 0}

    ```
    """
    labels: dict[str, int | str] = {}
    kind: type | None = None
    for row, place in _prediction_rows(path):
        if not isinstance(row, dict) or "id" not in row or "label" not in row:
            raise InvalidRowError(f"a prediction in {path} must be an object with `id` and `label`.", **place)
        identifier, label = row["id"], row["label"]
        if isinstance(identifier, bool) or not isinstance(identifier, int | str):
            raise InvalidRowError(f"`id` in {path} must be a string, got {type(identifier).__name__}.", **place)
        if isinstance(label, bool) or not isinstance(label, int | str):
            raise InvalidRowError(
                f"`label` in {path} must be a whole number or a string, got {type(label).__name__}. Use -1 for an "
                "instance that was left out.",
                **place,
            )
        if kind is not None and not isinstance(label, kind):
            raise InvalidRowError(f"`label` in {path} is {label!r}, but earlier labels are {kind.__name__}.", **place)
        kind = type(label)
        if str(identifier) in labels:
            raise InvalidRowError(f"the id {str(identifier)!r} occurs twice in {path}. Keep one label each.", **place)
        labels[str(identifier)] = label
    return labels


def _prediction_rows(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each prediction, with where it stands as arguments for `InvalidRowError`."""
    from hf_relation.data.files import parse_json, read_json, read_lines

    lines = ((line, content) for line, content in read_lines(path) if content.strip())
    first = next(lines, None)
    if first is None:
        return
    if first[1].lstrip().startswith(b"{"):
        try:
            row = parse_json(first[1], line=first[0])
        except InvalidRowError as error:
            # An object laid out over several lines, or a broken line of JSONL: which one, the second line tells.
            second = next(lines, None)
            if second is None or second[1].lstrip().startswith(b"{"):
                raise error
        else:
            if "instances" not in row:
                yield row, {"line": first[0]}
                for line, content in lines:
                    yield parse_json(content, line=line), {"line": line}
                return
    whole = read_json(path)
    rows = whole.get("instances") if isinstance(whole, dict) else whole
    if not isinstance(rows, list):
        raise InvalidRowError(
            f"{path} holds no predictions. It must be JSON lines with `id` and `label`, a JSON list of such objects, or "
            "a JSON object with that list under `instances`."
        )
    for index, row in enumerate(rows):
        yield row, {"index": index}


def _show(report: dict[str, float], noise: str) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for name, title in _SCORES.items():
        table.add_row(title, f"{report[name]:.4f}")
    console = results()
    console.print(table)
    text = (
        f"{report['num_instances']:,} instances, {report['num_gold']:,} gold relations, {report['num_clusters']:,} clusters; "
        f"{report['num_left_out']:,} left out (noise: {noise})."
    )
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
