"""`DemoModel`: one run of the demo, from instances to what the page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data.schema import Instance
from hf_relation.demo.texts import TextOptions, text_instances
from hf_relation.discovery import RelationDiscovery, keep_what_fits
from hf_relation.discovery.projection import project
from hf_relation.discovery.report import write_report
from hf_relation.errors import UsageError


FILES = ("report.html", "instances.jsonl", "instances.csv", "relations.csv", "triples.nt")
"""What can be downloaded after a run."""

_WARM_UP: Instance = {
    "id": "0",
    "text": "Ada met Bob.",
    "head": {"start": 0, "end": 3, "type": None},
    "tail": {"start": 8, "end": 11, "type": None},
    "relations": [],
}


class DemoModel:
    """A checkpoint whose weights are loaded once, for many runs.

    Args:
        name (`str`, *optional*): as for [`~hf_relation.RelationDiscovery.from_pretrained`].

    Raises:
        CheckpointError: no such checkpoint, or it cannot be loaded.
    """

    def __init__(self, name: str | None = None) -> None:
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.name = name
        self._encoder = RelationDiscovery.from_pretrained(name)
        self._encoder.embed([_WARM_UP])

    def discover(
        self,
        rows: Sequence[Any],
        settings: Mapping[str, Any],
        folder: Path,
        *,
        texts: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Discover relations, draw the map, write the files.

        Args:
            rows (`Sequence`): at least one: instances; with `texts` also texts and documents.
            settings (`Mapping`): constructor arguments of [`~hf_relation.RelationDiscovery`].
            folder (`Path`): gets the [`FILES`].
            texts (`Mapping`, *optional*): fields of [`~hf_relation.demo.texts.TextOptions`].

        Returns:
            `dict`: `relations`, `instances` and `num_relations` as from
            [`~hf_relation.discovery.DiscoveryResult.to_dict`], `points`, one `[x, y]` for every instance, `files`, the names
            of what was written, `given`, the instances themselves, and `notes`, what became of the texts.

        Raises:
            UsageError, InvalidRowError: as from [`~hf_relation.RelationDiscovery.fit`] and
                [`~hf_relation.demo.texts.text_instances`].
        """
        discovery = RelationDiscovery.from_pretrained(self.name, **settings)
        instances, notes = list(rows), []
        if texts is not None:
            instances, report = text_instances(rows, TextOptions(**texts))
            instances = keep_what_fits(instances, self._encoder._encoder()[1], report)
            notes = report.lines()
            if not instances:
                raise UsageError(" ".join(notes))
        embeddings = self._encoder.embed(instances)
        result = discovery.fit_predict(instances, embeddings)
        result.export(folder / "instances.jsonl")
        result.export(folder / "instances.csv")
        result.export(folder / "triples.nt")
        result.save(folder / "saved")
        (folder / "saved" / "relations.csv").rename(folder / "relations.csv")
        seed = settings.get("seed", 0)
        write_report(result, folder / "report.html", max_points=len(instances), seed=seed)
        # The same map as in the report.
        points = project(np.asarray(result.vectors), max_points=len(instances), seed=seed).points
        more = {"points": points.astype(float).round(4).tolist(), "files": list(FILES)}
        return result.to_dict() | more | {"given": instances, "notes": notes}
