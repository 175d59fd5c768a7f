"""Files made from a discovery result: JSON lines, Parquet, CSV, N-Triples, CSV for Neo4j."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, get_args

from hf_relation.data.atomic import atomic_file, atomic_folder, folder_for
from hf_relation.data.jsonl import write_jsonl
from hf_relation.data.origins import original_spans
from hf_relation.data.row_checks import BrokenRule, checked_label, checked_string
from hf_relation.data.spreadsheets import csv_text
from hf_relation.discovery.graph_exports import DEFAULT_BASE, neo4j_tables, ntriples_lines
from hf_relation.errors import InvalidRowError, UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.result import DiscoveryResult

ExportFormat = Literal["jsonl", "parquet", "csv", "ntriples", "neo4j"]
ENDINGS: dict[str, ExportFormat] = {
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".parquet": "parquet",
    ".csv": "csv",
    ".nt": "ntriples",
    ".neo4j": "neo4j",
}
_NEO4J_FILES = {"nodes.csv", "relationships.csv"}
# Column names and their Parquet types.
_COLUMNS = {
    "id": "string",
    "label": "int64",
    "relation": "string",
    "score": "float64",
    "head": "string",
    "tail": "string",
    "text": "string",
    "head_start": "int64",
    "head_end": "int64",
    "tail_start": "int64",
    "tail_end": "int64",
}
# Only where relations are known before, and only where an instance says what text it was taken from.
_KIND_COLUMNS = {"kind": "string", "confidence": "float64"}
_ORIGIN_COLUMNS = {"document": "string"} | {
    f"document_{side}_{edge}": "int64" for side in ("head", "tail") for edge in ("start", "end")
}


def export_result(
    result: DiscoveryResult,
    path: str | os.PathLike[str],
    format: ExportFormat | None = None,
    *,
    raw: bool = False,
    base: str = DEFAULT_BASE,
) -> Path:
    """Write a discovery result to a file, or for Neo4j to a folder, that appears whole or not at all.

    | format | ending | what |
    | --- | --- | --- |
    | `"jsonl"` | `.jsonl`, `.jsonl.gz` | one object an instance (see below) |
    | `"parquet"` | `.parquet` | the same columns |
    | `"csv"` | `.csv` | the same columns; an empty cell for no relation |
    | `"ntriples"` | `.nt` | RDF 1.1 N-Triples: labels, and one triple for every distinct head, relation and tail |
    | `"neo4j"` | `.neo4j` | a folder with `nodes.csv` and `relationships.csv` for `neo4j-admin database import` |

    The columns are `id`, `label`, `relation` (its name), `score`, `head`, `tail`, `text`, and the character offsets
    `head_start`, `head_end`, `tail_start`, `tail_end` (end exclusive). Where relations are known before, also `kind`
    (`"known"`, `"novel"` or `"none"`) and `confidence`. Where instances were made of longer texts (see
    [`~hf_relation.discovery.instances_from_texts`]), there are also `document` (the id of the longer text) and the offsets into
    it: `document_head_start`, `document_head_end`, `document_tail_start`, `document_tail_end`. Instances left out are rows with the label -1 and
    no relation; the graphs (N-Triples and Neo4j) do without them. In the graphs mentions that differ only in case and
    white space are one entity, see [`~hf_relation.discovery.graph_exports.entity_key`].

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): made from instances, not from embeddings alone.
        path (`str` or `PathLike`): the file (or folder); an existing one is replaced, missing parent folders are made.
        format (`str`, *optional*): one of the table. Default: by the ending of `path`.
        raw (`bool`, defaults to `False`): do not guard CSV cells that a spreadsheet would run as formulas; see
            [`~hf_relation.data.spreadsheets.csv_text`].
        base (`str`, defaults to `"urn:hf-relation:"`): what the IRIs in N-Triples begin with.

    Returns:
        `Path`: what was written.

    Raises:
        UsageError: an unknown format or ending, a place that cannot be written to, a `base` that begins no IRI, a
            result without mentions, or a relation whose name is blank.
        InvalidRowError: text that cannot be stored as UTF-8, with the position of the instance.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from hf_relation.discovery import DiscoveredRelation, DiscoveryResult, export_result
    >>> row = {"id": "a", "text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> met = DiscoveredRelation(0, "met", ["met"], 1, 1.0)
    >>> result = DiscoveryResult([row], np.array([0]), np.array([1.0]), [met])
    >>> print(export_result(result, pathlib.Path(tempfile.mkdtemp()) / "found.csv").read_text())
    id,label,relation,score,head,tail,text,head_start,head_end,tail_start,tail_end
    a,0,met,1.0,Ada,Bob,Ada met Bob.,0,3,8,11

    ```
    """
    kind = check_export(path, format)
    rows = export_rows(result)
    target = Path(path)
    folder_for(target.parent, "results")
    if kind == "jsonl":
        write_jsonl(target, rows)
    elif kind == "neo4j":
        with atomic_folder(target, overwrite=True) as folder:
            for name, content in neo4j_tables(result, raw=raw).items():
                (folder / name).write_bytes(content.encode("utf-8"))
    else:
        writers: dict[str, Callable[[BinaryIO], object]] = {
            "parquet": lambda stream: _write_parquet(stream, rows),
            "csv": lambda stream: stream.write(_csv(rows, raw=raw).encode("utf-8")),
            "ntriples": lambda stream: stream.writelines(
                line.encode("utf-8") for line in ntriples_lines(result, base=base)
            ),
        }
        with atomic_file(target) as stream:
            writers[kind](stream)
    return target


def check_export(path: str | os.PathLike[str], format: ExportFormat | None = None) -> ExportFormat:
    """Find out, before any work, in which format a result will be written, and whether it can be written there.

    Args:
        path (`str` or `PathLike`): as for [`export_result`].
        format (`str`, *optional*): as for [`export_result`].

    Returns:
        `str`: the format.

    Raises:
        UsageError: an unknown format or ending; a folder where a file is to go, or the other way round; for Neo4j a
            folder that holds other files, which are not deleted.

    Example:

    ```python
    >>> from hf_relation.discovery.exports import check_export
    >>> check_export("found.nt"), check_export("found.txt", "csv")
    ('ntriples', 'csv')

    ```
    """
    target = Path(path)
    if format is None:
        ending = next((ending for ending in ENDINGS if target.name.lower().endswith(ending)), None)
        if ending is None:
            raise UsageError(
                f"The name {target.name!r} does not tell in which format to export. It must end in {_listed(ENDINGS)}; "
                "in Python, `format` says it for any name."
            )
        format = ENDINGS[ending]
    elif format not in get_args(ExportFormat):
        raise UsageError(f"`format` must be {_listed(get_args(ExportFormat))}, got {format!r}.")
    if format != "neo4j" and target.is_dir():
        raise UsageError(f"Cannot write the file {target}: a folder has that name. Give a file name.")
    if format == "neo4j" and target.exists():
        if not target.is_dir():
            raise UsageError(f"Cannot write the folder {target}: a file has that name. Give another name.")
        others = sorted({item.name for item in target.iterdir()} - _NEO4J_FILES)
        if others:
            raise UsageError(
                f"The folder {target} holds other files than {_listed(sorted(_NEO4J_FILES), 'and')}, such as "
                f"{others[0]!r}. Give another folder."
            )
    above = next((folder for folder in target.absolute().parents if folder.exists()), None)
    if above is not None and not above.is_dir():
        raise UsageError(f"Cannot write {target}: {above} is a file. Give a name in a folder.")
    return format


def export_rows(result: DiscoveryResult) -> list[dict[str, Any]]:
    """One row per instance, in order: the columns that [`export_result`] lists.

    Args:
        result ([`~hf_relation.discovery.DiscoveryResult`]): with mentions.

    Returns:
        `list[dict]`: plain Python values; `relation` is `None` for instances left out.

    Raises:
        UsageError: there are no mentions, or a relation's name is blank or cannot be stored as UTF-8.
        InvalidRowError: an instance holds text that cannot be stored as UTF-8.
    """
    result.to_triples()  # for its check
    names: dict[int, str | None] = {-1: None}
    for relation in result.relations:
        try:
            names[relation.id] = checked_label(relation.name, f"the name of relation {relation.id}")
        except BrokenRule as rule:
            raise UsageError(f"{rule}.") from None
    labelled = zip(result.instances, result.labels.tolist(), result.scores.tolist(), strict=True)
    rows = [
        _row(index, instance, label, names[label], score) for index, (instance, label, score) in enumerate(labelled)
    ]
    if result.confidence is not None and result.kinds is not None:
        for row, kind, confidence in zip(rows, result.kinds.tolist(), result.confidence.tolist(), strict=True):
            row |= {"kind": kind, "confidence": confidence}
    if any("origin" in instance for instance in result.instances):
        for row, instance in zip(rows, result.instances, strict=True):
            spans = original_spans(instance)
            offsets = [span[edge] for span in (spans.head, spans.tail) for edge in ("start", "end")]
            row |= dict(zip(_ORIGIN_COLUMNS, [spans.id, *offsets], strict=True))
    return rows


def _row(index: int, instance: Mapping[str, Any], label: int, name: str | None, score: float) -> dict[str, Any]:
    try:
        id_, text = checked_string(str(instance["id"]), "`id`"), checked_string(instance["text"], "`text`")
    except BrokenRule as rule:
        raise InvalidRowError(f"{rule}.", index=index) from None
    spans = [int(instance[side][edge]) for side in ("head", "tail") for edge in ("start", "end")]
    head, tail = text[spans[0] : spans[1]], text[spans[2] : spans[3]]
    return dict(zip(_COLUMNS, [id_, label, name, score, head, tail, text, *spans], strict=True))


def _columns_of(rows: list[dict[str, Any]]) -> dict[str, str]:
    extra = [columns for columns in (_KIND_COLUMNS, _ORIGIN_COLUMNS) if rows and list(columns)[0] in rows[0]]
    return {name: kind for columns in (_COLUMNS, *extra) for name, kind in columns.items()}


def _csv(rows: list[dict[str, Any]], *, raw: bool) -> str:
    cells: Iterator[list[Any]] = (list(row.values()) for row in rows)
    return csv_text(list(_columns_of(rows)), cells, raw=raw)


def _write_parquet(stream: BinaryIO, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in _columns_of(rows).items()])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), stream)


def _listed(names: Any, word: str = "or") -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}"
