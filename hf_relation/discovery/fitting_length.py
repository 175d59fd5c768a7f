"""Instances made of texts that a model can read: what is cut is counted, what does not fit is left out and named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_relation.data.schema import Instance
from hf_relation.discovery.text_report import TextReport
from hf_relation.errors import InvalidRowError


_CHUNK = 100


def keep_what_fits(instances: Sequence[Instance], processor: Any, report: TextReport) -> list[Instance]:
    """Leave out the instances whose mentions alone are longer than the model, and count those that it does not see whole.

    A processor with `long_text="window"` never loses a mention: it keeps both and as much as fits around them. But a tagger may
    take a whole paragraph for an entity, and one such row should not end the work on thousands.

    Args:
        instances (`Sequence[Instance]`): made of texts.
        processor ([`~hf_relation.RelationProcessor`]): of the model.
        report ([`TextReport`]): its `windowed` and `unreadable` are kept up to date.

    Returns:
        `list[Instance]`: those that fit, in order.
    """
    kept: list[Instance] = []
    start = 0
    while start < len(instances):
        chunk = list(instances[start : start + _CHUNK])
        try:
            encoded = processor.encode(chunk, validate=False)
        except InvalidRowError as error:
            if error.index is None:
                raise
            # The rows before it are good; it is left out, and the work goes on behind it.
            good = chunk[: error.index]
            kept += good
            report.windowed += sum(row.truncated for row in processor.encode(good, validate=False))
            report.unreadable.append(chunk[error.index]["id"])
            start += error.index + 1
            continue
        kept += chunk
        report.windowed += sum(row.truncated for row in encoded)
        start += len(chunk)
    return kept
