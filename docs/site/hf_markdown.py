"""Docstrings in the style of Hugging Face as Markdown: sections, `name (types): text` items, links, formulas. Text in, text out.

What a docstring says of types and shapes is more than the annotations say, so nothing of it is parsed away.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from textwrap import dedent


TITLES = {"Args": "Arguments", "Keys": "Keys", "Attributes": "Attributes", "Raises": "Raises"}
PROSE = ("Returns", "Yields", "Reference", "References")
BLOCKS = (*PROSE, "Example", "Examples", "Note", "Notes")
SECTION = re.compile(rf"^({'|'.join([*TITLES, *BLOCKS])}):\s*$")
ITEM = re.compile(r"^(\*{0,2}[\w.]+(?:(?:, | / | or )\*{0,2}[\w.]+)*)(?:\s+\(([\s\S]*?)\))?:[ ]*\n?([\s\S]*)$")
REFERENCE = re.compile(r"\[`(~?)([\w.]+)(\(\))?`\](?![\[(])")
FORMULA = re.compile(r"\\{1,2}\((.+?)\\{1,2}\)", flags=re.DOTALL)
FENCE = re.compile(r"^\s*```")
FENCED = re.compile(r"(^[ ]*```[\s\S]*?^[ ]*```[ ]*$)", flags=re.MULTILINE)


def as_markdown(text: str, find: Callable[[str], str | None]) -> str:
    """A docstring as Markdown.

    Args:
        text (`str`): a docstring without indentation.
        find (`Callable[[str], str | None]`): where a name is documented, `None` where it is not.

    Returns:
        `str`: Markdown for Python-Markdown.
    """
    out: list[str] = []
    lines = text.splitlines()
    position = 0
    while position < len(lines):
        title = SECTION.match(lines[position])
        if not title:
            out.append(lines[position])
            position += 1
            continue
        position += 1
        body: list[str] = []
        while position < len(lines) and (not lines[position].strip() or lines[position].startswith("    ")):
            body.append(lines[position])
            position += 1
        name = title.group(1)
        out += ["", f"**{TITLES.get(name, name)}**", "{: .doc-part }", ""]
        body = dedent("\n".join(body)).strip("\n").splitlines()
        if name in TITLES:
            body = items(body)
        elif name in PROSE:
            body = [*body[:1], *dedent("\n".join(body[1:])).splitlines()]
        out += body
        out.append("")
    return linked(loosened(out), find)


def items(body: list[str]) -> list[str]:
    """The items of a section, without indentation, as a list."""
    groups: list[list[str]] = []
    for line in body:
        if line.strip() and not line.startswith(" ") or not groups:
            groups.append([line])
        else:
            groups[-1].append(line)
    out = []
    for group in groups:
        text = "\n".join(group).strip()
        if not text:
            continue
        parts = ITEM.match(text)
        if parts:
            names, types, rest = parts.groups()
            names = re.sub(r"\*{0,2}[\w.]+", lambda name: name[0] if name[0] in ("or",) else f"`{name[0]}`", names)
            gap = "\n\n" if re.match(r"\s*(?:[-*]|\d+\.)\s", rest) else " "
            text = f"**{names}**" + (f" ({types})" if types else "") + f":{gap}{rest.lstrip() if gap == ' ' else rest}"
        else:
            text = re.sub(r"(?<![\w`*])(\*{1,2}\w+)", r"`\1`", text)
        first, *others = text.splitlines()
        out += [f"- {first}", *others]
    return out


def loosened(lines: list[str]) -> str:
    """Python-Markdown begins a list after an empty line only, GitHub and people do not mind."""
    out: list[str] = []
    fenced = False
    for line in lines:
        if FENCE.match(line):
            fenced = not fenced
        begins = re.match(r"^\s*(?:[-*]|\d+\.)\s+\S", line)
        before = out[-1] if out else ""
        if begins and not fenced and before.strip() and not re.match(r"^\s*(?:[-*]|\d+\.)\s", before):
            indent = len(line) - len(line.lstrip())
            above = len(before) - len(before.lstrip())
            if not (above > indent):  # the lines before belong to the item above
                out.append("")
        out.append(line)
    return "\n".join(out)


def linked(text: str, find: Callable[[str], str | None]) -> str:
    """References as links, formulas as MathML, sessions of Python as such; code is left alone."""
    out = []
    for number, part in enumerate(FENCED.split(text)):
        if number % 2:
            out.append(re.sub(r"```python(?=\s*\n\s*>>>)", "```pycon", part))
            continue
        part = REFERENCE.sub(lambda match: _reference(match, find), part)
        # Python-Markdown takes <math> for a block: docs/site/pages.py makes it of this code later.
        out.append(FORMULA.sub(lambda match: f"`\\({' '.join(match[1].split())}\\)`", part))
    return "".join(out)


def _reference(match: re.Match, find: Callable[[str], str | None]) -> str:
    short, name, call = match.groups()
    target = find(name)
    shown = (name.rpartition(".")[2] if short else name) + (call or "")
    return f"[`{shown}`][{target}]" if target else f"`{shown}`"
