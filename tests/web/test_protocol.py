"""The bounds of a connection, met by sockets that do what no client should."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import perf_counter, thread_time
from typing import Any

import psutil
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from daybook.web.protocol import BoundedProtocol

ANSWER = b"x" * 200_000
SERVED: list[str] = []


class Strict(BoundedProtocol):
    """The same bounds, soon reached."""

    head_seconds = 0.5
    unread_seconds = 0.3


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with much, whatever is asked."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    SERVED.append(scope["path"])
    body = ANSWER if scope["path"] == "/much" else b"ok"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(protocol: type[BoundedProtocol]) -> AsyncIterator[tuple[str, int]]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            application, http=protocol, log_config=None, access_log=False, lifespan="off", limit_concurrency=20
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield listener.getsockname()
        server.should_exit = True
        await running


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    SERVED.clear()
    async with serving(Strict) as address:
        yield address


class Client:
    """A connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def problem(self) -> dict[str, Any]:
        """The answer to the end of the connection, which has to be problem details."""
        answer = await asyncio.wait_for(self.reader.read(), 5)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head, answer[:200]
        assert b"connection: close" in head
        told: dict[str, Any] = json.loads(body)
        assert head.startswith(f"HTTP/1.1 {told['status']} ".encode())
        return told

    async def is_closed(self) -> bool:
        """Whether it ends soon, whatever comes before."""
        try:
            while await asyncio.wait_for(self.reader.read(65_536), 3):
                pass
        except ConnectionError:
            return True
        return True


@asynccontextmanager
async def connected(address: tuple[str, int]) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def loop_is_free(at_most: float = 0.05) -> AsyncIterator[None]:
    """Nothing keeps the event loop busy for longer than this many seconds of its thread's own time."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = thread_time()
            await asyncio.sleep(0.002)
            longest = max(longest, thread_time() - before)

    beating = asyncio.create_task(beat())
    yield
    beating.cancel()
    assert longest < at_most


def flood(address: tuple[str, int], *pieces: bytes) -> bytes:
    """Send all of it, as far as the server lets, and return what it answers until it closes; in a thread."""
    with socket.create_connection(address, timeout=5) as client:
        with suppress(ConnectionError):
            for piece in pieces:
                client.sendall(piece)
        answer = b""
        with suppress(ConnectionError):
            while data := client.recv(65_536):
                answer += data
        return answer


def resident() -> float:
    return psutil.Process().memory_info().rss / 1e6


async def test_requests_are_answered_as_ever(address: tuple[str, int]) -> None:
    async with connected(address) as client:
        for number in range(40):
            await client.send(f"GET /{number} HTTP/1.1\r\nHost: x\r\nX-Long: {'y' * 40_000}\r\n\r\n".encode())
            answer = await client.reader.readuntil(b"ok")
            assert answer.startswith(b"HTTP/1.1 200")
    assert len(SERVED) == 40


async def test_a_body_larger_than_a_head_may_be_is_no_head(address: tuple[str, int]) -> None:
    async with connected(address) as client:
        for _ in range(3):
            body = b"z" * 1_000_000
            await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert (await client.reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nX: ", b"GET /", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 9_000])
async def test_a_head_is_bounded(address: tuple[str, int], head: bytes) -> None:
    more = b"a" * 100_000
    before = resident()
    async with loop_is_free():
        await asyncio.to_thread(flood, address, head, *[more] * 1_000)
        answer = await asyncio.to_thread(flood, address, head, more)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert resident() - before < 20
    assert SERVED == []


async def test_a_head_that_is_too_large_is_told_so(address: tuple[str, int]) -> None:
    async with connected(address) as client:
        await client.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 65_536)
        assert (await client.problem())["type"] == "/problems/head-too-large"


async def test_unfinished_heads_take_no_memory(address: tuple[str, int]) -> None:
    before = resident()
    headers = [b"X-%d: " % number + b"a" * 10_000 + b"\r\n" for number in range(1_000)]
    async with loop_is_free():
        await asyncio.gather(*(asyncio.to_thread(flood, address, b"GET / HTTP/1.1\r\n", *headers) for _ in range(5)))
    assert resident() - before < 20


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_has_to_arrive_in_time(address: tuple[str, int], sent: bytes) -> None:
    async with connected(address) as client:
        started = perf_counter()
        await client.send(sent)
        told = await client.problem()
        assert told["status"] == 408
        assert 0.4 < perf_counter() - started < 3


async def test_the_next_head_has_to_arrive_in_time_as_well(address: tuple[str, int]) -> None:
    async with connected(address) as client:
        for later in (b"GET / HT", b"\r\n"):
            await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await client.reader.readuntil(b"ok")
            if later == b"\r\n":
                break
            await client.send(later)
            await client.send(later.replace(b"GET / HT", b"TP/1.1\r\nHost: x\r\n\r\n"))
            await client.reader.readuntil(b"ok")
        await client.send(b"\r\n")
        assert (await client.problem())["status"] == 408


async def test_a_slow_body_is_not_a_slow_head(address: tuple[str, int]) -> None:
    async with connected(address) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        for byte in (b"a", b"b", b"c"):
            await asyncio.sleep(0.4)
            await client.send(byte)
        assert (await client.reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_few_requests_may_be_sent_ahead(address: tuple[str, int]) -> None:
    async with connected(address) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        for _ in range(10):
            await client.reader.readuntil(b"ok")
    SERVED.clear()
    before = resident()
    async with loop_is_free():
        await asyncio.to_thread(flood, address, b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n" * 20_000)
    assert len(SERVED) <= 20
    assert resident() - before < 30


async def test_connections_are_bounded(address: tuple[str, int]) -> None:
    writers = [(await asyncio.open_connection(*address))[1] for _ in range(20)]
    async with connected(address) as client:
        assert (await client.problem())["status"] == 503
    for writer in writers:
        writer.close()
    await asyncio.sleep(0.1)
    async with connected(address) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_an_answer_that_nobody_reads_is_given_up(address: tuple[str, int]) -> None:
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        silent.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(silent, address)
        await loop.sock_sendall(silent, b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n" * 16)
        await asyncio.sleep(1.5)
        received = 0
        with suppress(ConnectionError):
            while data := await asyncio.wait_for(loop.sock_recv(silent, 1_000_000), 2):
                received += len(data)
    assert received < 16 * len(ANSWER)


async def test_an_answer_that_is_read_slowly_arrives(address: tuple[str, int]) -> None:
    async with connected(address) as client:
        await client.send(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        received = 0
        while received < 8 * len(ANSWER):
            received += len(await asyncio.wait_for(client.reader.read(100_000), 5))
            await asyncio.sleep(0.05)


async def test_what_is_no_http_is_refused_as_everything_else(address: tuple[str, int]) -> None:
    async with connected(address) as client:
        await client.send(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await client.problem())["type"] == "/problems/malformed-request"
