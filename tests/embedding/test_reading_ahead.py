"""Pieces of rows that are made in another thread, one ahead."""

from __future__ import annotations

import itertools
import threading

import pytest

from hf_relation.embedding.reading_ahead import made_ahead


@pytest.mark.parametrize("first, rest", [(1, 1), (2, 3), (3, 2), (5, 9), (7, 7), (8, 1), (1, 50)])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 5, 7, 8, 20])
def test_every_row_comes_once_in_order_with_the_number_before_it(number, first, rest):
    pieces = list(made_ahead(iter(range(number)), lambda rows, before: (before, rows), first=first, rest=rest))
    assert [row for _, rows in pieces for row in rows] == list(range(number))
    assert all(before == rows[0] for before, rows in pieces)  # row i has i rows before it
    sizes = [len(rows) for _, rows in pieces]
    assert sizes[:1] == ([min(first, number)] if number else []) and all(size == rest for size in sizes[1:-1])


def test_the_next_piece_is_made_while_the_caller_is_busy():
    made, here = [threading.Event() for _ in range(3)], threading.get_ident()
    threads = []

    def make(rows, before):
        threads.append(threading.get_ident())
        made[before].set()
        return before

    for before in made_ahead("abc", make, first=1, rest=1):
        if before < 2:  # no one else is asked: it comes by itself
            assert made[before + 1].wait(timeout=60)
    assert set(threads) != {here} and here not in threads


def test_rows_are_taken_in_the_callers_thread_and_no_further_than_needed():
    taken, threads = itertools.count(), set()

    def rows():
        while True:  # without end
            threads.add(threading.get_ident())
            yield next(taken)

    pieces = made_ahead(rows(), lambda rows, before: rows, first=2, rest=3)
    assert next(pieces) == [0, 1]
    pieces.close()
    assert next(taken) <= 2 + 3
    assert threads == {threading.get_ident()}


def test_one_piece_needs_no_thread():
    assert list(made_ahead([1, 2], lambda rows, before: threading.get_ident(), first=2, rest=9)) == [
        threading.get_ident()
    ]


def test_what_goes_wrong_is_raised_in_its_place_and_no_thread_is_left():
    def make(rows, before):
        if before == 4:
            raise KeyError("row 4")
        return rows

    pieces = made_ahead(range(100), make, first=2, rest=2)
    assert [next(pieces), next(pieces)] == [[0, 1], [2, 3]]
    with pytest.raises(KeyError, match="row 4"):
        next(pieces)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hf_relation_reading")]
