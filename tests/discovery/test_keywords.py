from __future__ import annotations

import math
import time
from collections import Counter

import numpy as np
import pytest

from hf_relation.discovery.keywords import context_words, relation_keywords, split_words, unique_names
from hf_relation.errors import UsageError
from tests.common.planted import PLANTED_WORDS, planted_corpus
from tests.common.tiny_tokenizers import make_instance


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Born in 1962, e-mail O'Neil's!", ["born", "in", "e-mail", "o'neil"]),
        ("王小明 出生于 北京", ["王小明", "出生于", "北京"]),
        ("naïve cafe\u0301", ["naïve", "café"]),  # composed and decomposed accents count as one word
        ("हिन्दी में", ["हिन्दी", "में"]),  # vowel signs are part of the word
        ("می‌خواهم", ["می‌خواهم"]),  # so is the zero-width non-joiner
        ("-- '' 12 🚀 _", []),
        ("", []),
    ],
)
def test_words_of_any_script(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_context_is_between_and_four_words_around_without_the_mentions() -> None:
    instance = make_instance(
        "one two three four five six <t>Rome</t> hosted Rome painter sculptor <h>Ada Rome</h> seven eight nine eleven twelve Ada"
    )
    assert context_words(instance, stop_words=()) == [
        *("three", "four", "five", "six"),
        *("hosted", "painter", "sculptor"),
        *("seven", "eight", "nine", "eleven"),
    ]
    assert context_words(instance, window=0, stop_words=["painter"]) == ["hosted", "sculptor"]


def test_stop_words_and_single_letters_are_left_out() -> None:
    assert context_words(make_instance("<h>Ada</h> is a k founder of the <t>Firm</t>")) == ["founder"]


def test_keywords_follow_the_class_tf_idf_formula() -> None:
    # Counted by hand: per relation, the number of instances that hold a word.
    texts = [
        ("<h>A1</h> born raised <t>B1</t>", 0),
        ("<h>A2</h> born born raised village <t>B2</t>", 0),
        ("<h>A3</h> born raised school <t>B3</t>", 0),
        ("<h>A4</h> founded company school <t>B4</t>", 1),
        ("<h>A5</h> founded company <t>B5</t>", 1),
    ]
    counts = [Counter(born=3, raised=3, village=1, school=1), Counter(founded=2, company=2, school=1)]
    mean_words = (8 + 5) / 2
    total = sum(counts, Counter())

    def score(relation: int, word: str) -> float:
        return counts[relation][word] / sum(counts[relation].values()) * math.log(1 + mean_words / total[word])

    labels = np.array([label for _, label in texts])
    found = relation_keywords([make_instance(text) for text, _ in texts], labels, stop_words=())
    # "school" is as common in the average relation (1/8 and 1/5) as in relation 1, and rarer in relation 0: no keyword.
    assert found == [["born", "raised", "village"], ["company", "founded"]]
    assert score(0, "born") == score(0, "raised") > score(0, "village")
    assert score(1, "founded") == score(1, "company")  # a tie: alphabetical


def test_planted_words_come_first_and_left_out_rows_do_not_count() -> None:
    instances, _, gold = planted_corpus()
    found = relation_keywords(instances, gold)
    assert [words[0] for words in found] == list(PLANTED_WORDS[:3])
    noise = make_instance("<h>X</h> noise noise noise <t>Y</t>")
    assert relation_keywords([*instances, noise], np.append(gold, -1)) == found


def test_function_words_of_an_unknown_language_are_not_keywords() -> None:
    rows = [("wurde in", "geboren"), ("wurde in", "gegründet")]
    texts = [f"<h>A{i}</h> {common} der {word} <t>B{i}</t>" for i in range(6) for common, word in rows]
    found = relation_keywords([make_instance(text) for text in texts], np.arange(12) % 2)
    assert found == [["geboren"], ["gegründet"]]


def test_relations_without_words_and_single_relations() -> None:
    empty = make_instance("<h>A</h> <t>B</t>")
    assert relation_keywords([empty, empty], np.array([0, 1])) == [[], []]
    assert relation_keywords([empty], np.array([-1])) == []
    single = make_instance("<h>A</h> married <t>B</t>")
    assert relation_keywords([single], np.array([0])) == [["married"]]


def test_names_are_unique() -> None:
    names = unique_names([["a", "b", "c"], ["a", "b", "c"], ["a", "b", "c"], [], [], ["relation 3"]])
    assert names == ["a, b, c", "a, b, c (2)", "a, b, c (3)", "relation 3", "relation 4", "relation 3 (2)"]


def test_a_megabyte_of_one_character_takes_no_time() -> None:
    text = "x" * 1_000_000
    instance = {
        "text": f"A {text} B {text}",
        "head": {"start": 0, "end": 1},
        "tail": {"start": 1_000_003, "end": 1_000_004},
    }
    start = time.perf_counter()
    relation_keywords([instance], np.array([0]))
    assert time.perf_counter() - start < 5


def test_diversity_avoids_words_of_the_same_instances_and_forms_of_one_word() -> None:
    texts = [
        "prime minister",
        "prime minister",
        "prime minister",
        "elected",
        "elected",
        "elects party",
        "party elects",
    ]
    rows = [make_instance(f"<h>A</h> {text} <t>B</t>") for text in texts] + [
        make_instance("<h>A</h> born <t>B</t>")
    ] * 5
    labels = np.array([0] * 7 + [1] * 5)
    plain = relation_keywords(rows, labels)[0]
    assert plain == ["minister", "prime", "elected", "elects", "party"]  # counts 3, 3, 2, 2, 2; ties in the alphabet
    # Alike altogether: minister and prime (the same instances), elected and elects (forms); elects and party, too.
    assert relation_keywords(rows, labels, diversity=0.5)[0] == ["minister", "elected", "party"]
    assert relation_keywords(rows, labels, diversity=0.5, num_keywords=2)[0] == ["minister", "elected"]
    with pytest.raises(UsageError, match="`diversity` must be between 0 and 1"):
        relation_keywords(rows, labels, diversity=1.5)
    assert relation_keywords(rows, labels, diversity=0.5)[1] == ["born"]
