"""`BodyLimit`: refuses large requests before anything reads them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any


Message = MutableMapping[str, Any]
_WITH_BODY = ("POST", "PUT", "PATCH")


class BodyLimit:
    """ASGI middleware: 413 for a request that announces too many bytes, 411 for one that does not say how many.

    The server itself sees to it that no more bytes come than were announced. Browsers always announce them.

    Args:
        app: the ASGI application.
        max_bytes (`int`): most bytes of a body.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "http" and scope["method"] in _WITH_BODY:
            length = dict(scope["headers"]).get(b"content-length", b"")
            if not length.isdigit():
                return await _refuse(send, 411, b'{"detail": "Say how long the request is (Content-Length)."}')
            if int(length) > self.max_bytes:
                return await _refuse(send, 413, b'{"detail": "The request is too large for this demo."}')
        await self.app(scope, receive, send)


async def _refuse(send: Callable[[Message], Awaitable[None]], status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
