"""What `hf-relation discover --json` prints of a sharded discovery, row by row."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from hf_relation.cli.console import is_utf8


if TYPE_CHECKING:
    from hf_relation.sharded import ShardedResult


def write_json(result: ShardedResult) -> None:
    """Print what `--json` says, in flat memory.

    Args:
        result ([`~hf_relation.sharded.ShardedResult`]): the result.
    """
    for part in _json_parts(result):
        typer.echo(part, nl=False)
    typer.echo()


def _json_parts(result: ShardedResult) -> Iterator[str]:
    from dataclasses import asdict

    from hf_relation.data.origins import mention_rows

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=not is_utf8(sys.stdout), allow_nan=False)

    def items(rows: Iterator[Any]) -> Iterator[str]:
        for number, row in enumerate(rows):
            yield (", " if number else "") + text(row)

    yield '{"instances": ['
    yield from items(result.instance_rows())
    yield f'], "relations": {text([asdict(relation) for relation in result.relations])}'
    yield f', "num_relations": {text(result.num_relations)}, "skipped": {text(result.skipped)}'
    report = result.text_report()
    if report.texts:
        yield f', "texts": {text(report.to_dict())}, "mentions": ['
        yield from items(mention_rows([row])[0] for row in result.instances())
        yield "]"
    yield "}"
