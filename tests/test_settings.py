"""What settings accept, and what production refuses."""

from pathlib import Path

import pytest

from tests.fixtures.command import run_daybook

GOOD = {
    "DAYBOOK_ENVIRONMENT": "production",
    "DATABASE_URL": "postgres://daybook:pw@127.0.0.1:9/daybook?sslmode=require",
    "DAYBOOK_SECRET_KEY": "q0VYy2fJ4rTn8sKd7mWb1xZc3vHg6pLe",
    "GEMINI_API_KEY": "a-key",
}


def test_production_starts_with_all_that_it_needs(tmp_path: Path) -> None:
    done = run_daybook(tmp_path, "settings", **GOOD)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("change", "named"),
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
        ({"DAYBOOK_POOL_SIZE": "many"}, "DAYBOOK_POOL_SIZE"),
        ({"DAYBOOK_LOG_LEVEL": "LOUD"}, "DAYBOOK_LOG_LEVEL"),
    ],
)
def test_production_refuses_with_a_sentence(tmp_path: Path, change: dict[str, str], named: str) -> None:
    done = run_daybook(tmp_path, "serve", **(GOOD | change))
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert GOOD["DAYBOOK_SECRET_KEY"] not in done.stderr


def test_production_may_do_without_a_model_when_asked_to(tmp_path: Path) -> None:
    change = {"GEMINI_API_KEY": "", "DAYBOOK_OFFLINE_ANALYZER": "1"}
    assert run_daybook(tmp_path, "settings", **(GOOD | change)).returncode == 0


def test_development_needs_nothing(tmp_path: Path) -> None:
    assert run_daybook(tmp_path, "settings", DAYBOOK_UNKNOWN="x").returncode == 0
