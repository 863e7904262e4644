"""The bounds of a connection: what a client may send or leave unread before there is a request to answer.

uvicorn bounds neither the size of a request's head nor the time that it takes, nor how many requests are sent ahead,
nor how long an answer waits to be read; and what reads bodies (web/body_limit.py) stands behind the parser. httptools
takes quadratic time for a header that arrives in pieces: one of 100 MB stopped the event loop for 12 seconds.
docs/decisions/0014-bounded-connections.md has the figures, and what else was considered.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from daybook.errors import DaybookError, HeadTooLarge, HeadTooSlow, MalformedRequest, Unavailable
from daybook.web.problem import problem_response

logger = logging.getLogger(__name__)

_SLICE = 16_384
"""Bytes that are parsed at once: by so many at most, a head is counted too long that follows something else."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds: `uvicorn.run(..., http=BoundedProtocol, limit_concurrency=1000)`.

    `limit_concurrency` is how many connections a process has at most; a further one is answered 503.
    """

    head_bytes: ClassVar[int] = 65_536
    """Of request line and headers together; more is answered 431."""
    head_seconds: ClassVar[float] = 10.0
    """In which a head has to arrive, from the first byte or from connecting."""
    pipelined: ClassVar[int] = 16
    """Requests that may be sent before the first is answered."""
    unread_seconds: ClassVar[float] = 20.0
    """How long a client may go without reading an answer, at 1 kB a second, before it is left."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Counted here, before a request has been read, and not by uvicorn, which counts when it has been.
        self._max_connections, self.limit_concurrency = self.limit_concurrency, None
        self._head = 0
        """Bytes of the head that is arriving."""
        self._in_head = True
        self._piece = 0
        """Bytes that are being parsed."""
        self._head_deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if self._max_connections is not None and len(self.connections) > self._max_connections:
            logger.warning("too many connections", extra={"reason": "connections"})
            self._refuse(Unavailable("The server has as many connections as it takes; try again.", retry_after=5))
        else:
            self._begin_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, and count what belongs to a head."""
        for start in range(0, len(data), _SLICE):
            if self.transport.is_closing():
                return
            piece = data[start : start + _SLICE]
            self._piece = len(piece)
            if self._in_head:
                self._head += self._piece
            super().data_received(piece)
            if self._in_head and self._head > self.head_bytes:
                self._refuse(HeadTooLarge(f"Request line and headers hold at most {self.head_bytes:,} bytes."))
            elif len(self.pipeline) > self.pipelined:
                self._refuse(Unavailable("Read the answers before sending more requests.", retry_after=1))
        if self._awaits_head() and not self.transport.is_closing():
            self._begin_deadline()

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        if not self._in_head:
            self._in_head, self._head = True, self._piece

    def on_headers_complete(self) -> None:
        """End it, and begin the request."""
        self._in_head, self._head = False, 0
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(MalformedRequest(msg))

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._watch_reading(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has read."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _awaits_head(self) -> bool:
        """Whether the next thing to come is a head, or the rest of one."""
        return self._in_head or self._is_idle()

    def _is_idle(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, which uvicorn's types leave out
        return cycle is None or cycle.response_complete

    def _begin_deadline(self) -> None:
        if self._head_deadline is None:
            self._head_deadline = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_deadline = None
        if self._awaits_head():
            self._refuse(HeadTooSlow(f"The head of a request has to arrive within {self.head_seconds:g} seconds."))

    def _watch_reading(self, unread: int) -> None:
        self._unread = self.loop.call_later(self.unread_seconds, self._has_read, unread)

    def _has_read(self, unread_before: int) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread_before - unread < 1_000 * self.unread_seconds:
            logger.warning("an answer was not read", extra={"reason": "unread"})
            self.transport.abort()
        else:
            self._watch_reading(unread)

    def _refuse(self, error: DaybookError) -> None:
        """Say why, and close; only close while an earlier answer is under way."""
        self._stop_timers()
        if self._is_idle():
            response = problem_response(error)
            response.headers["Connection"] = "close"
            status = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n".encode()
            headers = b"".join(b"%b: %b\r\n" % header for header in response.raw_headers)
            self.transport.write(status + headers + b"\r\n" + bytes(response.body))
        self.transport.close()

    def _stop_timers(self) -> None:
        for timer in (self._head_deadline, self._unread):
            if timer is not None:
                timer.cancel()
        self._head_deadline = self._unread = None
