"""The embedded database starts, is shared, and recovers from being killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from daybook.database.embedded import EmbeddedDatabaseError, start_embedded

USE = """
import asyncio, sys, time
from pathlib import Path
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from daybook.database.embedded import start_embedded

async def main():
    engine = create_async_engine(start_embedded(Path(sys.argv[1])))
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS notes (note text)"))
        await connection.execute(text("INSERT INTO notes VALUES ('kept')"))
        notes = await connection.scalar(text("SELECT count(*) FROM notes"))
    await engine.dispose()
    print(notes, flush=True)  # committed by now
    time.sleep(float(sys.argv[2]))

asyncio.run(main())
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory whose path is short enough for a socket; its server is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="daybook-embedded-"))
    yield directory
    if (pid := postmaster(directory)) and psutil.pid_exists(pid):
        os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(directory, ignore_errors=True)


def use(data_dir: Path, seconds: float = 0) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", USE, data_dir, str(seconds)], stdout=subprocess.PIPE, text=True)


def counted(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def finish(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)


def postmaster(data_dir: Path) -> int | None:
    pid_file = data_dir / "postgres/postmaster.pid"
    return int(pid_file.read_text().splitlines()[0]) if pid_file.exists() else None


def test_it_is_shared_and_stops_with_its_last_user(data_dir: Path) -> None:
    first = use(data_dir, 5)
    assert counted(first) == 1
    second = use(data_dir)
    assert counted(second) == 2
    finish(second)
    assert postmaster(data_dir) is not None
    finish(first)
    assert postmaster(data_dir) is None


def test_a_killed_application_leaves_a_database_that_the_next_one_takes_over(data_dir: Path) -> None:
    killed = use(data_dir, 60)
    assert counted(killed) == 1
    killed.kill()
    killed.communicate()
    following = use(data_dir)
    assert counted(following) == 2
    finish(following)
    assert postmaster(data_dir) is None


def test_a_killed_database_recovers(data_dir: Path) -> None:
    running = use(data_dir, 60)
    assert counted(running) == 1
    pid = postmaster(data_dir)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    running.kill()
    running.communicate()
    following = use(data_dir)
    assert counted(following) == 2
    finish(following)


def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedDatabaseError, match="DAYBOOK_DATA_DIR"):
        start_embedded(tmp_path / ("x" * 100))


def test_only_its_owner_may_enter(data_dir: Path) -> None:
    running = use(data_dir, 60)
    counted(running)
    assert (data_dir / "postgres").stat().st_mode & 0o077 == 0
    running.terminate()
    running.communicate()
