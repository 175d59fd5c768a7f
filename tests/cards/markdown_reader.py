"""Reading cards with a Markdown parser, and hostile strings to put into them."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from markdown_it import MarkdownIt


FRAGMENTS = (
    *(
        "|",
        "\n",
        "\r\n",
        "\n\n",
        "`",
        "```",
        "~~~",
        "---",
        "***",
        "# ",
        "> ",
        "- ",
        "1. ",
        "    ",
        "\t",
        "\\",
        "\\|",
        "!",
        "[",
        "]",
    ),
    *(
        "](",
        ")",
        "<",
        ">",
        "</script>",
        "<script>alert(1)</script>",
        "<!--",
        "-->",
        "&",
        "&lt;",
        "&#124;",
        "~~",
        "**",
        "__",
        "$$",
    ),
    *(
        "![x](http://e.example/y.png)",
        "[x](javascript:alert(1))",
        "[a]: http://e.example",
        "http://e.example",
        "www.e.example",
    ),
    *(
        "mailto:a@e.example",
        "a@e.example",
        "<http://e.example>",
        "{{ x }}",
        "{% x %}",
        "license: mit",
        "\nlicense: mit\n",
        ": ",
        "'",
    ),
    *(
        '"',
        "!!python/object/apply:os.system ['true']",
        "&a *a",
        "%YAML",
        "null",
        "\x00",
        "\x1b[31m",
        "\u202e",
        "\u2066",
        "\ud800",
    ),
    *(
        "\u2028",
        "\x85",
        "\u2060",
        "\ufeff",
        "王",
        "é",
        "🚀",
        "a",
        "b c",
        "x" * 300,
        "../../etc/passwd",
        "=====",
        "\n===",
        "\n---\n",
    ),
)
hostile_strings = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=6).map("".join),
    st.text(st.characters(), max_size=60),
)
HOSTILE = "a|b\n---\n# h `c` ``` <script>x</script> ![i](http://e.example/y) [l](http://e.example) www.e.example \u202e\x00\ud800"


def split(card: str) -> tuple[dict[str, Any], str]:
    """Header and text of a card."""
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert found is not None, card[:200]
    return yaml.safe_load(found[1]), card[found.end() :]


def parse(markdown: str) -> list[Any]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)


def skeleton(markdown: str) -> dict[str, Any]:
    """All that markup makes of a text: its blocks in order (rows and cells among them), and what stands in lines, counted."""
    tokens = parse(markdown)
    inside = Counter(
        child.type for token in tokens for child in token.children or () if child.type not in ("text", "text_special")
    )
    return {"blocks": [(token.type, token.tag, token.info) for token in tokens], "inline": dict(inside)}


def plain_text(markdown: str) -> str:
    """What a reader sees of one paragraph, all on one line; an assertion error where there is anything but text in it."""
    opening, inline, closing = parse(markdown)
    assert (opening.type, closing.type) == ("paragraph_open", "paragraph_close")
    assert {child.type for child in inline.children} <= {"text", "text_special"}, inline.children
    return "".join(child.content for child in inline.children)


def tables(markdown: str) -> list[list[list[str]]]:
    """The tables of a text as cells, headers first."""
    found: list[list[list[str]]] = []
    cells: list[str] | None = None
    for token in parse(markdown):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            cells = []
            found[-1].append(cells)
        elif token.type == "inline" and cells is not None:
            cells.append("".join(child.content for child in token.children or ()))
        elif token.type == "table_close":
            cells = None
    return found


def addresses(card: str) -> list[str]:
    """What a reader that makes links of bare addresses would take for one, outside of code."""
    _, body = split(card)
    # Block by block: what ends one cell and begins the next is no address.
    texts = [
        "".join(child.content for child in token.children or () if child.type in ("text", "text_special"))
        for token in parse(body)
    ]
    return re.findall(r"(?i)https?://|ftp://|\bwww\.|mailto:\w|[\w.+-]@\w", "\n".join(texts))


def snippets(markdown: str) -> list[str]:
    """The Python code of a card."""
    return [token.content for token in parse(markdown) if token.type == "fence" and token.info == "python"]


def run_snippets(folder: Path) -> int:
    """Run the code of the card in a folder, in that folder; the number of pieces."""
    _, body = split((folder / "README.md").read_text(encoding="utf-8"))
    code = snippets(body)
    with contextlib.chdir(folder):
        for piece in code:
            exec(compile(piece, str(folder / "README.md"), "exec"), {"__name__": "snippet"})
    return len(code)
