"""What a sharded discovery gives: relations in memory, labels and scores of all rows from the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.data.files import parse_json, read_json, read_lines
from hf_relation.sharded.manifest import read_entry
from hf_relation.sharded.plan import ONE, entries, text_report
from hf_relation.sharded.run_record import RunRecord


if TYPE_CHECKING:
    from hf_relation.discovery.relation import DiscoveredRelation
    from hf_relation.discovery.relation_discovery import RelationDiscovery
    from hf_relation.discovery.text_report import TextReport


class ShardedResult:
    """The result in the folder of a run that is done; get one from [`~hf_relation.sharded.discover_sharded`].

    Args:
        workdir (`Path`): the folder of the run.
        record ([`~hf_relation.sharded.run_record.RunRecord`]): the run.

    Attributes:
        relations (`list[DiscoveredRelation]`): by id, as in [`~hf_relation.discovery.DiscoveryResult`].
        num_relations (`dict`): `found`, `requested`, and how the number was estimated where it was.
    """

    def __init__(self, workdir: Path, record: RunRecord) -> None:
        from hf_relation.discovery.relation import DiscoveredRelation

        self.workdir, self._record = workdir, record
        self._entries = entries(workdir, record, "label")
        content = read_json(workdir / f"describe/{ONE}.relations.json")
        self.relations: list[DiscoveredRelation] = [DiscoveredRelation.from_dict(relation) for relation in content]
        fitted = read_entry(workdir, "fit", ONE)
        estimate = None if fitted is None else fitted.counts["estimate"]
        self.num_relations: dict[str, Any] = {
            "found": len(self.relations),
            "requested": record.settings["num_relations"],
            **{name: None if estimate is None else estimate[name] for name in ("low", "high", "candidates", "scores")},
        }

    def __len__(self) -> int:
        return sum(entry.rows for entry in self._entries)

    @property
    def skipped(self) -> list[dict[str, Any]]:
        """`list[dict]`: bad rows that were left out: `line`, `reason` and `file`."""
        return [
            bad | {"file": entry.settings["path"]}
            for entry in entries(self.workdir, self._record, "read")
            for bad in entry.counts["skipped"]
        ]

    @property
    def left_out(self) -> int:
        """`int`: instances that belong to no relation: their label is -1."""
        return len(self) - sum(sum(entry.counts["counts"]) for entry in self._entries)

    def text_report(self) -> TextReport:
        """What became of the texts that instances were made of, over all shards; see
        [`~hf_relation.discovery.TextReport`]. It holds the id of every text without a pair.
        """
        return text_report(self.workdir, self._record)

    def labels(self) -> np.ndarray:
        """Relation id of every instance, in the order of the inputs, or -1: `(n,)`, int64."""
        return self._column("labels", np.int64)

    def scores(self) -> np.ndarray:
        """Score of every instance, as in [`~hf_relation.discovery.DiscoveryResult`]: `(n,)`, float32."""
        return self._column("scores", np.float32)

    def instance_rows(self) -> Iterator[dict[str, Any]]:
        """`id`, `label` and `score` of every instance, in the order of the inputs, in flat memory."""
        for entry in self._entries:
            for _, content in read_lines(self.workdir / entry.output(".jsonl")):
                yield parse_json(content)

    def instances(self) -> Iterator[dict[str, Any]]:
        """All instances, without gold labels, in the order of the inputs, in flat memory."""
        for entry in entries(self.workdir, self._record, "read"):
            for _, content in read_lines(self.workdir / entry.output(".jsonl")):
                yield parse_json(content)

    def to_discovery(self) -> RelationDiscovery:
        """A fitted [`~hf_relation.RelationDiscovery`] with these relations, to label other sentences with, and to save.

        `predict` gives the instances of this run the labels that they have here, and their scores but for the last digit. It holds a label and a score of every
        instance (12 bytes each), and not the instances: relations can be renamed and named by an inventory, but not merged, split or
        grown. The relations are those of this result: names given to one are those of the other.

        Returns:
            [`~hf_relation.RelationDiscovery`]: with the encoder of the run, if it had one.

        Raises:
            CheckpointError: the encoder's files are not those of the run any more.

        Example:

        ```python
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from hf_relation.data import write_jsonl
        >>> from hf_relation.sharded import ShardedSettings, discover_sharded
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> row = {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
        >>> _ = write_jsonl(folder / "rows.jsonl", [row, row, row])
        >>> np.save(folder / "rows.npy", np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]], dtype=np.float32))
        >>> found = discover_sharded([folder / "rows.jsonl"], folder / "work", embeddings=[folder / "rows.npy"],
        ...                          settings=ShardedSettings(num_relations=2), workers=0)
        >>> found.to_discovery().predict(np.array([[0.1, 0.9]])).labels.tolist()
        [1]

        ```
        """
        from hf_relation.sharded.fitted import discovery_of

        return discovery_of(self, self._record)

    def save(self, folder: str | os.PathLike[str], *, raw: bool = False) -> Path:
        """Write `instances.jsonl`, `relations.json` and `relations.csv`, as
        [`DiscoveryResult.save`][hf_relation.discovery.DiscoveryResult] does.

        Args:
            folder (`str` or `PathLike`): made where missing; files of these names are replaced, all three or none.
            raw (`bool`, defaults to `False`): do not guard CSV cells that a spreadsheet would run as formulas.

        Returns:
            `Path`: the folder.
        """
        from hf_relation.data.replacing import fill_folder
        from hf_relation.discovery.result_files import relations_csv, relations_json

        def fill(work: Path) -> None:
            with open(work / "instances.jsonl", "xb") as stream:
                for entry in self._entries:
                    with open(self.workdir / entry.output(".jsonl"), "rb") as part:
                        shutil.copyfileobj(part, stream)
            found = relations_json(self.num_relations, self.relations)
            (work / "relations.json").write_bytes(found.encode("utf-8"))
            (work / "relations.csv").write_bytes(relations_csv(self.relations, raw=raw).encode("utf-8"))

        fill_folder(folder, fill, last="instances.jsonl")
        return Path(folder)

    def _column(self, name: str, dtype: Any) -> np.ndarray:
        from safetensors.numpy import load_file

        parts = [load_file(self.workdir / entry.output(".safetensors"))[name] for entry in self._entries]
        return np.concatenate([np.empty(0, dtype=dtype), *parts])
