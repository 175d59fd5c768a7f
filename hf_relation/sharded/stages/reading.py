"""Stage "read": lines to checked instances without gold labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.data.files import parse_json, read_lines
from hf_relation.data.jsonl import write_jsonl
from hf_relation.data.validation import check_instance
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.sharded.stages.arrays import save_npy
from hf_relation.sharded.stages.splitting import TABLE


if TYPE_CHECKING:
    from hf_relation.discovery.text_report import TextReport

_GOLD = ("relation", "relations")


def read_shard(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Check the rows of a shard and make instances of them.

    A row without an id gets its position among all rows of the inputs. Errors name the line of the input file. Pairs of texts that
    the encoder cannot read are left out and counted, as [`~hf_relation.discovery.keep_what_fits`] does.

    Args:
        sources (`Sequence[Path]`): the lines.
        out (`Path`), shard (`str`): `SHARD.jsonl` (instances), `SHARD.ids.json` (a list of their ids, which later stages read in no
            time), `SHARD.keys.npy` (`(n,)`, uint64: [`key_of`] of the ids) and `SHARD.report.json`, a
            [`~hf_relation.discovery.TextReport`].
        settings (`Mapping`): `path` (for messages), `first_line`, `first_row`, `only_instances` (embeddings are given), `skip_bad`,
            `text_options`, `device`, `model` (whose processor says what it can read).

    Returns:
        `tuple`: number of instances, and `{"skipped": [...], "texts": how many rows were texts or documents}`.

    Raises:
        InvalidRowError: a bad row.
        UsageError: a text or document where embeddings are given, or a text and nothing to find its entities.
    """
    skipped: list[dict[str, Any]] = []
    rows: list[Any] = []
    lines: list[int] = []
    for line, row in _rows(sources[0], settings, skipped):
        rows.append(row)
        lines.append(line)
    plain = all(row.get("head") is not None or row.get("tail") is not None for row in rows)
    if not plain and settings["only_instances"]:
        raise UsageError(
            f"{settings['path']}: with ready embeddings every row must be an instance (text, head, tail). Make instances of the "
            "texts first, or leave the embeddings out."
        )
    from hf_relation.discovery.text_report import TextReport

    report = TextReport()
    if plain:
        instances = _checked(rows, lines, settings, skipped)
        report.instances = len(instances)
    else:
        instances = _readable(_of_texts(rows, lines, settings, skipped, report), settings["model"], report)
    write_jsonl(out / f"{shard}.jsonl", instances)
    ids = [row["id"] for row in instances]
    (out / f"{shard}.ids.json").write_bytes(json.dumps(ids).encode("ascii"))
    save_npy(out / f"{shard}.keys.npy", np.array([key_of(id_) for id_ in ids], dtype=np.uint64))
    (out / f"{shard}.report.json").write_bytes(json.dumps(report.to_dict(), indent=1).encode("ascii") + b"\n")
    return len(instances), {"skipped": sorted(skipped, key=lambda bad: bad["line"]), "texts": report.texts}


def key_of(id_: str) -> int:
    """64 bits of the digest of an id: the order in which rows are drawn, which no order of rows or shards can change.

    Example:

    ```python
    >>> from hf_relation.sharded.stages.reading import key_of
    >>> 0 <= key_of("a") < 2**64 and key_of("a") != key_of("b")
    True

    ```
    """
    return int.from_bytes(hashlib.blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _rows(source: Path, settings: Mapping[str, Any], skipped: list[dict[str, Any]]) -> Iterator[tuple[int, Any]]:
    place = settings["first_row"] - 1
    missing = (None, "") if source.suffix == TABLE else (None,)
    for number, content in read_lines(source):
        if not content or content.isspace():
            continue
        place += 1
        line = settings["first_line"] + number - 1
        try:
            if source.suffix == ".txt":
                try:
                    row: Any = {"text": content.decode("utf-8")}
                except UnicodeDecodeError as error:
                    raise InvalidRowError(f"the line is not UTF-8 ({error.reason}). Save it as UTF-8.") from None
            else:
                row = parse_json(content)
                if isinstance(row, str) and source.suffix == TABLE:
                    raise InvalidRowError(row)
                row = {"text": row} if isinstance(row, str) else row
            if not isinstance(row, Mapping):
                raise InvalidRowError(f"an object is needed, got {type(row).__name__}.")
        except InvalidRowError as error:
            _refuse(error, line, settings, skipped)
            continue
        row = {key: value for key, value in row.items() if key not in _GOLD}
        yield line, row if row.get("id") not in missing else {**row, "id": str(place)}


def _checked(
    rows: list[Any], lines: list[int], settings: Mapping[str, Any], skipped: list[dict[str, Any]]
) -> list[Any]:
    instances: list[Any] = []
    for line, row in zip(lines, rows, strict=True):
        try:
            instances.append(check_instance(row))
        except InvalidRowError as error:
            _refuse(error, line, settings, skipped)
    return instances


def _of_texts(
    rows: list[Any],
    lines: list[int],
    settings: Mapping[str, Any],
    skipped: list[dict[str, Any]],
    report: TextReport,
) -> list[Any]:
    from hf_relation.discovery.raw_text import instances_from_texts

    options = dict(settings["text_options"])
    if options.get("types"):
        options["types"] = [tuple(pair) for pair in options["types"]]
    bad: list[InvalidRowError] = []
    found: list[Any] = []
    try:
        found = list(
            instances_from_texts(
                rows,
                device=settings["device"],
                on_error="skip" if settings["skip_bad"] else "raise",
                errors=bad,
                report=report,
                **options,
            )
        )
    except InvalidRowError as error:
        if error.index is None:  # of a dictionary of entities, not of a row
            raise
        bad = [error]
    for refused in bad:
        _refuse(refused, lines[refused.index or 0], settings, skipped)
    return found


def _readable(instances: list[Any], model: str | None, report: TextReport) -> list[Any]:
    """Without the pairs of texts that the model cannot read; rows that were instances from the start stay, for "embed" to refuse."""
    from hf_relation.discovery.fitting_length import keep_what_fits

    made = [row for row in instances if "origin" in row]
    if model is None or not made:
        return instances
    keep_what_fits(made, _processor(model), report)
    left_out = set(report.unreadable)
    return [row for row in instances if row["id"] not in left_out]


@lru_cache(maxsize=1)
def _processor(model: str) -> Any:
    from hf_relation.discovery.encoder import load_processor
    from hf_relation.sharded.stages.embedding import quiet_in_a_worker

    quiet_in_a_worker()
    return load_processor(model)


def _refuse(error: InvalidRowError, line: int, settings: Mapping[str, Any], skipped: list[dict[str, Any]]) -> None:
    if not settings["skip_bad"]:
        raise InvalidRowError(error.reason, line=line, file=str(settings["path"])) from None
    skipped.append({"line": line, "reason": error.reason})
