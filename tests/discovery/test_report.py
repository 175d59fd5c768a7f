from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from hf_relation.discovery import DiscoveryResult
from hf_relation.discovery.report import check_report, write_report
from hf_relation.discovery.report.marks import clean, marked_text
from hf_relation.errors import UsageError
from tests.common.tiny_reports import HOSTILE, bare_result, planted_result


class Page(HTMLParser):
    """Every element with its attributes, the text of the body, and each script's text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = kind, text + data
        elif not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def content(self) -> dict:
        return json.loads(next(text for kind, text in self.scripts if kind == "application/json"))


def test_hostile_text_makes_no_element_and_arrives_as_it_is(tmp_path: Path) -> None:
    result = planted_result(hostile=True)
    page = Page(write_report(result, tmp_path / "a.html", title=HOSTILE))
    plain = Page(write_report(planted_result(), tmp_path / "b.html", title="plain"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    shown = HOSTILE.replace("\x00", "\ufffd")
    names = [entry["name"] for entry in page.content["relations"]]
    assert names == [f"verb{id_} of {shown}" for id_ in range(3)]
    assert all(name in page.words for name in names)
    pieces = page.content["relations"][0]["examples"][0]["pieces"]
    assert pieces[0] == [f"Head0 {shown}", 1] and pieces[2] == [f"Tail0 {shown}", 2]
    assert "\x00" not in (tmp_path / "a.html").read_text(encoding="utf-8")
    ticks = page.content["figures"]["dendrogram"]["layout"]["yaxis"]["ticktext"]
    assert all("<" not in tick for tick in ticks) and any("&lt;/script&gt;" in tick for tick in ticks)


def test_nothing_is_asked_of_the_network(tmp_path: Path) -> None:
    page = Page(write_report(planted_result(), tmp_path / "a.html"))
    assert not any(tag in ("iframe", "object", "embed", "img", "base", "form") for tag, _ in page.elements)
    for tag, attrs in page.elements:
        for key in ("src", "href"):
            assert key not in attrs or (attrs[key] or "").startswith(("#", "data:")), (tag, attrs)
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none';") and "http" not in policy
    assert "connect-src" not in policy and "script-src 'unsafe-inline'" not in policy


def test_every_instance_is_on_the_map_once_with_its_own_text(tmp_path: Path) -> None:
    result = planted_result()
    content = Page(write_report(result, tmp_path / "a.html")).content
    assert ["".join(piece for piece, _ in pieces) for pieces in content["points"]] == [
        row["text"] for row in result.instances
    ]
    traces = content["figures"]["map"]["data"]
    assert [trace["meta"]["relation"] for trace in traces] == [-1, 0, 1, 2]


def test_more_points_than_asked_for_are_sampled_and_it_says_so(tmp_path: Path) -> None:
    page = Page(write_report(planted_result(), tmp_path / "a.html", max_points=10))
    assert len(page.content["points"]) == 10
    assert any("10 of 29 instances, chosen at random" in words for words in page.words)


def test_equal_results_make_equal_files(tmp_path: Path) -> None:
    first, second = (write_report(planted_result(), tmp_path / f"{name}.html").read_bytes() for name in "ab")
    assert first == second


def test_what_is_missing_is_named_with_the_reason(tmp_path: Path) -> None:
    page = Page(write_report(bare_result(), tmp_path / "a.html"))
    text = " ".join(page.words)
    for reason in (
        "made from embeddings alone",
        "No map: the result holds no vectors",
        "No curve: the number asked for was 1",
        "No tree: the result holds no relation centres",
        "No graph:",
    ):
        assert reason in text
    assert set(page.content["figures"]) == {"confidence"}


def test_all_left_out_and_one_relation(tmp_path: Path) -> None:
    rows = planted_result(sizes=(3,), left_out=0)
    none = DiscoveryResult(rows.instances, np.full(3, -1), np.zeros(3), [], vectors=rows.vectors)
    text = " ".join(Page(write_report(none, tmp_path / "a.html")).words)
    assert "No histogram: all instances were left out." in text
    assert "No tree: it is drawn for 2 to 300 relations" in " ".join(
        Page(write_report(rows, tmp_path / "b.html")).words
    )


def test_ten_thousand_instances_stay_below_ten_megabytes(tmp_path: Path) -> None:
    result = planted_result(sizes=(4000, 3500, 2500), left_out=0, words=25)  # 140 characters each
    path = write_report(result, tmp_path / "a.html")
    assert len(Page(path).content["points"]) == 10_000
    assert path.stat().st_size < 10_000_000


def test_bad_places_and_numbers(tmp_path: Path) -> None:
    result = planted_result()
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "file").write_text("mine")
    for bad in (tmp_path / "a.pdf", tmp_path / "folder.html", tmp_path / "file" / "a.html"):
        with pytest.raises(UsageError):
            check_report(bad)
    with pytest.raises(UsageError, match="max_points"):
        write_report(result, tmp_path / "a.html", max_points=0)
    with pytest.raises(UsageError, match="max_entities"):
        write_report(result, tmp_path / "a.html", max_entities=1)
    with pytest.raises(UsageError, match="empty"):
        write_report(DiscoveryResult([], np.array([]), np.array([]), []), tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ImportError, match=re.escape('pip install "hf_relation[report]"')):
        check_report(tmp_path / "a.html")


def test_the_method_writes_the_same_page(tmp_path: Path) -> None:
    result = planted_result()
    assert (
        result.save_report(tmp_path / "a.html").read_bytes() == write_report(result, tmp_path / "b.html").read_bytes()
    )


@pytest.mark.parametrize(
    ("head", "tail", "expected"),
    [
        ((0, 3), (8, 11), [("Ada", 1), (" met ", 0), ("Bob", 2), (".", 0)]),
        ((8, 11), (0, 3), [("Ada", 2), (" met ", 0), ("Bob", 1), (".", 0)]),
        ((0, 7), (4, 11), [("Ada ", 1), ("met", 3), (" Bob", 2), (".", 0)]),
        ((0, 12), (0, 12), [("Ada met Bob.", 3)]),
    ],
)
def test_pieces(head: tuple[int, int], tail: tuple[int, int], expected: list[tuple[str, int]]) -> None:
    spans = {side: {"start": span[0], "end": span[1]} for side, span in (("head", head), ("tail", tail))}
    assert marked_text({"text": "Ada met Bob.", **spans}, around=40) == expected


def test_long_texts_are_cut_far_from_the_mentions_and_show_it() -> None:
    row = {"text": "a" * 50 + "HEAD" + "b" * 50 + "TAIL" + "c" * 50}
    row |= {"head": {"start": 50, "end": 54}, "tail": {"start": 104, "end": 108}}  # type: ignore[dict-item]
    pieces = [piece for piece, _ in marked_text(row, around=10)]
    assert pieces == ["… " + "a" * 10, "HEAD", "b" * 10 + " … " + "b" * 10, "TAIL", "c" * 10 + " …"]


def test_clean_keeps_line_breaks_and_scripts() -> None:
    assert clean("a\nb\tc\x07\ud800 日本 \u200f") == "a\nb\tc\ufffd\ufffd 日本 \u200f"
