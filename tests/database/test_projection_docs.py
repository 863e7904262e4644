"""The examples of docs/projections.md run, one after the other, as they stand there."""

import ast
import inspect
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import AliasPath, Field
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Mapped, registry

from daybook.accounts.models import User
from daybook.database.compiled import CompiledStatement
from daybook.database.executor import SessionExecutor
from daybook.diary.enums import IngredientColor, MealType
from daybook.diary.errors import LogNotFound
from daybook.diary.models import FoodIngredient, FoodLog
from daybook.web.schema import Moment, Schema

DOCS = (Path(__file__).parents[2] / "docs" / "projections.md").read_text()


@pytest.mark.usefixtures("empty_database")
async def test_the_examples_run(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        user = User(user_key="mina", username="Mina", timezone="UTC")
        session.add(user)
        await session.flush()
        logs = [
            FoodLog(
                user_id=user.id,
                date=date(2026, 11, 20 + day),
                estimated_calories=500,
                ingredients=[FoodIngredient(position=0, name="김치", color=IngredientColor.RED)],
            )
            for day in range(3)
        ]
        session.add_all(logs)
        await session.flush()
        executor = SessionExecutor(session)
        names: dict[str, Any] = {
            **{name: getattr(sa, name) for name in ("bindparam", "func", "select", "update")},
            "Annotated": Annotated,
            "AliasPath": AliasPath,
            "Field": Field,
            "Mapped": Mapped,
            "UUID": UUID,
            "Schema": Schema,
            "Moment": Moment,
            "MealType": MealType,
            "IngredientColor": IngredientColor,
            "FoodLog": FoodLog,
            "LogNotFound": LogNotFound,
            "CompiledStatement": CompiledStatement,
            "Base": registry().generate_base(),
            "date": date,
            "session": session,
            "reader": executor,
            "database": type("Database", (), {"writer": executor}),
            "user_id": user.id,
            "id": logs[0].id,
            "monday": date(2026, 11, 16),
            "cursor": None,
            "__name__": __name__,
        }
        for example in re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL):
            code = compile(example, "docs/projections.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            outcome = eval(code, names)
            if inspect.iscoroutine(outcome):
                await outcome
    assert names["changed"].note == "shared"
    assert names["second"] == names["again"]
    assert b'"meals":1' in names["totals"].items
    assert names["renamed_id"] == logs[0].id
