"""What the routes of meals and of exercise have in common."""

from typing import Annotated

from pydantic import Field

from daybook.diary.schemas import OwnUserKey
from daybook.web.page import PageQuery
from daybook.web.schema import Day

REPEATED = "A log with this id and these values exists already; it is returned."
"""What 200 says in answer to a request that would create a log."""


class DaysQuery(PageQuery):
    """Which days of a list to return, and which part of them."""

    first: Annotated[Day | None, Field(alias="from", description="The first day.")] = None
    last: Annotated[Day | None, Field(alias="to", description="The last day, inclusive.")] = None


class TodayQuery(PageQuery):
    """Which part of today's logs to return."""

    user_key: OwnUserKey | None = None
