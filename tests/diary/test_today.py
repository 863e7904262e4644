"""Which day it is, is decided where the person lives."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.fixtures.server import Server, sign_up

ZONES = ["Asia/Seoul", "America/Los_Angeles", "Pacific/Kiritimati"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("kind", ["food", "exercise"])
async def test_midnight_is_local(server: Server, zone: str, kind: str) -> None:
    day = date(2026, 11, 22)
    before_midnight = datetime.combine(day, time(23, 59), ZoneInfo(zone)).astimezone(UTC)
    after_midnight = datetime.combine(day + timedelta(days=1), time(0, 1), ZoneInfo(zone)).astimezone(UTC)
    body = {"exerciseType": "walk"} if kind == "exercise" else {}
    server.clock.fixed = before_midnight
    async with sign_up(server, timezone=zone) as person:
        late = (await person.client.post(f"/api/log/{kind}", json=body)).json()["id"]
        today = (await person.client.get(f"/api/log/{kind}/today")).json()
        assert [(log["id"], log["date"]) for log in today] == [(late, "2026-11-22")]

        server.clock.fixed = after_midnight
        assert (await person.client.get(f"/api/log/{kind}/today")).json() == []
        early = (await person.client.post(f"/api/log/{kind}", json=body)).json()["id"]
        today = (await person.client.get(f"/api/log/{kind}/today")).json()
        assert [(log["id"], log["date"]) for log in today] == [(early, "2026-11-23")]


async def test_moving_moves_the_day_at_once(server: Server) -> None:
    server.clock.fixed = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)  # the 23rd in Seoul
    async with sign_up(server, timezone="Asia/Seoul") as person:
        await person.client.post("/api/log/food", json={})
        assert len((await person.client.get("/api/log/food/today")).json()) == 1
        await person.client.patch("/api/users/me", json={"timezone": "America/Los_Angeles"})
        assert (await person.client.get("/api/log/food/today")).json() == []
