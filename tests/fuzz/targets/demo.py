"""What visitors of the demo give, and what is written for people: CSV, Markdown, counts."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from typing import Any

from markdown_it import MarkdownIt

from hf_relation.data.markdown import escape_markdown, one_line, table_row
from hf_relation.data.spreadsheets import csv_text, guarded, unguarded
from hf_relation.demo.csv_rows import csv_instances
from hf_relation.demo.inputs import read_input
from hf_relation.demo.marked import has_marks, parse_marked
from hf_relation.demo.names import parse_names
from hf_relation.demo.texts import TextOptions, text_instances
from hf_relation.errors import InvalidRowError, UsageError
from tests.fuzz.targets.contract import assert_normal, text_of
from tests.fuzz.targets.source import Source, file_of
from tests.fuzz.targets.spans import SIDES, some_instance, words_of


_NAMES = "Ada\tPERSON\nBob\nNew York\tPLACE\n"


def _given(text: str | None, path: Any, names: str | None, last: int) -> None:
    """Rows of the contract without labels, or an error that names a line of what was given."""
    try:
        found = read_input(text, path, names=names)
    except InvalidRowError as error:
        assert error.line is not None and 1 <= error.line <= last, error
        return
    except UsageError as error:
        assert str(error)
        return
    for row in found.rows:
        if "head" in row:
            assert_normal("instance", row)
            assert row["relations"] == []
        elif "mentions" in row:
            assert_normal("document", row)
            assert row["relations"] == []
        else:
            assert set(row) == {"id", "text"} and text_of(row["text"])
    if not (found.from_texts or names):
        return
    try:
        made, report = text_instances(found.rows, TextOptions(found.names, max_rows=50))
    except (InvalidRowError, UsageError) as error:
        assert str(error)
        return
    for row in made:
        assert_normal("instance", row)
    texts = [row for row in found.rows if "head" not in row]
    assert report.texts == len(texts) and report.instances == len(found.rows) - len(texts)
    assert len(made) == report.pairs + report.instances
    without = {*report.without_entities, *report.without_pairs}
    assert without <= {row["id"] for row in texts} and len(report.lines()) >= bool(texts)


def demo_file(content: bytes, ending: str) -> None:
    path = file_of(content, f"upload.{ending}")
    last = content.count(b"\n") + content.count(b"\r") + 1
    for names in (None, _NAMES):
        _given(None, path, names, last)


def demo_box(content: bytes) -> None:
    """The text box and the box of names; browsers give any string."""
    text = content.decode("utf-8", "surrogatepass" if len(content) % 2 else "replace") if _decodes(content) else ""
    for names in (None, _NAMES, text):
        _given(text, None, names, max(text.count("\n"), (names or "").count("\n")) + 1)


def _decodes(content: bytes) -> bool:
    try:
        content.decode("utf-8", "surrogatepass" if len(content) % 2 else "replace")
    except UnicodeDecodeError:
        return False
    return True


def names(content: bytes) -> None:
    """Lines of names and types, or an error that names the line."""
    text = content.decode("utf-8", "replace")
    try:
        found = parse_names(text)
    except InvalidRowError as error:
        assert error.line is not None and 1 <= error.line <= text.count("\n") + 1
        return
    assert len(found) == sum(bool(line.strip()) for line in text.split("\n"))
    assert all(name == name.strip() and name and (kind is None or kind.strip()) for name, kind in found)


def marks(data: bytes) -> None:
    """Marking a text and reading it gives the text and the mentions."""
    source = Source(data)
    row: Any = some_instance(source)
    if row is None or has_marks(row["text"]):
        return
    text, marked, read = row["text"], "", 0
    for start, end, side in sorted((row[side]["start"], row[side]["end"], side) for side in SIDES):
        marked += f"{text[read:start]}<{side}>{text[start:end]}</{side}>"
        read = end
    marked += text[read:]
    if [tag for tag in re.findall(r"</?(?:head|tail)>", marked)].count("<head>") != 1 or len(
        re.findall(r"</?(?:head|tail)>", marked)
    ) != 4:
        return  # letters around a mark made another one
    found = parse_marked(marked, index=0)
    assert found["text"] == text and words_of(found) == words_of(row)  # type: ignore[arg-type]


def table(data: bytes) -> None:
    """Cells come back from CSV; nothing that a spreadsheet runs stands unguarded; instances come back whole."""
    source = Source(data)
    cells = [source.text(12) for _ in range(3)]
    for raw in (False, True):
        rows = list(
            csv.reader(io.StringIO(csv_text(["a", "b", "c"], [cells, cells], raw=raw), newline=""), strict=True)
        )
        expected = cells if raw else [guarded(cell) for cell in cells]
        assert rows == [["a", "b", "c"], expected, expected]
    for cell in cells:
        assert guarded(cell) in (cell, "'" + cell) and guarded(cell)[:1] not in ("=", "+", "-", "@", "\t", "\r")
        assert unguarded(guarded(cell)) == cell or cell.startswith("'")
    row: Any = some_instance(source)
    if row is None:
        return
    words, columns = words_of(row), ["text", "head", "tail"]
    values: list[Any] = [row["text"], *words]
    for side in SIDES:
        columns += [f"{side}_start", f"{side}_end"]
        values += [row[side]["start"], row[side]["end"]]
    ((_, back),) = csv_instances(csv_text(columns, [values]))
    assert back["text"] == row["text"] and words_of(back) == words  # type: ignore[arg-type]


_MARKDOWN = MarkdownIt("commonmark").enable("table").enable("strikethrough")


def markdown(data: bytes) -> None:
    """Any string in a paragraph, a list or a table is shown as the plain text that it is."""
    source = Source(data)
    value = "".join(source.choice(_PIECES) if source.flag() else source.text(4) for _ in range(source.number(0, 8)))
    plain = one_line(value)
    assert "\n" not in plain and "\r" not in plain and plain == plain.strip()
    text = escape_markdown(value)
    _same_text(_MARKDOWN.render(f"{text}"), "p", plain)
    _same_text(_MARKDOWN.render(f"- {text}"), "li", plain)
    rendered = _MARKDOWN.render("\n".join((table_row(["x", "y"]), "|---|---|", table_row([value, "end"]))))
    _same_text(rendered.partition("<tbody>")[2].partition("</td>")[0] + "</td>", "td", plain)


def _same_text(rendered: str, tag: str, plain: str) -> None:
    rendered = rendered.replace("<ul>", "").replace("</ul>", "").strip()
    if not plain:
        return
    tags = set(re.findall(r"</?([a-zA-Z0-9]+)", rendered))
    assert tags <= {tag, "tr"}, rendered
    shown = html.unescape(re.sub(r"<[^>]*>", "", rendered))
    # Word joiners, which nobody sees, keep readers that look for addresses from finding any.
    shown, plain = (text.replace("\u2060", "") for text in (shown, plain))
    assert " ".join(shown.split()) == " ".join(plain.split()), (shown, plain)


_PIECES = (
    "<b>", "&amp;", "&#42;", "**", "__", "`", "~~", "[a](b)", "![i](j)", "http://x.y", "www.a.b", "a@b.c", "\\", "\n", "\n\n", "---",
    "# ", "1. ", "1) ", "- ", "+ ", "> ", "|", "    ", "\t", "$", "<!--", "-->", "]]>", "{{", "}}", "===", ":::", "[^1]", "<script>",
    "&lt;", "*a*", "_b_", "=", "!", "[", "]", "(", ")", "\u2028", "&", ";", "\"", "'",
)  # fmt: skip


def _file(ending: str) -> Callable[[bytes], None]:
    return lambda content: demo_file(content, ending)


DEMO_TARGETS: dict[str, Callable[[bytes], None]] = {
    "demo-csv": _file("csv"),
    "demo-text": _file("txt"),
    "demo-jsonl": _file("jsonl"),
    "demo-box": demo_box,
    "demo-names": names,
    "marks": marks,
    "table": table,
    "markdown": markdown,
}
