"""Which entity types a relation can hold between."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data.atomic import atomic_file
from hf_relation.data.files import read_json
from hf_relation.data.schema import Document, Instance
from hf_relation.errors import UsageError


TypePair = tuple[str | None, str | None]


class TypeConstraints:
    """The pairs of head and tail type that each relation allows.

    A file is one JSON object, `{"relation": [["PERSON", "ORG"], ...], ...}`; `null` instead of the list allows any pair,
    `null` in a pair any type in that place. What is not known is not constrained: a relation without an entry, a mention
    without a type.

    Args:
        allowed (`Mapping[str, Iterable[tuple] | None]`): that object.

    Raises:
        UsageError: it is not of that form, or a relation would allow nothing.

    Example:

    ```python
    >>> from hf_relation.extraction import TypeConstraints
    >>> constraints = TypeConstraints({"works for": [("PERSON", "ORG")], "near": None})
    >>> constraints.allows("works for", "ORG", "PERSON"), constraints.allows("works for", None, "ORG")
    (False, True)
    >>> constraints.mask(["PERSON", "ORG"], ["ORG", "ORG"], ["works for", "near"]).tolist()
    [[True, True], [False, True]]

    ```
    """

    def __init__(self, allowed: Mapping[str, Iterable[Sequence[str | None]] | None]) -> None:
        if not isinstance(allowed, Mapping):
            raise UsageError(
                f"Type constraints must be an object of relations and their type pairs, got {type(allowed).__name__}."
            )
        for name in allowed:
            if not isinstance(name, str):
                raise UsageError(f"Type constraints are by the relation's name, a string, got {name!r}.")
        self._allowed = {name: None if pairs is None else _check_pairs(name, pairs) for name, pairs in allowed.items()}

    @property
    def relations(self) -> list[str]:
        """The relations with an entry."""
        return list(self._allowed)

    @classmethod
    def from_instances(
        cls, instances: Iterable[Instance], *, min_count: int = 1, na_label: str | None = None
    ) -> TypeConstraints:
        """Learn from labelled instances which type pairs each relation is seen with.

        Args:
            instances (`Iterable[Instance]`): training data in normal form; a mention without a type tells nothing.
            min_count (`int`, defaults to 1): pairs seen less often are taken for errors. A relation none of whose pairs is
                seen so often allows any pair.
            na_label (`str`, *optional*): the label that means "no relation", which gets no entry.

        Returns:
            [`TypeConstraints`]: relations and pairs sorted.

        Raises:
            UsageError: `min_count` is below 1.
        """
        observed = (
            (relation, row["head"]["type"], row["tail"]["type"])
            for row in instances
            for relation in dict.fromkeys(row["relations"])
        )
        return cls._learned(observed, min_count, na_label)

    @classmethod
    def from_documents(
        cls, documents: Iterable[Document], *, min_count: int = 1, na_label: str | None = None
    ) -> TypeConstraints:
        """Learn from labelled documents which type pairs each relation is seen with.

        Args:
            documents (`Iterable[Document]`): training data in normal form.
            min_count, na_label: as in `from_instances`.

        Returns:
            [`TypeConstraints`]: relations and pairs sorted.

        Raises:
            UsageError: `min_count` is below 1.
        """
        observed = (
            (label, document["entities"][head]["type"], document["entities"][tail]["type"])
            for document in documents
            for head, tail, label in dict.fromkeys((p["head"], p["tail"], p["label"]) for p in document["relations"])
        )
        return cls._learned(observed, min_count, na_label)

    @classmethod
    def _learned(
        cls, observed: Iterable[tuple[str, str | None, str | None]], min_count: int, na_label: str | None
    ) -> TypeConstraints:
        if min_count < 1:
            raise UsageError(f"`min_count` must be at least 1, got {min_count}.")
        counts: dict[str, Counter[TypePair]] = {}
        for relation, head_type, tail_type in observed:
            if relation != na_label:
                of_relation = counts.setdefault(relation, Counter())
                if head_type is not None and tail_type is not None:
                    of_relation[head_type, tail_type] += 1
        often = {
            name: sorted(pair for pair, count in counts[name].items() if count >= min_count) for name in sorted(counts)
        }
        return cls({name: pairs or None for name, pairs in often.items()})

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> TypeConstraints:
        """Read a JSON file, see the class. The content is checked: it may come from anywhere.

        Args:
            path (`str` or `PathLike`): the file.

        Returns:
            [`TypeConstraints`].

        Raises:
            UsageError: there is no such file, or the content is not of that form.
            InvalidRowError: the file is not strict JSON.
        """
        content = read_json(path)
        try:
            return cls(content)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    def to_dict(self) -> dict[str, list[list[str | None]] | None]:
        """Everything as plain values, as in the file."""
        return {
            name: None if pairs is None else [list(pair) for pair in pairs] for name, pairs in self._allowed.items()
        }

    def save_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the JSON file, whole or not at all.

        Args:
            path (`str` or `PathLike`): the file; its folder must exist.

        Returns:
            `Path`: the file.

        Raises:
            UsageError: the folder does not exist.
        """
        lines = [f"{json.dumps(name)}: {json.dumps(pairs)}" for name, pairs in self.to_dict().items()]
        with atomic_file(path) as stream:
            stream.write(("{\n  " + ",\n  ".join(lines) + "\n}\n" if lines else "{}\n").encode())
        return Path(path)

    def allows(self, relation: str, head_type: str | None, tail_type: str | None) -> bool:
        """Whether a relation can hold between mentions of two types.

        Args:
            relation (`str`): a relation without an entry allows any.
            head_type, tail_type (`str` or `None`): `None` is not known, so it fits every type.

        Returns:
            `bool`.
        """
        pairs = self._allowed.get(relation)
        return pairs is None or any(_fits(head_type, head) and _fits(tail_type, tail) for head, tail in pairs)

    def mask(
        self, head_types: Sequence[str | None], tail_types: Sequence[str | None], relations: Sequence[str]
    ) -> np.ndarray:
        """Which relations can hold for which pairs.

        Args:
            head_types, tail_types (`Sequence[str | None]` of length n): types of each pair.
            relations (`Sequence[str]` of length r): names of the columns.

        Returns:
            `np.ndarray` of shape `(n, r)`, bool.

        Raises:
            UsageError: not as many heads as tails.
        """
        if len(head_types) != len(tail_types):
            raise UsageError(f"`head_types` and `tail_types` have {len(head_types)} and {len(tail_types)} entries.")
        pairs = list(zip(head_types, tail_types, strict=True))
        # Few type pairs, many mention pairs.
        rows = {pair: np.array([self.allows(name, *pair) for name in relations], dtype=bool) for pair in set(pairs)}
        return np.stack([rows[pair] for pair in pairs]) if pairs else np.empty((0, len(relations)), dtype=bool)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeConstraints) and self._allowed == other._allowed

    def __repr__(self) -> str:
        return f"TypeConstraints({self.to_dict()})"


def _fits(given: str | None, allowed: str | None) -> bool:
    return given is None or allowed is None or given == allowed


def _check_pairs(name: str, pairs: Any) -> tuple[TypePair, ...]:
    where = f"Type constraints of {name[:80]!r}"
    if isinstance(pairs, (str, Mapping)) or not isinstance(pairs, Iterable):
        raise UsageError(f"{where} must be a list of type pairs, or null for any, got {str(pairs)[:80]!r}.")
    checked: list[TypePair] = []
    for pair in pairs:
        if (
            not isinstance(pair, (list, tuple))
            or len(pair) != 2
            or not all(part is None or isinstance(part, str) for part in pair)
        ):
            raise UsageError(
                f"{where}: a type pair is [head type, tail type], each a string or null, got {str(pair)[:80]}."
            )
        checked.append((pair[0], pair[1]))
    if not checked:
        raise UsageError(
            f"{where} are an empty list, so that it could never be predicted. Use null to allow any pair."
        )
    return tuple(dict.fromkeys(checked))
