"""Files that list words or names: vectors, dictionaries of entities, inventories of relations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hf_relation.data import DistantLabeller, EntityDictionary, check_document, read_facts, read_word_vectors
from hf_relation.discovery import RelationInventory
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction import distant_documents
from tests.fuzz.targets.contract import text_of
from tests.fuzz.targets.readers import assert_placed
from tests.fuzz.targets.source import file_of


def _word_vectors(content: bytes) -> None:
    path = file_of(content, "vectors.txt")
    for options in ({}, {"words": ["river", "b"]}, {"max_words": 1}):
        try:
            found = read_word_vectors(path, **options)
        except (InvalidRowError, UsageError):
            continue
        assert found.vectors.shape == (len(found.words), found.dim) and np.isfinite(found.vectors).all()
        assert len(set(found.words)) == len(found.words) and all(found.words)
        lines = [
            line.replace(b"\t", b" ").rstrip().lstrip(b" ")
            for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        ]
        for word, vector in zip(found.words, found.vectors, strict=True):
            spelled = [line for line in lines if line.startswith(word.encode())]
            numbers = [line.split()[-found.dim :] for line in spelled]
            with np.errstate(over="ignore"):
                assert any(_same(vector, line) for line in numbers), word


def _same(vector: Any, fields: list[bytes]) -> bool:
    try:
        return np.array_equal(vector, np.array([float(field) for field in fields], dtype=np.float32))
    except ValueError:
        return False


def _names(content: bytes) -> None:
    for name in ("names.tsv", "names.jsonl"):
        path = file_of(content, name)
        for ignore_case in (False, True):
            try:
                find = EntityDictionary.from_file(path, ignore_case=ignore_case)
            except InvalidRowError as error:
                assert_placed(error, path)
                continue
            except UsageError:
                continue
            text = "Ada saw New  York, 北京 and Zoe\u0301."
            for span in find([text])[0]:
                assert 0 <= span.start < span.end <= len(text)
                assert span.type is None or text_of(span.type)


def _inventory(content: bytes) -> None:
    for name in ("inventory.json", "inventory.jsonl", "inventory.tsv"):
        path = file_of(content, name)
        try:
            entries = list(RelationInventory.from_file(path))
        except UsageError:
            continue
        except InvalidRowError as error:
            assert_placed(error, path)
            assert str(path) in str(error)
            continue
        assert entries and len({entry.name.casefold() for entry in entries}) == len(entries)
        for entry in entries:
            for text in (entry.name, entry.description, *entry.aliases, entry.id or ""):
                text_of(text, blank=True)


def _facts(content: bytes) -> None:
    """Facts stand in their file, letter for letter; what they label is in order."""
    for name in ("facts.tsv", "facts.jsonl"):
        path = file_of(content, name)
        try:
            facts = read_facts(path)
        except InvalidRowError as error:
            assert_placed(error, path)
            continue
        except UsageError as error:
            assert str(path) in str(error)
            continue
        assert all(text_of(part) == part.strip() for fact in facts for part in fact)
        if name == "facts.tsv":
            lines = content.removeprefix(b"\xef\xbb\xbf").decode().split("\n")
            assert [[part.strip() for part in line.split("\t")] for line in lines if line.strip()] == [
                list(fact) for fact in facts
            ]
        for ignore_case in (True, False):
            try:
                label = DistantLabeller(facts, ignore_case=ignore_case)
                found = list(distant_documents([f"{fact.head} | {fact.tail}" for fact in facts], label))
            except UsageError as error:
                assert "of an entity with itself" in str(error)
                continue
            except InvalidRowError as error:
                assert "at most 200" in str(error)
                continue
            assert len(label.facts) + label.repeated_facts + label.reflexive_facts == len(facts)
            assert label.report.rows == len(facts) and label.report.labelled_rows == len(found)
            for document in found:
                assert document["relations"] and check_document(document) == document


LIST_TARGETS: dict[str, Callable[[bytes], None]] = {
    "word-vectors": _word_vectors,
    "names": _names,
    "inventory": _inventory,
    "facts": _facts,
}
