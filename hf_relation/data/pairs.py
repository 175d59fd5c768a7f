"""Pairs for relation discovery: one text, two mentions, exactly one relation."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from ..errors import UsageError
from .docred import read_docred
from .folding import explode_document
from .schema import Instance
from .semeval_labels import SEMEVAL_OTHER


SEMEVAL_NO_RELATION: tuple[str, ...] = (SEMEVAL_OTHER,)
"""What SemEval-2010 Task 8's discovery pairs leave out: `Other` is many relations, so it is no cluster."""

REDOCRED_LEAST = 50
"""Pairs that a relation has at least in Re-DocRED's discovery pairs; rarer ones are too few to be scored as a cluster."""


def read_sentence_pairs(path: str | os.PathLike[str]) -> Iterator[Instance]:
    """Read the labelled entity pairs of DocRED documents that are mentioned in one sentence.

    Args:
        path (`str` or `PathLike`): a file of DocRED's format, see `read_docred`; `.gz` is unpacked.

    Yields:
        `Instance`: the sentence, the two mentions nearest to one another in it with their types, and all relations of the
        pair, see `explode_document`.

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: the file is not of DocRED's format.
    """
    return (row for document in read_docred(path) for row in explode_document(document, scope="sentence"))


def discovery_pairs(rows: Iterable[Instance], *, leave_out: Collection[str] = (), least: int = 1) -> list[Instance]:
    """Keep the instances that relation discovery can be scored on.

    Args:
        rows (`Iterable[Instance]`): instances; those with no relation or several are left out, for they cannot stand for a
            cluster.
        leave_out (`Collection[str]`): relations to leave out: names of "no relation".
        least (`int`, defaults to 1): leave out relations with fewer instances than that, counted after the above.

    Returns:
        `list[Instance]`: in the order of `rows`.

    Raises:
        UsageError: `least` is smaller than 1, or `leave_out` is a string.

    Example:

    ```python
    >>> from hf_relation.data import discovery_pairs
    >>> rows = [{"id": str(i), "relations": names} for i, names in enumerate([["a"], ["a", "b"], [], ["Other"], ["b"], ["a"]])]
    >>> [row["id"] for row in discovery_pairs(rows, leave_out=["Other"], least=2)]
    ['0', '5']

    ```
    """
    if least < 1:
        raise UsageError(f"`least` must be at least 1, got {least}.")
    if isinstance(leave_out, str):
        raise UsageError(f"`leave_out` must be a collection of relation names, got the string {leave_out!r}.")
    single = [row for row in rows if len(row["relations"]) == 1 and row["relations"][0] not in leave_out]
    counts = Counter(row["relations"][0] for row in single)
    return [row for row in single if counts[row["relations"][0]] >= least]
