"""What tracing costs: python -m benchmarks.tracing_cost [DATABASE_URL]; without a URL, on an embedded PostgreSQL.

Servers (uvicorn, one worker each) serve the same page: off, with the recorder, with its line in the log, with echo, and
with all of it; Daybook also from a copy of its source that does not hold the package at all. They are asked in turn,
round after round, and each says itself how much processor time it has used: that is what bounds the throughput of a
worker, and what else the machine does changes it least. One process differs from the next by several percent, by where
things lie in its memory (CPython's cache of attributes, for one); so many are started, and what is printed is the mean
of what they cost more than off did in the same rounds, with its standard error. Lines of the log are formatted and
thrown away.
"""

import argparse
import asyncio
import contextlib
import gc
import math
import os
import shutil
import statistics
import sys
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import Call, ask, load
from benchmarks.rows import READER, fill
from benchmarks.servers import OTHER_CORE, ROOT, Signer, database_server, keep_to, new_database
from benchmarks.tracing_servers import NAME, PAGE, PROCESSOR, prepare, serve

PROCESSES, ROUNDS, SECONDS, CONNECTIONS = 16, 3, 0.3, 4
OFF, WITHOUT = "off", "without the package"
TRACED = ("recorder", "recorder, log", "echo", "recorder, log, echo")


@contextlib.contextmanager
def sources() -> Iterator[dict[str, Path]]:
    """Two copies of the source, alike but for the package."""
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as directory:
        copies = {OFF: Path(directory, "with"), WITHOUT: Path(directory, "without")}
        for copy in copies.values():
            shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.rmtree(copies[WITHOUT] / "daybook" / "tracing")
        yield copies


@contextlib.asynccontextmanager
async def serving(url: str, app: str, way: str, source: Path, signer: Signer) -> AsyncIterator[int]:
    """A server in a process of its own until the block ends; yields its port."""
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as directory:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_")}
        own = {"PYTHONPATH": str(source), "DAYBOOK_SECRET_KEY": signer.key, "DAYBOOK_DATA_DIR": directory}
        command = (sys.executable, "-m", "benchmarks.tracing_cost", url, "--serve", app, "--way", way)
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=kept | own, stdout=pipe, stderr=nowhere)
        try:
            assert process.stdout is not None
            port = await process.stdout.readline()
            assert port, f"{app}, {way}: it did not start"
            yield int(port)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@dataclass
class Figures:
    """Of one way, for each process: milliseconds of processor time a request, its part of what off took, requests/s."""

    used: list[float] = field(default_factory=list)
    of_off: list[float] = field(default_factory=list)
    speed: list[float] = field(default_factory=list)


async def ask_in_turn(ports: dict[str, int], path: str, token: str) -> dict[str, list[tuple[float, float]]]:
    """Ask the servers in turn, each round begun by another; returns what each used in each, and its requests/s."""
    call, meter = Call("GET", path, token), Call("GET", PROCESSOR, "")
    ways = [*ports]
    rounds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for number in range(ROUNDS + 1):
        for way in ways[number % len(ways) :] + ways[: number % len(ways)]:
            before = await ask(ports[way], meter)
            outcome = await load(ports[way], call, SECONDS, CONNECTIONS)
            if number:  # the first round is for warming up
                used = await ask(ports[way], meter) - before
                rounds[way].append((used / len(outcome.seconds) * 1000, outcome.rps))
    return rounds


def add(figures: dict[str, Figures], rounds: dict[str, list[tuple[float, float]]]) -> None:
    """Add the rounds of one process of each way."""
    for way, measured in rounds.items():
        parts = [used / off for (used, _), (off, _) in zip(measured, rounds[OFF], strict=True)]
        figures[way].used.append(statistics.median(used for used, _ in measured))
        figures[way].of_off.append(statistics.median(parts))
        figures[way].speed.append(statistics.median(speed for _, speed in measured))


def show(page: str, ways: dict[str, Figures]) -> None:
    """Print each way's processor time and throughput, and its cost over off."""
    print(f"\npage of {PAGE}, {page}")
    for way, figures in ways.items():
        used, speed, over = (
            statistics.mean(figures.used),
            statistics.mean(figures.speed),
            statistics.mean(figures.of_off) - 1,
        )
        error = statistics.stdev(figures.of_off) / len(figures.of_off) ** 0.5 if len(figures.of_off) > 1 else math.nan
        print(f"  {way:20} {used:6.2f} ms of processor  {over:+6.1%} (+-{error:.1%})  {speed:6.0f} requests/s")


async def measure(server: str, pages: Sequence[str], processes: int) -> None:
    """Compare the ways on the sample's pages, and on Daybook's."""
    signer = Signer()
    async with contextlib.AsyncExitStack() as stack:
        source = stack.enter_context(sources())
        sample = await prepare(server)
        url = await stack.enter_async_context(new_database(server, f"{NAME}_daybook"))
        rows = await fill(url, {READER: PAGE + 10})
        token = signer.token(rows.user_ids[READER])
        for page, app, path, what, ways in (
            ("orm", "sample", "/orm", "entities, selectinload", (OFF, *TRACED)),
            ("driver", "sample", "/driver", "two statements on the driver, orjson", (OFF, *TRACED)),
            ("daybook", "daybook", f"/api/log/food?limit={PAGE}", "Daybook's meals", (WITHOUT, OFF, *TRACED)),
        ):
            if page not in pages:
                continue
            figures = {way: Figures() for way in ways}
            for _ in range(processes):
                async with contextlib.AsyncExitStack() as servers:
                    ports = {
                        way: await servers.enter_async_context(
                            serving(sample if app == "sample" else url, app, way, source.get(way, source[OFF]), signer)
                        )
                        for way in ways
                    }
                    add(figures, await ask_in_turn(ports, path, token))
            show(what, figures)


async def memory() -> None:
    """Print what a request of 10,000 statements, and 10,000 requests, leave in memory."""
    from daybook.tracing import Recorder  # noqa: PLC0415 - as above

    tracemalloc.start()
    recorder = Recorder()
    with recorder.trace("many"):
        for number in range(10_000):
            with recorder.driver_statement(f"SELECT {number} AS column_{number}", [number]):
                pass
    kept, most = tracemalloc.get_traced_memory()
    print(f"\n10,000 statements in a request: {most / 1e6:.1f} MB at most, {kept / 1e6:.1f} MB kept")
    for number in range(10_000):
        with recorder.trace(f"route {number}"), recorder.driver_statement(f"SELECT {number}"):
            pass
    gc.collect()
    print(f"10,000 requests: {tracemalloc.get_traced_memory()[0] / 1e6:.1f} MB kept")
    tracemalloc.stop()


def main() -> None:
    """Measure, or be one of the servers that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database_url", nargs="?", help="of a server on which databases may be made")
    parser.add_argument("--pages", nargs="*", default=("orm", "driver", "daybook"), help="orm, driver, daybook")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="of each way; fewer say less")
    parser.add_argument("--serve", choices=("sample", "daybook"), help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.database_url, arguments.serve, arguments.way)
        return
    keep_to(OTHER_CORE)
    with contextlib.ExitStack() as stack:
        server = arguments.database_url or stack.enter_context(database_server())
        asyncio.run(measure(server, arguments.pages, arguments.processes))
    asyncio.run(memory())


if __name__ == "__main__":
    main()
