"""Weights of instances, so that duplicates and very frequent entity pairs do not swamp the relations."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hf_relation.errors import UsageError


def pair_weights(instances: Sequence[Mapping[str, Any]], strength: float) -> np.ndarray:
    """How much every instance counts, when many say the same.

    An instance counts `n ** -strength`, where `n` is the larger of two numbers: the instances with this pair of head and tail
    (spelled alike but for case and white space), and the instances whose text and mentions are the same but for digits, case,
    marks and white space (near-duplicates, such as notices that differ in a number). With a strength of 1 all instances of a pair together count as one;
    with 0.5 a hundred of them count as ten.

    Args:
        instances (`Sequence[Mapping]`): instances of the data contract.
        strength (`float`): from 0 (all count alike) to 1.

    Returns:
        `np.ndarray` of shape `(n,)`, float64, in (0, 1].

    Raises:
        UsageError: `strength` is out of range, or there are no texts to read the pairs from.

    Example:

    ```python
    >>> from hf_relation.discovery.weighting import pair_weights
    >>> row = {"text": "Ada met Bob", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> other = {"text": "Eve saw Dan", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> pair_weights([row, row, other], 1.0).tolist()
    [0.5, 0.5, 1.0]

    ```
    """
    check_strength(strength)
    if not len(instances):
        return np.empty(0)
    if "text" not in instances[0]:
        raise UsageError(
            "`pair_weighting` needs the mentions: pass `instances` along with `embeddings`, or set pair_weighting=0."
        )
    pairs = [(_mention(instance, "head"), _mention(instance, "tail")) for instance in instances]
    frames = [_frame(instance) for instance in instances]
    of_pair, of_frame = Counter(pairs), Counter(frames)
    counts = [max(of_pair[pair], of_frame[frame]) for pair, frame in zip(pairs, frames, strict=True)]
    return np.asarray(counts, dtype=np.float64) ** -strength


def check_strength(strength: Any) -> None:
    """Refuse what is no number from 0 to 1."""
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not 0 <= strength <= 1:
        raise UsageError(f"`pair_weighting` must be a number from 0 (off) to 1, got {strength!r}.")


def _mention(instance: Mapping[str, Any], side: str) -> str:
    span = instance[side]
    return " ".join(instance["text"][span["start"] : span["end"]].casefold().split())


def _frame(instance: Mapping[str, Any]) -> tuple[str, ...]:
    """Text and mentions, letters only; as they are where there are no letters."""
    text = instance["text"]
    parts = (text, *(text[instance[side]["start"] : instance[side]["end"]] for side in ("head", "tail")))
    return tuple(_letters(part) or part for part in parts)


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalpha() or unicodedata.category(c)[0] == "M" else " " for c in folded).split())
