"""Projections: a response schema, compiled once to the one statement that returns exactly that JSON.

    food_logs = Projection(
        FoodLogRead,
        FoodLog,
        where=[FoodLog.user_id == bindparam("user_id")],
        optional=[FoodLog.date >= bindparam("start"), FoodLog.date <= bindparam("end")],
        order_by=[FoodLog.date.desc(), FoodLog.id.desc()],
    )
    body = await food_logs.json(reader, user_id=7, start=monday)

PostgreSQL writes the JSON (docs/decisions/0001-projections.md says why), so that nothing is left to do here but
to pass its bytes on: no entities, no rows, and no validation of what the database guarantees already.
docs/projections.md shows how to write one.
"""

from daybook.database.projection.cursor import KeysetPage, decode_cursor, encode_cursor
from daybook.database.projection.json_columns import ProjectionError
from daybook.database.projection.projection import Projection
from daybook.database.projection.schema_checks import Stored

__all__ = ["KeysetPage", "Projection", "ProjectionError", "Stored", "decode_cursor", "encode_cursor"]
