"""Statements compiled once: their arguments, and that they run by themselves or in a transaction."""

import pytest
from sqlalchemy import BigInteger, Date, Text, bindparam, func, insert, literal, select
from sqlalchemy.ext.asyncio import async_sessionmaker

from daybook.accounts.models import User
from daybook.database.compiled import CompiledStatement, StatementError
from daybook.database.executor import SessionExecutor
from daybook.database.failures import CONSTRAINT_VIOLATIONS, constraint_of
from tests.fixtures.executors import executor_on, leasing_engine

NUMBER = bindparam("number", type_=BigInteger)
SAY = CompiledStatement("SAY", select(NUMBER + NUMBER, bindparam("day", type_=Date), literal("kept", Text)))
NEW = insert(User).values(user_key=bindparam("user_key"), username="x", timezone="UTC")
MADE = NEW.returning(User.user_key).cte("made")
MAKE = CompiledStatement("MAKE", select(MADE.c.user_key))
COUNT = CompiledStatement("COUNT", select(func.count()).select_from(User))


def test_arguments_are_in_the_order_of_the_placeholders() -> None:
    assert SAY.names == {"number", "day"}
    assert SAY.arguments({"day": None, "number": 7, "unused": 1}) == [7, None, "kept"]


def test_a_parameter_that_is_not_given() -> None:
    with pytest.raises(StatementError, match="SAY is missing its parameter 'day'"):
        SAY.arguments({"number": 7})


@pytest.mark.usefixtures("empty_database")
async def test_by_itself_and_in_a_transaction(database_url: str) -> None:
    engine = leasing_engine(database_url)
    writer = executor_on(engine, repeats_lost=False)
    assert await MAKE.fetch(writer, {"user_key": "kept"}) == [("kept",)]
    session_factory = async_sessionmaker(engine)
    async with session_factory() as session:
        assert await MAKE.fetch(SessionExecutor(session), {"user_key": "rolled back"}) == [("rolled back",)]
        assert await COUNT.fetch(SessionExecutor(session), {}) == [(2,)]
        assert await COUNT.fetch(writer, {}) == [(1,)]
    assert await COUNT.fetch(writer, {}) == [(1,)]
    async with session_factory() as session:
        for runner in (writer, SessionExecutor(session)):
            with pytest.raises(CONSTRAINT_VIOLATIONS) as refused:
                await MAKE.fetch(runner, {"user_key": "kept"})
            assert constraint_of(refused.value) == "uq_users_user_key"
    await engine.dispose()
