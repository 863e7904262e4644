"""Load: some keep-alive connections, each of which asks again as soon as it has been answered.

Written on asyncio's protocols, because a client library takes more processor time for a request than the fastest of
the servers does: this one takes about a fiftieth of a millisecond.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, cast

CONNECTIONS = 8
LONGEST = 60.0
"""Seconds that an answer may take."""


@dataclass(frozen=True)
class Call:
    """A request, ready to be sent, and the status that it is answered with."""

    method: str
    path: str
    token: str
    body: Any = None
    status: int = 200

    def encode(self) -> bytes:
        """Return the bytes of the request."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        head = [
            f"{self.method} {self.path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {self.token}",
            *(["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []),
        ]
        return "\r\n".join([*head, "", ""]).encode() + body


@dataclass
class Outcome:
    """What came of some load."""

    seconds: list[float] = field(default_factory=list)
    """How long each answer took."""
    elapsed: float = 0.0
    """From the first request to the last answer."""

    @property
    def rps(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.elapsed

    def milliseconds(self, share: float) -> float:
        """Return the time within which this share of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, status: int, deadline: float, outcome: Outcome) -> None:
        self.request = request
        self.status_line = f"HTTP/1.1 {status} ".encode()
        self.deadline = deadline
        self.outcome = outcome
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = b""
        self.missing: int | None = None
        """Bytes of the body that have not come yet; None while the head has not ended."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        if self.missing is not None:
            self.missing -= len(data)
        else:
            self.received += data
            head, end, body = self.received.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(self.status_line):
                self.done.set_exception(AssertionError(self.received[:500].decode(errors="replace")))
                self.transport.close()
                return
            length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            self.missing = int(length) - len(body)
            self.received = b""
        if self.missing == 0:
            self.missing = None
            self._answered()

    def _ask(self) -> None:
        self.asked = time.perf_counter()
        self.transport.write(self.request)

    def _answered(self) -> None:
        now = time.perf_counter()
        self.outcome.seconds.append(now - self.asked)
        if now < self.deadline:
            self._ask()
        else:
            self.done.set_result(None)
            self.transport.close()


async def load(port: int, call: Call, seconds: float, connections: int = CONNECTIONS) -> Outcome:
    """Ask for so long and return what came of it.

    Raises AssertionError for any other status, OSError (TimeoutError among them) for an answer that does not come.
    """
    outcome = Outcome()
    started = time.perf_counter()
    request = call.encode()
    clients = [_Connection(request, call.status, started + seconds, outcome) for _ in range(connections)]
    loop = asyncio.get_running_loop()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]  # mypy knows no default of a lambda
    async with asyncio.timeout(seconds + LONGEST):
        await asyncio.gather(*(client.done for client in clients))
    outcome.elapsed = time.perf_counter() - started
    return outcome


async def ask(port: int, call: Call) -> Any:
    """Send one request and return the JSON of its answer; AssertionError for any other status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(call.encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    body = await reader.readexactly(int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]))
    writer.close()
    assert f" {call.status} ".encode() in head.partition(b"\r\n")[0], body.decode()
    return json.loads(body)
