"""Projections: a response schema, compiled once to the one statement that returns exactly that JSON.

    food_logs = Projection(
        FoodLogRead,
        FoodLog,
        where=[FoodLog.user_id == bindparam("user_id")],
        optional=[FoodLog.date >= bindparam("start"), FoodLog.date <= bindparam("end")],
        order_by=[FoodLog.date.desc(), FoodLog.id.desc()],
    )
    body = await food_logs.json(reader, user_id=7, start=monday)

The schema says what is loaded: a field is the mapped attribute of its name, or the one that its
`validation_alias=AliasPath("user", "user_key")` reaches through to-one relationships, which is also where
`from_attributes` finds it on an entity. A nested schema is a relationship, a list of them a to-many one.
PostgreSQL writes the JSON (docs/decisions/0001-projections.md says why), so that nothing is left to do here
but to pass its bytes on: no entities, no rows, and no validation of what the database guarantees already.

What cannot come out as the schema itself would write it is refused when the projection is made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import AliasPath, BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from sqlalchemy import (
    ARRAY,
    JSON,
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    func,
    inspect,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.orm import DeclarativeBase, RelationshipDirection, RelationshipProperty, aliased, join, outerjoin
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.util import ClauseAdapter, find_tables

from daybook.database.json_columns import WireError, json_column
from daybook.database.reader import Reader
from daybook.database.schema_fields import allows_none, nested_schema, wire_name

SchemaT = TypeVar("SchemaT", bound=BaseModel)
