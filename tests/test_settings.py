"""What settings accept, and what production refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = {
    "DAYBOOK_ENVIRONMENT": "production",
    "DATABASE_URL": "postgres://daybook:pw@127.0.0.1:9/daybook?sslmode=require",
    "DAYBOOK_SECRET_KEY": "q0VYy2fJ4rTn8sKd7mWb1xZc3vHg6pLe",
    "GEMINI_API_KEY": "a-key",
}


def start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Read the settings as a start does, in a process and a directory of its own."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("DAYBOOK_", "DATABASE", "GEMINI"))
    }
    code = (
        "import daybook.__main__ as main, uvicorn; uvicorn.run = lambda *_, **__: None; raise SystemExit(main.main())"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_starts_with_all_that_it_needs(tmp_path: Path) -> None:
    done = start(tmp_path, **GOOD)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"DAYBOOK_SECRET_KEY": ""}, "DAYBOOK_SECRET_KEY"),
        ({"DAYBOOK_SECRET_KEY": "short"}, "DAYBOOK_SECRET_KEY"),
        ({"DAYBOOK_SECRET_KEY": "change-me-change-me-change-me-change-me"}, "DAYBOOK_SECRET_KEY"),
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://x/y"}, "PostgreSQL"),
        ({"DATABASE_URL": "not a url"}, "DATABASE_URL"),
        ({"GEMINI_API_KEY": ""}, "GEMINI_API_KEY"),
        ({"DAYBOOK_DEBUG": "1"}, "DAYBOOK_DEBUG"),
        ({"DAYBOOK_POOLSIZE": "7"}, "DAYBOOK_POOLSIZE"),
        ({"DAYBOOK_POOL_SIZE": "many"}, "pool_size"),
        ({"DAYBOOK_LOG_LEVEL": "LOUD"}, "log_level"),
    ],
)
def test_production_refuses_with_a_sentence(tmp_path: Path, change: dict[str, str], told: str) -> None:
    done = start(tmp_path, **(GOOD | change))
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert GOOD["DAYBOOK_SECRET_KEY"] not in done.stderr


def test_production_may_do_without_a_model_when_told(tmp_path: Path) -> None:
    assert start(tmp_path, **(GOOD | {"GEMINI_API_KEY": "", "DAYBOOK_OFFLINE_ANALYZER": "1"})).returncode == 0


def test_development_needs_nothing(tmp_path: Path) -> None:
    assert start(tmp_path, DAYBOOK_UNKNOWN="x").returncode == 0
