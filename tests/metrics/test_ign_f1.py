"""Ign F1: by hand, and against a slow loop over DocRED's own rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hf_relation.data import read_docred
from hf_relation.errors import UsageError
from hf_relation.metrics import facts_of, ign_f1_scores, relation_scores


NAMES = [["Ada", "Brenner"], ["Holm"], ["Norland", "the North"], ["Bob"], ["Lindau", "Holm"]]


def rows(seed, number):
    """Documents in DocRED's published format; every entity is mentioned by one or two of its names."""
    draws = np.random.default_rng(seed)
    made = []
    for title in range(number):
        sentence, entities = [], []
        for which in draws.choice(len(NAMES), 4, replace=False):
            mentions = []
            for name in NAMES[which][: int(draws.integers(1, 3))]:
                tokens = name.split()
                mentions.append({"name": name, "sent_id": 0, "pos": [len(sentence), len(sentence) + len(tokens)], "type": "X"})  # fmt: skip
                sentence += [*tokens, "and"]
            entities.append(mentions)
        labels = [{"h": int(h), "t": int(t), "r": f"P{draws.integers(3)}", "evidence": []} for h in range(4) for t in range(4) if h != t and draws.random() < 0.3]  # fmt: skip
        made.append({"title": str(title), "sents": [sentence], "vertexSet": entities, "labels": labels})
    return made


def slow(test, train, predicted):
    """What DocRED's evaluation.py counts, in its order, without its 1e-5."""
    facts = []
    for row in train:
        for label in row["labels"]:
            for one in row["vertexSet"][label["h"]]:
                for other in row["vertexSet"][label["t"]]:
                    facts.append((one["name"], other["name"], label["r"]))
    answers = sorted({(i, h, r, t) for i, triples in enumerate(predicted) for h, r, t in triples})
    correct = correct_in_train = 0
    for i, h, r, t in answers:
        if not any((label["h"], label["r"], label["t"]) == (h, r, t) for label in test[i]["labels"]):
            continue
        correct += 1
        found = False
        for one in test[i]["vertexSet"][h]:
            for other in test[i]["vertexSet"][t]:
                if (one["name"], other["name"], r) in facts:
                    found = True
        correct_in_train += found
    total = len({(i, label["h"], label["r"], label["t"]) for i, row in enumerate(test) for label in row["labels"]})
    precision, recall = correct / len(answers), correct / total
    ign = (correct - correct_in_train) / (len(answers) - correct_in_train)
    return [precision, recall, 2 * precision * recall / (precision + recall), ign, 2 * ign * recall / (ign + recall), total, len(answers), correct, correct_in_train]  # fmt: skip


def read(made, path):
    path.write_text(json.dumps(made), encoding="utf-8")
    return list(read_docred(path))


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_the_slow_loop(seed, tmp_path):
    train, test = rows(seed, 4), rows(seed + 100, 25)
    draws = np.random.default_rng(seed)
    predicted = [
        [(h, f"P{r}", t) for h in range(4) for t in range(4) for r in range(3)
         if h != t and draws.random() < (0.7 if any((x["h"], x["r"], x["t"]) == (h, f"P{r}", t) for x in row["labels"]) else 0.1)]
        for row in test
    ]  # fmt: skip
    documents = read(test, tmp_path / "test.json")
    found = ign_f1_scores(documents, predicted, facts_of(read(train, tmp_path / "train.json")))
    expected = slow(test, train, predicted)
    assert list(found.values()) == pytest.approx(expected)
    assert 0 < found["num_correct_in_train"] < found["num_correct"] and found["ign_f1"] < found["f1"]
    triples = relation_scores([[(x["h"], x["r"], x["t"]) for x in row["labels"]] for row in test], predicted)
    assert [found[name] for name in ("precision", "recall", "f1")] == [triples[name] for name in ("precision", "recall", "f1")]  # fmt: skip
    repeated = [[*triples, *((np.int64(h), r, np.int64(t)) for h, r, t in triples)] for triples in predicted]
    assert ign_f1_scores(iter(documents), repeated, facts_of(read(train, tmp_path / "train.json"))) == found


TEXT = "Ada met Bob in Holm. Brenner left."
DOCUMENT = {
    "id": "d", "text": TEXT,
    "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}, {"start": 15, "end": 19}, {"start": 21, "end": 28}],
    "entities": [{"id": None, "type": None, "mentions": [0, 3]}, {"id": None, "type": None, "mentions": [1]}, {"id": None, "type": None, "mentions": [2]}],
    "relations": [{"head": 0, "tail": 1, "label": "met"}, {"head": 0, "tail": 2, "label": "in"}, {"head": 1, "tail": 2, "label": "in"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("train", "ign_precision", "ign_f1"),
    [
        (set(), 2 / 4, 4 / 7),
        ({("Brenner", "met", "Bob")}, 1 / 3, 4 / 9),  # by another name of the head; 2 (1/3) (2/3) / (1/3 + 2/3)
        ({("Ada", "met", "Bob"), ("Ada", "in", "Holm")}, 0 / 2, 0),
        ({("Bob", "met", "Ada"), ("Ada", "met", "Holm"), ("ada", "met", "Bob")}, 2 / 4, 4 / 7),  # other facts
        ({("Bob", "met", "Holm")}, 2 / 4, 4 / 7),  # a wrong prediction stays in
        ({("Bob", "in", "Holm")}, 2 / 4, 4 / 7),  # of a gold triple that was not predicted: recall stays too
    ],
)
def test_by_hand(train, ign_precision, ign_f1):
    predicted = [(0, "met", 1), (0, "in", 2), (1, "met", 2), (2, "in", 0)]
    scores = ign_f1_scores([DOCUMENT], [predicted], train)
    assert scores["recall"] == pytest.approx(2 / 3) and scores["f1"] == pytest.approx(4 / 7)
    assert scores["ign_precision"] == pytest.approx(ign_precision) and scores["ign_f1"] == pytest.approx(ign_f1)


def test_nothing_left_to_divide_by_is_zero():
    known = facts_of([DOCUMENT])
    assert known == {("Ada", "met", "Bob"), ("Brenner", "met", "Bob"), ("Ada", "in", "Holm"), ("Brenner", "in", "Holm"), ("Bob", "in", "Holm")}  # fmt: skip
    all_known = ign_f1_scores([DOCUMENT], [[(0, "met", 1), (0, "in", 2), (1, "in", 2)]], known)
    assert (all_known["f1"], all_known["ign_precision"], all_known["ign_f1"]) == (1.0, 0.0, 0.0)
    assert set(ign_f1_scores([DOCUMENT], [[]], known).values()) == {0.0, 3}
    assert set(ign_f1_scores([], [], known).values()) == {0}


@pytest.mark.parametrize(
    ("documents", "predicted", "message"),
    [
        (DOCUMENT, [[]], "`documents` must be a list of documents, got dict"),
        ([DOCUMENT], [], "`gold` has 1 documents and `predicted` 0"),
        ([DOCUMENT], [[(0, "met", 3)]], r"`predicted` 0: .* from 0 to 2, the positions of the document's entities"),
        ([DOCUMENT], [[(-1, "met", 1)]], "from 0 to 2"),
        ([DOCUMENT], [[("Ada", "met", "Bob")]], "positions"),
        ([DOCUMENT], [[(0, 3, 1)]], "the name of a relation"),
        ([DOCUMENT], [[(True, "met", 1)]], "positions"),
        ([DOCUMENT], [["abc"]], "`predicted` 0: 'abc' is not"),
        ([DOCUMENT], [None], "`predicted` 0 must be a list of triples, got None"),
    ],
)
def test_wrong_input_is_refused(documents, predicted, message):
    with pytest.raises(UsageError, match=message):
        ign_f1_scores(documents, predicted, set())
