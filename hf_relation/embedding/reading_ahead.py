"""Tokenising the next rows while the model is busy with those before."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar


Row = TypeVar("Row")
Made = TypeVar("Made")


def made_ahead(
    rows: Iterable[Row], make: Callable[[list[Row], int], Made], *, first: int, rest: int
) -> Generator[Made, None, None]:
    """Cut rows into pieces and make something of each, one piece ahead of what the caller is busy with.

    The rows are taken in the caller's thread, and `make` runs in another one, for one piece at a time. A fast tokenizer lets
    other threads run while it works, and so do torch and ONNX Runtime. Where there is but one piece there is no other thread.

    Args:
        rows (`Iterable`): taken as they are needed, at most two pieces ahead.
        make (`Callable`): takes the rows of a piece and the number of rows before it.
        first (`int`): rows of the first piece, a small one, for which the caller has to wait.
        rest (`int`): rows of every other piece.

    Yields:
        What `make` returned, in order. What it raises is raised in its place.

    Example:

    ```python
    >>> from hf_relation.embedding.reading_ahead import made_ahead
    >>> list(made_ahead("abcdef", lambda rows, before: (before, "".join(rows)), first=1, rest=3))
    [(0, 'a'), (1, 'bcd'), (4, 'ef')]

    ```
    """
    source = iter(rows)
    piece = list(islice(source, first))
    following = list(islice(source, rest)) if len(piece) == first else []
    if not following:
        if piece:
            yield make(piece, 0)
        return
    before = 0
    with ThreadPoolExecutor(1, thread_name_prefix="hf_relation_reading") as thread:
        waiting = thread.submit(make, piece, before)
        while following:
            before += len(piece)
            piece = following
            made, waiting = waiting.result(), thread.submit(make, piece, before)
            yield made
            del made  # or it would be kept while the next one is made
            following = list(islice(source, rest)) if len(piece) == rest else []
        yield waiting.result()
