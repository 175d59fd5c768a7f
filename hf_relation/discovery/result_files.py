"""What a discovery result can be written as: tables, graphs, a report, figures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hf_relation.data.replacing import fill_folder
from hf_relation.data.spreadsheets import csv_text
from hf_relation.discovery.relation import DiscoveredRelation


if TYPE_CHECKING:
    from hf_relation.discovery.exports import ExportFormat
    from hf_relation.discovery.figures import FigureKind
    from hf_relation.discovery.result import DiscoveryResult


class ResultFiles:
    """The part of [`~hf_relation.discovery.DiscoveryResult`] that writes files."""

    if TYPE_CHECKING:
        relations: list[DiscoveredRelation]

        def _instance_rows(self) -> list[dict[str, Any]]: ...
        def _num_relations(self) -> dict[str, Any]: ...

    def export(
        self,
        path: str | os.PathLike[str],
        format: ExportFormat | None = None,
        *,
        raw: bool = False,
        base: str = "urn:hf-relation:",
    ) -> Path:
        """Write the result as JSON lines, Parquet, CSV, N-Triples or CSV for Neo4j.

        Args:
            path (`str` or `PathLike`): a name that ends in `.jsonl`, `.parquet`, `.csv`, `.nt` or (a folder) `.neo4j`.
            format (`str`, *optional*): `"jsonl"`, `"parquet"`, `"csv"`, `"ntriples"` or `"neo4j"`, for other names.
            raw (`bool`, defaults to `False`): do not guard CSV cells that a spreadsheet would run as formulas.
            base (`str`, defaults to `"urn:hf-relation:"`): what the IRIs in N-Triples begin with.

        Returns:
            `Path`: what was written; see [`~hf_relation.discovery.export_result`] for columns and rules.

        Raises:
            UsageError: an unknown format, a place that cannot be written to, or a result made from embeddings alone.
            InvalidRowError: text that cannot be stored as UTF-8.
        """
        from hf_relation.discovery.exports import export_result

        return export_result(cast("DiscoveryResult", self), path, format, raw=raw, base=base)

    def save_report(
        self,
        path: str | os.PathLike[str],
        *,
        title: str | None = None,
        max_points: int = 20_000,
        max_entities: int = 60,
        seed: int = 0,
    ) -> Path:
        """Write the result as one HTML file to look at in any browser, without a network.

        Args:
            path (`str` or `PathLike`): ends in `.html`; an existing file is replaced, missing parent folders are made.
            title (`str`, *optional*): at the top of the page. Default: `"Discovered relations"`.
            max_points (`int`, defaults to 20,000): the map shows so many instances at most; it says so.
            max_entities (`int`, defaults to 60): the graph shows so many entities at most; it says so.
            seed (`int`, defaults to 0): of map and graph.

        Returns:
            `Path`: the file; see [`~hf_relation.discovery.report.write_report`] for what it shows.

        Raises:
            UsageError: an empty result, a bad file name or a bad number.
            ImportError: plotly or jinja2 is not installed; the message says how to get them.
        """
        from hf_relation.discovery.report import write_report

        return write_report(
            cast("DiscoveryResult", self),
            path,
            title=title,
            max_points=max_points,
            max_entities=max_entities,
            seed=seed,
        )

    def plot(
        self,
        kind: FigureKind,
        path: str | os.PathLike[str] | None = None,
        *,
        title: str | None = None,
        max_points: int = 5000,
        max_entities: int = 40,
        seed: int = 0,
    ) -> Path:
        """Draw a figure for a paper.

        Args:
            kind (`str`): `"map"`, `"sizes"`, `"curve"`, `"dendrogram"`, `"confidence"` or `"graph"`.
            path (`str` or `PathLike`, *optional*): ends in `.png`, `.svg` or `.pdf`. Default: such as `map.png`.
            title (`str`, *optional*): above the figure.
            max_points (`int`, defaults to 5000): the map shows so many instances at most; it says so.
            max_entities (`int`, defaults to 40): the graph shows so many entities at most; it says so.
            seed (`int`, defaults to 0): of map and graph.

        Returns:
            `Path`: the file; see [`~hf_relation.discovery.figures.plot_result`] for what it shows.

        Raises:
            UsageError: another kind, a bad file name, or the result lacks what the figure shows.
            ImportError: matplotlib is not installed; the message says how to get it.
        """
        from hf_relation.discovery.figures import plot_result

        return plot_result(
            cast("DiscoveryResult", self),
            kind,
            path,
            title=title,
            max_points=max_points,
            max_entities=max_entities,
            seed=seed,
        )

    def save(self, folder: str | os.PathLike[str], *, raw: bool = False) -> Path:
        """Write `instances.jsonl`, `relations.json` and `relations.csv` into a folder.

        Args:
            folder (`str` or `PathLike`): made where missing; files of these names are replaced, all three or none.
            raw (`bool`, defaults to `False`): do not guard CSV cells that a spreadsheet would run as formulas (those that
                begin with `=`, `+`, `-`, `@`, a tab or a carriage return get a leading `'`).

        Returns:
            `Path`: the folder.

        Raises:
            UsageError: `folder` is a file.
        """
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self._instance_rows())
        contents = {
            "instances.jsonl": lines,
            "relations.json": relations_json(self._num_relations(), self.relations),
            "relations.csv": relations_csv(self.relations, raw=raw),
        }

        def fill(work: Path) -> None:
            for name, content in contents.items():
                (work / name).write_bytes(content.encode("utf-8"))

        fill_folder(folder, fill, last="instances.jsonl")
        return Path(folder)


def relations_json(num_relations: Mapping[str, Any], relations: Sequence[DiscoveredRelation]) -> str:
    """The content of `relations.json`."""
    content = {"num_relations": num_relations, "relations": [asdict(relation) for relation in relations]}
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def relations_csv(relations: Sequence[DiscoveredRelation], *, raw: bool) -> str:
    """The content of `relations.csv`."""
    rows = []
    for relation in relations:
        example = relation.examples[0] if relation.examples else {}
        texts = [str(example.get(key, "")) for key in ("head", "tail", "text")]
        words = [", ".join(relation.keywords), " | ".join(pattern.pattern for pattern in relation.patterns)]
        signature = None if relation.signature is None else str(relation.signature)
        numbers = [relation.id, relation.name, relation.size, f"{relation.cohesion:.4f}"]
        rows.append([*numbers, *words, signature, relation.inverse_of, *texts])
    header = ["id", "name", "size", "cohesion", "keywords", "patterns", "signature", "inverse_of"]
    header += ["example_head", "example_tail", "example_text"]
    return csv_text(header, rows, raw=raw)
