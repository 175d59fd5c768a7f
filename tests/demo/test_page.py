"""The demo's server without a browser: results, refusals, and what it must not read or fetch."""

from __future__ import annotations

import http.client
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hf_relation.demo import DiscoveryWorker, build_demo, launch_demo
from hf_relation.errors import UsageError
from tests.demo.conftest import LIMITS, Served


HERE = Path(__file__).resolve()
MARKED = "".join(
    f"<head>{head}</head> {verb} <tail>{tail}</tail> .\n"
    for verb in ("met", "was born in", "runs")
    for head, tail in (("Ada", "Bob"), ("Eve", "Dan"), ("Kim", "Rome"), ("Leo", "Oslo"))
)
BOUNDARY = "boundary"


def get(url: str) -> tuple[int, bytes]:
    return send(urllib.request.Request(url))


def send(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def post(url: str, content: bytes, kind: str = "application/json") -> tuple[int, bytes]:
    return send(urllib.request.Request(url, content, {"Content-Type": kind}))


def upload(served: Served, name: str, content: bytes) -> tuple[int, bytes]:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    return post(f"{served.url}/gradio_api/upload", body, f"multipart/form-data; boundary={BOUNDARY}")


def call(
    served: Served,
    text: str,
    path: object = None,
    number: str = "3",
    *,
    names: str = "",
    window: object = 1,
    both: bool = False,
) -> Any:
    """The outputs of a run, or the message of its error."""
    file = None if path is None else {"path": path, "meta": {"_type": "gradio.FileData"}}
    data = json.dumps({"data": [text, names, file, number, "model's own", 0, window, both]}).encode()
    status, answer = post(f"{served.url}/gradio_api/call/discover", data)
    if status != 200:
        return status, answer.decode()
    _, stream = get(f"{served.url}/gradio_api/call/discover/{json.loads(answer)['event_id']}")
    events = [block.split("\n") for block in stream.decode().strip().split("\n\n")]
    name, value = events[-1]
    return name.removeprefix("event: "), json.loads(value.removeprefix("data: "))


def test_a_run_gives_tables_a_map_and_files(served: Served) -> None:
    event, (_, line, notes, relations, figure, rows, files) = call(served, MARKED)
    assert event == "complete" or event == "generating"
    assert line.startswith("3 relations in 12 sentences.") and notes["visible"] is False
    assert len(relations["data"]) == 3 and sum(row[2] for row in relations["data"]) == 12
    assert [row[1:3] for row in rows["data"][:2]] == [["Ada", "Bob"], ["Eve", "Dan"]]
    plot = json.loads(figure["plot"])
    assert sum(len(trace["hovertext"]) for trace in plot["data"]) == 12
    contents = {file["orig_name"]: get(f"{served.url}/gradio_api/file={file['path']}") for file in files}
    assert {status for status, _ in contents.values()} == {200}
    jsonl = [json.loads(row) for row in contents["instances.jsonl"][1].decode().splitlines()]
    assert [(row["head"], row["tail"]) for row in jsonl[:2]] == [("Ada", "Bob"), ("Eve", "Dan")]
    assert contents["instances.csv"][1].startswith(b"id,label,relation")
    assert b"<script" in contents["report.html"][1] and b"Ada" in contents["report.html"][1]
    [report] = [file["path"] for file in files if file["orig_name"] == "report.html"]
    with urllib.request.urlopen(f"{served.url}/gradio_api/file={report}", timeout=60) as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")  # so it never runs beside the page
    assert contents["triples.nt"][1].endswith(b" .\n") and contents["relations.csv"][1].startswith(b"id,name")


def test_an_uploaded_file_gives_the_same_as_its_text(served: Served) -> None:
    status, answer = upload(served, "rows.txt", MARKED.encode())
    assert status == 200
    [path] = json.loads(answer)
    assert call(served, "", path)[1][3]["data"] == call(served, MARKED)[1][3]["data"]


@pytest.mark.parametrize(
    ("text", "number", "message"),
    [
        ("", "3", "There is nothing to discover relations in"),
        ("/etc/passwd", "3", "line 1: there is no &lt;head&gt;"),
        (MARKED, "three", "must be &#x27;auto&#x27; or a whole number from 1 up, got &#x27;three&#x27;"),
        (MARKED, "13", "between 1 and the number of instances (12)"),
        (MARKED * 26, "3", "There are more than 300 rows, the most that this demo takes"),
        ("<head>A</head> <tail>B</tail> <img src=x>" + "x" * 400, "3", "takes at most 400"),
    ],
)
def test_refused_input_is_a_message_without_html(served: Served, text: str, number: str, message: str) -> None:
    event, value = call(served, text, number=number)
    assert event == "error" and message in json.dumps(value) and "<" not in json.dumps(value)
    assert "Traceback" not in json.dumps(value)


def test_plain_texts_with_a_list_of_names(served: Served) -> None:
    text = "".join(f"{a} met {b}. It rained. {a} was seen.\n" for a in ("Ada", "Eve") for b in ("Bob", "Dan", "Kim"))
    names = "Ada\tPERSON\nEve\tPERSON\nBob\nDan\nKim\n"
    _, (_, line, notes, _, _, rows, _) = call(served, text + "Nobody.\n", names=names, number="2", both=True)
    assert line.startswith("2 relations in 12 pairs.") and notes["visible"] is True
    lines = notes["value"].split("\n")
    assert lines == ["7 texts: 18 mentions of entities, 12 pairs.", "1 text without entities (ids: 6)."]
    assert [row[1:3] for row in rows["data"][:2]] == [["Ada", "Bob"], ["Bob", "Ada"]]
    [path] = json.loads(upload(served, "rows.csv", b"text\nAda met Bob.\nEve met Dan.\n")[1])
    assert len(call(served, "", path, names=names, number="2")[1][5]["data"]) == 2


@pytest.mark.parametrize(
    ("text", "names", "window", "message"),
    [
        ("Ada met Bob.", "/etc/passwd", 1, "None of the 1 names stands in the texts"),
        ("Ada met Bob.", "<b>\tx\ty", 1, "the names, line 1: there is more than one tab"),
        ("Ada sings. Bob too.", "Ada\nBob", 1, "No pair of entities was found"),
        ("Ada met Bob.\n" * 300, "Ada\nBob", None, "The window is empty"),
        ("Ada saw Bob, Eve, Kim.\n" * 60, "Ada\nBob\nEve\nKim", 1, "The texts hold more than 300 pairs"),
        ("x" * 20_001, "Ada", 1, "takes at most 20,000"),
    ],
)
def test_refused_texts_are_a_message(served: Served, text: str, names: str, window: object, message: str) -> None:
    event, value = call(served, text, names=names, window=window)
    assert event == "error" and message in json.dumps(value) and "root:" not in json.dumps(value)


@pytest.mark.parametrize("path", ["/etc/passwd", str(HERE), "pyproject.toml", "../../../../etc/passwd", "/etc"])
def test_no_path_from_outside_the_upload_folder_is_read_or_served(served: Served, path: str) -> None:
    answer = call(served, "", path)
    assert answer[0] == "error" or answer[0] in range(400, 500), answer
    assert "root:" not in str(answer) and "MARKED" not in str(answer) and "build-system" not in str(answer)
    for address in (f"file={path}", f"file/{path}"):
        status, content = get(f"{served.url}/gradio_api/{address}")
        assert status in (403, 404) and len(content) < 500


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/rows.txt", "https://example.com/rows.txt", "file:///etc/passwd"]
)
def test_no_address_given_as_a_file_is_fetched(served: Served, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradio import processing_utils

    fetched: list[str] = []

    async def download(url: str, *args: object, **kwargs: object) -> str:
        fetched.append(url)
        raise RuntimeError("fetched")

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", download)
    for _ in range(2):
        event, _ = call(served, "", address)
        assert event == "error" and fetched == []


def test_large_requests_are_answered_with_413_and_those_of_unknown_length_with_411(served: Served) -> None:
    assert upload(served, "rows.txt", b"x" * (LIMITS.max_bytes + 1))[0] == 413
    assert upload(served, "rows.txt", b"x" * (4 * LIMITS.max_bytes))[0] == 413
    text = json.dumps({"data": ["x" * (4 * LIMITS.max_bytes), "", None, "3", "kmeans", 0, 1, False]}).encode()
    assert post(f"{served.url}/gradio_api/call/discover", text)[0] == 413
    host = served.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.putrequest("POST", "/gradio_api/call/discover")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"\xff\xfe", b'{"data": 3}', b"[" * 200_000])
def test_a_body_that_is_no_request_is_refused_in_words(served: Served, body: bytes) -> None:
    for address in ("call/discover", "queue/join", "run/discover"):
        status, content = post(f"{served.url}/gradio_api/{address}", body)
        assert 400 <= status < 500 or b"event_id" in content, (address, status, content)
        assert b"Traceback" not in content and b'File "' not in content


@pytest.mark.parametrize("path", ["/etc/passwd", "file:///etc/passwd", "../../../../etc/passwd"])
def test_a_path_in_a_text_field_is_text(served: Served, path: str) -> None:
    for text, names in ((path, ""), (path, path), (f"<head>{path}</head> <tail>{path}</tail>", "")):
        event, value = call(served, text, names=names)
        assert "root:" not in json.dumps(value), (event, value)


def test_what_the_page_is_told_about_itself(served: Served) -> None:
    _, content = get(f"{served.url}/config")
    config = json.loads(content)
    assert config["analytics_enabled"] is False and config["run_history"] is False
    assert [item["api_name"] for item in config["dependencies"] if item["api_visibility"] == "public"] == ["discover"]
    tables = [part["props"] for part in config["components"] if part["type"] == "dataframe"]
    assert len(tables) == 2 and {kind for table in tables for kind in table["datatype"]} == {"str", "number"}


def test_without_gradio_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gradio", "plotly.graph_objects", "jinja2", "sentencex"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(ImportError, match=r'pip install "hf_relation\[demo\]"'):
                build_demo()


def test_model_and_worker_together_and_a_taken_port_are_errors(served: Served) -> None:
    with pytest.raises(UsageError, match="not both"):
        build_demo("a model", worker=DiscoveryWorker())
    demo = build_demo()
    with pytest.raises(UsageError, match="`port` must be between"):
        launch_demo(demo, port=0, block=False)
    with pytest.raises(UsageError, match="cannot serve at 127.0.0.1"):
        launch_demo(demo, port=int(served.url.rsplit(":", 1)[1]), block=False)
