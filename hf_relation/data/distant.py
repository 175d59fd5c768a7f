"""Distant supervision: label documents, or instances, by a list of facts about their entities."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ..errors import InvalidRowError, UsageError
from .files import parse_json, read_text_lines
from .normal_text import normal_text
from .validation import check_document, check_instance


Match = Literal["name", "id"]
MATCHES = ("name", "id")


class Fact(NamedTuple):
    """One triple of a knowledge base.

    Args:
        head (`str`): name of the head entity, or its id.
        relation (`str`): name of the relation.
        tail (`str`): name of the tail entity, or its id.
    """

    head: str
    relation: str
    tail: str


@dataclass
class DistantReport:
    """What became of rows and facts.

    Args:
        rows (`int`): documents or instances that were looked at.
        labelled_rows (`int`): those with at least one label.
        pairs (`int`): ordered pairs of entities in them.
        labels (`Counter[str]`): how often every relation was given.
        used_facts (`set[Fact]`): facts that labelled something, as they were given.
    """

    rows: int = 0
    labelled_rows: int = 0
    pairs: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    used_facts: set[Fact] = field(default_factory=set)


class DistantLabeller:
    """Give a pair of entities every relation that a list of facts has between them, whatever the text says.

    That is how distant supervision makes training data without annotators (Mintz et al., ACL 2009): many labels are right, many are
    not, as a text that names two entities need not state what is known of them. Pre-training that weighs labels by how early they
    are learned ([`~hf_relation.FineCLModel`]) is made for such data.

    Args:
        facts (`Iterable[Fact]`): head, relation, tail; at least one.
        match (`str`, defaults to `"name"`): what of an entity is looked up: the `"name"` of any of its mentions, or its `"id"`.
        ignore_case (`bool`, defaults to `True`): compare names without case; in any case in Unicode normal form C, with any run of
            white space as one space.

    Attributes:
        report ([`DistantReport`]): what became of all rows so far.

    Raises:
        UsageError: no facts, or an unknown `match`.
        InvalidRowError: a part of a fact is blank or no string; `.index` is its position.

    Example:

    ```python
    >>> from hf_relation.data import DistantLabeller, Fact
    >>> label = DistantLabeller([Fact("Ada Brenner", "born in", "Lindau")])
    >>> document = {"text": "Ada Brenner left Lindau.", "mentions": [{"start": 0, "end": 11}, {"start": 17, "end": 23}],
    ...             "entities": [{"mentions": [0]}, {"mentions": [1]}]}
    >>> next(label.documents([document]))["relations"]
    [{'head': 0, 'tail': 1, 'label': 'born in'}]
    >>> label.report.labels
    Counter({'born in': 1})

    ```

    Reference: Mintz, Bills, Snow and Jurafsky, "Distant supervision for relation extraction without labeled data", ACL 2009.
    """

    def __init__(self, facts: Iterable[Fact], *, match: Match = "name", ignore_case: bool = True) -> None:
        if match not in MATCHES:
            raise UsageError(f"`match` must be one of {', '.join(map(repr, MATCHES))}, got {match!r}.")
        self.match = match
        self.ignore_case = ignore_case and match == "name"
        self.report = DistantReport()
        self._facts: dict[tuple[str, str], dict[str, Fact]] = {}
        for index, fact in enumerate(facts):
            for name, value in zip(Fact._fields, fact, strict=True):
                if not isinstance(value, str) or not value.strip():
                    raise InvalidRowError(f"`{name}` must be a string that is not blank, got {value!r}.", index=index)
            pair = (self._key(fact[0]), self._key(fact[2]))
            self._facts.setdefault(pair, {}).setdefault(fact[1], Fact(*fact))
        if not self._facts:
            raise UsageError("There are no facts to label with.")

    def documents(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Label documents; labels that they have are left out.

        Args:
            documents (`Iterable[Mapping]`): documents of the data contract; not altered.

        Yields:
            `dict`: the document with `relations` by the facts, in the order of its entities.

        Raises:
            InvalidRowError: a document breaks the data contract; or, with `match="id"`, none of its entities has an id.
        """
        for index, row in enumerate(documents):
            document = check_document(row, index=index)
            keys = [self._keys_of(document, entity) for entity in document["entities"]]
            if self.match == "id" and keys and not any(keys):
                raise InvalidRowError(
                    "no entity has an `id`, which `match='id'` looks up. Match by name.", index=index
                )
            found = []
            for head, of_head in enumerate(keys):
                for tail, of_tail in enumerate(keys):
                    if head != tail:
                        labels = self._labels(of_head, of_tail)
                        found += [{"head": head, "tail": tail, "label": label} for label in labels]
            self._count(len(keys) * (len(keys) - 1), [str(relation["label"]) for relation in found])
            yield {**document, "relations": found}

    def instances(self, instances: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Label instances by the words of head and tail; labels that they have are left out.

        Args:
            instances (`Iterable[Mapping]`): instances of the data contract; not altered.

        Yields:
            `dict`: the instance with `relations` by the facts.

        Raises:
            InvalidRowError: an instance breaks the data contract.
            UsageError: `match` is `"id"`: an instance knows no ids.
        """
        if self.match == "id":
            raise UsageError("Instances have no ids of entities. Use match='name', or documents.")
        for index, row in enumerate(instances):
            instance = check_instance(row, index=index)
            spans = (instance["head"], instance["tail"])
            head, tail = ([self._key(instance["text"][span["start"] : span["end"]])] for span in spans)
            labels = self._labels(head, tail)
            self._count(1, labels)
            yield {**instance, "relations": labels}

    def _labels(self, heads: Sequence[str], tails: Sequence[str]) -> list[str]:
        found: dict[str, None] = {}
        for head in heads:
            for tail in tails:
                for relation, fact in self._facts.get((head, tail), {}).items():
                    found[relation] = None
                    self.report.used_facts.add(fact)
        return sorted(found)

    def _count(self, pairs: int, labels: Sequence[str]) -> None:
        self.report.rows += 1
        self.report.labelled_rows += bool(labels)
        self.report.pairs += pairs
        self.report.labels.update(labels)

    def _keys_of(self, document: Mapping[str, Any], entity: Mapping[str, Any]) -> list[str]:
        if self.match == "id":
            return [] if entity["id"] is None else [self._key(entity["id"])]
        spans = [document["mentions"][mention] for mention in entity["mentions"]]
        return list(dict.fromkeys(self._key(document["text"][span["start"] : span["end"]]) for span in spans))

    def _key(self, text: str) -> str:
        return normal_text(text, ignore_case=self.ignore_case).characters.strip()


def read_facts(path: str | os.PathLike[str]) -> list[Fact]:
    """Read a file of facts, plain or `.gz`.

    Args:
        path (`str` or `PathLike`): head, relation and tail on a line, with tabs between; in a file that ends in `.jsonl` (or
            `.jsonl.gz`) objects with `head`, `relation` and `tail`. Blank lines are passed over.

    Returns:
        `list[Fact]`.

    Raises:
        UsageError: there is no such file, or it has no facts.
        InvalidRowError: a bad line, with its number.

    Example:

    ```python
    >>> import pathlib, tempfile
    >>> from hf_relation.data import read_facts
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "facts.tsv"
    >>> _ = path.write_text("Ada\\tborn in\\tLindau\\n")
    >>> read_facts(path)
    [Fact(head='Ada', relation='born in', tail='Lindau')]

    ```
    """
    as_json = os.fspath(path).lower().endswith((".jsonl", ".jsonl.gz"))
    facts = []
    for line, content in read_text_lines(path):
        if not content.strip():
            continue
        parts: Any
        if as_json:
            row = parse_json(content.encode(), line=line)
            parts = [row.get(name) for name in Fact._fields] if isinstance(row, dict) else [None]
        else:
            parts = content.rstrip("\r\n").split("\t")
        if len(parts) != 3 or not all(isinstance(part, str) and part.strip() for part in parts):
            shape = (
                "an object with `head`, `relation` and `tail`"
                if as_json
                else "head, relation and tail with tabs between"
            )
            raise InvalidRowError(f"a fact is {shape}, none of them blank; got {content.strip()[:80]!r}.", line=line)
        facts.append(Fact(*(part.strip() for part in parts)))
    if not facts:
        raise UsageError(f"{os.fspath(path)} holds no facts.")
    return facts
