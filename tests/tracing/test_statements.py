"""What is known of one statement: where it came from, what kind it is, how it is echoed."""

import logging
import time
from pathlib import Path
from typing import ClassVar

import asyncpg
import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import joinedload

from daybook.tracing import Recorder, make_echo_readable
from daybook.tracing.callsite import Call, CallSites
from daybook.tracing.cascade import mapping_joins, walk_mapping
from daybook.tracing.fingerprint import name_of, shape_of_text
from daybook.tracing.text import ECHO_LOGGER, ReadableEcho
from tests.tracing.conftest import Traced
from tests.tracing.models import JOINED, MENDED


async def test_a_statement_run_on_the_driver_is_recorded_and_echoed_like_any_other(
    seeded_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    traced = Traced(seeded_url, options={"echo": True})
    with traced.recorder.trace("projection") as trace:
        async with traced.engine.connect() as connection:
            pooled = await connection.get_raw_connection()
            driver = pooled.driver_connection
            assert driver is not None
            sql = "SELECT id FROM contents WHERE user_id = $1"
            with traced.recorder.driver_statement(sql, [1], connection=pooled) as statement:
                statement.rows = len(await driver.fetch(sql, 1))
            with pytest.raises(ZeroDivisionError), traced.recorder.driver_statement("SELECT 2", connection=pooled):
                raise ZeroDivisionError
    await traced.engine.dispose()
    first, second = trace.statements
    assert (first.rows, first.hold, first.shape.name) == (5, trace.holds[0], "SELECT contents")
    assert trace.holds[0].sql >= first.seconds > 0
    assert second.error == "ZeroDivisionError"
    echoed = [record.getMessage() for record in caplog.records if record.name == ECHO_LOGGER]
    assert f"[{trace.id}] {sql}" in echoed
    assert f"[{trace.id}] [driver sql] (1,)" in echoed


async def test_a_statement_that_fails_is_told_by_the_drivers_error(traced: Traced) -> None:
    with traced.recorder.trace("fails") as trace:
        async with traced.sessions() as session:
            with pytest.raises(DBAPIError):
                await session.execute(text("SELECT 1/0"))
    [statement] = trace.statements
    assert statement.error == "DivisionByZeroError"
    assert trace.errors == 1
    assert [what for _, _, what in trace.marks] == ["ROLLBACK"]


async def test_what_fails_only_as_its_rows_are_fetched_counts_as_a_failure(traced: Traced) -> None:
    with traced.recorder.trace("streams") as trace:
        async with traced.sessions() as session:
            rows = await session.stream(text("SELECT 1 / (500 - n) FROM generate_series(1, 1000) n"))
            with pytest.raises(asyncpg.DivisionByZeroError):  # SQLAlchemy lets it through as it is
                await rows.all()
    assert [statement.error for statement in trace.statements] == [None]
    assert trace.errors == 1


async def test_the_time_that_echo_takes_is_not_the_databases(seeded_url: str) -> None:
    class SlowTerminal(logging.Handler):
        shown: ClassVar[list[str]] = []

        def emit(self, record: logging.LogRecord) -> None:
            self.shown.append(record.getMessage())
            time.sleep(0.2)

    traced = Traced(seeded_url, options={"echo": True})
    terminal = SlowTerminal()
    logging.getLogger(ECHO_LOGGER).addHandler(terminal)
    try:
        trace = await traced.run(lambda session: session.execute(text("SELECT 1")))
    finally:
        logging.getLogger(ECHO_LOGGER).removeHandler(terminal)
    await traced.engine.dispose()
    assert f"[{trace.id}] SELECT 1" in terminal.shown
    assert trace.count == 1
    assert trace.db < 0.2 < trace.seconds


async def test_a_statement_may_be_begun_and_ended_by_hand(traced: Traced) -> None:
    with traced.recorder.trace("reader") as trace:
        async with traced.engine.connect() as connection:
            pooled = await connection.get_raw_connection()
            first = traced.recorder.begin("SELECT 1", [], pooled)
            assert (trace.count, first.ended, first.hold) == (1, 0, trace.holds[0])
            traced.recorder.end(first, rows=3)
            second = traced.recorder.begin("SELECT 2", [[1, 2]], pooled)
            traced.recorder.end(second, error=ZeroDivisionError())
    assert trace.statements == [first, second]
    assert (first.rows, first.error) == (3, None)
    assert (second.rows, second.error) == (0, "ZeroDivisionError")
    assert trace.db == trace.db_wall == first.seconds + second.seconds > 0
    assert trace.holds[0].sql == trace.db


def test_echo_is_indented_cut_and_in_color() -> None:
    def shown(message: str, *, color: bool) -> str:
        record = logging.LogRecord("x", logging.INFO, "", 0, message, (), None)
        ReadableEcho(color=color).filter(record)
        return record.getMessage()

    assert shown("[a1b2] SELECT a\nFROM b", color=False) == "[a1b2] SELECT a\n    FROM b"
    assert shown("[a1b2] SELECT a", color=True) == "\x1b[2m[a1b2] \x1b[0m\x1b[1mSELECT\x1b[0m a"
    assert len(shown(f"[a1b2] [cached since 2s ago] {'x' * 5000}", color=False)) < 400
    assert shown("BEGIN (implicit)", color=False) == "BEGIN (implicit)"


def test_echo_is_made_readable_once() -> None:
    echoing = logging.getLogger(ECHO_LOGGER)
    make_echo_readable(color=False)
    make_echo_readable(color=False)
    [readable] = [one for one in echoing.filters if isinstance(one, ReadableEcho)]
    echoing.removeFilter(readable)


async def test_infrastructure_is_never_the_place_a_statement_comes_from(seeded_url: str) -> None:
    here = Recorder(infrastructure=[Path(__file__).parent])
    traced = Traced(seeded_url, recorder=here)
    trace = await traced.run(lambda session: session.execute(select(MENDED.user)))
    await traced.engine.dispose()
    assert trace.statements[0].call.site is None or "tracing" not in trace.statements[0].call.site.file


def test_the_same_helper_called_from_two_lines_makes_two_stacks() -> None:
    sites = CallSites()

    def helper() -> Call:
        return sites.find()

    assert helper() is not helper()
    assert len({helper() for _ in range(3)}) == 1


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT a FROM users WHERE id = 1", "SELECT users"),
        ("WITH x AS (SELECT 1) INSERT INTO logs SELECT * FROM x", "INSERT logs"),
        ("UPDATE tags SET name = (SELECT 1 FROM other)", "UPDATE tags"),
        ('DELETE FROM "a b" WHERE true', 'DELETE "a'),
        ("SELECT 1", "SELECT"),
        ("", "SQL"),
    ],
)
def test_a_statement_is_named_by_its_verb_and_table(sql: str, name: str) -> None:
    assert name_of(sql) == name


def test_values_written_into_sql_are_not_part_of_its_fingerprint() -> None:
    one = shape_of_text("SELECT * FROM t1 WHERE a = 'it''s' AND b IN ($1, $2) -- 7")
    other = shape_of_text("SELECT * FROM t1 WHERE a = 'x' AND b IN ($1, $2, $3) -- 9")
    assert one.fingerprint == other.fingerprint == "SELECT * FROM t1 WHERE a = ? AND b IN (?) "


def test_sqlalchemy_still_notes_which_joins_the_mapping_made() -> None:
    """Pins the private names that cascade.py reads."""
    compiled = select(JOINED.content).options(joinedload(JOINED.content.user)).compile(dialect=PGDialect())  # type: ignore[no-untyped-call]  # it has no types
    attributes = compiled.compile_state.attributes  # type: ignore[union-attr]  # what is pinned
    path = JOINED.content.__mapper__._path_registry[JOINED.content.user.property].natural_path
    assert ("eager_row_processor", path) in attributes
    assert ("loader", path) in attributes
    found = mapping_joins(compiled)
    assert found is not None
    assert found.paths == ("Content.comments", "Content.tags", "Content.user.contents")
    assert "joinedload(Content.user).lazyload(User.contents)" in found.fix


def test_without_those_names_the_mapping_is_walked() -> None:
    walked = {".".join(step.key for step in path) for path in walk_mapping(JOINED.content.__mapper__)}
    assert {"user", "tags", "comments", "user.contents"} <= walked
    assert list(walk_mapping(MENDED.content.__mapper__)) == []
