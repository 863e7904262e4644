"""The reads of a diary: response schemas over the tables, each compiled to one statement at import."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import BigInteger, ColumnElement, DateTime, Text, bindparam, exists, select

from daybook.accounts.models import User
from daybook.accounts.queries import local_day
from daybook.database.projection import Projection
from daybook.diary.models import Analysis, ExerciseLog, FoodLog
from daybook.diary.schemas import AnalysisRead, ExerciseLogRead, FoodLogRead
from daybook.tags.models import FoodLogTag, Tag

LogRead = TypeVar("LogRead", FoodLogRead, ExerciseLogRead)

USER_ID = bindparam("user_id", type_=BigInteger)


@dataclass(frozen=True, slots=True)
class LogProjections(Generic[LogRead]):
    """The reads of one kind of log. Each takes the owner as `user_id`."""

    by_id: Projection[LogRead]
    """The log `id`."""
    today: Projection[LogRead]
    """The logs of the owner's local date at the time `now`, by their ids, which is the order of logging."""
    between: Projection[LogRead]
    """The logs from the day `first` to the day `last`, both optional, the latest first; meals also by `tag_key`."""


def _log_projections(
    schema: type[LogRead], log: type[FoodLog | ExerciseLog], *criteria: ColumnElement[bool]
) -> LogProjections[LogRead]:
    now = bindparam("now", type_=DateTime(timezone=True))
    today = select(local_day(now)).where(User.id == USER_ID).scalar_subquery()
    return LogProjections(
        by_id=Projection(schema, log, where=[log.user_id == USER_ID, log.id == bindparam("id")]),
        today=Projection(schema, log, where=[log.user_id == USER_ID, log.date == today], order_by=[log.id]),
        between=Projection(
            schema,
            log,
            where=[log.user_id == USER_ID],
            optional=[log.date >= bindparam("first"), log.date <= bindparam("last"), *criteria],
            order_by=[log.date.desc(), log.id.desc()],
        ),
    )


HAS_TAG = (
    exists()
    .where(FoodLogTag.food_log_id == FoodLog.id, FoodLogTag.tag_id == Tag.id)
    .where(Tag.user_id == FoodLog.user_id, Tag.tag_key == bindparam("tag_key", type_=Text))
)
FOOD = _log_projections(FoodLogRead, FoodLog, HAS_TAG)
EXERCISE = _log_projections(ExerciseLogRead, ExerciseLog)
ANALYSES = Projection(AnalysisRead, Analysis, where=[Analysis.user_id == USER_ID], order_by=[Analysis.id.desc()])
"""The questions put to the model, the latest first."""
