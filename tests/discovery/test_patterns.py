from __future__ import annotations

import math
import time
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.discovery import PatternScore, relation_patterns
from hf_relation.discovery.pattern_counts import Pattern, count_patterns, pattern_words, patterns_between
from hf_relation.discovery.patterns import diverse, pattern_weight
from tests.common.tiny_tokenizers import make_instance


def corpus(*relations: list[str]) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Instances from what stands between their mentions: `"X was born in Y"`; the names are new in every row."""
    rows, labels = [], []
    for relation, texts in enumerate(relations):
        for text in texts:
            number = len(rows)
            first, *between, second = text.split(" ")
            names = {"X": f"<h>Ada {number}</h>", "Y": f"<t>Rome {number}</t>"}
            marked = f"Then {names[first]} {' '.join(between)} {names[second]} again".replace(" ,", ",")
            rows.append(make_instance(marked, id=f"i{number}"))
            labels.append(relation)
    return rows, np.array(labels)


BORN = ["X was born in Y", "X was born in Y", "X , a painter , was born in Y", "X died in Y"]
FOUNDED = ["Y , founded by X", "Y , founded by X", "X met Y", "X lived in Y"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (", who was born in 1962 in", [",", "who", "was", "born", "in", "#", "in"]),
        ("paid $2.3 billion, or 1,500.", ["paid", "$", "#", "billion", ",", "or", "#", "."]),
        ("'s capital", ["'s", "capital"]),
        ("’s founder’s “old” friend", ["'s", "founder", "'s", "old", "friend"]),
        ("'said 'so'", ["said", "so"]),
        ("the 1990s – the B12", ["the", "#s", "-", "the", "b#"]),
        ("出生于 Київ 東京で", ["出", "生", "于", "київ", "東", "京", "で"]),
        ("cafe\u0301 हिन्दी می‌خواهم", ["café", "हिन्दी", "می‌خواهم"]),
        ("\x00\x1b[31m\ud800 '' - \u0301", ["[", "#m", "-"]),
        ("", []),
    ],
)
def test_words_and_marks_of_any_script(text: str, words: list[str]) -> None:
    assert pattern_words(text) == words


def test_slots_stand_in_text_order_and_open_ends_are_shown() -> None:
    texts = {str(pattern) for pattern in patterns_between(make_instance("<t>Firm</t>, founded by <h>Ada</h>"))}
    assert {"Y , founded by X", "Y ... founded by X", "Y ... founded ... X", "Y , founded ... X"} <= texts
    assert not any(text.startswith("X") for text in texts)
    # Words 1 to 3: 6 runs; each stands open at both ends, and again for every mention it reaches.
    assert len(texts) == 6 + 3 + 3 + 1


def test_mentions_with_nothing_between_them_have_one_pattern() -> None:
    (pattern,) = patterns_between(make_instance("<h>王小明</h><t>北京</t>"))
    assert str(pattern) == "X Y" and pattern.complete


def test_long_gaps_have_no_complete_pattern_and_are_read_at_both_ends() -> None:
    eight, twenty = " ".join(f"w{chr(97 + i)}" for i in range(8)), " ".join(f"w{chr(97 + i)}" for i in range(20))
    assert sum(p.complete for p in patterns_between(make_instance(f"<h>A</h> {eight} <t>B</t>"))) == 1
    found = patterns_between(make_instance(f"<h>A</h> {twenty} <t>B</t>"))
    assert not any(p.complete for p in found) and max(len(p.words) for p in found) == 4
    words = {word for p in found for word in p.words}
    assert {"wa", "wh", "wm", "wt"} <= words and not {"wi", "wl"} & words
    assert {str(p) for p in found if p.end and len(p.words) == 1} == {"X ... wt Y"}


def test_coverage_and_lift_by_hand() -> None:
    counts = count_patterns(*corpus(BORN, FOUNDED))
    born, in_ = Pattern(("was", "born", "in"), True, False, True), Pattern(("in",), True, False, True)
    complete = Pattern(("was", "born", "in"), True, True, True)
    assert counts.coverage(0, born) == 3 / 4 and counts.coverage(0, complete) == 2 / 4
    # "in Y" is in all four of the one and in one of four of the other: mean 5/8.
    assert counts.coverage(0, in_) == 1.0 and counts.lift(0, in_) == pytest.approx(8 / 5)
    assert counts.lift(1, in_) == pytest.approx(2 / 5) and counts.lift(0, born) == 2.0 and counts.lift(1, born) == 0.0
    assert counts.lift(0, Pattern(("never",), True, True, True)) == 0.0
    # Three words, complete: 2.5 * (1 + 2 * 0.3).
    assert pattern_weight(counts, 0, complete) == pytest.approx(2.5 * 1.6 * 0.5 * math.log(3))


def test_patterns_of_a_planted_corpus() -> None:
    found = relation_patterns(*corpus(BORN, FOUNDED))
    assert found[0][0] == PatternScore("X was born in Y", 0.5, 2.0)
    assert found[1] == [PatternScore("Y , founded by X", 0.5, 2.0)]


def test_a_pattern_of_one_instance_and_a_part_of_a_longer_one_are_no_candidates() -> None:
    texts = {str(pattern) for pattern in count_patterns(*corpus(BORN, FOUNDED)).candidates[0]}
    assert "X died in Y" not in texts and "X , a painter , was born in Y" not in texts
    # In as many instances as "X was born in Y" and as "X ... was born in Y":
    assert not {"X was born ... Y", "X was ... Y", "X ... born in Y", "X ... born ... Y"} & texts
    assert {"X was born in Y", "X ... was born in Y", "X ... in Y"} == texts


def test_a_complete_pattern_of_more_than_four_words_makes_its_parts_redundant() -> None:
    rows, labels = corpus(["X is the capital city of Y"] * 2)
    assert [str(pattern) for pattern in count_patterns(rows, labels).candidates[0]] == ["X is the capital city of Y"]


def test_what_all_relations_share_is_no_pattern_of_any() -> None:
    texts = [["X wurde in Y"] * 3 + [f"X {word} Y"] * 3 for word in ("heiratete", "kaufte")]
    found = relation_patterns(*corpus(*texts))
    assert [[score.pattern for score in scores] for scores in found] == [["X heiratete Y"], ["X kaufte Y"]]


def test_numbers_do_not_tell_patterns_apart() -> None:
    found = relation_patterns(*corpus(["X born 1961 in Y", "X born 2,004 in Y"], ["X met Y"] * 2))
    assert found[0][0].pattern == "X born # in Y"


def test_words_without_spaces_are_found_inside_a_longer_run() -> None:
    found = relation_patterns(*corpus(["X 出生于 Y", "X 后来出生于 Y"], ["X 创立 Y", "X 创立 Y"]))
    assert found[0][0].pattern == "X ... 出生于 Y" and found[1][0].pattern == "X 创立 Y"


def test_relations_without_patterns_and_of_one_instance() -> None:
    rows, labels = corpus(["X met Y", "X left Y"], ["X married Y"])
    assert [[score.pattern for score in scores] for scores in relation_patterns(rows, labels)] == [[], ["X married Y"]]
    assert relation_patterns(rows, np.array([-1, -1, -1])) == []
    assert relation_patterns([], np.array([], dtype=int)) == []
    assert relation_patterns(rows, np.array([-1, 0, -1]))[0][0] == PatternScore("X left Y", 1.0, 1.0)


def test_diversity_prefers_other_words_and_stops_when_nothing_is_added() -> None:
    def pattern(*words: str) -> Pattern:
        return Pattern(words, True, True, True)

    ranked = [(1.0, pattern("born", "in")), (0.9, pattern("born")), (0.8, pattern("came", "from", "in"))]
    # "born" is wholly inside the first; "came from in" shares one word of two with it: 0.4 - 0.25 is left of its weight.
    assert diverse(ranked, 5) == [ranked[0][1], ranked[2][1]]
    assert diverse(ranked, 5, diversity=0.0) == [p for _, p in ranked]
    assert diverse(ranked, 1) == [ranked[0][1]] and diverse([], 3) == []


def test_large_relations_are_sampled_by_id_and_not_by_position() -> None:
    rows, labels = corpus(["X met Y"] * 3 + ["X left Y"] * 3 + ["X saw Y"] * 3)
    first = count_patterns(rows, labels, max_instances=4)
    again = count_patterns(rows[::-1], labels, max_instances=4)
    assert first == again and first.sizes == [4]


def test_a_megabyte_between_the_mentions_takes_no_time() -> None:
    start = time.perf_counter()
    for middle in ("x" * 1_000_000, "a b " * 250_000, "出" * 1_000_000, "'" * 1_000_000, "1," * 500_000):
        relation_patterns([instance_of(f" {middle} ", 0, True)], np.array([0]))
    assert time.perf_counter() - start < 5


_WORD = st.sampled_from(
    ["was", "born", "X", "Y", "...", "#", "=1+1", "<b>", "|", "出生", "\u202e", "'s", "'", "\n", "\u0301"]
)
_HOSTILE = st.one_of(st.text(max_size=30), st.lists(_WORD, max_size=12).map(" ".join))


def instance_of(between: str, number: int, head_first: bool) -> dict[str, Any]:
    text = f"A{number}{between}B{number}"
    ends = [{"start": 0, "end": len(f"A{number}")}, {"start": len(text) - len(f"B{number}"), "end": len(text)}]
    head, tail = ends if head_first else ends[::-1]
    return {"id": f"i{number}", "text": text, "head": head, "tail": tail, "relations": []}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_HOSTILE, st.booleans(), st.integers(-1, 2)), min_size=1, max_size=12), st.randoms())
def test_any_text_gives_clean_patterns_that_do_not_depend_on_row_order(
    rows: list[tuple[str, bool, int]], random: Any
) -> None:
    instances = [instance_of(between, number, first) for number, (between, first, _) in enumerate(rows)]
    labels = np.array([label for *_, label in rows])
    found = relation_patterns(instances, labels)
    order = list(range(len(rows)))
    random.shuffle(order)
    assert relation_patterns([instances[i] for i in order], labels[order]) == found
    for scores in found:
        for score in scores:
            assert 0 < score.coverage <= 1 and 0 < score.lift <= len(found)
            assert sorted((score.pattern[0], score.pattern[-1])) == ["X", "Y"]
            assert all(unicodedata.category(c)[0] != "C" or c in "\u200c\u200d" for c in score.pattern)
            score.pattern.encode("utf-8")
