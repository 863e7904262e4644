"""The README's quick start and settings are true."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daybook.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def quick_start() -> str:
    found = re.search(r"<!-- tests/test_readme.py.*?-->\n```sh\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found.group(1)


@contextmanager
def make_run() -> Iterator[str]:
    """`make run` as it stands, on a free port and with an empty data directory; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data_dir = tempfile.mkdtemp(prefix="daybook-readme-")
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "GEMINI_API_KEY"}}
    process = subprocess.Popen(
        ["make", "run"],
        cwd=ROOT,
        env=environment | {"DAYBOOK_PORT": str(port), "DAYBOOK_DATA_DIR": data_dir},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
        shutil.rmtree(data_dir, ignore_errors=True)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            assert process.poll() is None, process.communicate()[0].decode()
            time.sleep(0.1)
    raise TimeoutError(url)


def answers(output: str) -> list[Any]:
    decoder, found = json.JSONDecoder(), []
    while output:
        answer, end = decoder.raw_decode(output)
        found.append(answer)
        output = output[end:].lstrip()
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="the quick start needs curl")
def test_the_quick_start_works_as_it_is_written() -> None:
    with make_run() as url:
        lines = quick_start().replace("http://127.0.0.1:8000", url)
        done = subprocess.run(["bash", "-euc", lines], cwd=ROOT, capture_output=True, text=True, check=True)
    registered, logged, today = answers(done.stdout)
    assert registered["email"] == "mina@example.com"
    assert logged["ingredients"]
    assert logged["analyzer"] == "offline"
    assert [one["id"] for one in today] == [logged["id"]]


def test_every_setting_is_in_the_table() -> None:
    documented = set(re.findall(r"`((?:DAYBOOK_\w+)|DATABASE_URL|GEMINI_API_KEY)`", README))
    known = set(Settings.variables().values())
    assert known <= documented
    assert documented - known <= {"TEST_DATABASE_URL"}


def test_compose_uses_settings_that_exist() -> None:
    import yaml  # noqa: PLC0415 - only here

    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    known = set(Settings.variables().values())
    assert set(compose["services"]) == {"app", "migrate", "database"}
    assert set(compose["services"]["app"]["environment"]) <= known
    asked_for = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))
    offered = set(re.findall(r"^(?:# )?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked_for <= offered
