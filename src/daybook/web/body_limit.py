"""Bodies that are too large or too slow are refused while they arrive, before they fill memory or hold a worker.

FastAPI's own `max_body_size` counts the same, but answers text/plain; and nothing there bounds the time.
"""

import asyncio
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_DEADLINE = 60.0
"""Seconds in which a body has to arrive."""
BODY = frozenset({b"content-length", b"transfer-encoding"})
"""A request without either has no body (RFC 9112, 6.3)."""


class BodyLimit:
    """ASGI middleware: 413 past `max_bytes` (or past the path's own entry in `larger`), 408 past the deadline."""

    def __init__(
        self, app: ASGIApp, *, max_bytes: int, larger: Mapping[str, int], deadline: float = BODY_DEADLINE
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = larger
        self.deadline = deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or (scope["method"] == "GET" and BODY.isdisjoint(headers)):
            await self.app(scope, receive, send)
            return
        limit = self.larger.get(scope["path"], self.max_bytes)
        declared = headers.get(b"content-length", b"0")
        received = 0
        complete = False
        ends_at = asyncio.get_running_loop().time() + self.deadline

        async def limited() -> Message:
            nonlocal received, complete
            if complete:  # what is waited for now is the client's going away
                return await receive()
            if declared.isdigit() and int(declared) > limit:
                raise _too_large(limit)
            try:
                async with asyncio.timeout_at(ends_at):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"The body did not arrive within {self.deadline:g} seconds.") from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > limit:
                raise _too_large(limit)
            return message

        await self.app(scope, limited, send)


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"The body may hold at most {limit:,} bytes.")
