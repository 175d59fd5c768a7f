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
from .row_checks import BrokenRule, checked_string
from .schema import Document, LabelledPair
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
        without_pairs (`int`): those with fewer than two entities.
        pairs (`int`): ordered pairs of entities in them.
        labels (`Counter[str]`): how often every relation was given.
        used_facts (`set[Fact]`): facts that labelled something, as they were given.
    """

    rows: int = 0
    labelled_rows: int = 0
    without_pairs: int = 0
    pairs: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    used_facts: set[Fact] = field(default_factory=set)


class DistantLabeller:
    """Give a pair of entities every relation that a list of facts has between them, whatever the text says.

    That is how distant supervision makes training data without annotators (Mintz et al., ACL 2009): many labels are right, many are
    not, as a text that names two entities need not state what is known of them. Pre-training that weighs labels by how early they
    are learned ([`~hf_relation.FineCLModel`]) is made for such data.

    The time grows with the number of entities, and with that of labels; not with that of facts.

    Args:
        facts (`Iterable[Fact]`): head, relation, tail; at least one. A fact of an entity with itself labels nothing.
        match (`str`, defaults to `"name"`): what of an entity is looked up: the `"name"` of any of its mentions, or its `"id"`.
        ignore_case (`bool`, defaults to `True`): compare names without case; in any case in Unicode normal form C, with any run of
            white space as one space.

    Attributes:
        facts (`list[Fact]`): the facts in their order, without those that were given before in another form, and those of an entity
            with itself.
        repeated_facts (`int`), reflexive_facts (`int`): how many those are.
        report ([`DistantReport`]): what became of all rows so far.

    Raises:
        UsageError: no facts between two entities, or an unknown `match`.
        InvalidRowError: a part of a fact is blank, no string, or cannot be stored as UTF-8; `.index` is its position.

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
        self.facts: list[Fact] = []
        self.repeated_facts = self.reflexive_facts = 0
        # By head, then tail, then relation.
        self._facts: dict[str, dict[str, dict[str, Fact]]] = {}
        for index, fact in enumerate(facts):
            self._add(fact, index)
        if not self.facts:
            self_made = f": all {self.reflexive_facts} are of an entity with itself" if self.reflexive_facts else ""
            raise UsageError(f"There are no facts to label with{self_made}.")

    @property
    def names(self) -> list[str]:
        """The names (or ids) in the facts, each once, in their order."""
        return list(dict.fromkeys(name for fact in self.facts for name in (fact.head, fact.tail)))

    @property
    def unused_facts(self) -> list[Fact]:
        """The facts that have labelled nothing so far, in their order."""
        return [fact for fact in self.facts if fact not in self.report.used_facts]

    def documents(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[Document]:
        """Label documents; labels that they have are left out.

        Args:
            documents (`Iterable[Mapping]`): documents of the data contract; not altered.

        Yields:
            `Document`: the document with `relations` by the facts, in the order of its entities.

        Raises:
            InvalidRowError: a document breaks the data contract; or, with `match="id"`, none of its entities has an id.
        """
        for index, row in enumerate(documents):
            yield self.document(row, index=index)

    def document(self, row: Mapping[str, Any], *, index: int | None = None) -> Document:
        """Label one document, see [`~hf_relation.data.DistantLabeller.documents`].

        Args:
            row (`Mapping`): a document of the data contract; not altered.
            index (`int`, *optional*): its position, for messages and for the id of a row without one.

        Returns:
            `Document`: with `relations` by the facts.

        Raises:
            InvalidRowError: as for many.
        """
        document = check_document(row, index=index)
        number = len(document["entities"])
        entities_of: dict[str, list[int]] = {}
        for place, entity in enumerate(document["entities"]):
            for key in self._keys_of(document, entity):
                entities_of.setdefault(key, []).append(place)
        if self.match == "id" and number and not entities_of:
            raise InvalidRowError("no entity has an `id`, which `match='id'` looks up. Match by name.", index=index)
        found: set[tuple[int, int, str]] = set()
        for head, heads in entities_of.items():
            tails = self._facts.get(head, {})
            # The shorter of the two is walked through: neither many facts nor many entities cost much.
            for tail in tails if len(tails) < len(entities_of) else entities_of:
                if tail in tails and tail in entities_of:
                    pairs = [(one, other) for one in heads for other in entities_of[tail] if one != other]
                    found.update((*pair, relation) for pair in pairs for relation in tails[tail])
                    self.report.used_facts.update(tails[tail].values() if pairs else ())
        relations: list[LabelledPair] = [
            {"head": head, "tail": tail, "label": label} for head, tail, label in sorted(found)
        ]
        self._count(number * (number - 1), [relation["label"] for relation in relations])
        return {**document, "relations": relations}

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
            head, tail = (self._key(instance["text"][span["start"] : span["end"]]) for span in spans)
            found = self._facts.get(head, {}).get(tail, {})
            self.report.used_facts.update(found.values())
            labels = sorted(found)
            self._count(1, labels)
            yield {**instance, "relations": labels}

    def _add(self, fact: Fact, index: int) -> None:
        for name, value in zip(Fact._fields, fact, strict=True):
            if not isinstance(value, str) or not value.strip():
                raise InvalidRowError(f"`{name}` must be a string that is not blank, got {value!r}.", index=index)
            try:
                checked_string(value, f"`{name}`")
            except BrokenRule as broken:
                raise InvalidRowError(f"{broken}.", index=index) from None
        head, tail = self._key(fact[0]), self._key(fact[2])
        if head == tail:
            self.reflexive_facts += 1
            return
        of_pair = self._facts.setdefault(head, {}).setdefault(tail, {})
        if fact[1] in of_pair:
            self.repeated_facts += 1
            return
        of_pair[fact[1]] = Fact(*fact)
        self.facts.append(of_pair[fact[1]])

    def _count(self, pairs: int, labels: Sequence[str]) -> None:
        self.report.rows += 1
        self.report.labelled_rows += bool(labels)
        self.report.without_pairs += not pairs
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
        try:
            facts.append(Fact(*(checked_string(part, "a part of the fact").strip() for part in parts)))
        except BrokenRule as broken:
            raise InvalidRowError(f"{broken}.", line=line) from None
    if not facts:
        raise UsageError(f"{os.fspath(path)} holds no facts.")
    return facts
