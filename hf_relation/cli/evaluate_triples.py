"""`hf-relation evaluate --metric triples` and `--metric semeval-task8`: scores of extraction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from hf_relation.cli.console import messages, printable, results
from hf_relation.errors import HfRelationError, InvalidRowError


if TYPE_CHECKING:
    from hf_relation.data import Document

Match = Literal["entities", "text"]
_SECTIONS = ("all", "overlap", "number", "count")


def evaluate_triples(gold: Path, pred: Path, *, match: Match, as_json: bool) -> None:
    """Score `triples.jsonl` of `hf-relation extract` against labelled documents, matched by id, and print the scores.

    Args:
        gold (`Path`): documents with `relations`, JSONL or `.gz`.
        pred (`Path`): one answer a line.
        match (`"entities"` or `"text"`): triples are equal when their entities are, by position (the texts were extracted from
            with the gold entities); or when the words of head and tail are.
        as_json (`bool`): print the whole report as one JSON object.

    Raises:
        HfRelationError: a document has no answer, or the answer has other entities.
        InvalidRowError: a bad row, with its line.
    """
    from hf_relation.data import read_jsonl
    from hf_relation.metrics import triple_report

    answers = read_answers(pred)
    truth, found = [], []
    for document in read_jsonl(gold, kind="document"):
        answer = answers.pop(document["id"], None)
        if answer is None:
            raise HfRelationError(
                f"the document {document['id']!r} in {gold} has no line in {pred}. Extract from every document, and keep the ids."
            )
        if match == "entities":
            _check_entities(document, answer)
        truth.append(_gold_triples(document, match))
        sides = "entity" if match == "entities" else "text"
        named = [triple for triple in answer["triples"] if triple["relation"] is not None]
        found.append([(triple["head"][sides], triple["relation"], triple["tail"][sides]) for triple in named])
    if not truth:
        raise HfRelationError(f"{gold} holds no documents.")
    if answers:
        messages().print(f"{len(answers):,} answers have no gold document and were left out.", markup=False)
    report = triple_report(truth, found)
    if as_json:
        typer.echo(json.dumps({**report, "match": match}))
    else:
        _show(report, match)


def evaluate_semeval(gold: Path, pred: Path, *, as_json: bool) -> None:
    """Print what the official scorer of SemEval-2010 Task 8 prints, for two files of `<id>TAB<label>` lines.

    Args:
        gold (`Path`): the key.
        pred (`Path`): the answers; examples may be missing.
        as_json (`bool`): print the scores as one JSON object instead.

    Raises:
        InvalidRowError: a line of another form, or an id twice.
        UsageError: a label is not one of the task's, or an id is not in the key.
    """
    from hf_relation.metrics import semeval_task8_report, semeval_task8_scores

    key, answers = (dict(_labels(path)) for path in (gold, pred))
    if as_json:
        typer.echo(json.dumps(semeval_task8_scores(key, answers)))
    else:
        typer.echo(semeval_task8_report(key, answers), nl=False)


def read_answers(path: Path) -> dict[str, dict[str, Any]]:
    """The lines of `triples.jsonl`, by id.

    Args:
        path (`Path`): the file, plain or `.gz`.

    Returns:
        `dict[str, dict]`: as they stand.

    Raises:
        InvalidRowError: a line is no answer of `hf-relation extract`, or an id occurs twice.
    """
    from hf_relation.data.files import parse_json, read_lines

    found: dict[str, dict[str, Any]] = {}
    for line, content in read_lines(path):
        if not content.strip():
            continue
        row = parse_json(content, line=line)
        if not _is_answer(row):
            raise InvalidRowError(
                f"{path} must have `id`, `entities` and `triples` in every line, as triples.jsonl of hf-relation extract "
                "--output has.",
                line=line,
            )
        if row["id"] in found:
            raise InvalidRowError(f"the id {row['id']!r} occurs twice in {path}.", line=line)
        found[row["id"]] = row
    return found


def _is_answer(row: Any) -> bool:
    try:
        sides = [triple[side] for triple in row["triples"] for side in ("head", "tail")]
        names = [triple["relation"] for triple in row["triples"]]
        spans = [(mention["start"], mention["end"]) for entity in row["entities"] for mention in entity["mentions"]]
        return (
            isinstance(row["id"], str)
            and all(isinstance(side["entity"], int) and isinstance(side["text"], str) for side in sides)
            and all(name is None or isinstance(name, str) for name in names)
            and all(isinstance(place, int) for span in spans for place in span)
        )
    except (KeyError, TypeError):
        return False


def _spans(entities: list[list[dict[str, Any]]]) -> list[list[tuple[int, int]]]:
    return [sorted((mention["start"], mention["end"]) for mention in mentions) for mentions in entities]


def _check_entities(document: Document, answer: dict[str, Any]) -> None:
    gold: list[Any] = [
        [document["mentions"][place] for place in entity["mentions"]] for entity in document["entities"]
    ]
    if _spans(gold) != _spans([entity["mentions"] for entity in answer["entities"]]):
        raise HfRelationError(
            f"the answer to the document {document['id']!r} has other entities than the gold document, so that positions of "
            "entities say nothing. Use --match text for triples that were extracted from raw text."
        )


def _gold_triples(document: Document, match: Match) -> list[tuple[Any, str, Any]]:
    from hf_relation.data import document_triples, nearest_mentions

    if match == "entities":
        return list(document_triples(document))
    found = []
    for head, relation, tail in document_triples(document):
        spans = [document["mentions"][mention] for mention in nearest_mentions(document, head, tail)]
        words = [document["text"][span["start"] : span["end"]] for span in spans]
        found.append((words[0], relation, words[1]))
    return found


def _labels(path: Path) -> Iterator[tuple[str, str]]:
    from hf_relation.data.files import read_lines

    seen: set[str] = set()
    for line, content in read_lines(path):
        if not content.strip():
            continue
        identifier, tab, label = content.decode("utf-8", errors="replace").partition("\t")
        if not identifier.strip() or not tab or not label.strip():
            raise InvalidRowError(f"{path} must have <id>TAB<label> in every line.", line=line)
        if identifier.strip() in seen:
            raise InvalidRowError(f"the id {identifier.strip()!r} occurs twice in {path}.", line=line)
        seen.add(identifier.strip())
        yield identifier.strip(), label.strip()


def _show(report: dict[str, Any], match: Match) -> None:
    from rich.table import Table

    table = Table(caption=f"triples are equal by {match}; micro-averaged", caption_justify="left")
    table.add_column("documents")
    for name in ("number", "gold", "found", "right", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for section in _SECTIONS:
        for name, scores in report[section].items():
            counts = ("num_documents", "num_gold_triples", "num_predicted_triples", "num_correct_triples")
            ratios = ("triple_precision", "triple_recall", "triple_f1")
            title = f"{name} triples" if section == "count" else name
            numbers = [f"{scores[count]:,}" for count in counts] + [f"{scores[ratio]:.4f}" for ratio in ratios]
            table.add_row(printable(title), *numbers)
        table.add_section()
    results().print(table)
