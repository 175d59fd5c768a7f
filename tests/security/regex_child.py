# ruff: noqa: B023, what a loop binds is used at once
"""Runs regular expressions, and functions that read texts, on a megabyte: `python -m tests.security.regex_child FILE [SECONDS]`.

FILE holds JSON: patterns with flags, as the test found them; with a limit in SECONDS, the patterns alone are tried. Prints JSON: what took longer than the limit.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


SIZE = 2**20
LIMIT = 15  # seconds of this process; a linear one takes well under one, a quadratic one of this size an hour


class TooLong(Exception):
    pass


def _alarm(*_: Any) -> None:
    raise TooLong


def took_too_long(run: Callable[[], Any]) -> bool:
    signal.setitimer(signal.ITIMER_VIRTUAL, float(sys.argv[2]) if len(sys.argv) > 2 else LIMIT)
    try:
        run()
    except TooLong:
        return True
    except ValueError:
        pass  # an error that says what is wrong with the text is an answer
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return False


def inputs(pattern: str) -> Iterator[str]:
    """One character, and short repeats of what the pattern itself is made of, with an end that does not fit."""
    literal = re.sub(r"\\.|[\[\](){}^$*+?|]", "", pattern)
    units = ["a", " ", "\n", "0", "a-", literal[:1], literal[:3] + " "]
    for unit in dict.fromkeys(unit for unit in units if unit):
        yield unit * (SIZE // len(unit)) + "\x01"


def functions() -> dict[str, Callable[[str], Any]]:
    from hf_relation.cards import escape_markdown
    from hf_relation.data import locate_strings
    from hf_relation.data.negatives import shuffled_pair_negatives
    from hf_relation.data.normal_text import normal_text
    from hf_relation.data.sentences import split_sentences
    from hf_relation.demo.marked import has_marks, parse_marked
    from hf_relation.discovery.generated_names import cleaned_name
    from hf_relation.discovery.keywords import split_words
    from tests.common.tiny_tokenizers import parse_marked as parse_short

    def instance(text: str) -> dict[str, Any]:
        spans = {"head": {"start": 0, "end": 1}, "tail": {"start": len(text) - 1, "end": len(text)}}
        return {"id": "a", "text": f"x{text[1:-1]}y", **spans, "relations": ["r"]}

    return {
        "escape_markdown": escape_markdown,
        "locate_strings": lambda text: locate_strings(
            text, [text[:1000] + "b", text[:400] + " " + text[:300] + "c", "a b"]
        ),
        "shuffled_pair_negatives": lambda text: shuffled_pair_negatives([instance(text)]),
        "normal_text": normal_text,
        "split_sentences": split_sentences,
        "has_marks": has_marks,
        "parse_marked": parse_marked,
        "parse_marked in tests": lambda text: parse_short(f"<h>{text}</h><t>b</t>"),
        "cleaned_name": cleaned_name,
        "split_words": split_words,
    }


if __name__ == "__main__":
    signal.signal(signal.SIGVTALRM, _alarm)
    slow = []
    patterns = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for where, pattern, flags, anchored in patterns:
        compiled = re.compile(pattern, flags)
        for text in inputs(pattern):
            if took_too_long(
                lambda: compiled.fullmatch(text) if anchored else sum(1 for _ in compiled.finditer(text))
            ):
                slow.append([where, pattern, text[:20]])
    for name, function in functions().items() if len(sys.argv) == 2 else ():
        for unit in ("a", "- "):
            if took_too_long(lambda: function(unit * (SIZE // len(unit)))):
                slow.append([name, "", unit])
    print("RESULTS " + json.dumps({"slow": slow, "patterns": len(patterns)}))
