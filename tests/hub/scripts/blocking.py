"""Sockets that refuse and count, and errors as plain data; import it before what may use the network."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any


ATTEMPTS: list[str] = []
_CONNECT, _LOOK_UP = socket.socket.connect, socket.getaddrinfo


def _refuse(*arguments: Any, **more: Any) -> Any:
    ATTEMPTS.append(str(arguments[-1]))
    raise OSError("connections are blocked")


def block() -> None:
    """From now on every connection, and every look-up of a host, fails at once and is noted in `ATTEMPTS`."""
    socket.socket.connect = _refuse  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = _refuse


def unblock() -> None:
    socket.socket.connect, socket.getaddrinfo = _CONNECT, _LOOK_UP  # type: ignore[method-assign]


def attempts() -> list[str]:
    """Where connections were tried so far."""
    return ATTEMPTS.copy()


def failing(call: Callable[[], Any]) -> list[list[str]]:
    """Class and message of the error that a call ends with, and of all its causes."""
    try:
        call()
    except Exception as raised:
        error: BaseException | None = raised
        found = []
        while error is not None:
            found.append([type(error).__name__, str(error)])
            error = error.__cause__ or error.__context__
        return found
    raise AssertionError("no error")
