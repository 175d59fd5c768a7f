"""Files with planted relations for the benchmark of scale: instances as JSON lines and, where wanted, embeddings beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


BLOCK_ROWS = 20_000  # made at once, so that any number of rows needs the same memory
_SYLLABLES = ("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "zo")
_HEADS = ("Ada Lind", "Bo Ferrer", "Cem Aydin", "Dora Weiss", "Eli Marsh", "Fay Okoro", "Gil Santos", "Hua Chen")
_TAILS = ("Lisbon", "Torvik", "Nalda Corp", "Grey River", "Port Ellis", "Kolma", "Red Lane Works", "Sund")
# For a real encoder: sentences in real words.
SENTENCES = (
    "{head} was born in {tail} during the war.",
    "{head} is the founder and first director of {tail}.",
    "{head} plays as a striker for {tail} this season.",
    "{head} wrote a novel called {tail} in two years.",
    "{head} inherited {tail} from an uncle.",
    "{head} studied medicine at {tail}.",
    "{head} married {tail} in a small chapel.",
    "{head} died in {tail} after a long illness.",
    "{head} conquered the fortress of {tail} with an army.",
    "{head} sued {tail} for breach of contract.",
    "{head} painted {tail} in oil on canvas.",
    "{head} composed the music of {tail}.",
    "{head} was elected mayor of {tail}.",
    "{head} is a tributary of the river {tail}.",
    "{head} discovered the comet {tail} with a telescope.",
    "{head} sells machines that are made by {tail}.",
    "{head} translated {tail} into Norwegian.",
    "{head} teaches physics to {tail}.",
    "{head} flew the aeroplane {tail} across the ocean.",
    "{head} cures patients who suffer from {tail}.",
)


def word_of(relation: int) -> str:
    """The word that the sentences of a relation share, and no others have."""
    letters = []
    for _ in range(3):
        relation, place = divmod(relation, len(_SYLLABLES))
        letters.append(_SYLLABLES[place])
    return "".join(reversed(letters)) + "ed"


def planted_labels(rows: int, relations: int, *, seed: int = 0) -> np.ndarray:
    """The planted relation of every row, `(rows,)`: the most frequent one has about three times the rows of the rarest."""
    shares = np.linspace(3, 1, relations)
    return np.random.default_rng(seed).choice(relations, size=rows, p=shares / shares.sum())


def write_rows(folder: Path, rows: int, relations: int, *, real_words: bool = False, seed: int = 0) -> Path:
    """Write `rows.jsonl`: one sentence a row, with its head and tail, without labels.

    Args:
        folder: made where missing.
        rows: how many.
        relations: how many are planted; at most 20 with `real_words`.
        real_words: sentences for a real encoder; else each relation has a word of its own that means nothing.
        seed: of the labels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "rows.jsonl", "w", encoding="utf-8") as stream:
        for place, relation in enumerate(planted_labels(rows, relations, seed=seed).tolist()):
            head = f"{_HEADS[place % len(_HEADS)]} {place}"
            tail = f"{_TAILS[place // 3 % len(_TAILS)]} {place % 9973}"
            sentence = SENTENCES[relation] if real_words else "{head} " + word_of(relation) + " {tail} last year."
            text = sentence.format(head=head, tail=tail)
            start = text.index(tail, len(head))
            row = {
                "id": f"r{place:09d}",
                "text": text,
                "head": {"start": 0, "end": len(head), "type": "PERSON"},
                "tail": {"start": start, "end": start + len(tail), "type": None},
            }
            stream.write(json.dumps(row) + "\n")
    return folder / "rows.jsonl"


def write_embeddings(
    folder: Path, rows: int, relations: int, *, columns: int, noise: float, inner: int = 32, seed: int = 0
) -> Path:
    """Write `rows.npy`, `(rows, columns)` float32: around a direction for each relation, which lie in few dimensions.

    Args:
        folder: a folder that exists.
        rows, relations, seed: as for [`write_rows`].
        columns: dimensions of the embeddings.
        noise: standard deviation in each of the `inner` dimensions in which the relations differ; in the others there is only
            noise, a tenth of it.
        inner: that number.
    """
    inner = min(inner, columns)
    generator = np.random.default_rng(seed + 1)
    centers = generator.normal(size=(relations, inner))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    labels = planted_labels(rows, relations, seed=seed)
    array = np.lib.format.open_memmap(folder / "rows.npy", mode="w+", dtype=np.float32, shape=(rows, columns))
    for first in range(0, rows, BLOCK_ROWS):
        of_block = labels[first : first + BLOCK_ROWS]
        block = noise / 10 * generator.standard_normal((len(of_block), columns), dtype=np.float32)
        block[:, :inner] = centers[of_block] + noise * generator.standard_normal(
            (len(of_block), inner), dtype=np.float32
        )
        array[first : first + BLOCK_ROWS] = block
    array.flush()
    return folder / "rows.npy"
