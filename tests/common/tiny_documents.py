"""Documents to feed extraction models: no file, no corpus."""

from __future__ import annotations

from typing import Any

import torch

from hf_relation.data import check_document
from hf_relation.processing import DocumentProcessor


def document(text: str, *entities: str | tuple[str, str], relations: tuple[tuple[int, int, str], ...] = ()):
    """A document whose entities are the first places of strings in its text; a tuple is (string, type)."""
    mentions, listed = [], []
    for entity in entities:
        name, kind = (entity, None) if isinstance(entity, str) else entity
        start = text.index(name)
        listed.append({"type": kind, "mentions": [len(mentions)]})
        mentions.append({"start": start, "end": start + len(name)})
    pairs = [{"head": head, "tail": tail, "label": label} for head, tail, label in relations]
    row = {"text": text, "mentions": mentions, "entities": listed, "relations": pairs}
    return check_document(row, index=0)


def sample_documents() -> list[dict[str, Any]]:
    """Seven documents: shared entities, two relations of one pair, nested mentions, several words, none, one."""
    return [
        document(
            "The poet Ada Brenner was born in Lindau and started Nordwind Labs.",
            ("Ada Brenner", "PERSON"),
            ("Lindau", "LOCATION"),
            ("Nordwind Labs", "ORG"),
            relations=((0, 1, "born_in"), (2, 0, "founded_by")),
        ),
        document(
            "Jonas Weil, born in Orn, founded Orn.",
            ("Jonas Weil", "PERSON"),
            ("Orn", "LOCATION"),
            relations=((0, 1, "born_in"), (1, 0, "founded_by")),
        ),
        document(
            "The Selva flows into the Lake of Orn, and so does the Kelo of Orn.",
            ("Selva", "LOCATION"),
            ("Lake of Orn", "LOCATION"),
            ("Orn", "LOCATION"),
            ("Kelo of Orn", "LOCATION"),
            relations=((0, 1, "flows_into"), (3, 1, "flows_into")),
        ),
        document("Nobody is named here."),
        document("Mireille Ost waits alone.", ("Mireille Ost", "PERSON")),
        document("王小明出生于北京。", ("王小明", "PERSON"), ("北京", "LOCATION"), relations=((0, 1, "born_in"),)),
        document(
            "Tomasz Lind and friends signed the papers of Kite & Sons in Delft, where he was born.",
            ("Tomasz Lind", "PERSON"),
            ("Kite & Sons", "ORG"),
            ("Delft", "LOCATION"),
            relations=((1, 0, "founded_by"), (0, 2, "born_in")),
        ),
    ]


def labelled_windows(
    processor: DocumentProcessor, documents: list[dict[str, Any]], relations: list[str], **options: Any
):
    """A batch of all candidate pairs with `labels`, made in the plainest way."""
    windows = processor.encode(documents, **options)
    batch = processor.pad(windows)
    labels = torch.full((*batch["pairs"].shape[:2], len(relations)), -100.0)
    for row, window in enumerate(windows):
        for place, pair in enumerate(window.pair_entities):
            for number, name in enumerate(relations):
                held = {"head": pair[0], "tail": pair[1], "label": name}
                labels[row, place, number] = float(held in documents[window.document]["relations"])
    return {**batch, "labels": labels}


def labelled_pairs(processor: DocumentProcessor, documents: list[dict[str, Any]], relations: list[str] | None = None):
    """A batch for pre-training: of every pair its class (the last: none), when it was learned, and every third word to guess."""
    names = relations or ["born_in", "founded_by", "flows_into"]
    windows = processor.encode(documents)
    batch = processor.pad(windows)
    labels = torch.full(batch["pairs"].shape[:2], -100)
    order = torch.full_like(labels, -1)
    for row, window in enumerate(windows):
        held = {(pair["head"], pair["tail"]): pair["label"] for pair in documents[window.document]["relations"]}
        for place, pair in enumerate(window.pair_entities):
            labels[row, place] = names.index(held[pair]) if pair in held else len(names)
            order[row, place] = 1 + (row + place) % 4 if pair in held else -1
    inside = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
    for row, spans in enumerate(batch["mention_spans"].tolist()):
        for start, end in spans:
            inside[row, max(start, 0) : max(end, 0)] = True
    guessed = (batch["text_token_mask"] == 1) & ~inside & (torch.arange(inside.shape[1]) % 3 == 1)
    return {
        **batch,
        "labels": labels,
        "learning_order": order,
        "mlm_labels": torch.where(guessed, batch["input_ids"], -100),
    }
