"""Statements compiled once: declared with SQLAlchemy, run as SQL with its arguments.

For a statement that every request runs, what SQLAlchemy does each time (a cache key of the whole expression, a compiled
statement looked up, its parameters by name) costs more than sending it. Here it is done once, at import.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Select
from sqlalchemy.dialects.postgresql import asyncpg

from daybook.database.executor import Executor

DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types there


class StatementError(TypeError):
    """A statement cannot be compiled once, or is run without one of its parameters; the message says which."""


class CompiledStatement:
    """A statement as the driver runs it. `name` is what errors call it."""

    def __init__(self, name: str, statement: Select[*tuple[Any, ...]]) -> None:
        """Compile; StatementError for an IN list."""
        self.name = name
        compiled = statement.compile(dialect=DIALECT)
        self.sql = str(compiled)
        self._parameters = [_Parameter.of(key, compiled.binds[key]) for key in compiled.positiontup or ()]
        self.names = frozenset(one.name for one in self._parameters if one.required)

    def arguments(self, given: Mapping[str, object]) -> list[object]:
        """Return the values of the placeholders, in their order; StatementError when one is not given."""
        try:
            return [one.take(given) for one in self._parameters]
        except KeyError as missing:
            raise StatementError(f"{self.name} is missing its parameter {missing}") from None

    async def fetch(self, executor: Executor, given: Mapping[str, object]) -> list[Any]:
        """Return the rows; StatementError when a parameter is not given."""
        return await executor.fetch(self.sql, self.arguments(given))


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    required: bool
    value: object
    """What a literal in the statement stands for."""
    process: Callable[[Any], Any] | None

    @classmethod
    def of(cls, name: str, bind: BindParameter[Any]) -> "_Parameter":
        if bind.expanding:
            raise StatementError(
                f"The parameter {name!r} is an IN list, whose statement depends on its length. "
                "Write column == any_(bindparam(..., type_=ARRAY(...)))."
            )
        return cls(name, bind.required, bind.value, bind.type.dialect_impl(DIALECT).bind_processor(DIALECT))

    def take(self, given: Mapping[str, object]) -> object:
        value = given[self.name] if self.required else self.value
        return self.process(value) if self.process else value
