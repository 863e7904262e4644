"""Tracing is there in debug, and not a trace of it otherwise."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daybook.accounts.tokens import digest
from tests.fixtures.server import serve, settings_for, sign_up


@pytest.fixture(autouse=True)
def echo_as_before() -> Iterator[None]:
    """Debug makes the echo of the whole process readable; the tests after these want it as it was."""
    echo = logging.getLogger("sqlalchemy.engine.Engine")
    filters = echo.filters.copy()
    yield
    echo.filters[:] = filters


OFF = """
import sys
from pathlib import Path
from sqlalchemy.orm import Session
from daybook.database.pool import LeasingPool
from daybook.app import create_app
from daybook.database.engine import open_database
from daybook.settings import Settings

settings = Settings(_env_file=None, debug=False)
create_app(settings)
database = open_database("postgresql+asyncpg://127.0.0.1:9/nothing", settings)
assert not [name for name in sys.modules if name.startswith("daybook.tracing")]
assert type(database.engine.pool) is LeasingPool
assert not database.engine.sync_engine._has_events
assert database.write.class_.sync_session_class is Session
"""


def test_off_the_package_is_not_imported_and_nothing_listens() -> None:
    subprocess.run([sys.executable, "-c", OFF], check=True, timeout=30)


async def test_off_there_is_no_page(database_url: str, tmp_path: Path) -> None:
    async with serve(settings_for(database_url, tmp_path), tracing=None) as server, server.client() as client:
        answer = await client.get("/_debug/sql")
        assert answer.status_code == 404
        assert "server-timing" not in answer.headers


async def test_on_a_request_shows_its_statements(database_url: str, tmp_path: Path, empty_database: None) -> None:
    settings = settings_for(database_url, tmp_path, debug=True)
    async with serve(settings, tracing=None) as server, sign_up(server) as person:
        answer = await person.client.get("/api/log/food/today")
        assert "db;dur=" in answer.headers["server-timing"]
        trace = answer.headers["x-sql-trace"].split(";")[0].split("-")[-1]
        shown = (await person.client.get(f"/_debug/sql/{trace}.json")).json()
        assert shown["route"] == "/api/log/food/today"
        (statement,) = shown["statements"]
        assert "food_ingredients" in statement["sql"]
        assert "diary/router/food.py" in statement["site"]


async def test_the_page_answers_this_machine_only(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path, debug=True)
    async with serve(settings, tracing=None) as server, server.client() as client:
        assert (await client.get("/_debug/sql")).status_code == 200
        for header in ({"X-Forwarded-For": "203.0.113.7"}, {"Host": "daybook.example.com"}):
            assert (await client.get("/_debug/sql", headers=header)).status_code in {403, 404}


async def test_on_no_hash_of_a_password_or_token_is_shown(
    database_url: str, tmp_path: Path, empty_database: None, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(database_url, tmp_path, debug=True, log_level="INFO")
    async with serve(settings, tracing=None) as server, sign_up(server) as person:
        echo = logging.getLogger("sqlalchemy.engine.Engine")
        echo.addHandler(caplog.handler)  # the application has set up logging in its own way
        new = {"name": "x", "scopes": ["diary:read"], "currentPassword": person.password}
        answers = [
            await person.client.post("/api/users/token/refresh", json={"refreshToken": person.refresh_token}),
            created := await person.client.post("/api/users/me/tokens", json=new),
            await person.client.get("/api/log/food", headers={"Authorization": f"Bearer {created.json()['token']}"}),
            await person.client.patch(
                "/api/users/me", json={"password": "another horse", "currentPassword": person.password}
            ),
        ]
        assert all(answer.is_success for answer in answers)
        traces = [answer.headers["x-sql-trace"].split(";")[0].split("-")[-1] for answer in answers]
        pages = [(await person.client.get(f"/_debug/sql/{trace}.json")).text for trace in traces]
        echo.removeHandler(caplog.handler)
    hashes = [digest(person.refresh_token), digest(created.json()["token"])]
    for shown in (caplog.text, *pages):
        assert "argon2" not in shown
        assert not [hashed for hashed in hashes if repr(hashed)[2:-1] in shown]
    assert caplog.text.count("(secret)") >= 4
