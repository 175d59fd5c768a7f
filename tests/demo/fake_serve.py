"""A stand-in for the process of a worker that starts at once: it answers with its pid, or does as its input says."""

from __future__ import annotations

import json
import os
import time
from multiprocessing.connection import Connection


def serve(connection: Connection, model: str | None) -> None:
    """Sleep, die or fail where the first text says so."""
    connection.send_bytes(b'{"ready": true}')
    while True:
        text = json.loads(connection.recv_bytes())["rows"][0]["text"]
        if text == "sleep":
            time.sleep(1000)
        if text == "die":
            os._exit(1)
        answer = {"failed": "KeyError: 'x'"} if text == "fail" else {"pid": os.getpid(), "model": model}
        connection.send_bytes(json.dumps(answer).encode())
