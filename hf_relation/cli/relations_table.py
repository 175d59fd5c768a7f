"""What `hf-relation discover` prints of the relations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hf_relation.cli.console import printable


if TYPE_CHECKING:
    from rich.table import Table

    from hf_relation.discovery import DiscoveryResult
    from hf_relation.sharded import ShardedResult

_EXAMPLES_SHOWN = 2
_WORDS_SHOWN = 6


def relations_table(result: DiscoveryResult | ShardedResult, number: Mapping[str, Any], left_out: int) -> Table:
    """The relations as a table: id, name and keywords, size, cohesion, example pairs.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`] or [`~hf_relation.sharded.ShardedResult`]): what was found.
        number (`Mapping`): `num_relations` of the result.
        left_out (`int`): instances of no relation.

    Returns:
        `rich.table.Table`: texts from the corpus are shown as they are, never as markup.
    """
    from rich.table import Table
    from rich.text import Text

    from hf_relation.discovery.keywords import distinct_words

    shown = sum(relation.size > 0 or relation.kind == "novel" for relation in result.relations)
    caption = f"{shown} relation{'s' * (shown != 1)} in {len(result)} instance{'s' * (len(result) != 1)}"
    if left_out:
        caption += f", {left_out} left out"
    known = [relation for relation in result.relations if relation.kind == "known"]
    if known:
        caption += "; * known before"
        unseen = sum(not relation.size for relation in known)
        caption += f", {unseen} more known ones in no instance" if unseen else ""
    if number["low"] is not None:
        caption += f"; number estimated, {number['low']} to {number['high']} are plausible"
    table = Table(caption=caption, caption_justify="left", show_lines=True)
    table.add_column("id", justify="right", no_wrap=True)
    table.add_column("relation", ratio=3)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("cohesion", justify="right", no_wrap=True)
    table.add_column("examples: head -> tail", ratio=4)
    for relation in result.relations:
        if relation.kind == "known" and not relation.size:
            continue
        pairs = [
            f"{printable(example['head'])} -> {printable(example['tail'])}"
            for example in relation.examples[:_EXAMPLES_SHOWN]
            if "head" in example
        ]
        words = ", ".join(distinct_words(relation.keywords)[:_WORDS_SHOWN])
        lines = [words] if words.startswith(relation.name) else [relation.name, words]
        table.add_row(
            f"{relation.id}*" if relation.kind == "known" else str(relation.id),
            Text("\n".join(printable(line) for line in lines if line)),
            str(relation.size),
            f"{relation.cohesion:.2f}",
            Text("\n".join(pairs)),
        )
    return table
