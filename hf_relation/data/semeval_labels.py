"""The labels of SemEval-2010 Task 8; apart from the reader, for the task's scorer has no need of that."""

from __future__ import annotations


SEMEVAL_RELATIONS: tuple[str, ...] = (
    "Cause-Effect",
    "Component-Whole",
    "Content-Container",
    "Entity-Destination",
    "Entity-Origin",
    "Instrument-Agency",
    "Member-Collection",
    "Message-Topic",
    "Product-Producer",
)
"""The nine relations; the tenth label is `SEMEVAL_OTHER`."""

SEMEVAL_OTHER = "Other"
"""The label of pairs with none of the nine relations."""

SEMEVAL_DIRECTIONS = ("(e1,e2)", "(e2,e1)")
"""What stands behind a relation's name: which of the two mentions is its first argument."""


def is_semeval_label(label: object) -> bool:
    """Whether this is one of the task's 19 labels: a relation with its direction, or `SEMEVAL_OTHER`."""
    if not isinstance(label, str):
        return False
    return label == SEMEVAL_OTHER or (label[:-7] in SEMEVAL_RELATIONS and label[-7:] in SEMEVAL_DIRECTIONS)
