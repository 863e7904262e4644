"""The processes that are measured: the contenders, and PostgreSQL."""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psutil
from alembic import command
from alembic.config import Config
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from daybook.accounts.tokens import AccessTokens
from daybook.database.embedded import leave_embedded, start_embedded

ROOT = Path(__file__).parents[1]
PYTHON = os.environ.get("BENCH_PYTHON", sys.executable)
"""The interpreter that the contenders in Python run on; it has the packages of requirements-dev.lock."""
APPLICATION_CORE, OTHER_CORE = 0, 1
"""The contenders take turns on the first; PostgreSQL and the load share the other."""


@dataclass(frozen=True)
class Contender:
    """A running server."""

    name: str
    port: int
    process: psutil.Process

    def cpu(self) -> float:
        """Return the processor time used so far, in seconds."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def rss(self) -> float:
        """Return the resident memory, in MB (10^6 bytes)."""
        return float(self.process.memory_info().rss) / 1e6


@dataclass(frozen=True)
class PostgreSQL:
    """The database server; its processor time is known when it runs on this machine."""

    postmaster: psutil.Process | None

    def cpu(self) -> dict[int, float]:
        """Return the processor time of each of its processes, in seconds, by their ids."""
        used: dict[int, float] = {}
        for process in self.postmaster.children() if self.postmaster else []:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used[process.pid] = times.user + times.system
        return used


def keep_to(core: int) -> None:
    """Keep this process, and those that it starts, to one core."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def database_server() -> Iterator[str]:
    """The URL of the server named by BENCH_DATABASE_URL, else of an embedded one that is thrown away afterwards."""
    if url := os.environ.get("BENCH_DATABASE_URL"):
        yield make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        return
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as directory:
        try:
            yield start_embedded(Path(directory))
        finally:
            leave_embedded(Path(directory))


@contextlib.asynccontextmanager
async def new_database(server: str, name: str) -> AsyncIterator[str]:
    """A migrated database of this name, dropped afterwards."""
    engine = create_async_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = url
    async with engine.connect() as connection:
        await connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        await asyncio.to_thread(command.upgrade, config, "head")
        yield url
    finally:
        async with engine.connect() as connection:
            await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        await engine.dispose()


async def find_postgresql(server: str) -> PostgreSQL:
    """Return the server's processes, if they are of this machine."""
    engine = create_async_engine(server, poolclass=NullPool)
    async with engine.connect() as connection:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        with contextlib.suppress(psutil.NoSuchProcess):
            backend = psutil.Process(pid)
            if "postgres" in backend.name():
                return PostgreSQL(backend.parent())
    return PostgreSQL(None)


class Signer:
    """Signs tokens that every contender takes."""

    def __init__(self) -> None:
        self.key = secrets.token_urlsafe(48)
        self._tokens = AccessTokens(self.key, timedelta(hours=3))

    def token(self, user_id: int) -> str:
        """Return an access token of this person."""
        return self._tokens.issue(user_id, uuid4(), datetime.now(UTC))


@contextlib.asynccontextmanager
async def serving(name: str, database_url: str, signer: Signer) -> AsyncIterator[Contender]:
    """A contender in a process of its own until the block ends."""
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as directory:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("DAYBOOK_")},
            "DATABASE_URL": database_url,
            "DAYBOOK_SECRET_KEY": signer.key,
            "DAYBOOK_DATA_DIR": directory,
            "DAYBOOK_DEBUG": "0",
            "DAYBOOK_LOG_LEVEL": "WARNING",
            "DAYBOOK_MIGRATE": "0",
            "PYTHONPATH": str(ROOT / "src"),
        }
        if (os.cpu_count() or 1) > 1:
            environment["BENCH_CORE"] = str(APPLICATION_CORE)
        process = await asyncio.create_subprocess_exec(
            PYTHON,
            "-m",
            "benchmarks.contenders",
            name,
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            port = await process.stdout.readline()
            if not port:
                raise RuntimeError(f"{name} did not start")
            await _answers(int(port), process)
            yield Contender(name, int(port), psutil.Process(process.pid))
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _answers(port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(1200):
        if process.returncode is not None:
            raise RuntimeError(f"the process that was to serve on port {port} ended with {process.returncode}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError(f"nothing answers on port {port}")


def python_version() -> str:
    """Return the version of the interpreter that the contenders run on: 3.11.7, say."""
    script = "import platform; print(platform.python_version())"
    return subprocess.run([PYTHON, "-c", script], capture_output=True, check=True, text=True).stdout.strip()


def machine() -> str:
    """Return what this machine is, and which Python serves, in a line."""
    model = ""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    memory = psutil.virtual_memory().total / 2**30
    processor = f"{model or 'unknown processor'}, {os.cpu_count()} cores"
    return f"{processor}, {memory:.0f} GiB, {sys.platform}, Python {python_version()}"


def save_json(path: Path, value: object) -> None:
    """Write a value where people can read it, too."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
