"""The application in docs/tracing.md, as it stands there: it knows nothing of Daybook but its tracing."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import make_url

from tests.fixtures.database import fresh_database

DOCS = Path(__file__).parents[2] / "docs" / "tracing.md"

SERVE = """
import socket, sys
import app, uvicorn
foreign = [name for name in sys.modules if name.startswith("daybook.") and not name.startswith("daybook.tracing")]
traced = "daybook.tracing" in sys.modules
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen()
print(listener.getsockname()[1], traced, foreign, flush=True)
uvicorn.Server(uvicorn.Config(app.app)).run(sockets=[listener])
"""


def code_in_docs() -> str:
    """The one block of Python in the documentation."""
    [code] = re.findall(r"^```python\n(.*?)^```", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return str(code)


@pytest.fixture
async def database(server_url: str, worker_id: str) -> AsyncIterator[str]:
    """An empty database."""
    name = f"liftable_{worker_id}"
    context = fresh_database(server_url, name)
    url = await asyncio.to_thread(context.__enter__)
    yield make_url(url).render_as_string(hide_password=False)
    await asyncio.to_thread(context.__exit__, None, None, None)


@asynccontextmanager
async def running(directory: Path, environment: Mapping[str, str]) -> AsyncIterator[tuple[httpx2.AsyncClient, str]]:
    """Run it in a process of its own; yields a client, and whether it is traced and what of Daybook it loaded."""
    (directory / "app.py").write_text(code_in_docs(), "utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVE),
        cwd=directory,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    port, _, loaded = (await process.stdout.readline()).decode().strip().partition(" ")
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            yield client, loaded
    finally:
        process.terminate()
        await process.communicate()


async def add_authors(client: httpx2.AsyncClient) -> None:
    for name, titles in (("Han Kang", ["채식주의자", "소년이 온다"]), ("Le Guin", ["The Dispossessed"])):
        added = await client.post("/authors", params={"name": name}, json=titles)
        assert added.status_code == 201, added.text


async def test_another_application_sees_what_it_does(database: str, tmp_path: Path) -> None:
    async with running(tmp_path, {"DATABASE_URL": database, "DEBUG": "1"}) as (client, loaded):
        assert loaded == "True []"
        await add_authors(client)
        listed = await client.get("/authors")
        identifier = listed.headers["x-sql-trace"].partition(";")[0].partition("-")[2]
        [finding] = (await client.get(f"/_debug/sql/{identifier}.json")).json()["findings"]
        page = await client.get("/_debug/sql", headers={"Accept": "text/html"})
    assert listed.json() == {"Han Kang": ["채식주의자", "소년이 온다"], "Le Guin": ["The Dispossessed"]}
    assert listed.headers["x-sql-trace"].endswith(";q=3;n1=1;waste=0")
    shown = f"WARN {finding['kind']}: {finding['message']} at {finding['site']}\n        fix: {finding['fix']}\n"
    assert shown in DOCS.read_text("utf-8")
    assert page.text.startswith("<!doctype html>")


async def test_without_debug_it_has_nothing_of_it(database: str, tmp_path: Path) -> None:
    async with running(tmp_path, {"DATABASE_URL": database, "DEBUG": ""}) as (client, loaded):
        assert loaded == "False []"
        await add_authors(client)
        listed = await client.get("/authors")
        assert (await client.get("/_debug/sql")).status_code == 404
    assert listed.status_code == 200
    assert "x-sql-trace" not in listed.headers
