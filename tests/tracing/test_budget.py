"""The tests' side: counts, budgets, and the one for N+1 that guesses nothing."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import select, text

from daybook.tracing import BUDGET, assert_constant_queries, no_findings, sql_budget
from tests.tracing.conftest import Traced, serve
from tests.tracing.models import LAZY


def reader(traced: Traced) -> Callable[[int], Coroutine[Any, Any, None]]:
    """Reads some users, each with a statement of its own."""

    async def read(users: int) -> None:
        async with traced.sessions() as session:
            for user in await session.scalars(select(LAZY.user).limit(users)):
                await user.awaitable_attrs.contents

    return read


async def test_a_budget_lists_what_went_over_it(traced: Traced) -> None:
    async with sql_budget(max=3) as statements:
        await reader(traced)(2)
    assert len(statements) == 3
    with pytest.raises(
        AssertionError, match=r"3 statements, where 2 are allowed:\n  tests/tracing/test_budget.py:\d+ read"
    ):
        async with sql_budget(max=2):
            await reader(traced)(2)


async def test_a_budget_counts_the_requests_that_a_client_makes(traced: Traced) -> None:
    app = traced.app()
    app.get("/read/{users}")(reader(traced))
    async with serve(app) as client, sql_budget(max=3) as statements:
        await client.get("/read/2")
    assert len(statements) == 3


async def test_more_rows_must_not_mean_more_statements(traced: Traced) -> None:
    with pytest.raises(AssertionError, match="2 statements for the small one, 4 for the large"):
        await assert_constant_queries(reader(traced), 1, 3)

    async def read_all(users: int) -> None:
        async with traced.sessions() as session:
            await session.execute(select(LAZY.user).limit(users))

    await assert_constant_queries(read_all, 1, 3)


async def test_an_engine_without_recorder_is_not_taken_for_constant() -> None:
    async def nothing(_size: int) -> None:
        pass

    with pytest.raises(AssertionError, match="no statement was seen"):
        await assert_constant_queries(nothing, 1, 2)


async def test_a_route_is_held_to_the_budget_it_declares(traced: Traced) -> None:
    app = traced.app()

    @app.get("/one", openapi_extra={BUDGET: 1})
    async def one(more: bool = False) -> None:
        async with traced.sessions() as session:
            await session.execute(text("SELECT 1"))
            if more:
                await session.execute(text("SELECT 2"))

    async with serve(app) as client:
        with no_findings(traced.recorder):
            await client.get("/one")
        over = pytest.raises(AssertionError, match=r"GET /one: .* over-budget: 2 statements where 1 are declared")
        with over, no_findings(traced.recorder):
            await client.get("/one", params={"more": True})
