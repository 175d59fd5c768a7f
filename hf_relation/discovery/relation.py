"""One discovered relation, and how a reader recognises it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hf_relation.discovery.patterns import PatternScore
from hf_relation.discovery.signature import TypeSignature
from hf_relation.errors import UsageError


NamedBy = Literal["text", "user", "known", "inventory", "model"]
NAMERS: tuple[NamedBy, ...] = ("text", "user", "known", "inventory", "model")
KINDS = ("novel", "known")


@dataclass
class DiscoveredRelation:
    """One discovered relation.

    Args:
        id (`int`): 0 is the largest relation; see [`~hf_relation.clustering.canonical_labels`].
        name (`str`): unique among the relations; made from the best pattern or the top keywords. Yours to change, best with
            [`DiscoveryResult.set_names`].
        keywords (`list[str]`): words that tell this relation from the others, best first.
        size (`int`): how many instances of the fitted corpus it has.
        cohesion (`float`): mean cosine between its instances and their centre, in [0, 1]; 1 when all are alike.
        examples (`list[dict]`): instances nearest to the centre, nearest first: `id`, `score`, and where texts were given
            `text`, `head`, `tail` (the mentions as they stand in the text).
        patterns (`list[PatternScore]`): what stands between the mentions, such as `"X was born in Y"`, best first; see
            [`~hf_relation.discovery.relation_patterns`].
        signature ([`~hf_relation.discovery.TypeSignature`], *optional*): the most frequent types of head and tail; `None`
            where the instances have no types.
        inverse_of (`int`, *optional*): the id of the relation that looks like this one with head and tail changed over, its own
            id where it looks symmetric; see [`~hf_relation.discovery.inverse_pairs`].
        kind (`str`, defaults to `"novel"`): `"novel"`: found by clustering; `"known"`: given by name, with labelled rows.
        named_by (`str`, defaults to `"text"`): who gave the name: `"text"` (made from the corpus, and made anew when the relations
            change), `"user"`, `"known"` (the label of the known relation), `"inventory"` or `"model"`.
        description (`str`, *optional*): a sentence on what it means, where the name came with one.
    """

    id: int
    name: str
    keywords: list[str]
    size: int
    cohesion: float
    examples: list[dict[str, Any]] = field(default_factory=list)
    patterns: list[PatternScore] = field(default_factory=list)
    signature: TypeSignature | None = None
    inverse_of: int | None = None
    kind: Literal["novel", "known"] = "novel"
    named_by: NamedBy = "text"
    description: str | None = None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> DiscoveredRelation:
        """Rebuild from what `dataclasses.asdict` gives; fields with a default may be missing, as they are in files of older
        versions.

        Args:
            content (`Mapping`): fields by name.

        Returns:
            [`DiscoveredRelation`].

        Raises:
            TypeError, ValueError: a field is missing, unknown or of another form.
        """
        signature, inverse_of = content.get("signature"), content.get("inverse_of")
        if inverse_of is not None and (isinstance(inverse_of, bool) or not isinstance(inverse_of, int)):
            raise ValueError(f"`inverse_of` must be an id or null, got {inverse_of!r}")
        if content.get("kind", "novel") not in KINDS or content.get("named_by", "text") not in NAMERS:
            raise ValueError(f"`kind` must be one of {KINDS} and `named_by` one of {NAMERS}")
        _check_fields(content)
        changed = {
            "patterns": [PatternScore(**pattern) for pattern in content.get("patterns", [])],
            "signature": None if signature is None else TypeSignature(**signature),
        }
        return cls(**{**content, **changed})


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300


def _is_text(value: Any) -> bool:
    """A string that can be stored as UTF-8."""
    return isinstance(value, str) and value.encode("utf-8", "replace").decode("utf-8") == value


def _check_fields(content: Mapping[str, Any]) -> None:
    """Refuse fields of another form: files are untrusted, and all that writes a relation out relies on them."""
    signature = content.get("signature")
    examples, patterns, keywords = (content.get(name, []) for name in ("examples", "patterns", "keywords"))
    right = {
        "name": _is_text(content.get("name")),
        "keywords": isinstance(keywords, list) and all(map(_is_text, keywords)),
        "size": type(content.get("size")) is int and content["size"] >= 0,
        "cohesion": _is_number(content.get("cohesion")),
        "description": content.get("description") is None or _is_text(content["description"]),
        "examples": isinstance(examples, list) and all(map(_is_example, examples)),
        "patterns": isinstance(patterns, list)
        and all(
            isinstance(pattern, Mapping)
            and _is_text(pattern.get("pattern"))
            and all(_is_number(pattern.get(name)) for name in ("coverage", "lift"))
            for pattern in patterns
        ),
        "signature": signature is None
        or (
            isinstance(signature, Mapping)
            and all(_is_text(signature.get(name)) for name in ("head", "tail"))
            and _is_number(signature.get("share"))
        ),
    }
    wrong = [name for name, holds in right.items() if not holds]
    if wrong:
        raise ValueError(f"`{wrong[0]}` of a relation is missing or has another form")


def _is_example(example: Any) -> bool:
    texts = [example.get(name) for name in ("text", "head", "tail")] if isinstance(example, Mapping) else [0]
    whole = all(map(_is_text, texts)) or not any(text is not None for text in texts)
    return whole and _is_text(example.get("id")) and _is_number(example.get("score"))


def find_relation(relations: Sequence[DiscoveredRelation], id: int) -> DiscoveredRelation:
    """The relation of an id among relations.

    Raises:
        UsageError: none has it.

    Example:

    ```python
    >>> from hf_relation.discovery.relation import DiscoveredRelation, find_relation
    >>> find_relation([DiscoveredRelation(3, "born in", [], 1, 1.0)], 3).name
    'born in'

    ```
    """
    for relation in relations:
        if relation.id == id and not isinstance(id, bool):
            return relation
    known = ", ".join(str(relation.id) for relation in relations[:20]) or "none"
    more = f" and {len(relations) - 20} more" if len(relations) > 20 else ""
    raise UsageError(f"There is no relation {id!r}; the ids are {known}{more}.")
