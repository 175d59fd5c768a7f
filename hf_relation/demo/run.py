"""`DemoModel`: one run of the demo, from instances to what the page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from hf_relation.data.schema import Instance
from hf_relation.demo.texts import TextOptions, text_instances
from hf_relation.discovery import RelationDiscovery, keep_what_fits
from hf_relation.errors import UsageError


FILES = ("instances.jsonl", "instances.csv", "relations.csv", "triples.nt")
"""What can be downloaded after a run."""

_PERPLEXITY = 30
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
        points = map_points(np.asarray(result.vectors), seed=settings.get("seed", 0))
        more = {"points": points.astype(float).round(4).tolist(), "files": list(FILES)}
        return result.to_dict() | more | {"given": instances, "notes": notes}


def map_points(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Lay vectors out in two dimensions: t-SNE, or principal components where there are too few for it.

    Args:
        vectors (`np.ndarray` of shape `(n, d)`): finite rows.
        seed (`int`, defaults to 0): of t-SNE.

    Returns:
        `np.ndarray` of shape `(n, 2)`, float32.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.demo.run import map_points
    >>> map_points(np.eye(3)).shape, map_points(np.ones((1, 5))).tolist()
    ((3, 2), [[0.0, 0.0]])

    ```

    Reference: van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 2008.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    distinct = len(np.unique(rows, axis=0))
    if distinct < 8 or rows.shape[1] < 2:
        points = np.zeros((len(rows), 2), dtype=np.float32)
        kept = min(2, len(rows), rows.shape[1])
        if distinct > 1:
            points[:, :kept] = PCA(kept).fit_transform(rows)[:, :kept]
        return points
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows)
