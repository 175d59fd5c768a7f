"""Files of tagged sentences and labelled texts in their true formats, from words and labels that a test names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


Tagged = Sequence[tuple[str, str]]


def write_conllu(path: Path, sentences: Iterable[Tagged]) -> Path:
    """A treebank: every sentence is a list of (word, part of speech)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = (
        "\n".join(f"{place}\t{word}\t_\t{tag}" + "\t_" * 6 for place, (word, tag) in enumerate(sentence, 1))
        for sentence in sentences
    )
    path.write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")
    return path


def write_columns(path: Path, sentences: Iterable[Tagged], line: str = "{word}\t{tag}") -> Path:
    """Named entities or slots: every sentence is a list of (word, tag); `line` has other columns where a corpus has some."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = ("\n".join(line.format(word=word, tag=tag) for word, tag in sentence) for sentence in sentences)
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


def write_cola(path: Path, rows: Iterable[tuple[str, int]]) -> Path:
    """A file of CoLA: (sentence, 0 or 1)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"gj04\t{label}\t\t{sentence}\n" for sentence, label in rows), encoding="utf-8")
    return path


def tagged_words(number: int, *, first: int = 0, verbs: Sequence[str] = ("ran", "sat")) -> list[Tagged]:
    """So many different sentences of a noun with a number and a verb."""
    return [
        [("the", "DET"), (f"river{place}", "NOUN"), (verbs[place % len(verbs)], "VERB")]
        for place in range(first, first + number)
    ]
