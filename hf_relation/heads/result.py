"""`HeadImportance`: how much every attention head of a model matters."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from hf_relation.data.atomic import atomic_file
from hf_relation.data.files import parse_json
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.heads.normalizing import Norm, check_norm, check_scores, normalize_scores
from hf_relation.plots import heatmap


Method = Literal["gate", "token", "weights", "relevance"]
_FORMAT = 1
_LARGEST = 100_000


@dataclass(eq=False)
class HeadImportance:
    """How much every attention head matters, as [`head_importance`] measures it.

    Heads are counted from 0 as in the unpruned model.

    Args:
        raw (`np.ndarray` of shape `(layers, heads)`): accumulated scores, finite, at least 0.
        method (`str`): `"gate"`, `"token"`, `"weights"` or `"relevance"`.
        num_examples (`int`): so many examples were measured.
        normalize (`str`, *optional*, defaults to `"l1"`): norm by which `scores` divides every layer.
        rescale (`bool`, defaults to `True`): whether `scores` is scaled to [0, 1] over all layers.
        layers, heads (`Sequence[str]`, *optional*): names, for figures; default: their numbers.
        pruned (`Sequence[tuple[int, int]]`, defaults to none): (layer, head) of heads that are gone: they have the score 0
            and no rank.

    Raises:
        UsageError: a value is not allowed, or shapes do not fit.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.heads import HeadImportance
    >>> importance = HeadImportance(np.array([[1, 3, 0], [2, 2, 4]]), "gate", num_examples=7)
    >>> importance.scores.round(3).tolist()
    [[0.333, 1.0, 0.0], [0.333, 0.333, 0.667]]
    >>> importance.rank()[:3]
    [(0, 2), (0, 0), (1, 0)]

    ```
    """

    raw: np.ndarray
    method: Method
    num_examples: int
    normalize: Norm | None = "l1"
    rescale: bool = True
    layers: Sequence[str] = ()
    heads: Sequence[str] = ()
    pruned: Sequence[tuple[int, int]] = field(default=())

    def __post_init__(self) -> None:
        self.raw = check_scores(self.raw)
        check_method(self.method)
        check_norm(self.normalize)
        if isinstance(self.num_examples, bool) or not isinstance(self.num_examples, int) or self.num_examples < 0:
            raise UsageError(f"`num_examples` must be an integer of at least 0, got {self.num_examples!r}.")
        num_layers, num_heads = self.raw.shape
        for name, size in (("layers", num_layers), ("heads", num_heads)):
            names = tuple(getattr(self, name)) or tuple(map(str, range(size)))
            if len(names) != size or not all(isinstance(each, str) for each in names):
                raise UsageError(f"`{name}` must be {size} strings, one each, got {names}.")
            setattr(self, name, names)
        self.pruned = tuple((int(layer), int(head)) for layer, head in self.pruned)
        for layer, head in self.pruned:
            if not (0 <= layer < num_layers and 0 <= head < num_heads):
                raise UsageError(f"`pruned` names head {head} of layer {layer}, which does not exist.")

    @property
    def kept(self) -> np.ndarray:
        """Which heads there are: `(layers, heads)`, bool; false for those in `pruned`."""
        kept = np.ones(self.raw.shape, dtype=bool)
        for layer, head in self.pruned:
            kept[layer, head] = False
        return kept

    @property
    def scores(self) -> np.ndarray:
        """`raw` divided by the norm of each layer, then scaled to [0, 1]: `(layers, heads)`, float64."""
        return normalize_scores(self.raw, normalize=self.normalize, rescale=self.rescale, kept=self.kept)

    def rank(self) -> list[tuple[int, int]]:
        """All heads that there are as (layer, head), the lowest score first: the order in which to prune.

        Equal scores stand in the order of layers, then heads.
        """
        scores, kept = self.scores, self.kept
        heads = [(layer, head) for layer, head in np.ndindex(*scores.shape) if kept[layer, head]]
        # Rounded: equal scores of different layers differ by the last bit of their divisions.
        return sorted(heads, key=lambda place: (round(float(scores[place]), 12), place))

    def plot(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Draw the scores as a heatmap, layers from top to bottom; pruned heads are crossed out.

        Args:
            path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
            title (`str`, *optional*): above it.

        Returns:
            `Path`: the file.

        Raises:
            UsageError: a bad file name.
            ImportError: matplotlib is not installed.
        """
        shown = np.where(self.kept, self.scores, np.nan)
        limits = (0.0, 1.0) if self.normalize is not None or self.rescale else None
        note = f"{self.method}, {self.num_examples:,} examples, {self.normalize or 'no'} norm of layers"
        return heatmap(
            shown,
            path,
            rows=self.layers,
            columns=self.heads,
            limits=limits,
            title=title,
            x_axis="head",
            y_axis="layer",
            note=note,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to a JSON file, whole or not at all.

        Args:
            path (`str` or `PathLike`): the file; its folder exists.

        Raises:
            UsageError: a folder has that name, or its folder does not exist.
        """
        content = {
            "format_version": _FORMAT,
            "method": self.method,
            "num_examples": self.num_examples,
            "normalize": self.normalize,
            "rescale": self.rescale,
            "layers": list(self.layers),
            "heads": list(self.heads),
            "pruned": [list(place) for place in self.pruned],
            "raw": self.raw.tolist(),
        }
        text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
        with atomic_file(path) as stream:
            stream.write(text.encode("utf-8") + b"\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> HeadImportance:
        """Read what [`save`] wrote; every value is checked.

        Args:
            path (`str` or `PathLike`): the file.

        Returns:
            [`HeadImportance`].

        Raises:
            CheckpointError: the file is missing, damaged or from a newer version.
        """
        try:
            content = parse_json(Path(path).read_bytes(), what=str(path))
            return cls(**_fields(content))
        except (OSError, InvalidRowError, UsageError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} is missing or damaged: {error}") from error


def check_method(method: str) -> None:
    """Refuse another way of measuring.

    Raises:
        UsageError: it is none of those there are.
    """
    if method not in get_args(Method):
        raise UsageError(f"`method` must be one of {', '.join(map(repr, get_args(Method)))}, got {method!r}.")


def _fields(content: Any) -> dict[str, Any]:
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise UsageError("it must be an object with `format_version`.")
    if version > _FORMAT:
        raise UsageError(f"it has format {version}, this version of hf_relation reads up to {_FORMAT}. Upgrade it.")
    fields = {name: content.get(name) for name in HeadImportance.__dataclass_fields__}
    raw, pruned = fields["raw"], fields["pruned"]
    if not isinstance(raw, list) or not all(isinstance(row, list) for row in raw) or len(raw) > _LARGEST:
        raise UsageError("`raw` must be a list of lists of numbers.")
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for row in raw for value in row):
        raise UsageError("`raw` must hold numbers only.")
    if not isinstance(fields["rescale"], bool):
        raise UsageError("`rescale` must be true or false.")
    if not isinstance(fields["layers"], list) or not isinstance(fields["heads"], list):
        raise UsageError("`layers` and `heads` must be lists of strings.")
    pairs = isinstance(pruned, list) and all(
        isinstance(place, list) and len(place) == 2 and all(type(number) is int for number in place)
        for place in pruned
    )
    if not pairs:
        raise UsageError("`pruned` must be a list of [layer, head].")
    return fields
