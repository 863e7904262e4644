"""The `daybook` command, as it is typed. (tests/test_wheel.py runs the installed one.)"""

import json
from pathlib import Path

import pytest

import daybook
from daybook.cli import main
from tests.fixtures.command import run_daybook


@pytest.mark.parametrize("command", [[], ["serve"], ["migrate"], ["openapi"], ["settings"]])
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(" ".join(["usage: daybook", *command]))


@pytest.mark.parametrize("arguments", [[], ["sing"], ["serve", "--port", "http"]])
def test_a_wrong_argument_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: daybook")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"daybook {daybook.__version__}\n"


def test_settings_are_printed_without_their_secrets(tmp_path: Path) -> None:
    done = run_daybook(
        tmp_path,
        "settings",
        DATABASE_URL="postgresql://daybook:hunter2@127.0.0.1/daybook",
        DAYBOOK_SECRET_KEY="q0VYy2fJ4rTn8sKd7mWb1xZc3vHg6pLe",
        DAYBOOK_CORS_ORIGINS="https://a.example, https://b.example/",
        DAYBOOK_OIDC_PROVIDERS='{"work": {"issuer": "https://id.example", "audiences": ["daybook"]}}',
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert printed["DATABASE_URL"] == "postgresql+asyncpg://daybook:***@127.0.0.1/daybook"
    assert printed["DAYBOOK_SECRET_KEY"] == "**********"
    assert printed["GEMINI_API_KEY"] == ""
    assert printed["DAYBOOK_CORS_ORIGINS"] == "https://a.example,https://b.example"
    assert json.loads(printed["DAYBOOK_OIDC_PROVIDERS"])["work"]["audiences"] == ["daybook"]
    assert (printed["DAYBOOK_DEBUG"], printed["DAYBOOK_PORT"], printed["# DAYBOOK_LOG_JSON"]) == ("false", "8000", "")


def test_what_is_printed_is_what_may_be_set(tmp_path: Path) -> None:
    first = run_daybook(tmp_path, "settings", DAYBOOK_POOL_SIZE="7", DAYBOOK_DEBUG="1")
    (tmp_path / ".env").write_text(first.stdout)
    assert run_daybook(tmp_path, "settings").stdout == first.stdout


def test_a_revision_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    done = run_daybook(tmp_path, "migrate", "--sql", "9999")
    assert done.returncode == 1
    assert "9999" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    done = run_daybook(tmp_path, "migrate", DATABASE_URL="postgresql://127.0.0.1:9/daybook")
    assert done.returncode == 1
    assert done.stderr.startswith("The database was not migrated: ")
    assert "Traceback" not in done.stderr


def test_the_document_needs_no_setting_of_production(tmp_path: Path) -> None:
    done = run_daybook(tmp_path, "openapi", DAYBOOK_ENVIRONMENT="production")
    assert json.loads(done.stdout)["info"]["title"] == "Daybook"
