"""Every table of Daybook: importing this fills the metadata that Alembic and the tests work with."""

import daybook.accounts.models
import daybook.diary.models  # noqa: F401 - imported for its tables
from daybook.database.base import Base

__all__ = ["metadata"]

metadata = Base.metadata
