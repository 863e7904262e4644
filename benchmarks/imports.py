"""50,000 bookmarks: how long importing them takes, in how much memory, and who has to wait meanwhile.

Run with `python -m benchmarks.imports`. Then the server is killed half-way through a file, and another one goes on
with it. Exits with 1 when an import took 60 seconds or 300 MB, or when anything was lost or doubled.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psutil

from benchmarks.analyses import sign_up
from benchmarks.servers import database_server, new_database
from daybook.library.bookmark_files import BookmarkFormat, writer_for
from daybook.library.new_content import NewContent

COUNT = 50_000
ALLOWED_SECONDS = 60.0
ALLOWED_MB = 300.0
WORDS = [
    "김치찌개",
    "끓이는 법",
    "가을",
    "산책",
    "데이터베이스",
    "오늘의 요리",
    "longread",
    "async",
    "garden notes",
    "weekly",
]


@dataclass(frozen=True)
class Server:
    """The application as a process of its own."""

    url: str
    process: asyncio.subprocess.Process


@contextlib.asynccontextmanager
async def daybook(database_url: str, data_dir: str) -> AsyncIterator[Server]:
    """Run the application until the block ends; how it ends does not matter."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_")} | {
        "DATABASE_URL": database_url,
        "DAYBOOK_PORT": str(port),
        "DAYBOOK_DATA_DIR": data_dir,
        "DAYBOOK_LOG_LEVEL": "WARNING",
        "DAYBOOK_MIGRATE": "0",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "daybook", "serve", env=environment)
    url = f"http://127.0.0.1:{port}"
    async with httpx2.AsyncClient(base_url=url) as client:
        while True:
            try:
                (await client.get("/readyz")).raise_for_status()
                break
            except httpx2.HTTPError:
                await asyncio.sleep(0.1)
    try:
        yield Server(url, process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def bookmarks(seed: int) -> list[NewContent]:
    """Return bookmarks such as people have: a third described, up to three of 300 tags, no two of one page."""
    chance = random.Random(seed)
    day = datetime(2012, 1, 1, tzinfo=UTC)
    return [
        NewContent(
            url=f"https://site{n % 2_000}.example.com/{seed}/articles/{n}?page={n % 7}",
            title=" ".join(chance.choices(WORDS, k=7)),
            description=" ".join(chance.choices(WORDS, k=25)) if n % 3 == 0 else None,
            tags=tuple({f"태그 {chance.randrange(300)}" for _ in range(n % 4)}),
            created_at=day + timedelta(minutes=n * 120),
        )
        for n in range(COUNT)
    ]


def written(kind: BookmarkFormat, links: Sequence[NewContent]) -> bytes:
    """Return the file that holds these links."""
    writer = writer_for(kind)
    return writer.head() + writer.items(links) + writer.tail()


async def send(client: httpx2.AsyncClient, data: bytes) -> str:
    """Upload a file, and return its import's id."""
    answer = await client.post("/api/contents/import", files={"file": ("bookmarks", data)})
    answer.raise_for_status()
    return str(answer.json()["id"])


async def reached(client: httpx2.AsyncClient, import_id: str, read: int | None = None) -> dict[str, Any]:
    """Return the import when so many of its entries have been read, or when it is finished."""
    while True:
        now: dict[str, Any] = (await client.get(f"/api/imports/{import_id}")).raise_for_status().json()
        if now["finishedAt"] or (read is not None and now["read"] >= read):
            return now
        await asyncio.sleep(0.1)


async def peak_memory(process: psutil.Process) -> float:
    """Sample until cancelled; the most resident memory seen, in MB (10^6 bytes)."""
    most = 0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.02)
    return most / 1e6


@contextlib.asynccontextmanager
async def reads_of_today(client: httpx2.AsyncClient) -> AsyncIterator[list[float]]:
    """Read today's meals all the while, in a process of its own; the milliseconds of each, once the block has ended."""
    command = (sys.executable, "-m", "benchmarks.analyses", str(client.base_url), client.headers["Authorization"])
    reader = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    took: list[float] = []
    try:
        yield took
    finally:
        output, _ = await reader.communicate(b"")  # which ends its standard input
        took += json.loads(output)


def spread(reads: list[float]) -> str:
    """Return the median and the tail of some milliseconds."""
    return f"median {statistics.median(reads):.1f} ms, p95 {statistics.quantiles(reads, n=20)[-1]:.1f} ms"


async def measure(server: Server, kind: BookmarkFormat, seed: int) -> bool:
    """Import a file of this format, and export the library again; whether both were as they should be."""
    data = written(kind, bookmarks(seed))
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
        await sign_up(client)
        sampling = asyncio.create_task(peak_memory(psutil.Process(server.process.pid)))
        async with reads_of_today(client) as reads:
            started = time.perf_counter()
            import_id = await send(client, data)
            accepted = time.perf_counter() - started
            done = await reached(client, import_id)
            seconds = time.perf_counter() - started
        started = time.perf_counter()
        exported = (await client.get("/api/contents/export", params={"format": kind})).raise_for_status().content
        exporting = time.perf_counter() - started
        sampling.cancel()
        memory = await sampling
    good = done["status"] == "done" and done["created"] == COUNT and len(exported.splitlines()) >= COUNT
    print(
        f"{kind:8} {len(data) / 1e6:5.1f} MB: accepted in {accepted:.2f} s, imported in {seconds:.1f} s"
        f" ({COUNT / seconds:,.0f}/s), exported in {exporting:.1f} s, at most {memory:.0f} MB resident;"
        f" reads of today meanwhile: {spread(reads)}"
    )
    return good and seconds < ALLOWED_SECONDS and memory < ALLOWED_MB


async def kill_half_way(database_url: str, data_dir: str) -> bool:
    """Kill the server in the middle of a file, have another finish it, and import the file again."""
    data = written(BookmarkFormat.NETSCAPE, bookmarks(seed=99))
    async with daybook(database_url, data_dir) as first, httpx2.AsyncClient(base_url=first.url, timeout=60) as client:
        await sign_up(client)
        token = client.headers["Authorization"]
        import_id = await send(client, data)
        left = await reached(client, import_id, read=COUNT // 2)
        first.process.kill()
        await first.process.wait()
    started = time.perf_counter()
    async with daybook(database_url, data_dir) as second, httpx2.AsyncClient(base_url=second.url, timeout=60) as client:
        client.headers["Authorization"] = token
        resumed = await reached(client, import_id, read=left["read"] + 1_000)
        waited = time.perf_counter() - started
        done = await reached(client, import_id)
        again = await reached(client, await send(client, data))
        exported = (await client.get("/api/contents/export")).raise_for_status().json()["contents"]
    counts = {name: done[name] for name in ("read", "created", "existing", "unreadable")}
    print(f"killed at {left['read']:,}; another server had moved on to {resumed['read']:,} after {waited:.1f} s")
    print(f"at the end: {counts}; imported again: {again['created']} new, {again['existing']:,} there already")
    print(f"in the library: {len(exported):,} links to {len({link['url'] for link in exported}):,} pages")
    return (
        counts == {"read": COUNT, "created": COUNT, "existing": 0, "unreadable": 0}
        and (again["created"], again["existing"]) == (0, COUNT)
        and len(exported) == COUNT
    )


async def main() -> int:
    """Measure and print."""
    with database_server() as postgresql, tempfile.TemporaryDirectory(prefix="daybook-bench-") as data_dir:
        async with new_database(postgresql, "imports") as url:
            good = []
            for seed, kind in enumerate(BookmarkFormat):
                async with daybook(url, data_dir) as server:  # a new one each time: peak memory is of this file
                    good.append(await measure(server, kind, seed))
            good.append(await kill_half_way(url, data_dir))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
