"""`DiscoveryWorker`: runs in a process of their own, so that one that takes too long can be stopped."""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hf_relation.errors import CheckpointError, HfRelationError, UsageError


logger = logging.getLogger(__name__)

_START_SECONDS = 600


class DiscoveryWorker:
    """A process with a loaded model that does one run after the other.

    The process is started at the first run (or by [`start`]) and again after one that was stopped. It ends with this one.

    Args:
        model (`str` or path, *optional*): as for [`~hf_relation.RelationDiscovery.from_pretrained`].
        timeout (`float`, defaults to 120): seconds after which a run is stopped, not counting the loading of the model.

    Example:

    ```python
    >>> from hf_relation.demo import DiscoveryWorker
    >>> DiscoveryWorker(timeout=30).is_running
    False

    ```
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, *, timeout: float = 120) -> None:
        self.model = None if model is None else os.fspath(model)
        self.timeout = timeout
        self._lock = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._ready = False

    @property
    def is_running(self) -> bool:
        """`bool`: whether there is a process, loading or ready."""
        return self._process is not None and self._process.is_alive()

    def start(self) -> None:
        """Start the process where there is none, without waiting for it."""
        with self._lock:
            self._start()

    def run(
        self,
        rows: Sequence[Any],
        settings: Mapping[str, Any],
        folder: Path,
        *,
        texts: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Discover the relations of rows; waits for the run before, if there is one.

        Args:
            rows (`Sequence`): instances; with `texts` also texts and documents.
            settings (`Mapping`): constructor arguments of [`~hf_relation.RelationDiscovery`].
            folder (`Path`): an empty folder, where the files to download are written.
            texts (`Mapping`, *optional*): fields of [`~hf_relation.demo.texts.TextOptions`], where rows are no instances yet.

        Returns:
            `dict`: what [`~hf_relation.demo.run.DemoModel.discover`] returns.

        Raises:
            UsageError: the run took too long, or its input or settings are refused.
            CheckpointError: the model cannot be loaded.
            RuntimeError: the process ended, or failed for a reason nobody foresaw; its log says which.
        """
        request = {"rows": list(rows), "settings": dict(settings), "folder": str(folder), "texts": texts}
        with self._lock:
            connection = self._start()
            try:
                if not self._ready:
                    self._receive(connection, _START_SECONDS, "Loading the model")
                    self._ready = True
                connection.send_bytes(json.dumps(request).encode())
                return self._receive(connection, self.timeout, "The run")
            except (EOFError, OSError) as error:
                if isinstance(error, CheckpointError):
                    raise
                self._stop()
                raise RuntimeError("The process that does the runs has ended; perhaps memory ran out.") from error

    def close(self) -> None:
        """End the process, in the middle of a run as well."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._stop()

    def _start(self) -> Connection:
        if self._connection is not None and self.is_running:
            return self._connection
        self._stop()
        # A fork would copy the server's threads and locks.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.model), daemon=True, name="hf-relation-demo")
        self._process.start()
        theirs.close()
        return self._connection

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None
        self._ready = False

    def _receive(self, connection: Connection, seconds: float, what: str) -> dict[str, Any]:
        if not connection.poll(seconds):
            self._stop()
            self._start()  # loads while the visitor reads the message
            raise UsageError(
                f"{what} took longer than {seconds:g} seconds and was stopped. Use fewer or shorter sentences, or the "
                "command `hf-relation discover`, which has no such limit."
            )
        answer: dict[str, Any] = json.loads(connection.recv_bytes())
        if "refused" in answer:
            raise UsageError(answer["refused"])
        if "checkpoint" in answer:
            self._stop()
            raise CheckpointError(answer["checkpoint"])
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer


def _serve(connection: Connection, model: str | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    from hf_relation.demo.run import DemoModel  # here: it imports torch

    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            loaded = DemoModel(model)
        except HfRelationError as error:
            connection.send_bytes(json.dumps({"checkpoint": str(error)}).encode())
            return
        connection.send_bytes(json.dumps({"ready": True}).encode())
        while True:
            request = json.loads(connection.recv_bytes())
            try:
                answer = loaded.discover(
                    request["rows"], request["settings"], Path(request["folder"]), texts=request["texts"]
                )
            except HfRelationError as error:
                answer = {"refused": str(error)}
            except Exception as error:
                logger.exception("A run of the demo failed.")
                answer = {"failed": f"{type(error).__name__}: {error}"}
            connection.send_bytes(json.dumps(answer).encode())
