"""Folders of corpora in their true formats, of a few sentences of our own."""

from __future__ import annotations

import json
from pathlib import Path

from hf_relation.data import TACRED_KNOWN, TACRED_NOVEL


SEMEVAL_NAMES = (
    "Cause-Effect",
    "Component-Whole",
    "Content-Container",
    "Entity-Origin",
    "Member-Collection",
    "Message-Topic",
)


def write_semeval(folder: Path) -> Path:
    """Six relations of 8 training and 4 test sentences, Other, and a training sentence that is in the test, too."""
    folder = folder / "semeval2010_task8"
    folder.mkdir()
    for name, first, each in (("TRAIN_FILE.TXT", 1, 8), ("TEST_FILE_FULL.TXT", 500, 4)):
        blocks = []
        for relation in (*SEMEVAL_NAMES, "Other"):
            for i in range(each):
                number = first + len(blocks)
                shared = "shared" if i == 0 and relation == SEMEVAL_NAMES[0] else number
                label = relation if relation == "Other" else f"{relation}({'e2,e1' if i % 2 else 'e1,e2'})"
                blocks.append(f'{number}\t"The <e1>lid</e1> {shared} and a <e2>jar</e2>."\n{label}\nComment:\n')
        (folder / name).write_text("\n".join(blocks))
    return folder


def write_redocred(folder: Path, name: str, offset: int = 0) -> None:
    """51 sentences with two pairs each: P17 and P131 in the first 51 documents, P36 and P6 in the others."""
    folder = folder / "redocred"
    folder.mkdir(exist_ok=True)
    documents = []
    for i in range(102):
        first, second = ("P17", "P131") if i < 51 else ("P36", "P6")
        tokens = ["Holm", str(offset + i), "is", "in", "Norland", "and", "Sel", "."]
        vertices = [[{"pos": [place, place + 1], "sent_id": 0, "type": "LOC"}] for place in (0, 4, 6)]
        labels = [{"h": 0, "t": 1, "r": first, "evidence": []}, {"h": 1, "t": 2, "r": second, "evidence": []}]
        documents.append({"title": f"own {i}", "sents": [tokens], "vertexSet": vertices, "labels": labels})
    (folder / name).write_text(json.dumps(documents))


def write_tacred(folder: Path) -> None:
    folder = folder / "tacred"
    folder.mkdir()
    rows = []
    for number, relation in enumerate([*TACRED_KNOWN, *TACRED_NOVEL, "no_relation"] * 4):
        tokens = ["Nordkraft", "was", "founded", str(number), *["long"] * 20, "by", "Marta", "."]
        rows.append(
            {
                "id": f"{number:04d}",
                "relation": relation,
                "token": tokens,
                **{"subj_start": 0, "subj_end": 0, "obj_start": 25, "obj_end": 25},
                **{"subj_type": "ORGANIZATION", "obj_type": "PERSON"},
            }
        )
    for start, name in enumerate(("train.json", "dev.json", "test.json")):
        (folder / name).write_text(json.dumps(rows[start::3]))


def write_nyt_fb(folder: Path) -> None:
    """Four relations of 20 to 23 instances (novel), two of 3 (known), and rows without a relation."""
    folder = folder / "nyt_fb"
    folder.mkdir()
    lines = []
    for relation, number in {"/a": 20, "/b": 21, "/c": 22, "/d": 23, "/r": 3, "/s": 3, "": 5}.items():
        for i in range(number):
            sentence = f"Acme was founded {relation[1:] or 'never'} {i} in Springfield ."
            tags = " ".join("NN" for _ in sentence.split())
            columns = (
                "<-nsubj<-",
                "Acme",
                "Springfield",
                "ORG-LOC",
                "TRIGGER:f",
                "./own/1.xml",
                sentence,
                tags,
                relation,
            )
            lines.append("\t".join(columns))
    (folder / "nyt_fb.txt").write_text("\n".join(lines) + "\n")
