"""Row 52 of the fault plan: broken bodies, and more visitors than the demo takes."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from hf_relation.errors import UsageError
from tests.demo.conftest import LIMITS, Served
from tests.demo.test_page import MARKED, call, get, post


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 20_000, b"\xff\xfe", b"[]", b'{"data": 3}', b'{"data": []}', b"NaN"]
)
def test_fault_52_a_body_that_is_not_what_it_should_be_is_refused(served: Served, body: bytes) -> None:
    status, answer = post(f"{served.url}/gradio_api/call/discover", body)
    if status == 200:  # gradio checks the number of values when their turn comes
        _, stream = get(f"{served.url}/gradio_api/call/discover/{json.loads(answer)['event_id']}")
        assert b"event: error" in stream
        answer = stream
    else:
        assert status in (400, 422, 500)
    assert b"Traceback" not in answer and b"/hf_relation/" not in answer


def test_fault_52_more_runs_than_may_wait_are_refused_and_the_others_have_their_turn(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_have_asked = threading.Event()

    def run(*_: object, **__: object) -> None:
        assert all_have_asked.wait(60)
        raise UsageError("its turn has come")

    body = json.dumps({"data": [MARKED, "", None, "3", "model's own", 0, 1, False]}).encode()
    with monkeypatch.context() as patch:
        patch.setattr(served.worker, "run", run)
        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda _: post(f"{served.url}/gradio_api/call/discover", body), range(24)))
        all_have_asked.set()
        counts = Counter(status for status, _ in answers)
        assert set(counts) == {200, 503} and LIMITS.max_queue <= counts[200] <= LIMITS.max_queue + 2, counts
        waiting = [json.loads(answer)["event_id"] for status, answer in answers if status == 200]
        streams = [get(f"{served.url}/gradio_api/call/discover/{event}")[1] for event in waiting]
    assert all(b"its turn has come" in stream for stream in streams)
    assert call(served, MARKED)[1][1].startswith("3 relations in 12 sentences.")
