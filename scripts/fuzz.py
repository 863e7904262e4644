"""Sends Daybook what its own API document allows, and what it does not, over HTTP, and checks each answer.

`make fuzz`: schemathesis, all of its checks, a server with an empty database of its own, somebody signed in. The same
seed sends the same cases. It fails when one answer is not as the document says. What is set and why is in
schemathesis.toml.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[1]
CASES = re.compile(r"(\d+) generated")
ACCOUNT = {"email": "fuzz@example.com", "password": "correct horse battery", "username": "x", "timezone": "Asia/Seoul"}


@contextmanager
def served(directory: Path, database_url: str = "") -> Iterator[str]:
    """Run `daybook serve` with its data in this directory, and yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = {
        "DATABASE_URL": database_url,
        "DAYBOOK_DATA_DIR": str(directory),
        "DAYBOOK_PORT": str(port),
        "DAYBOOK_DEBUG": "0",
        "DAYBOOK_ANALYSES_PER_DAY": "1000000",
        "DAYBOOK_ACCESS_TOKEN_MINUTES": "600",  # longer than it takes
        "DAYBOOK_LOG_LEVEL": "ERROR",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("DAYBOOK_", "DATABASE_", "GEMINI_"))}
    process = subprocess.Popen([sys.executable, "-m", "daybook", "serve"], cwd=directory, env=inherited | settings)
    try:
        deadline = time.monotonic() + 60
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("daybook serve does not answer")
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def fuzz(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Register somebody, and have schemathesis send requests of theirs; its output is in what is returned."""
    httpx2.post(f"{url}/api/users", json=ACCOUNT, trust_env=False).raise_for_status()
    credentials = {name: ACCOUNT[name] for name in ("email", "password")}
    signed_in = httpx2.post(f"{url}/api/users/login", json=credentials, trust_env=False).raise_for_status().json()
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(ROOT / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {signed_in['accessToken']}", *options),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def cases(output: str) -> int:
    """Return how many cases schemathesis says that it has sent."""
    found = CASES.search(output)
    return int(found[1]) if found else 0


def main() -> int:
    """Send cases until there are enough, and print what schemathesis says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=400, help="how many an operation gets in each phase")
    parser.add_argument("--at-least", type=int, default=20_000, help="fewer cases are a failure, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory, served(Path(directory)) as url:
        run = fuzz(url, "--max-examples", str(options.examples))
    print(run.stdout, run.stderr, sep="\n")
    sent = cases(run.stdout)
    if sent < options.at_least:
        print(f"{sent} cases, and not {options.at_least}")
    return run.returncode or int(sent < options.at_least)


if __name__ == "__main__":
    sys.exit(main())
