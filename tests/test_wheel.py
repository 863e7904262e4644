"""What `make dist` builds: a wheel that serves, migrated, where there is nothing but the wheel and its dependencies."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import daybook

ROOT = Path(__file__).parents[1]


class Installation:
    """The wheel in a virtual environment, used from an empty directory and with no setting made."""

    def __init__(self, directory: Path) -> None:
        self.cwd = directory / "empty"
        self.cwd.mkdir()
        self._command = directory / "venv/bin/daybook"
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(self.cwd), "LANG": "C.UTF-8"}

    def run(self, *arguments: str) -> str:
        """What the command prints; it must succeed."""
        done = subprocess.run(
            [self._command, *arguments],
            cwd=self.cwd,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command as a process of its own."""
        return subprocess.Popen(
            [self._command, *arguments],
            cwd=self.cwd,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    # Not pytest's directory: the path of the embedded database's socket must be short.
    directory = Path(tempfile.mkdtemp(prefix="daybook-wheel-"))
    _run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)])
    (wheel,) = directory.glob("daybook_server-*.whl")
    environment = directory / "venv"
    venv.create(environment, with_pip=False)
    python = str(environment / "bin/python")
    _run([sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", str(wheel)])
    site_packages = sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)})
    # The dependencies are those of the tests. Their own Daybook, an editable one, is not seen this way.
    (Path(site_packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    yield Installation(directory)
    shutil.rmtree(directory, ignore_errors=True)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_tells_its_version(installation: Installation) -> None:
    assert installation.run("--version") == f"daybook {daybook.__version__}\n"


def test_it_writes_the_document(installation: Installation) -> None:
    assert installation.run("openapi", "--output", "openapi.json") == ""
    document = json.loads((installation.cwd / "openapi.json").read_text(encoding="utf-8"))
    assert document["info"]["version"] == daybook.__version__


def test_it_prints_the_migrations(installation: Installation) -> None:
    everything = installation.run("migrate", "--sql")
    accounts = installation.run("migrate", "--sql", "0001")
    assert "CREATE TABLE users" in accounts
    assert "CREATE TABLE articles" in everything
    assert "CREATE TABLE articles" not in accounts


def test_it_serves_migrated_from_an_empty_directory(installation: Installation) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = installation.start("serve", "--port", str(port))
    try:
        account = {"email": "mina@example.com", "password": "correct horse battery", "username": "M", "timezone": "UTC"}
        _wait_for(f"http://127.0.0.1:{port}/readyz", process)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/users", json.dumps(account).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status == 201
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def _wait_for(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
    raise TimeoutError(url)
