"""EXPLAIN for a statement that was recorded, and for nothing else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.tracing.records import Statement

TIMEOUT = 5.0
"""Seconds that a statement may run for EXPLAIN ANALYZE."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as PostgreSQL prints it, and the same as a tree."""

    text: str
    tree: dict[str, Any]


class CannotExplain(Exception):
    """PostgreSQL, or what is known of the statement, does not allow it; the message says why."""


async def explain(engine: AsyncEngine, statement: Statement, *, analyze: bool = False) -> Plan:
    """Return the plan of a recorded statement; CannotExplain when there is none.

    Without `analyze` nothing is run, and the plan is the one that does not depend on the parameters. With it the
    statement runs, with the parameters it ran with, in a read-only transaction that is rolled back.
    """
    if analyze and statement.parameters is None:
        raise CannotExplain("ANALYZE needs the statement's parameters, and they are not kept (keep_parameters)")
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        transaction = driver.transaction(readonly=True)
        await transaction.start()
        try:
            await driver.execute(f"SET LOCAL statement_timeout = {int(TIMEOUT * 1000)}")
            if analyze:
                return await _plan(driver, statement.sql, "ANALYZE, BUFFERS", statement.parameters or ())
            return await _generic_plan(driver, statement.sql)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise CannotExplain(str(error)) from error
        finally:
            await transaction.rollback()
            await connection.invalidate()  # it may hold a prepared statement, which outlives the transaction


async def _generic_plan(driver: Any, sql: str) -> Plan:
    # EXPLAIN (GENERIC_PLAN) has to be given values in the protocol that asyncpg speaks, and folds them into the plan.
    # A prepared statement gives the same plan without. To prepare it first by the protocol, which takes a single
    # command only, is what keeps a second command out of the text below.
    count = len((await driver.prepare(sql)).get_parameters())
    await driver.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    await driver.execute(f"PREPARE traced AS {sql}")
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    return await _plan(driver, f"EXECUTE traced{values}", "COSTS", ())


async def _plan(driver: Any, sql: str, options: str, parameters: Sequence[Any]) -> Plan:
    lines = await driver.fetch(f"EXPLAIN ({options}) {sql}", *parameters)
    tree = await driver.fetchval(f"EXPLAIN ({options}, FORMAT JSON) {sql}", *parameters)
    # With SQLAlchemy's codec for json, or without.
    [plan] = json.loads(tree) if isinstance(tree, str | bytes) else tree
    return Plan("\n".join(line[0] for line in lines), plan)
