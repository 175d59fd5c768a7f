"""Part of discovery.py: the corpora, which of their rows a checkpoint has seen in training, and what their relations mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_relation.data import discovery_pairs, load_corpus, read_jsonl
from hf_relation.data.fewrel import FEWREL_SOURCE
from hf_relation.data.files import read_json
from hf_relation.data.hygiene import sentence_key
from hf_relation.data.locations import corpus_dir, corpus_file
from hf_relation.data.schema import Instance
from hf_relation.errors import UsageError
from hf_relation.training import limit_per_relation


CORPORA: dict[str, tuple[tuple[str, str], ...]] = {
    "fewrel": (("fewrel", "test"),),
    "fewrel-all": (("fewrel", "test"), ("fewrel", "novel_unlabeled")),
    "semeval": (("semeval2010_pairs", "test"),),
    "redocred": (("redocred_pairs", "dev"),),
}
TITLES = {
    "fewrel": "FewRel, 16 novel relations, frozen test",
    "fewrel-all": "FewRel, 16 novel relations, all sentences",
    "semeval": "SemEval-2010 Task 8, test, without Other",
    "redocred": "Re-DocRED, sentence pairs of the development documents",
}
# What the nine relations of SemEval-2010 Task 8 are, in short, after its task description (Hendrickx et al., 2010).
SEMEVAL_MEANINGS = {
    "Cause-Effect": "an event or object yields an effect",
    "Component-Whole": "an object is a component of a larger whole",
    "Content-Container": "an object is physically stored in a delineated area of space",
    "Entity-Destination": "an entity is moving towards a destination",
    "Entity-Origin": "an entity is coming or is derived from an origin",
    "Instrument-Agency": "an agent uses an instrument",
    "Member-Collection": "a member forms a nonfunctional part of a collection",
    "Message-Topic": "a message, written or spoken, is about a topic",
    "Product-Producer": "a producer causes a product to exist",
}


@dataclass(frozen=True)
class Part:
    """Rows of a corpus that are clustered and scored together.

    Args:
        rows: positions in the corpus.
        gold: relation of each.
    """

    rows: list[int]
    gold: list[str]

    @property
    def num_relations(self) -> int:
        return len(set(self.gold))


@dataclass(frozen=True)
class Corpus:
    """A corpus with its rows in two parts.

    Args:
        name: for `--corpora`.
        title: in the report.
        instances: all rows, one relation each.
        unseen: rows whose relation and sentence training did not have: the figures that count.
        seen: the other rows.
        meanings: name and, where it is known, description of every relation.
    """

    name: str
    title: str
    instances: list[Instance]
    unseen: Part
    seen: Part
    meanings: dict[str, tuple[str, str | None]]

    def parts(self) -> dict[str, Part]:
        """The parts that can be clustered: those of two relations or more."""
        return {name: part for name, part in (("unseen", self.unseen), ("seen", self.seen)) if part.num_relations > 1}


def training_rows(trained_on: str, train_file: str | None, data_dir: str | None) -> list[Instance]:
    """The labelled rows that the checkpoint learned from."""
    if train_file is not None:
        return list(read_jsonl(train_file))
    return load_corpus(trained_on, data_dir, "train")


def load(
    name: str,
    data_dir: str | None,
    train: Sequence[Instance],
    *,
    file: str | None = None,
    per_relation: int | None = None,
) -> Corpus:
    """A corpus by its name, or the file of `name="file"`, apart by what `train` has.

    Args:
        name: a key of `CORPORA`, or `"file"`.
        data_dir: folder of the corpora.
        train: what the checkpoint learned from.
        file: JSON lines with one relation a row.
        per_relation: keep only so many rows of every relation.
    """
    if name == "file":
        if file is None:
            raise UsageError("The corpus 'file' needs --file.")
        instances = discovery_pairs(read_jsonl(file))
    else:
        instances = discovery_pairs(row for each in CORPORA[name] for row in load_corpus(each[0], data_dir, each[1]))
    if per_relation is not None:
        instances = limit_per_relation(instances, per_relation)
    relations = {relation for row in train for relation in row["relations"]}
    sentences = {sentence_key(row["text"]) for row in train}
    rows: dict[bool, list[int]] = {False: [], True: []}
    for i, row in enumerate(instances):
        rows[row["relations"][0] in relations or sentence_key(row["text"]) in sentences].append(i)
    unseen, seen = (Part(rows[key], [instances[i]["relations"][0] for i in rows[key]]) for key in (False, True))
    if unseen.num_relations < 2:
        raise UsageError(
            f"{name}: training had all but {unseen.num_relations} of its relations; at least 2 that it did not have are needed."
        )
    title = TITLES.get(name, Path(file or name).name)
    return Corpus(name, title, instances, unseen, seen, _meanings(name, {*unseen.gold, *seen.gold}, data_dir))


def _meanings(name: str, relations: set[str], data_dir: str | None) -> dict[str, tuple[str, str | None]]:
    if name == "semeval":
        return {
            relation: (relation.replace("-", " ").lower(), SEMEVAL_MEANINGS.get(relation)) for relation in relations
        }
    if name == "file":
        return {relation: (relation.replace("_", " "), None) for relation in relations}
    path = corpus_file(corpus_dir(data_dir, "fewrel"), "pid2name.json", source=FEWREL_SOURCE)
    properties: dict[str, Any] = read_json(path)
    if name == "redocred":
        names = read_json(corpus_file(corpus_dir(data_dir, "redocred"), "rel_info.json", source="Re-DocRED"))
        properties = {key: [value, None] for key, value in names.items()} | properties
    missing = sorted(relations - properties.keys())
    if missing:
        raise UsageError(f"{name}: no names of the relations {', '.join(missing)}.")
    return {relation: (properties[relation][0], properties[relation][1]) for relation in relations}
