"""Valid files made invalid, by whoever picks: hypothesis, which can shrink its picks, or a random number generator.

`pick(n)` gives a whole number from 0 to n - 1. Every pick of 0 is the plainest choice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


Pick = Callable[[int], int]


class Raw(str):
    """JSON text that stands as it is, also where no value of Python says it."""


class Pairs(list):
    """A JSON object as pairs, so that a key can stand twice."""


_DEEP = [50, 150, 950, 985, 3000]
_ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        7,
        0.5,
        "",
        " ",
        "a",
        "O",
        "0",
        "1-2",
        "\x00",
        "a\nb",
        "\r",
        "\ufeff",
        "e\u0301",
        "🚀",
    ),
    *(2**31, 2**63, -(2**63) - 1, 10**12, 10**30, 10**400, "x" * 300, "\u00a0", "\u200d", "1_0", "nan", "١", "=1+1"),
    *([], Pairs(), [[]], [None], [0, 0], Pairs([("start", 0), ("end", 1)]), Pairs([("a", [])])),
    *(
        Raw("NaN"),
        Raw("-Infinity"),
        Raw("1e999"),
        Raw('"\\ud800"'),
        Raw('"\\udc00a"'),
        Raw("9" * 5000),
        Raw("-0"),
        Raw("1e400"),
    ),
    *(Raw("[" * depth + "]" * depth) for depth in _DEEP),
    *(Raw('{"a":' * depth + "1" + "}" * depth) for depth in _DEEP),
)
_ODD_BYTES = (
    b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\t", b"\t\t", b" ", b'"', b"'", b",",
    b"{", b"}", b"[", b"]", b":", b"\\", b"\\u0000", b"<e1>", b"</e1>", b"#", b"-DOCSTART-", b"\xc2\x85", b"\xe2\x80\xa8",
    b"0", b"-1", b"9" * 5000, b"nan", b"1e999", b"1_0", b"I-X", b"B-", b"<head>", b"</tail>", b"a" * 300, b"\x1f", b"\x0b",
)  # fmt: skip


def mutated(content: bytes, pick: Pick) -> bytes:
    """Change a file in one to three ways.

    Args:
        content: a file.
        pick: chooses.

    Returns:
        Another file, mostly of the same kind.
    """
    for _ in range(1 + pick(3)):
        tree = _tree_of(content) if pick(4) else None
        content = _bytes_changed(content, pick) if tree is None else _written(_tree_changed(tree, pick))
    return content


def mutated_json(value: Any, pick: Pick) -> Any:
    """Change a JSON value in one to three ways; what comes back is a value that `json` can read."""
    tree = _pairs(value)
    for _ in range(1 + pick(3)):
        tree = _changed(tree, pick)
    try:
        return json.loads(_text(tree))
    except (ValueError, RecursionError):
        return value


def is_deep(content: bytes) -> bool:
    """Whether brackets may be nested so deeply that a parser's limit decides."""
    depth = deepest = 0
    for byte in content:
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    return deepest > 100


def _tree_of(content: bytes) -> tuple[str, Any] | None:
    """The content as one JSON value, as JSON lines, or as lines of columns."""
    if is_deep(content):
        return None
    try:
        text = content.decode("utf-8")
        if text.lstrip()[:1] in ("{", "["):
            try:
                return "json", json.loads(text, object_pairs_hook=Pairs)
            except ValueError:
                return "lines", [
                    json.loads(line, object_pairs_hook=Pairs) for line in text.split("\n") if line.strip()
                ]
    except (ValueError, RecursionError):
        return None
    if "\t" in text:
        return "columns", [line.split("\t") for line in text.split("\n")]
    return None


def _written(tree: tuple[str, Any]) -> bytes:
    kind, value = tree
    if kind == "json":
        return _text(value).encode("utf-8", "surrogatepass")
    if kind == "lines":
        rows = value if type(value) is list else [value]
        return b"".join(_text(row).encode("utf-8", "surrogatepass") + b"\n" for row in rows)
    rows = [row if isinstance(row, list) else [row] for row in (value if isinstance(value, list) else [value])]
    text = "\n".join("\t".join(cell if isinstance(cell, str) else _text(cell) for cell in row) for row in rows)
    return text.encode("utf-8", "surrogatepass")


def _tree_changed(tree: tuple[str, Any], pick: Pick) -> tuple[str, Any]:
    return tree[0], _changed(tree[1], pick)


def _changed(tree: Any, pick: Pick) -> Any:
    places: list[tuple[Any, int]] = []
    _list_places(tree, places)
    if not places:
        return _copy(_ODD[pick(len(_ODD))])
    holder, place = places[pick(len(places))]
    odd = _copy(_ODD[pick(len(_ODD))])
    is_pair = isinstance(holder, Pairs)
    value = holder[place][1] if is_pair else holder[place]
    how = pick(7)
    if how == 0:
        new: Any = odd
    elif how == 1:
        del holder[place]
        return tree
    elif how == 2:
        holder.insert(place, (holder[place][0], _copy(value)) if is_pair else _copy(value))
        return tree
    elif how == 3:
        new = [value]
    elif how == 4:
        new = Pairs([("a", value)])
    elif how == 5:
        other, elsewhere = places[pick(len(places))]
        new = _copy(other[elsewhere][1] if isinstance(other, Pairs) else other[elsewhere])
    elif is_pair:
        name = odd if isinstance(odd, str) and not isinstance(odd, Raw) else "other"
        holder[place] = (name, value)
        return tree
    else:
        new = str(value) if not isinstance(value, str) else [value, value]  # strings, which nothing changes
    holder[place] = (holder[place][0], new) if is_pair else new
    return tree


def _list_places(tree: Any, places: list[tuple[Any, int]], depth: int = 0) -> None:
    if isinstance(tree, list) and depth < 12:
        for place, item in enumerate(tree):
            places.append((tree, place))
            _list_places(item[1] if isinstance(tree, Pairs) else item, places, depth + 1)


def _copy(tree: Any) -> Any:
    if isinstance(tree, Pairs):
        return Pairs((name, _copy(value)) for name, value in tree)
    return [_copy(item) for item in tree] if isinstance(tree, list) else tree


def _pairs(value: Any) -> Any:
    if isinstance(value, dict):
        return Pairs((str(name), _pairs(item)) for name, item in value.items())
    return [_pairs(item) for item in value] if isinstance(value, (list, tuple)) else value


def _text(tree: Any) -> str:
    if isinstance(tree, Raw):
        return tree
    if isinstance(tree, Pairs):
        return "{" + ", ".join(f"{json.dumps(name)}: {_text(value)}" for name, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(_text, tree)) + "]"
    return json.dumps(tree, ensure_ascii=False)


def _bytes_changed(content: bytes, pick: Pick) -> bytes:
    start = pick(len(content) + 1)
    end = min(len(content), start + (1, 2, 8, 40, 10_000)[pick(5)])
    how = pick(10)
    if how == 0:
        return content[:start] + _ODD_BYTES[pick(len(_ODD_BYTES))] + content[start:]
    if how == 1:
        return content[:start] + content[end:]
    if how == 2:
        return content[:end] + content[start:end] + content[end:]
    if how == 3:
        return content[:start]
    if how == 4:
        return content[:start] + bytes([pick(256)]) + content[start + 1 :]
    if how == 5:
        return content.replace(b"\n", b"\r\n")
    if how == 6:
        return b"\xef\xbb\xbf" + content
    if how == 7:
        return content.decode("utf-8", "replace").encode(
            ("utf-16", "utf-16-be", "latin-1", "utf-32")[pick(4)], "replace"
        )
    lines = content.split(b"\n")
    first, second = pick(len(lines)), pick(len(lines))
    if how == 8:
        lines[first], lines[second] = lines[second], lines[first]
    else:
        lines.insert(first, lines[second])
    return b"\n".join(lines)
