"""The JSON and the page: only for this machine, only what was recorded, and nothing from elsewhere."""

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from starlette.testclient import TestClient

from daybook.tracing import Recorder
from tests.tracing.conftest import Traced, serve
from tests.tracing.models import MENDED

PAGE = "/_debug/sql"


def reading_app(traced: Traced) -> FastAPI:
    """Reads users, deletes tags."""
    app = traced.app()

    @app.get("/users/{number}")
    async def users(number: int) -> None:
        async with traced.sessions() as session:
            await session.execute(select(MENDED.user).where(MENDED.user.id == number, MENDED.user.name != "a"))

    @app.delete("/tags")
    async def tags() -> None:
        async with traced.sessions() as session:
            await session.execute(text("DELETE FROM tags"))

    return app


async def test_the_json_tells_where_the_time_went(traced: Traced) -> None:
    async with serve(reading_app(traced)) as client:
        await client.get("/users/1")
        overview = (await client.get(PAGE)).json()
        [request] = overview["requests"]
        trace = (await client.get(f"{PAGE}/{request['id']}.json")).json()
        assert (await client.get(f"{PAGE}/none.json")).status_code == 404
    [route] = overview["routes"]
    assert (route["method"], route["route"], route["findings"]) == ("GET", "/users/{number}", [])
    assert (trace["route"], trace["status"], trace["pid"]) == ("/users/{number}", 200, overview["pid"])
    assert set(trace["ms"]) >= {"total", "db", "pool", "orm", "blocked", "held"}
    [statement] = trace["statements"]
    assert statement["site"].startswith("tests/tracing/test_page.py:")
    assert (statement["rows"], statement["columns"], statement["lane"]) == (1, 2, 0)
    assert statement["parameters"] is None
    assert len(trace["holds"]) == 1


async def test_only_what_was_recorded_is_explained_and_nothing_is_run_for_it(traced: Traced) -> None:
    async with serve(reading_app(traced)) as client:
        await client.get("/users/1")
        explain = f"{PAGE}/{traced.last().id}/1/explain"
        plan = await client.post(explain)
        assert "SELECT" not in plan.text
        assert plan.json()["tree"]["Plan"]["Node Type"]
        assert "(id = $1)" in plan.json()["text"]
        assert (await client.post(f"{PAGE}/{traced.last().id}/2/explain")).status_code == 404
        assert (await client.post(f"{PAGE}/other/1/explain")).status_code == 404
        refused = await client.post(f"{explain}?analyze")
    assert (refused.status_code, refused.json()["detail"][:15]) == (409, "ANALYZE needs t")


async def test_the_plan_of_a_write_writes_nothing(traced: Traced) -> None:
    async with serve(reading_app(traced)) as client:
        await client.delete("/tags")
        plan = await client.post(f"{PAGE}/{traced.last().id}/1/explain")
    assert plan.json()["text"].startswith("Delete on tags")
    async with traced.sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM tags"))


async def test_analyze_runs_it_again_but_cannot_write(seeded_url: str) -> None:
    traced = Traced(seeded_url, recorder=Recorder(keep_parameters=True))
    async with serve(reading_app(traced)) as client:
        await client.get("/users/1")
        plan = await client.post(f"{PAGE}/{traced.last().id}/1/explain?analyze")
        assert "actual time" in plan.json()["text"]
        await client.delete("/tags")
        refused = await client.post(f"{PAGE}/{traced.last().id}/1/explain?analyze")
        assert refused.json() == {"detail": "cannot execute DELETE in a read-only transaction"}
    async with traced.sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM tags"))
    await traced.engine.dispose()


async def test_a_second_command_does_not_reach_explain(traced: Traced) -> None:
    app = traced.app()

    @app.get("/")
    async def script() -> None:
        smuggled = "SELECT 1; COMMIT; DELETE FROM tags"
        with traced.recorder.driver_statement(smuggled):
            pass

    async with serve(app) as client:
        await client.get("/")
        refused = await client.post(f"{PAGE}/{traced.last().id}/1/explain")
    assert refused.json() == {"detail": "cannot insert multiple commands into a prepared statement"}


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        (("127.0.0.1", 1), {"host": "localhost:8000"}, 200),
        (("::1", 1), {"host": "[::1]:8000"}, 200),
        (("192.0.2.7", 1), {"host": "localhost"}, 403),
        (("127.0.0.1", 1), {"host": "evil.example"}, 403),
        (("127.0.0.1", 1), {"host": "localhost", "x-forwarded-for": "192.0.2.7"}, 403),
        (("127.0.0.1", 1), {"host": "localhost", "sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_only_this_machine_is_answered(client: tuple[str, int], headers: dict[str, str], status: int) -> None:
    traced = Traced("postgresql+asyncpg://nobody@localhost/none")
    with TestClient(traced.app(), client=client) as browser:
        for method, path in (
            ("GET", PAGE),
            ("GET", f"{PAGE}.json"),
            ("GET", f"{PAGE}/x"),
            ("POST", f"{PAGE}/x/1/explain"),
        ):
            answer = browser.request(method, path, headers=headers)
            assert (answer.status_code == 403) == (status == 403)


async def test_the_page_is_one_document_that_loads_nothing(traced: Traced) -> None:
    async with serve(traced.app()) as client:
        answer = await client.get(PAGE, headers={"accept": "text/html"})
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in answer.text
    assert "innerHTML" not in answer.text
