from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.data import characters_of_tokens, join_tokens
from hf_relation.errors import InvalidRowError


tokens_lists = st.lists(st.text(max_size=6), max_size=12)


@given(tokens_lists)
@settings(max_examples=200, deadline=None)
def test_every_token_is_found_at_its_span(tokens: list[str]) -> None:
    text, spans = join_tokens(tokens)
    assert len(spans) == len(tokens)
    for token, (start, end) in zip(tokens, spans, strict=True):
        assert text[start:end] == (token if token.strip() else "")
    assert text == " ".join(token for token in tokens if token.strip())


@given(tokens_lists.filter(lambda tokens: any(token.strip() for token in tokens)), st.data())
@settings(max_examples=100, deadline=None)
def test_a_run_of_tokens_is_the_joined_run(tokens: list[str], data: st.DataObject) -> None:
    text, spans = join_tokens(tokens)
    anchor = data.draw(st.sampled_from([i for i, token in enumerate(tokens) if token.strip()]))
    first = data.draw(st.integers(0, anchor))
    last = data.draw(st.integers(anchor, len(tokens) - 1))
    start, end = characters_of_tokens(spans, first, last)
    assert text[start:end] == " ".join(token for token in tokens[first : last + 1] if token.strip())


def test_blank_tokens_add_nothing_and_keep_indices_right() -> None:
    assert join_tokens(["\n", "Ada", "\u00a0", "", "met"]) == ("Ada met", [(0, 0), (0, 3), (3, 3), (3, 3), (4, 7)])


def test_no_tokens_give_an_empty_text() -> None:
    assert join_tokens([]) == ("", [])


@pytest.mark.parametrize("tokens", ["one string", ["a", 5], ["a", None], ["a", b"b"]])
def test_tokens_that_are_no_strings_are_refused(tokens: list[str]) -> None:
    with pytest.raises(InvalidRowError, match="string"):
        join_tokens(tokens)


@pytest.mark.parametrize(("first", "last"), [(-1, 0), (1, 0), (0, 3), (1, 1)])
def test_runs_outside_reversed_or_blank_are_refused(first: int, last: int) -> None:
    _, spans = join_tokens(["Ada", " ", "met"])
    with pytest.raises(InvalidRowError, match=f"tokens {first} to {last}"):
        characters_of_tokens(spans, first, last)
