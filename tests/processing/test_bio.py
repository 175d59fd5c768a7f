"""Spans to tags and back, overlaps, broken sequences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.processing import bio_labels, bio_starts, bio_to_spans, bio_transitions, spans_to_bio


LABELS = bio_labels(["PER", "ORG-x"])  # 0 O, 1 B-PER, 2 I-PER, 3 B-ORG-x, 4 I-ORG-x


@st.composite
def texts(draw):
    lengths = draw(st.lists(st.integers(1, 3), max_size=6))
    spans, position = [], 0
    for length in lengths:
        start = position + draw(st.integers(0, 2))
        position = start + length
        spans.append((start, position, draw(st.sampled_from(["PER", "ORG-x"]))))
    return position + draw(st.integers(0, 2)), spans


@given(texts())
def test_spans_that_do_not_overlap_come_back(text):
    num_tokens, spans = text
    found = spans_to_bio(num_tokens, reversed(spans), LABELS)
    assert len(found.tags) == num_tokens and found.dropped == []
    assert bio_to_spans(found.tags, LABELS) == spans
    allowed = bio_transitions(LABELS)
    assert all(allowed[a][b] for a, b in zip(found.tags, found.tags[1:], strict=False))
    assert not found.tags or bio_starts(LABELS)[found.tags[0]]


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        ([(0, 1, "PER"), (0, 3, "ORG-x")], [(0, 3, "ORG-x")]),  # nested: the longer
        ([(1, 3, "PER"), (0, 2, "ORG-x")], [(0, 2, "ORG-x")]),  # equally long: the earlier
        ([(0, 2, "PER"), (0, 2, "ORG-x")], [(0, 2, "PER")]),  # one place: the first given
        ([(0, 2, "PER"), (1, 4, "PER"), (3, 5, "PER")], [(1, 4, "PER")]),  # a chain around the longest
        ([(0, 2, "PER"), (0, 2, "PER")], [(0, 2, "PER")]),  # the same span: nothing is lost
        ([(0, 2, "PER"), (2, 4, "PER")], [(0, 2, "PER"), (2, 4, "PER")]),  # neighbours do not overlap
    ],
)
def test_of_overlapping_spans_the_longest_is_kept(spans, kept):
    found = spans_to_bio(5, spans, LABELS)
    assert bio_to_spans(found.tags, LABELS) == kept
    assert found.dropped == [span for span in spans if span not in kept]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ([], []),
        ([0, 0], []),
        ([2, 2, 0], [(0, 2, "PER")]),  # inside at the start
        ([0, 2, 2], [(1, 3, "PER")]),  # inside after outside
        ([1, 4, 4], [(0, 1, "PER"), (1, 3, "ORG-x")]),  # inside of another type
        ([1, 1, 2], [(0, 1, "PER"), (1, 3, "PER")]),
        ([1, -100, 2], [(0, 1, "PER"), (2, 3, "PER")]),
        ([1, 0, 2], [(0, 1, "PER"), (2, 3, "PER")]),
        ([3, 4], [(0, 2, "ORG-x")]),
    ],
)
def test_broken_sequences_are_read_by_the_rule(tags, spans):
    assert bio_to_spans(tags, LABELS) == spans


def test_inside_follows_begin_and_inside_of_its_type_alone():
    allowed = bio_transitions(LABELS)
    for i, before in enumerate(LABELS):
        for j, after in enumerate(LABELS):
            expected = not after.startswith("I-") or before in (after, "B" + after[1:])
            assert allowed[i][j] is expected
    assert bio_starts(LABELS) == [True, True, False, True, False]


@pytest.mark.parametrize("types", [[], "PER", [""], [None], ["PER", "PER"]])
def test_bad_types_are_told_plainly(types):
    with pytest.raises(UsageError, match="entity type"):
        bio_labels(types)


@pytest.mark.parametrize("labels", [["O", "PER"], ["O", "B-"], ["O", "B-x"], ["B-x", "I-x"], ["O", "O"]])
def test_bad_labels_are_told_plainly(labels):
    for call in (bio_transitions, bio_starts, lambda labels: bio_to_spans([], labels)):
        with pytest.raises(UsageError, match="A tagger's labels are 'O'"):
            call(labels)


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ((2, 2, "PER"), r"row 1: the span \[2, 2\) is not in a text of 3 tokens.*not characters"),
        ((-1, 2, "PER"), "row 1"),
        ((0, 4, "PER"), "row 1"),
        ((1, 3, "LOC"), "row 1: the entity type 'LOC' has no label; there are 'PER', 'ORG-x'"),
    ],
)
def test_bad_spans_and_tags_are_told_plainly(span, message):
    with pytest.raises(InvalidRowError, match=message):
        spans_to_bio(3, [(0, 1, "PER"), span], LABELS)
    with pytest.raises(InvalidRowError, match="row 1: the tag 5 is not the id of one of 5 labels"):
        bio_to_spans([0, 5], LABELS)
