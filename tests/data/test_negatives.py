"""Pairs without a relation made from sentences that have one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.data import check_instances, shuffled_pair_negatives
from hf_relation.errors import InvalidRowError, UsageError
from tests.common.planted import planted_corpus
from tests.common.tiny_tokenizers import sample_instances


def row(text: str, head: str, tail: str, **more):
    start, other = text.index(head), text.index(tail)
    return {
        "text": text,
        "head": {"start": start, "end": start + len(head), "type": "PERSON"},
        "tail": {"start": other, "end": other + len(tail)},
        **more,
    }


def mentions_of(pair):
    return tuple(pair["text"][pair[side]["start"] : pair[side]["end"]] for side in ("head", "tail"))


def made_mentions(text: str, head: str, tail: str) -> set[str]:
    """All spans that are put in the place of a mention, over many seeds."""
    found = set()
    for seed in range(60):
        for pair in shuffled_pair_negatives([row(text, head, tail)], seed=seed).instances:
            found |= set(mentions_of(pair)) - {head, tail}
    return found


@pytest.mark.parametrize(
    ("text", "head", "tail", "spans"),
    [
        ("Ada met Bo in Oslo in 1998 .", "Ada", "Bo", {"Oslo", "1998"}),
        ("The Bank of England hired Ada and Bo .", "Ada", "Bo", {"Bank of England"}),
        ("She left Ada , whose son Bo sold it to Red Lane Works .", "Ada", "Bo", {"Red Lane Works"}),
        # No name is left, so nouns behind a determiner stand in; a mention's own word never does.
        ("Ada gave Bo an old wooden boat .", "Ada", "Bo", {"old wooden boat"}),
        ("Ada saw Bo and then Ada left .", "Ada", "Bo", set()),
        # What touches a mention belongs to it.
        ("Ada joined the London-based Bo with Cem .", "Ada", "London", {"Bo", "Cem"}),
        ("Ada met Bo at 12 .", "Ada", "Bo", set()),
        # A comma parts two names, a longer run than five words is none.
        ("Ada and Bo saw Port Ellis, Kolma .", "Ada", "Bo", {"Port Ellis", "Kolma"}),
        ("Ada and Bo read Red Lane Works Port Ellis Kolma .", "Ada", "Bo", set()),
    ],
)
def test_spans_that_stand_in_for_a_mention(text, head, tail, spans):
    assert made_mentions(text, head, tail) == spans


def test_one_mention_stays_and_the_other_is_a_span_apart_from_both():
    rows = check_instances([*sample_instances(), *planted_corpus((20, 20))[0]])
    made = shuffled_pair_negatives(rows, seed=3)
    assert made.instances and len(made.instances) + made.without_candidate == len(rows)
    sides = set()
    for pair, source in zip(made.instances, made.sources, strict=True):
        origin = rows[source]
        assert pair["text"] == origin["text"] and pair["relations"] == [] and pair["id"] == f"{origin['id']}/none"
        (changed,) = [side for side in ("head", "tail") if pair[side] != origin[side]]
        sides.add(changed)
        span = set(range(pair[changed]["start"], pair[changed]["end"]))
        for side in ("head", "tail"):
            assert not span & set(range(origin[side]["start"], origin[side]["end"]))
    assert sides == {"head", "tail"}
    assert check_instances(made.instances) == made.instances  # they keep the data contract


def test_a_row_gives_the_same_pair_in_any_company_and_labels_are_not_read():
    rows = [row(f"Ada met Bo {n} times in Oslo , Kolma and Lisbon .", "Ada", "Bo", id=str(n)) for n in range(12)]
    together = shuffled_pair_negatives([{**each, "relations": ["met"]} for each in rows], seed=1).instances
    assert shuffled_pair_negatives(rows[::-1], seed=1).instances[::-1] == together
    assert [shuffled_pair_negatives([each], seed=1).instances[0] for each in rows] == together
    assert shuffled_pair_negatives(rows, seed=2).instances != together


def test_rows_without_another_span_are_counted_not_dropped_in_silence():
    rows = [row("Ada met Bo .", "Ada", "Bo", id="a"), row("Ada met Bo in Oslo .", "Ada", "Bo", id="b")]
    made = shuffled_pair_negatives(rows)
    assert made.sources == [1] and made.without_candidate == 1
    assert shuffled_pair_negatives([]).instances == []


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="Ab Cd.é,'-19東 of the", min_size=8, max_size=60), st.integers(0, 3))
def test_any_text_gives_a_valid_pair_or_none(text, seed):
    text = text[:3].replace(" ", "x") + text[3:5].replace(" ", "y") + text[5:]
    rows = [{"text": text, "head": {"start": 0, "end": 2}, "tail": {"start": 3, "end": 5}}]
    for pair in shuffled_pair_negatives(rows, seed=seed).instances:
        check_instances([pair])
        assert text[pair["head"]["start"] : pair["head"]["end"]].strip()


def test_errors():
    with pytest.raises(UsageError, match="seed"):
        shuffled_pair_negatives([], seed=-1)
    with pytest.raises(InvalidRowError, match="row 0"):
        shuffled_pair_negatives([{"text": "Ada"}])
