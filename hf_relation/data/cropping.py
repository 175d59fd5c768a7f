"""Long sentences cut to the words around their two mentions."""

from __future__ import annotations

import re

from ..errors import UsageError
from .schema import Instance, Mention


_WORD = re.compile(r"\S+")


def crop_around_mentions(instance: Instance, max_words: int) -> Instance:
    """Cut a text of more than `max_words` words to a window of that many around head and tail.

    Words are runs of characters that are not white space: the tokens of corpora that come in tokens. The window reaches from
    the first mention to the second and is widened by equally many words on both sides (one more on the right when the
    number is odd); what one side lacks at an end of the text is given to the other. Mentions, and what is between them, are
    never cut: where they need more than `max_words` themselves, the window is from the first mention to the second, and
    longer than `max_words`.

    Args:
        instance (`Instance`): in normal form.
        max_words (`int`): words to keep, at least 2.

    Returns:
        `Instance`: the same object when it is short enough; else a new one with moved offsets and the same id.

    Raises:
        UsageError: `max_words` is smaller than 2.

    Example:

    ```python
    >>> from hf_relation.data import check_instance, crop_around_mentions
    >>> row = {"text": "In May 1998 Ada met Bob near the old town.", "head": {"start": 12, "end": 15}, "tail": {"start": 20, "end": 23}}
    >>> short = crop_around_mentions(check_instance(row), 6)
    >>> short["text"], short["head"]["start"], short["tail"]["start"]
    ('1998 Ada met Bob near the', 5, 13)

    ```
    """
    if max_words < 2:
        raise UsageError(f"`max_words` must be at least 2, room for two mentions of one word, got {max_words}.")
    words = [match.span() for match in _WORD.finditer(instance["text"])]
    if len(words) <= max_words:
        return instance
    mentions = (instance["head"], instance["tail"])
    start_of_mentions = min(mention["start"] for mention in mentions)
    end_of_mentions = max(mention["end"] for mention in mentions)
    first = sum(end <= start_of_mentions for _, end in words)
    behind = sum(start < end_of_mentions for start, _ in words)
    begin, stop = first, behind
    if (free := max_words - (behind - first)) > 0:
        begin = min(max(first - free // 2, 0), len(words) - max_words)
        stop = begin + max_words
    # A mention may begin or end with white space, which belongs to no word.
    offset, last = min(words[begin][0], start_of_mentions), max(words[stop - 1][1], end_of_mentions)

    def moved(mention: Mention) -> Mention:
        return {"start": mention["start"] - offset, "end": mention["end"] - offset, "type": mention["type"]}

    short: Instance = {
        "id": instance["id"],
        "text": instance["text"][offset:last],
        "head": moved(instance["head"]),
        "tail": moved(instance["tail"]),
        "relations": list(instance["relations"]),
    }
    if "origin" in instance:
        short["origin"] = {"id": instance["origin"]["id"], "start": instance["origin"]["start"] + offset}
    return short
