"""A hundred photos at once, a pool of two connections and a model that takes two seconds.

Run with `make bench-analyses`. Prints how long all analyses took, and how fast today's meals were read meanwhile;
exits with 1 when an analysis failed, they took six seconds or more, or the p95 of the reads was 100 ms or more.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx2
from tests.fixtures.gemini import FOOD, Reply, finds, running_gemini
from tests.fixtures.pictures import jpeg

PHOTOS = 100
MODEL_SECONDS = 2.0
ALLOWED_SECONDS = 6.0
ALLOWED_P95_MS = 100.0


@asynccontextmanager
async def daybook(gemini_url: str) -> AsyncIterator[str]:
    """Run the application as its own process on a fresh embedded database; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="daybook-bench-", ignore_cleanup_errors=True) as data_dir:
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
            "DAYBOOK_PORT": str(port),
            "DAYBOOK_DATA_DIR": data_dir,
            "DAYBOOK_LOG_LEVEL": "ERROR",
            "DAYBOOK_POOL_SIZE": "2",
            "GEMINI_API_KEY": "a-key",
            "DAYBOOK_GEMINI_BASE_URL": gemini_url,
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
            yield url
        finally:
            process.terminate()
            await process.wait()


async def sign_up(client: httpx2.AsyncClient) -> None:
    """Make an account and let the client speak for it."""
    account = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
    (await client.post("/api/users", json=account | {"username": "x", "timezone": "UTC"})).raise_for_status()
    signed_in = (await client.post("/api/users/login", json=account)).json()
    client.headers["Authorization"] = f"Bearer {signed_in['accessToken']}"


async def analyse(client: httpx2.AsyncClient, photo: bytes) -> int:
    """Return the status of one analysis."""
    return (await client.post("/api/analyze/food", files={"photo": ("x.jpg", photo)})).status_code


async def read_until_stopped(url: str, token: str) -> None:
    """Read today's meals again and again until standard input ends; print the milliseconds that each took.

    A process of its own: what is measured is the application, not the turn-taking of a client that is sending a
    hundred photos and playing the model besides.
    """
    stopped = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    took = []
    async with httpx2.AsyncClient(base_url=url, headers={"Authorization": token}) as client:
        while not stopped.done():
            started = time.perf_counter()
            (await client.get("/api/log/food/today")).raise_for_status()
            took.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.02)
    print(json.dumps(took))


async def measure(url: str) -> tuple[list[int], float, list[float]]:
    """Return the statuses of all analyses, the seconds that they took together, and the milliseconds of each read."""
    photos = [jpeg((640 + n, 480), camera=True) for n in range(PHOTOS)]
    limits = httpx2.Limits(max_connections=PHOTOS + 1)
    async with httpx2.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        await sign_up(client)
        await client.post("/api/log/food", json={"ingredients": [{"name": "egg", "color": "teal"}]})
        # The first photo loads google-genai and starts a decoder; every process pays that once.
        await analyse(client, jpeg((100, 100)))
        reader = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.analyses", url, client.headers["Authorization"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        await asyncio.sleep(1)
        started = time.perf_counter()
        statuses = await asyncio.gather(*(analyse(client, photo) for photo in photos))
        seconds = time.perf_counter() - started
    output, _ = await reader.communicate(b"")  # which ends its standard input
    return statuses, seconds, json.loads(output)


async def main() -> int:
    """Measure and print."""
    async with running_gemini() as gemini, daybook(gemini.url) as url:
        gemini.always = Reply(finds(FOOD), after=MODEL_SECONDS)
        statuses, seconds, reads = await measure(url)
    p95 = statistics.quantiles(reads, n=20)[-1]
    good = statuses.count(200)
    print(f"{good} of {PHOTOS} analyses in {seconds:.2f} s (the model takes {MODEL_SECONDS:g} s, the pool has 2)")
    print(f"meanwhile {len(reads)} reads of today: median {statistics.median(reads):.1f} ms, p95 {p95:.1f} ms")
    return 0 if good == PHOTOS and seconds < ALLOWED_SECONDS and p95 < ALLOWED_P95_MS else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(read_until_stopped(sys.argv[1], sys.argv[2]))
    else:
        sys.exit(asyncio.run(main()))
